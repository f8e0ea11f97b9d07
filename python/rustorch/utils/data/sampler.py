"""PyTorch's path to the samplers: see :mod:`rustorch.data`."""

from rustorch.data.sampler import *  # noqa: F401,F403

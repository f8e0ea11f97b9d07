"""PyTorch's path to the data sets: see :mod:`rustorch.data`."""

from rustorch.data.dataset import *  # noqa: F401,F403

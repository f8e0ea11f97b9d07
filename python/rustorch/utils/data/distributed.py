"""PyTorch's path to the sampler of ranks: see :mod:`rustorch.data`."""

from rustorch.data.sampler import DistributedSampler  # noqa: F401

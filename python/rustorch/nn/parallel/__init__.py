"""Modules that train on several processes."""

from rustorch.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DistributedDataParallel"]

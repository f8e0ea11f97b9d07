"""Modules that train on several processes, and one that stays on the device there is."""

from rustorch.nn.parallel.data_parallel import DataParallel, data_parallel
from rustorch.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]

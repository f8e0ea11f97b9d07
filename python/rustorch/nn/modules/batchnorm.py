"""Batch normalisation, under PyTorch's name for the file: see :mod:`rustorch.nn.modules.norm`."""

from rustorch.nn.modules.lazy import LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d
from rustorch.nn.modules.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm, _NormBase
from rustorch.nn.modules.sync_norm import SyncBatchNorm

__all__ = [
    "BatchNorm1d", "LazyBatchNorm1d", "BatchNorm2d", "LazyBatchNorm2d", "BatchNorm3d", "LazyBatchNorm3d", "SyncBatchNorm",
    "_BatchNorm", "_NormBase",
]  # fmt: skip

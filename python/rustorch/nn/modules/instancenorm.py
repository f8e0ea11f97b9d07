"""Instance normalisation, under PyTorch's name for the file: see :mod:`rustorch.nn.modules.norm`."""

from rustorch.nn.modules.lazy import LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d
from rustorch.nn.modules.norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, _InstanceNorm

__all__ = [
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d",
    "_InstanceNorm",
]  # fmt: skip

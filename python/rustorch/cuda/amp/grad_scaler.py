"""PyTorch's path to GradScaler: see :mod:`rustorch.cuda.amp`."""

from rustorch.cuda.amp import GradScaler

__all__ = ["GradScaler"]

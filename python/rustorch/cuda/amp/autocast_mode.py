"""PyTorch's path to autocast: see :mod:`rustorch.cuda.amp`."""

from rustorch.cuda.amp import autocast, custom_bwd, custom_fwd

__all__ = ["autocast", "custom_bwd", "custom_fwd"]

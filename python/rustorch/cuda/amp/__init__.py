"""Mixed precision under its older name: :mod:`rustorch.amp` with the device type "cuda"."""

from __future__ import annotations

from typing import Any, Callable, Optional

from rustorch import _C
from rustorch import amp as _amp
from rustorch.amp import _older

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(_older.autocast):
    """``rustorch.amp.autocast("cuda", …)``: without a GPU it warns and does nothing.

    Examples
    --------
    >>> with rustorch.cuda.amp.autocast(enabled=rustorch.cuda.is_available()):
    ...     y = rustorch.ones(2, 2) @ rustorch.ones(2, 2)
    >>> y.dtype
    rustorch.float32
    """

    _of_device = "cuda"


class GradScaler(_older.GradScaler):
    """``rustorch.amp.GradScaler("cuda", …)``: without a GPU it warns and scales nothing.

    Examples
    --------
    >>> scaler = rustorch.cuda.amp.GradScaler(enabled=rustorch.cuda.is_available())
    >>> scaler.scale(rustorch.tensor(3.0))
    tensor(3.)
    """

    _of_device = "cuda"


def custom_fwd(fwd: Optional[Callable[..., Any]] = None, *, cast_inputs: Optional[_C.dtype] = None) -> Any:
    """Decorate ``forward`` of an autograd.Function: ``rustorch.amp.custom_fwd(device_type="cuda", …)``.

    Examples
    --------
    >>> from rustorch.cuda.amp import custom_bwd, custom_fwd
    >>> class Double(rustorch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(cast_inputs=rustorch.float32)
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @custom_bwd
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> Double.apply(rustorch.ones(1))
    tensor([2.])
    """
    return _amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate ``backward`` of an autograd.Function: ``rustorch.amp.custom_bwd(device_type="cuda")``.

    Examples
    --------
    >>> @rustorch.cuda.amp.custom_bwd
    ... def backward(ctx, g):
    ...     return g * 2
    >>> backward.__name__
    'backward'
    """
    return _amp.custom_bwd(bwd, device_type="cuda")

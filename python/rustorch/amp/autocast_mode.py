"""Where operations choose their precision by themselves."""

from __future__ import annotations

import functools
import warnings
from _thread import _local  # threading.local, without importing threading
from typing import Any, Callable, List, Optional

import rustorch
from rustorch import _C
from rustorch._C import ArgumentTypeError, RusTorchError

__all__ = [
    "autocast", "custom_bwd", "custom_fwd", "get_autocast_dtype", "is_autocast_available", "is_autocast_cache_enabled",
    "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_dtype", "set_autocast_enabled",
]  # fmt: skip

_DEVICES = ("cpu", "cuda", "xpu", "mps", "hpu", "mtia", "maia")
_depth = _local()  # value: how many contexts this thread is in


def _check_device(device_type: str, name: str) -> str:
    if not isinstance(device_type, str):
        raise ArgumentTypeError(f"{name}: device_type must be a str such as 'cpu', not {type(device_type).__name__}")
    kind = device_type.split(":")[0]
    if kind not in _DEVICES:
        raise RusTorchError(f"{name}: there is no device type {device_type!r}; it is one of {', '.join(_DEVICES)}")
    return kind


def is_autocast_available(device_type: str) -> bool:
    """Can operations on this kind of device be cast?

    >>> import rustorch as torch
    >>> torch.amp.is_autocast_available("cpu")
    True
    """
    kind = _check_device(device_type, "is_autocast_available")
    return kind == "cpu" or (kind == "cuda" and rustorch.cuda.is_available())


class autocast:
    """A context, and a decorator, in which matrix products run in a low precision.

    Products, convolutions and attention are computed in ``dtype`` and return it; losses and products of many factors in
    float32; everything else in the dtype it is given. Weights are cast once until the outermost context is left. The
    gradients of float32 parameters are float32. Call ``backward`` outside.

    Parameters
    ----------
    device_type : str
        "cpu"; for a device that is not there the context warns and does nothing.
    dtype : rustorch.dtype, default bfloat16 on the CPU
        bfloat16, with the range of float32 and 8 bits of precision; or float16, which wants a :class:`GradScaler`.
    enabled : bool, default True
        False switches casting off inside, for a part that needs its precision.
    cache_enabled : bool, default True
        Keep the casts of weights.

    Raises
    ------
    RuntimeError
        For a device type that does not exist.

    Source: Micikevicius et al., Mixed Precision Training, ICLR 2018.

    Example
    -------
    >>> import rustorch as torch
    >>> linear = torch.nn.Linear(4, 2)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     y = linear(torch.ones(3, 4))
    >>> y.dtype, y.float().sum().backward(), linear.weight.grad.dtype
    (rustorch.bfloat16, None, rustorch.float32)
    """

    def __init__(
        self,
        device_type: str,
        dtype: Optional[rustorch.dtype] = None,
        enabled: bool = True,
        cache_enabled: Optional[bool] = None,
    ):
        self.device = _check_device(device_type, "autocast")
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else bool(cache_enabled)
        if enabled and not is_autocast_available(self.device):
            warnings.warn(f"autocast: device type {self.device!r} is not available here; nothing is cast", stacklevel=2)
            enabled = False
        if enabled and self.fast_dtype not in (rustorch.bfloat16, rustorch.float16):
            warnings.warn(
                f"autocast: {self.fast_dtype} is no low precision; nothing is cast. Use bfloat16 or float16", stacklevel=2
            )
            enabled = False
        self._enabled = bool(enabled)
        self._acts = self.device == "cpu" or is_autocast_available(self.device)
        self._before: List[Any] = []

    def __enter__(self):
        before = _C._autocast()
        self._before.append(before)
        _depth.value = getattr(_depth, "value", 0) + 1
        if self._acts:
            low = self.fast_dtype if self._enabled else before[1]
            _C._autocast_set(self._enabled, low, self._cache_enabled, False)
        return self

    def __exit__(self, *error):
        _depth.value -= 1
        _C._autocast_set(*self._before.pop(), _depth.value == 0)
        return False

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return wrapper


def is_autocast_enabled(device_type: Optional[str] = None) -> bool:
    """Is casting on, in this thread?

    >>> rustorch.is_autocast_enabled("cpu")
    False
    """
    kind = _check_device(device_type or "cpu", "is_autocast_enabled")
    return _C._autocast()[0] and is_autocast_available(kind)


def set_autocast_enabled(device_type, enabled: Optional[bool] = None) -> None:
    """Turn casting on or off in this thread; :class:`autocast` puts things back by itself.

    >>> rustorch.set_autocast_enabled("cpu", True)
    >>> rustorch.is_autocast_enabled("cpu")
    True
    >>> rustorch.set_autocast_enabled("cpu", False)
    """
    if enabled is None:
        device_type, enabled = "cpu", device_type
    if enabled and not is_autocast_available(device_type):
        raise RusTorchError(f"set_autocast_enabled: device type {device_type!r} is not available here")
    _, low, cache = _C._autocast()
    _C._autocast_set(bool(enabled), low, cache, False)


def get_autocast_dtype(device_type: str) -> rustorch.dtype:
    """The low precision of a kind of device: bfloat16 on the CPU, float16 elsewhere, unless set otherwise.

    >>> rustorch.get_autocast_dtype("cpu")
    rustorch.bfloat16
    """
    return _C._autocast()[1] if _check_device(device_type, "get_autocast_dtype") == "cpu" else rustorch.float16


def set_autocast_dtype(device_type: str, dtype: rustorch.dtype) -> None:
    """Choose the low precision of this thread.

    >>> rustorch.set_autocast_dtype("cpu", rustorch.bfloat16)
    """
    if _check_device(device_type, "set_autocast_dtype") != "cpu" and not is_autocast_available(device_type):
        raise RusTorchError(f"set_autocast_dtype: device type {device_type!r} is not available here")
    if dtype not in (rustorch.bfloat16, rustorch.float16):
        raise RusTorchError(f"set_autocast_dtype: the low precision is bfloat16 or float16, not {dtype}")
    enabled, _, cache = _C._autocast()
    _C._autocast_set(enabled, dtype, cache, False)


def is_autocast_cache_enabled() -> bool:
    """Are casts of weights kept?

    >>> rustorch.is_autocast_cache_enabled()
    True
    """
    return _C._autocast()[2]


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Choose whether casts of weights are kept.

    >>> rustorch.set_autocast_cache_enabled(True)
    """
    before = _C._autocast()
    _C._autocast_set(before[0], before[1], bool(enabled), not enabled)


def clear_autocast_cache() -> None:
    """Let go of the casts that are kept.

    >>> rustorch.clear_autocast_cache()
    """
    _C._autocast_set(*_C._autocast(), True)


def custom_fwd(fwd: Optional[Callable] = None, *, device_type: str = "cpu", cast_inputs: Optional[rustorch.dtype] = None):
    """Decorate ``forward`` of an autograd.Function for use under autocast.

    Parameters
    ----------
    device_type : str, default "cpu"
    cast_inputs : rustorch.dtype, optional
        Cast floating tensors among the arguments to it, and run forward with autocast off.

    >>> from rustorch.amp import custom_bwd, custom_fwd
    >>> class Double(rustorch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(device_type="cpu", cast_inputs=rustorch.float32)
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return g * 2
    ... 
    >>> Double.apply(rustorch.ones(1))
    tensor([2.])
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    _check_device(device_type, "custom_fwd")

    def cast(value):
        if isinstance(value, rustorch.Tensor):
            eligible = value.is_floating_point() and value.dtype != rustorch.float64
            return value.to(cast_inputs) if eligible else value
        if isinstance(value, dict):
            return {cast(key): cast(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            items = [cast(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        return value

    @functools.wraps(fwd)
    def decorated(ctx, *args, **kwargs):
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = is_autocast_enabled(device_type)
        if cast_inputs is None or not ctx._fwd_used_autocast:
            return fwd(ctx, *args, **kwargs)
        ctx._fwd_used_autocast = False
        with autocast(device_type, enabled=False):
            return fwd(ctx, *map(cast, args), **cast(kwargs))

    return decorated


def custom_bwd(bwd: Optional[Callable] = None, *, device_type: str = "cpu"):
    """Decorate ``backward`` of an autograd.Function: it runs with the casting that forward ran with.

    >>> from rustorch.amp import custom_bwd, custom_fwd
    >>> class Double(rustorch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(device_type="cpu")
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return g * 2
    ... 
    >>> Double.apply(rustorch.ones(1))
    tensor([2.])
    """
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(ctx, *args, **kwargs):
        if not ctx._fwd_used_autocast:
            with autocast(device_type, enabled=False):
                return bwd(ctx, *args, **kwargs)
        with autocast(device_type, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return decorated

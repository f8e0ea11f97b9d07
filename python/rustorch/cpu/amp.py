"""Mixed precision under its older name: :mod:`rustorch.amp` with the device type "cpu"."""

from __future__ import annotations

from typing import Optional

from rustorch import _C, amp as _amp

__all__ = ["GradScaler", "autocast"]


class autocast(_amp.autocast):
    """``rustorch.amp.autocast("cpu", …)``.

    Examples
    --------
    >>> with rustorch.cpu.amp.autocast():
    ...     y = rustorch.ones(2, 2) @ rustorch.ones(2, 2)
    >>> y.dtype
    rustorch.bfloat16
    """

    def __init__(self, enabled: bool = True, dtype: Optional[_C.dtype] = None, cache_enabled: bool = True) -> None:
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(_amp.GradScaler):
    """``rustorch.amp.GradScaler("cpu", …)``.

    Examples
    --------
    >>> scaler = rustorch.cpu.amp.GradScaler(init_scale=4.0)
    >>> scaler.scale(rustorch.tensor(3.0))
    tensor(12.)
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)

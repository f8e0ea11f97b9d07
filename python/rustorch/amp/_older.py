"""``rustorch.cuda.amp`` and ``rustorch.cpu.amp``: the same names without the device, which is that of the module."""

from __future__ import annotations

from typing import Optional

from rustorch import _C
from rustorch.amp import autocast_mode, grad_scaler

__all__ = ["GradScaler", "autocast"]


class autocast(autocast_mode.autocast):
    """``rustorch.amp.autocast(device, …)``."""

    _of_device = ""

    def __init__(self, enabled: bool = True, dtype: Optional[_C.dtype] = None, cache_enabled: bool = True) -> None:
        super().__init__(self._of_device, dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """``rustorch.amp.GradScaler(device, …)``."""

    _of_device = ""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(self._of_device, init_scale, growth_factor, backoff_factor, growth_interval, enabled)

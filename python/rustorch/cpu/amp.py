"""Mixed precision under its older name: :mod:`rustorch.amp` with the device type "cpu"."""

from rustorch.amp import _older

__all__ = ["GradScaler", "autocast"]


class autocast(_older.autocast):
    """``rustorch.amp.autocast("cpu", …)``.

    Examples
    --------
    >>> with rustorch.cpu.amp.autocast():
    ...     y = rustorch.ones(2, 2) @ rustorch.ones(2, 2)
    >>> y.dtype
    rustorch.bfloat16
    """

    _of_device = "cpu"


class GradScaler(_older.GradScaler):
    """``rustorch.amp.GradScaler("cpu", …)``.

    Examples
    --------
    >>> scaler = rustorch.cpu.amp.GradScaler(init_scale=4.0)
    >>> scaler.scale(rustorch.tensor(3.0))
    tensor(12.)
    """

    _of_device = "cpu"

"""The CPU, asked as if it were an accelerator: operations are done when they return.

Examples
--------
>>> import rustorch
>>> rustorch.cpu.current_device(), rustorch.cpu.device_count()
('cpu', 1)
"""

from __future__ import annotations

from typing import Any, Optional

from rustorch import _C
from rustorch._no_device import shows as _shows

from . import amp

__all__ = [
    "Stream", "amp", "current_device", "current_stream", "device_count", "is_available", "is_initialized", "set_device", "stream",
    "synchronize",
]  # fmt: skip


@_shows("cpu.is_available()", True)
def is_available() -> bool:
    """True."""
    return True


@_shows("cpu.is_initialized()", True)
def is_initialized() -> bool:
    """True: there is nothing to start."""
    return True


@_shows("cpu.device_count()", 1)
def device_count() -> int:
    """1: all cores are one device."""
    return 1


@_shows("cpu.current_device()", "cpu")
def current_device() -> str:
    """The name of the only one."""
    return "cpu"


@_shows('cpu.set_device("cpu")')
def set_device(device: Any) -> None:
    """Nothing to choose: there is one.

    Raises
    ------
    ArgumentValueError
        Another device is named.
    """
    if device not in (0, "cpu") and _C.device(device).type != "cpu":
        raise _C.ArgumentValueError(f"cpu.set_device: the device is 'cpu', not {device!r}")


@_shows("cpu.synchronize()")
def synchronize(device: Any = None) -> None:
    """Nothing to wait for: operations on the CPU are done when they return."""


class Stream:
    """The order in which operations run: the order in which they are called.

    Examples
    --------
    >>> stream = rustorch.cpu.Stream()
    >>> with rustorch.cpu.stream(stream):
    ...     x = rustorch.ones(2)
    >>> stream.wait_stream(rustorch.cpu.current_stream())
    """

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: "Stream") -> None:
        """Nothing to wait for."""

    def record_event(self) -> None:
        """Nothing to mark."""

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for."""


_stream = Stream()


def current_stream(device: Any = None) -> Stream:
    """The stream of the innermost :class:`stream`, else the one that is always there.

    Examples
    --------
    >>> rustorch.cpu.current_stream() is rustorch.cpu.current_stream()
    True
    """
    return _stream


class stream:
    """A context in which another stream is the current one; None changes nothing.

    Examples
    --------
    >>> other = rustorch.cpu.Stream()
    >>> with rustorch.cpu.stream(other):
    ...     rustorch.cpu.current_stream() is other
    True
    """

    def __init__(self, stream: Optional[Stream]) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        global _stream
        self._before, _stream = _stream, self.stream or _stream

    def __exit__(self, *error: object) -> None:
        global _stream
        _stream = self._before

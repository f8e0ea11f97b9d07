"""Intel's library of layers (oneDNN): not used. The switch that scripts set has no effect."""

import contextlib as _contextlib
from typing import Iterator

from rustorch._no_device import shows as _shows

__all__ = ["enabled", "flags", "is_available"]

enabled = False


@_shows("backends.mkldnn.is_available()", False)
def is_available() -> bool:
    """False: oneDNN is not used."""
    return False


@_contextlib.contextmanager
def flags(enabled: bool = False) -> Iterator[None]:
    """Another value of the switch within a ``with`` block.

    Examples
    --------
    >>> with rustorch.backends.mkldnn.flags(enabled=True):
    ...     rustorch.backends.mkldnn.enabled
    True
    >>> rustorch.backends.mkldnn.enabled
    False
    """
    before = globals()["enabled"]
    globals()["enabled"] = enabled
    try:
        yield
    finally:
        globals()["enabled"] = before

"""Intel's matrix library: OpenBLAS is used instead."""

from rustorch._no_device import shows as _shows

__all__ = ["is_available"]


@_shows("backends.mkl.is_available()", False)
def is_available() -> bool:
    """False: OpenBLAS is used."""
    return False

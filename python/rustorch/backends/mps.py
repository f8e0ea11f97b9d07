"""Apple's GPUs: there is no backend for them."""

from rustorch._no_device import shows as _shows

__all__ = ["is_available", "is_built"]


@_shows("backends.mps.is_available()", False)
def is_available() -> bool:
    """False: there is no backend for Apple's GPUs."""
    return False


@_shows("backends.mps.is_built()", False)
def is_built() -> bool:
    """False: there is no backend for Apple's GPUs."""
    return False

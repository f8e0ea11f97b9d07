"""OpenMP: what the kernels run their threads with."""

from rustorch._no_device import shows as _shows

__all__ = ["is_available"]


@_shows("backends.openmp.is_available()", True)
def is_available() -> bool:
    """True: threads inside operations are OpenMP's."""
    return True

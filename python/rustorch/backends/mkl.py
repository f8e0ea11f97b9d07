"""Intel's matrix library: OpenBLAS is used instead."""

__all__ = ["is_available"]


def is_available():
    """False: OpenBLAS is used."""
    return False

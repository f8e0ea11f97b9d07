"""Apple's GPUs: there is no backend for them."""

__all__ = ["is_available", "is_built"]


def is_available():
    """False: there is no backend for Apple's GPUs."""
    return False


def is_built():
    """False: there is no backend for Apple's GPUs."""
    return False

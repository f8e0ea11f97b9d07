"""Intel's library of layers: not used."""

__all__ = ["enabled", "is_available"]

enabled = False


def is_available():
    """False: oneDNN is not used."""
    return False

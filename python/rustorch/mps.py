"""Apple's GPUs: there is no backend for them, and these functions say so."""

from rustorch._no_device import functions as _functions

globals().update(_functions("mps", "Apple's GPUs"))
__all__ = list(_functions("mps", "Apple's GPUs"))

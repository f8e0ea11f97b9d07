"""PyTorch's path to what the registration of a hook returns."""

from rustorch._C import RemovableHandle

__all__ = ["RemovableHandle"]

"""PyTorch's path to the class of its version."""

from rustorch.compat import TorchVersion

__all__ = ["TorchVersion"]

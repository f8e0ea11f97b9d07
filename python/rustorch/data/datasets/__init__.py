"""Data sets that are read from local files."""

from rustorch.data.datasets.mnist import MNIST, FashionMNIST, read_idx

__all__ = ["FashionMNIST", "MNIST", "read_idx"]

"""Data sets that are read from local files."""

from rustorch.data.datasets.cifar import CIFAR10, CIFAR100
from rustorch.data.datasets.fake import FakeData
from rustorch.data.datasets.folder import DatasetFolder, ImageFolder
from rustorch.data.datasets.hdf5 import HDF5Dataset
from rustorch.data.datasets.mnist import KMNIST, MNIST, FashionMNIST, read_idx
from rustorch.data.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10", "CIFAR100", "DatasetFolder", "FakeData", "FashionMNIST", "HDF5Dataset", "ImageFolder", "KMNIST", "MNIST",
    "VisionDataset", "read_idx",
]  # fmt: skip

"""torchvision's path to the data sets: see :mod:`rustorch.data.datasets`.

They are read from local files. ``download=True`` is fine where the files are; where they are not, the error names the
folder to put which files into.
"""

import sys as _sys
import types as _types

from rustorch.data.datasets import CIFAR10, CIFAR100, DatasetFolder, FakeData, FashionMNIST, ImageFolder, KMNIST, MNIST, VisionDataset
from rustorch.data.datasets import folder as _folder

__all__ = ["CIFAR10", "CIFAR100", "DatasetFolder", "FakeData", "FashionMNIST", "ImageFolder", "KMNIST", "MNIST", "VisionDataset"]


def _submodule(name, **names):
    """A module such as torchvision.datasets.folder, made of names that live elsewhere."""
    module = _types.ModuleType(f"{__name__}.{name}", f"torchvision's path to {', '.join(names)}.")
    vars(module).update(names, __all__=list(names))
    _sys.modules[module.__name__] = module
    return module


__path__ = []  # submodules can be imported from
folder = _submodule(
    "folder",
    DatasetFolder=DatasetFolder,
    ImageFolder=ImageFolder,
    IMG_EXTENSIONS=_folder.IMG_EXTENSIONS,
    default_loader=_folder.image_loader,
    find_classes=_folder.find_classes,
    make_dataset=_folder.make_dataset,
)
mnist = _submodule("mnist", FashionMNIST=FashionMNIST, KMNIST=KMNIST, MNIST=MNIST)
cifar = _submodule("cifar", CIFAR10=CIFAR10, CIFAR100=CIFAR100)
vision = _submodule("vision", VisionDataset=VisionDataset)

"""torchvision's path to the data sets: see :mod:`rustorch.data.datasets`.

They are read from local files. ``download=True`` is fine where the files are; where they are not, the error names the
folder to put which files into.
"""

import sys as _sys
import types as _types

from rustorch.data.dataset import Dataset
from rustorch.data.datasets import CIFAR10, CIFAR100, DatasetFolder, FakeData, FashionMNIST, ImageFolder, KMNIST, MNIST
from rustorch.data.datasets import folder as _folder

__all__ = ["CIFAR10", "CIFAR100", "DatasetFolder", "FakeData", "FashionMNIST", "ImageFolder", "KMNIST", "MNIST", "VisionDataset"]


class VisionDataset(Dataset):
    """What torchvision's data sets have in common: a folder and transforms. For data sets of one's own.

    Parameters
    ----------
    root : str, optional
    transforms : callable, optional
        Applied to (image, target); instead of the other two.
    transform, target_transform : callable, optional
        Applied to the image and to the target.

    Raises
    ------
    ArgumentValueError
        ``transforms`` was given beside one of the others.
    """

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        if transforms is not None and (transform is not None or target_transform is not None):
            from rustorch import ArgumentValueError

            raise ArgumentValueError("VisionDataset: give either transforms, or transform and target_transform")
        self.root = root
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = transforms if transforms is not None else self._both

    def _both(self, image, target):
        image = image if self.transform is None else self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")


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

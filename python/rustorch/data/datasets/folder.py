"""Folders of images, one folder a class."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from rustorch import Tensor, io
from rustorch._C import ArgumentValueError
from rustorch._commit import file_absent, file_error
from rustorch.data.datasets.vision import VisionDataset

__all__ = ["DatasetFolder", "ImageFolder", "find_classes", "image_loader", "make_dataset"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png")


def find_classes(directory: Union[str, os.PathLike]) -> Tuple[List[str], Dict[str, int]]:
    """The names of the folders in a folder, in alphabetical order, and their numbers.

    Raises
    ------
    FileNotFoundError
        There is no folder in it.

    Examples
    --------
    >>> import os
    >>> from rustorch.data.datasets.folder import find_classes
    >>> for name in ("dog", "cat"):
    ...     os.makedirs(f"animals/{name}")
    >>> find_classes("animals")
    (['cat', 'dog'], {'cat': 0, 'dog': 1})
    """
    directory = os.fspath(directory)
    try:
        classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    except OSError as error:
        raise file_error(directory, error) from error
    if not classes:
        raise file_absent(directory, "Couldn't find any class folder: each class must be a folder of its own")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: Union[str, os.PathLike], class_to_idx: Dict[str, int], extensions: Union[None, str, Tuple[str, ...]] = None,
    is_valid_file: Optional[Callable[[str], bool]] = None, allow_empty: bool = False,
) -> List[Tuple[str, int]]:
    """(path, class number) of all files in the class folders and the folders in them, in alphabetical order.

    Parameters
    ----------
    directory : path
    class_to_idx : dict
        The names of the class folders, and their numbers.
    extensions : str or tuple of str, optional
        The endings of the files that count, in lower case.
    is_valid_file : callable, optional
        Instead: whether the file of a path counts.
    allow_empty : bool, default False
        Whether a class may have no files.

    Raises
    ------
    ArgumentValueError
        Both or neither of ``extensions`` and ``is_valid_file`` are given.
    FileNotFoundError
        A class has no files.

    Examples
    --------
    >>> import os
    >>> from rustorch.data.datasets.folder import make_dataset
    >>> os.makedirs("letters/b")
    >>> for name in ("1.txt", "2.txt", "notes.md"):
    ...     open(f"letters/b/{name}", "w").close()
    >>> make_dataset("letters", {"b": 7}, extensions=".txt")
    [('letters/b/1.txt', 7), ('letters/b/2.txt', 7)]
    """
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    if extensions is not None:
        endings = (extensions,) if isinstance(extensions, str) else tuple(extensions)

        def is_valid_file(path: str) -> bool:
            return path.lower().endswith(endings)

    directory = os.path.expanduser(os.fspath(directory))
    found: List[Tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        before = len(found)
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            paths = (os.path.join(folder, file) for file in sorted(files))
            found += [(path, class_to_idx[name]) for path in paths if is_valid_file(path)]  # type: ignore[misc]
        if len(found) == before:
            empty.append(name)
    if empty and not allow_empty:
        hint = f" Supported extensions are: {', '.join(endings)}" if extensions is not None else ""
        raise file_absent(directory, f"Found no valid file for the classes {', '.join(empty)}.{hint}")
    return found


def image_loader(path: str) -> Tensor:
    """A PNG or JPEG file as a uint8 RGB tensor (3, H, W).

    Raises
    ------
    SerializationError
        The file is missing, damaged, or neither PNG nor JPEG.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.data.datasets.folder import image_loader
    >>> torch.io.write_png(torch.zeros(1, 2, 4, dtype=torch.uint8), "grey.png")
    >>> image_loader("grey.png").shape
    rustorch.Size([3, 2, 4])
    """
    return io._decode(io.read_file(path), io._ANY, io.ImageReadMode.RGB, False, deep=False)


class DatasetFolder(VisionDataset):
    """Files in class folders: ``root/class/….ext``, with any folders in between.

    Parameters
    ----------
    root : str
    loader : callable
        Makes a sample of a path.
    extensions : tuple of str, optional
        The endings of the files that count, in lower case; or ``is_valid_file``.
    transform, target_transform : callable, optional
        Applied to each sample and each class number.
    is_valid_file : callable, optional
        Whether the file of a path counts.
    allow_empty : bool, default False
        Whether a class may have no files.

    Attributes
    ----------
    classes : list of str
    class_to_idx : dict
    samples : list of (path, class number)
    targets : list of class numbers

    Examples
    --------
    >>> import rustorch as torch
    >>> import os
    >>> import numpy as np
    >>> from rustorch.data.datasets import DatasetFolder
    >>> for i, name in enumerate(("left", "right")):
    ...     os.makedirs(f"sounds/{name}")
    ...     np.save(f"sounds/{name}/0.npy", np.full(3, i))
    >>> data = DatasetFolder("sounds", loader=np.load, extensions=(".npy",), transform=torch.from_numpy)
    >>> data[1], data.classes
    ((tensor([1, 1, 1]), 1), ['left', 'right'])
    """

    def __init__(
        self, root: Union[str, os.PathLike], loader: Callable[[str], Any], extensions: Optional[Tuple[str, ...]] = None,
        transform: Optional[Callable] = None, target_transform: Optional[Callable] = None,
        is_valid_file: Optional[Callable[[str], bool]] = None, allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str, class_to_idx: Dict[str, int], extensions: Optional[Tuple[str, ...]] = None,
        is_valid_file: Optional[Callable[[str], bool]] = None, allow_empty: bool = False,
    ) -> List[Tuple[str, int]]:
        """The samples; override it to choose others."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str) -> Tuple[List[str], Dict[str, int]]:
        """The classes; override it to choose others."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> Tuple[Any, Any]:
        path, target = self.samples[index]
        return self._each(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """PNG and JPEG images in class folders: ``root/dog/1.png``, ``root/cat/a/2.jpg``.

    A sample is a uint8 RGB tensor (3, H, W), or what ``loader`` gives, and the number of its class.

    Example
    -------
    >>> import os, tempfile
    >>> import rustorch as torch
    >>> from rustorch.data.datasets import ImageFolder
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("cat", "dog"):
    ...         os.mkdir(f"{root}/{name}")
    ...         torch.io.write_png(torch.zeros(1, 4, 6, dtype=torch.uint8), f"{root}/{name}/1.png")
    ...     data = ImageFolder(root)
    ...     image, target = data[1]
    >>> data.classes, image.shape, target
    (['cat', 'dog'], rustorch.Size([3, 4, 6]), 1)
    """

    def __init__(
        self, root: Union[str, os.PathLike], transform: Optional[Callable] = None, target_transform: Optional[Callable] = None,
        loader: Callable[[str], Any] = image_loader, is_valid_file: Optional[Callable[[str], bool]] = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples

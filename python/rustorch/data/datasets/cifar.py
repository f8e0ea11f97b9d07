"""CIFAR-10 and CIFAR-100, from the binary version of their archives."""

from __future__ import annotations

import os
import tarfile
import zlib
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

import rustorch
from rustorch._commit import file_absent, file_error
from rustorch.data.datasets.vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]

_PIXELS = 3 * 32 * 32


class CIFAR10(VisionDataset):
    """60,000 images, 3 × 32 × 32, 8 bits, in ten classes: 50,000 to train with and 10,000 to test with.

    Parameters
    ----------
    root : str
        The folder that holds ``cifar-10-batches-bin`` (or is it), or the archive ``cifar-10-binary.tar.gz``. The Python
        version of the archive is made of pickles, which may run any code, and is not read.
    train : bool, default True
    transform, target_transform : callable, optional
        Applied to each image (a uint8 tensor (3, 32, 32)) and each label (an int). ``ToTensor`` and ``Normalize`` are done
        in C for whole batches.
    download : bool, default False
        Nothing is downloaded at run time; True is an error when the files are not there, and changes nothing otherwise.

    Raises
    ------
    FileNotFoundError
        The binary version is not there.
    SerializationError
        A file is damaged.

    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    A file holds a byte for the label and 3072 for the pixels of each image, channel by channel:

    >>> import os
    >>> from rustorch.data.datasets import CIFAR10
    >>> os.makedirs("small/cifar-10-batches-bin")
    >>> with open("small/cifar-10-batches-bin/test_batch.bin", "wb") as file:
    ...     _ = file.write(bytes([1]) + bytes(range(256)) * 12)
    >>> with open("small/cifar-10-batches-bin/batches.meta.txt", "w") as file:
    ...     _ = file.write("airplane\\nautomobile\\n")
    >>> data = CIFAR10("small", train=False)
    >>> image, label = data[0]
    >>> image.shape, data.classes[label]
    (rustorch.Size([3, 32, 32]), 'automobile')
    """

    _name = "CIFAR-10"
    _folder = "cifar-10-batches-bin"
    _archive = "cifar-10-binary.tar.gz"
    _pickles = ("cifar-10-batches-py", "cifar-10-python.tar.gz")
    _files = {True: [f"data_batch_{i}.bin" for i in range(1, 6)], False: ["test_batch.bin"]}
    _names = "batches.meta.txt"
    _labels = 1  # bytes before the pixels; the last one counts

    def __init__(
        self, root: Union[str, os.PathLike], train: bool = True, transform: Optional[Callable] = None,
        target_transform: Optional[Callable] = None, download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        files = self._read([*self._files[train], self._names])
        self.classes: List[str] = files.pop(self._names).decode("ascii", "replace").split()
        self.class_to_idx: Dict[str, int] = {name: i for i, name in enumerate(self.classes)}
        rows = np.concatenate([self._rows(name, content) for name, content in files.items()])
        self.data = rustorch.from_numpy(np.ascontiguousarray(rows[:, self._labels :]).reshape(-1, 3, 32, 32))
        self._labels_tensor = rustorch.from_numpy(rows[:, self._labels - 1].astype(np.int64))
        self.targets: List[int] = self._labels_tensor.tolist()
        if self.targets and max(self.targets) >= len(self.classes):
            raise rustorch.SerializationError(
                f"{self.root}: a label is {max(self.targets)}, {self._names} names {len(self.classes)} classes"
            )

    def _rows(self, name: str, content: bytes) -> np.ndarray:
        size = self._labels + _PIXELS
        if not content or len(content) % size:
            raise rustorch.SerializationError(
                f"{name}: {len(content)} bytes are no whole number of images of {size} bytes: the file is cut or damaged"
            )
        return np.frombuffer(content, np.uint8).reshape(-1, size)

    def _read(self, names: List[str]) -> Dict[str, bytes]:
        for folder in (os.path.join(self.root, self._folder), self.root):
            if os.path.isfile(os.path.join(folder, names[0])):
                return {name: self._read_file(os.path.join(folder, name)) for name in names}
        for archive in (os.path.join(self.root, self._archive), self.root):
            if os.path.isfile(archive):
                return self._read_archive(archive, names)
        pickles = next((p for p in self._pickles if os.path.exists(os.path.join(self.root, p))), None)
        found = f"found {pickles}, which is made of pickles: they may run any code and are never read. " if pickles else ""
        raise file_absent(
            self.root,
            f"{type(self).__name__}: neither {self._folder}/{names[0]} nor {self._archive} is there: {found}Download the binary "
            f"version of {self._name}, {self._archive}, into the folder (nothing is downloaded here)",
        )

    @staticmethod
    def _read_file(path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise file_error(path, error) from error

    @staticmethod
    def _read_archive(path: str, names: List[str]) -> Dict[str, bytes]:
        found: Dict[str, bytes] = {}
        try:
            with tarfile.open(path, "r:*") as archive:
                for member in archive:
                    name = os.path.basename(member.name)
                    if name in names and member.isfile():
                        found[name] = archive.extractfile(member).read()  # type: ignore[union-attr]
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise rustorch.SerializationError(f"{path}: the archive is damaged or cut: {error}") from error
        missing = [name for name in names if name not in found]
        if missing:
            raise rustorch.SerializationError(
                f"{path}: {', '.join(missing)} is not in the archive: it is not the binary version, or was cut"
            )
        return {name: found[name] for name in names}

    def __len__(self) -> int:
        return self.data.shape[0]

    def __getitem__(self, index: int) -> Tuple[Any, Any]:
        return self._each(self.data[index], self.targets[index])

    def batch_sources(self) -> Optional[List[dict]]:
        """Images and labels for batching in C, if the transform is one that C knows."""
        return self._sources(self.data, self._labels_tensor)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """As :class:`CIFAR10` with 100 classes; from ``cifar-100-binary`` or ``cifar-100-binary.tar.gz``.

    Examples
    --------
    A file holds the number of the group of classes, that of the class, and the pixels of each image:

    >>> import os
    >>> from rustorch.data.datasets import CIFAR100
    >>> os.makedirs("small/cifar-100-binary")
    >>> with open("small/cifar-100-binary/test.bin", "wb") as file:
    ...     _ = file.write((bytes([0, 2]) + bytes(3072)) * 5)
    >>> with open("small/cifar-100-binary/fine_label_names.txt", "w") as file:
    ...     _ = file.write("apple\\naquarium_fish\\nbaby\\n")
    >>> data = CIFAR100("small", train=False)
    >>> len(data), data.classes[data[4][1]]
    (5, 'baby')
    """

    _name = "CIFAR-100"
    _folder = "cifar-100-binary"
    _archive = "cifar-100-binary.tar.gz"
    _pickles = ("cifar-100-python", "cifar-100-python.tar.gz")
    _files = {True: ["train.bin"], False: ["test.bin"]}
    _names = "fine_label_names.txt"
    _labels = 2  # coarse, fine

"""MNIST, Fashion-MNIST, Kuzushiji-MNIST, and the IDX format they come in."""

from __future__ import annotations

import errno
import gzip
import os
import struct
import zlib
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

import rustorch
from rustorch import Tensor, _C
from rustorch.data.datasets.vision import VisionDataset

__all__ = ["KMNIST", "MNIST", "FashionMNIST", "read_idx"]

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str) -> Tensor:
    """An IDX file, plain or with gzip, as a tensor.

    Raises
    ------
    SerializationError
        The file is missing, cut, longer than it says, or not in this format.

    Source: the description that accompanies LeCun et al.'s MNIST files.

    >>> import struct
    >>> from rustorch.data.datasets import read_idx
    >>> with open("two.idx", "wb") as file:
    ...     written = file.write(struct.pack(">HBBI", 0, 8, 1, 2) + bytes([5, 6]))
    ... 
    >>> read_idx("two.idx").tolist()
    [5, 6]
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        kind = _C.SerializationFileNotFoundError if isinstance(error, FileNotFoundError) else _C.SerializationOSError
        problem = kind(f"the data file {path} cannot be read: {error.strerror}")
        problem.errno = error.errno
        raise problem from error
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise rustorch.SerializationError(f"{path}: the gzip data is damaged or cut: {error}") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES:
        raise rustorch.SerializationError(f"{path}: not an IDX file: it starts with {raw[:4].hex(' ') or 'nothing'}")
    ndim = raw[3]
    start = 4 + 4 * ndim
    if len(raw) < start:
        raise rustorch.SerializationError(f"{path}: the file is cut within its header: {len(raw)} bytes")
    shape = struct.unpack(f">{ndim}I", raw[4:start])
    dtype = np.dtype(_IDX_TYPES[raw[2]])
    count = 1
    for size in shape:
        count *= size
    expected = start + count * dtype.itemsize
    if len(raw) != expected:
        raise rustorch.SerializationError(
            f"{path}: the header says {' × '.join(map(str, shape))} elements, which is {expected} bytes, "
            f"but the file has {len(raw)}"
        )
    array = np.frombuffer(raw, dtype, count, start).reshape(shape)
    return rustorch.from_numpy(array.astype(dtype.newbyteorder("=")))


class MNIST(VisionDataset):
    """70,000 images of handwritten digits, 28 × 28, 8-bit grey, in ten classes.

    Parameters
    ----------
    root : str
        The folder with the four IDX files (``train-images-idx3-ubyte`` and so on, plain or ``.gz``), or a folder that
        holds them in ``MNIST/raw``.
    train : bool, default True
        60,000 training images, or 10,000 test images.
    transform, target_transform : callable, optional
        Applied to each image (a uint8 tensor (28, 28)) and each label (an int). ``ToTensor`` and ``Normalize`` are done
        in C for whole batches.
    download : bool, default False
        Nothing is downloaded at run time: True also looks where the operating system's package puts the files (Debian's
        ``dataset-fashion-mnist``), and is an error when they are not there either.

    Examples
    --------
    Two images of zeros in the IDX format (see :func:`read_idx`):

    >>> import os, struct
    >>> from rustorch.data.datasets import MNIST
    >>> os.makedirs("data/MNIST/raw")
    >>> for name, shape, values in (("images-idx3", (2, 28, 28), bytes(2 * 28 * 28)), ("labels-idx1", (2,), bytes([7, 2]))):
    ...     with open(f"data/MNIST/raw/t10k-{name}-ubyte", "wb") as file:
    ...         _ = file.write(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + values)
    >>> data = MNIST("data", train=False)
    >>> image, label = data[0]
    >>> len(data), image.shape, data.classes[label]
    (2, rustorch.Size([28, 28]), '7 - seven')
    """

    _folder = "MNIST"
    _files = {
        (True, "images"): "train-images-idx3-ubyte",
        (True, "labels"): "train-labels-idx1-ubyte",
        (False, "images"): "t10k-images-idx3-ubyte",
        (False, "labels"): "t10k-labels-idx1-ubyte",
    }
    _places: Tuple[str, ...] = ()
    _hint = ""
    classes: List[str] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

    def __init__(
        self, root: str, train: bool = True, transform: Optional[Callable] = None,
        target_transform: Optional[Callable] = None, download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        self.download = download
        self.data = read_idx(self._find("images"))
        self.targets = read_idx(self._find("labels")).to(rustorch.int64)
        if self.data.dim() != 3 or self.targets.dim() != 1 or self.data.shape[0] != self.targets.shape[0]:
            raise rustorch.SerializationError(
                f"{self.root}: images of shape {tuple(self.data.shape)} do not fit labels of shape {tuple(self.targets.shape)}"
            )

    def _find(self, what: str) -> str:
        name = self._files[self.train, what]
        folders = [self.root, os.path.join(self.root, self._folder, "raw"), *(self._places if self.download else ())]
        for folder in folders:
            for ending in ("", ".gz"):
                path = os.path.join(folder, name + ending)
                if os.path.isfile(path):
                    return path
        error = _C.SerializationFileNotFoundError(
            f"{type(self).__name__}: {name} (or {name}.gz) is in none of {', '.join(folders)}{self._hint}. Nothing is downloaded: "
            f"put {', '.join(self._files.values())} into one of these folders"
        )
        error.errno = errno.ENOENT
        raise error

    @property
    def class_to_idx(self) -> Dict[str, int]:
        """The numbers of the classes."""
        return {name: i for i, name in enumerate(self.classes)}

    @property
    def train_data(self) -> Any:
        """The old name of ``data``."""
        return self.data

    @property
    def train_labels(self) -> Any:
        """The old name of ``targets``."""
        return self.targets

    test_data, test_labels = train_data, train_labels

    def __len__(self) -> int:
        return self.data.shape[0]

    def __getitem__(self, index: int) -> Tuple[Any, Any]:
        return self._each(self.data[index], int(self.targets[index]))

    def batch_sources(self) -> Optional[List[dict]]:
        """Images and labels for batching in C, if the transform is one that C knows."""
        return self._sources(self.data, self.targets, add_channel=True)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 images of clothes in the format of :class:`MNIST`: see there. Source: Xiao et al., arXiv 1708.07747.

    Examples
    --------
    >>> from rustorch.data.datasets import FashionMNIST
    >>> FashionMNIST.classes[9]
    'Ankle boot'
    >>> data = FashionMNIST("data", train=False, download=True)  # doctest: +SKIP
    >>> len(data)  # where Debian's dataset-fashion-mnist is installed  # doctest: +SKIP
    10000
    """

    _folder = "FashionMNIST"
    _places = ("/usr/share/datasets/fashion-mnist",)
    _hint = f"; on Debian, apt install dataset-fashion-mnist puts them into {_places[0]}, where download=True finds them"
    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """70,000 images of cursive Japanese characters in the format of :class:`MNIST`: see there.

    Source: Clanuwat et al., arXiv 1812.01718.

    Examples
    --------
    >>> from rustorch.data.datasets import KMNIST
    >>> KMNIST("nowhere")
    Traceback (most recent call last):
        ...
    rustorch.SerializationFileNotFoundError: KMNIST: train-images-idx3-ubyte (or train-images-idx3-ubyte.gz) is in none of nowhere, ...
    >>> ", ".join(KMNIST.classes)
    'o, ki, su, tsu, na, ha, ma, ya, re, wo'
    """

    _folder = "KMNIST"
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]

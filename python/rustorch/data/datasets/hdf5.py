"""Rows of HDF5 files, read by any number of workers, threads and ranks at once."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor, _C
from rustorch._C import IndexOutOfRangeError
from rustorch.data.dataset import Dataset

__all__ = ["HDF5Dataset"]


class HDF5Dataset(Dataset):
    """Data sets of an HDF5 file, side by side: sample i is row i of each.

    Each process opens the file for itself when it first reads. Data in one piece are read by any number of threads at once,
    without libhdf5; chunked or compressed ones by one thread of a process at a time. A batch is read in the order of the
    file, so that a chunk is unpacked once. Files must come from where you trust: libhdf5 reads their structure.

    Parameters
    ----------
    path : str
    names : str or sequence of str, optional
        One name: a sample is a tensor. Several: a tuple of tensors. By default all data sets of the file, in alphabetical
        order.
    transform : callable, optional
        Applied to each sample.

    Raises
    ------
    SerializationError
        The file is missing or damaged, or lacks a data set.
    DtypeError
        A data set does not hold numbers or bool.
    ShapeError
        The data sets have different numbers of rows.

    Example
    -------
    >>> import os, tempfile
    >>> import rustorch as torch
    >>> from rustorch.data import DataLoader
    >>> from rustorch.data.datasets import HDF5Dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "data.h5")
    ...     torch.save({"x": torch.arange(6).reshape(3, 2), "y": torch.tensor([7, 8, 9])}, path)
    ...     data = HDF5Dataset(path, ["x", "y"])
    ...     next(iter(DataLoader(data, batch_size=2)))
    [tensor([[0, 1],
            [2, 3]]), tensor([7, 8])]
    """

    def __init__(
        self, path: Union[str, os.PathLike], names: Union[None, str, Sequence[str]] = None,
        transform: Optional[Callable[[Any], Any]] = None,
    ) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.transform = transform
        self._single = isinstance(names, str)
        self.names: List[str] = [names] if isinstance(names, str) else list(_C._rows_names(self.path) if names is None else names)
        if not self.names:
            raise rustorch.SerializationError(f"{self.path} holds no data sets")
        self._opened: Dict[int, List[Any]] = {}
        rows = self._rows()
        self.shapes = {name: tuple(row.shape) for name, row in zip(self.names, rows)}
        self.dtypes = {name: row.dtype for name, row in zip(self.names, rows)}
        self._length = rows[0].shape[0]
        if any(row.shape[0] != self._length for row in rows):
            found = ", ".join(f"{name} {row.shape[0]}" for name, row in zip(self.names, rows))
            raise rustorch.ShapeError(f"{self.path}: the data sets have different numbers of rows: {found}")

    def _rows(self) -> List[Any]:
        """The handles of this process; what a forked child inherited is left alone."""
        process = os.getpid()
        rows = self._opened.get(process)
        if rows is None:  # two threads may both open it: the first one's handles stay
            rows = self._opened.setdefault(process, [_C._Rows(self.path, name) for name in self.names])
        return rows

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._opened = {}

    def read(self, indices: Any) -> Tuple[Tensor, ...]:
        """Rows of each data set as one tensor (len(indices), …), in the order of ``indices``."""
        index = [i + self._length if -self._length <= i < 0 else i for i in map(int, indices)]
        wanted = rustorch.tensor(index, dtype=rustorch.int64)
        return tuple(rows.read(wanted) for rows in self._rows())

    def __getitems__(self, indices: List[int]) -> List[Any]:
        columns = [part.unbind(0) for part in self.read(indices)]
        samples = list(columns[0]) if self._single else list(zip(*columns))
        return samples if self.transform is None else [self.transform(sample) for sample in samples]

    def __getitem__(self, index: int) -> Any:
        if not -self._length <= index < self._length:
            raise IndexOutOfRangeError(f"row {index} was asked for, {self.path} has {self._length}")
        return self.__getitems__([index])[0]

    def __len__(self) -> int:
        return self._length

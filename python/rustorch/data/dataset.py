"""Data sets: things with samples by number."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Union

import rustorch
from rustorch import Tensor

__all__ = ["Dataset", "IterableDataset", "TensorDataset", "ConcatDataset", "Subset", "random_split"]


class Dataset:
    """Base class: define ``__getitem__(index)`` and ``__len__()``.

    Define ``__getitems__(indices)`` too, returning a list of samples, where fetching a batch at once is faster.
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __add__(self, other: "Dataset") -> "ConcatDataset":
        return ConcatDataset([self, other])

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


class IterableDataset(Dataset):
    """Base class of data sets that only know an order: define ``__iter__``.

    With several workers each gets a copy: use :func:`get_worker_info` to divide the work.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


class TensorDataset(Dataset):
    """Tensors whose first dimensions count the samples; a sample is a tuple of rows.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.data import TensorDataset
    >>> data = TensorDataset(torch.arange(6).reshape(3, 2), torch.tensor([7, 8, 9]))
    >>> len(data), data[1]
    (3, (tensor([2, 3]), tensor(8)))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: at least one tensor is needed")
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(f"TensorDataset: argument {i} is a {type(tensor).__name__}, a tensor is expected")
            if tensor.dim() == 0 or tensor.shape[0] != tensors[0].shape[0]:
                raise rustorch.ShapeError(
                    f"TensorDataset: size mismatch between tensors: tensor 0 has shape {tuple(tensors[0].shape)}, "
                    f"tensor {i} has {tuple(tensor.shape)}; their first dimensions count the samples"
                )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> Any:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def batch_sources(self) -> List[dict]:
        """The tensors, for batching in C: see :class:`rustorch.data.DataLoader`."""
        return [{"tensor": tensor} for tensor in self.tensors]


class ConcatDataset(Dataset):
    """Several data sets one after the other."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        index %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class Subset(Dataset):
    """The samples of a data set at the given indices."""

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: List[int]) -> List[Any]:
        chosen = [self.indices[i] for i in indices]
        fetch = getattr(self.dataset, "__getitems__", None)
        return fetch(chosen) if callable(fetch) else [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Dataset, lengths: Sequence[Union[int, float]], generator: Optional["rustorch.Generator"] = None
) -> List[Subset]:
    """Divide a data set at random into parts of the given lengths (numbers of samples, or fractions that sum to 1).

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.data import TensorDataset, random_split
    >>> a, b = random_split(TensorDataset(torch.arange(10)), [0.8, 0.2])
    >>> len(a), len(b)
    (8, 2)
    """
    total = len(dataset)  # type: ignore[arg-type]
    if all(isinstance(length, float) for length in lengths) and math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        counts = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(counts)):  # what rounding left over, one each
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2)
        lengths = counts
    if sum(lengths) != total:
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset: {list(lengths)} for {total} samples"
        )
    order = rustorch.randperm(total, generator=generator).tolist()
    ends = list(itertools.accumulate(int(length) for length in lengths))
    return [Subset(dataset, order[end - int(length) : end]) for end, length in zip(ends, lengths)]

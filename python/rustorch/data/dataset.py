"""Data sets: things with samples by number."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, IndexOutOfRangeError

__all__ = [
    "ChainDataset", "ConcatDataset", "Dataset", "IterableDataset", "StackDataset", "Subset", "TensorDataset", "random_split",
]  # fmt: skip


class Dataset:
    """Base class: define ``__getitem__(index)`` and ``__len__()``.

    Define ``__getitems__(indices)`` too, returning a list of samples, where fetching a batch at once is faster.

    >>> from rustorch.data import DataLoader, Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return index**2
    ... 
    >>> [batch.tolist() for batch in DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4]]
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __add__(self, other: "Dataset") -> "ConcatDataset":
        return ConcatDataset([self, other])

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


class IterableDataset(Dataset):
    """Base class of data sets that only know an order: define ``__iter__``.

    With several workers each gets a copy, and iterates over it: use :func:`get_worker_info` to divide the work.

    Example
    -------
    >>> from rustorch.data import DataLoader, IterableDataset, get_worker_info
    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         info = get_worker_info()
    ...         return iter(range(6) if info is None else range(info.id, 6, info.num_workers))
    >>> [batch.tolist() for batch in DataLoader(Count(), batch_size=2, num_workers=2)]
    [[0, 2], [1, 3], [4], [5]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")

    def __add__(self, other: Dataset) -> "ChainDataset":  # type: ignore[override]
        return ChainDataset([self, other])


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
            raise ArgumentValueError("TensorDataset: at least one tensor is needed")
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise ArgumentTypeError(f"TensorDataset: argument {i} is a {type(tensor).__name__}, a tensor is expected")
            if tensor.dim() == 0 or tensor.shape[0] != tensors[0].shape[0]:
                raise rustorch.ShapeError(
                    f"TensorDataset: size mismatch between tensors: tensor 0 has shape {tuple(tensors[0].shape)}, "
                    f"tensor {i} has {tuple(tensor.shape)}; their first dimensions count the samples"
                )
        self.tensors = tensors

    @classmethod
    def from_tensors(cls, tensors: Sequence[Tensor]) -> "TensorDataset":
        """The data set of a list of tensors."""
        return cls(*tensors)

    def __getitem__(self, index: Any) -> Any:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def get_batch(self, indices: Any) -> List[Tensor]:
        """The rows of some samples: one tensor for each of the data set's."""
        return [tensor[rustorch.as_tensor(indices)] for tensor in self.tensors]

    def data(self) -> Tensor:
        """The first tensor."""
        return self.tensors[0]

    def targets(self) -> Tensor:
        """The last tensor."""
        return self.tensors[-1]

    def batch_sources(self) -> List[dict]:
        """The tensors, for batching in C: see :class:`rustorch.data.DataLoader`."""
        return [{"tensor": tensor} for tensor in self.tensors]


class StackDataset(Dataset):
    """Data sets of equal length side by side: a sample is a tuple of theirs, or a dict where they were given by name.

    Example
    -------
    >>> from rustorch.data import StackDataset
    >>> StackDataset(range(3), "abc")[1], StackDataset(number=range(3), letter="abc")[1]
    ((1, 'b'), {'number': 1, 'letter': 'b'})
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ArgumentValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ArgumentValueError("At least one dataset should be passed")
        self.datasets: Any = kwargs or args
        parts = self._parts()
        self._length = len(parts[0])
        if any(len(part) != self._length for part in parts):
            raise ArgumentValueError(f"Size mismatch between datasets: {', '.join(str(len(part)) for part in parts)} samples")

    def _parts(self) -> List[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, values: Sequence[Any]) -> Any:
        return dict(zip(self.datasets, values)) if isinstance(self.datasets, dict) else tuple(values)

    def __getitem__(self, index: Any) -> Any:
        return self._sample([part[index] for part in self._parts()])

    def __getitems__(self, indices: List[int]) -> List[Any]:
        columns = []
        for part in self._parts():
            fetch = getattr(part, "__getitems__", None)
            columns.append(fetch(indices) if callable(fetch) else [part[i] for i in indices])
            if len(columns[-1]) != len(indices):
                raise ArgumentValueError(
                    f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(columns[-1])}"
                )
        return [self._sample(values) for values in zip(*columns)]

    def __len__(self) -> int:
        return self._length


class ChainDataset(IterableDataset):
    """Several iterable data sets one after the other.

    >>> from rustorch.data import ChainDataset, IterableDataset
    >>> class Two(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([1, 2])
    ... 
    >>> list(ChainDataset([Two(), Two()]))
    [1, 2, 1, 2]
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = datasets

    def _parts(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise ArgumentTypeError(f"ChainDataset only supports IterableDataset, found {type(dataset).__name__}")
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._parts())

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._parts())


class ConcatDataset(Dataset):
    """Several data sets one after the other.

    Example
    -------
    >>> from rustorch.data import ConcatDataset
    >>> both = ConcatDataset([range(3), range(10, 12)])
    >>> len(both), both[3], both.cumulative_sizes
    (5, 10, [3, 5])
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentValueError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ArgumentTypeError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexOutOfRangeError(f"index {index} is out of range for {len(self)} samples")
        index %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    @property
    def cummulative_sizes(self) -> List[int]:
        """The old spelling of ``cumulative_sizes``."""
        warnings.warn("cummulative_sizes attribute is renamed to cumulative_sizes", DeprecationWarning, stacklevel=2)
        return self.cumulative_sizes


class Subset(Dataset):
    """The samples of a data set at the given indices.

    >>> from rustorch.data import Subset
    >>> list(Subset("abcd", [2, 0]))
    ['c', 'a']
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__: a DataLoader asks for whole batches by "
                "__getitems__(indices), so override it too, for instance by [self[i] for i in indices]"
            )
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
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        counts = []
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ArgumentValueError(f"Fraction at index {i} is not between 0 and 1")
            counts.append(math.floor(total * fraction))
        for i in range(total - sum(counts)):  # what rounding left over, one each
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2)
        lengths = counts
    if sum(lengths) != total:
        raise ArgumentValueError(
            f"Sum of input lengths does not equal the length of the input dataset! {list(lengths)} for {total} samples"
        )
    order = rustorch.randperm(total, generator=generator).tolist()
    ends = list(itertools.accumulate(int(length) for length in lengths))
    return [Subset(dataset, order[end - int(length) : end]) for end, length in zip(ends, lengths)]

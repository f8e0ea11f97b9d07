"""Everything that ``fit``, ``evaluate`` and ``predict`` take as data, as batches of this rank's rows.

Arrays and data sets become a DataLoader. Under several ranks the batches are those of one process, in rank 0's order, and each
rank gets its share of the rows of each batch; no row is left out or seen twice, also where the ranks do not divide a batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError, ArgumentValueError, ShapeError
from rustorch.data import DataLoader, Dataset, DistributedSampler, IterableDataset, TensorDataset
from rustorch.training import _ranks

__all__ = ["Batch", "Feed", "feed", "as_tensor", "split"]


class Batch(NamedTuple):
    """Rows of this rank, and how many the batch has over all ranks."""

    x: Any
    y: Any
    weight: Any
    n: int


def as_tensor(value: Any, what: str) -> Tensor:
    """An array, a tensor or a list of numbers as a tensor; floating-point arrays get the default dtype, as in Keras."""
    if isinstance(value, Tensor):
        if value.device.type != "cpu":
            raise _C.DeviceError(f"{what} is on {value.device}, the model is on the CPU: move it with {what}.cpu()")
        return value.detach() if value.requires_grad else value
    if hasattr(value, "to_numpy") and not isinstance(value, np.ndarray):
        value = value.to_numpy()  # a table or a column of one
    if isinstance(value, (str, bytes)) or value is None or isinstance(value, Mapping):
        raise ArgumentTypeError(f"{what} must be an array or a tensor, not {type(value).__name__}")
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, Tensor) for one in value):
        return rustorch.stack([one.detach() for one in value])
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{what}: the rows of a list must have equal lengths ({error})") from None
    if array.dtype == object or array.dtype.kind in "USMm":
        found = f"an array of {array.dtype}" if array.dtype != object else "lists of unequal lengths or of things that are no numbers"
        raise ArgumentTypeError(f"{what} must hold numbers, not {found}; texts become numbers by a table of your own")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind == "f":
        default = rustorch.get_default_dtype()()
        array = array.astype(default if default in ("float32", "float64") else "float32", copy=False)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return rustorch.from_numpy(array)


def of_the_only(value: Any) -> Any:
    """The array that a dictionary or list of one holds: Keras lets inputs and targets be named and listed."""
    if isinstance(value, Mapping) and len(value) == 1:
        return next(iter(value.values()))
    one = isinstance(value, (list, tuple)) and len(value) == 1 and isinstance(value[0], (np.ndarray, Tensor)) and value[0].ndim > 0
    return value[0] if one else value


def _is_array(value: Any) -> bool:
    if isinstance(value, (Tensor, np.ndarray)) or hasattr(value, "__array__") or hasattr(value, "to_numpy"):
        return True
    if isinstance(value, list):  # of numbers, or of lists of them
        while isinstance(value, list) and value:
            value = value[0]
        return isinstance(value, (int, float, np.number)) or (isinstance(value, Tensor))
    return False


def _pair(value: Any) -> bool:
    """(x, y) or (x, y, sample_weight)?"""
    return isinstance(value, tuple) and len(value) in (2, 3) and all(_is_array(one) for one in value[:2])


# ---------------------------------------------------------------------------------------------- kinds


class Feed:
    """Batches, epoch after epoch.

    ``steps`` is the number of batches of one pass (None where it is not known), ``restarts`` whether a new pass can begin.
    """

    steps: Optional[int] = None
    restarts = True
    batch_size: Optional[int] = None
    loader: Any = None  # whose position a checkpoint holds

    def passing(self) -> Iterator[Batch]:
        """One pass over the data."""
        raise NotImplementedError

    def prepare(self, epoch: int) -> None:
        """Called before each epoch."""


def _unpack(batch: Any, who: str) -> Tuple[Any, Any, Any]:
    if isinstance(batch, Tensor) or isinstance(batch, np.ndarray):
        batch = (batch,)
    if isinstance(batch, Mapping):
        raise ArgumentTypeError(
            f"{who}: a batch is a dictionary with {', '.join(map(repr, list(batch)[:5]))}; a tuple (inputs, targets) or (inputs, targets, "
            "sample weights) is expected: pick the parts in the loader's collate_fn"
        )
    if not isinstance(batch, (tuple, list)) or not 1 <= len(batch) <= 3:
        many = f" of {len(batch)} parts" if isinstance(batch, (tuple, list)) else ""
        raise ArgumentTypeError(
            f"{who}: a batch must be (inputs,), (inputs, targets) or (inputs, targets, sample weights), not a {type(batch).__name__}{many}"
        )
    names = ("the inputs", "the targets", "the weights")
    parts: List[Any] = [None if part is None else as_tensor(of_the_only(part), name) for part, name in zip(batch, names)]
    parts += [None] * (3 - len(parts))
    return parts[0], parts[1], parts[2]


def _count(x: Any, y: Any, who: str) -> int:
    n = x.shape[0] if x.dim() else 0
    if x.dim() == 0:
        raise ShapeError(f"{who}: the inputs of a batch have no dimension that counts samples")
    if y is not None and (y.dim() == 0 or y.shape[0] != n):
        raise ShapeError(f"{who}: a batch has {n} inputs of shape {tuple(x.shape)}, but targets of shape {tuple(y.shape)}")
    return n


class _Loader(Feed):
    """A DataLoader over a data set with numbers."""

    def __init__(self, loader: DataLoader, who: str, each_once: bool) -> None:
        self.who = who
        self.wrapped = self.loader = loader
        self.batch_size = loader.batch_size
        self.own = isinstance(loader.sampler, DistributedSampler) and _ranks.size() > 1
        if self.own and each_once:  # the sampler repeats samples, so that all ranks have as many
            self.wrapped = _like(loader, batch_size=(loader.batch_size or 1) * loader.sampler.num_replicas, shuffle=False)
            self.own = False
        self.steps = len(self.wrapped)
        if self.steps == 0:
            raise ArgumentValueError(f"{who}: the data is empty: there is not one batch in it" + _why_empty(loader))

    def prepare(self, epoch: int) -> None:
        if isinstance(self.wrapped.sampler, DistributedSampler):
            self.wrapped.sampler.set_epoch(epoch)

    def passing(self) -> Iterator[Batch]:
        if _ranks.size() == 1:
            for batch in self.wrapped:
                x, y, weight = _unpack(batch, self.who)
                yield Batch(x, y, weight, _count(x, y, self.who))
        elif self.own:
            for batch in self.wrapped:
                x, y, weight = _unpack(batch, self.who)
                total = rustorch.tensor([_count(x, y, self.who)], dtype=rustorch.int64)
                yield Batch(x, y, weight, int(_ranks.sums(total)))
        else:
            yield from self._shared()

    def _shared(self) -> Iterator[Batch]:
        """Rank 0 draws the order; each rank fetches its rows."""
        loader = self.wrapped
        drawn: List[Any] = []
        skip = 0
        if _ranks.rank() == 0:
            order, skip, _ = loader._begin_pass()
            batches = [list(map(int, batch)) for batch in order][skip:]
            numbers = rustorch.tensor([i for batch in batches for i in batch], dtype=rustorch.int64)
            drawn = [numbers, rustorch.tensor([len(batch) for batch in batches], dtype=rustorch.int64), rustorch.get_rng_state()]
        numbers, sizes, state = _ranks.from_first(drawn)
        rustorch.set_rng_state(state)
        every = iter(numbers.tolist())
        plan = [list(itertools.islice(every, size)) for size in sizes.tolist()]
        mine = []
        for batch in plan:
            low, high = _ranks.rows(len(batch))
            mine.append(batch[low:high])
        source = iter(_like(loader, batch_sampler=[rows for rows in mine if rows] or [plan[0][:1]]))
        empty: Any = None
        for i, (rows, whole) in enumerate(zip(mine, plan)):
            loader._taken = skip + i + 1  # as if this loader had been iterated
            if rows:
                parts = _unpack(next(source), self.who)
                _count(parts[0], parts[1], self.who)
            else:
                if empty is None:
                    sample = next(iter(_like(loader, batch_sampler=[whole[:1]])))
                    empty = [None if part is None else part[:0] for part in _unpack(sample, self.who)]
                parts = tuple(empty)  # type: ignore[assignment]
            yield Batch(*parts, len(whole))
        loader._taken, loader._start_state = 0, None


def _like(loader: DataLoader, **order: Any) -> DataLoader:
    """A loader of the same samples in another order."""
    generator = rustorch.Generator()
    generator.manual_seed(0)  # its draws decide nothing but the seeds of workers; the default generator is left alone
    return DataLoader(
        loader.dataset, num_workers=loader.num_workers, collate_fn=loader.collate_fn, timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn, multiprocessing_context=loader.multiprocessing_context, generator=generator,
        prefetch_factor=loader.prefetch_factor if loader.num_workers else None, **order,
    )  # fmt: skip


def _why_empty(loader: DataLoader) -> str:
    n = len(loader.dataset) if hasattr(loader.dataset, "__len__") else 0
    if n and loader.drop_last:
        return f": drop_last=True leaves nothing of {n} samples in batches of {loader.batch_size}"
    return " (the data set has no samples)" if not n else ""


class _Stream(Feed):
    """Batches from anything that can be iterated. Every rank runs the whole of it and takes its rows."""

    def __init__(self, source: Iterable[Any], who: str, given: Any = None) -> None:
        self.who = who
        self.source = source
        self.loader = given
        self.restarts = iter(source) is not source  # type: ignore[comparison-overlap]
        length = getattr(source, "__len__", None)
        try:
            self.steps = length() if length is not None else None
        except TypeError:
            self.steps = None
        if self.steps == 0:
            raise ArgumentValueError(f"{who}: the data is empty: there is not one batch in it")
        self.running: Optional[Iterator[Any]] = None if self.restarts else iter(source)

    def passing(self) -> Iterator[Batch]:
        for batch in iter(self.source) if self.running is None else self.running:
            x, y, weight = _unpack(batch, self.who)
            n = _count(x, y, self.who)
            low, high = _ranks.rows(n)
            if (low, high) != (0, n):
                x, y, weight = (None if part is None else part[low:high] for part in (x, y, weight))
            yield Batch(x, y, weight, n)


# ---------------------------------------------------------------------------------------------- choosing


def _arrays(x: Any, y: Any, weight: Any, who: str) -> List[Tensor]:
    tensors = [as_tensor(x, "x")]
    if y is not None:
        tensors.append(as_tensor(y, "y"))
    if weight is not None:
        if y is None:
            raise ArgumentValueError(f"{who}: sample_weight is given without y")
        tensors.append(as_tensor(weight, "sample_weight"))
    names = ("x", "y", "sample_weight")
    for tensor, name in zip(tensors, names):
        if tensor.dim() == 0:
            raise ShapeError(f"{who}: {name} is a single number; its first dimension must count the samples")
        if tensor.shape[0] != tensors[0].shape[0]:
            raise ShapeError(
                f"{who}: x has {tensors[0].shape[0]} samples (shape {tuple(tensors[0].shape)}), but {name} has {tensor.shape[0]} (shape "
                f"{tuple(tensor.shape)}): each input needs one"
            )
    if tensors[0].shape[0] == 0:
        raise ArgumentValueError(f"{who}: the data is empty: x has shape {tuple(tensors[0].shape)}")
    return tensors


def split(x: Any, y: Any, weight: Any, fraction: float, who: str) -> Tuple[Tuple[Any, Any, Any], Tuple[Any, Any, Any]]:
    """The last part of arrays taken away for validation, before any shuffling, as Keras does."""
    if not isinstance(fraction, (int, float)) or isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ArgumentValueError(f"{who}: validation_split must be more than 0 and less than 1, not {fraction!r}")
    if not _is_array(x):
        raise ArgumentValueError(
            f"{who}: validation_split needs arrays or tensors, not {type(x).__name__}; give validation_data, or divide a data set with "
            "rustorch.data.random_split"
        )
    tensors = _arrays(x, y, weight, who)
    n = tensors[0].shape[0]
    at = math.floor(n * (1.0 - fraction))
    if at == 0 or at == n:
        raise ArgumentValueError(
            f"{who}: validation_split={fraction} of {n} samples leaves {at} to train with and {n - at} to validate with"
        )
    parts = [[tensor[:at] for tensor in tensors], [tensor[at:] for tensor in tensors]]
    first, second = ([*part, None, None][:3] for part in parts)
    if y is None:
        first, second = [part[:1] + [None, part[1]] for part in (first, second)]
    return tuple(first), tuple(second)  # type: ignore[return-value]


def feed(
    x: Any, y: Any = None, weight: Any = None, *, batch_size: Optional[int] = None, shuffle: bool = False, who: str = "fit",
    each_once: bool = True,
) -> Feed:
    """Batches of whatever was given.

    Parameters
    ----------
    x : arrays, tensors, a pair of them, a data set, a DataLoader, or an iterable of batches
    y, weight : arrays, optional
        Only beside an array ``x``.
    batch_size : int, default 32
        Rows of a batch over all ranks; only for arrays and data sets.
    shuffle : bool
        A new order every epoch; only for arrays and data sets.
    each_once : bool
        No sample may come twice (a DistributedSampler repeats some).
    """
    if x is None:
        raise ArgumentTypeError(f"{who}: there is no data: x is None")
    y, weight = of_the_only(y), of_the_only(weight)
    if y is not None or isinstance(x, Mapping):  # without targets a list is one of batches
        x = of_the_only(x)
    if _pair(x) and y is None:
        x, y, weight = (*x, weight)[:3] if len(x) == 2 else x
    if batch_size is not None and (isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1):
        raise ArgumentValueError(f"{who}: batch_size must be a whole number of 1 or more, not {batch_size!r}")
    if isinstance(x, (str, bytes, Mapping)):
        if isinstance(x, Mapping):
            raise ArgumentTypeError(
                f"{who}: the data is a dictionary with {', '.join(map(repr, list(x)[:5])) or 'nothing'}: the model has one input; arrays, "
                "tensors, a data set or a DataLoader are expected"
            )
        raise ArgumentTypeError(f"{who}: the data is the text {x!r}; arrays, tensors, a data set or a DataLoader are expected")
    if _is_array(x):
        dataset: Any = TensorDataset(*_arrays(x, y, weight, who))
        return _Loader(DataLoader(dataset, batch_size or 32, shuffle), who, each_once)
    items = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    if isinstance(x, Dataset) and not hasattr(x, "__len__") and not isinstance(x, Iterable):
        raise ArgumentTypeError(f"{who}: the data set {type(x).__name__} has no length: define __len__, or make it an IterableDataset")
    if not items and not isinstance(x, (DataLoader, Iterable)):
        raise ArgumentTypeError(
            f"{who}: {type(x).__name__} is no data: arrays, tensors, a data set, a DataLoader or an iterable of batches are expected"
        )
    for value, name in ((y, "y"), (weight, "sample_weight")):
        if value is not None and isinstance(x, (list, tuple)) and x and all(map(_is_array, x)):
            raise ArgumentValueError(
                f"{who}: x is a {type(x).__name__} of {len(x)} arrays, but the model has one input: stack them (numpy.stack(x)); a model "
                "of several inputs trains in a loop of its own"
            )
        if value is not None:
            raise ArgumentValueError(
                f"{who}: {name} is given, but x is a {type(x).__name__}, whose batches hold it already: leave {name} out"
            )
    if isinstance(x, DataLoader):
        if batch_size is not None and batch_size != x.batch_size:
            raise ArgumentValueError(
                f"{who}: batch_size={batch_size} is given, but the DataLoader makes batches of {x.batch_size}: leave batch_size out, or "
                "set it there"
            )
        if x.iterable or x.batch_sampler is None:
            return _Stream(x, who, x)
        return _Loader(x, who, each_once)
    if isinstance(x, IterableDataset):
        return _Stream(DataLoader(x, batch_size or 32), who)
    if isinstance(x, Dataset) or (items and not isinstance(x, (list, tuple))):
        if len(x) == 0:
            raise ArgumentValueError(f"{who}: the data is empty: the data set has no samples")
        return _Loader(DataLoader(x, batch_size or 32, shuffle), who, each_once)
    if isinstance(x, Sequence) and not x:
        raise ArgumentValueError(f"{who}: the data is empty: a {type(x).__name__} without batches")
    if batch_size is not None:
        raise ArgumentValueError(f"{who}: batch_size={batch_size} is given, but x is a {type(x).__name__} of batches: leave batch_size out")
    return _Stream(x, who)

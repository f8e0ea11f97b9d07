"""Orders in which samples are visited."""

from __future__ import annotations

import itertools
import math
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union

import rustorch
from rustorch._C import ArgumentTypeError, ArgumentValueError

__all__ = [
    "Sampler", "SequentialSampler", "RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler", "BatchSampler",
    "DistributedSampler",
]  # fmt: skip


class Sampler:
    """Base class: define ``__iter__``, giving indices, and if possible ``__len__``.

    >>> from rustorch.data import DataLoader, Sampler
    >>> class Backwards(Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    ... 
    >>> next(iter(DataLoader([5, 6, 7], batch_size=3, sampler=Backwards([5, 6, 7]))))
    tensor([7, 6, 5])
    """

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


class SequentialSampler(Sampler):
    """0, 1, 2, …

    >>> from rustorch.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def _fresh_generator() -> "rustorch.Generator":
    """A generator whose seed comes from the default one, so that ``manual_seed`` decides."""
    generator = rustorch.Generator()
    generator.manual_seed(int(rustorch.randint(0, 2**62, (), dtype=rustorch.int64)))
    return generator


_DRAWN = 1024  # indices drawn at a time: num_samples may be far more than is ever taken


class RandomSampler(Sampler):
    """A random order.

    Parameters
    ----------
    data_source : anything with a length
    replacement : bool, default False
        Whether an index may come again before all others have come.
    num_samples : int, optional
        How many indices one pass gives; by default as many as there are samples.
    generator : Generator, optional
        By default the numbers follow from rustorch's default generator.

    >>> from rustorch.data import RandomSampler
    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: Optional[int] = None,
        generator: Optional["rustorch.Generator"] = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples <= 0):
            raise ArgumentValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        generator = _fresh_generator() if self.generator is None else self.generator
        if self.replacement:
            for start in range(0, self.num_samples, _DRAWN):
                count = min(_DRAWN, self.num_samples - start)
                yield from rustorch.randint(0, n, (count,), dtype=rustorch.int64, generator=generator).tolist()
            return
        left = self.num_samples
        while left > 0:
            yield from rustorch.randperm(n, generator=generator).tolist()[:left]
            left -= n

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in random order.

    >>> from rustorch.data import SubsetRandomSampler
    >>> sorted(SubsetRandomSampler([7, 2, 5]))
    [2, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Optional["rustorch.Generator"] = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in rustorch.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn with probabilities in proportion to ``weights``.

    Parameters
    ----------
    weights : sequence of float, one a sample; they need not sum to 1
    num_samples : int
    replacement : bool, default True
        Whether an index may be drawn twice.
    generator : Generator, optional

    >>> from rustorch.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True,
        generator: Optional["rustorch.Generator"] = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ArgumentValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ArgumentValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = rustorch.as_tensor(weights, dtype=rustorch.float64)
        if self.weights.dim() != 1:
            raise ArgumentValueError(f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = rustorch.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Indices of another sampler in lists of ``batch_size``; ``drop_last`` leaves out a last list that is shorter.

    >>> from rustorch.data import BatchSampler, SequentialSampler
    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Union[Sampler, Iterable[int]], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ArgumentValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[List[int]]:
        indices = iter(self.sampler)
        while True:
            batch = list(itertools.islice(indices, self.batch_size))
            if not batch or (self.drop_last and len(batch) < self.batch_size):
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else (n + self.batch_size - 1) // self.batch_size


class DistributedSampler(Sampler):
    """Each rank's share of the samples: rank r takes every ``num_replicas``-th index from the r-th on.

    Parameters
    ----------
    dataset : anything with a length, or its length
    num_replicas, rank : int, optional
        By default those of the process group (1 and 0 in a lone process).
    shuffle : bool, default True
        A random order that all ranks agree on, from ``seed`` and the epoch: call :meth:`set_epoch` before each epoch.
    seed : int, default 0
    drop_last : bool, default False
        Where the ranks do not divide the samples: True drops the rest, False repeats samples from the start.

    Example
    -------
    >>> from rustorch.data import DistributedSampler
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=0, shuffle=False))
    [0, 2, 4]
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self, dataset: Any, num_replicas: Optional[int] = None, rank: Optional[int] = None, shuffle: bool = True,
        seed: Optional[int] = 0, drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from rustorch import distributed

            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ArgumentValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = range(dataset) if isinstance(dataset, int) else dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = 0 if seed is None else seed
        n = len(self.dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            generator = rustorch.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = rustorch.randperm(n, generator=generator).tolist()
        else:
            indices = list(range(n))
        if n:
            indices = list(itertools.islice(itertools.cycle(indices), self.total_size))
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def get_indices(self) -> List[int]:
        """The indices of this rank in this epoch."""
        return list(self)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch; the same on all ranks."""
        self.epoch = epoch

    def state_dict(self) -> Dict[str, int]:
        """The epoch and the seed."""
        return {"epoch": self.epoch, "seed": self.seed}

    def load_state_dict(self, state: Dict[str, int]) -> None:
        """Take over what :meth:`state_dict` gave."""
        self.epoch = int(state["epoch"])
        self.seed = int(state["seed"])

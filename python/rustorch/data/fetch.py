"""Fetching the samples of a batch, each with random numbers that follow from what it is and not from who fetches it."""

from __future__ import annotations

import contextlib
import itertools
import operator
import random
import zlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional

import numpy as np

import rustorch
from rustorch import _C
from rustorch.data.dataset import StackDataset, Subset
from rustorch.data.sampler import DistributedSampler, RandomSampler, SequentialSampler

_MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9  # odd, and without a pattern
_python_random = random.seed.__self__  # type: ignore[attr-defined]  # the generator behind the functions of random
END: Any = object()  # behind the last batch


def seed_sample(seed: int, index: Any, turn: int = 0) -> None:
    """Seed Python's, NumPy's and rustorch's random numbers for one sample of a pass, the turn-th time that its index comes."""
    try:
        place = operator.index(index)
    except TypeError:  # a name, a tuple, …
        place = zlib.crc32(repr(index).encode())
    value = (seed + _MIX[0] * (place + 1) + _MIX[1] * turn) & (2**63 - 1)
    if _C._seed_python(_python_random, value):
        _python_random.gauss_next = None  # gauss() draws two numbers at a time
    else:
        random.seed(value)
    np.random.seed((value ^ value >> 32) & 0xFFFFFFFF)
    rustorch.manual_seed(value)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Python's, NumPy's and rustorch's random numbers go on afterwards as if nothing had been drawn."""
    python, array, own = random.getstate(), np.random.get_state(), rustorch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        rustorch.set_rng_state(own)


class Task(NamedTuple):
    """What is to be fetched: the number of the batch, its indices (or one index), and how often each came before."""

    number: int
    indices: Any
    turns: Optional[List[int]]  # None: no index came before


def tasks(plan: Iterable[Any], sampler: Any) -> Iterator[Task]:
    """The batches of a pass. Indices are counted where a sampler may give one twice."""
    once = type(sampler) in (SequentialSampler, DistributedSampler)
    once = once or (type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples <= len(sampler.data_source))
    seen: Dict[Any, int] = {}
    for number, indices in enumerate(plan):
        turns = None
        if not once:
            turns = []
            for index in indices if isinstance(indices, (list, tuple)) else [indices]:
                key = index if isinstance(index, (int, str)) else repr(index)
                turns.append(seen.get(key, 0))
                seen[key] = turns[-1] + 1
        yield Task(number, indices, turns)


def _fetches_batches(dataset: Any) -> bool:
    """Whether a data set has a way of its own to fetch many samples at once."""
    method = getattr(type(dataset), "__getitems__", None)
    if method is Subset.__getitems__:
        return _fetches_batches(dataset.dataset)
    if method is StackDataset.__getitems__:
        return any(map(_fetches_batches, dataset._parts()))
    return callable(method)


def fetch(dataset: Any, task: Task, collate: Callable[[Any], Any], seed: int) -> Any:
    """One batch (or, for a single index, one sample) of a data set with numbers."""
    indices, turns = task.indices, task.turns
    if not isinstance(indices, (list, tuple)):
        seed_sample(seed, indices, turns[0] if turns else 0)
        return collate(dataset[indices])
    if indices and _fetches_batches(dataset):
        seed_sample(seed, indices[0], turns[0] if turns else 0)
        return collate(dataset.__getitems__(list(indices)))
    samples = []
    for i, index in enumerate(indices):
        seed_sample(seed, index, turns[i] if turns else 0)
        samples.append(dataset[index])
    return collate(samples)


def _seeded(samples: Iterator[Any], seed: int, places: Iterable[int]) -> Iterator[Any]:
    for place in places:
        seed_sample(seed, place)
        sample = next(samples, END)
        if sample is END:
            return
        yield sample


def fetch_iterable(
    dataset: Any, batch_size: Optional[int], drop_last: bool, collate: Callable[[Any], Any], seed: int, worker: int = 0, workers: int = 1
) -> Iterator[Any]:
    """Batches of a data set that only knows an order. The k-th sample of a worker counts as the one it is where the workers
    take turns."""
    seed_sample(seed, worker)
    samples = _seeded(iter(dataset), seed, itertools.count(worker, workers))
    if batch_size is None:
        yield from map(collate, samples)
        return
    while True:
        batch = list(itertools.islice(samples, batch_size))
        if not batch or (drop_last and len(batch) < batch_size):
            return
        yield collate(batch)

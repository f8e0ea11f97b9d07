"""DataLoader: batches of a data set, in order, made ahead by threads or processes."""

from __future__ import annotations

import contextlib
import random
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

import numpy as np

import rustorch
from rustorch import _C
from rustorch.data.collate import default_collate, default_convert
from rustorch.data.dataset import Dataset, IterableDataset, Subset
from rustorch.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info"]


def get_worker_info() -> Any:
    """In a worker process: its ``id``, ``num_workers``, ``seed`` and ``dataset``; elsewhere None."""
    from rustorch.data import workers

    return workers.worker_info()


class DataLoader:
    """Batches of a data set.

    Parameters
    ----------
    dataset : Dataset, or anything with ``__getitem__`` and ``__len__``; an IterableDataset
    batch_size : int or None, default 1
        None gives single samples.
    shuffle : bool, default False
        A new random order every epoch.
    sampler : iterable of indices, optional
    batch_sampler : iterable of lists of indices, optional
    num_workers : int, default 0
        How many make batches ahead. A :class:`TensorDataset` and the data sets of :mod:`rustorch.data.datasets` are
        batched by threads in C, others by processes. Batches and their order do not depend on this number.
    collate_fn : callable, optional
        Makes a batch of a list of samples; by default :func:`default_collate`.
    pin_memory : bool, default False
        There is no GPU memory to copy to on a CPU: True changes nothing, as in PyTorch without a GPU.
    drop_last : bool, default False
        Leave out a last batch that is smaller.
    timeout : float, default 0
        Seconds to wait for a worker process before it is an error; 0 waits as long as it lives.
    worker_init_fn : callable, optional
        Called with the worker's number at the start of each worker process.
    generator : Generator, optional
        For the order, and the seeds of the workers.
    prefetch_factor : int, default 2
        Batches made ahead by each worker.
    persistent_workers : bool, default False
        Keep worker processes from epoch to epoch.

    A loader knows how many batches were taken out: :meth:`state_dict` holds the position and the state of the order's
    generator, and after :meth:`load_state_dict` the next pass goes on from there.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset(torch.arange(5)), batch_size=2)
    >>> [batch.tolist() for (batch,) in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, dataset: Any, batch_size: Optional[int] = 1, shuffle: Optional[bool] = None,
        sampler: Optional[Iterable[int]] = None, batch_sampler: Optional[Iterable[List[int]]] = None, num_workers: int = 0,
        collate_fn: Optional[Callable[[List[Any]], Any]] = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Optional[Callable[[int], None]] = None, multiprocessing_context: Any = None,
        generator: Optional["rustorch.Generator"] = None, *, prefetch_factor: Optional[int] = None,
        persistent_workers: bool = False, pin_memory_device: str = "",
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified when num_workers > 0")
        if num_workers == 0 and persistent_workers:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if prefetch_factor is not None and prefetch_factor < 1:
            raise ValueError("prefetch_factor option should be positive")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        elif batch_size is not None and (not isinstance(batch_size, int) or batch_size <= 0):
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.iterable = isinstance(dataset, IterableDataset)
        if self.iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("an IterableDataset gives its own order: shuffle, sampler and batch_sampler do not apply")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.batch_size = batch_size
        if sampler is None and not self.iterable:
            if not hasattr(dataset, "__len__"):
                raise TypeError(f"{type(dataset).__name__} has no length: give a sampler, or make it an IterableDataset")
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler = sampler
        if batch_sampler is None and batch_size is not None and not self.iterable:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self._own_batches = type(batch_sampler) is BatchSampler
        self.collate_fn = collate_fn or (default_collate if batch_size is not None or batch_sampler is not None else default_convert)
        self._pool: Any = None
        self._taken = 0  # batches of the pass that is under way, or of the last one
        self._start_state: Any = None  # of the order's generator, when that pass began
        self._resume: Any = None

    def __len__(self) -> int:
        if self.iterable:
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        plan, skip, seed = self._begin_pass()
        sources = self._sources()
        if sources is not None:
            batches: Iterator[Any] = self._in_c(sources, plan, skip)
        elif self.num_workers == 0:
            batches = self._in_process(plan, skip, seed)
        else:
            from rustorch.data import workers

            batches = workers.batches(self, plan, skip, seed)
        return self._counted(batches, skip)

    def _counted(self, batches: Iterator[Any], skip: int) -> Iterator[Any]:
        self._taken = skip
        for batch in batches:
            self._taken += 1
            yield batch
        self._taken = 0
        self._start_state = None

    # ------------------------------------------------------------------------------------------ in C

    def _sources(self) -> Optional[List[dict]]:
        """The tensors to batch in C, with the rows of a Subset resolved; None when Python has to fetch the samples."""
        if self.collate_fn is not default_collate or self.iterable or self.batch_sampler is None:
            return None
        dataset = self.dataset
        while type(dataset) is Subset:
            dataset = dataset.dataset
        describe = getattr(dataset, "batch_sources", None)
        return describe() if callable(describe) else None

    def _rows(self, indices: Any) -> Any:
        """Indices of the data set as rows of its tensors."""
        dataset = self.dataset
        while type(dataset) is Subset:
            table = dataset.indices
            indices = [table[i] for i in indices]
            dataset = dataset.dataset
        n = len(dataset)
        return [i + n if i < 0 else i for i in indices]

    def _in_c(self, sources: List[dict], plan: Iterable[List[int]], skip: int) -> Iterator[Any]:
        if self._own_batches:  # one order, cut by the loader in C
            order = [i for batch in plan for i in batch] if isinstance(plan, list) else list(self.sampler)
            passes = [(order[skip * self.batch_size :], self.batch_size, self.drop_last)]
        else:
            passes = [(list(batch), max(1, len(batch)), False) for batch in plan][skip:]
        for order, size, drop_last in passes:
            rows = rustorch.tensor(self._rows(order), dtype=rustorch.int64)
            threads = self.num_workers if self._own_batches else 0
            depth = max(1, self.num_workers * self.prefetch_factor)
            for batch in _C._BatchLoader(sources, rows, size, drop_last, threads, depth):
                yield list(batch)

    # ------------------------------------------------------------------------------------------ in this process

    def _in_process(self, plan: Iterable[Any], skip: int, seed: int) -> Iterator[Any]:
        if self.iterable:
            yield from fetch_iterable(self.dataset, self.batch_size, self.drop_last, self.collate_fn, skip)
            return
        for number, indices in enumerate(plan):
            if number >= skip:
                with seeded(seed, number):
                    batch = fetch(self.dataset, indices, self.collate_fn)
                yield batch

    # ------------------------------------------------------------------------------------------ position

    def _order_generator(self) -> "rustorch.Generator":
        return getattr(self.sampler, "generator", None) or self.generator or rustorch.default_generator

    def _begin_pass(self) -> Any:
        """The batches' indices, how many batches to leave out, and the seed of randomness inside samples."""
        generator = self._order_generator()
        resume, self._resume = self._resume, None
        if resume is not None:
            generator.set_state(resume["generator"])
        self._start_state = generator.get_state()
        seed = int(rustorch.randint(0, 2**62, (), dtype=rustorch.int64, generator=generator))
        plan = self.batch_sampler if self.batch_sampler is not None else self.sampler
        if resume is None:
            return plan, 0, seed
        plan = None if plan is None else list(plan)  # drawn now, where the interrupted pass drew it
        generator.set_state(resume["generator_now"])
        return plan, int(resume["batches"]), seed

    def state_dict(self) -> Dict[str, Any]:
        """Batches taken out of the pass under way, and the order's generator as that pass began and as it is."""
        state: Dict[str, Any] = {"batches": self._taken}
        if self._start_state is not None:
            state["generator"] = self._start_state
            state["generator_now"] = self._order_generator().get_state()
        if hasattr(self.sampler, "state_dict"):
            state["sampler"] = self.sampler.state_dict()  # type: ignore[union-attr]
        return state

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """The next pass goes on after the batches that were taken out."""
        if "sampler" in state and hasattr(self.sampler, "load_state_dict"):
            self.sampler.load_state_dict(state["sampler"])  # type: ignore[union-attr]
        self._resume = state if "generator" in state else None


@contextlib.contextmanager
def seeded(seed: int, number: int) -> Iterator[None]:
    """Python's, NumPy's and rustorch's random numbers follow from the pass and the batch alone, and not from who
    makes the batch; afterwards they go on as if nothing had been drawn."""
    python, array, own = random.getstate(), np.random.get_state(), rustorch.get_rng_state()
    value = (seed + 0x9E3779B97F4A7C15 * (number + 1)) % 2**63
    random.seed(value)
    np.random.seed([value & 0xFFFFFFFF, value >> 32])
    rustorch.manual_seed(value)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        rustorch.set_rng_state(own)


def fetch(dataset: Any, indices: Any, collate: Callable[[Any], Any]) -> Any:
    """One batch (or, for a single index, one sample) of a data set with numbers."""
    if not isinstance(indices, (list, tuple)):
        return collate(dataset[indices])
    many = getattr(dataset, "__getitems__", None)
    return collate(many(list(indices)) if callable(many) else [dataset[i] for i in indices])


def fetch_iterable(
    dataset: Any, batch_size: Optional[int], drop_last: bool, collate: Callable[[Any], Any], skip: int = 0
) -> Iterator[Any]:
    """Batches of a data set that only knows an order."""
    samples = iter(dataset)
    number = 0
    while True:
        batch = []
        for sample in samples:
            batch.append(sample)
            if batch_size is None or len(batch) == batch_size:
                break
        if not batch or (batch_size is not None and drop_last and len(batch) < batch_size):
            return
        if number >= skip:
            yield collate(batch[0] if batch_size is None else batch)
        number += 1

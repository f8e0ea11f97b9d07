"""DataLoader: batches of a data set, in order, made ahead by threads or processes."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.context
import os
import warnings
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

import rustorch
from rustorch import _C
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.data.collate import default_collate, default_convert
from rustorch.data.dataset import IterableDataset, Subset
from rustorch.data.fetch import END, fetch, fetch_iterable, kept, tasks
from rustorch.data.sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info"]


def get_worker_info() -> Any:
    """In a worker process: its ``id``, ``num_workers``, ``seed`` and ``dataset``; elsewhere None.

    >>> from rustorch.data import get_worker_info
    >>> get_worker_info() is None
    True
    """
    from rustorch.data import workers

    return workers.worker_info()


_FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


def _cores() -> int:
    return os.cpu_count() or 1


def _class_of_sources(dataset: Any) -> Optional[type]:
    """The class that says what the tensors of a data set are."""
    return next((kind for kind in type(dataset).__mro__ if "batch_sources" in vars(kind)), None)


def _check_options(
    num_workers: int, timeout: float, prefetch_factor: Optional[int], persistent_workers: bool, pin_memory: bool, device: str
) -> None:
    if num_workers < 0:
        raise ArgumentValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ArgumentValueError("timeout option should be non-negative")
    if num_workers == 0 and timeout > 0:
        raise ArgumentValueError("timeout option needs num_workers > 0: it is how long to wait for a worker")
    if num_workers == 0 and prefetch_factor is not None:
        raise ArgumentValueError(
            "prefetch_factor option could only be specified in multiprocessing. "
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ArgumentValueError("prefetch_factor option should be positive")
    if num_workers == 0 and persistent_workers:
        raise ArgumentValueError("persistent_workers option needs num_workers > 0")
    if pin_memory and device:
        warnings.warn(f"pin_memory_device is deprecated, ignore pin_memory_device={device!r}.", stacklevel=3)
    if pin_memory:
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
            stacklevel=3,
        )


_END = object()  # what no batch is


class _Batches:
    """One pass over a loader: an iterator that counts what was taken out."""

    def __init__(self, loader: "DataLoader", batches: Iterator[Any], skip: int) -> None:
        self._loader = loader
        self._batches = batches
        self._next = batches.__next__
        loader._taken = skip

    def __iter__(self) -> "_Batches":
        return self

    def __next__(self) -> Any:
        loader = self._loader
        span = _C._profile_enter("DataLoader.__next__", "data")
        try:
            batch = self._next()
        except StopIteration:
            loader._taken = 0
            loader._start_state = None
            raise
        finally:
            _C._profile_leave(span)
        loader._taken += 1
        if loader._said_length is not None and loader._taken > loader._said_length:
            self._warn()
        return batch

    def _warn(self) -> None:
        loader = self._loader
        text = (
            f"Length of IterableDataset {loader.dataset} was reported to be {loader._said_length} (when accessing "
            f"len(dataloader)), but {loader._taken} samples have been fetched. "
        )
        if loader.num_workers:
            text += "Each worker iterates over the whole data set: divide it in __iter__ by get_worker_info()."
        warnings.warn(text, stacklevel=3)

    def __len__(self) -> int:
        return len(self._loader)

    def close(self) -> None:
        """End the pass; what was made ahead is thrown away."""
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()


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
        There is no GPU memory to copy to on a CPU: True warns and changes nothing, as in PyTorch without a GPU.
    drop_last : bool, default False
        Leave out a last batch that is smaller.
    timeout : float, default 0
        Seconds to wait for a worker process before it is an error; 0 waits as long as it lives.
    worker_init_fn : callable, optional
        Called with the worker's number at the start of each worker process, after the random numbers of Python, NumPy
        and rustorch were seeded with ``get_worker_info().seed``.
    multiprocessing_context : str or context, optional
        How worker processes start: "fork" (the default), "spawn", "forkserver".
    generator : Generator, optional
        For the order, and the seeds of the workers.
    prefetch_factor : int, default 2
        Batches made ahead by each worker.
    persistent_workers : bool, default False
        Keep worker processes from epoch to epoch.
    in_order : bool, default True
        Whether batches come in the order of the sampler; False hands out what is ready first.

    Random numbers inside samples (of Python, NumPy and rustorch) are seeded for each sample from the generator's seed, the
    epoch, the sample's index and how often the index came before: a sample is the same whatever ``num_workers``, ``batch_size``
    and the number of ranks are. In an IterableDataset the place in the stream stands for the index; a data set that fetches
    whole batches by a ``__getitems__`` of its own is seeded for each batch, by its first sample.

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
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ) -> None:
        self.iterable = isinstance(dataset, IterableDataset)
        _check_options(num_workers, timeout, prefetch_factor, persistent_workers, pin_memory, pin_memory_device)
        if self.iterable:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ArgumentValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ArgumentValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        elif batch_size is not None and (not isinstance(batch_size, int) or batch_size <= 0):
            raise ArgumentValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.batch_size = batch_size
        if sampler is None and not self.iterable:
            if not hasattr(dataset, "__len__"):
                raise ArgumentTypeError(f"{type(dataset).__name__} has no length: give a sampler, or make it an IterableDataset")
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
        self._said_length: Optional[int] = None  # of an iterable data set, when len() was last asked for
        self._fixed = True
        if num_workers > _cores() and self._sources() is None:
            warnings.warn(
                f"This DataLoader will create {num_workers} worker processes in total. Our suggested max number of worker in "
                f"current system is {_cores()}, which is smaller than what this DataLoader is going to create. Please be aware "
                "that excessive worker creation might get DataLoader running slow or even freeze, lower the worker number to "
                "avoid potential slowness/freeze if necessary.",
                stacklevel=2,
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_fixed" in self.__dict__:
            raise ArgumentValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """How worker processes start: a context of :mod:`multiprocessing`, or None for "fork"."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None and self.num_workers == 0:
            raise ArgumentValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers=0"
            )
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ArgumentValueError(
                    f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                    f"multiprocessing_context={context!r}"
                )
            context = multiprocessing.get_context(context)
        if context is not None and not isinstance(context, multiprocessing.context.BaseContext):
            raise ArgumentTypeError(
                "multiprocessing_context option should be a valid context object or a string specifying the start method, but "
                f"got multiprocessing_context={context}"
            )
        self._context = context

    @property
    def index_source(self) -> Any:
        """The sampler that says which indices come, and how often."""
        if self.batch_sampler is None:
            return self.sampler
        return self.batch_sampler.sampler if self._own_batches else self.batch_sampler  # type: ignore[attr-defined]

    def __len__(self) -> int:
        if self.iterable:
            n = self._said_length = len(self.dataset)
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

            batches = workers.start(self, plan, skip, seed)
        return _Batches(self, batches, skip)

    # Batch by batch, as the API reference has it.

    def reset(self) -> None:
        """Begin a new pass for :meth:`next_batch`."""
        self._pass: Optional[Iterator[Any]] = iter(self)
        self._ahead: List[Any] = []
        self._given = 0

    def next_batch(self) -> Optional[List[Any]]:
        """The next batch as a list, or None at the end of the pass; the first call begins one.

        >>> from rustorch.data import DataLoader, TensorDataset
        >>> loader = DataLoader(TensorDataset(rustorch.arange(3)), batch_size=2)
        >>> loader.next_batch(), loader.next_batch(), loader.next_batch()
        ([tensor([0, 1])], [tensor([2])], None)
        """
        if not self.has_next():
            return None
        batch = self._ahead.pop()
        self._given += 1
        return list(batch) if isinstance(batch, (tuple, list)) else [batch]

    def has_next(self) -> bool:
        """Whether :meth:`next_batch` has one more."""
        if "_given" not in self.__dict__:
            self.reset()
        if not self._ahead and self._pass is not None:
            batch = next(self._pass, _END)
            if batch is _END:
                self._pass = None
            else:
                self._ahead = [batch]
        return bool(self._ahead)

    def num_batches(self) -> int:
        """The number of batches of a pass."""
        return len(self)

    def current_batch_index(self) -> int:
        """How many batches :meth:`next_batch` has given in this pass."""
        return self.__dict__.get("_given", 0)

    # ------------------------------------------------------------------------------------------ in C

    def _sources(self) -> Optional[List[dict]]:
        """The tensors to batch in C, with the rows of a Subset resolved; None when Python has to fetch the samples."""
        if self.collate_fn is not default_collate or self.iterable or self.batch_sampler is None:
            return None
        dataset = self.dataset
        while type(dataset) is Subset:
            dataset = dataset.dataset
        kind = _class_of_sources(dataset)
        if kind is None or getattr(type(dataset), "__getitem__", None) is not getattr(kind, "__getitem__", None):
            return None  # nothing to batch in C, or a subclass that gives other samples
        return dataset.batch_sources()

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
            order = [i for batch in plan for i in batch] if isinstance(plan, list) else list(self.index_source)
            size = self.batch_sampler.batch_size  # type: ignore[union-attr]
            passes = [(order[skip * size :], size, self.batch_sampler.drop_last)]  # type: ignore[union-attr]
        else:
            passes = [(list(batch), max(1, len(batch)), False) for batch in plan][skip:]
        for order, size, drop_last in passes:
            rows = rustorch.tensor(self._rows(order), dtype=rustorch.int64)
            threads = self.num_workers if self._own_batches else 0
            depth = max(1, self.num_workers * (self.prefetch_factor or 1))
            for batch in _C._BatchLoader(sources, rows, size, drop_last, threads, depth):
                yield list(batch)

    # ------------------------------------------------------------------------------------------ in this process

    def _in_process(self, plan: Iterable[Any], skip: int, seed: int) -> Iterator[Any]:
        if self.iterable:
            stream = fetch_iterable(self.dataset, self.batch_size, self.drop_last, self.collate_fn, seed)
            for number in itertools.count():
                with kept():
                    batch = next(stream, END)
                if batch is END:
                    return
                if number >= skip:
                    yield batch
        for task in tasks(plan, self.index_source):
            if task.number >= skip:
                with kept():
                    batch = fetch(self.dataset, task, self.collate_fn, seed)
                yield batch

    # ------------------------------------------------------------------------------------------ position

    @property
    def _order(self) -> Any:
        """The sampler that draws the order: also the one inside a BatchSampler that was given."""
        return self.index_source if self._own_batches else self.sampler

    def _order_generator(self) -> "rustorch.Generator":
        own = getattr(self._order, "generator", None)
        return own if isinstance(own, rustorch.Generator) else self.generator or rustorch.default_generator

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
        if hasattr(self._order, "state_dict"):
            state["sampler"] = self._order.state_dict()
        return state

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """The next pass goes on after the batches that were taken out."""
        if "sampler" in state and hasattr(self._order, "load_state_dict"):
            self._order.load_state_dict(state["sampler"])
        self._resume = state if "generator" in state else None

"""Worker processes of a DataLoader.

Worker w makes the batches w, w + n, w + 2n, …; the parent hands them out in order. Samples are pickled by Python's own
transport between the two processes; the tensors in them travel as memory files, which the parent maps without a copy and
which vanish with the last process that holds them, however it ends.
"""

from __future__ import annotations

import collections
import io
import mmap
import multiprocessing
import multiprocessing.connection
import os
import pickle
import random
import signal
import socket
import sys
import time
import traceback
import weakref
from multiprocessing import reduction
from typing import Any, Deque, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import RusTorchError
from rustorch.data.fetch import END, Task, fetch, fetch_iterable, tasks


class WorkerInfo(NamedTuple):
    """What a worker process knows of itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: Optional[WorkerInfo] = None


def worker_info() -> Optional[WorkerInfo]:
    """The WorkerInfo of this process; None outside workers."""
    return _info


# ---------------------------------------------------------------------------------------------- transport


class _Place(NamedTuple):
    """Where a tensor lies in the memory file that comes along."""

    offset: int
    shape: Tuple[int, ...]
    dtype: str


class _TensorPickler(pickle.Pickler):
    """Pickles a batch; tensors become places in a memory file."""

    def __init__(self, file: Any, arrays: List[np.ndarray]) -> None:
        super().__init__(file, protocol=4)
        self.arrays = arrays
        self.end = 0

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or value.dtype == rustorch.bfloat16 or value.requires_grad:
            return None
        array = value.contiguous().numpy()
        place = _Place(self.end, array.shape, array.dtype.str)
        self.arrays.append(array)
        self.end += -(-array.nbytes // 64) * 64
        return place


class _TensorUnpickler(pickle.Unpickler):
    def __init__(self, file: Any, memory: Any) -> None:
        super().__init__(file)
        self.memory = memory

    def persistent_load(self, place: Any) -> Tensor:
        dtype = np.dtype(place.dtype)
        count = int(np.prod(place.shape, dtype=np.int64))
        if count == 0:
            return rustorch.from_numpy(np.empty(place.shape, dtype))
        return rustorch.from_numpy(np.frombuffer(self.memory, dtype, count, place.offset).reshape(place.shape))


def _send(connection: socket.socket, number: int, kind: str, value: Any) -> None:
    arrays: List[np.ndarray] = []
    text = io.BytesIO()
    pickler = _TensorPickler(text, arrays)
    pickler.dump((number, kind, value))
    payload = text.getvalue()
    size = pickler.end
    connection.sendall(len(payload).to_bytes(8, "little") + size.to_bytes(8, "little"))
    if size:
        handle = os.memfd_create("rustorch-batch", os.MFD_CLOEXEC)
        try:
            os.ftruncate(handle, size)
            with mmap.mmap(handle, size) as memory:
                at = 0
                for array in arrays:
                    if array.size:
                        np.frombuffer(memory, array.dtype, array.size, at)[:] = array.reshape(-1)
                    at += -(-array.nbytes // 64) * 64
            reduction.send_handle(connection, handle, None)
        finally:
            os.close(handle)
    connection.sendall(payload)


def _receive_exactly(connection: socket.socket, n: int) -> bytes:
    parts = []
    while n:
        part = connection.recv(min(n, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def _receive(connection: socket.socket) -> Tuple[int, str, Any]:
    head = _receive_exactly(connection, 16)
    length, size = int.from_bytes(head[:8], "little"), int.from_bytes(head[8:], "little")
    memory = None
    if size:
        handle = reduction.recv_handle(connection)
        try:
            memory = mmap.mmap(handle, size)
        finally:
            os.close(handle)
    return _TensorUnpickler(io.BytesIO(_receive_exactly(connection, length)), memory).load()


# ---------------------------------------------------------------------------------------------- the worker's side


def _work(loader: Any, orders: Any, results: socket.socket, info: WorkerInfo) -> None:
    global _info
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    rustorch.set_num_threads(1)
    _info = info
    random.seed(info.seed)
    np.random.seed([info.seed & 0xFFFFFFFF, info.seed >> 32])
    rustorch.manual_seed(info.seed)
    try:
        if loader.worker_init_fn is not None:
            loader.worker_init_fn(info.id)
    except Exception:
        _send(results, -1, "error", _described(info.id))
        return
    stream: Any = None
    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        if order is None:
            return
        task, seed = order
        number = task.number
        try:
            if loader.iterable:
                if task.indices == "begin":
                    options = loader.batch_size, loader.drop_last, loader.collate_fn, seed, info.id, info.num_workers
                    stream = fetch_iterable(loader.dataset, *options)
                batch = next(stream, END)
            else:
                batch = fetch(loader.dataset, task, loader.collate_fn, seed)
            if batch is END:
                _send(results, number, "end", None)
            else:
                _send(results, number, "batch", batch)
        except (BrokenPipeError, ConnectionResetError):
            return  # the parent is gone
        except Exception:
            _send(results, number, "error", _described(info.id))


def _described(worker: int) -> Tuple[str, str, str]:
    kind, error, _ = sys.exc_info()
    name = f"{kind.__module__}.{kind.__qualname__}" if kind else "Exception"
    return name, str(error), f"in DataLoader worker process {worker}:\n{traceback.format_exc()}"


# ---------------------------------------------------------------------------------------------- the parent's side


class _Worker:
    def __init__(self, context: Any, loader: Any, number: int, seed: int) -> None:
        self.number = number
        task_end, self.tasks = context.Pipe(duplex=False)
        self.results, result_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        info = WorkerInfo(number, loader.num_workers, seed + number, loader.dataset)
        stripped = _Plain(loader)
        self.process = context.Process(target=_work, args=(stripped, task_end, result_end, info), daemon=True)
        self.process.start()
        task_end.close()
        result_end.close()

    def died(self) -> str:
        self.process.join(1)
        code = self.process.exitcode
        if code is not None and code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = "unknown"
            return f"was killed by signal {-code} ({name})"
        return f"exited with code {code}"

    def stop(self) -> None:
        try:
            self.tasks.send(None)
        except (BrokenPipeError, OSError):
            pass  # it is gone already
        self.tasks.close()
        self.results.close()


class _Plain:
    """What a worker needs of a loader; the loader itself holds processes and sockets."""

    def __init__(self, loader: Any) -> None:
        for name in ("dataset", "batch_size", "drop_last", "collate_fn", "worker_init_fn", "iterable"):
            setattr(self, name, getattr(loader, name))


def _end_workers(workers: List[_Worker], owner: int) -> None:
    """Those that do not end by themselves within a second are killed. A forked child inherits the pool, not the workers."""
    if os.getpid() != owner:
        return
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + 1.0
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


class WorkerPool:
    """The worker processes of one loader, and what they owe."""

    def __init__(self, loader: Any, seed: int) -> None:
        context = loader.multiprocessing_context or multiprocessing.get_context("fork")
        self.timeout = loader.timeout or None
        self.asked: List[Deque[int]] = [collections.deque() for _ in range(loader.num_workers)]  # numbers of batches
        self.owner: Any = None  # the pass that works with it
        self.workers: List[_Worker] = []
        # not __del__: in a cycle of garbage the pipes could be gone before it runs
        self._end = weakref.finalize(self, _end_workers, self.workers, os.getpid())
        for i in range(loader.num_workers):
            self.workers.append(_Worker(context, loader, i, seed))

    @property
    def closed(self) -> bool:
        """Whether the workers were ended."""
        return not self._end.alive

    def send(self, worker: _Worker, task: Any, seed: int) -> None:
        """Ask a worker for a batch."""
        try:
            worker.tasks.send((task, seed))
        except (BrokenPipeError, OSError):
            pass  # it ended; what it said last, or how it died, comes when its answer is waited for
        self.asked[worker.number].append(task.number)

    def _dead(self, worker: _Worker) -> None:
        raise RusTorchError(
            f"DataLoader worker {worker.number} (process {worker.process.pid}) {worker.died()} while it made batches: "
            "out of memory is the usual cause; try fewer workers or smaller batches"
        )

    def wait_for(self, candidates: List[_Worker]) -> Tuple[_Worker, str, Any]:
        """The oldest batch that one of these workers owes, whoever is first."""
        places = {worker.results: worker for worker in candidates}
        watched = [*places, *(worker.process.sentinel for worker in candidates)]
        ready = multiprocessing.connection.wait(watched, self.timeout)
        if not ready:
            raise RusTorchError(f"DataLoader timed out after {self.timeout} seconds")
        worker = next((places[place] for place in ready if place in places), None)
        if worker is None:
            self._dead(next(w for w in candidates if w.process.sentinel in ready))
        number = self.asked[worker.number].popleft()
        try:
            got, kind, value = _receive(worker.results)
        except (EOFError, ConnectionResetError):
            self._dead(worker)
        assert got in (number, -1)
        return worker, kind, value

    def drain(self) -> None:
        """Take out what a pass that was given up had asked for."""
        for worker in self.workers:
            while self.asked[worker.number]:
                self.wait_for([worker])

    def close(self) -> None:
        """End all workers."""
        self._end()


def _pool_of(loader: Any, seed: int) -> WorkerPool:
    pool = loader._pool
    if pool is not None and not pool.closed:
        try:
            pool.drain()
            return pool
        except BaseException:
            pool.close()
            raise
    pool = WorkerPool(loader, seed)
    if loader.persistent_workers:
        loader._pool = pool
    return pool


def _raise(described: Tuple[str, str, str]) -> None:
    """The worker's exception again, of the same class where this process can name it, with its traceback."""
    name, message, text = described
    module, _, attribute = name.rpartition(".")
    kind = getattr(sys.modules.get(module), attribute, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            error = kind(f"{message}\n\n{text}")
        except Exception as failed:
            raise RusTorchError(f"{name}: {message}\n\n{text}") from failed
        raise error
    raise RusTorchError(f"{name}: {message}\n\n{text}")


class _Pass:
    """One pass over the data: which worker owes which batches."""

    def __init__(self, loader: Any, pool: WorkerPool, plan: Optional[Iterable[Any]], skip: int, seed: int) -> None:
        self.loader = loader
        self.pool = pool
        self.seed = seed
        self.plan = None if plan is None else tasks(plan, loader.index_source)
        self.skip = skip
        self.ended = set()
        self.next_asked = 0
        pool.owner = self

    def ask(self, worker: _Worker) -> None:
        """Give a worker its next task, if there is one."""
        if self.plan is None:
            if worker.number not in self.ended:
                first = self.next_asked < len(self.pool.workers)  # the first task of each starts its stream
                self.pool.send(worker, Task(self.next_asked, "begin" if first else "next", None), self.seed)
                self.next_asked += 1
            return
        for task in self.plan:
            if task.number >= self.skip:
                self.pool.send(worker, task, self.seed)
                return

    def ask_ahead(self) -> None:
        """Fill the queues of all workers."""
        for _ in range(self.loader.prefetch_factor):
            for worker in self.pool.workers:
                self.ask(worker)

    def candidates(self, turn: int) -> List[_Worker]:
        """The worker whose turn it is; without order, all that owe something."""
        owing = [worker for worker in self.pool.workers if self.pool.asked[worker.number]]
        if not self.loader.in_order:
            return owing
        n = len(self.pool.workers)
        return [min(owing, key=lambda worker: (worker.number - turn) % n)]

    def batches(self) -> Iterator[Any]:
        """All batches."""
        turn, skipped, finished = 0, 0, False
        try:
            while any(self.pool.asked):
                worker, kind, value = self.pool.wait_for(self.candidates(turn))
                turn = worker.number + 1
                if kind == "error":
                    _raise(value)
                if kind == "end":
                    self.ended.add(worker.number)
                    continue
                self.ask(worker)
                if self.plan is None and skipped < self.skip:
                    skipped += 1
                    continue
                yield value
                if self.pool.owner is not self:
                    raise RusTorchError("this pass over the DataLoader has ended: a newer one uses its persistent workers")
            finished = True
        finally:
            # workers that are kept go on; what a pass that was given up had asked for is taken out before the next
            dead = any(not worker.process.is_alive() for worker in self.pool.workers)
            if self.pool.owner is self and (not self.loader.persistent_workers or (dead and not finished)):
                self.pool.close()


def start(loader: Any, plan: Optional[Iterable[Any]], skip: int, seed: int) -> Iterator[Any]:
    """The batches of one pass; workers begin at once."""
    pool = _pool_of(loader, seed)
    run = _Pass(loader, pool, plan, skip, seed)
    try:
        run.ask_ahead()
    except BaseException:
        pool.close()
        raise
    return run.batches()

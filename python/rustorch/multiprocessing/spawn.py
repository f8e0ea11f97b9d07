"""Start several processes that run one function, and report how they ended."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from typing import Any, Callable, List, Optional, Sequence, Tuple

import rustorch
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError

__all__ = ["ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext", "spawn", "start_processes"]


class ProcessException(RusTorchError):
    """A process that was started has failed.

    Attributes
    ----------
    error_index : int
        Which one, counted from 0.
    error_pid : int

    Examples
    --------
    >>> import rustorch.multiprocessing as mp
    >>> from rustorch.multiprocessing.spawn import ProcessException
    >>> try:
    ...     mp.start_processes(divmod, args=(0,), start_method="fork")  # divmod(0, 0)
    ... except ProcessException as error:
    ...     print(type(error).__name__, error.error_index)
    ProcessRaisedException 0
    """

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = self.pid = pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process ended by an exception; the message holds its traceback.

    Examples
    --------
    >>> import rustorch.multiprocessing as mp
    >>> try:
    ...     mp.start_processes(divmod, args=(0,), start_method="fork")  # divmod(0, 0)
    ... except mp.ProcessRaisedException as error:
    ...     print(str(error).splitlines()[-1])
    ZeroDivisionError: ...
    """


class ProcessExitedException(ProcessException):
    """A process ended by a signal or an exit code.

    Attributes
    ----------
    exit_code : int
    signal_name : str, optional

    Examples
    --------
    >>> import os
    >>> import rustorch.multiprocessing as mp
    >>> try:
    ...     mp.start_processes(os._exit, nprocs=2, start_method="fork")  # os._exit(0) and os._exit(1)
    ... except mp.ProcessExitedException as error:
    ...     print(error)
    process 1 terminated with exit code 1
    """

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: Optional[str] = None) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], index: int, args: Tuple[Any, ...], error_file: str, threads: int) -> None:
    """In the new process."""
    if threads:
        rustorch.set_num_threads(threads)
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted as well, and says so
    except Exception:
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """Processes that were started: what :func:`spawn` returns with ``join=False``.

    Attributes
    ----------
    processes : list of Process

    Examples
    --------
    >>> import rustorch.multiprocessing as mp
    >>> context = mp.start_processes(abs, nprocs=2, join=False, start_method="fork")  # abs(0) and abs(1)
    >>> len(context.pids())
    2
    >>> while not context.join():
    ...     pass
    >>> [process.exitcode for process in context.processes]
    [0, 0]
    """

    def __init__(self, processes: List[Any], error_files: List[str]) -> None:
        self.processes = processes
        self.error_files = error_files
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}

    def pids(self) -> List[int]:
        """The numbers of the processes."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: Optional[float] = None, grace_period: Optional[float] = None) -> bool:
        """Wait for one of the processes to end; when one has failed, stop the others and raise.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; by default without end.
        grace_period : float, optional
            Seconds that the others get to end by themselves once they were told (SIGTERM); default 30.

        Returns
        -------
        bool
            Whether all have ended.

        Raises
        ------
        ProcessRaisedException, ProcessExitedException
            One has failed.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in multiprocessing.connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)  # type: ignore[call-overload]
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                failed = index if failed is None else failed
        if failed is None:
            if not self.sentinels:
                self._forget_files()
            return not self.sentinels
        self._stop(30.0 if grace_period is None else grace_period)
        try:
            self._report(failed)
        finally:
            self._forget_files()
        return True

    def _stop(self, seconds: float) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        until = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _forget_files(self) -> None:
        for path in self.error_files:
            if os.path.exists(path):
                os.unlink(path)

    def _report(self, index: int) -> None:
        process = self.processes[index]
        if os.path.exists(self.error_files[index]) and os.path.getsize(self.error_files[index]):
            with open(self.error_files[index], "rb") as file:
                text = pickle.load(file)
            raise ProcessRaisedException(f"\n\n-- Process {index} terminated with the following error:\n{text}", index, process.pid)
        if process.exitcode < 0:
            try:
                name = signal.Signals(-process.exitcode).name
            except ValueError:
                name = f"signal {-process.exitcode}"
            raise ProcessExitedException(f"process {index} terminated with signal {name}", index, process.pid, process.exitcode, name)
        raise ProcessExitedException(
            f"process {index} terminated with exit code {process.exitcode}", index, process.pid, process.exitcode
        )


SpawnContext = ProcessContext


def start_processes(
    fn: Callable[..., Any],
    args: Sequence[Any] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> Optional[ProcessContext]:
    """Run ``fn(i, *args)`` in ``nprocs`` processes, i from 0.

    Unless OMP_NUM_THREADS is set, the processes share the cores that this one may use.

    Parameters
    ----------
    fn : callable
        A function of a module's top level, for start methods other than fork.
    args : tuple, default ()
    nprocs : int, default 1
    join : bool, default True
        Wait for all, and raise when one fails.
    daemon : bool, default False
        End them when this process ends; they may start none of their own.
    start_method : {"spawn", "fork", "forkserver"}

    Returns
    -------
    ProcessContext, optional
        Unless ``join``.

    Raises
    ------
    ProcessRaisedException, ProcessExitedException
        A process has failed; the others were stopped.
    ArgumentTypeError, ArgumentValueError
        An argument that makes no sense.

    Examples
    --------
    >>> import rustorch.multiprocessing as mp
    >>> mp.start_processes(print, args=(), nprocs=1, start_method="fork")  # prints 0
    """
    if not callable(fn):
        raise ArgumentTypeError(f"spawn: fn must be a function, not {type(fn).__name__}")
    if nprocs < 1:
        raise ArgumentValueError(f"spawn: nprocs must be at least 1, not {nprocs}")
    context = multiprocessing.get_context(start_method)
    threads = 0 if "OMP_NUM_THREADS" in os.environ else max(1, rustorch.get_num_threads() // nprocs)
    processes, error_files = [], []
    for i in range(nprocs):
        handle, path = tempfile.mkstemp(prefix="rustorch-spawn-", suffix=".error")
        os.close(handle)
        process = context.Process(target=_run, args=(fn, i, tuple(args), path, threads), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
        error_files.append(path)
    started = ProcessContext(processes, error_files)
    if not join:
        return started
    try:
        while not started.join():
            continue
    finally:
        started._forget_files()  # also after Ctrl-C
    return None


def spawn(
    fn: Callable[..., Any], args: Sequence[Any] = (), nprocs: int = 1, join: bool = True, daemon: bool = False, start_method: str = "spawn"
) -> Optional[ProcessContext]:
    """Run ``fn(i, *args)`` in ``nprocs`` new processes: :func:`start_processes` with the start method "spawn".

    The script is imported anew in each, so what starts them belongs under ``if __name__ == "__main__":``.

    Examples
    --------
    >>> import rustorch.multiprocessing as mp
    >>> def train(rank, world_size):
    ...     rustorch.distributed.init_process_group("gloo", "tcp://127.0.0.1:29500", rank=rank, world_size=world_size)
    >>> mp.spawn(train, args=(2,), nprocs=2)  # doctest: +SKIP
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)

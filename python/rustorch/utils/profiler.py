"""Profiler: where the time of a program goes, op by op."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Iterator, List, Optional, Union

from .. import _C
from .._columns import duration, size, table
from ..profiler._found import DEFAULT_EVENTS, Found, Row, merge, write_trace

__all__ = ["Profiler"]


class Profiler:
    """Measures what runs between :meth:`start` and :meth:`stop`: ops, gradients, backward passes, optimiser steps, making
    batches, collectives, and intervals that you name. All threads are measured.

    Parameters
    ----------
    record_shapes : bool, default False
        A row for each set of shapes of an op's inputs.
    max_events : int, default 1000000
        Room of the trace, 56 bytes an event, taken as it fills. The table counts beyond it, and says so.

    One profiler runs at a time: starting one while it or another runs is an error, and so is stopping one that does not
    run. What is found adds up over several starts until :meth:`reset`.

    Examples
    --------
    >>> import rustorch
    >>> profiler = rustorch.utils.Profiler()
    >>> with profiler.profile("forward"):
    ...     y = rustorch.randn(64, 32) @ rustorch.randn(32, 8)
    >>> [row.name for row in profiler.intervals()], [row.calls for row in profiler.rows() if row.name == "randn"]
    (['forward'], [2])
    >>> print(profiler.summary())  # doctest: +ELLIPSIS
    Profiler: ... elapsed, ...
    """

    def __init__(self, record_shapes: bool = False, max_events: int = DEFAULT_EVENTS) -> None:
        self._max_events = max_events
        self._profile = _C._Profile(max_events, record_shapes)
        self._lock = threading.Lock()
        self._blocks = 0  # profile() blocks that are open and that started it together
        self._started_by_block = False

    def __repr__(self) -> str:
        return f"<Profiler: {'running' if self.running else 'stopped'}>"

    @property
    def running(self) -> bool:
        """Whether it is between :meth:`start` and :meth:`stop`."""
        return self._profile.running

    def start(self) -> None:
        """Begin to measure.

        Raises
        ------
        RusTorchError
            This profiler, or another one, is running already.
        """
        self._profile.start()

    def stop(self) -> None:
        """Measure no more. Intervals that are open end.

        Raises
        ------
        RusTorchError
            It is not running.
        """
        self._profile.stop()

    def reset(self) -> None:
        """Forget what was found. A running profiler goes on."""
        self._profile.reset()

    @contextlib.contextmanager
    def profile(self, name: Optional[str] = None) -> Iterator["Profiler"]:
        """Measure a block as an interval of this name, "profile" if none is given.

        Starts the profiler if it is not running, and then stops it at the end of the block. Blocks nest, and may be open
        in several threads at once.
        """
        if name is not None and not isinstance(name, str):
            raise _C.ArgumentTypeError(f"profile: name must be a str or None, not {type(name).__name__}")
        with self._lock:
            if not self._blocks:
                self._started_by_block = not self._profile.running
                if self._started_by_block:
                    self._profile.start()
            self._blocks += 1
        span = 0
        try:
            span = _C._profile_enter("profile" if name is None else name)
            yield self
        finally:
            _C._profile_leave(span)
            with self._lock:
                self._blocks -= 1
                if not self._blocks and self._started_by_block and self._profile.running:
                    self._profile.stop()

    def __enter__(self) -> "Profiler":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.running:
            self.stop()

    def rows(self) -> List[Row]:
        """What was found, the longest total first: named tuples with ``name``, ``kind``, ``backward``, ``shapes``, ``calls``,
        ``total_ns``, ``self_ns``, ``min_ns``, ``max_ns``, ``in_bytes``, ``out_bytes``, ``allocated_bytes`` and
        ``self_allocated_bytes``."""
        rows = [row for row in Found.of(self._profile).rows if row.calls]
        return sorted(rows, key=lambda row: -row.total_ns)

    def intervals(self) -> List[Row]:
        """Those of :meth:`rows` that :meth:`profile` and ``record_function`` named."""
        return merge((row for row in self.rows() if row.kind == "scope"), lambda row: row.name)

    def summary(self) -> str:
        """A table of what was found, sorted by total time.

        Returns
        -------
        str
            The time elapsed; a line for each op (and gradient, backward pass, step, …) with its calls, total time, time
            without what it called (self), mean, share of the elapsed time (of self), and bytes read and written; then a
            line for each named interval.
        """
        found = Found.of(self._profile)
        elapsed = found.elapsed_ns / 1e9
        rows = sorted((row for row in found.rows if row.calls), key=lambda row: -row.total_ns)
        head = f"Profiler: {duration(elapsed)} elapsed"
        if self.running:
            head += " so far"
        if not rows:
            return head + ", nothing recorded: call start(), or put the work into `with profiler.profile():`"
        work = [row for row in rows if row.kind != "scope"]
        scopes = merge((row for row in rows if row.kind == "scope"), lambda row: row.name)
        lines = [head + f", {sum(row.calls for row in rows)} calls"]
        titles = ("calls", "total", "self", "mean", "share", "bytes")
        shown = [_cells(row, elapsed) for row in work]
        named = [_cells(row, elapsed) for row in scopes]
        if shown and named:
            shown += [None, ("interval", *titles), None]  # type: ignore[list-item]
        first = "op" if shown else "interval"
        lines += table((first, *titles), shown + named)
        if found.lost:
            lines.append(found.lost_text(self._max_events))
        return "\n".join(lines)

    def key_averages(self, group_by_input_shape: bool = False) -> "EventList":  # noqa: F821
        """The same in PyTorch's form: see :meth:`rustorch.profiler.profile.key_averages`."""
        from ..autograd.profiler_util import averages

        return averages(Found.of(self._profile), group_by_input_shape)

    def export_chrome_trace(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write the events to a file for chrome://tracing or https://ui.perfetto.dev.

        Parameters
        ----------
        path : path
            JSON; packed if it ends in ``.gz``. The file appears whole or not at all.

        Raises
        ------
        SerializationError
            It cannot be written.
        """
        found = Found.of(self._profile)
        write_trace(path, found, {"note": found.lost_text(self._max_events)} if found.lost else None)


def _cells(row: Row, elapsed: float) -> tuple:
    """The row as texts for the table."""
    moved = row.in_bytes + row.out_bytes
    name = f"{row.label} {row.shapes}" if row.shapes else row.label
    share = f"{1e-7 * row.self_ns / elapsed:.1f} %" if elapsed else ""
    times = [duration(ns / 1e9) for ns in (row.total_ns, row.self_ns, row.total_ns / row.calls)]
    return (name, str(row.calls), *times, share, size(moved) if moved else "")

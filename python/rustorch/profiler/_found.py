"""What a profiler has found: rows and events as the engine hands them over, and the trace file written from them."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import time
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from .._commit import WholeFile

DEFAULT_EVENTS = 1_000_000  # 56 bytes each
# RtProfileEvent of rustorch.h.
_EVENT = np.dtype(
    [(name, "i8") for name in ("start_ns", "ns", "in_bytes", "out_bytes", "allocated_bytes", "node")] + [("row", "i4"), ("thread", "i4")]
)

_SUMMED = ("calls", "total_ns", "self_ns", "in_bytes", "out_bytes", "flops", "allocated_bytes", "self_allocated_bytes")


class Row(NamedTuple):
    """All spans of one name: times in nanoseconds, sizes in bytes.

    ``kind`` is op, gradient, backward, optimizer, data, collective, wait or scope; ``backward`` says whether it ran inside
    a backward pass. ``total_ns`` is time with at least one such span open, ``self_ns`` what other spans did not take.
    """

    name: str
    shapes: Optional[str]
    kind: str
    backward: bool
    calls: int
    total_ns: int
    self_ns: int
    min_ns: int
    max_ns: int
    in_bytes: int
    out_bytes: int
    flops: int
    allocated_bytes: int
    self_allocated_bytes: int

    @property
    def label(self) -> str:
        """The name, with a word on where an op was called."""
        return self.name + " (backward)" if self.backward and self.kind == "op" else self.name


def merge(rows: Iterable[Row], key: Any) -> List[Row]:
    """One row for all that have the same key: the first one's names, everything else summed."""
    found: Dict[Any, Row] = {}
    for row in rows:
        at = key(row)
        old = found.get(at)
        if old is not None:
            row = old._replace(
                min_ns=min(old.min_ns, row.min_ns),
                max_ns=max(old.max_ns, row.max_ns),
                **{name: getattr(old, name) + getattr(row, name) for name in _SUMMED},
            )
        found[at] = row
    return list(found.values())


class Found(NamedTuple):
    """All that a profiler knows at one moment."""

    elapsed_ns: int
    rows: List[Row]
    events: np.ndarray  # see _EVENT
    threads: List[Tuple[str, int]]  # name, the system's number
    lost: int  # events there was no room for

    @classmethod
    def of(cls, profile: Any) -> "Found":
        """What a ``_C._Profile`` has."""
        elapsed, rows, events, threads, lost = profile.read()
        return cls(elapsed, [Row(*row) for row in rows], np.frombuffer(events, dtype=_EVENT), threads, lost)

    def lost_text(self, limit: int) -> str:
        """A sentence if events were dropped, else nothing."""
        if not self.lost:
            return ""
        return (
            f"{self.lost} of {self.lost + len(self.events)} events are not in the trace: there is room for {limit}. "
            "The table counts them all; for a longer trace give Profiler a larger max_events."
        )


@contextlib.contextmanager
def atomic_text(path: Union[str, "os.PathLike[str]"]) -> Iterator[Any]:
    """A text file that is there whole or not at all; gzip if its name ends in .gz."""
    path = os.fspath(path)
    with WholeFile(path) as raw:
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=5) if path.endswith(".gz") else None
        yield _Writer(packed or raw)
        if packed:
            packed.close()


class _Writer:
    """Text into a binary file."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "replace"))


# Times count from the beginning of a week: traces of several ranks lie side by side when they are put into one file, and a
# double still holds a nanosecond of them.
_WEEK_NS = 7 * 24 * 3600 * 10**9


def write_trace(path: Union[str, "os.PathLike[str]"], found: Found, metadata: Optional[Dict[str, str]] = None) -> None:
    """Write a trace for chrome://tracing and Perfetto.

    Spans are complete events (``"ph": "X"``) of their thread, in microseconds after ``baseTimeNanoseconds``; collectives,
    which overlap each other, are pairs of asynchronous ones (``"b"``, ``"e"``). Format: Chromium's "Trace Event Format".
    """
    pid = os.getpid()
    ahead = time.time_ns() - time.monotonic_ns()  # of the events' clock
    first = ahead + (int(found.events["start_ns"].min()) if len(found.events) else time.monotonic_ns())
    base = first - first % _WEEK_NS
    with atomic_text(path) as file:
        rank = os.environ.get("RUSTORCH_RANK")
        head: Dict[str, Any] = {"displayTimeUnit": "ms", "baseTimeNanoseconds": base}
        if rank is not None:
            head["distributedInfo"] = {"rank": int(rank), "world_size": int(os.environ.get("RUSTORCH_WORLD_SIZE", "1"))}
        head.update(metadata or {})
        file.write(json.dumps(head)[:-1] + ', "traceEvents": [\n')
        labels = [
            {"ph": "M", "pid": pid, "tid": tid, "name": what, "args": {what.partition("_")[2]: value}}
            for tid, what, value in _labels(found, pid, rank)
        ]
        file.write(",\n".join(map(json.dumps, labels)))
        heads = [json.dumps({"name": row.label, "cat": row.kind, "pid": pid})[:-1] for row in found.rows]
        shapes = [f', "Input Dims": {json.dumps(row.shapes)}' if row.shapes else "" for row in found.rows]
        overlap = [row.kind == "collective" for row in found.rows]
        for number, (start, ns, inside, out, allocated, _, row, thread) in enumerate(found.events.tolist()):
            at, more = start + ahead - base, f'"bytes in": {inside}, "bytes out": {out}, "bytes allocated": {allocated}{shapes[row]}'
            where = f'{heads[row]}, "tid": {found.threads[thread][1]}, "ts": '
            if overlap[row]:
                # numbers of this process alone: those of another rank's trace are others
                own = f'"id2": {{"local": "{number:#x}"}}'
                file.write(f',\n{where}{at / 1000:.3f}, "ph": "b", {own}, "args": {{{more}}}}}')
                file.write(f',\n{where}{(at + ns) / 1000:.3f}, "ph": "e", {own}}}')
            else:
                file.write(f',\n{where}{at / 1000:.3f}, "ph": "X", "dur": {ns / 1000:.3f}, "args": {{{more}}}}}')
        for number, (forward, backward) in enumerate(_gradients(found)):
            for event, way in ((forward, '"ph": "s"'), (backward, '"ph": "f", "bp": "e"')):
                at = (int(event["start_ns"]) + ahead - base) / 1000
                where = f'"pid": {pid}, "tid": {found.threads[event["thread"]][1]}, "ts": {at:.3f}'
                file.write(f',\n{{{way}, "id": {pid << 28 | number}, "cat": "fwdbwd", "name": "fwdbwd", {where}}}')
        file.write("\n]}\n")


def _gradients(found: Found) -> Iterator[Tuple[Any, Any]]:
    """Pairs of events: an op, and the gradient of what it recorded."""
    kinds = np.array([row.kind for row in found.rows] or [""])[found.events["row"]]
    events, recorded = found.events, {}
    for event in events[(events["node"] > 0) & (kinds == "op")]:
        recorded[int(event["node"])] = event
    for event in events[(events["node"] > 0) & (kinds == "gradient")]:
        if int(event["node"]) in recorded:
            yield recorded[int(event["node"])], event


def _labels(found: Found, pid: int, rank: Optional[str]) -> Iterator[Tuple[int, str, Any]]:
    """What a viewer writes beside the tracks, and their order: ranks by number, the main thread before the others."""
    yield pid, "process_name", "rustorch" if rank is None else f"rustorch rank {rank}"
    yield pid, "process_sort_index", int(rank or 0)
    for number in sorted(set(found.events["thread"].tolist())):
        name, system = found.threads[number]
        yield system, "thread_name", "main" if system == pid else name
        yield system, "thread_sort_index", -1 if system == pid else number

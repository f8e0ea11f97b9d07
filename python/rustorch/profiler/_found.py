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

DEFAULT_EVENTS = 1_000_000  # 48 bytes each
# RtProfileEvent of rustorch.h.
_EVENT = np.dtype(
    [(name, "i8") for name in ("start_ns", "ns", "in_bytes", "out_bytes", "allocated_bytes")] + [("row", "i4"), ("thread", "i4")]
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


def write_trace(path: Union[str, "os.PathLike[str]"], found: Found, metadata: Optional[Dict[str, str]] = None) -> None:
    """Write a trace for chrome://tracing and Perfetto.

    Spans are complete events (``"ph": "X"``) of their thread, in microseconds; collectives, which overlap each other, are
    pairs of asynchronous ones (``"b"``, ``"e"``). Format: Chromium's "Trace Event Format".
    """
    pid = os.getpid()
    base = int(found.events["start_ns"].min()) if len(found.events) else time.monotonic_ns()
    with atomic_text(path) as file:
        rank = os.environ.get("RUSTORCH_RANK")
        head: Dict[str, Any] = {"displayTimeUnit": "ms", "baseTimeNanoseconds": time.time_ns() - (time.monotonic_ns() - base)}
        if rank is not None:
            head["distributedInfo"] = {"rank": int(rank), "world_size": int(os.environ.get("RUSTORCH_WORLD_SIZE", "1"))}
        head.update(metadata or {})
        file.write(json.dumps(head)[:-1] + ', "traceEvents": [\n')
        names = [("process_name", pid, "rustorch" if rank is None else f"rustorch rank {rank}")]
        used = set(found.events["thread"].tolist())
        names += [("thread_name", number, f"{name} ({system})") for number, (name, system) in enumerate(found.threads) if number in used]
        labels = ({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {"name": name}} for what, tid, name in names)
        file.write(",\n".join(map(json.dumps, labels)))
        heads = [json.dumps({"name": row.label, "cat": row.kind, "pid": pid})[:-1] for row in found.rows]
        shapes = [f', "Input Dims": {json.dumps(row.shapes)}' if row.shapes else "" for row in found.rows]
        overlap = [row.kind == "collective" for row in found.rows]
        for number, (start, ns, inside, out, allocated, row, thread) in enumerate(found.events.tolist()):
            at, more = start - base, f'"bytes in": {inside}, "bytes out": {out}, "bytes allocated": {allocated}{shapes[row]}'
            line = f'{heads[row]}, "tid": {thread}, "ts": {at / 1000:.3f}'
            if overlap[row]:
                end = f'{heads[row]}, "tid": {thread}, "ts": {(at + ns) / 1000:.3f}'
                file.write(f',\n{line}, "ph": "b", "id": {number}, "args": {{{more}}}}},\n{end}, "ph": "e", "id": {number}}}')
            else:
                file.write(f',\n{line}, "ph": "X", "dur": {ns / 1000:.3f}, "args": {{{more}}}}}')
        file.write("\n]}\n")

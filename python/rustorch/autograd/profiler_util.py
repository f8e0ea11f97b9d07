"""Rows and tables of a profiler in PyTorch's form: times in microseconds."""

from __future__ import annotations

import difflib
import enum
import json
import os
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from .. import _C
from .._columns import table
from ..profiler._found import Found, Row, merge, write_trace

__all__ = ["DeviceType", "EventList", "FunctionEvent", "FunctionEventAvg"]


class DeviceType(enum.Enum):
    """Where something ran: on the CPU, the only place there is.

    Examples
    --------
    >>> with rustorch.profiler.profile() as prof:
    ...     y = rustorch.ones(3).exp()
    >>> prof.key_averages()[0].device_type
    <DeviceType.CPU: 0>
    """

    CPU = 0


def _lists(shapes: Optional[str]) -> List[List[int]]:
    """[[64, 784], []] of the engine's text, in which nothing stands for an absent tensor."""
    if not shapes:
        return []
    inside = shapes[1:-1].replace("], ", "]|").replace(", [", "|[").replace(", ,", "||").replace(", ,", "||")
    return [json.loads(part) if part.startswith("[") else [] for part in inside.split("|")] if inside else []


def _name(row: Row) -> str:
    """The name of a row or event: the steps of a schedule have one, as in PyTorch."""
    return "ProfilerStep*" if row.kind == "scope" and row.name.startswith("ProfilerStep#") else row.name


class _OnCPU:
    """What PyTorch's events also have: times as text, and numbers of a device that is not there."""

    cpu_time: float
    cpu_time_total: float
    self_cpu_time_total: float

    device_type = DeviceType.CPU
    is_legacy = False
    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    xpu_time = xpu_time_total = self_xpu_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0
    cuda_memory_usage = self_cuda_memory_usage = 0
    is_remote, node_id, use_device = False, -1, None
    cpu_time_str = property(lambda self: _time(self.cpu_time), doc="The mean time of a call with its unit.")
    cpu_time_total_str = property(lambda self: _time(self.cpu_time_total), doc="The time in all with its unit.")
    self_cpu_time_total_str = property(lambda self: _time(self.self_cpu_time_total), doc="The time without what it called, with its unit.")


class FunctionEventAvg(_OnCPU):
    """All calls of one name.

    Attributes
    ----------
    key : str
    count : int
    cpu_time_total, self_cpu_time_total, cpu_time : float
        Microseconds: in all, without what it called, and the mean of a call.
    cpu_memory_usage, self_cpu_memory_usage : int
        Bytes asked of the allocator.
    bytes_in, bytes_out : int
        Bytes of the tensors read and made.
    input_shapes : list of lists
        Empty unless shapes were recorded.
    flops : int
        Additions and multiplications in products, convolutions and attention.
    is_async : bool
        It runs beside other work of its thread: a collective.

    Examples
    --------
    >>> with rustorch.profiler.profile(record_shapes=True, with_flops=True) as prof:
    ...     y = rustorch.ones(2, 3) @ rustorch.ones(3, 4)
    >>> (row,) = [row for row in prof.key_averages(group_by_input_shape=True) if row.key == "mm"]
    >>> row.count, row.input_shapes, row.flops, row.cpu_time_total > 0
    (1, [[2, 3], [3, 4]], 48, True)
    """

    def __init__(self, row: Row) -> None:
        self.key = _name(row)
        self.count = row.calls
        self.cpu_time_total = row.total_ns / 1e3
        self.self_cpu_time_total = row.self_ns / 1e3
        self.cpu_time = self.cpu_time_total / row.calls
        self.cpu_memory_usage = row.allocated_bytes
        self.self_cpu_memory_usage = row.self_allocated_bytes
        self.bytes_in, self.bytes_out = row.in_bytes, row.out_bytes
        self.input_shapes = _lists(row.shapes)
        self.stack: List[str] = []
        self.flops = row.flops
        self.kind = row.kind
        self.is_async = row.kind == "collective"
        self.is_user_annotation = row.kind == "scope"

    def __repr__(self) -> str:
        own = self.self_cpu_time_total / self.count
        return f"<FunctionEventAvg key={self.key} count={self.count} cpu_time={_time(self.cpu_time)} self_cpu_time={_time(own)}>"


class _Span:
    """A piece of time in microseconds."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it is."""
        return self.end - self.start


class FunctionEvent(_OnCPU):
    """One call: ``name``, ``time_range`` (``start`` and ``end``, microseconds after the first event), ``cpu_time_total``,
    ``thread``, ``input_shapes``, ``is_async``; ``cpu_parent`` is the call that it is a part of or None, ``cpu_children`` are its parts.

    Examples
    --------
    >>> with rustorch.profiler.profile() as prof:
    ...     y = rustorch.ones(3).exp().log()
    >>> exp, log = [event for event in prof.events() if event.name in ("exp", "log")]
    >>> exp.time_range.end <= log.time_range.start, exp.cpu_parent
    (True, None)
    """

    count = 1

    def __init__(self, row: Row, start_us: float, us: float, thread: int, allocated: int) -> None:
        self.name = self.key = _name(row)
        self.time_range = _Span(start_us, start_us + us)
        self.cpu_time_total = self.cpu_time = us
        self.thread = thread
        self.input_shapes = _lists(row.shapes)
        self.cpu_memory_usage = allocated
        self.is_async = row.kind == "collective"
        self.is_user_annotation = row.kind == "scope"
        self.cpu_parent: Optional[FunctionEvent] = None
        self.cpu_children: List[FunctionEvent] = []

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds without the calls that are parts of it."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    def __repr__(self) -> str:
        return f"<FunctionEvent name={self.name} thread={self.thread} start={_time(self.time_range.start)} cpu_time={_time(self.cpu_time)}>"


class EventList(list):
    """Rows (or single events) of a profiler, with :meth:`table`.

    Examples
    --------
    >>> with rustorch.profiler.profile() as prof:
    ...     y = rustorch.ones(3).exp()
    >>> text = prof.key_averages().table(sort_by="cpu_time_total", row_limit=5)
    >>> text.splitlines()[0]
    'Name  Self CPU %  Self CPU  CPU total %  CPU total  CPU time avg  # of Calls'
    """

    def __init__(self, items: Any, found: Found, memory: bool = False, flops: bool = False) -> None:
        super().__init__(items)
        self._found = found
        self._memory, self._flops = memory, flops

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all rows took themselves."""
        return sum(item.self_cpu_time_total for item in self if not item.is_async)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> "EventList":
        """One row for each name: see :meth:`rustorch.profiler.profile.key_averages`."""
        _no_stacks("key_averages: group_by_stack_n", group_by_stack_n)
        return averages(self._found, group_by_input_shape, self._memory, self._flops)

    def total_average(self) -> FunctionEventAvg:
        """One row with the sums of all."""
        rows = merge((row for row in self._found.rows if row.calls), lambda row: None)
        if not rows:
            raise _C.RusTorchError("total_average: nothing was recorded")
        return FunctionEventAvg(rows[0]._replace(name="Total", shapes=None, kind="scope"))

    def export_chrome_trace(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write the events to a file for chrome://tracing or Perfetto."""
        write_trace(path, self._found)

    def table(
        self,
        sort_by: Optional[str] = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: Optional[str] = None,
        top_level_events_only: bool = False,
        time_unit: Optional[str] = None,
    ) -> str:
        """The rows as a table.

        Parameters
        ----------
        sort_by : str, optional
            ``cpu_time_total``, ``self_cpu_time_total``, ``cpu_time``, ``count``, ``cpu_memory_usage``,
            ``self_cpu_memory_usage`` or ``flops``, the largest first; by default as they are. The names for CUDA and other
            devices are taken too: those times are 0.
        row_limit : int, default 100
            The most rows shown; -1 shows all.
        max_src_column_width : int
            There is no column of sources.
        max_name_column_width, max_shapes_column_width : int
            Longer texts are cut.
        header : str, optional
            A line above the table.
        top_level_events_only : bool
            Must be False: rows are sums, which have no place in the nesting.
        time_unit : {"s", "ms", "us"}, optional
            Of all times; by default of each what fits it.

        Raises
        ------
        ValueError
            sort_by or time_unit is none of these.
        """
        if top_level_events_only:
            raise _C.UnsupportedError("table: top_level_events_only=True is not supported: look at export_chrome_trace")
        if time_unit not in (None, "s", "ms", "us"):
            raise _C.ArgumentValueError(f"table: time_unit must be 's', 'ms', 'us' or None, not {time_unit!r}")
        if self and isinstance(self[0], FunctionEvent):
            widths = (max_src_column_width, max_name_column_width, max_shapes_column_width)
            return self.key_averages().table(sort_by, row_limit, *widths, header, time_unit=time_unit)
        rows: List[FunctionEventAvg] = self if sort_by is None else sorted(self, key=_sort_key(sort_by))
        whole = self.self_cpu_time_total
        shown = rows if row_limit < 0 else rows[:row_limit]
        with_shapes = any(row.input_shapes for row in rows)
        titles = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
        titles += ["CPU Mem", "Self CPU Mem"] * self._memory + ["Input Shapes"] * with_shapes + ["MFLOPs"] * self._flops
        lines = []
        for row in shown:
            times = (row.self_cpu_time_total, row.cpu_time_total, row.cpu_time)
            own, total, mean = (_time(us, time_unit) for us in times)
            cells = [row.key, _percent(times[0], whole), own, _percent(times[1], whole), total, mean, str(row.count)]
            cells += [_memory(row.cpu_memory_usage), _memory(row.self_cpu_memory_usage)] * self._memory
            shapes = str(row.input_shapes)
            cells += [shapes if len(shapes) <= max_shapes_column_width else shapes[: max_shapes_column_width - 3] + "..."] * with_shapes
            cells += [f"{row.flops / 1e6:.3f}" if row.flops else "--"] * self._flops
            lines.append(cells)
        text = table(titles, lines, max_name_column_width)
        return "\n".join([header] * bool(header) + text + [text[1], f"Self CPU time total: {_time(whole, time_unit)}"]) + "\n"


_SORT_KEYS = (
    "cpu_time", "cuda_time", "xpu_time", "device_time", "cpu_time_total", "cuda_time_total", "xpu_time_total", "device_time_total",
    "self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_device_time_total",
    "cpu_memory_usage", "cuda_memory_usage", "device_memory_usage", "self_cpu_memory_usage", "self_cuda_memory_usage",
    "self_device_memory_usage", "count", "flops",
)  # fmt: skip


def _sort_key(name: str) -> Any:
    if name not in _SORT_KEYS:
        near = difflib.get_close_matches(str(name), _SORT_KEYS, 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise _C.ArgumentValueError(f"table: rows cannot be sorted by {name!r}{meant}; known are: {', '.join(_SORT_KEYS)}")
    return lambda row: -getattr(row, name)


def _no_stacks(what: str, value: Any) -> None:
    if value:
        raise _C.UnsupportedError(f"{what} is not supported: stacks are not recorded. Name what matters with record_function")


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "--"


def _time(us: float, unit: Optional[str] = None) -> str:
    """123.456us, 1.234ms or 1.234s."""
    scale, unit = {"s": (1e6, "s"), "ms": (1e3, "ms"), "us": (1.0, "us")}[unit or ("s" if us >= 1e6 else "ms" if us >= 1e3 else "us")]
    return f"{us / scale:.3f}{unit}"


def _memory(count: int) -> str:
    for scale, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if count >= scale:
            return f"{count / scale:.2f} {unit}"
    return f"{count} B"


def averages(found: Found, by_shape: bool = False, memory: bool = False, flops: bool = False) -> EventList:
    """One row for each name, and with by_shape for each set of input shapes; the longest total first."""
    rows = merge((row for row in found.rows if row.calls), lambda row: (_name(row), row.shapes if by_shape else None))
    rows = [row if by_shape else row._replace(shapes=None) for row in rows]
    return EventList([FunctionEventAvg(row) for row in sorted(rows, key=lambda row: -row.total_ns)], found, memory, flops)


def events(found: Found, memory: bool = False, flops: bool = False) -> EventList:
    """Every call, in the order of their starts."""
    return EventList(_each(found), found, memory, flops)


def _each(found: Found) -> Iterator[FunctionEvent]:
    order = np.lexsort((-found.events["ns"], found.events["start_ns"]))  # what holds others before them
    base: Dict[str, int] = {}
    around: Dict[int, List[Tuple[int, FunctionEvent]]] = {}  # of each thread the calls that may hold the next one, with their ends
    for start, ns, _, _, allocated, row, thread in found.events[order].tolist():
        begin = base.setdefault("start", start)
        event = FunctionEvent(found.rows[row], (start - begin) / 1e3, ns / 1e3, found.threads[thread][1], allocated)
        if not event.is_async:
            holders = around.setdefault(thread, [])
            while holders and holders[-1][0] < start + ns:
                holders.pop()
            if holders:
                event.cpu_parent = holders[-1][1]
                event.cpu_parent.cpu_children.append(event)
            holders.append((start + ns, event))
        yield event

"""``profile``, ``schedule``, ``record_function``: what :mod:`rustorch.profiler` exports."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import socket
import time
import warnings
from typing import Any, Callable, Dict, Iterable, Optional, Set, Union

from .. import _C
from ._found import DEFAULT_EVENTS, Found, write_trace

__all__ = [
    "ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule", "supported_activities",
    "tensorboard_trace_handler",
]  # fmt: skip


class ProfilerActivity(enum.Enum):
    """What to measure. Only the CPU is there; the others are taken with a warning, and find nothing.

    Examples
    --------
    >>> from rustorch.profiler import ProfilerActivity, profile
    >>> with profile(activities=[ProfilerActivity.CPU]) as prof:
    ...     y = rustorch.ones(3).tanh()
    >>> [row.count for row in prof.key_averages() if row.key == "tanh"]
    [1]
    """

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a schedule says of a step.

    Examples
    --------
    >>> from rustorch.profiler import ProfilerAction, profile
    >>> def every_tenth(step):
    ...     return ProfilerAction.RECORD_AND_SAVE if step % 10 == 9 else ProfilerAction.NONE
    >>> with profile(schedule=every_tenth, on_trace_ready=lambda prof: print("step", prof.step_num)) as prof:
    ...     for step in range(25):
    ...         prof.step()
    step 10
    step 20
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> Set[ProfilerActivity]:
    """The activities that are measured.

    >>> rustorch.profiler.supported_activities()
    {<ProfilerActivity.CPU: 0>}
    """
    return {ProfilerActivity.CPU}


class record_function(contextlib.ContextDecorator):
    """Names what runs inside, in tables and traces. Costs next to nothing while no profiler runs.

    Parameters
    ----------
    name : str
    args : str, optional
        Stands behind the name, in parentheses.

    Examples
    --------
    >>> from rustorch.profiler import record_function
    >>> with record_function("forward"):
    ...     y = rustorch.zeros(3) + 1
    >>> @record_function("double")
    ... def double(x):
    ...     return 2 * x
    >>> double(y)
    tensor([2., 2., 2.])
    """

    def __init__(self, name: str, args: Optional[str] = None) -> None:
        if not isinstance(name, str):
            raise _C.ArgumentTypeError(f"record_function: name must be a str, not {type(name).__name__}")
        self.name = name
        self.args = args
        self._span = 0

    def _recreate_cm(self) -> "record_function":  # of a decorated function, which may call itself
        return record_function(self.name, self.args)

    def __enter__(self) -> "record_function":
        self._span = _C._profile_enter(self.name if self.args is None else f"{self.name}({self.args})")
        return self

    def __exit__(self, *error: object) -> None:
        _C._profile_leave(self._span)


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """What to do at each step: skip ``skip_first``, then over and over wait, warm up, and record.

    Parameters
    ----------
    wait, warmup, active : int
        Steps of a cycle in which nothing is recorded, and in which it is. After the last one the result is handed to
        ``on_trace_ready``.
    repeat : int, default 0
        Cycles; 0 goes on to the end.
    skip_first : int, default 0
        Steps before the first cycle.
    skip_first_wait : int, default 0
        Not 0: the first cycle does not wait.

    Returns
    -------
    callable
        From the number of a step to a :class:`ProfilerAction`.

    Examples
    --------
    >>> from rustorch.profiler import schedule
    >>> plan = schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    given = {"wait": wait, "warmup": warmup, "active": active, "repeat": repeat, "skip_first": skip_first}
    for name, value in given.items():
        least = 1 if name == "active" else 0
        if not isinstance(value, int) or value < least:
            raise _C.ArgumentValueError(f"schedule: {name} must be an int of at least {least}, not {value!r}")
    cycle = wait + warmup + active

    def plan(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step += (wait if skip_first_wait else 0) - skip_first
        if repeat and step >= repeat * cycle:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return plan


def tensorboard_trace_handler(
    dir_name: Union[str, "os.PathLike[str]"], worker_name: Optional[str] = None, use_gzip: bool = False
) -> Callable[["profile"], None]:
    """For ``on_trace_ready``: writes each result to a file of its own, where TensorBoard's profiler plug-in looks for it.

    Parameters
    ----------
    dir_name : path
        A folder, made when it is not there.
    worker_name : str, optional
        The first part of the file's name; by default host, process (and rank).
    use_gzip : bool, default False

    Examples
    --------
    >>> import os
    >>> from rustorch.profiler import profile, tensorboard_trace_handler
    >>> with profile(on_trace_ready=tensorboard_trace_handler("runs", worker_name="me", use_gzip=True)):
    ...     y = rustorch.ones(3).exp()
    >>> [name.split(".", 2)[0::2] for name in os.listdir("runs")]
    [['me', 'pt.trace.json.gz']]
    """

    def write(prof: "profile") -> None:
        os.makedirs(dir_name, exist_ok=True)
        rank = os.environ.get("RUSTORCH_RANK")
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}" + (f"_rank{rank}" if rank else "")
        name = f"{worker}.{time.time_ns()}.pt.trace.json" + ".gz" * use_gzip
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return write


def _record_always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


_RECORDS = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile:
    """Measures what runs inside: a context manager, or :meth:`start` and :meth:`stop`.

    Parameters
    ----------
    activities : iterable of ProfilerActivity, optional
        The CPU is measured always. Others are not there: they are left out with a warning.
    schedule : callable, optional
        From the number of a step to a :class:`ProfilerAction`, as :func:`schedule` gives it; then call :meth:`step` after
        each step. Without it everything is recorded.
    on_trace_ready : callable, optional
        Called with this object when a cycle of the schedule is through, and at the end.
    record_shapes : bool, default False
        A row for each set of input shapes, with ``key_averages(group_by_input_shape=True)``.
    profile_memory : bool, default False
        Show the bytes asked of the allocator in tables.
    with_stack, with_modules : bool
        Must be False: Python's stack is not recorded.
    with_flops : bool, default False
        Show the additions and multiplications of products, convolutions and attention in tables.
    experimental_config, execution_trace_observer, custom_trace_id_callback : optional
        Must be None.
    acc_events : bool, default False
        Keep what earlier cycles of the schedule found.
    use_cuda : bool, optional
        The old way to ask for CUDA: a warning.

    Raises
    ------
    UnsupportedError
        An option that cannot be honoured.
    RusTorchError
        On start: another profiler is running.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.profiler import profile, schedule
    >>> def ready(prof):
    ...     print([row.count for row in prof.key_averages() if row.key == "relu"])
    >>> with profile(schedule=schedule(wait=1, warmup=1, active=2, repeat=1), on_trace_ready=ready) as prof:
    ...     for step in range(6):
    ...         y = torch.relu(torch.ones(3))
    ...         prof.step()
    [2]
    """

    def __init__(
        self,
        *,
        activities: Optional[Iterable[ProfilerActivity]] = None,
        schedule: Optional[Callable[[int], ProfilerAction]] = None,
        on_trace_ready: Optional[Callable[["profile"], Any]] = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: Optional[bool] = None,
        custom_trace_id_callback: Any = None,
    ) -> None:
        refuse(
            "profile", with_stack=with_stack, with_modules=with_modules, experimental_config=experimental_config,
            execution_trace_observer=execution_trace_observer, custom_trace_id_callback=custom_trace_id_callback,
        )  # fmt: skip
        self.activities = set(activities) if activities is not None else supported_activities()
        if use_cuda:
            self.activities.add(ProfilerActivity.CUDA)
        for activity in sorted(self.activities - supported_activities(), key=str):
            if not isinstance(activity, ProfilerActivity):
                raise _C.ArgumentTypeError(f"profile: activities must be of ProfilerActivity, not {type(activity).__name__}")
            warnings.warn(f"{activity.name} is not available, disabling {activity.name} profiling", stacklevel=2)
        if schedule is not None and not callable(schedule):
            kind = type(schedule).__name__
            raise _C.ArgumentTypeError(f"profile: schedule must be callable, as schedule(wait=…, …) gives it, not {kind}")
        self.schedule = schedule or _record_always
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory, self.with_flops = record_shapes, profile_memory, with_flops
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._record_steps = schedule is not None
        self._span = 0
        self._metadata: Dict[str, str] = {}
        self._profile = _C._Profile(DEFAULT_EVENTS, record_shapes)
        self._active = False

    def __enter__(self) -> "profile":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with step 0 of the schedule."""
        if self._active:
            raise _C.RusTorchError("the profiler is running already: stop() it before it is started again")
        self._go_to(self.schedule(self.step_num))
        self._active = True

    def stop(self) -> None:
        """End; hand a result that is not handed over yet to ``on_trace_ready``."""
        if not self._active:
            raise _C.RusTorchError("the profiler is not running: start() it first")
        self._active = False
        self._go_to(ProfilerAction.NONE, at_end=True)

    def step(self) -> None:
        """The next step of the schedule begins."""
        if not self._active:
            raise _C.RusTorchError("step: the profiler is not running: start() it first")
        _C._profile_leave(self._span)
        self.step_num += 1
        self._go_to(self.schedule(self.step_num))

    def _go_to(self, action: ProfilerAction, at_end: bool = False) -> None:
        """From the current action to another one."""
        if not isinstance(action, ProfilerAction):
            raise _C.ArgumentTypeError(f"profile: the schedule must return a ProfilerAction, not {type(action).__name__}")
        before, self.current_action = self.current_action, action
        complete = before is ProfilerAction.RECORD_AND_SAVE or (at_end and before is ProfilerAction.RECORD)
        if before in _RECORDS and (complete or action not in _RECORDS):
            _C._profile_leave(self._span)
            if self._profile.running:
                self._profile.stop()
            if not complete:
                warnings.warn("the schedule ends a recording without RECORD_AND_SAVE: it is not handed to on_trace_ready", stacklevel=4)
        if complete and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        if action in _RECORDS:
            if not self._profile.running:
                if not self.acc_events:
                    self._profile.reset()
                self._profile.start()
            if self._record_steps:
                self._span = _C._profile_enter(f"ProfilerStep#{self.step_num}")

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> "EventList":  # noqa: F821
        """One row for each op and scope: see :class:`rustorch.autograd.profiler.FunctionEventAvg`.

        Parameters
        ----------
        group_by_input_shape : bool, default False
            One for each set of input shapes; needs ``record_shapes=True``.
        group_by_stack_n : int
            Must be 0: stacks are not recorded.

        Returns
        -------
        EventList
            A list with ``table(sort_by=None, row_limit=100)``.
        """
        from ..autograd import profiler_util

        profiler_util._no_stacks("key_averages: group_by_stack_n", group_by_stack_n)
        if group_by_input_shape and not self.record_shapes:
            raise _C.ArgumentValueError("key_averages: group_by_input_shape=True needs profile(record_shapes=True)")
        return profiler_util.averages(Found.of(self._profile), group_by_input_shape, self.profile_memory, self.with_flops)

    def events(self) -> "EventList":  # noqa: F821
        """Every call, in the order of their starts."""
        from ..autograd import profiler_util

        return profiler_util.events(Found.of(self._profile), self.profile_memory, self.with_flops)

    def export_chrome_trace(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write the events to a file for chrome://tracing or https://ui.perfetto.dev; packed if it ends in ``.gz``."""
        found = Found.of(self._profile)
        note = {"note": found.lost_text(DEFAULT_EVENTS)} if found.lost else {}
        write_trace(path, found, {**self._metadata, **note})

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Not supported: stacks are not recorded.

        Raises
        ------
        UnsupportedError
            Always.
        """
        raise _C.UnsupportedError("export_stacks is not supported: stacks are not recorded; export_chrome_trace shows how calls nest")

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text into the trace file."""
        self._metadata[str(key)] = str(value)

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put a piece of JSON into the trace file."""
        try:
            self._metadata[str(key)] = json.loads(value)
        except ValueError as error:
            raise _C.ArgumentValueError(f"add_metadata_json: {value!r} is no JSON: {error}") from error

    preset_metadata_json = add_metadata_json


def refuse(what: str, **options: Any) -> None:
    """An error for the first of the options that is asked for."""
    for name, value in options.items():
        if value:
            why = "there is nothing it could do here"
            if name.startswith("with_"):
                why = "Python's stack is not recorded; name what matters with record_function"
            raise _C.UnsupportedError(f"{what}: {name}={value!r} is not supported: {why}")

"""``rustorch.autograd.profiler``: the older spelling of :mod:`rustorch.profiler`."""

from __future__ import annotations

from typing import Any, Iterable, Optional, Union

from .. import _C
from ..profiler.profiler import ProfilerActivity, record_function, refuse
from ..profiler.profiler import profile as _profile
from .profiler_util import DeviceType, EventList, FunctionEvent, FunctionEventAvg

__all__ = ["DeviceType", "EventList", "FunctionEvent", "FunctionEventAvg", "emit_nvtx", "profile", "record_function"]


class profile:
    """Measures what runs inside.

    Parameters
    ----------
    enabled : bool, default True
        False measures nothing.
    use_cuda : bool, default False
        There is no CUDA: a warning.
    use_device : str, optional
        "cpu" or None; another one is a warning.
    record_shapes, with_flops, profile_memory, acc_events : bool, default False
        As in :class:`rustorch.profiler.profile`.
    with_stack, with_modules, experimental_config, custom_trace_id_callback
        Must not be given.
    use_kineto : bool
        There is one way to measure.
    use_cpu : bool
        Must be True.

    Examples
    --------
    >>> with rustorch.autograd.profiler.profile() as prof:
    ...     y = rustorch.ones(3).exp()
    >>> [row.key for row in prof.key_averages() if row.key == "exp"]
    ['exp']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: Optional[str] = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
    ) -> None:
        if not use_cpu:
            raise _C.UnsupportedError("profile: use_cpu=False is not supported: the CPU is all there is to measure")
        refuse(
            "profile", with_stack=with_stack, with_modules=with_modules, experimental_config=experimental_config,
            custom_trace_id_callback=custom_trace_id_callback,
        )  # fmt: skip
        other = use_device if use_device not in (None, "cpu") else "cuda" if use_cuda else None
        activities: Iterable[ProfilerActivity] = [ProfilerActivity.CPU]
        if other is not None:
            named = [activity for activity in ProfilerActivity if activity.name.lower() == other.lower()]
            if not named:
                raise _C.ArgumentValueError(f"profile: there is no device {other!r}")
            activities = [ProfilerActivity.CPU, *named]
        self.enabled = enabled
        self._profile = _profile(
            activities=activities, record_shapes=record_shapes, with_flops=with_flops, profile_memory=profile_memory, acc_events=acc_events
        )  # fmt: skip

    def __enter__(self) -> "profile":
        if self.enabled:
            self._profile.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.enabled:
            self._profile.stop()

    def __str__(self) -> str:
        return self.table()

    @property
    def function_events(self) -> EventList:
        """Every call, in the order of their starts."""
        return self._profile.events()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that everything took itself."""
        return self.key_averages().self_cpu_time_total

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """One row for each op and scope."""
        return self._profile.key_averages(group_by_input_shape, group_by_stack_n)

    def table(self, sort_by: Optional[str] = None, row_limit: int = 100, **options: Any) -> str:
        """The rows as a table: see :meth:`EventList.table`."""
        return self.key_averages().table(sort_by, row_limit, **options)

    def total_average(self) -> FunctionEventAvg:
        """One row with the sums of all."""
        return self.key_averages().total_average()

    def export_chrome_trace(self, path: Union[str, Any]) -> None:
        """Write the events to a file for chrome://tracing or Perfetto."""
        self._profile.export_chrome_trace(path)


class emit_nvtx:
    """Marks for NVIDIA's tools, which need CUDA: entering it is an error, unless ``enabled`` is False.

    Examples
    --------
    >>> with rustorch.autograd.profiler.emit_nvtx(enabled=rustorch.cuda.is_available()):
    ...     y = rustorch.ones(3).exp()
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled
        self.record_shapes = record_shapes

    def __enter__(self) -> "emit_nvtx":
        if self.enabled:
            raise _C.UnsupportedError("emit_nvtx: NVTX needs CUDA, which is not there: use rustorch.profiler.profile")
        return self

    def __exit__(self, *error: object) -> None:
        pass

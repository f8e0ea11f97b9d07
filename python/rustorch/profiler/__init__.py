"""The profiler under PyTorch's names: ``profile``, ``record_function``, ``schedule``.

:class:`rustorch.utils.Profiler` is the same in fewer words; ``docs/profiling.md`` shows both.

Examples
--------
>>> import rustorch as torch
>>> from rustorch.profiler import ProfilerActivity, profile, record_function
>>> x = torch.randn(64, 32)
>>> with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof:
...     with record_function("forward"):
...         y = x @ x.T
>>> [(row.key, row.count) for row in prof.key_averages() if row.key in ("forward", "mm")]
[('forward', 1), ('mm', 1)]
"""

from .profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]

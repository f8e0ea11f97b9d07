"""Memory of the GPUs: without one nothing is held, and these functions say 0. The examples show what they say there.

Examples
--------
>>> import rustorch
>>> f"{rustorch.cuda.max_memory_allocated() / 1e6:.1f} MB on GPUs"
'0.0 MB on GPUs'
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, List, Tuple

from rustorch import _C
from rustorch._no_device import NO_GPU as _NO_GPU
from rustorch._no_device import shows as _shows

__all__ = [
    "list_gpu_processes", "max_memory_allocated", "max_memory_cached", "max_memory_reserved", "mem_get_info", "memory_allocated",
    "memory_cached", "memory_reserved", "memory_snapshot", "memory_stats", "memory_stats_as_nested_dict", "memory_summary",
    "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached", "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]  # fmt: skip


def _held(device: Any) -> int:
    """0: there are no tensors on a GPU. An error for what is no device."""
    if device is not None and not isinstance(device, int):
        _C.device(device)
    return 0


@_shows("cuda.memory_allocated()", 0)
def memory_allocated(device: Any = None) -> int:
    """Bytes in tensors on the GPU; 0 without one."""
    return _held(device)


@_shows("cuda.max_memory_allocated(0)", 0)
def max_memory_allocated(device: Any = None) -> int:
    """The most bytes in tensors on the GPU since the start; 0 without one."""
    return _held(device)


@_shows("cuda.memory_reserved()", 0)
def memory_reserved(device: Any = None) -> int:
    """Bytes that the allocator of the GPU holds; 0 without one."""
    return _held(device)


@_shows("cuda.max_memory_reserved()", 0)
def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator of the GPU has held; 0 without one."""
    return _held(device)


memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


@_shows('cuda.memory_stats().get("allocated_bytes.all.peak", 0)', 0)
def memory_stats(device: Any = None) -> "OrderedDict[str, Any]":
    """Counters of the allocator of the GPU; none without one."""
    _held(device)
    return OrderedDict()


@_shows("cuda.memory_stats_as_nested_dict()", {})
def memory_stats_as_nested_dict(device: Any = None) -> Dict[str, Any]:
    """The counters as dictionaries in one another; none without a GPU."""
    _held(device)
    return {}


@_shows("cuda.memory_snapshot()", [])
def memory_snapshot(mempool_id: Any = None) -> List[Dict[str, Any]]:
    """What the allocators of the GPUs hold, piece by piece; nothing without a GPU."""
    return []


@_shows("cuda.memory_summary()", "no memory is held on a GPU: there is none")
def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The counters as a text."""
    _held(device)
    return "no memory is held on a GPU: there is none"


@_shows("cuda.list_gpu_processes()", "no processes use a GPU: there is none")
def list_gpu_processes(device: Any = None) -> str:
    """The processes on the GPU and their memory, as a text."""
    _held(device)
    return "no processes use a GPU: there is none"


@_shows("cuda.reset_peak_memory_stats()")
def reset_peak_memory_stats(device: Any = None) -> None:
    """Start the peaks anew; nothing without a GPU."""
    _held(device)


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


@_shows("cuda.reset_accumulated_memory_stats()")
def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Start the sums anew; nothing without a GPU."""
    _held(device)


@_shows("cuda.mem_get_info()", _NO_GPU)
def mem_get_info(device: Any = None) -> Tuple[int, int]:
    """Free and all bytes of the GPU. A DeviceError without one."""
    _C._check_device(_C.device("cuda", 0))
    raise _C.UnsupportedError("cuda.mem_get_info: the backend of this GPU does not tell")


@_shows("cuda.set_per_process_memory_fraction(0.5)", _NO_GPU)
def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let tensors take at most this part of the memory of the GPU. A DeviceError without one.

    :func:`rustorch.set_memory_limit` limits the memory of the CPU.
    """
    _C._check_device(_C.device("cuda", 0))
    raise _C.UnsupportedError("cuda.set_per_process_memory_fraction: the backend of this GPU has no limit")

"""Memory of the GPUs: without one nothing is held, and these functions say 0."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from rustorch import _C

__all__ = [
    "max_memory_allocated", "max_memory_cached", "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached",
    "memory_reserved", "memory_stats", "memory_summary", "reset_max_memory_allocated", "reset_peak_memory_stats",
]  # fmt: skip


def _held(device: Any = None) -> int:
    """0 where there is no GPU; a DeviceError for one that is named and not there."""
    if device is not None:
        _C._check_device(_C.device("cuda", device) if isinstance(device, int) else _C.device(device))
    return 0


def memory_allocated(device: Any = None) -> int:
    """Bytes in tensors on the GPU; 0 without one."""
    return _held(device)


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes in tensors on the GPU since the start; 0 without one."""
    return _held(device)


def memory_reserved(device: Any = None) -> int:
    """Bytes that the allocator of the GPU holds; 0 without one."""
    return _held(device)


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator of the GPU has held; 0 without one."""
    return _held(device)


memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


def memory_stats(device: Any = None) -> Dict[str, int]:
    """Counters of the allocator of the GPU; none without one."""
    _held(device)
    return {}


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The counters as a text."""
    _held(device)
    return "no memory is held on a GPU: there is none"


def reset_peak_memory_stats(device: Any = None) -> None:
    """Start the peaks anew; nothing without a GPU."""
    _held(device)


reset_max_memory_allocated = reset_peak_memory_stats


def mem_get_info(device: Any = None) -> Tuple[int, int]:
    """Free and all bytes of the GPU.

    Raises
    ------
    DeviceError
        There is no GPU.
    """
    _held(0 if device is None else device)
    raise _C.UnsupportedError("cuda.mem_get_info: the backend of this GPU does not tell")

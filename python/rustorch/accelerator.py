"""The GPU that this build can use, whatever its make: PyTorch's way to ask without naming one.

The examples show what the functions say where there is no GPU.

Examples
--------
>>> import rustorch
>>> device = rustorch.accelerator.current_accelerator() if rustorch.accelerator.is_available() else "cpu"
>>> rustorch.zeros(2, device=device).sum().item()
0.0
"""

from __future__ import annotations

import contextlib as _contextlib
import importlib
from typing import Any, Dict, Optional, Tuple

from rustorch import _C, cuda
from rustorch._no_device import NO_GPU as _NO_GPU
from rustorch._no_device import shows as _shows
from rustorch.cuda.memory import (
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    memory_stats,
    reset_accumulated_memory_stats,
    reset_peak_memory_stats,
)

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count", "device_index", "empty_cache",
    "get_device_capability", "get_memory_info", "is_available", "max_memory_allocated", "max_memory_reserved", "memory_allocated",
    "memory_reserved", "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx", "set_device_index",
    "set_stream", "synchronize",
]  # fmt: skip


@_shows("accelerator.is_available()", False)
def is_available() -> bool:
    """Whether there is a GPU that rustorch can use."""
    return cuda.is_available()


@_shows("accelerator.device_count()", 0)
def device_count() -> int:
    """The number of GPUs that rustorch can use."""
    return cuda.device_count()


@_shows('accelerator.current_accelerator() or "cpu"', "cpu")
def current_accelerator(check_available: bool = False) -> Optional[Any]:
    """The device, or None where there is none.

    Parameters
    ----------
    check_available : bool
        PyTorch's question whether the device that it was built for is there, which is always asked here.
    """
    return _C.device("cuda") if is_available() else None


@_shows("accelerator.current_device_index()", _NO_GPU)
def current_device_index() -> int:
    """The number of the GPU that is used when none is named. A DeviceError without one."""
    return cuda.current_device()


@_shows("accelerator.set_device_index(0)", _NO_GPU)
def set_device_index(device: Any) -> None:
    """Use the GPU of that number when none is named. A DeviceError without one."""
    cuda.set_device(device)


current_device_idx, set_device_idx = current_device_index, set_device_index


@_shows("accelerator.device_index(None).__enter__()")
def device_index(device: Optional[int]) -> Any:
    """A context in which the GPU of that number is used when none is named; None changes nothing."""
    return _contextlib.nullcontext() if device is None else cuda.device(device)


@_shows("accelerator.get_device_capability()", _NO_GPU)
def get_device_capability(device: Any = None) -> Dict[str, Any]:
    """What the GPU can do. A DeviceError without one."""
    return {"capability": cuda.get_device_capability(device)}


@_shows("accelerator.get_memory_info()", _NO_GPU)
def get_memory_info(device_index: Any = None) -> Tuple[int, int]:
    """Free and all bytes of the GPU. A DeviceError without one."""
    return cuda.mem_get_info(device_index)


@_shows("accelerator.current_stream()", _NO_GPU)
def current_stream(device: Any = None) -> cuda.Stream:
    """The queue of work of the GPU. A DeviceError without one."""
    return cuda.current_stream(device)


@_shows("accelerator.set_stream(None)", _NO_GPU)
def set_stream(stream: cuda.Stream) -> None:
    """Let work go to that queue from now on. A DeviceError without a GPU."""
    cuda.current_stream()
    cuda.set_stream(stream)


@_shows('get_device_module("cpu").is_available()', True)
def get_device_module(device: Any = None) -> Any:
    """The module of a device: ``rustorch.cpu``, ``rustorch.cuda``, …; by default that of the GPU where there is one, else of the CPU.

    Raises
    ------
    RusTorchError
        There is no such module.
    """
    kind = device.type if isinstance(device, _C.device) else "cuda" if is_available() else "cpu"
    if isinstance(device, str):
        kind = device.partition(":")[0]
    elif device is not None and not isinstance(device, _C.device):
        raise _C.ArgumentTypeError(f"get_device_module: a device or its name is expected, not {type(device).__name__}")
    if kind not in ("cpu", "cuda", "mps", "xpu"):
        raise _C.RusTorchError(f"get_device_module: there is no module for {kind!r}; there are cpu, cuda, mps and xpu")
    return importlib.import_module(f"rustorch.{kind}")


@_shows("accelerator.synchronize()")
def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done its work; nothing without one."""
    if is_available():
        cuda.synchronize(device)


@_shows("accelerator.empty_cache()")
def empty_cache() -> None:
    """Give cached memory of the GPU back; nothing without one."""
    cuda.empty_cache()

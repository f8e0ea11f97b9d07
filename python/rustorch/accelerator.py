"""The GPU that this build can use, whatever its make: PyTorch's way to ask without naming one.

Examples
--------
>>> import rustorch
>>> device = rustorch.accelerator.current_accelerator() if rustorch.accelerator.is_available() else "cpu"
>>> rustorch.zeros(2, device=device).sum().item()
0.0
"""

from __future__ import annotations

from typing import Any, Optional

from rustorch import _C, cuda

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "device_count", "empty_cache", "is_available",
    "set_device_idx", "set_device_index", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is a GPU that rustorch can use."""
    return cuda.is_available()


def device_count() -> int:
    """The number of GPUs that rustorch can use."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> Optional[Any]:
    """The device, or None where there is none."""
    return _C.device("cuda") if is_available() else None


def current_device_index() -> int:
    """The number of the GPU that is used when none is named. A DeviceError without a GPU."""
    return cuda.current_device()


def set_device_index(device: Any) -> None:
    """Use the GPU of that number when none is named. A DeviceError without a GPU."""
    cuda.set_device(device)


current_device_idx, set_device_idx = current_device_index, set_device_index


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done its work; nothing without one."""
    if is_available():
        cuda.synchronize(device)


def empty_cache() -> None:
    """Give cached memory of the GPU back; nothing without one."""
    cuda.empty_cache()

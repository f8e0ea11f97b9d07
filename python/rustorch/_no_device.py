"""Modules of devices that rustorch has no backend for: `rustorch.mps`, `rustorch.xpu`. They answer truthfully."""

from __future__ import annotations

from typing import Any, Callable, Dict

from rustorch._C import DeviceError


def functions(name: str, what: str) -> Dict[str, Callable[..., Any]]:
    """What such a module offers, for the device ``name``; ``what`` it is, for messages."""

    def refuse(call: str) -> None:
        raise DeviceError(f"{name}.{call}: rustorch has no backend for {what}; ask {name}.is_available() first")

    def is_available() -> bool:
        return False

    def device_count() -> int:
        return 0

    def current_device() -> int:
        refuse("current_device")
        return -1

    def set_device(device: Any) -> None:
        refuse("set_device")

    def synchronize(device: Any = None) -> None:
        refuse("synchronize")

    def empty_cache() -> None:
        return None

    def manual_seed(seed: int) -> None:
        return None

    def manual_seed_all(seed: int) -> None:
        return None

    docs = {
        is_available: f"False: there is no backend for {what}.",
        device_count: f"0: there is no backend for {what}.",
        current_device: "An error: there is no such device.",
        set_device: "An error: there is no such device.",
        synchronize: "An error: there is no such device.",
        empty_cache: "Nothing: there is no such memory.",
        manual_seed: "Nothing: there is no such device.",
        manual_seed_all: "Nothing: there is no such device.",
    }
    for function, text in docs.items():
        function.__doc__ = text
        function.__module__ = f"rustorch.{name}"
        function.__qualname__ = function.__name__
    return {function.__name__: function for function in docs}

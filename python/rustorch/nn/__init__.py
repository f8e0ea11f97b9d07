"""Layers, losses and the module system: PyTorch's names, arguments and defaults."""

from typing import Any, List

from rustorch.nn.modules import *  # noqa: F401,F403
from rustorch.nn import attention, functional, init, modules, utils
from rustorch.nn.modules import __all__ as _layers
from rustorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer", "Parameter", "UninitializedParameter", "UninitializedBuffer", "functional", "init", "modules", "utils", "parallel",
    "attention", "DataParallel",
] + _layers


def __getattr__(name: str) -> Any:
    if name in ("parallel", "DataParallel"):  # brings the process groups along: imported when asked for
        import importlib

        found = importlib.import_module("rustorch.nn.parallel")
        return found if name == "parallel" else found.DataParallel
    raise AttributeError(f"module 'rustorch.nn' has no attribute '{name}'")


def __dir__() -> List[str]:
    return sorted(__all__)

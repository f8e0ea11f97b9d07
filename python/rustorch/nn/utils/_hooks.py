"""Hooks before forward that recompute a parameter: weight and spectral normalisation of the older kind."""

from __future__ import annotations

from typing import Any, Optional

from rustorch._C import ArgumentValueError, RusTorchError
from rustorch.nn.modules.module import Module


def _find(module: Module, kind: type, name: str) -> Optional[Any]:
    """The key of the module's hook of that kind for a parameter."""
    hooks = module._forward_pre_hooks.items()
    return next((key for key, hook in hooks if isinstance(hook, kind) and hook.name == name), None)  # type: ignore[attr-defined]


def refuse_second(module: Module, kind: type, name: str, what: str) -> None:
    """Raise where the parameter has a hook of that kind already."""
    if _find(module, kind, name) is not None:
        raise RusTorchError(f"Cannot register two {what} hooks on the same parameter {name}")


def remove(module: Module, kind: type, name: str, what: str) -> Module:
    """Undo the hook of that kind, by its own ``remove``, and take it away; returns the module."""
    key = _find(module, kind, name)
    if key is None:
        raise ArgumentValueError(f"{what} of '{name}' not found in {module}")
    module._forward_pre_hooks[key].remove(module)
    del module._forward_pre_hooks[key]
    return module

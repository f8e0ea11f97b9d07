"""TorchScript: there is none. Scripted functions and modules run as the Python they are; files of it are neither written nor read."""

from __future__ import annotations

from typing import Any, Callable, Final, Optional

from rustorch._C import ArgumentTypeError, UnsupportedError
from rustorch.nn import Module

__all__ = [
    "Final", "ScriptFunction", "ScriptModule", "annotate", "export", "freeze", "ignore", "is_scripting", "is_tracing", "load",
    "optimize_for_inference", "save", "script", "script_method", "trace", "trace_module", "unused",
]  # fmt: skip

_FILES = (
    "there is no TorchScript: rustorch.save(model.state_dict(), path) keeps the parameters, and the model's own code makes the model again"
)


class ScriptModule(Module):
    """A module like any other."""

    def save(self, f: Any, **kwargs: Any) -> None:
        """An UnsupportedError: see :func:`save`."""
        save(self, f)


class ScriptFunction:
    """The type of scripted functions in PyTorch: nothing is an instance of it."""


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """Give back the function, class or module itself: it runs as the Python it is.

    Parameters
    ----------
    obj : callable
    optimize, example_inputs : optional
        For a compiler: without effect.

    Raises
    ------
    ArgumentTypeError
        ``obj`` cannot be called.

    Examples
    --------
    >>> import rustorch
    >>> @rustorch.jit.script
    ... def swish(x):
    ...     return x * x.sigmoid()
    >>> swish(rustorch.zeros(1))
    tensor([0.])
    """
    if not callable(obj):
        raise ArgumentTypeError(f"jit.script: a function, class or module is expected, not {type(obj).__name__}")
    return obj


def trace(func: Callable, example_inputs: Any = None, **kwargs: Any) -> Any:
    """Run the function or module once on the example, so that mistakes show, and give it back.

    Unlike a trace of PyTorch's it goes on to follow Python's branches.

    Parameters
    ----------
    func : Module or callable
    example_inputs : Tensor or tuple, optional
    **kwargs
        ``example_kwarg_inputs``: a dict of keyword arguments. Others are for a compiler: without effect.
    """
    if not callable(func):
        raise ArgumentTypeError(f"jit.trace: a function or module is expected, not {type(func).__name__}")
    named = kwargs.get("example_kwarg_inputs") or {}
    inputs = example_inputs if isinstance(example_inputs, (tuple, list)) else () if example_inputs is None else (example_inputs,)
    func(*inputs, **named)
    return func


def trace_module(mod: Module, inputs: Any, **kwargs: Any) -> Module:
    """Run methods once on examples, a dict of names and arguments, and give the module back."""
    for name, example in inputs.items():
        trace(getattr(mod, name), example)
    return mod


def _itself(fn: Optional[Callable] = None, **kwargs: Any) -> Any:
    """The function itself; also a decorator with arguments."""
    return fn if callable(fn) else lambda fn: fn


export = ignore = unused = script_method = _overload = _overload_method = _script_if_tracing = _itself


def is_scripting() -> bool:
    """False: there is no TorchScript."""
    return False


def is_tracing() -> bool:
    """False: there is no TorchScript."""
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value: the type is for a compiler."""
    return the_value


def freeze(mod: Module, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Module:
    """The module itself."""
    return mod


def optimize_for_inference(mod: Module, other_methods: Any = None) -> Module:
    """The module itself."""
    return mod


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """An UnsupportedError: files of TorchScript are not written."""
    raise UnsupportedError(f"jit.save: {_FILES}")


def load(f: Any, map_location: Any = None, _extra_files: Any = None) -> None:
    """An UnsupportedError: files of TorchScript are not read."""
    raise UnsupportedError(f"jit.load: {_FILES}")

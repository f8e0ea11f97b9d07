"""TorchScript: there is none. Scripted functions and modules run as the Python they are; files of it are neither written nor read.

Examples
--------
>>> import rustorch
>>> model = rustorch.nn.Linear(2, 3)
>>> rustorch.jit.script(model) is model
True
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Final, List, NamedTuple, NoReturn, Optional, Sequence

from rustorch._C import ArgumentTypeError, UnsupportedError
from rustorch.nn import Module

__all__ = [
    "Attribute", "Final", "Future", "ScriptFunction", "ScriptModule", "annotate", "export", "fork", "freeze", "ignore", "interface",
    "is_scripting", "is_tracing", "load", "optimize_for_inference", "save", "script", "script_if_tracing", "script_method", "trace",
    "trace_module", "unused", "wait",
]  # fmt: skip

_FILES = (
    "there is no TorchScript: rustorch.save(model.state_dict(), path) keeps the parameters, and the model's own code makes the model again"
)


class ScriptModule(Module):
    """A module like any other, for classes that are derived from it.

    Examples
    --------
    >>> class Twice(rustorch.jit.ScriptModule):
    ...     @rustorch.jit.script_method
    ...     def forward(self, x):
    ...         return x + x
    >>> Twice()(rustorch.ones(1))
    tensor([2.])
    """

    def save(self, f: Any, **kwargs: Any) -> NoReturn:
        """An UnsupportedError: see :func:`save`."""
        save(self, f)


class ScriptFunction:
    """The type of scripted functions in PyTorch: nothing is an instance of it.

    Examples
    --------
    >>> isinstance(rustorch.jit.script(abs), rustorch.jit.ScriptFunction)
    False
    """


class Attribute(NamedTuple):
    """A value and the type that a compiler is to give it.

    Examples
    --------
    >>> rustorch.jit.Attribute(0.5, float).value
    0.5
    """

    value: Any
    type: Any


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


def trace(
    func: Callable[..., Any],
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Optional[Sequence[Any]] = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Optional[Dict[str, Any]] = None,
    _store_inputs: bool = True,
) -> Any:
    """Run the function or module once on each example, so that mistakes show, and give it back.

    Unlike a trace of PyTorch's it goes on to follow Python's branches.

    Parameters
    ----------
    func : Module or callable
    example_inputs : Tensor or tuple, optional
    optimize, check_trace, check_tolerance, strict : optional
        For a compiler, whose result could differ from what it compiled: without effect.
    check_inputs : sequence of tuples, optional
        More examples.
    example_kwarg_inputs : dict, optional
        An example of keyword arguments, instead of ``example_inputs``.

    Raises
    ------
    ArgumentTypeError
        ``func`` cannot be called, or there is no example.

    Examples
    --------
    >>> model = rustorch.nn.Linear(2, 3)
    >>> rustorch.jit.trace(model, rustorch.ones(1, 2)) is model
    True
    """
    if not callable(func):
        raise ArgumentTypeError(f"jit.trace: a function or module is expected, not {type(func).__name__}")
    if example_inputs is None and example_kwarg_inputs is None:
        raise ArgumentTypeError("jit.trace: an example is needed: example_inputs, or example_kwarg_inputs, a dict")
    if example_kwarg_inputs is not None:
        func(**example_kwarg_inputs)
    for inputs in [*([] if example_inputs is None else [example_inputs]), *(check_inputs or ())]:
        func(*(inputs if isinstance(inputs, (tuple, list)) else (inputs,)))
    return func


def trace_module(
    mod: Module,
    inputs: Dict[str, Any],
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Optional[Sequence[Dict[str, Any]]] = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
) -> Module:
    """Run methods of a module once on examples, a dict of names and arguments, and give the module back.

    Parameters
    ----------
    mod : Module
    inputs : dict
        A tensor or a tuple of arguments for each method; with ``example_inputs_is_kwarg`` a dict of keyword arguments.
    check_inputs : sequence of such dicts, optional
        More examples.
    optimize, check_trace, check_tolerance, strict : optional
        As in :func:`trace`.

    Examples
    --------
    >>> model = rustorch.nn.Linear(2, 3)
    >>> rustorch.jit.trace_module(model, {"forward": rustorch.ones(1, 2)}) is model
    True
    """
    for examples in (inputs, *(check_inputs or ())):
        for name, example in examples.items():
            if example_inputs_is_kwarg:
                trace(getattr(mod, name), example_kwarg_inputs=example)
            else:
                trace(getattr(mod, name), example)
    return mod


def _itself(fn: Optional[Callable[..., Any]] = None, **kwargs: Any) -> Any:
    """The function itself, as Python runs it; also a decorator with arguments.

    Examples
    --------
    >>> @rustorch.jit.ignore(drop=True)
    ... def double(x):
    ...     return x + x
    >>> double(2)
    4
    """
    return fn if callable(fn) else lambda fn: fn


export = ignore = interface = unused = script_method = script_if_tracing = _overload = _overload_method = _script_if_tracing = _itself


class Future:
    """What :func:`fork` returns: a result that is there already.

    Examples
    --------
    >>> rustorch.jit.fork(abs, -2).wait()
    2
    """

    def __init__(self, value: Any) -> None:
        self._value = value

    def wait(self) -> Any:
        """The result."""
        return self._value

    value = wait

    def done(self) -> bool:
        """True."""
        return True


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """Call the function at once: as outside TorchScript in PyTorch, nothing runs side by side.

    Examples
    --------
    >>> future = rustorch.jit.fork(rustorch.add, rustorch.ones(1), 2)
    >>> rustorch.jit.wait(future)
    tensor([3.])
    """
    return Future(func(*args, **kwargs))


def wait(future: Future) -> Any:
    """The result of what :func:`fork` called.

    Examples
    --------
    >>> rustorch.jit.wait(rustorch.jit.fork(max, 1, 2))
    2
    """
    return future.wait()


def is_scripting() -> bool:
    """False: there is no TorchScript.

    Examples
    --------
    >>> rustorch.jit.is_scripting()
    False
    """
    return False


def is_tracing() -> bool:
    """False: there is no TorchScript.

    Examples
    --------
    >>> rustorch.jit.is_tracing()
    False
    """
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value: the type is for a compiler.

    Examples
    --------
    >>> from typing import List
    >>> rustorch.jit.annotate(List[int], [])
    []
    """
    return the_value


def freeze(mod: Module, preserved_attrs: Optional[List[str]] = None, optimize_numerics: bool = True) -> Module:
    """The module itself, which must be in evaluation mode: the options are for a compiler.

    Raises
    ------
    UnsupportedError
        The module is in training mode.

    Examples
    --------
    >>> model = rustorch.nn.Linear(2, 3).eval()
    >>> rustorch.jit.freeze(model) is model
    True
    """
    if mod.training:
        raise UnsupportedError("jit.freeze: the module is in training mode: call eval() first")
    return mod


def optimize_for_inference(mod: Module, other_methods: Optional[List[str]] = None) -> Module:
    """The module itself: the option is for a compiler.

    Examples
    --------
    >>> model = rustorch.nn.Linear(2, 3).eval()
    >>> rustorch.jit.optimize_for_inference(model) is model
    True
    """
    return mod


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """An UnsupportedError: files of TorchScript are not written.

    Examples
    --------
    >>> rustorch.jit.save(rustorch.nn.Linear(2, 3), "model.pt")
    Traceback (most recent call last):
        ...
    rustorch.UnsupportedError: jit.save: there is no TorchScript: rustorch.save(model.state_dict(), path) keeps the parameters...
    """
    raise UnsupportedError(f"jit.save: {_FILES}")


def load(f: Any, map_location: Any = None, _extra_files: Any = None) -> NoReturn:
    """An UnsupportedError: files of TorchScript are not read.

    Examples
    --------
    >>> rustorch.jit.load("model.pt")
    Traceback (most recent call last):
        ...
    rustorch.UnsupportedError: jit.load: there is no TorchScript: rustorch.save(model.state_dict(), path) keeps the parameters...
    """
    raise UnsupportedError(f"jit.load: {_FILES}")

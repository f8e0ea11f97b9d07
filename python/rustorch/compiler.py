"""There is no compiler: :func:`compile` gives back what it is given, and code that asks learns that nothing is compiled.

Examples
--------
>>> import rustorch
>>> model = rustorch.compile(rustorch.nn.Linear(2, 3))
>>> model
Linear(in_features=2, out_features=3, bias=True)
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Union

from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling", "is_dynamo_compiling",
    "is_exporting", "list_backends", "reset",
]  # fmt: skip

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_BACKENDS = ("inductor", "eager", "aot_eager", "cudagraphs")


def compile(
    model: Optional[Callable] = None,
    *,
    fullgraph: bool = False,
    dynamic: Optional[bool] = None,
    backend: Union[str, Callable] = "inductor",
    mode: Optional[str] = None,
    options: Optional[Dict[str, Any]] = None,
    disable: bool = False,
) -> Any:
    """Give back the model or function itself: each operation is a compiled kernel already, and fused where it pays.

    Parameters
    ----------
    model : Module or callable, optional
        None: for use as a decorator with arguments.
    fullgraph, dynamic, disable : bool
        For a compiler: without effect.
    backend : str or callable, default "inductor"
        One of PyTorch's names.
    mode : {"default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"}, optional
    options : dict, optional
        For a compiler: without effect. Not together with ``mode``.

    Returns
    -------
    Module or callable
        ``model`` itself: unlike PyTorch's result it has no ``_orig_mod``, and names in ``state_dict`` have no prefix.

    Raises
    ------
    ArgumentValueError, ArgumentTypeError, RusTorchError
        ``mode`` or ``backend`` is none of those, ``model`` cannot be called, or ``mode`` and ``options`` are given together.

    Examples
    --------
    >>> import rustorch
    >>> model = rustorch.nn.Linear(2, 3)
    >>> rustorch.compile(model) is model
    True
    """
    if mode is not None and options is not None:
        raise RusTorchError("compile: either mode or options can be specified, but both can't be specified at the same time")
    if mode is not None and mode not in _MODES:
        raise ArgumentValueError(f"compile: mode must be one of {', '.join(_MODES)}, not {mode!r}")
    if not callable(backend) and backend not in _BACKENDS:
        raise ArgumentValueError(f"compile: backend must be one of {', '.join(_BACKENDS)} or a callable, not {backend!r}")
    if model is None:
        return lambda model: compile(
            model, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise ArgumentTypeError(f"compile: a module or a function is expected, not {type(model).__name__}")
    return model


def is_compiling() -> bool:
    """False: nothing is compiled.

    Examples
    --------
    >>> rustorch.compiler.is_compiling()
    False
    """
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn: Optional[Callable] = None, recursive: bool = True, *, reason: Optional[str] = None) -> Any:
    """The function itself, which is never compiled; also a decorator with arguments.

    Parameters
    ----------
    fn : callable, optional
    recursive : bool
        Whether what it calls is not compiled either: nothing is.
    reason : str, optional
        For readers of the code.

    Examples
    --------
    >>> @rustorch.compiler.disable(recursive=False)
    ... def double(x):
    ...     return x + x
    >>> double(2)
    4
    """
    return fn if fn is not None else lambda fn: fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself: there are no graphs that it could be kept out of.

    Examples
    --------
    >>> rustorch.compiler.allow_in_graph(abs)(-1)
    1
    """
    return fn


assume_constant_result = allow_in_graph


def reset() -> None:
    """Nothing: there are no caches of a compiler.

    Examples
    --------
    >>> rustorch.compiler.reset()
    """


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no CUDA graphs.

    Examples
    --------
    >>> rustorch.compiler.cudagraph_mark_step_begin()
    """


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> List[str]:
    """The names that :func:`compile` takes; ``exclude_tags`` picks among PyTorch's, of which none has a tag here.

    Examples
    --------
    >>> rustorch.compiler.list_backends()
    ['inductor', 'eager', 'aot_eager', 'cudagraphs']
    """
    return list(_BACKENDS)

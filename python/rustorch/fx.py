"""What libraries say to PyTorch's tracer. Programs are not traced here, so that there is nothing for it to do."""

from __future__ import annotations

from typing import Callable, TypeVar, Union

from rustorch._C import ArgumentTypeError, UnsupportedError

__all__ = ["Proxy", "wrap"]

_Function = TypeVar("_Function", bound=Union[str, Callable])


def wrap(fn_or_name: _Function) -> _Function:
    """Mark a function as one that a tracer calls without looking inside; here it is returned as it is.

    Parameters
    ----------
    fn_or_name : callable or str
        The function, or its name in the calling module.

    Raises
    ------
    ArgumentTypeError
        Neither a function nor a name.

    Example
    -------
    >>> import rustorch
    >>> @rustorch.fx.wrap
    ... def half(x):
    ...     return x / 2
    >>> half(3.0)
    1.5
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise ArgumentTypeError(f"wrap: a function or its name must be given, got {type(fn_or_name).__name__}")
    return fn_or_name


class Proxy:
    """What a tracer hands to a module in place of a tensor: no value is one here, and none can be made.

    Example
    -------
    >>> import rustorch
    >>> isinstance(rustorch.zeros(1), rustorch.fx.Proxy)
    False
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise UnsupportedError("Proxy: programs are not traced, so that there is nothing to stand in for a tensor")

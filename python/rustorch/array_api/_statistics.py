"""Sums, means, extremes, and tests of all elements."""

from __future__ import annotations

import builtins
from typing import Any, Optional

import rustorch
from rustorch import Tensor

from ._manipulation import Axes

__all__ = ["all", "any", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std", "sum", "var"]


def _over(x: Tensor, axis: Any) -> Any:
    """The axes as a list, all of them for None; none at all for an empty tuple."""
    return list(range(x.dim())) if axis is None else [axis] if isinstance(axis, int) else list(axis)


def _reduced(name: str, doc: str) -> Any:
    function_of = getattr(rustorch, {"max": "amax", "min": "amin"}.get(name, name))

    def function(x: Tensor, /, *, axis: Optional[Axes] = None, keepdims: bool = False) -> Tensor:
        x = x.to(rustorch.bool) if name in ("all", "any") else x
        axes = _over(x, axis)
        return function_of(x, axes, keepdims) if axes else x.clone()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\n>>> from rustorch import array_api as xp\n>>> xp.{name}(xp.asarray([[1.0, 0.0]]), axis=1).shape\nrustorch.Size([1])\n"
    return function


all = _reduced("all", "Whether all elements are true, in the whole array or along axes.")
any = _reduced("any", "Whether some element is true, in the whole array or along axes.")
max = _reduced("max", "The largest element, of the whole array or along axes.")
min = _reduced("min", "The smallest element, of the whole array or along axes.")


def mean(x: Tensor, /, *, axis: Optional[Axes] = None, keepdims: bool = False) -> Tensor:
    """The mean, of the whole array or along axes.

    >>> from rustorch import array_api as xp
    >>> xp.mean(xp.asarray([1.0, 3.0]))
    tensor(2.)
    """
    axes = _over(x, axis)
    return rustorch.mean(x, axes, keepdims) if axes else x.clone()


def _spread(name: str, doc: str) -> Any:
    def function(x: Tensor, /, *, axis: Optional[Axes] = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        axes = _over(x, axis)
        if axes:
            return getattr(rustorch, name)(x, axes, correction=correction, keepdim=keepdims)
        return x - x  # 0, and nan of what is not finite

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\n>>> from rustorch import array_api as xp\n>>> xp.{name}(xp.asarray([1.0, 3.0]))\ntensor(1.)\n"
    return function


std = _spread("std", "The standard deviation; the sum of squares is divided by the number of elements less ``correction``.")
var = _spread("var", "The variance; the sum of squares is divided by the number of elements less ``correction``.")


def _summed_dtype(x: Tensor, dtype: Any) -> Any:
    return dtype if dtype is not None else x.dtype if x.is_floating_point() else rustorch.int64


def _summed(name: str, doc: str) -> Any:
    neutral = {"sum": 0, "prod": 1}[name]

    def function(x: Tensor, /, *, axis: Optional[Axes] = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
        x = x.to(_summed_dtype(x, dtype))
        axes = _over(x, axis)
        if not axes:
            return x.clone()
        if name == "sum":
            return rustorch.sum(x, axes, keepdims)
        for k in sorted((k % builtins.max(x.dim(), 1) for k in axes), reverse=True):  # prod takes one axis at a time
            x = rustorch.prod(x, k, keepdims)
        return x

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{doc}; {neutral} where there is none. Of integers it is an int64.\n\n>>> from rustorch import array_api as xp\n"
        f">>> xp.{name}(xp.asarray([1, 1], dtype=xp.int8)).dtype\nrustorch.int64\n"
    )
    return function


sum = _summed("sum", "The sum, of the whole array or along axes")
prod = _summed("prod", "The product, of the whole array or along axes")


def _running(name: str, compute: Any, first: int, doc: str) -> Any:
    def function(x: Tensor, /, *, axis: Optional[int] = None, dtype: Any = None, include_initial: bool = False) -> Tensor:
        if axis is None:
            if x.dim() > 1:
                raise rustorch.ShapeError(f"{name}: an axis is needed for an array of shape {tuple(x.shape)}")
            axis = 0
        found = compute(x.to(_summed_dtype(x, dtype)), axis)
        if include_initial:
            shape = list(found.shape)
            shape[axis] = 1
            found = rustorch.cat([found.new_full(shape, first), found], axis)
        return found

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{doc}, along an axis; with ``include_initial`` {first} stands in front.\n\n>>> from rustorch import array_api as xp\n"
        f">>> xp.{name}(xp.asarray([1, 1]), include_initial=True).shape\nrustorch.Size([3])\n"
    )
    return function


cumulative_sum = _running("cumulative_sum", rustorch.cumsum, 0, "The sums of the elements up to each")
cumulative_prod = _running("cumulative_prod", rustorch.cumprod, 1, "The products of the elements up to each")


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Optional[Tensor] = None, append: Optional[Tensor] = None) -> Tensor:
    """The differences of neighbours along an axis, n times.

    >>> from rustorch import array_api as xp
    >>> xp.diff(xp.asarray([1, 4, 9]))
    tensor([3, 5])
    """
    return rustorch.diff(x, n, axis, prepend=prepend, append=append)

"""Shapes, choices of elements, orders and sets."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor

from ._dtypes import promoted, result_type

__all__ = [
    "argmax", "argmin", "argsort", "broadcast_arrays", "broadcast_to", "concat", "count_nonzero", "expand_dims", "flip", "moveaxis",
    "nonzero", "permute_dims", "repeat", "reshape", "roll", "searchsorted", "sort", "squeeze", "stack", "take", "take_along_axis", "tile",
    "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack", "where",
]  # fmt: skip

Axes = Union[int, Tuple[int, ...]]


def axes_of(axis: Any) -> Any:
    """A tuple of axes as a list; the rest as it is."""
    return list(axis) if isinstance(axis, tuple) else axis


# Shapes ----------------------------------------------------------------------------------------------------------


def broadcast_arrays(*arrays: Tensor) -> List[Tensor]:
    """The arrays at their common shape.

    >>> from rustorch import array_api as xp
    >>> [x.shape for x in xp.broadcast_arrays(xp.zeros((2, 1)), xp.zeros(3))]
    [rustorch.Size([2, 3]), rustorch.Size([2, 3])]
    """
    return list(rustorch.broadcast_tensors(*arrays)) if arrays else []


def broadcast_to(x: Tensor, /, shape: Tuple[int, ...]) -> Tensor:
    """The array at a larger shape.

    >>> from rustorch import array_api as xp
    >>> xp.broadcast_to(xp.zeros(3), (2, 3)).shape
    rustorch.Size([2, 3])
    """
    return rustorch.broadcast_to(x, shape)


def concat(arrays: Sequence[Tensor], /, *, axis: Optional[int] = 0) -> Tensor:
    """Arrays one after the other along an axis, or flattened if it is None.

    >>> from rustorch import array_api as xp
    >>> xp.concat([xp.zeros((1, 2)), xp.ones(2)[None]], axis=None)
    tensor([0., 0., 1., 1.])
    """
    dtype = result_type(*arrays)
    parts = [x.to(dtype) for x in arrays]
    return rustorch.cat([x.reshape(-1) for x in parts], 0) if axis is None else rustorch.cat(parts, axis)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape along a new axis.

    >>> from rustorch import array_api as xp
    >>> xp.stack([xp.zeros(2), xp.ones(2)], axis=1).shape
    rustorch.Size([2, 2])
    """
    dtype = result_type(*arrays)
    return rustorch.stack([x.to(dtype) for x in arrays], axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> Tuple[Tensor, ...]:
    """The parts along an axis, which goes away.

    >>> from rustorch import array_api as xp
    >>> xp.unstack(xp.asarray([1, 2]))
    (tensor(1), tensor(2))
    """
    return tuple(x.unbind(axis))


def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """A new axis of size 1.

    >>> from rustorch import array_api as xp
    >>> xp.expand_dims(xp.zeros(3), axis=1).shape
    rustorch.Size([3, 1])
    """
    return x.unsqueeze(axis)


def squeeze(x: Tensor, /, axis: Axes) -> Tensor:
    """Without axes of size 1; others are an error.

    >>> from rustorch import array_api as xp
    >>> xp.squeeze(xp.zeros((1, 3)), 0).shape
    rustorch.Size([3])
    """
    axes = [axis] if isinstance(axis, int) else list(axis)
    for k in axes:
        if x.shape[k] != 1:
            raise rustorch.ShapeError(f"squeeze: axis {k} of shape {tuple(x.shape)} is not of size 1")
    return rustorch.squeeze(x, axes) if axes else x


def flip(x: Tensor, /, *, axis: Optional[Axes] = None) -> Tensor:
    """The other way round, along all axes or some.

    >>> from rustorch import array_api as xp
    >>> xp.flip(xp.asarray([1, 2, 3]))
    tensor([3, 2, 1])
    """
    return x.flip(list(range(x.dim())) if axis is None else [axis] if isinstance(axis, int) else list(axis))


def moveaxis(x: Tensor, source: Axes, destination: Axes, /) -> Tensor:
    """Axes at other places; the rest keep their order.

    >>> from rustorch import array_api as xp
    >>> xp.moveaxis(xp.zeros((2, 3, 4)), 0, -1).shape
    rustorch.Size([3, 4, 2])
    """
    return rustorch.movedim(x, source, destination)


def permute_dims(x: Tensor, /, axes: Tuple[int, ...]) -> Tensor:
    """The axes in another order.

    >>> from rustorch import array_api as xp
    >>> xp.permute_dims(xp.zeros((2, 3)), (1, 0)).shape
    rustorch.Size([3, 2])
    """
    return x.permute(axes)


def reshape(x: Tensor, /, shape: Tuple[int, ...], *, copy: Optional[bool] = None) -> Tensor:
    """The elements in another shape; without a copy where that is possible, unless told otherwise.

    >>> from rustorch import array_api as xp
    >>> xp.reshape(xp.zeros(6), (2, -1)).shape
    rustorch.Size([2, 3])
    """
    if copy is False:
        return x.view(shape)
    return x.clone(memory_format=rustorch.contiguous_format).reshape(shape) if copy else x.reshape(shape)


def roll(x: Tensor, /, shift: Axes, *, axis: Optional[Axes] = None) -> Tensor:
    """The elements moved on, those that fall off coming in at the other end.

    >>> from rustorch import array_api as xp
    >>> xp.roll(xp.asarray([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    shifts = list(shift) if isinstance(shift, tuple) else shift
    if axis is None:
        return rustorch.roll(x, shifts) if x.dim() else x
    axes = [axis] if isinstance(axis, int) else list(axis)
    steps = [shifts] * len(axes) if isinstance(shifts, int) else shifts
    return rustorch.roll(x, steps, axes)


def repeat(x: Tensor, repeats: Union[int, Tensor], /, *, axis: Optional[int] = None) -> Tensor:
    """Each element several times in a row, of the flattened array if no axis is given.

    >>> from rustorch import array_api as xp
    >>> xp.repeat(xp.asarray([1, 2]), xp.asarray([1, 2]))
    tensor([1, 2, 2])
    """
    if axis is None:
        x, axis = x.reshape(-1), 0
    return rustorch.repeat_interleave(x, repeats, axis)


def tile(x: Tensor, repetitions: Tuple[int, ...], /) -> Tensor:
    """The whole array several times along each axis.

    >>> from rustorch import array_api as xp
    >>> xp.tile(xp.asarray([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return rustorch.tile(x, tuple(repetitions))


# Choices ---------------------------------------------------------------------------------------------------------


def take(x: Tensor, indices: Tensor, /, *, axis: Optional[int] = None) -> Tensor:
    """The parts at some places along an axis, which may be left out for a vector.

    >>> from rustorch import array_api as xp
    >>> xp.take(xp.asarray([5, 6, 7]), xp.asarray([2, -1, 0]))
    tensor([7, 7, 5])
    """
    if axis is None:
        if x.dim() != 1:
            raise rustorch.ShapeError(f"take: an axis is needed for an array of shape {tuple(x.shape)}")
        axis = 0
    n = x.shape[axis]
    index = indices.to(rustorch.int64)
    return rustorch.index_select(x, axis, rustorch.where(index < 0, index + n, index))


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """For each place of ``indices`` the element that its number names along an axis.

    >>> from rustorch import array_api as xp
    >>> xp.take_along_axis(xp.asarray([[5, 6], [7, 8]]), xp.asarray([[1], [0]]))
    tensor([[6],
            [7]])
    """
    index = indices.to(rustorch.int64)
    return rustorch.take_along_dim(x, rustorch.where(index < 0, index + x.shape[axis], index), axis)


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """x1 where a condition holds, x2 elsewhere.

    >>> from rustorch import array_api as xp
    >>> xp.where(xp.asarray([True, False]), xp.asarray([1, 1]), 0)
    tensor([1, 0])
    """
    return rustorch.where(condition, *promoted("where", x1, x2))


def nonzero(x: Tensor, /) -> Tuple[Tensor, ...]:
    """The places of the elements that are not 0, one vector for each axis.

    >>> from rustorch import array_api as xp
    >>> xp.nonzero(xp.asarray([0, 3, 4]))
    (tensor([1, 2]),)
    """
    if x.dim() == 0:
        raise rustorch.ShapeError("nonzero: the array must have at least one axis")
    return tuple(rustorch.nonzero(x, as_tuple=True))


def count_nonzero(x: Tensor, /, *, axis: Optional[Axes] = None, keepdims: bool = False) -> Tensor:
    """How many elements are not 0.

    >>> from rustorch import array_api as xp
    >>> xp.count_nonzero(xp.asarray([0, 3, 4]))
    tensor(2)
    """
    mask = (x != 0).to(rustorch.int64)
    return rustorch.sum(mask, list(range(x.dim())) if axis is None else axes_of(axis), keepdims) if x.dim() else mask


def _extreme(name: str, doc: str) -> Any:
    def function(x: Tensor, /, *, axis: Optional[int] = None, keepdims: bool = False) -> Tensor:
        if axis is None:
            found = getattr(rustorch, name)(x.reshape(-1), 0)
            return found.reshape([1] * x.dim()) if keepdims else found
        return getattr(rustorch, name)(x, axis, keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\n>>> from rustorch import array_api as xp\n>>> xp.{name}(xp.asarray([[1, 1]]), axis=1)\ntensor([0])\n"
    return function


argmax = _extreme("argmax", "The place of the largest element, the first of several: in the whole array, or along an axis.")
argmin = _extreme("argmin", "The place of the smallest element, the first of several: in the whole array, or along an axis.")


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Optional[Tensor] = None) -> Tensor:
    """Where the elements of x2 would stand in the ascending vector x1.

    >>> from rustorch import array_api as xp
    >>> xp.searchsorted(xp.asarray([1, 3, 5]), xp.asarray([3, 4]))
    tensor([1, 2])
    """
    a, b = promoted("searchsorted", x1, x2)
    return rustorch.searchsorted(a, b, side=side, sorter=sorter)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis.

    >>> from rustorch import array_api as xp
    >>> xp.sort(xp.asarray([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return rustorch.sort(x, stable=stable, dim=axis, descending=descending)[0]


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The places of the elements in order along an axis; equal ones keep theirs.

    >>> from rustorch import array_api as xp
    >>> xp.argsort(xp.asarray([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return rustorch.sort(x, stable=stable, dim=axis, descending=descending)[1]


# Sets ------------------------------------------------------------------------------------------------------------


class UniqueAll(NamedTuple):
    """Distinct values, where each first was, which of them each element is, and how often each came."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Distinct values, and how often each came."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Distinct values, and which of them each element is."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """The distinct values, ascending (each NaN by itself), with where, which and how often.

    >>> from rustorch import array_api as xp
    >>> xp.unique_all(xp.asarray([2, 1, 2])).indices
    tensor([1, 0])
    """
    flat = x.reshape(-1)
    n = flat.shape[0]
    ordered, order = rustorch.sort(flat, stable=True)
    new = rustorch.ones(n, dtype=rustorch.bool)
    if n > 1:
        new[1:] = ordered[1:] != ordered[:-1]
    starts = rustorch.nonzero(new).reshape(-1)
    inverse = rustorch.empty(n, dtype=rustorch.int64)
    if n:
        inverse[order] = rustorch.cumsum(new.to(rustorch.int64), 0) - 1
    counts = rustorch.diff(rustorch.cat([starts, starts.new_full((1,), n)]))
    return UniqueAll(ordered[new], order[starts], inverse.reshape(x.shape), counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The distinct values and how often each came.

    >>> from rustorch import array_api as xp
    >>> xp.unique_counts(xp.asarray([2, 1, 2])).counts
    tensor([1, 2])
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The distinct values and which of them each element is.

    >>> from rustorch import array_api as xp
    >>> xp.unique_inverse(xp.asarray([2, 1, 2])).inverse_indices
    tensor([1, 0, 1])
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct values.

    >>> from rustorch import array_api as xp
    >>> xp.unique_values(xp.asarray([2, 1, 2]))
    tensor([1, 2])
    """
    return unique_all(x).values

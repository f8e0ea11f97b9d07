"""Functions of tensors that are written in the ops of the table, under PyTorch's names."""

from __future__ import annotations

import builtins
import itertools
import math
from collections import namedtuple
from typing import Any, List, NoReturn, Optional, Sequence, Tuple, Union

import rustorch
from rustorch._C import Tensor, _ops
from rustorch._einsum import einsum

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "cartesian_prod", "chain_matmul", "cholesky",
    "combinations", "corrcoef", "cov", "cumulative_trapezoid", "einsum", "empty_strided", "histc", "histogram", "isin",
    "matrix_power", "nanquantile", "nonzero", "pinverse", "qr", "quantile", "range", "renorm", "svd", "tensordot", "trapezoid", "trapz", "tril_indices",
    "triu_indices", "unique", "unique_consecutive", "unravel_index", "vander",
]  # fmt: skip


def _fail(kind: str, text: str) -> NoReturn:
    raise getattr(rustorch, kind)(text)


def _need_tensors(function: str, tensors: Any) -> None:
    """An error for the first thing that is no tensor."""
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            _fail("ArgumentTypeError", f"{function}(): a Tensor is expected as argument {i + 1}, not {type(x).__name__}")


def _given(tensor: Tensor, out: Optional[Tensor]) -> Tensor:
    """The result, or out with the result in it; out takes its shape."""
    if out is None:
        return tensor
    if not isinstance(out, Tensor):
        _fail("ArgumentTypeError", f"argument 'out' must be Tensor, not {type(out).__name__}")
    if not rustorch.can_cast(tensor.dtype, out.dtype):
        _fail("DtypeError", f"the result has dtype {tensor.dtype}, which cannot be written to out of dtype {out.dtype}")
    return (out if out.shape == tensor.shape else out.resize_(tensor.shape)).copy_(tensor)


# Shapes ------------------------------------------------------------------------------------------------------


def _atleast(n: int, tensors: Any, widen: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    elif len(tensors) == 1:
        _need_tensors(f"atleast_{n}d", tensors)
        return widen(tensors[0])
    _need_tensors(f"atleast_{n}d", tensors)
    return tuple(widen(x) for x in tensors)


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension; several give a tuple.

    >>> rustorch.atleast_1d(rustorch.tensor(2)).shape
    rustorch.Size([1])
    """
    return _atleast(1, tensors, lambda x: x.reshape(1) if x.dim() == 0 else x)


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions, new ones in front; several give a tuple.

    >>> rustorch.atleast_2d(rustorch.tensor([1, 2])).shape
    rustorch.Size([1, 2])
    """
    return _atleast(2, tensors, lambda x: x.reshape([1] * (2 - x.dim()) + list(x.shape)) if x.dim() < 2 else x)


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions: a vector becomes (1, n, 1), a matrix (n, m, 1); several give a tuple.

    >>> rustorch.atleast_3d(rustorch.tensor([1, 2])).shape
    rustorch.Size([1, 2, 1])
    """

    def widen(x):
        return x.reshape(1, 1, 1) if x.dim() == 0 else x[None, :, None] if x.dim() == 1 else x[..., None] if x.dim() == 2 else x

    return _atleast(3, tensors, widen)


def broadcast_shapes(*shapes: Any) -> rustorch.Size:
    """The shape that tensors of the given shapes broadcast to.

    >>> rustorch.broadcast_shapes((2, 1), (3,))
    rustorch.Size([2, 3])
    """
    if not shapes:
        return rustorch.Size([])
    one = rustorch.zeros(())
    return _ops.broadcast_tensors(*(one.expand([s] if isinstance(s, int) else list(s)) for s in shapes))[0].shape


def block_diag(*tensors: Any) -> Tensor:
    """The matrix with the given matrices along its diagonal, zeros elsewhere; vectors count as rows.

    >>> rustorch.block_diag(rustorch.ones(1, 2), rustorch.ones(1, 1))
    tensor([[1., 1., 0.],
            [0., 0., 1.]])
    """
    blocks = []
    _need_tensors("block_diag", tensors)
    for i, x in enumerate(tensors):
        if x.dim() > 2:
            _fail("ShapeError", f"block_diag(): tensor {i} has {x.dim()} dimensions, at most 2 are possible")
        blocks.append(atleast_2d(x))
    if not blocks:
        return rustorch.zeros(1, 0)
    dtype = blocks[0].dtype
    for x in blocks[1:]:
        dtype = rustorch.promote_types(dtype, x.dtype)
    width, at, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        before, after = x.new_zeros(x.shape[0], at, dtype=dtype), x.new_zeros(x.shape[0], width - at - x.shape[1], dtype=dtype)
        rows.append(_ops.cat([before, x.to(dtype), after], 1))
        at += x.shape[1]
    return _ops.cat(rows, 0)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element of each vector, one a row; a single vector as it is.

    >>> rustorch.cartesian_prod(rustorch.tensor([1, 2]), rustorch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    _need_tensors("cartesian_prod", tensors)
    for x in tensors:
        if x.dim() != 1:
            _fail("ShapeError", f"cartesian_prod(): vectors are needed, but one tensor has shape {tuple(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return _ops.stack([x.flatten() for x in _ops.meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All selections of r elements of a vector, in the order of itertools, one a row.

    >>> rustorch.combinations(rustorch.tensor([5, 6, 7]))
    tensor([[5, 6],
            [5, 7],
            [6, 7]])
    """
    if input.dim() != 1:
        _fail("ShapeError", f"combinations(): a vector is needed, but the shape is {tuple(input.shape)}")
    if r < 0:
        _fail("ArgumentValueError", f"combinations(): r must not be negative, but it is {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(builtins.range(input.shape[0]), r))
    index = rustorch.tensor(rows, dtype=rustorch.int64).reshape(len(rows), r)
    return input[index]


def _triangle(row: int, col: int, offset: int, dtype: Any, upper: bool) -> Tensor:
    if row < 0 or col < 0:
        _fail("ArgumentValueError", f"the numbers of rows and columns must not be negative, but they are {row} and {col}")
    i, j = rustorch.arange(row)[:, None], rustorch.arange(col)[None, :]
    mask = j - i >= offset if upper else j - i <= offset
    return mask.nonzero().t().contiguous().to(rustorch.int64 if dtype is None else dtype)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = rustorch.int64, device: Any = "cpu", layout: Any = None,
) -> Tensor:
    """The coordinates (2, n) of the elements on and below a diagonal of a (row, col) matrix, row by row.

    >>> rustorch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle(row, col, offset, dtype, False).to(device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = rustorch.int64, device: Any = "cpu", layout: Any = None,
) -> Tensor:
    """The coordinates (2, n) of the elements on and above a diagonal of a (row, col) matrix, row by row.

    >>> rustorch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle(row, col, offset, dtype, True).to(device)


def vander(x: Tensor, N: Optional[int] = None, increasing: bool = False) -> Tensor:
    """The matrix of powers of a vector (or of vectors in the last dimension): N columns, by default as many as elements.

    >>> rustorch.vander(rustorch.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    n = x.shape[-1] if N is None else N
    if n < 0:
        _fail("ArgumentValueError", f"vander(): N must not be negative, but it is {n}")
    powers = rustorch.arange(n) if increasing else rustorch.arange(n - 1, -1, -1)
    return x[..., None] ** powers


def unravel_index(indices: Tensor, shape: Any) -> Tuple[Tensor, ...]:
    """Positions in a flattened tensor as a tuple of coordinates.

    >>> rustorch.unravel_index(rustorch.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    shape = [shape] if isinstance(shape, int) else list(shape)
    if indices.is_floating_point() or indices.dtype is rustorch.bool:
        _fail("DtypeError", f"unravel_index(): integers are needed, not {indices.dtype}")
    out, step = [], 1
    for size in reversed(shape):
        out.append(_ops.div(indices, step, rounding_mode="floor") % size)
        step *= size
    return tuple(reversed(out))


def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:
    """A tensor of the given sizes and strides (in elements), whose values are whatever lay in memory.

    >>> rustorch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    size, stride = list(size), list(stride)
    reach = 0 if 0 in size else 1 + sum((n - 1) * step for n, step in zip(size, stride))
    room = rustorch.empty(reach, dtype=dtype, layout=layout, device=device, pin_memory=pin_memory)
    return room.as_strided(size, stride).requires_grad_(requires_grad)


def range(
    start: float, end: Optional[float] = None, step: float = 1, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, out: Optional[Tensor] = None,
) -> Tensor:
    """start, start + step, … up to and including end: the old arange, always of floats unless dtype says otherwise.

    >>> rustorch.range(1, 3)
    tensor([1., 2., 3.])
    """
    if end is None:
        start, end = 0, start
    n = math.floor((end - start) / step) + 1
    if step == 0 or n < 0:
        _fail("ArgumentValueError", f"range(): from {start} to {end} by steps of {step} is not possible")
    dtype = rustorch.get_default_dtype() if dtype is None else dtype
    values = (rustorch.arange(n, dtype=rustorch.float64) * step + start).to(dtype=dtype, device=device)
    return _given(values, out).requires_grad_(requires_grad)


# Products ----------------------------------------------------------------------------------------------------


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Optional[Tensor] = None) -> Tensor:
    """The sums of products over several dimensions of each.

    Parameters
    ----------
    dims : int or (list, list)
        The last so many dimensions of a with the first of b, or the dimensions of a and those of b.

    Examples
    --------
    >>> rustorch.tensordot(rustorch.ones(2, 3, 4), rustorch.ones(3, 4, 5)).shape
    rustorch.Size([2, 5])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            _fail("ArgumentValueError", f"tensordot(): dims must not be negative, but it is {dims}")
        dims = (list(builtins.range(a.dim() - dims, a.dim())), list(builtins.range(dims)))
    if not isinstance(dims, (tuple, list)):
        _fail("ArgumentTypeError", f"tensordot(): dims must be an int or two lists of ints, not {type(dims).__name__}")
    of_a = [[d] if isinstance(d, int) else list(d) for d in dims]
    of_a, of_b = ([d % x.dim() if x.dim() else d for d in some] for some, x in zip(of_a, (a, b)))
    if len(of_a) != len(of_b) or [a.shape[d] for d in of_a] != [b.shape[d] for d in of_b]:
        _fail("ShapeError", f"tensordot(): dimensions {of_a} of {tuple(a.shape)} do not fit dimensions {of_b} of {tuple(b.shape)}")
    rest_a, rest_b = ([d for d in builtins.range(x.dim()) if d not in some] for some, x in ((of_a, a), (of_b, b)))
    k = math.prod(a.shape[d] for d in of_a)
    shape_a, shape_b = [a.shape[d] for d in rest_a], [b.shape[d] for d in rest_b]
    product = a.permute(rest_a + of_a).reshape(math.prod(shape_a), k).mm(b.permute(of_b + rest_b).reshape(k, math.prod(shape_b)))
    return _given(product.reshape(shape_a + shape_b), out)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices (…, m, m), by squaring; of their inverses if n is negative.

    >>> rustorch.matrix_power(rustorch.tensor([[2.0, 0.0], [0.0, 3.0]]), 2)
    tensor([[4., 0.],
            [0., 9.]])
    """
    if input.dim() < 2 or input.shape[-1] != input.shape[-2]:
        _fail("ShapeError", f"matrix_power(): square matrices are needed, but the shape is {tuple(input.shape)}")
    if n < 0:
        input, n = _ops.inverse(input), -n
    result = None
    while n:
        if n & 1:
            result = input if result is None else result @ input
        n >>= 1
        if n:
            input = input @ input
    if result is None:
        return rustorch.eye(input.shape[-1], dtype=input.dtype, device=input.device).expand(input.shape).clone()
    return result


def _chain_order(sizes: Any) -> List[List[int]]:
    """Where to split each product i … j so that the scalar products are fewest: Cormen et al., section 15.2."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in builtins.range(n)]
    split = [[0] * n for _ in builtins.range(n)]
    for length in builtins.range(1, n):
        for i in builtins.range(n - length):
            j = i + length
            ways = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in builtins.range(i, j)]
            cost[i][j], split[i][j] = min(ways)
    return split


def chain_matmul(*matrices: Any, out: Optional[Tensor] = None) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications.

    >>> rustorch.chain_matmul(rustorch.ones(2, 3), rustorch.ones(3, 4), rustorch.ones(4, 1))
    tensor([[12.],
            [12.]])
    """
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = matrices[0]
    if not matrices:
        _fail("ArgumentValueError", "chain_matmul(): at least one matrix is needed")
    for x in matrices:
        if x.dim() != 2:
            _fail("ShapeError", f"chain_matmul(): matrices are needed, but one tensor has shape {tuple(x.shape)}")
    split = _chain_order([x.shape[0] for x in matrices] + [matrices[-1].shape[1]])

    def product(i, j):
        return matrices[i] if i == j else product(i, split[i][j]).mm(product(split[i][j] + 1, j))

    return _given(product(0, len(matrices) - 1), out)


# Factorisations under their old names: see linalg.py.


def cholesky(input: Tensor, upper: bool = False, *, out: Optional[Tensor] = None) -> Tensor:
    """:func:`rustorch.linalg.cholesky`.

    >>> rustorch.cholesky(rustorch.tensor([[4.0]]))
    tensor([[2.]])
    """
    return rustorch.linalg.cholesky(input, upper=upper, out=out)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """:func:`rustorch.linalg.pinv`: singular values up to ``rcond`` times the largest count as 0.

    >>> rustorch.pinverse(rustorch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return rustorch.linalg.pinv(input, rtol=rcond)


def qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """:func:`rustorch.linalg.qr`, complete if not ``some``.

    >>> Q, R = rustorch.qr(rustorch.ones(3, 2))
    >>> Q.shape, R.shape
    (rustorch.Size([3, 2]), rustorch.Size([2, 2]))
    """
    return rustorch.linalg.qr(input, "reduced" if some else "complete", out=out)


_SVD = namedtuple("svd", "U S V")
_Histogram = namedtuple("histogram", "hist bin_edges")


def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> "_SVD":
    """U, S and V with U diag(S) Vᵀ = input; zeros for U and V if they are not to be computed.

    :func:`rustorch.linalg.svd` gives Vᵀ in place of V.

    >>> U, S, V = rustorch.svd(rustorch.diag(rustorch.tensor([1.0, 2.0])))
    >>> S
    tensor([2., 1.])
    """
    U, S, Vh = rustorch.linalg.svd(input, full_matrices=not some)
    if not compute_uv:
        n, m = input.shape[-2:]
        batch = list(input.shape[:-2])
        U, Vh = input.new_zeros(batch + [n, n]), input.new_zeros(batch + [m, m])
    found = _SVD(U, S, Vh.mT)
    return found if out is None else _SVD(*(_given(part, room) for part, room in zip(found, out)))


# Sets --------------------------------------------------------------------------------------------------------


def _groups(first: Any, order: Any, return_inverse: bool, return_counts: bool, shape: Any) -> Any:
    """From marks on the first of each group: where groups begin, the group of each element, their sizes."""
    begins = first.nonzero().flatten()
    inverse = counts = None
    if return_inverse:
        group = first.cumsum(0) - 1
        inverse = (group if order is None else rustorch.empty_like(group).scatter_(0, order, group)).reshape(shape)
    if return_counts:
        counts = _ops.diff(begins, append=begins.new_full([1], first.shape[0])) if first.shape[0] else begins
    return begins, inverse, counts


def _parts(values: Any, inverse: Any, counts: Any) -> Any:
    found = [part for part in (inverse, counts) if part is not None]
    return (values, *found) if found else values


def _unique_rows(rows: Any, order: Any, dim: Optional[int], return_inverse: bool, return_counts: bool) -> Any:
    """Of the positions of the first dimension, already in `order`, those that differ from the one before."""
    n = rows.shape[0]
    flat = (rows if order is None else rows[order]).reshape(n, rows[0].numel() if n else 0)
    first = rustorch.ones(n, dtype=rustorch.bool)
    if n > 1:
        first[1:] = (flat[1:] != flat[:-1]).any(1) if flat.shape[1] else False
    begins, inverse, counts = _groups(first, order, return_inverse, return_counts, [n])
    kept = begins if order is None else order[begins]
    return _parts(rows[kept].movedim(0, dim), inverse, counts)


def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: Optional[int] = None,
) -> Any:
    """The different elements, in order.

    Parameters
    ----------
    input : Tensor
    sorted : bool
        Always in order, as in PyTorch on the CPU.
    return_inverse : bool
        Also, for each element of input, its place in the result.
    return_counts : bool
        Also how often each occurs.
    dim : int, optional
        Compare the slices along a dimension instead of elements; they come in lexicographic order.

    Returns
    -------
    Tensor, or a tuple (values, inverse, counts) of what was asked for. Each nan counts as different.

    Examples
    --------
    >>> rustorch.unique(rustorch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    x = input.detach()
    if dim is not None:
        rows = x.movedim(dim, 0)
        flat = rows.reshape(rows.shape[0], -1) if rows.numel() else rows.reshape(rows.shape[0], 0)
        order = rustorch.arange(rows.shape[0])
        for column in reversed(builtins.range(flat.shape[1])):  # stable sorts, from the last place to the first
            order = order[flat[order, column].argsort(stable=True)]
        return _unique_rows(rows, order, dim, return_inverse, return_counts)
    values, order = _ops.sort(x.flatten(), stable=True)
    first = rustorch.ones(values.shape[0], dtype=rustorch.bool)
    if values.shape[0] > 1:
        first[1:] = values[1:] != values[:-1]
    begins, inverse, counts = _groups(first, order, return_inverse, return_counts, input.shape)
    return _parts(values[begins], inverse, counts)


def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: Optional[int] = None) -> Any:
    """The elements (or slices along a dimension) without those that equal the one before them.

    >>> rustorch.unique_consecutive(rustorch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    x = input.detach()
    if dim is not None:
        return _unique_rows(x.movedim(dim, 0), None, dim, return_inverse, return_counts)
    flat = x.flatten()
    first = rustorch.ones(flat.shape[0], dtype=rustorch.bool)
    if flat.shape[0] > 1:
        first[1:] = flat[1:] != flat[:-1]
    begins, inverse, counts = _groups(first, None, return_inverse, return_counts, input.shape)
    return _parts(flat[begins], inverse, counts)


def nonzero(input: Tensor, *, as_tuple: bool = False, out: Optional[Tensor] = None) -> Any:
    """The coordinates of all elements that are not zero.

    Returns
    -------
    Tensor (n, dim), one element a row; with ``as_tuple`` a tuple of vectors, one a dimension, as an index takes them.

    Examples
    --------
    >>> rustorch.nonzero(rustorch.tensor([0, 5, 7]))
    tensor([[1],
            [2]])
    >>> rustorch.nonzero(rustorch.tensor([0, 5, 7]), as_tuple=True)
    (tensor([1, 2]),)
    """
    if as_tuple:
        if out is not None:
            _fail("ArgumentValueError", "nonzero(): as_tuple and out do not go together: there are several results")
        return tuple(_ops.where(input))
    return _given(_ops.argwhere(input), out)


def isin(
    elements: Union[Tensor, float], test_elements: Union[Tensor, float], *, assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Whether each of elements (a tensor or a number) is among test_elements (a tensor or a number).

    Parameters
    ----------
    assume_unique : bool
        A hint that saves nothing here: the test elements are sorted in any case.
    invert : bool
        Whether it is not among them.

    Examples
    --------
    >>> rustorch.isin(rustorch.tensor([1, 2, 3]), rustorch.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        _fail("ArgumentTypeError", "isin(): one of elements and test_elements must be a tensor")
    dtype = rustorch.result_type(elements, test_elements)
    if dtype is rustorch.bool:
        dtype = rustorch.uint8
    elements, among = (rustorch.as_tensor(x).detach().to(dtype) for x in (elements, test_elements))
    if among.numel() == 0:
        found = rustorch.zeros(elements.shape, dtype=rustorch.bool)
    else:
        among = _ops.sort(among.flatten())[0]
        at = _ops.searchsorted(among, elements.contiguous()).clamp_(max=among.numel() - 1)
        found = among[at] == elements
    return ~found if invert else found


# Statistics --------------------------------------------------------------------------------------------------


def _quantile(
    name: str, input: Tensor, q: Union[float, Tensor], dim: Optional[int], keepdim: bool, interpolation: str,
    out: Optional[Tensor], skip_nan: bool,
) -> Tensor:
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        words = "linear, lower, higher, midpoint or nearest"
        _fail("ArgumentValueError", f"{name}() interpolation must be one of {words}, but got {interpolation}")
    if input.dtype not in (rustorch.float32, rustorch.float64):
        _fail("DtypeError", f"{name}() input tensor must be either float or double dtype, but it is {input.dtype}")
    if isinstance(q, Tensor):
        if q.dtype != input.dtype:
            _fail("DtypeError", f"{name}() q tensor must be same dtype as the input tensor, but it is {q.dtype}")
        if q.dim() > 1:
            _fail("ShapeError", f"{name}() q must be a scalar or 1D tensor, but its shape is {tuple(q.shape)}")
    q = rustorch.as_tensor(q, dtype=input.dtype)
    if q.numel() and not bool(((q >= 0) & (q <= 1)).all()):
        _fail("ArgumentValueError", f"{name}() q values must be in the range [0, 1]")
    if input.numel() == 0:
        _fail("ShapeError", f"{name}() input tensor must be non-empty")
    ndim = input.dim()
    x = input.flatten() if dim is None else input.movedim(dim, -1) if ndim else input.flatten()
    x = _ops.sort(x, -1)[0]
    nan = x.isnan()
    steps = q.flatten()  # (Q,), and a line may have its own number of elements
    last = (~nan).sum(-1, keepdim=True).sub_(1).clamp_(min=0) if skip_nan else rustorch.full([1] * x.dim(), x.shape[-1] - 1)
    place = steps * last.to(input.dtype)
    if not skip_nan:  # one nan makes the whole line nan
        place = rustorch.where(nan[..., -1:], float(x.shape[-1] - 1), place)
    place = place.expand(list(x.shape[:-1]) + [steps.shape[0]])
    low, high = place.floor(), place.ceil()
    if interpolation in ("lower", "higher", "nearest"):
        result = x.gather(-1, (low if interpolation == "lower" else high if interpolation == "higher" else place.round()).long())
    else:
        share = place - low if interpolation == "linear" else rustorch.full_like(place, 0.5)
        result = _ops.lerp(x.gather(-1, low.long()), x.gather(-1, high.long()), share)
    result = result.movedim(-1, 0)
    if keepdim and dim is None:
        result = result.reshape([steps.shape[0]] + [1] * ndim)
    elif keepdim and ndim:
        result = result.unsqueeze(dim + 1 if dim >= 0 else dim)
    return _given(result if q.dim() else result.squeeze(0), out)


def quantile(
    input: Tensor, q: Union[float, Tensor], dim: Optional[int] = None, keepdim: bool = False, *,
    interpolation: str = "linear", out: Optional[Tensor] = None,
) -> Tensor:
    """The q-th quantiles of all elements, or along a dimension.

    Parameters
    ----------
    input : Tensor of float32 or float64
    q : float or vector of them, from 0 to 1
        A vector puts a dimension of its length in front of the result.
    interpolation : {"linear", "lower", "higher", "midpoint", "nearest"}
        What a quantile between two elements is.

    Returns
    -------
    Tensor
        nan where a line has a nan.

    Examples
    --------
    >>> rustorch.quantile(rustorch.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, out, False)


def nanquantile(
    input: Tensor, q: Union[float, Tensor], dim: Optional[int] = None, keepdim: bool = False, *,
    interpolation: str = "linear", out: Optional[Tensor] = None,
) -> Tensor:
    """:func:`quantile` of the elements that are not nan; nan where there are none.

    >>> rustorch.nanquantile(rustorch.tensor([1.0, float("nan"), 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, out, True)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Optional[Tensor] = None) -> Tensor:
    """How many elements fall into each of `bins` equal parts of min … max; by default of the range of the elements.

    Elements outside, and nan, are not counted; the result has the dtype of input.

    >>> rustorch.histc(rustorch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if bins < 1:
        _fail("ArgumentValueError", f"histc(): bins must be > 0, but it is {bins}")
    x = input.detach().flatten()
    if min == max and x.numel():
        min, max = (float(part) for part in _ops.aminmax(x))
    if min == max:
        min, max = min - 1, max + 1
    if not (math.isfinite(min) and math.isfinite(max)) or min > max:
        _fail("ArgumentValueError", f"histc(): range of [{min}, {max}] is not finite, or max is below min")
    at = ((x - min) * (bins / (max - min))).floor().clamp_(0, bins - 1)
    at.masked_fill_(~((x >= min) & (x <= max)), bins)  # one bin more for what is not counted
    return _given(_ops.bincount(at.long(), minlength=bins + 1)[:bins].to(input.dtype), out)


def histogram(
    input: Tensor, bins: Union[int, Tensor], *, range: Optional[Tuple[float, float]] = None,
    weight: Optional[Tensor] = None, density: bool = False, out: Optional[Tensor] = None,
) -> "_Histogram":
    """How many elements (or how much weight) fall between each two edges; the last edge belongs to its bin.

    Parameters
    ----------
    bins : int or Tensor
        A number of equal parts of `range` (by default of the range of the elements), or the edges in order.
    density : bool
        Divide by total and width, so that the integral is 1.

    Returns
    -------
    (hist, bin_edges)
        The histogram and its edges, a named tuple.

    >>> counts, edges = rustorch.histogram(rustorch.tensor([0.5, 1.5, 1.7]), 2, range=(0.0, 2.0))
    >>> counts
    tensor([1., 2.])
    """
    x = input.detach().flatten()
    if isinstance(bins, Tensor):
        edges = bins
    else:
        low, high = range if range is not None else ([float(part) for part in _ops.aminmax(x)] if x.numel() else (0.0, 1.0))
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = rustorch.linspace(low, high, bins + 1, dtype=input.dtype)
    n = edges.shape[0] - 1
    at = _ops.searchsorted(edges, x, right=True) - 1
    at = rustorch.where((at == n) & (x == edges[-1]), n - 1, at)
    inside = (at >= 0) & (at < n) & ~x.isnan()
    weights = None if weight is None else weight.detach().flatten()[inside]
    hist = _ops.bincount(at[inside], weights, minlength=n).to(input.dtype)
    if density:
        hist = hist / hist.sum() / _ops.diff(edges)
    if out is not None:
        hist, edges = _given(hist, out[0]), _given(edges, out[1])
    return _Histogram(hist, edges)


def cov(input: Tensor, *, correction: int = 1, fweights: Optional[Tensor] = None, aweights: Optional[Tensor] = None) -> Tensor:
    """The covariance matrix of variables in rows, observations in columns.

    Parameters
    ----------
    correction : int
        The sum of products is divided by the number of observations less this.
    fweights, aweights : Tensor (columns), optional
        How often each observation counts, and how much.

    Examples
    --------
    >>> rustorch.cov(rustorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.dim() > 2:
        _fail("ShapeError", f"cov(): at most two dimensions are possible, but the shape is {tuple(input.shape)}")
    if input.dtype is rustorch.bool:
        _fail("DtypeError", "cov(): bool dtype is not supported for input")
    x = atleast_2d(input)
    if not x.is_floating_point():
        x = x.to(rustorch.get_default_dtype())
    n, weights = x.shape[1], None
    if fweights is not None:
        weights = fweights.to(x.dtype)
    if aweights is not None:
        weights = aweights.to(x.dtype) if weights is None else weights * aweights.to(x.dtype)
    if weights is None:
        divisor = max(n - correction, 0)
        centred = x - x.mean(1, keepdim=True)
        right = centred
    else:
        total = weights.sum()
        centred = x - (x * weights).sum(1, keepdim=True) / total
        squares = total if aweights is None else (weights * aweights.to(x.dtype)).sum() / total
        divisor = (total - correction * (squares if aweights is not None else 1)).clamp_min(0)
        right = centred * weights
    return (centred @ right.t() / divisor).squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables in rows, observations in columns; moved into -1 … 1.

    >>> rustorch.corrcoef(rustorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    c = cov(input)
    if c.dim() == 0:
        return c / c
    scale = c.diagonal().sqrt()
    return (c / scale[:, None] / scale[None, :]).clamp(-1, 1)


def _spans(name: str, y: Tensor, x: Optional[Tensor], dx: Optional[float], dim: int) -> Tensor:
    """The mean of each two neighbours times the step between them."""
    if x is not None and dx is not None:
        _fail("ArgumentTypeError", f"{name}(): only one of x and dx may be given")
    n = y.shape[dim]
    if n == 0:
        return y.narrow(dim, 0, 0)
    pairs = (y.narrow(dim, 1, n - 1) + y.narrow(dim, 0, n - 1)) / 2
    if x is None:
        return pairs * (1.0 if dx is None else dx)
    if x.dim() == 1 and y.dim() > 1:
        steps = _ops.diff(x).reshape([-1] + [1] * (y.dim() - 1 - dim % y.dim()))
    else:
        steps = _ops.diff(x, dim=dim)
    return pairs * steps


def trapezoid(y: Tensor, x: Optional[Tensor] = None, *, dx: Optional[float] = None, dim: int = -1) -> Tensor:
    """The integral along a dimension by the trapezoid rule, over places x or steps of dx (1).

    >>> rustorch.trapezoid(rustorch.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return _spans("trapezoid", y, x, dx, dim).sum(dim)


def trapz(y: Tensor, x: Optional[Tensor] = None, *, dx: Optional[float] = None, dim: int = -1) -> Tensor:
    """:func:`trapezoid` under its old name.

    >>> rustorch.trapz(rustorch.tensor([1.0, 3.0, 5.0]))
    tensor(6.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Optional[Tensor] = None, *, dx: Optional[float] = None, dim: int = -1) -> Tensor:
    """The running integral along a dimension by the trapezoid rule: one element less than y.

    >>> rustorch.cumulative_trapezoid(rustorch.tensor([1.0, 3.0, 5.0]))
    tensor([2., 6.])
    """
    return _spans("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Optional[Tensor] = None) -> Tensor:
    """A copy in which each slice along a dimension whose p-norm is above maxnorm is scaled down to it.

    >>> rustorch.renorm(rustorch.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    dims = [d for d in builtins.range(input.dim()) if d != dim % input.dim()]
    norms = input.norm(p, dims, keepdim=True)
    return _given(input * rustorch.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0), out)

"""Less usual functions of torch: numerical gradients, low-rank factorisations, norms of matrices, function forms of methods."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch._C import Tensor, _ops

from .functional import _fail, _given

__all__ = [
    "as_strided_scatter", "fill", "frobenius_norm", "get_device", "gradient", "nuclear_norm", "pca_lowrank", "repeat", "svd_lowrank",
    "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes",
]  # fmt: skip


def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """The tensor side by side with itself: the function form of :meth:`Tensor.repeat`.

    >>> rustorch.repeat(rustorch.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    return input.repeat(*sizes)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the shape and dtype of another, every element one number.

    >>> rustorch.fill(rustorch.zeros(2), 3)
    tensor([3., 3.])
    """
    return input.clone().fill_(value)


def get_device(input: Tensor) -> int:
    """The number of the GPU that a tensor is on, or -1 on the CPU.

    >>> rustorch.get_device(rustorch.zeros(1))
    -1
    """
    return input.get_device()


def frobenius_norm(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Optional[Tensor] = None) -> Tensor:
    """The root of the sum of squares, of all elements or over dimensions.

    >>> rustorch.frobenius_norm(rustorch.tensor([[3.0, 4.0]]))
    tensor(5.)
    """
    return _given(_ops.norm(input, 2, None if dim == () else dim, keepdim), out)


def nuclear_norm(input: Tensor, dim: Optional[Sequence[int]] = None, keepdim: bool = False, *, out: Optional[Tensor] = None) -> Tensor:
    """The sum of the singular values of matrices.

    >>> rustorch.nuclear_norm(rustorch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor(3.)
    """
    return rustorch.linalg.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, out=out)


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: Optional[int] = None
) -> Tensor:
    """A copy of a tensor with other elements where :meth:`Tensor.as_strided` looks.

    >>> rustorch.as_strided_scatter(rustorch.zeros(4), rustorch.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    result = input.clone(memory_format=rustorch.contiguous_format)
    result.as_strided(size, stride, storage_offset).copy_(src)
    return result


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> Tuple[Tensor, ...]:
    """:func:`rustorch.chunk`.

    >>> rustorch.unsafe_chunk(rustorch.arange(2), 2)
    (tensor([0]), tensor([1]))
    """
    return input.chunk(chunks, dim)


def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> Tuple[Tensor, ...]:
    """:func:`rustorch.split`.

    >>> rustorch.unsafe_split(rustorch.arange(2), 1)
    (tensor([0]), tensor([1]))
    """
    return tensor.split(split_size, dim)


def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> Tuple[Tensor, ...]:
    """:func:`rustorch.split_with_sizes`.

    >>> rustorch.unsafe_split_with_sizes(rustorch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return input.split_with_sizes(split_sizes, dim)


# Differences ---------------------------------------------------------------------------------------------------


def _slope(input: Tensor, dim: int, step: Union[float, Tensor], edge_order: int) -> Tensor:
    n = input.shape[dim]
    if n < edge_order + 1:
        _fail("ShapeError", f"gradient: dimension {dim} has {n} elements, edge_order {edge_order} needs at least {edge_order + 1}")
    x = step if isinstance(step, Tensor) else rustorch.arange(n, dtype=input.dtype) * step
    if x.dim() != 1 or x.shape[0] != n:
        _fail("ShapeError", f"gradient: the coordinates of dimension {dim} have shape {tuple(x.shape)}, but {n} numbers are needed")
    y, h = input.movedim(dim, -1), x.diff().to(input.dtype)
    a, b = h[:-1], h[1:]
    middle = (y[..., 2:] * a * a + y[..., 1:-1] * (b * b - a * a) - y[..., :-2] * b * b) / (a * b * (a + b))
    if edge_order == 1:
        first, last = (y[..., 1:2] - y[..., :1]) / h[0], (y[..., -1:] - y[..., -2:-1]) / h[-1]
    else:
        a, b = h[0], h[1]
        first = -(2 * a + b) / (a * (a + b)) * y[..., :1] + (a + b) / (a * b) * y[..., 1:2] - a / (b * (a + b)) * y[..., 2:3]
        a, b = h[-1], h[-2]
        last = (2 * a + b) / (a * (a + b)) * y[..., -1:] - (a + b) / (a * b) * y[..., -2:-1] + a / (b * (a + b)) * y[..., -3:-2]
    return rustorch.cat([first, middle, last], -1).movedim(-1, dim)


def gradient(input: Tensor, *, spacing: Any = 1, dim: Union[None, int, Sequence[int]] = None, edge_order: int = 1) -> List[Tensor]:
    """The slopes of a function given by its values on a grid, one tensor for each dimension.

    Parameters
    ----------
    spacing : number, sequence of numbers, or sequence of Tensor
        The distance of neighbours (in each dimension), or their coordinates.
    dim : int or sequence of int, optional
        Which dimensions; all by default.
    edge_order : {1, 2}
        How many neighbours the values at the ends use.

    Examples
    --------
    >>> rustorch.gradient(rustorch.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        _fail("ArgumentValueError", f"gradient: edge_order must be 1 or 2, not {edge_order}")
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(steps) != len(dims):
        _fail("ArgumentValueError", f"gradient: spacing has {len(steps)} elements for {len(dims)} dimensions")
    values = input if input.is_floating_point() else input.to(rustorch.get_default_dtype())
    return tuple(_slope(values, d, step, edge_order) for d, step in zip(dims, steps))  # type: ignore[return-value]


# Factorisations of low rank --------------------------------------------------------------------------------------


def svd_lowrank(A: Tensor, q: Optional[int] = 6, niter: Optional[int] = 2, M: Optional[Tensor] = None) -> Tuple[Tensor, Tensor, Tensor]:
    """The largest q singular values of A (of A - M) with their vectors, nearly: U (…, n, q), S (…, q) and V (…, m, q).

    There are as many as the smaller size of a matrix where ``q`` is more.

    Source: Halko, Martinsson and Tropp, "Finding structure with randomness" (2009).

    >>> U, S, V = rustorch.svd_lowrank(rustorch.diag(rustorch.tensor([3.0, 2.0, 0.0])), q=2)
    >>> S.round()
    tensor([3., 2.])
    """
    A = A if M is None else A - M
    n, m = A.shape[-2:]
    q = 6 if q is None else q
    if q < 0:
        _fail("ArgumentValueError", f"svd_lowrank: q must not be negative, but it is {q}")
    q = min(q, n, m)  # a matrix has no more
    Q = rustorch.linalg.qr(A @ rustorch.randn(A.shape[:-2] + (m, q), dtype=A.dtype))[0]
    for _ in range(niter or 0):
        Q = rustorch.linalg.qr(A.mT @ Q)[0]
        Q = rustorch.linalg.qr(A @ Q)[0]
    U, S, Vh = rustorch.linalg.svd(Q.mT @ A, full_matrices=False)
    return Q @ U, S, Vh.mT


def pca_lowrank(A: Tensor, q: Optional[int] = None, center: bool = True, niter: int = 2) -> Tuple[Tensor, Tensor, Tensor]:
    """:func:`svd_lowrank` of A with the mean of each column taken off: V are the principal directions.

    >>> U, S, V = rustorch.pca_lowrank(rustorch.tensor([[0.0, 0.0], [3.0, 4.0]]), q=1)
    >>> S.round(decimals=2)
    tensor([3.5400])
    """
    least = min(A.shape[-2:])
    q = min(6, least) if q is None else q
    if not 0 <= q <= least:
        _fail("ArgumentValueError", f"pca_lowrank: q must be from 0 to {least}, the smaller size of a matrix, not {q}")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)

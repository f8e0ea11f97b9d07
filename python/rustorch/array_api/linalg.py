"""Linear algebra of the array API standard, whose main functions stand in the namespace above too."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor

from ._dtypes import promoted
from ._manipulation import Axes, axes_of
from ._statistics import _summed_dtype

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


class EighResult(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """The sign of a determinant and the logarithm of its size."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """The parts of a singular value decomposition."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of matrices, or with vectors.

    >>> from rustorch import array_api as xp
    >>> xp.matmul(xp.ones((2, 3)), xp.ones(3))
    tensor([3., 3.])
    """
    return rustorch.matmul(*promoted("matmul", x1, x2))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The matrices with rows and columns exchanged.

    >>> from rustorch import array_api as xp
    >>> xp.matrix_transpose(xp.zeros((4, 2, 3))).shape
    rustorch.Size([4, 3, 2])
    """
    if x.dim() < 2:
        raise rustorch.ShapeError(f"matrix_transpose: at least two axes are needed, but the shape is {tuple(x.shape)}")
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Union[int, Tuple[Sequence[int], Sequence[int]]] = 2) -> Tensor:
    """The products summed over axes of both: the last ones of x1 and first ones of x2, or those named.

    >>> from rustorch import array_api as xp
    >>> xp.tensordot(xp.ones((2, 3)), xp.ones((3, 4)), axes=1).shape
    rustorch.Size([2, 4])
    """
    a, b = promoted("tensordot", x1, x2)
    return rustorch.tensordot(a, b, axes if isinstance(axes, int) else (list(axes[0]), list(axes[1])))


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The sums of products along an axis, counted from the end; the others broadcast.

    >>> from rustorch import array_api as xp
    >>> xp.vecdot(xp.ones((2, 3)), xp.ones(3))
    tensor([3., 3.])
    """
    a, b = promoted("vecdot", x1, x2)
    if axis >= 0 or builtins.min(a.dim(), b.dim()) < -axis or a.shape[axis] != b.shape[axis]:
        raise rustorch.ShapeError(f"vecdot: axis {axis} must be negative and of one size in {tuple(a.shape)} and {tuple(b.shape)}")
    return (a * b).sum(axis, dtype=a.dtype)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The vector products along an axis of size 3; the others broadcast.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.cross(xp.asarray([1.0, 0.0, 0.0]), xp.asarray([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    a, b = rustorch.broadcast_tensors(*promoted("cross", x1, x2))
    return rustorch.linalg.cross(a, b, dim=axis)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of each element of a vector with each of another.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.outer(xp.ones(2), xp.ones(3)).shape
    rustorch.Size([2, 3])
    """
    return rustorch.outer(*promoted("outer", x1, x2))


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.diagonal(xp.eye(2))
    tensor([1., 1.])
    """
    return x.diagonal(offset, -2, -1)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sums of the diagonals of matrices.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.trace(xp.eye(2))
    tensor(2.)
    """
    return x.diagonal(offset, -2, -1).sum(-1, dtype=_summed_dtype(x, dtype))


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norms of matrices.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.matrix_norm(xp.asarray([[3.0, 4.0]]))
    tensor(5.)
    """
    return rustorch.linalg.matrix_norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Tensor, /, *, axis: Optional[Axes] = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """The norm of all elements, or of vectors along axes.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.vector_norm(xp.asarray([3.0, 4.0]))
    tensor(5.)
    """
    if axis == ():
        return x.abs() if ord != 0 else (x != 0).to(x.dtype)
    return rustorch.linalg.vector_norm(x, ord, axes_of(axis), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """The n-th powers of square matrices.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.matrix_power(xp.eye(2) * 2, 3).trace()
    tensor(16.)
    """
    return rustorch.linalg.matrix_power(x, n)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values are above ``rtol`` times the largest.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.matrix_rank(xp.ones((2, 2)))
    tensor(1)
    """
    return rustorch.linalg.matrix_rank(x, rtol=rtol)


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverses of Moore and Penrose.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.pinv(xp.asarray([[2.0]]))
    tensor([[0.5000]])
    """
    return rustorch.linalg.pinv(x, rtol=rtol)


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solutions X of x1 X = x2; x2 is a vector if it has one axis, else matrices.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.solve(xp.eye(2) * 2, xp.ones(2))
    tensor([0.5000, 0.5000])
    """
    if x2.dim() == 1:
        return rustorch.linalg.solve(x1, x2.expand(x1.shape[:-2] + x2.shape).unsqueeze(-1)).squeeze(-1)
    batch = rustorch.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    return rustorch._C._ops.linalg_solve(x1.expand(batch + x1.shape[-2:]), x2.expand(batch + x2.shape[-2:]))


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangular factors of symmetric positive-definite matrices.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.cholesky(xp.asarray([[4.0]]))
    tensor([[2.]])
    """
    return rustorch.linalg.cholesky(x, upper=upper)


def eigh(x: Tensor, /) -> EighResult:
    """The eigenvalues of symmetric matrices, ascending, and their eigenvectors in columns.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.eigh(xp.eye(2)).eigenvalues
    tensor([1., 1.])
    """
    return EighResult(*rustorch.linalg.eigh(x))


def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """Q of orthonormal columns and R upper triangular with Q R = x.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.qr(xp.ones((3, 2))).R.shape
    rustorch.Size([2, 2])
    """
    if mode not in ("reduced", "complete"):
        raise rustorch.ArgumentValueError(f"qr: mode must be 'reduced' or 'complete', not {mode!r}")
    return QRResult(*rustorch.linalg.qr(x, mode))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """The signs of determinants and the logarithms of their sizes.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.slogdet(xp.eye(2)).logabsdet
    tensor(0.)
    """
    return SlogdetResult(*rustorch.linalg.slogdet(x))


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """U, S and Vh with U diag(S) Vh = x, S descending.

    >>> from rustorch import array_api as xp
    >>> xp.linalg.svd(xp.ones((3, 2))).U.shape
    rustorch.Size([3, 3])
    """
    return SVDResult(*rustorch.linalg.svd(x, full_matrices))


def _plain(name: str, doc: str, shape: str) -> Any:
    def function(x: Tensor, /) -> Tensor:
        return getattr(rustorch.linalg, name)(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\n>>> from rustorch import array_api as xp\n>>> xp.linalg.{name}(xp.eye(2)).shape\n{shape}\n"
    return function


det = _plain("det", "The determinants of square matrices.", "rustorch.Size([])")
inv = _plain("inv", "The inverses of square matrices.", "rustorch.Size([2, 2])")
eigvalsh = _plain("eigvalsh", "The eigenvalues of symmetric matrices, ascending.", "rustorch.Size([2])")
svdvals = _plain("svdvals", "The singular values of matrices, descending.", "rustorch.Size([2])")

"""Linear algebra, under the names of torch.linalg.

Examples
--------
>>> rustorch.linalg.norm(rustorch.tensor([3.0, 4.0]))
tensor(5.)
"""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any, Optional, Sequence, Tuple

import rustorch

from . import functional as _functional
from ._C import Tensor, _ops
from ._decompositions import (  # noqa: F401
    cholesky_ex, householder_product, inv_ex, lu_factor, lu_factor_ex, matrix_exp, solve_ex, solve_triangular, tensorinv, tensorsolve,
)  # fmt: skip
from ._decompositions import lu_linalg as lu  # noqa: F401
from ._decompositions import lu_solve_linalg as lu_solve  # noqa: F401
from .functional import _given, _need_tensors

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

LinAlgError = rustorch.ArgumentValueError  # a matrix that is singular, or not positive-definite

matmul = _ops.matmul
matrix_power = _functional.matrix_power


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Optional[Tensor] = None) -> Tensor:
    """The vector product along a dimension of size 3; other dimensions broadcast.

    >>> rustorch.linalg.cross(rustorch.tensor([1.0, 0.0, 0.0]), rustorch.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.dim() != other.dim():
        raise rustorch.ShapeError(f"linalg.cross: inputs must have the same number of dimensions, not {input.dim()} and {other.dim()}")
    return _given(_ops.cross(input, other, dim), out)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices: of the last two dimensions unless others are named.

    >>> rustorch.linalg.diagonal(rustorch.eye(2))
    tensor([1., 1.])
    """
    return A.diagonal(offset, dim1, dim2)


def vander(x: Tensor, *, N: Optional[int] = None) -> Tensor:
    """The matrices of powers of vectors (…, n): columns x⁰, x¹, … up to N of them (n).

    >>> rustorch.linalg.vander(rustorch.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    return _functional.vander(x, N, increasing=True)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Optional[Tensor] = None) -> Tensor:
    """The sum of products along a dimension; the others broadcast.

    >>> rustorch.linalg.vecdot(rustorch.ones(2, 3), rustorch.ones(3))
    tensor([3., 3.])
    """
    return _given((x * y).sum(dim), out)


def multi_dot(tensors: Any, *, out: Optional[Tensor] = None) -> Tensor:
    """The product of matrices in the order that takes the fewest multiplications; the first and last may be vectors.

    >>> rustorch.linalg.multi_dot([rustorch.ones(2), rustorch.ones(2, 3), rustorch.ones(3)])
    tensor(6.)
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise rustorch.ArgumentValueError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    row, column = tensors[0].dim() == 1, tensors[-1].dim() == 1
    if row:
        tensors[0] = tensors[0].unsqueeze(0)
    if column:
        tensors[-1] = tensors[-1].unsqueeze(1)
    product = _functional.chain_matmul(*tensors)
    return _given(product.reshape([n for n, gone in zip(product.shape, (row, column)) if not gone]), out)


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Optional[Tensor] = None,
) -> Tensor:
    """The vector norm of any order (also 0, inf and -inf), of all elements or over dimensions.

    Parameters
    ----------
    ord : number, default 2
    dim : int or sequence of int, optional
        By default all dimensions, as if the tensor were flattened.

    >>> rustorch.linalg.vector_norm(rustorch.tensor([3.0, -4.0]), 1)
    tensor(7.)
    """
    return _given(_ops.norm(x, ord, dim, keepdim, dtype=dtype), out)


def _two_dims(name: Any, A: Tensor, dim: Optional[int]) -> Tuple[int, int]:
    if A.dim() < 2:
        raise rustorch.ShapeError(f"linalg.{name}: the input tensor A must have at least 2 dimensions, not {A.dim()}")
    if isinstance(dim, int) or len(dim) != 2:
        raise rustorch.ArgumentValueError(f"linalg.{name}: dim must be a 2-tuple, not {dim}")
    rows, columns = (d % A.dim() for d in dim)
    if rows == columns:
        raise rustorch.ArgumentValueError(f"linalg.{name}: dims must be different, got {tuple(dim)}")
    return rows, columns


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None,
    out: Optional[Tensor] = None,
) -> Tensor:
    """The norm of matrices.

    Parameters
    ----------
    ord : {"fro", "nuc", 1, -1, 2, -2, inf, -inf}
        Frobenius' norm, the sum of the singular values, the largest (smallest) sum of absolute values of a column,
        singular value, or sum of absolute values of a row.
    dim : (int, int)
        Which dimensions are rows and columns.

    >>> rustorch.linalg.matrix_norm(rustorch.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    rows, columns = _two_dims("matrix_norm", A, dim)
    A = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return _given(_ops.norm(A, 2, [rows, columns], keepdim), out)
    if ord in (2, -2, "nuc"):
        values = svdvals(A.movedim((rows, columns), (-2, -1)))
        result = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                result = result.unsqueeze(d)
        return _given(result, out)
    if ord not in (1, -1, math.inf, -math.inf):
        raise rustorch.ArgumentValueError(f"linalg.matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {ord!r}")
    summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(summed, keepdim=True)
    result = sums.amax(kept, keepdim=True) if ord > 0 else sums.amin(kept, keepdim=True)
    return _given(result if keepdim else result.squeeze((rows, columns)), out)


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Optional[Tensor] = None, dtype: Any = None,
) -> Tensor:
    """A vector or a matrix norm.

    Without ``ord``, the 2-norm of all elements or over ``dim``. With it, :func:`matrix_norm` if ``dim`` names two
    dimensions (or A is a matrix and no ``dim`` is given), else :func:`vector_norm`.

    >>> rustorch.linalg.norm(rustorch.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype, out=out)
    pair = dim is not None and not isinstance(dim, int) and len(dim) == 2
    if dim is None and A.dim() > 2:
        raise rustorch.ShapeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D.")
    if pair or (dim is None and A.dim() == 2):
        return matrix_norm(A, ord, dim if pair else (-2, -1), keepdim, dtype=dtype, out=out)
    if isinstance(ord, str):
        raise rustorch.ArgumentValueError(f"linalg.norm: ord={ord!r} is for matrices")
    return vector_norm(A, ord, dim, keepdim, dtype=dtype, out=out)


# Factorisations ----------------------------------------------------------------------------------------------


def inv(A: Tensor, *, out: Optional[Tensor] = None) -> Tensor:
    """The inverses of square matrices.

    >>> rustorch.linalg.inv(rustorch.tensor([[2.0, 1.0], [0.0, 4.0]]))[0]
    tensor([ 0.5000, -0.1250])
    """
    return _given(_ops.inverse(A), out)


def det(A: Tensor, *, out: Optional[Tensor] = None) -> Tensor:
    """The determinants of square matrices.

    >>> rustorch.linalg.det(rustorch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return _given(_ops.det(A), out)


def slogdet(A: Tensor, *, out: Optional[Tensor] = None) -> Any:
    """The signs of the determinants of square matrices and the logarithms of their absolute values: ``sign`` and ``logabsdet``.

    >>> rustorch.linalg.slogdet(rustorch.tensor([[-1.0]])).sign
    tensor(-1.)
    """
    found = _ops.slogdet(A)
    return found if out is None else type(found)([_given(part, room) for part, room in zip(found, out)])


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Optional[Tensor] = None) -> Tensor:
    """The solution X of A X = B; of X A = B if not ``left``.

    Parameters
    ----------
    A : Tensor (…, n, n)
    B : Tensor (…, n, k), or vectors (…, n)
        Leading dimensions broadcast. B is a batch of vectors if it has one dimension, or the shape of A without the last.

    Raises
    ------
    LinAlgError
        A matrix is singular.

    Examples
    --------
    >>> rustorch.linalg.solve(rustorch.tensor([[2.0, 0.0], [0.0, 4.0]]), rustorch.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    _need_tensors("linalg.solve", (A, B))
    vector = B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1])
    if vector:
        B = B.unsqueeze(-1)
    if not left:
        if vector:
            raise rustorch.ArgumentValueError("linalg.solve: vectors are solved for with left=True")
        A, B = A.mT, B.mT
    batch = list(_functional.broadcast_shapes(A.shape[:-2], B.shape[:-2]))
    X = _ops.linalg_solve(A.expand(batch + list(A.shape[-2:])), B.expand(batch + list(B.shape[-2:])))
    return _given(X.squeeze(-1) if vector else X if left else X.mT, out)


def cholesky(A: Tensor, *, upper: bool = False, out: Optional[Tensor] = None) -> Tensor:
    """The lower triangular L with L Lᵀ = A (or the upper one with Uᵀ U = A) of symmetric positive definite matrices.

    Only the lower triangle (of ``upper``, the upper one) is read.

    Raises
    ------
    LinAlgError
        A matrix is not positive-definite.

    >>> rustorch.linalg.cholesky(rustorch.tensor([[4.0]]))
    tensor([[2.]])
    """
    return _given(_ops.linalg_cholesky(A.mT).mT if upper else _ops.linalg_cholesky(A), out)


def eigh(A: Tensor, UPLO: str = "L", *, out: Optional[Tensor] = None) -> Any:
    """The eigenvalues of symmetric matrices in ascending order, and their eigenvectors in columns.

    ``UPLO`` says which triangle is read. The sign of an eigenvector is arbitrary.

    >>> rustorch.linalg.eigh(rustorch.tensor([[2.0, 1.0], [1.0, 2.0]]))[0]
    tensor([1., 3.])
    """
    if UPLO not in ("L", "U", "l", "u"):
        raise rustorch.ArgumentValueError(f"linalg.eigh: UPLO must be 'L' or 'U', not {UPLO!r}")
    values, vectors = found = _ops.linalg_eigh(A.mT if UPLO in "Uu" else A)
    return found if out is None else (out[0].copy_(values), out[1].copy_(vectors))


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Optional[Tensor] = None) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order.

    >>> rustorch.linalg.eigvalsh(rustorch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    return _given(eigh(A, UPLO)[0], out)


def _no_complex(name: str) -> Any:
    raise rustorch.UnsupportedError(
        f"linalg.{name}: the eigenvalues of a matrix that is not symmetric are complex numbers, which do not exist here. Use "
        "linalg.eigh or eigvalsh for symmetric matrices, svdvals for singular values, or numpy.linalg.eig(A.numpy())"
    )


def eig(A: Tensor, *, out: Any = None) -> Any:
    """Not possible: the result is complex. See :func:`eigh` for symmetric matrices.

    >>> rustorch.linalg.eig(rustorch.eye(2))
    Traceback (most recent call last):
      ...
    rustorch.UnsupportedError: linalg.eig: the eigenvalues of a matrix that is not symmetric are complex numbers, ...
    """
    return _no_complex("eig")


def eigvals(A: Tensor, *, out: Any = None) -> Any:
    """Not possible: the result is complex. See :func:`eigvalsh` for symmetric matrices.

    >>> try:
    ...     rustorch.linalg.eigvals(rustorch.eye(2))
    ... except rustorch.UnsupportedError as error:
    ...     print(str(error)[:34])
    linalg.eigvals: the eigenvalues of
    """
    return _no_complex("eigvals")


def _completed(Q: Any) -> Tensor:
    """Orthonormal columns (…, n, k) with n - k more behind them."""
    n, k = Q.shape[-2:]
    if n == k:
        return Q
    # The projection on the space beside that of Q has eigenvalues 0 (k times), then 1.
    beside = rustorch.eye(n, dtype=Q.dtype) - Q @ Q.mT
    return rustorch.cat([Q, _ops.linalg_eigh(beside)[1][..., k:]], -1)


def svd(A: Tensor, full_matrices: bool = True, *, driver: Optional[str] = None, out: Optional[Tensor] = None) -> Any:
    """U, S and Vh with U diag(S) Vh = A, S in descending order.

    Parameters
    ----------
    full_matrices : bool
        U (…, n, n) and Vh (…, m, m); else U (…, n, k) and Vh (…, k, m), k the smaller of n and m. The columns beyond k
        take no gradient.

    >>> U, S, Vh = rustorch.linalg.svd(rustorch.ones(3, 2))
    >>> U.shape, S.shape, Vh.shape
    (rustorch.Size([3, 3]), rustorch.Size([2]), rustorch.Size([2, 2]))
    """
    if driver is not None:
        raise rustorch.UnsupportedError("linalg.svd: a driver can be chosen on a GPU only")
    U, S, Vh = found = _ops.linalg_svd(A)
    if full_matrices and A.shape[-1] != A.shape[-2]:
        with rustorch.no_grad():
            more_U, more_V = _completed(U.detach())[..., S.shape[-1] :], _completed(Vh.detach().mT)[..., S.shape[-1] :]
        found = (rustorch.cat([U, more_U], -1), S, rustorch.cat([Vh, more_V.mT], -2))
    return found if out is None else tuple(room.copy_(part) for room, part in zip(out, found))


def svdvals(A: Tensor, *, driver: Optional[str] = None, out: Optional[Tensor] = None) -> Tensor:
    """The singular values of matrices, in descending order.

    >>> rustorch.linalg.svdvals(rustorch.diag(rustorch.tensor([1.0, 2.0])))
    tensor([2., 1.])
    """
    return _given(svd(A, False, driver=driver)[1], out)


def qr(A: Tensor, mode: str = "reduced", *, out: Optional[Tensor] = None) -> Any:
    """Q of orthonormal columns and R upper triangular with Q R = A.

    Parameters
    ----------
    mode : {"reduced", "complete", "r"}
        Q (…, n, k) and R (…, k, m), k the smaller of n and m; Q (…, n, n) and R (…, n, m); or R (…, k, m) alone and an
        empty Q.

    >>> Q, R = rustorch.linalg.qr(rustorch.ones(3, 2))
    >>> rustorch.allclose(Q @ R, rustorch.ones(3, 2), atol=1e-6)
    True
    """
    if mode not in ("reduced", "complete", "r"):
        raise rustorch.ArgumentValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r', not {mode!r}")
    Q, R = found = _ops.linalg_qr(A)
    if mode == "r":
        found = (A.new_empty(0), R)
    elif mode == "complete" and Q.shape[-2] != Q.shape[-1]:
        with rustorch.no_grad():
            more = _completed(Q.detach())[..., Q.shape[-1] :]
        found = (rustorch.cat([Q, more], -1), rustorch.cat([R, R.new_zeros(R.shape[:-2] + (Q.shape[-2] - R.shape[-2], R.shape[-1]))], -2))
    return found if out is None else tuple(room.copy_(part) for room, part in zip(out, found))


def _cutoff(values: Any, shape: Any, atol: Optional[float], rtol: Optional[float]) -> Tensor:
    """What counts as 0 among singular values: the larger of atol and rtol times the largest of a matrix."""
    if rtol is None:
        rtol = 0.0 if atol is not None else max(shape[-2:]) * rustorch.finfo(values.dtype).eps
    bound = values.amax(-1, keepdim=True) * rtol
    return bound if atol is None else rustorch.maximum(bound, rustorch.full_like(bound, atol))


def pinv(
    A: Tensor, *, atol: Optional[float] = None, rtol: Optional[float] = None, hermitian: bool = False,
    out: Optional[Tensor] = None,
) -> Tensor:
    """The pseudo-inverses of Moore and Penrose; singular values up to the larger of ``atol`` and ``rtol`` · the largest are 0.

    ``hermitian`` is without effect: all of a matrix is read, also where it is symmetric.

    >>> rustorch.linalg.pinv(rustorch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    U, S, Vh = _ops.linalg_svd(A)
    kept = S > _cutoff(S.detach(), A.shape, atol, rtol)
    inverse = rustorch.where(kept, 1 / rustorch.where(kept, S, 1.0), 0.0)
    return _given((Vh.mT * inverse.unsqueeze(-2)) @ U.mT, out)


def matrix_rank(
    A: Tensor, *, atol: Optional[float] = None, rtol: Optional[float] = None, hermitian: bool = False,
    out: Optional[Tensor] = None,
) -> Tensor:
    """How many singular values of matrices are not 0: above the larger of ``atol`` and ``rtol`` · the largest.

    ``hermitian`` as in :func:`pinv`.

    >>> rustorch.linalg.matrix_rank(rustorch.ones(3, 3))
    tensor(1)
    """
    S = svdvals(A.detach())
    return _given((S > _cutoff(S, A.shape, atol, rtol)).sum(-1), out)


def cond(A: Tensor, p: Any = None, *, out: Optional[Tensor] = None) -> Tensor:
    """The condition numbers of matrices: ‖A‖ ‖A⁻¹‖ in the norm p (2, by singular values, if None).

    >>> rustorch.linalg.cond(rustorch.diag(rustorch.tensor([1.0, 10.0])))
    tensor(10.)
    """
    if p in (None, 2, -2):
        S = svdvals(A)
        return _given(S[..., -1] / S[..., 0] if p == -2 else S[..., 0] / S[..., -1], out)
    return _given(matrix_norm(A, p) * matrix_norm(inv(A), p), out)


_LeastSquares = namedtuple("linalg_lstsq", "solution residuals rank singular_values")


def lstsq(A: Tensor, B: Tensor, rcond: Optional[float] = None, *, driver: Optional[str] = None) -> _LeastSquares:
    """The X that makes ‖A X − B‖ smallest, for matrices of full rank or not.

    It comes from the singular values, whichever ``driver`` of LAPACK is named.

    Returns
    -------
    (solution, residuals, rank, singular_values)
        A named tuple. Residuals are the sums of squares where A has more rows than columns and full rank, else empty.

    >>> A = rustorch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> rustorch.linalg.lstsq(A, rustorch.tensor([1.0, 3.0, 5.0])).solution.round(decimals=3)
    tensor([1., 2.])
    """
    _need_tensors("linalg.lstsq", (A, B))
    vector = B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1])
    right = B.unsqueeze(-1) if vector else B
    X = pinv(A, rtol=rcond) @ right
    rank = matrix_rank(A, rtol=rcond)
    n, m = A.shape[-2:]
    residuals = A.new_empty(0)
    if n > m and bool((rank == m).all()):
        residuals = ((A @ X - right) ** 2).sum(-2)
    return _LeastSquares(X.squeeze(-1) if vector else X, residuals, rank, svdvals(A.detach()))

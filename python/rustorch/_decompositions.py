"""Triangular systems, LU and Householder factorisations, the matrix exponential: part of linalg.py and functional.py."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any, Callable, List, Optional, Sequence, Tuple

import rustorch
from rustorch._C import Tensor, _ops

from .functional import _fail, _given, broadcast_shapes

_LU = namedtuple("_LU", "LU pivots")
_PLU = namedtuple("_PLU", "P L U")
_WithInfo = {
    "inv_ex": namedtuple("inv_ex", "inverse info"),
    "cholesky_ex": namedtuple("cholesky_ex", "L info"),
    "solve_ex": namedtuple("solve_ex", "result info"),
    "lu_factor_ex": namedtuple("lu_factor_ex", "LU pivots info"),
}
_Solution = namedtuple("triangular_solve", "solution cloned_coefficient")
_QR = namedtuple("geqrf", "a tau")


def _given_all(parts: Sequence[Tensor], out: Any) -> Any:
    """The results, or the tensors of out with the results in them."""
    return parts if out is None else type(parts)(*(_given(part, room) for part, room in zip(parts, out)))


def _batched(name: str, A: Tensor, B: Tensor) -> Tuple[Tensor, Tensor]:
    """Two stacks of matrices with the same leading dimensions."""
    for what, x in (("A", A), ("B", B)):
        if x.dim() < 2:
            _fail("ShapeError", f"{name}: {what} must have at least 2 dimensions, but its shape is {tuple(x.shape)}")
    batch = list(broadcast_shapes(A.shape[:-2], B.shape[:-2]))
    return A.expand(batch + list(A.shape[-2:])), B.expand(batch + list(B.shape[-2:]))


# Triangular systems ------------------------------------------------------------------------------------------


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Optional[Tensor] = None
) -> Tensor:
    """The solution X of A X = B (X A = B if not ``left``) for triangular matrices A.

    Parameters
    ----------
    A : Tensor (…, n, n)
        What lies beyond its triangle is not read.
    B : Tensor (…, n, k), or (…, k, n) if not ``left``
        Leading dimensions broadcast.
    upper : bool
        Which triangle A is.
    unitriangular : bool
        Take the diagonal as ones, without reading it.

    Examples
    --------
    >>> A = rustorch.tensor([[2.0, 0.0], [1.0, 1.0]])
    >>> rustorch.linalg.solve_triangular(A, rustorch.tensor([[2.0], [3.0]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    A, B = _batched("linalg.solve_triangular", A, B)
    if left:
        return _given(_ops.linalg_solve_triangular(A, B, upper=upper, unitriangular=unitriangular), out)
    return _given(_ops.linalg_solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular).mT, out)


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """The old name of :func:`rustorch.linalg.solve_triangular`: (solution, A), of Aᵀ X = b if ``transpose``.

    >>> rustorch.triangular_solve(rustorch.ones(1, 1), rustorch.tensor([[2.0]])).solution
    tensor([[0.5000]])
    """
    A, b = _batched("triangular_solve", A, b)
    matrix, side = (A.mT, not upper) if transpose else (A, upper)
    X = _ops.linalg_solve_triangular(matrix, b, upper=side, unitriangular=unitriangular)
    return _given_all(_Solution(X, A.clone()), out)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Optional[Tensor] = None) -> Tensor:
    """The solution X of L Lᵀ X = B (Uᵀ U X = B if ``upper``), from the factor of :func:`rustorch.linalg.cholesky`.

    >>> rustorch.cholesky_solve(rustorch.tensor([[8.0]]), rustorch.tensor([[2.0]]))
    tensor([[2.]])
    """
    L, B = _batched("cholesky_solve", L, B)
    L = L.mT if upper else L
    Y = _ops.linalg_solve_triangular(L, B, upper=False)
    return _given(_ops.linalg_solve_triangular(L.mT, Y, upper=True), out)


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Optional[Tensor] = None) -> Tensor:
    """The inverse of L Lᵀ (of Uᵀ U if ``upper``).

    >>> rustorch.cholesky_inverse(rustorch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    if L.dim() < 2 or L.shape[-1] != L.shape[-2]:
        _fail("ShapeError", f"cholesky_inverse: square matrices are needed, but the shape is {tuple(L.shape)}")
    return _given(cholesky_solve(rustorch.eye(L.shape[-1], dtype=L.dtype), L, upper), out)


# LU ----------------------------------------------------------------------------------------------------------


def _needs_pivots(name: str, pivot: bool) -> None:
    if not pivot:
        _fail("UnsupportedError", f"{name}: pivot=False is not possible on the CPU, where every factorisation exchanges rows")


def _zero_pivots(LU: Tensor) -> Tensor:
    """For each matrix the first place, from 1, of a zero on the diagonal of U, or 0."""
    zero = LU.detach().diagonal(0, -2, -1) == 0
    first = zero.to(rustorch.int32).argmax(-1) + 1 if zero.shape[-1] else zero.new_zeros(zero.shape[:-1], dtype=rustorch.int64)
    return (first * zero.any(-1)).to(rustorch.int32)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """:func:`rustorch.linalg.lu_factor` with ``info``: for each matrix the first zero on the diagonal of U, from 1, or 0.

    >>> rustorch.linalg.lu_factor_ex(rustorch.zeros(2, 2)).info
    tensor(1, dtype=rustorch.int32)
    """
    _needs_pivots("linalg.lu_factor_ex", pivot)
    LU, pivots = _ops.linalg_lu_factor(A)
    info = _zero_pivots(LU)
    if check_errors and bool(info.any()):
        _fail("ArgumentValueError", f"linalg.lu_factor_ex: U has a zero on its diagonal at {int(info.max())}, from 1")
    return _given_all(_WithInfo["lu_factor_ex"](LU, pivots, info), out)


def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """The factors of matrices (…, n, m) by Gauss' elimination, packed: A = P L U.

    Returns
    -------
    (LU, pivots)
        L below the diagonal (its own is ones), U on and above it; with which row, from 1, each was exchanged (int32).

    Raises
    ------
    LinAlgError
        A matrix is singular, so that nothing could be solved with its factors: see :func:`lu_factor_ex`.

    Examples
    --------
    >>> LU, pivots = rustorch.linalg.lu_factor(rustorch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> LU
    tensor([[2.0000, 2.0000],
            [0.5000, 1.0000]])
    >>> pivots
    tensor([2, 2], dtype=rustorch.int32)
    """
    LU, pivots, info = lu_factor_ex(A, pivot=pivot)
    if bool(info.any()):
        at = int(info.max())
        _fail(
            "ArgumentValueError",
            f"linalg.lu_factor: U[{at},{at}] is zero and using it on lu_solve would result in a division by zero. If you still "
            "want the factors, call linalg.lu or linalg.lu_factor_ex",
        )
    return _given_all(_LU(LU, pivots), out)


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None) -> Any:
    """P, L and U from what :func:`rustorch.linalg.lu_factor` packed; empty tensors for what is not to be unpacked.

    >>> A = rustorch.tensor([[1.0, 2.0], [2.0, 2.0]])
    >>> P, L, U = rustorch.lu_unpack(*rustorch.linalg.lu_factor(A))
    >>> P @ L @ U
    tensor([[1., 2.],
            [2., 2.]])
    """
    n, m = LU_data.shape[-2:]
    k = min(n, m)
    P = L = U = LU_data.new_empty(0)
    if unpack_data:
        L = LU_data[..., :k].tril(-1) + rustorch.eye(n, k, dtype=LU_data.dtype)
        U = LU_data[..., :k, :].triu()
    if unpack_pivots:
        order = _ops._lu_order(LU_pivots, n)
        P = (rustorch.arange(n)[:, None] == order.unsqueeze(-2)).to(LU_data.dtype)
    return _given_all(_PLU(P, L, U), out)


def lu_linalg(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """P, L and U with P L U = A: a permutation, a lower triangle with a diagonal of ones, an upper triangle.

    >>> P, L, U = rustorch.linalg.lu(rustorch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> P
    tensor([[0., 1.],
            [1., 0.]])
    """
    _needs_pivots("linalg.lu", pivot)
    return lu_unpack(*_ops.linalg_lu_factor(A), out=out)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, *, out: Any = None) -> Any:
    """The old name of :func:`rustorch.linalg.lu_factor`: (LU, pivots), and info if ``get_infos``.

    >>> rustorch.lu(rustorch.tensor([[2.0]]))[0]
    tensor([[2.]])
    """
    found = tuple(lu_factor_ex(A, pivot=pivot))
    found = found if get_infos else found[:2]
    return found if out is None else tuple(_given(part, room) for part, room in zip(found, out))


def lu_solve_linalg(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Optional[Tensor] = None
) -> Tensor:
    """The solution X of A X = B from the factors of :func:`lu_factor`; of X A = B if not ``left``, of Aᵀ if ``adjoint``.

    >>> LU, pivots = rustorch.linalg.lu_factor(rustorch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> rustorch.linalg.lu_solve(LU, pivots, rustorch.tensor([[3.0], [4.0]]))
    tensor([[1.],
            [1.]])
    """
    if not left:
        return _given(lu_solve_linalg(LU, pivots, B.mT, adjoint=not adjoint).mT, out)
    LU, B = _batched("linalg.lu_solve", LU, B)
    order = _ops._lu_order(pivots, LU.shape[-1])
    if adjoint:
        order = order.argsort(-1)
        B = _ops.linalg_solve_triangular(LU.mT, B, upper=False)
        B = _ops.linalg_solve_triangular(LU.mT, B, upper=True, unitriangular=True)
    else:
        B = B.gather(-2, order.unsqueeze(-1).expand(B.shape))
        B = _ops.linalg_solve_triangular(LU, B, upper=False, unitriangular=True)
        return _given(_ops.linalg_solve_triangular(LU, B, upper=True), out)
    return _given(B.gather(-2, order.unsqueeze(-1).expand(B.shape)), out)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Optional[Tensor] = None) -> Tensor:
    """:func:`rustorch.linalg.lu_solve` with the old order of its arguments.

    >>> rustorch.lu_solve(rustorch.tensor([[4.0]]), *rustorch.linalg.lu_factor(rustorch.tensor([[2.0]])))
    tensor([[2.]])
    """
    return lu_solve_linalg(LU_data, LU_pivots, b, out=out)


# Where a failure is wanted as a number for each matrix ---------------------------------------------------------


def _with_info(name: str, function: Callable[..., Tensor], tensors: Sequence[Tensor], check_errors: bool) -> Any:
    """The result, and 0 for each matrix that it exists for, else 1 (and nan for the result)."""
    batch = tensors[0].shape[:-2]
    try:
        return _WithInfo[name](function(*tensors), rustorch.zeros(batch, dtype=rustorch.int32))
    except rustorch.ArgumentValueError:
        if check_errors:
            raise
    if len(batch) == 0:
        last = tensors[-1]
        return _WithInfo[name](rustorch.full_like(last, math.nan), rustorch.ones((), dtype=rustorch.int32))
    parts: List[Any] = [_with_info(name, function, [x[i] for x in tensors], False) for i in range(batch[0])]
    return _WithInfo[name](*(rustorch.stack([part[k] for part in parts]) for k in range(2)))


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """:func:`rustorch.linalg.cholesky` with ``info``, which is not 0 where a matrix is not positive-definite.

    >>> rustorch.linalg.cholesky_ex(rustorch.tensor([[-1.0]])).info
    tensor(1, dtype=rustorch.int32)
    """
    found = _with_info("cholesky_ex", lambda x: rustorch.linalg.cholesky(x, upper=upper), [A], check_errors)
    return _given_all(found, out)


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """:func:`rustorch.linalg.inv` with ``info``, which is not 0 where a matrix is singular.

    >>> rustorch.linalg.inv_ex(rustorch.tensor([[2.0]]))
    inv_ex(inverse=tensor([[0.5000]]), info=tensor(0, dtype=rustorch.int32))
    """
    return _given_all(_with_info("inv_ex", rustorch.linalg.inv, [A], check_errors), out)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """:func:`rustorch.linalg.solve` with ``info``, which is not 0 where a matrix is singular.

    >>> rustorch.linalg.solve_ex(rustorch.tensor([[2.0]]), rustorch.tensor([[4.0]])).result
    tensor([[2.]])
    """
    if not (B.dim() == 1 or B.shape == A.shape[:-1]):
        A, B = _batched("linalg.solve_ex", A, B)
    found = _with_info("solve_ex", lambda a, b: rustorch.linalg.solve(a, b, left=left), [A, B], check_errors)
    return _given_all(found, out)


# Householder reflections ---------------------------------------------------------------------------------------


def householder_product(A: Tensor, tau: Tensor, *, out: Optional[Tensor] = None) -> Tensor:
    """The first columns of the product of reflections 1 - τᵢ vᵢ vᵢᵀ: the Q that :func:`rustorch.geqrf` packed.

    Parameters
    ----------
    A : Tensor (…, n, k), n ≥ k
        vᵢ is 1 at place i, and column i of A below it.
    tau : Tensor (…, up to k)

    Examples
    --------
    >>> a, tau = rustorch.geqrf(rustorch.tensor([[3.0], [4.0]]))
    >>> rustorch.linalg.householder_product(a, tau)
    tensor([[-0.6000],
            [-0.8000]])
    """
    n, k = A.shape[-2:]
    if n < k or tau.shape[-1] > k:
        _fail("ShapeError", f"linalg.householder_product: A {tuple(A.shape)} and tau {tuple(tau.shape)} do not fit (…, n, k), n ≥ k, and (…, k)")
    eye = rustorch.eye(n, k, dtype=A.dtype)
    V = A.tril(-1) + eye
    Q = eye.expand(A.shape)
    for i in range(tau.shape[-1] - 1, -1, -1):
        v = V[..., i : i + 1]
        Q = Q - (tau[..., i, None, None] * v) @ (v.mT @ Q)
    return _given(Q, out)


def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """The QR factorisation of matrices (…, n, m) as Householder reflections: (a, tau).

    R is the upper triangle of a; below it lie the vectors of the reflections, whose product
    :func:`rustorch.linalg.householder_product` makes. :func:`rustorch.linalg.qr` is what one usually wants.

    >>> a, tau = rustorch.geqrf(rustorch.tensor([[3.0], [4.0]]))
    >>> a
    tensor([[-5.0000],
            [ 0.5000]])
    """
    if input.dim() < 2:
        _fail("ShapeError", f"geqrf: at least 2 dimensions are needed, but the shape is {tuple(input.shape)}")
    n, m = input.shape[-2:]
    a, taus, rows = input, [], rustorch.arange(n)[:, None]
    for i in range(min(n, m)):
        column = a[..., i : i + 1]
        head = column[..., i : i + 1, :]
        below = column * (rows > i)
        length = (head.square() + below.square().sum(-2, keepdim=True)).sqrt()
        flat = (below == 0).all(-2, keepdim=True)  # nothing to reflect
        size = rustorch.where(head < 0, length, -length)
        tau = rustorch.where(flat, 0.0, (size - head) / rustorch.where(flat, 1.0, size))
        v = below / rustorch.where(flat, 1.0, head - size) + (rows == i).to(a.dtype)
        reflected = a - (tau * v) @ (v.mT @ a)
        kept = rustorch.arange(m) < i  # earlier columns hold their vectors below the diagonal
        packed = rustorch.where((rows > i) & (rustorch.arange(m) == i), v, reflected)
        a = rustorch.where(kept, a, packed)
        taus.append(tau.flatten(-2))
    tau = rustorch.cat(taus, -1) if taus else input.new_zeros(input.shape[:-2] + (0,))
    return _given_all(_QR(a, tau), out)


def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """:func:`rustorch.linalg.householder_product`.

    >>> rustorch.orgqr(rustorch.tensor([[1.0]]), rustorch.tensor([0.0]))
    tensor([[1.]])
    """
    return householder_product(input, tau)


def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Optional[Tensor] = None) -> Tensor:
    """Q other (other Q if not ``left``), Qᵀ if ``transpose``, where Q is the whole product of the reflections of :func:`geqrf`.

    >>> a, tau = rustorch.geqrf(rustorch.tensor([[3.0], [4.0]]))
    >>> rustorch.ormqr(a, tau, rustorch.tensor([[3.0], [4.0]]), transpose=True).round()
    tensor([[-5.],
            [ 0.]])
    """
    n, k = input.shape[-2:]
    wide = rustorch.cat([input, input.new_zeros(input.shape[:-1] + (n - k,))], -1)
    Q = householder_product(wide, tau)
    Q = Q.mT if transpose else Q
    return _given(Q @ other if left else other @ Q, out)


# The exponential -----------------------------------------------------------------------------------------------


def matrix_exp(A: Tensor) -> Tensor:
    """The exponentials of square matrices, by scaling, Padé's approximation of order 13, and squaring.

    Source: Higham, "The scaling and squaring method for the matrix exponential revisited" (2005).

    >>> rustorch.linalg.matrix_exp(rustorch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        _fail("ShapeError", f"linalg.matrix_exp: square matrices are needed, but the shape is {tuple(A.shape)}")
    if not A.is_floating_point():
        _fail("DtypeError", f"linalg.matrix_exp: a floating-point dtype is needed, not {A.dtype}")
    if A.numel() == 0:
        return A.clone()
    size = A.detach().abs().sum(-2).amax(-1)
    if not bool(size.isfinite().all()):
        return A * math.nan
    halvings = (size / 4.25).clamp(min=1e-30).log2().ceil().clamp(min=0)  # of each matrix by itself
    X = A * (-halvings).exp2()[..., None, None]
    b = [
        64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0, 10559470521600.0,
        670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
    ]  # fmt: skip
    b = [c / b[0] for c in b]
    one = rustorch.eye(A.shape[-1], dtype=A.dtype)
    X2 = X @ X
    X4 = X2 @ X2
    X6 = X4 @ X2
    U = X @ (X6 @ (b[13] * X6 + b[11] * X4 + b[9] * X2) + b[7] * X6 + b[5] * X4 + b[3] * X2 + b[1] * one)
    V = X6 @ (b[12] * X6 + b[10] * X4 + b[8] * X2) + b[6] * X6 + b[4] * X4 + b[2] * X2 + one
    E = rustorch.linalg.solve(V - U, V + U)
    for k in range(int(halvings.max())):
        E = rustorch.where((halvings > k)[..., None, None], E @ E, E)
    return E


# Tensors as matrices -------------------------------------------------------------------------------------------


def tensorinv(A: Tensor, ind: int = 2, *, out: Optional[Tensor] = None) -> Tensor:
    """The inverse of :func:`rustorch.tensordot` by A: its first ``ind`` dimensions as rows, the others as columns.

    >>> rustorch.linalg.tensorinv(rustorch.eye(4).reshape(2, 2, 4)).shape
    rustorch.Size([4, 2, 2])
    """
    if ind <= 0:
        _fail("ArgumentValueError", f"linalg.tensorinv: ind must be positive, but it is {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if rows.numel() != columns.numel():
        _fail("ShapeError", f"linalg.tensorinv: the sizes {tuple(rows)} and {tuple(columns)} must have the same product")
    return _given(rustorch.linalg.inv(A.reshape(rows.numel(), -1)).reshape(columns + rows), out)


def tensorsolve(A: Tensor, B: Tensor, dims: Optional[Sequence[int]] = None, *, out: Optional[Tensor] = None) -> Tensor:
    """The X with ``tensordot(A, X, X.dim()) = B``; the dimensions ``dims`` of A are moved to its end first.

    >>> rustorch.linalg.tensorsolve(rustorch.eye(4).reshape(2, 2, 4), rustorch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.dim() - len(dims), A.dim())))
    shape = A.shape[B.dim() :]
    if shape.numel() != B.numel():
        _fail("ShapeError", f"linalg.tensorsolve: A {tuple(A.shape)} and B {tuple(B.shape)} do not fit: A must be B's sizes, then as many numbers")
    return _given(rustorch.linalg.solve(A.reshape(B.numel(), B.numel()), B.reshape(-1)).reshape(shape), out)

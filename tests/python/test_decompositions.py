"""Triangular systems, LU, Householder reflections, the exponential, and what is made of them: against NumPy in double."""

import math

import numpy as np
import pytest

import rustorch as rt
from rustorch import nn

RNG = np.random.default_rng(0)


def random(*shape):
    return rt.tensor(RNG.normal(size=shape))


def close(got, want, tolerance=1e-10):
    np.testing.assert_allclose(got.detach().numpy(), want if isinstance(want, np.ndarray) else want.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_solve_triangular(upper, unit):
    A, B = random(2, 1, 3, 3) + 3 * rt.eye(3), random(4, 3, 2)
    T = A.triu() if upper else A.tril()
    if unit:
        T = T - rt.diag_embed(T.diagonal(0, -2, -1)) + rt.eye(3)
    close(T @ rt.linalg.solve_triangular(A, B, upper=upper, unitriangular=unit), B.expand(2, 4, 3, 2))
    C = random(4, 2, 3)
    close(rt.linalg.solve_triangular(A, C, upper=upper, unitriangular=unit, left=False) @ T, C.expand(2, 4, 2, 3))
    b = random(3, 2)
    a = A[0, 0]
    close((T[0, 0].mT @ rt.triangular_solve(b, a, upper=upper, transpose=True, unitriangular=unit).solution), b)
    assert rt.autograd.gradcheck(lambda a, b: rt.linalg.solve_triangular(a, b, upper=upper, unitriangular=unit), [a.requires_grad_(), b.requires_grad_()])
    with pytest.raises(rt.ShapeError, match="at least 2"):
        rt.linalg.solve_triangular(a, random(3), upper=True)


def test_cholesky_solve():
    S = random(2, 3, 3)
    S = S @ S.mT + rt.eye(3)
    B = random(3, 2)
    for upper in (False, True):
        L = rt.linalg.cholesky(S, upper=upper)
        close(S @ rt.cholesky_solve(B, L, upper), B.expand(2, 3, 2))
        close(S @ rt.cholesky_inverse(L, upper), rt.eye(3, dtype=rt.float64).expand(2, 3, 3))
        close(B.cholesky_solve(L, upper), np.linalg.solve(S.numpy(), np.broadcast_to(B.numpy(), (2, 3, 2))))


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 5), (2, 4, 4), (0, 3, 3), (3, 0)])
def test_lu(shape):
    A = random(*shape)
    P, L, U = rt.linalg.lu(A)
    close(P @ L @ U, A)
    k = min(shape[-2:])
    assert L.shape == shape[:-1] + (k,) and U.shape == shape[:-2] + (k, shape[-1])
    if A.numel():
        assert bool((L.abs() <= 1).all())  # rows were exchanged
        LU, pivots = rt.linalg.lu_factor(A)
        assert pivots.dtype == rt.int32 and pivots.shape == shape[:-2] + (k,)
        close(rt.lu_unpack(LU, pivots)[0], P)
        if len(shape) == 2:
            assert rt.autograd.gradcheck(lambda a: rt.linalg.lu(a)[1:], [A.requires_grad_()])


def test_lu_solve():
    A, B = random(2, 1, 4, 4), random(3, 4, 2)
    LU, pivots = rt.linalg.lu_factor(A)
    full = pivots.expand(2, 3, 4)
    for adjoint in (False, True):
        M = A.mT if adjoint else A
        close(M @ rt.linalg.lu_solve(LU, full, B, adjoint=adjoint), B.expand(2, 3, 4, 2))
        C = random(3, 2, 4)
        close(rt.linalg.lu_solve(LU, full, C, left=False, adjoint=adjoint) @ M, C.expand(2, 3, 2, 4))
    a, b = random(3, 3), random(3, 1)
    close(a @ b.lu_solve(*rt.linalg.lu_factor(a)), b)
    one = rt.lu(a, get_infos=True)
    assert len(one) == 3 and one[2].item() == 0


def test_singular_matrices():
    singular = rt.tensor([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(rt.linalg.LinAlgError, match=r"U\[2,2\] is zero"):
        rt.linalg.lu_factor(singular)
    assert rt.linalg.lu_factor_ex(singular).info.item() == 2
    both = rt.stack([singular, rt.eye(2)])
    inverse, info = rt.linalg.inv_ex(both)
    assert info.tolist() == [1, 0] and bool(inverse[0].isnan().all()) and rt.equal(inverse[1], rt.eye(2))
    assert rt.linalg.cholesky_ex(rt.stack([-rt.eye(2), rt.eye(2)])).info.tolist() == [1, 0]
    assert rt.linalg.solve_ex(both, rt.ones(2, 2, 1)).info.tolist() == [1, 0]
    with pytest.raises(rt.linalg.LinAlgError):
        rt.linalg.inv_ex(singular, check_errors=True)
    with pytest.raises(rt.UnsupportedError, match="pivot=False"):
        rt.linalg.lu(singular, pivot=False)
    for name in ("eig", "eigvals"):
        with pytest.raises(rt.UnsupportedError, match="complex.*eigh"):
            getattr(rt.linalg, name)(singular)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 5, 2), (3, 4)])
def test_householder(shape):
    A = random(*shape)
    a, tau = rt.geqrf(A)
    n, m = shape[-2:]
    whole = rt.linalg.householder_product(rt.cat([a[..., : min(n, m)], rt.zeros(shape[:-1] + (n - min(n, m),), dtype=rt.float64)], -1), tau)
    close(whole @ a.triu(), A)
    close(whole.mT @ whole, rt.eye(n, dtype=rt.float64).expand(whole.shape))
    if n >= m:
        close(rt.orgqr(a, tau), whole[..., :m])
        other = random(n, 2)
        close(rt.ormqr(a, tau, other), whole @ other)
        close(rt.ormqr(a, tau, other.mT, left=False, transpose=True), other.mT @ whole.mT)


def test_matrix_exp():
    A = random(3, 4, 4) * rt.tensor([0.01, 1.0, 20.0]).double()[:, None, None]
    want = []
    for matrix in A.numpy():  # the eigenvalues of these are distinct
        values, vectors = np.linalg.eig(matrix)
        want.append((vectors @ np.diag(np.exp(values)) @ np.linalg.inv(vectors)).real)
    found = rt.linalg.matrix_exp(A)
    for got, expected in zip(found, want):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-9, atol=1e-11 * abs(expected).max())
    close(rt.linalg.matrix_exp(rt.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=rt.float64)), np.array([[1.0, 1.0], [0.0, 1.0]]))
    small = random(3, 3).requires_grad_()
    assert rt.autograd.gradcheck(rt.linalg.matrix_exp, [small]) and rt.autograd.gradgradcheck(rt.linalg.matrix_exp, [small])
    assert rt.matrix_exp(rt.zeros(0, 2, 2)).shape == (0, 2, 2) and rt.matrix_exp(rt.full((2, 2), math.inf)).isnan().all()
    with pytest.raises(rt.ShapeError, match="square"):
        rt.matrix_exp(rt.zeros(2, 3))


def test_tensorinv_and_solve():
    A = random(2, 3, 6)
    close(rt.tensordot(rt.linalg.tensorinv(A, 2), A, 2), rt.eye(6, dtype=rt.float64))
    B = random(2, 3)
    X = rt.linalg.tensorsolve(A, B)
    close(rt.tensordot(A, X, 1), B)
    with pytest.raises(rt.ShapeError):
        rt.linalg.tensorinv(random(2, 3, 4))


def test_low_rank():
    rt.manual_seed(0)
    A = random(40, 5) @ random(5, 30)
    U, S, V = rt.svd_lowrank(A, q=5)
    close(U @ rt.diag(S) @ V.mT, A, 1e-8)
    U, S, V = rt.pca_lowrank(A, q=5)
    close(S, np.linalg.svd(A.numpy() - A.numpy().mean(0))[1][:5], 1e-8)


def test_numerical_gradient():
    x = np.array([0.0, 0.5, 2.0, 2.5])
    y = RNG.normal(size=(3, 4))
    for order in (1, 2):
        got = rt.gradient(rt.tensor(y), spacing=(2.0, rt.tensor(x)), edge_order=order)
        want = np.gradient(y, 2.0, x, edge_order=order)
        for a, b in zip(got, want):
            close(a, b)
    close(rt.gradient(rt.tensor(y), dim=1)[0], np.gradient(y, axis=1))
    with pytest.raises(rt.ShapeError, match="edge_order"):
        rt.gradient(rt.ones(2), edge_order=2)


@pytest.mark.parametrize("form", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("sizes", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("trivial", [False, True])
def test_orthogonal_weights(form, sizes, trivial):
    rt.manual_seed(1)
    layer = nn.Linear(*sizes, bias=False).double()
    start = layer.weight.detach().clone()
    nn.utils.parametrizations.orthogonal(layer, orthogonal_map=form, use_trivialization=trivial)
    assignable = trivial or form == "householder"

    def deviation():
        W = layer.weight
        product = W @ W.mT if W.shape[0] < W.shape[1] else W.mT @ W
        return (product - rt.eye(len(product), dtype=rt.float64)).abs().max().item()

    assert deviation() < 1e-12
    tall = start if start.shape[0] >= start.shape[1] else start.mT
    Q, R = np.linalg.qr(tall.numpy())
    want = Q * np.sign(np.diag(R))
    nearest = rt.tensor(want) if start.shape[0] >= start.shape[1] else rt.tensor(want).mT
    if assignable:
        close(layer.weight, nearest)
    optimizer = rt.optim.SGD(layer.parameters(), lr=0.3)
    before = layer.weight.detach().clone()
    target = random(*start.shape)
    for _ in range(3):
        loss = ((layer.weight - target) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert deviation() < 1e-12 and not rt.allclose(before, layer.weight)
    if assignable:
        layer.weight = nearest
        close(layer.weight, nearest)
    else:
        with pytest.raises(rt.UnsupportedError, match="not possible to assign"):
            layer.weight = nearest


def test_prune_by_nuclear_norm():
    layer = nn.Conv1d(2, 3, 2, bias=False)
    with rt.no_grad():
        layer.weight[1] *= 0.01
    nn.utils.prune.ln_structured(layer, "weight", amount=1, n="nuc", dim=0)
    assert layer.weight_mask.amax((1, 2)).tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(rt.ShapeError, match="nuclear"):
        nn.utils.prune.ln_structured(nn.Linear(2, 3), "weight", amount=1, n="nuc", dim=0)

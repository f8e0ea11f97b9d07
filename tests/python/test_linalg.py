"""rustorch.linalg: against NumPy, put together again where factors are not unique, gradients by finite differences."""

import numpy as np
import pytest

import rustorch as torch

rng = np.random.default_rng(3)


def pair(*shape):
    array = rng.uniform(-2, 2, shape)
    return torch.from_numpy(array.copy()), array


def same(tensor, array, tolerance=1e-9):
    assert tuple(tensor.shape) == np.shape(array)
    np.testing.assert_allclose(tensor.detach().numpy(), array, rtol=tolerance, atol=tolerance)


def positive(*shape):
    x, array = pair(*shape)
    return x @ x.mT + torch.eye(shape[-1], dtype=torch.float64)


def gradcheck(function, *inputs):
    assert torch.autograd.gradcheck(function, tuple(x.detach().requires_grad_() for x in inputs))


def test_solve_and_inverse():
    (A, a), (B, b), (v, w) = pair(2, 3, 3), pair(3, 2), pair(3)
    same(torch.linalg.solve(A, B), np.linalg.solve(a, np.broadcast_to(b, (2, 3, 2))))
    same(torch.linalg.solve(A[0], v), np.linalg.solve(a[0], w))
    same(torch.linalg.solve(A[0], B.mT, left=False) @ A[0], b.T)
    same(torch.linalg.inv(A), np.linalg.inv(a)), same(A.inverse(), np.linalg.inv(a)), same(torch.inverse(A.mT), np.linalg.inv(a).swapaxes(1, 2))
    same(torch.linalg.inv(A.float()).double(), np.linalg.inv(a), 1e-4)
    gradcheck(torch.linalg.solve, A, B), gradcheck(torch.linalg.inv, A[0])
    assert torch.linalg.inv(torch.zeros(0, 3, 3)).shape == (0, 3, 3) and torch.linalg.solve(torch.zeros(0, 0), torch.zeros(0, 2)).shape == (0, 2)
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        torch.linalg.solve(torch.ones(2, 2), torch.ones(2))
    for bad in (lambda: torch.linalg.inv(B), lambda: torch.linalg.solve(A, torch.ones(4)), lambda: torch.linalg.inv(A.half()), lambda: torch.linalg.solve(A, B.float())):
        with pytest.raises(RuntimeError):
            bad()


def test_determinants():
    A, a = pair(4, 3, 3)
    sign, logs = np.linalg.slogdet(a)
    same(torch.linalg.det(A), np.linalg.det(a)), same(A.det(), np.linalg.det(a))
    got = torch.slogdet(A)
    same(got.sign, sign), same(got.logabsdet, logs)
    same(torch.logdet(A), np.where(sign > 0, logs, np.nan))
    assert torch.det(torch.ones(2, 2)) == 0 and torch.linalg.slogdet(torch.zeros(2, 2))[1] == -np.inf and torch.det(torch.zeros(0, 0)) == 1
    gradcheck(torch.linalg.det, A), gradcheck(lambda x: torch.linalg.slogdet(x)[1], A)


def test_cholesky_and_eigenvalues():
    A = positive(2, 4, 4)
    a = A.numpy()
    same(torch.linalg.cholesky(A), np.linalg.cholesky(a)), same(torch.linalg.cholesky(A, upper=True), np.linalg.cholesky(a).swapaxes(1, 2))
    values, vectors = torch.linalg.eigh(A)
    same(values, np.linalg.eigvalsh(a)), same((vectors * values.unsqueeze(-2)) @ vectors.mT, a), same(torch.linalg.eigvalsh(A, "U"), np.linalg.eigvalsh(a))
    lopsided = A[0].tril() + 7 * A[0].triu(1)
    same(torch.linalg.eigvalsh(lopsided), np.linalg.eigvalsh(a[0])), same(torch.linalg.eigvalsh(lopsided.mT, "U"), np.linalg.eigvalsh(a[0]))
    gradcheck(lambda x: torch.linalg.cholesky(x + x.mT), A[0]), gradcheck(lambda x: torch.linalg.eigvalsh(x + x.mT), A[0])
    gradcheck(lambda x: torch.linalg.eigh(x + x.mT)[1].abs(), A[0])
    with pytest.raises(torch.linalg.LinAlgError, match="positive-definite"):
        torch.linalg.cholesky(-A)
    with pytest.raises(RuntimeError):
        torch.linalg.eigh(A, "M")


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3), (2, 5, 2), (0, 3)])
def test_singular_values(shape):
    A, a = pair(*shape)
    n, m = shape[-2:]
    for full in (False, True):
        U, S, Vh = torch.linalg.svd(A, full_matrices=full)
        want = np.linalg.svd(a, full_matrices=full)
        assert U.shape == want[0].shape and Vh.shape == want[2].shape
        same(S, want[1])
        k = S.shape[-1]
        same((U[..., :k] * S.unsqueeze(-2)) @ Vh[..., :k, :], a)
        same(U.mT @ U, np.broadcast_to(np.eye(U.shape[-1]), U.mT.shape[:-1] + (U.shape[-1],)))
        same(Vh @ Vh.mT, np.broadcast_to(np.eye(Vh.shape[-2]), Vh.shape[:-1] + (Vh.shape[-2],)))
    same(torch.linalg.svdvals(A), np.linalg.svd(a, compute_uv=False))
    if 0 not in shape:
        same(torch.linalg.pinv(A), np.linalg.pinv(a), 1e-8)
        gradcheck(torch.linalg.svdvals, A), gradcheck(torch.linalg.pinv, A)
        gradcheck(lambda x: tuple(part.abs() for part in torch.linalg.svd(x, False)), A)
        same(torch.linalg.matrix_rank(A), np.linalg.matrix_rank(a))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3), (2, 5, 2)])
def test_qr(shape):
    A, a = pair(*shape)
    for mode in ("reduced", "complete"):
        Q, R = torch.linalg.qr(A, mode)
        for i in np.ndindex(shape[:-2]):
            want = np.linalg.qr(a[i], mode)
            assert Q[i].shape == want[0].shape
            same(R[i].abs(), np.abs(want[1]))
        same(Q @ R, a), same(Q.mT @ Q, np.broadcast_to(np.eye(Q.shape[-1]), Q.mT.shape[:-1] + (Q.shape[-1],)))
    assert torch.linalg.qr(A, "r")[0].numel() == 0 and torch.linalg.qr(A, "r")[1].shape == torch.linalg.qr(A)[1].shape
    if shape[-2] >= shape[-1]:
        gradcheck(lambda x: tuple(torch.linalg.qr(x)), A)
    else:
        with pytest.raises(RuntimeError, match="columns"):
            torch.linalg.qr(A.requires_grad_())[1].sum().backward()
    with pytest.raises(RuntimeError):
        torch.linalg.qr(A, "full")


def test_ranks_conditions_and_least_squares():
    flat = torch.tensor([[1.0, 2], [2, 4], [0, 0]], dtype=torch.float64)
    assert torch.linalg.matrix_rank(flat) == 1 and torch.linalg.matrix_rank(flat, atol=10.0) == 0
    same(torch.linalg.pinv(flat), np.linalg.pinv(flat.numpy()))
    A, a = pair(3, 3)
    for p in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        same(torch.linalg.cond(A, p), np.linalg.cond(a, p), 1e-7)
    (X, x), (B, b) = pair(6, 3), pair(6, 2)
    want = np.linalg.lstsq(x, b, rcond=None)
    got = torch.linalg.lstsq(X, B)
    same(got[0], want[0]), same(got[1], want[1]), same(got[3], want[3])
    assert got[2] == want[2] and torch.linalg.lstsq(X, B[:, 0])[0].shape == (3,)
    same(torch.linalg.lstsq(flat, B[:3])[0], np.linalg.lstsq(flat.numpy(), b[:3], rcond=None)[0])


def test_products():
    (x, a), (y, b) = pair(4, 3), pair(4, 3)
    same(torch.linalg.cross(x, y), np.cross(a, b)), same(torch.cross(x, y, dim=-1), np.cross(a, b)), same(torch.linalg.vecdot(x, y), (a * b).sum(-1))
    same(torch.cross(x[:3, :].mT, y[:3, :].mT), np.cross(a[:3].T, b[:3].T, axis=0))
    same(torch.linalg.diagonal(x, offset=1), np.diagonal(a, 1))
    for bad in (lambda: torch.linalg.cross(x[:, :2], y[:, :2]), lambda: torch.linalg.cross(x, y[0]), lambda: torch.linalg.multi_dot([x])):
        with pytest.raises(RuntimeError):
            bad()


def test_old_names():
    A, a = pair(4, 3)
    U, S, V = torch.svd(A)
    same((U * S) @ V.mT, a), same(V, torch.linalg.svd(A, False)[2].mT.numpy())
    assert A.svd(some=False)[0].shape == (4, 4) and torch.svd(A, compute_uv=False)[2].abs().sum() == 0
    Q, R = A.qr()
    same(Q @ R, a)
    assert torch.qr(A, some=False)[0].shape == (4, 4)
    P = positive(3, 3)
    same(torch.cholesky(P), np.linalg.cholesky(P.numpy())), same(P.cholesky(upper=True).mT, np.linalg.cholesky(P.numpy()))
    same(A.pinverse(), np.linalg.pinv(a), 1e-8)


def test_results_have_names():
    A, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.ones(2, 1)
    found = torch.linalg.lstsq(A, b)
    np.testing.assert_allclose(found.solution.numpy(), np.linalg.solve(A.numpy(), b.numpy()), rtol=1e-5)
    assert found.rank.item() == 2 and found.residuals.numel() == 0 and found.singular_values.shape == (2,)
    sign, logabsdet = np.linalg.slogdet(A.numpy())
    assert torch.linalg.slogdet(A).sign.item() == sign and torch.linalg.slogdet(A).logabsdet.item() == pytest.approx(logabsdet)
    rooms = torch.empty(()), torch.empty(())
    assert torch.linalg.slogdet(A, out=rooms).sign is rooms[0] and rooms[1].item() == pytest.approx(logabsdet)
    np.testing.assert_allclose(torch.svd(A).S.numpy(), np.linalg.svd(A.numpy())[1], rtol=1e-5)
    hist = torch.histogram(torch.tensor([0.5, 1.5, 1.7]), 2, range=(0.0, 2.0))
    assert hist.hist.tolist() == [1, 2] and hist.bin_edges.tolist() == [0, 1, 2]
    assert torch.svd_lowrank(A)[1].shape == (2,)  # six are asked for, there are two
    with pytest.raises(ValueError, match="pca_lowrank"):
        torch.pca_lowrank(A, 3)


def test_none_is_no_tensor():
    A = torch.ones(2, 2)
    for call in (
        lambda: torch.linalg.solve(A, None), lambda: torch.linalg.lstsq(A, None), lambda: torch.einsum("ij->j", None),
        lambda: torch.cartesian_prod(None), lambda: torch.block_diag(A, None), lambda: torch.atleast_1d(None),
        lambda: torch.tensordot(A, A, None), lambda: torch.nn.functional.prelu(A, None), lambda: torch.numel(None),
        lambda: torch.is_floating_point(None), lambda: torch.is_conj(None), lambda: torch.iinfo(None), lambda: max(A, None),
        lambda: torch.max(A, None), lambda: torch.min(A, dim=None),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()
    for reduce in (torch.amax, torch.amin):  # as in PyTorch, None is all dimensions
        assert reduce(A, None).shape == () and reduce(A, dim=None, keepdim=True).shape == (1, 1)

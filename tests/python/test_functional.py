"""Functions and methods that are written in Python over the ops of the table: their values against NumPy, their forms."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch as torch

rng = np.random.default_rng(5)


def pair(*shape, low=-3, high=3, dtype=float):
    array = rng.uniform(low, high, shape) if dtype is float else rng.integers(low, high + 1, shape)
    array = np.asarray(array, dtype=dtype)
    return torch.from_numpy(array.copy()), array


def same(tensor, array, tolerance=1e-10):
    assert tuple(tensor.shape) == np.shape(array)
    np.testing.assert_allclose(tensor.detach().numpy(), array, rtol=tolerance, atol=tolerance)


def gradcheck(function, *inputs):
    assert torch.autograd.gradcheck(function, tuple(x.detach().requires_grad_() for x in inputs))


# einsum --------------------------------------------------------------------------------------------------------

EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij,jk->ki", (2, 3), (3, 4)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("ijk->kji", (2, 3, 4)), ("...ij->...ji", (2, 3, 4)), ("i...->...", (2, 3, 4)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (2, 5, 3, 4), (5, 4, 6)), ("bhid,bhjd->bhij", (2, 5, 3, 4), (2, 5, 6, 4)),
    ("bihd,bjhd->bhij", (2, 7, 3, 4), (2, 6, 3, 4)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("ij,jk,ik->", (2, 3), (3, 4), (2, 4)),
    ("i,j->ij", (5,), (4,)), ("i->", (5,)), ("aii,ib->ab", (2, 3, 3), (3, 2)), ("...,...->...", (2, 3), (3,)), (",i->i", (), (3,)),
    ("ab,cd,bd,ac->", (2, 3), (4, 5), (3, 5), (2, 4)), ("i j , j k -> i k", (2, 3), (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
def test_einsum(case):
    equation, shapes = case[0], case[1:]
    tensors, arrays = zip(*(pair(*shape) for shape in shapes))
    same(torch.einsum(equation, *tensors), np.einsum(equation, *arrays))
    same(torch.einsum(equation, list(tensors)), np.einsum(equation, *arrays))
    gradcheck(lambda *x: torch.einsum(equation, *x), *tensors)


def test_einsum_of_lists_and_broadcasting():
    (a, x), (b, y) = pair(2, 3), pair(3, 4)
    same(torch.einsum(a, [0, 1], b, [1, 2], [0, 2]), x @ y)
    same(torch.einsum(a, [0, 1], b, [1, 2]), x @ y)
    same(torch.einsum(a, [..., 0, 1], [..., 1, 0]), x.T)
    (c, z) = pair(2, 1)
    same(torch.einsum("ij,jk->ik", c, b), z * y.sum(0))
    (m, k), (n, v) = pair(2, 3, low=0, high=4, dtype=np.int64), pair(3, 2, low=0, high=4, dtype=np.int64)
    same(torch.einsum("ij,jk->ik", m, n), k @ v)


@pytest.mark.parametrize(
    "equation, shapes, text",
    [
        ("ij,jk->ik", [(2, 3)], "1 operands"), ("ijk->ik", [(2, 3)], "operand 0 has 2 dimensions"), ("ij->ik", [(2, 3)], "'k'"),
        ("ij->ii", [(2, 3)], "more than once"), ("ij,jk->ik", [(2, 3), (4, 5)], "does not broadcast"), ("i1->i", [(2, 3)], "letters"),
        ("i.j->ij", [(2, 3)], "ellipsis"), ("ii->i", [(2, 3)], "repeated"),
    ],
)  # fmt: skip
def test_einsum_errors(equation, shapes, text):
    with pytest.raises(RuntimeError, match=text):
        torch.einsum(equation, *(torch.zeros(*shape) for shape in shapes))


def test_products_of_several():
    (a, x), (b, y), (c, z) = pair(2, 4), pair(4, 3), pair(3, 5)
    same(torch.chain_matmul(a, b, c), x @ y @ z)
    same(torch.linalg.multi_dot([a, b, c]), x @ y @ z)
    same(torch.linalg.multi_dot([a[0], b, c[:, 0]]), x[0] @ y @ z[:, 0])
    (p, u), (q, v) = pair(2, 3, 4), pair(4, 3, 5)
    same(torch.tensordot(p, q, dims=([1, 2], [1, 0])), np.tensordot(u, v, ([1, 2], [1, 0])))
    same(torch.tensordot(p, q, dims=([-1], [0])), np.tensordot(u, v, 1))
    same(torch.tensordot(a, q, 1), np.tensordot(x, v, 1))
    same(torch.tensordot(a, c, 0), np.tensordot(x, z, 0))
    room = torch.empty(0, dtype=torch.float64)
    assert torch.tensordot(a, b, 1, out=room) is room
    same(room, x @ y)
    with pytest.raises(RuntimeError):
        torch.tensordot(a, c, 1)
    (m, k) = pair(2, 3, 3)
    same(torch.matrix_power(m, 5), np.linalg.matrix_power(k, 5))
    same(m.matrix_power(0), np.linalg.matrix_power(k, 0))
    same(torch.matrix_power(m, -2), np.linalg.matrix_power(k, -2), 1e-8)
    with pytest.raises(RuntimeError):
        torch.matrix_power(a, 2)
    same(torch.kron(a, b), np.kron(x, y)), same(torch.inner(a, torch.ones(3, 4, dtype=torch.float64)), np.inner(x, np.ones((3, 4))))


# Sets ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-3, 3), max_size=30), st.sampled_from([np.int64, np.int16, np.float32, np.uint8, np.bool_]))
def test_unique(values, dtype):
    array = np.array(values).astype(dtype)
    want = np.unique(array, return_inverse=True, return_counts=True)
    got = torch.unique(torch.from_numpy(array), return_inverse=True, return_counts=True)
    for tensor, part in zip(got, want):
        assert np.array_equal(tensor.numpy(), part.reshape(tensor.shape))
    assert torch.equal(torch.from_numpy(array).unique(), got[0])
    runs = [(key, len(list(group))) for key, group in itertools.groupby(array.tolist())]
    found = torch.unique_consecutive(torch.from_numpy(array), return_inverse=True, return_counts=True)
    assert found[0].tolist() == [key for key, _ in runs] and found[2].tolist() == [n for _, n in runs]
    assert torch.equal(found[0][found[1]], torch.from_numpy(array))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_unique_of_slices(dim):
    x, array = pair(6, 4, 3, low=0, high=1, dtype=np.int64)
    x[2] = x[0]
    x[:, 1] = x[:, 3]
    array = x.numpy().copy()
    values, index, inverse, counts = np.unique(array, True, True, True, axis=dim)
    got = torch.unique(x, return_inverse=True, return_counts=True, dim=dim)
    same(got[0], values), same(got[1], inverse.reshape(-1)), same(got[2], counts)
    same(torch.unique_consecutive(torch.tensor([[1, 2], [1, 2], [0, 1]]), dim=0), [[1, 2], [0, 1]])


def test_isin():
    for dtype in (np.int64, float):
        (x, a), (y, b) = pair(3, 4, low=0, high=5, dtype=dtype), pair(6, low=0, high=5, dtype=dtype)
        y[:2] = x[0, :2]
        b = y.numpy().copy()
        assert np.array_equal(torch.isin(x, y).numpy(), np.isin(a, b))
        assert np.array_equal(torch.isin(x, y, invert=True, assume_unique=True).numpy(), ~np.isin(a, b))
    assert torch.isin(torch.tensor([1, 2]), 2).tolist() == [False, True] and bool(torch.isin(2, torch.tensor([1, 2])))
    assert torch.isin(torch.tensor([1, 2]), torch.zeros(0)).tolist() == [False, False]
    assert torch.isin(torch.tensor([1, 2]), torch.tensor([1.0, 2.5])).tolist() == [True, False]
    assert torch.isin(torch.tensor([True, False]), torch.tensor([True])).tolist() == [True, False]
    with pytest.raises(TypeError):
        torch.isin(1, 2)


def test_nonzero_and_where():
    x, array = pair(3, 4, low=0, high=1, dtype=np.int64)
    same(torch.nonzero(x), np.argwhere(array)), same(x.nonzero(), np.argwhere(array)), same(torch.argwhere(x), np.argwhere(array))
    for places in (torch.nonzero(x, as_tuple=True), x.nonzero(as_tuple=True), torch.where(x)):
        assert isinstance(places, tuple)
        for got, want in zip(places, np.nonzero(array)):
            same(got, want)
    assert torch.equal(x[x.nonzero(as_tuple=True)], x[x != 0])
    assert torch.nonzero(torch.tensor(5)).shape == (1, 0) and len(torch.nonzero(torch.tensor(5), as_tuple=True)) == 1


# Order ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=20), st.lists(st.integers(-7, 7), max_size=20), st.booleans(), st.sampled_from("bhilefd"))
def test_searchsorted(sequence, values, right, code):
    dtype = {"b": np.int8, "h": np.int16, "i": np.int32, "l": np.int64, "e": np.float16, "f": np.float32, "d": np.float64}[code]
    line, array = np.array(sequence).astype(dtype), np.array(values).astype(dtype)
    order = np.argsort(line, kind="stable")
    want = np.searchsorted(line[order], array, side="right" if right else "left")
    x, s = torch.from_numpy(array), torch.from_numpy(line)
    same(torch.searchsorted(s, x, sorter=torch.from_numpy(order), right=right), want)
    s = torch.from_numpy(line[order])
    same(torch.searchsorted(s, x, side="right" if right else "left"), want)
    same(torch.bucketize(x, s, right=right), want)
    assert torch.bucketize(x, s, out_int32=True).dtype is torch.int32
    wide = torch.stack([s, s + 1])
    same(torch.searchsorted(wide, torch.stack([x, x + 1]), right=right), np.stack([want, want]))


def test_searchsorted_forms_and_errors():
    s = torch.tensor([1, 3, 5])
    assert torch.searchsorted(s, 3).item() == 1 and torch.searchsorted(s, 3.5).item() == 2 and torch.bucketize(3, s, right=True).item() == 2
    assert torch.searchsorted(s, torch.tensor([3.5])).item() == 2
    for bad in (
        lambda: torch.searchsorted(s, s, side="left", right=True), lambda: torch.searchsorted(torch.zeros(2, 3), torch.zeros(3)),
        lambda: torch.searchsorted(s, s, side="middle"), lambda: torch.searchsorted(s, s, sorter=torch.tensor([0, 1, 3])),
        lambda: torch.searchsorted(s, s, sorter=torch.tensor([0, 1])), lambda: torch.bucketize(s, torch.zeros(2, 2)),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):
            bad()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_chosen_elements_of_long_lines(dtype):
    """Of equal elements that which a stable sort would put there."""
    rng = np.random.default_rng(2)
    for n, values in ((7, 3), (60, 4), (60, 1000), (1000, 5), (5000, 10**6)):
        x = (rng.integers(-values, values, (2, n)) / 8).astype(dtype)
        order = np.argsort(x, 1, kind="stable")
        for k in (1, 2, n // 2, n):
            found, index = torch.kthvalue(torch.tensor(x), k, 1)
            np.testing.assert_array_equal(index.numpy(), order[:, k - 1])
            np.testing.assert_array_equal(found.numpy(), np.sort(x, 1)[:, k - 1])
        assert torch.median(torch.tensor(x)).item() == np.sort(x.ravel())[n - 1]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_medians_skip_or_keep_nan(dtype):
    x = torch.tensor([[3.0, 1, float("nan"), 2], [4, 1, 3, 2], [float("nan")] * 4], dtype=dtype)
    assert math.isnan(x.median()) and x.nanmedian().item() == 2
    values, indices = x.median(1)
    assert [math.isnan(v) for v in values] == [True, False, True] and indices.tolist() == [2, 3, 0] and values[1] == 2
    values, indices = x.nanmedian(1, keepdim=True)
    assert values.shape == (3, 1) and values[:2, 0].tolist() == [2, 2] and math.isnan(values[2, 0]) and indices[:, 0].tolist() == [3, 3, 0]
    assert math.isnan(torch.median(torch.zeros(0)))
    with pytest.raises(IndexError):
        torch.zeros(2, 0).median(1)
    big = torch.tensor([2**62, 2**63 - 1, 5])
    assert big.median(0).values.item() == 2**62


def test_kthvalue_cummax_mode():
    x, array = pair(40, 30)
    for k in (1, 7, 30):
        same(torch.kthvalue(x, k).values, np.sort(array, 1)[:, k - 1])
        same(x.gather(1, torch.kthvalue(x, k, keepdim=True).indices), np.sort(array, 1)[:, k - 1 : k])
    same(x.t().cummax(1).values, np.maximum.accumulate(array.T, 1)), same(x.cummin(0).values, np.minimum.accumulate(array, 0))
    found = torch.cummax(torch.tensor([1.0, float("nan"), 3, float("nan"), 0]), 0)
    assert found.indices.tolist() == [0, 1, 1, 3, 3] and math.isnan(found.values[4])
    same(torch.logcumsumexp(x, 0), np.logaddexp.accumulate(array, 0))
    inf = float("inf")
    assert torch.logcumsumexp(torch.tensor([-inf, 1.0, -inf]), 0).tolist() == [-inf, 1, 1]
    gradcheck(lambda x: torch.logcumsumexp(x, 1), x[:3, :4])
    for bad in (0, 31):
        with pytest.raises(IndexError):
            x.kthvalue(bad)


# Statistics ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantile(interpolation):
    x, array = pair(5, 4, 3)
    q = np.array([0.1, 0.5, 0.83, 1.0])
    for dim, keepdim in itertools.product((None, 0, 1, -1), (False, True)):
        want = np.quantile(array, q, axis=dim, keepdims=keepdim, method=interpolation)
        same(torch.quantile(x, torch.from_numpy(q), dim, keepdim, interpolation=interpolation), want)
        same(x.quantile(0.83, dim=dim, keepdim=keepdim, interpolation=interpolation), want[2])
    x[1, 2, 0] = float("nan")
    array[1, 2, 0] = np.nan
    same(torch.nanquantile(x, torch.from_numpy(q), 1, interpolation=interpolation), np.nanquantile(array, q, axis=1, method=interpolation))
    same(torch.quantile(x, 0.3, 1, interpolation=interpolation), np.quantile(array, 0.3, axis=1, method=interpolation))
    gradcheck(lambda x: torch.quantile(x, 0.3, 1, interpolation=interpolation), pair(3, 4)[0])


def test_quantile_errors():
    x = torch.rand(4)
    for bad in (
        lambda: torch.quantile(x, 1.5), lambda: torch.quantile(x.long(), 0.5), lambda: torch.quantile(x, torch.tensor(0.5, dtype=torch.float64)),
        lambda: torch.quantile(x, 0.5, interpolation="cubic"), lambda: torch.quantile(x[:0], 0.5), lambda: torch.quantile(x, torch.rand(2, 2)),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):
            bad()


def test_histograms():
    x, array = pair(200)
    weights, w = pair(200, low=0)
    same(torch.histc(x, 7, -2, 2), np.histogram(array, 7, (-2, 2))[0])
    same(x.histc(7), np.histogram(array, 7)[0])
    same(torch.histc(torch.ones(4), 3), [0, 4, 0])
    for got, want in (
        (torch.histogram(x, 5), np.histogram(array, 5)),
        (torch.histogram(x, 5, range=(-1.0, 2.0), density=True), np.histogram(array, 5, (-1, 2), density=True)),
        (x.histogram(torch.tensor([-2.0, 0, 1, 3], dtype=torch.float64), weight=weights), np.histogram(array, [-2, 0, 1, 3], weights=w)),
    ):
        same(got[0], want[0]), same(got[1], want[1])
    with pytest.raises(ValueError):
        torch.histc(x, 0)


def test_covariance():
    x, array = pair(3, 6)
    f, a = np.array([1, 2, 1, 3, 1, 2]), rng.uniform(0.1, 2, 6)
    for correction in (0, 1):
        same(torch.cov(x, correction=correction), np.cov(array, ddof=correction))
        same(
            torch.cov(x, correction=correction, fweights=torch.from_numpy(f), aweights=torch.from_numpy(a)),
            np.cov(array, ddof=correction, fweights=f, aweights=a),
        )
    same(torch.cov(x, aweights=torch.from_numpy(a)), np.cov(array, aweights=a))
    same(x[0].cov(), np.cov(array[0])), same(torch.corrcoef(x), np.corrcoef(array)), same(x[0].corrcoef(), 1.0)
    gradcheck(torch.corrcoef, x)


def test_integrals_and_differences():
    trapezoid = getattr(np, "trapezoid", None) or np.trapz
    (y, a), (x, b) = pair(3, 6), pair(6)
    same(torch.trapezoid(y), trapezoid(a)), same(torch.trapezoid(y, dx=0.5, dim=0), trapezoid(a, dx=0.5, axis=0))
    same(torch.trapezoid(y, x), trapezoid(a, b)), same(torch.trapz(y, y, dim=0), trapezoid(a, a, axis=0))
    same(torch.trapezoid(y, x[:3], dim=0), trapezoid(a, b[:3], axis=0))
    steps = np.concatenate([[0], np.cumsum((a[0, 1:] + a[0, :-1]) / 2 * np.diff(b))])[1:]
    same(torch.cumulative_trapezoid(y[0], x), steps)
    same(torch.diff(y, n=2, dim=0), np.diff(a, 2, 0)), same(torch.diff(y, n=9), np.diff(a, 9))
    same(torch.diff(y, prepend=y[:, :1], append=y[:, :2]), np.diff(a, prepend=a[:, :1], append=a[:, :2]))
    assert torch.diff(torch.tensor([True, False, False])).tolist() == [True, False]
    gradcheck(lambda y, x: torch.trapezoid(y, x), y, x)


def test_norms():
    x, array = pair(3, 4)
    inf = math.inf
    same(x.norm("fro"), np.linalg.norm(array)), same(torch.norm(x, p="fro", dim=1, keepdim=True), np.linalg.norm(array, axis=1, keepdims=True))
    same(torch.norm(x, p=None), np.linalg.norm(array)), same(torch.norm(x, 1, (0, 1)), np.abs(array).sum())
    for order in (None, "fro", "nuc", 1, -1, 2, -2, inf, -inf):
        same(torch.linalg.norm(x, order), np.linalg.norm(array, order))
    for order in ("fro", "nuc", 1, -1, 2, -2, inf, -inf):
        for keepdim in (False, True):
            y, b = pair(2, 3, 4)
            same(torch.linalg.matrix_norm(y, order, (0, 2), keepdim), np.linalg.norm(b, order, (0, 2), keepdims=keepdim))
    for order in (0, 0.5, 1, 2, 3, inf, -inf):
        same(torch.linalg.vector_norm(x, order), np.linalg.norm(array.ravel(), order))
        same(torch.linalg.norm(x, order, 1), np.linalg.norm(array, order, 1))
    same(torch.dist(x, x[:1], 3), np.linalg.norm((array - array[:1]).ravel(), 3))
    for bad in (lambda: torch.linalg.norm(torch.zeros(2, 3, 4), 1), lambda: torch.linalg.matrix_norm(x, 3), lambda: torch.norm(x, "nope")):
        with pytest.raises(RuntimeError):
            bad()
    scaled = torch.renorm(x, 2, 0, 1.0)
    assert (scaled.norm(2, 1) <= 1).all() and torch.equal(torch.renorm(x, 2, 0, 100.0), x)


# Shapes --------------------------------------------------------------------------------------------------------


def test_making_of_grids_and_blocks():
    (a, x), (b, y) = pair(2, 3), pair(3)
    same(torch.block_diag(a, b), np.block([[x, np.zeros((2, 3))], [np.zeros((1, 3)), y[None]]]))
    assert torch.block_diag().shape == (1, 0) and torch.block_diag(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.float64)).dtype is torch.float64
    i, j = torch.tensor([1, 2]), torch.tensor([3, 4, 5])
    assert torch.cartesian_prod(i, j).tolist() == [list(t) for t in itertools.product([1, 2], [3, 4, 5])]
    assert torch.cartesian_prod(i) is i
    assert torch.combinations(j, 2).tolist() == [list(t) for t in itertools.combinations([3, 4, 5], 2)]
    assert torch.combinations(j, 3, True).tolist() == [list(t) for t in itertools.combinations_with_replacement([3, 4, 5], 3)]
    assert torch.combinations(j, 5).shape == (0, 5) and torch.combinations(j, 0).shape == (0,)
    for row, col, offset in itertools.product((0, 3), (4, 2), (-2, 0, 1, 5)):
        same(torch.tril_indices(row, col, offset), np.stack(np.tril_indices(row, offset, col)))
        same(torch.triu_indices(row, col, offset), np.stack(np.triu_indices(row, offset, col)))
    same(torch.vander(b), np.vander(y)), same(torch.vander(b, 5, True), np.vander(y, 5, True)), same(torch.linalg.vander(a), [np.vander(r, increasing=True) for r in x])
    for got, want in zip(torch.unravel_index(torch.tensor([[0, 5], [11, 7]]), (3, 4)), np.unravel_index([[0, 5], [11, 7]], (3, 4))):
        same(got, want)
    assert torch.broadcast_shapes((2, 1), 3, (1, 1, 1)) == (1, 2, 3) and torch.broadcast_shapes() == ()
    with pytest.raises(RuntimeError):
        torch.broadcast_shapes((2,), (3,))
    for k, dims in itertools.product((-1, 0, 1, 2, 3, 5), ((0, 1), (1, 0), (-1, 0))):
        z, c = pair(2, 3, 4)
        same(torch.rot90(z, k, dims), np.rot90(c, k, dims))
    same(torch.rot90(a), np.rot90(x)), same(torch.dstack([a, a]), np.dstack([x, x])), same(torch.column_stack((b, a.t())), np.column_stack((y, x.T)))


def test_at_least_dimensions():
    for n, (ours, theirs) in enumerate(
        ((torch.atleast_1d, np.atleast_1d), (torch.atleast_2d, np.atleast_2d), (torch.atleast_3d, np.atleast_3d)), 1
    ):
        for shape in ((), (3,), (2, 3), (2, 3, 4)):
            assert ours(torch.zeros(shape)).shape == theirs(np.zeros(shape)).shape
        assert [x.dim() for x in ours(torch.zeros(()), torch.zeros(2))] == [n, n] and isinstance(ours([torch.zeros(2)]), tuple)


def test_geometry_in_place():
    x = torch.zeros(2, 1, 3)
    y = x
    assert x.squeeze_(1) is x and x.shape == (2, 3) and x.unsqueeze_(0).shape == (1, 2, 3) and x.transpose_(1, 2).stride() == (6, 1, 3)
    assert y is x and x.squeeze_().t_().shape == (2, 3) and x.swapaxes_(0, 1).shape == (3, 2) and x.swapdims_(0, 1).shape == (2, 3)
    assert x.as_strided_((2,), (1,), 1).shape == (2,)
    a = torch.arange(6)
    b = a.view(2, 3)
    assert a.resize_(2, 2).tolist() == [[0, 1], [2, 3]] and a.resize_((6,)).tolist() == list(range(6)) and a.data_ptr() == b.data_ptr()
    assert a.resize_(4, 4).flatten()[:6].tolist() == list(range(6)) and a.resize_as_(b).shape == (2, 3)
    c = torch.zeros(2)
    d = torch.ones(3)
    c.set_(d)
    c[0] = 7
    assert d[0] == 7 and c.shape == (3,) and c.set_().numel() == 0
    leaf = torch.ones(2, 1, requires_grad=True)
    for bad in (lambda: leaf.squeeze_(), lambda: leaf.resize_(3), lambda: d.set_(torch.zeros(2, dtype=torch.int64))):
        with pytest.raises(RuntimeError):
            bad()
    with torch.no_grad():
        assert leaf.squeeze_().shape == (2,)


def test_geometry_in_place_inside_a_graph():
    x = torch.arange(6.0, requires_grad=True)
    y = (x * x).view(1, 2, 3)  # a view: its base stays as it is
    z = x * 3
    whole = z[:]
    z.unsqueeze_(0)
    y.squeeze_(0).t_()
    y[0] *= 10
    assert y.shape == (3, 2) and whole.shape == (6,)
    ((y * torch.tensor([1.0, 2.0])).sum() + (z * z).sum() + whole.sum()).backward()
    scale = np.array([10.0, 1, 1, 10, 1, 1]) * np.array([1, 1, 1, 2, 2, 2])
    same(x.grad, 2 * np.arange(6) * scale + 18 * np.arange(6) + 3)


def test_old_constructor_and_strides():
    x = torch.zeros(1, dtype=torch.float64)
    assert x.new([1, 2]).tolist() == [1, 2] and x.new(2, 3).shape == (2, 3) and x.new().shape == (0,) and x.new(torch.Size([2])).shape == (2,)
    assert x.new(2).dtype is torch.float64
    y = torch.empty_strided((2, 3), (1, 2), dtype=torch.int32, requires_grad=False)
    assert y.stride() == (1, 2) and y.dtype is torch.int32 and x.new_empty_strided((2, 3), (1, 2)).dtype is torch.float64
    assert torch.range(1, 2, 0.5).tolist() == [1, 1.5, 2] and torch.range(0, 3).dtype is torch.float32
    with pytest.raises(ValueError):
        torch.range(0, 3, -1)


def test_view_as_dtype():
    a = np.array([[1.0, -2.5], [0.0, 3e9]], dtype=np.float32)
    x = torch.from_numpy(a.copy())
    for dtype, other in ((torch.int32, np.int32), (torch.int16, np.int16), (torch.uint8, np.uint8), (torch.float64, np.float64), (torch.int64, np.int64)):
        assert np.array_equal(x.view(dtype).numpy(), a.view(other), equal_nan=dtype is torch.float64)
    x.view(torch.int32)[0, 0] = 0
    assert x[0, 0] == 0
    with pytest.raises(RuntimeError):
        torch.zeros(2, 3).view(torch.float64)
    leaf = torch.ones(2, requires_grad=True)
    assert not leaf.view(torch.int32).requires_grad


def test_fill_apply_sum_to_size():
    for rows, columns, wrap in ((3, 3, False), (7, 3, False), (7, 3, True), (3, 7, True)):
        want = np.zeros((rows, columns))
        np.fill_diagonal(want, 5, wrap=wrap)
        same(torch.zeros(rows, columns, dtype=torch.float64).fill_diagonal_(5, wrap), want)
    assert torch.zeros(2, 2, 2).fill_diagonal_(1).flatten().tolist() == [1, 0, 0, 0, 0, 0, 0, 1]
    for shape in ((3,), (2, 3, 2)):
        with pytest.raises(RuntimeError):
            torch.zeros(shape).fill_diagonal_(1)
    assert torch.arange(3).apply_(lambda v: v * 2).tolist() == [0, 2, 4] and torch.arange(3).map_(torch.ones(3), lambda a, b: a + b).tolist() == [1, 2, 3]
    x, array = pair(4, 2, 3)
    same(x.sum_to_size(2, 1), array.sum(0).sum(1, keepdims=True)), same(x.sum_to_size((4, 2, 3)), array)
    with pytest.raises(RuntimeError):
        x.sum_to_size(5)
    assert x.narrow_copy(1, 0, 1).is_set_to(x) is False and x.is_set_to(x) and x.is_same_size(x)
    assert bool(torch.ones(1).is_nonzero()) and not torch.is_nonzero(torch.zeros(1)) and x.real is x and x.conj() is x and not x.is_conj()


def test_shared_memory_reaches_forked_children():
    import os

    x = torch.zeros(3).share_memory_()
    assert x.is_shared() and x.share_memory_() is x and not torch.zeros(3).is_shared()
    child = os.fork()
    if child == 0:
        x[1] = 5
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0 and x.tolist() == [0, 5, 0]
    assert not x.is_pinned()
    with pytest.raises(RuntimeError, match="GPU"):
        x.pin_memory()


def test_defaults_and_checks():
    torch.set_default_device("cpu")
    torch.set_default_device(None)
    with pytest.raises(RuntimeError):
        torch.set_default_device("cuda")
    for kind, dtype in ((torch.DoubleTensor, torch.float64), ("torch.HalfTensor", torch.float16), ("FloatTensor", torch.float32)):
        torch.set_default_tensor_type(kind)
        assert torch.get_default_dtype() is dtype
    for bad in ("torch.cuda.FloatTensor", torch.LongTensor):
        with pytest.raises(TypeError):
            torch.set_default_tensor_type(bad)
    for mode, warn_only, level in ((True, True, 1), (True, False, 2), (False, True, 0)):
        torch.use_deterministic_algorithms(mode, warn_only=warn_only)
        assert torch.is_deterministic_algorithms_warn_only_enabled() is (level == 1) and torch.get_deterministic_debug_mode() == level
    assert torch.are_deterministic_algorithms_enabled()  # whatever was asked
    torch._check(True)
    with pytest.raises(RuntimeError, match="so"):
        torch._check(False, lambda: "so")
    with pytest.raises(AssertionError):
        torch._assert(torch.zeros(1) > 0, "no")


def test_windows():
    for n in (0, 1, 2, 7):
        same(torch.hann_window(n, False, dtype=torch.float64), np.hanning(n)), same(torch.hamming_window(n, False, dtype=torch.float64), np.hamming(n))
        same(torch.blackman_window(n, False, dtype=torch.float64), np.blackman(n)), same(torch.bartlett_window(n, False, dtype=torch.float64), np.bartlett(n))
        same(torch.kaiser_window(n, False, 5.0, dtype=torch.float64), np.kaiser(n, 5.0), 1e-9)
    same(torch.hann_window(6, dtype=torch.float64), np.hanning(7)[:-1])
    with pytest.raises(RuntimeError):
        torch.hann_window(3, dtype=torch.int64)


# Special functions at their edges ------------------------------------------------------------------------------


def test_edges_of_special_functions():
    inf, nan = math.inf, math.nan

    def at(function, *values):
        return function(torch.tensor(values, dtype=torch.float64)).tolist()

    def equal(got, want):
        np.testing.assert_array_equal(np.array(got), np.array(want))

    equal(at(torch.digamma, 0.0, -0.0, -1.0, inf), [-inf, inf, nan, inf])
    equal(at(torch.lgamma, 0.0, -1.0, inf, 1.0), [inf, inf, inf, 0])
    equal(at(torch.special.erfcx, -inf, inf, nan), [inf, 0, nan])
    equal(at(torch.special.entr, 0.0, -1.0, 1.0), [0, -inf, 0])
    equal(at(torch.i0, -inf, 0.0), [inf, 1])
    equal(at(torch.special.i1, -inf, 0.0), [-inf, 0])
    equal(at(torch.sinc, 0.0), [1])
    a, b = torch.tensor([inf, -inf, inf, nan, -inf]), torch.tensor([inf, -inf, -inf, 1.0, 2.0])
    equal(torch.logaddexp(a, b).tolist(), [inf, -inf, inf, nan, 2]), equal(torch.logaddexp2(a, b).tolist(), [inf, -inf, inf, nan, 2])
    equal(torch.xlogy(torch.tensor([0.0, 0, 0]), torch.tensor([0.0, nan, inf])).tolist(), [0, nan, 0])
    equal(torch.signbit(torch.tensor([-1.0, 0.0, -0.0])).tolist(), [True, False, True])
    assert torch.special.i0e(torch.tensor(1e4, dtype=torch.float64)).item() == pytest.approx(1 / math.sqrt(2 * math.pi * 1e4), rel=1e-4)
    assert torch.special.log_ndtr(torch.tensor(-40.0, dtype=torch.float64)).item() == pytest.approx(-804.608442, rel=1e-8)
    assert torch.lcm(torch.tensor(0), torch.tensor(5)).item() == 0 and torch.gcd(torch.tensor(-12), torch.tensor(18)).item() == 6
    for bad in (lambda: torch.gcd(a, b), lambda: torch.polygamma(-1, a), lambda: torch.mvlgamma(a, 0), lambda: torch.heaviside(a, torch.tensor([1]))):
        with pytest.raises(RuntimeError):
            bad()
    assert torch.special.psi is torch.digamma and torch.special.expit(torch.zeros(1)).item() == 0.5
    assert torch.polygamma(1, torch.ones(1)).item() == pytest.approx(math.pi**2 / 6, rel=1e-6) and torch.ones(1).polygamma(0).item() == pytest.approx(-0.5772157)


@pytest.mark.parametrize("shape", [(7,), (1000,), (37, 300), (300, 37), (3, 40, 70)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sums_without_nan(shape, dtype):
    array = rng.standard_normal(shape).astype(dtype)
    array[rng.random(shape) < 0.2] = np.nan
    array[..., 0] = np.nan  # a whole line
    tolerance = 4e-3 if dtype == np.float16 else 1e-6 if dtype == np.float32 else 1e-12
    for dim in (None, *range(len(shape)), tuple(range(len(shape)))):
        same(torch.nansum(torch.from_numpy(array), dim).double(), np.nansum(array.astype(float), dim), tolerance * 30)
        same(torch.nansum(torch.from_numpy(array).t() if len(shape) == 2 else torch.from_numpy(array)).double(),
             np.nansum(array.astype(float)), tolerance * 300)  # fmt: skip
    x = torch.from_numpy(array).requires_grad_()
    torch.nansum(x, 0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), ~np.isnan(array))
    y = torch.tensor([1.0, math.nan, 2.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad((torch.nansum(y) ** 3), y, create_graph=True)
    assert torch.autograd.grad(slope[0], y)[0].tolist() == [18.0, 0.0, 18.0]
    assert torch.nansum(torch.tensor([math.nan, 1.5, 1.5]), dtype=torch.int64).item() == 2  # each cut by itself


def test_bounds_that_are_nan():
    x, low, high = [math.nan, 1, 1, -5, 9, 0.5] * 9, [0, math.nan, 0, 0, 0, 0] * 9, [1, 1, math.nan, 1, 1, 1] * 9
    for dtype in (torch.float32, torch.float64):
        got = torch.clamp(*(torch.tensor(v, dtype=dtype) for v in (x, low, high)))
        np.testing.assert_array_equal(got.numpy(), [math.nan, math.nan, math.nan, 0, 1, 0.5] * 9)
    crossed = torch.clamp(torch.tensor([-5, 9, 3] * 9), torch.tensor([0, 0, 5] * 9), torch.tensor([1] * 27))
    assert crossed.tolist() == [0, 1, 1] * 9


SORTED = {
    "round": lambda n: np.round(rng.standard_normal(n), 2), "wide": lambda n: rng.standard_normal(n) * 10.0 ** rng.integers(-9, 9, n),
    "sorted": lambda n: np.arange(n) / 2, "backwards": lambda n: -np.arange(n) / 2, "equal": lambda n: np.zeros(n),
    "signs": lambda n: rng.integers(-9, 9, n),
}  # fmt: skip


@pytest.mark.parametrize("n", [2, 47, 64, 130, 200, 1000, 40000])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("kind", list(SORTED))
def test_lines_in_order(n, dtype, kind):
    """Of equal elements the first comes first, in both directions: NumPy's stable sort."""
    array = np.stack([SORTED[kind](n) for _ in range(3)])
    with np.errstate(all="ignore"):
        array = array.astype(dtype)
    if dtype in (np.float32, np.float64):
        array[1, rng.random(n) < 0.1] = np.nan
        array[2, rng.random(n) < 0.3] = -0.0
    else:
        array[1, 0], array[1, -1] = np.iinfo(dtype).max, np.iinfo(dtype).min
    x = torch.from_numpy(array)
    up = np.argsort(array, 1, kind="stable")
    # NaN is the largest: with every element of a line its negative rank, the order turns around
    rank = np.stack([np.unique(line, return_inverse=True)[1].reshape(-1) for line in array])
    down = np.argsort(-rank, 1, kind="stable")
    for order, descending in ((up, False), (down, True)):
        values, indices = torch.sort(x, 1, descending)
        np.testing.assert_array_equal(indices.numpy(), order)
        np.testing.assert_array_equal(values.numpy(), np.take_along_axis(array, order, 1))
        for k in {1, min(n, 3), n // 4, n // 2, n - 1} - {0}:
            values, indices = torch.topk(x, k, 1, descending)
            np.testing.assert_array_equal(indices.numpy(), order[:, :k])
            np.testing.assert_array_equal(values.numpy(), np.take_along_axis(array, order, 1)[:, :k])
            np.testing.assert_array_equal(torch.kthvalue(x, k, 1).indices.numpy(), up[:, k - 1])


def test_two_results_written_to_given_tensors():
    x, array = pair(4, 6)
    for name, arguments in (
        ("max", (1,)), ("min", (0, True)), ("sort", (0,)), ("topk", (2,)), ("kthvalue", (3,)), ("median", (1,)), ("nanmedian", (0,)), ("mode", (1,)),
        ("cummax", (1,)), ("cummin", (0,)), ("frexp", ()), ("aminmax", ()),
    ):  # fmt: skip
        want = getattr(torch, name)(x, *arguments)
        for strided in (False, True):
            room = [torch.empty((2,) + tuple(part.shape[::-1]), dtype=part.dtype)[0] for part in want]
            room = [r.permute(*reversed(range(r.dim()))) if strided else torch.empty(0, dtype=r.dtype) for r in room]
            got = getattr(torch, name)(x, *arguments, out=tuple(room))
            for given, back, part in zip(room, got, want):
                assert back is given and torch.equal(given, part), (name, strided)

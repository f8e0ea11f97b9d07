"""Embeddings, bags of embeddings, bilinear forms and distances against NumPy."""

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.autograd import gradcheck, gradgradcheck
from rustorch.nn import functional as F

rng = np.random.default_rng(11)


def draw(*shape):
    return rng.standard_normal(shape)


def bags(table, indices, offsets, mode, weights=None, padding=None):
    """One row a bag."""
    out = []
    for start, end in zip(offsets, list(offsets[1:]) + [len(indices)]):
        rows = [table[i] * (1 if weights is None else weights[j]) for j, i in zip(range(start, end), indices[start:end]) if i != padding]
        if not rows:
            out.append(np.zeros(table.shape[1]))
        else:
            out.append({"sum": np.sum, "mean": np.mean, "max": np.max}[mode](rows, 0))
    return np.stack(out)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 2])
def test_bags(mode, padding):
    table, indices, offsets = draw(6, 3), rng.integers(0, 6, 9), [0, 0, 3, 4]
    weight = torch.tensor(table).requires_grad_()
    index = torch.tensor(indices)

    def run(w, **kwargs):
        return F.embedding_bag(index, w, torch.tensor(offsets), mode=mode, padding_idx=padding, **kwargs)

    np.testing.assert_allclose(run(weight).detach().numpy(), bags(table, indices, offsets, mode, padding=padding))
    last = F.embedding_bag(index, weight, torch.tensor(offsets + [9]), mode=mode, padding_idx=padding, include_last_offset=True)
    assert (last == run(weight)).all()
    assert gradcheck(run, weight) and gradgradcheck(run, weight)
    two = F.embedding_bag(index.reshape(3, 3), weight, mode=mode, padding_idx=padding)
    np.testing.assert_allclose(two.detach().numpy(), bags(table, indices, [0, 3, 6], mode, padding=padding))


def test_weighted_bags():
    table, indices, factors = draw(5, 4), rng.integers(0, 5, 6), draw(6)
    leaves = [torch.tensor(x).requires_grad_() for x in (table, factors)]

    def run(table, factors):
        return F.embedding_bag(torch.tensor(indices), table, torch.tensor([0, 2]), mode="sum", per_sample_weights=factors)

    np.testing.assert_allclose(run(*leaves).detach().numpy(), bags(table, indices, [0, 2], "sum", factors))
    assert gradcheck(run, leaves)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_padding_is_not_read(mode):
    table = torch.tensor(draw(5, 37), dtype=torch.float32)
    table[3] = float("nan")
    table.requires_grad_()
    index, offsets = torch.tensor([3, 1, 2, 3, 3, 4]), torch.tensor([0, 3, 5])
    factors = torch.tensor(draw(6), dtype=torch.float32).requires_grad_() if mode == "sum" else None
    y = F.embedding_bag(index, table, offsets, mode=mode, padding_idx=-2, per_sample_weights=factors)
    weights = None if factors is None else factors.detach().numpy()
    want = bags(table.detach().numpy(), index.tolist(), [0, 3, 5], mode, weights, padding=3)
    np.testing.assert_allclose(y.detach().numpy(), want, rtol=1e-6, atol=1e-6)
    y.sum().backward()
    assert table.grad.isfinite().all() and (table.grad[3] == 0).all() and (table.grad[4] != 0).any()
    if factors is not None:
        assert factors.grad[[0, 3, 4]].tolist() == [0, 0, 0]
        np.testing.assert_allclose(factors.grad[1].item(), table.detach()[1].sum().item(), rtol=1e-4)


def test_the_first_of_equal_elements_takes_the_gradient_of_max():
    weight = torch.ones(3, 2).requires_grad_()
    F.embedding_bag(torch.tensor([[2, 0, 1]]), weight, mode="max").sum().backward()
    assert weight.grad.tolist() == [[0, 0], [0, 0], [1, 1]]


def test_bag_errors():
    table, index = torch.zeros(4, 2), torch.tensor([0, 1, 2])
    offsets = torch.tensor([0, 2])
    for kind, words, args, kwargs in [
        (ValueError, "offsets has to be a 1D Tensor but got None", (index, table), {}),
        (ValueError, "offsets has to be None", (index.reshape(1, 3), table, offsets), {}),
        (ValueError, "mode has to be one of sum, mean or max", (index, table, offsets), {"mode": "min"}),
        (ValueError, "max mode does not support scaling", (index, table, offsets), {"mode": "max", "scale_grad_by_freq": True}),
        (NotImplementedError, "only supported for mode='sum'", (index, table, offsets), {"per_sample_weights": torch.ones(3)}),
        (ValueError, "must have the same shape as the input", (index, table, offsets), {"per_sample_weights": torch.ones(2)}),
        (ValueError, "max mode does not support sparse", (index, table, offsets), {"mode": "max", "sparse": True}),
        (RuntimeError, r"offsets\[0\] has to be 0", (index, table, torch.tensor([1, 2])), {}),
        (RuntimeError, "must ascend and be at most", (index, table, torch.tensor([0, 4])), {}),
        (RuntimeError, "padding_idx must be within", (index, table, offsets), {"padding_idx": 4}),
        (IndexError, "out of bounds", (index + 5, table, offsets), {}),
    ]:  # fmt: skip
        with pytest.raises(kind, match=words):
            F.embedding_bag(*args, **kwargs)


def test_bag_module():
    m = nn.EmbeddingBag(10, 3, mode="sum", padding_idx=-1)
    assert m.padding_idx == 9 and (m.weight[9] == 0).all() and repr(m) == "EmbeddingBag(10, 3, mode='sum', padding_idx=9)"
    table = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    bag = nn.EmbeddingBag.from_pretrained(table.clone(), max_norm=1.0)
    assert not bag.weight.requires_grad
    np.testing.assert_allclose(bag(torch.tensor([[0, 1]])).numpy(), [[0.45, 0.6]], rtol=1e-5)


def test_scale_grad_by_freq():
    index = torch.tensor([[0, 1, 1], [1, 3, 0]])
    weight = torch.tensor(draw(4, 2)).requires_grad_()
    F.embedding(index, weight, scale_grad_by_freq=True).sum().backward()
    assert weight.grad.tolist() == [[1, 1], [1, 1], [0, 0], [1, 1]]
    m = nn.Embedding(4, 2, scale_grad_by_freq=True, max_norm=2.0, norm_type=1.0)
    assert repr(m) == "Embedding(4, 2, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True)"
    m(index).sum().backward()
    assert m.weight.grad.tolist() == [[1, 1], [1, 1], [0, 0], [1, 1]]
    norms = m.weight.detach().abs().sum(1)
    assert float(norms[[0, 1, 3]].max()) <= 2.0001


def test_bilinear():
    a, b, w, bias = draw(5, 2, 3), draw(5, 2, 4), draw(6, 3, 4), draw(6)
    leaves = [torch.tensor(x).requires_grad_() for x in (a, b, w, bias)]
    np.testing.assert_allclose(F.bilinear(*leaves).detach().numpy(), np.einsum("xyn,onm,xym->xyo", a, w, b) + bias, rtol=1e-10)
    assert gradcheck(F.bilinear, leaves)
    m = nn.Bilinear(3, 4, 6, dtype=torch.float64)
    want = np.einsum("xyn,onm,xym->xyo", a, m.weight.detach().numpy(), b) + m.bias.detach().numpy()
    np.testing.assert_allclose(m(*leaves[:2]).detach().numpy(), want, rtol=1e-10)
    with pytest.raises(RuntimeError, match="batch dimensions of inputs must match"):
        F.bilinear(leaves[0], leaves[1][:3], leaves[2])
    with pytest.raises(RuntimeError, match="input2 size does not match weight size: got 3 but expected 4"):
        F.bilinear(leaves[0], leaves[0], leaves[2])


@pytest.mark.parametrize("p", [0.0, 1.0, 1.5, 2.0, float("inf")])
def test_distances(p):
    a, b = draw(2, 1, 5, 3), draw(4, 6, 3)
    gaps = np.abs(a[..., :, None, :] - b[..., None, :, :])
    want = (gaps != 0).sum(-1) if p == 0 else gaps.max(-1) if np.isinf(p) else (gaps**p).sum(-1) ** (1 / p)
    got = torch.cdist(torch.tensor(a), torch.tensor(b), p=p)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)
    x = draw(5, 3)
    rows, columns = np.triu_indices(5, 1)
    full = torch.cdist(torch.tensor(x), torch.tensor(x), p).numpy()
    np.testing.assert_allclose(F.pdist(torch.tensor(x), p).numpy(), full[rows, columns])
    near = np.linalg.norm(a[0, 0] - b[0, :5] + 1e-6, ord=p, axis=-1)
    np.testing.assert_allclose(nn.PairwiseDistance(p)(torch.tensor(a[0, 0]), torch.tensor(b[0, :5])).numpy(), near, rtol=1e-10)


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"])
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 3e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("places", ["around 0", "far", "near each other", "beyond all bounds"])
def test_distances_by_products_lose_no_digits(places, dtype, tolerance, mode):
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((2, 30, 17)), rng.standard_normal((2, 41, 17))
    if places == "far":
        a, b = a + 1000, b + 1000
    if places == "near each other":
        b[:, :30] = a + 1e-3 * rng.standard_normal(a.shape)
        b[0, 3] = a[0, 7]
    a, b = a.astype(dtype), b.astype(dtype)
    gaps = a[:, :, None].astype(float) - b[:, None].astype(float)
    if places == "beyond all bounds":
        a[0, 2, 5], b[1, 4, 0], b[1, 6, 3] = np.inf, -np.inf, np.nan
        gaps = a[:, :, None].astype(float) - b[:, None].astype(float)
    got = torch.cdist(torch.tensor(a), torch.tensor(b), compute_mode=mode)
    np.testing.assert_allclose(got.numpy(), np.sqrt((gaps**2).sum(-1)), rtol=tolerance)


def test_the_gradient_at_distance_0_is_0():
    x = torch.tensor([[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]]).requires_grad_()
    torch.cdist(x, x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[-1.2, -1.6], [-1.2, -1.6], [2.4, 3.2]], rtol=1e-6)
    y = x.detach().clone().requires_grad_()
    (g,) = torch.autograd.grad(torch.cdist(y, y).sum(), y, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), x.grad.numpy(), rtol=1e-6)


def test_distance_errors():
    with pytest.raises(RuntimeError, match="X1 got: 1D"):
        torch.cdist(torch.zeros(3), torch.zeros(2, 3))
    with pytest.raises(RuntimeError, match="must agree in their last dimension"):
        torch.cdist(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="non-negative p"):
        torch.cdist(torch.zeros(2, 3), torch.zeros(2, 3), p=-1)
    with pytest.raises((RuntimeError, ValueError), match="compute_mode"):
        torch.cdist(torch.zeros(2, 3), torch.zeros(2, 3), compute_mode="quick")
    with pytest.raises(RuntimeError, match="only supports 2D tensors, got: 3D"):
        F.pdist(torch.zeros(2, 3, 4))


def test_cosine_similarity():
    a, b = draw(2, 3, 4), draw(3, 4)
    full = np.broadcast_to(b, a.shape)
    for dim in (0, 1, 2, -1):
        want = (a * full).sum(dim) / (np.linalg.norm(a, axis=dim) * np.linalg.norm(full, axis=dim))
        np.testing.assert_allclose(F.cosine_similarity(torch.tensor(a), torch.tensor(b), dim).numpy(), want)
        np.testing.assert_allclose(nn.CosineSimilarity(dim)(torch.tensor(a), torch.tensor(b)).numpy(), want)
    assert F.cosine_similarity(torch.zeros(1, 3), torch.ones(1, 3)).tolist() == [0]


def test_bags_in_one_pass():
    """Sums of many bags, empty ones among them, against NumPy; both gradients; what is refused."""
    rng = np.random.default_rng(3)
    table, index, starts = rng.normal(size=(7, 3)), rng.integers(0, 7, 12), [0, 0, 4, 5, 5, 12]
    want = np.array([table[index[a:b]].sum(0) for a, b in zip(starts, starts[1:] + [12])])
    sizes = np.maximum(np.diff(starts + [12]), 1)[:, None]
    weight, offsets = torch.tensor(table, requires_grad=True), torch.tensor(starts)
    for mode, expected in (("sum", want), ("mean", want / sizes)):

        def bags(w, mode=mode):
            return torch.nn.functional.embedding_bag(torch.tensor(index), w, offsets, mode=mode)

        np.testing.assert_allclose(bags(weight).detach().numpy(), expected, rtol=1e-12)
        assert torch.autograd.gradcheck(bags, [weight]) and torch.autograd.gradgradcheck(bags, [weight])
        half = bags(weight.detach().half())  # the way in ops
        np.testing.assert_allclose(half.float().numpy(), expected, atol=0.02)
    sum_of = torch._C._ops._embedding_sum
    w, i = torch.ones(4, 2), torch.tensor([0, 1, 3])
    assert sum_of(w, i, torch.tensor([1, 3])).tolist() == [[1.0, 1.0], [2.0, 2.0]]
    for ends, words in (([2, 1], "would end"), ([1, 2], "3 elements"), ([1, 4], "would end")):
        with pytest.raises(torch.ArgumentValueError, match=words):
            sum_of(w, i, torch.tensor(ends))
    with pytest.raises(IndexError, match="out of bounds"):
        sum_of(w, torch.tensor([0, 4]), torch.tensor([2]))

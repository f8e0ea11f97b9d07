"""Losses and activations written in Python: values against NumPy, gradients against finite differences, errors."""

import itertools
import math

import numpy as np
import pytest

import rustorch as torch
from rustorch.nn import functional as F

rng = np.random.default_rng(11)


def pair(*shape, low=-3, high=3):
    array = rng.uniform(low, high, shape)
    return torch.from_numpy(array.copy()), array


def norm(x, p):
    return (np.abs(x) ** p).sum(-1) ** (1 / p)


def agree(function, each, *inputs, module=None):
    """function(*inputs, reduction=…) is each, its mean and its sum; so is the module's; and the gradients are right."""
    for reduction, want in (("none", each), ("mean", np.mean(each)), ("sum", np.sum(each))):
        got = function(*inputs, reduction=reduction)
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-10, atol=1e-12)
        if module is not None:
            assert torch.equal(module(reduction)(*inputs), got)
    leaves = [x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs]
    assert torch.autograd.gradcheck(lambda *x: function(*x, reduction="none"), tuple(leaves))


SIGNS = torch.tensor([1.0, -1, 1, -1, 1], dtype=torch.float64)
T = SIGNS.numpy()


def test_two_scores_or_vectors():
    (a, x), (b, y) = pair(5), pair(5)
    agree(
        lambda p, q, reduction: F.margin_ranking_loss(p, q, SIGNS, 0.3, reduction=reduction), np.maximum(0, -T * (x - y) + 0.3), a, b,
        module=lambda r: lambda p, q: torch.nn.MarginRankingLoss(0.3, reduction=r)(p, q, SIGNS),
    )  # fmt: skip
    agree(
        lambda p, reduction: F.hinge_embedding_loss(p, SIGNS, 0.7, reduction=reduction), np.where(T == 1, x, np.maximum(0, 0.7 - x)), a,
        module=lambda r: lambda p: torch.nn.HingeEmbeddingLoss(0.7, reduction=r)(p, SIGNS),
    )  # fmt: skip
    agree(
        lambda p, reduction: F.soft_margin_loss(p, SIGNS, reduction=reduction), np.log1p(np.exp(-T * x)), a,
        module=lambda r: lambda p: torch.nn.SoftMarginLoss(reduction=r)(p, SIGNS),
    )  # fmt: skip
    assert F.soft_margin_loss(torch.tensor([-200.0]), torch.tensor([1.0])).item() == 200
    (a, x), (b, y) = pair(5, 3), pair(5, 3)
    cosine = (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))
    agree(
        lambda p, q, reduction: F.cosine_embedding_loss(p, q, SIGNS, 0.1, reduction=reduction),
        np.where(T == 1, 1 - cosine, np.maximum(0, cosine - 0.1)), a, b,
        module=lambda r: lambda p, q: torch.nn.CosineEmbeddingLoss(0.1, reduction=r)(p, q, SIGNS),
    )  # fmt: skip
    assert F.cosine_embedding_loss(a[0], b[0], torch.tensor(1.0)).shape == ()
    np.testing.assert_allclose(torch.nn.CosineSimilarity()(a, b).numpy(), cosine)
    np.testing.assert_allclose(torch.nn.PairwiseDistance(3.0, keepdim=True)(a, b).numpy(), norm(x - y + 1e-6, 3)[:, None])
    with pytest.raises(RuntimeError):
        F.margin_ranking_loss(a, b, SIGNS)
    with pytest.raises(RuntimeError):
        F.cosine_embedding_loss(a, b, torch.tensor(1.0))


@pytest.mark.parametrize("p", [1, 2])
def test_margins_between_classes(p):
    (a, x), (w, weight) = pair(5, 4), pair(4, low=0.5)
    target = np.array([0, 1, 3, 2, 1])
    each = np.zeros(5)
    for n, j in itertools.product(range(5), range(4)):
        if j != target[n]:
            each[n] += weight[target[n]] * max(0, 0.8 - x[n, target[n]] + x[n, j]) ** p / 4
    t = torch.from_numpy(target)
    agree(
        lambda s, reduction: F.multi_margin_loss(s, t, p, 0.8, w, reduction=reduction), each, a,
        module=lambda r: lambda s: torch.nn.MultiMarginLoss(p, 0.8, w, reduction=r)(s, t),
    )  # fmt: skip
    assert torch.equal(F.multi_margin_loss(a[0], t[0], p), F.multi_margin_loss(a[:1], t[:1], p))
    with pytest.raises(ValueError):
        F.multi_margin_loss(a, t, p=3)


def test_several_labels():
    a, x = pair(3, 4)
    lists = np.array([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3]])
    each = np.zeros(3)
    for n in range(3):
        targets = list(itertools.takewhile(lambda c: c >= 0, lists[n]))
        for t, j in itertools.product(targets, range(4)):
            if j not in targets:
                each[n] += max(0, 1 - (x[n, t] - x[n, j])) / 4
    labels = torch.from_numpy(lists)
    agree(
        lambda s, reduction: F.multilabel_margin_loss(s, labels, reduction=reduction), each, a,
        module=lambda r: lambda s: torch.nn.MultiLabelMarginLoss(reduction=r)(s, labels),
    )  # fmt: skip
    assert F.multilabel_margin_loss(a[0], labels[0]).shape == ()
    (t, y), (w, weight) = pair(3, 4, low=0, high=1), pair(4, low=0)
    log_sigmoid = lambda v: -np.log1p(np.exp(-v))  # noqa: E731
    agree(
        lambda s, reduction: F.multilabel_soft_margin_loss(s, t, w, reduction=reduction),
        -(weight * (y * log_sigmoid(x) + (1 - y) * log_sigmoid(-x))).mean(1), a,
        module=lambda r: lambda s: torch.nn.MultiLabelSoftMarginLoss(w, reduction=r)(s, t),
    )  # fmt: skip
    with pytest.raises(RuntimeError):
        F.multilabel_margin_loss(a, labels[:, :2])


@pytest.mark.parametrize("p, swap", list(itertools.product((1.0, 2.0, 3.0), (False, True))))
def test_triplets(p, swap):
    (a, x), (b, y), (c, z) = pair(4, 3), pair(4, 3), pair(4, 3)
    far = norm(x - z + 1e-6, p)
    if swap:
        far = np.minimum(far, norm(y - z + 1e-6, p))
    agree(
        lambda *s, reduction: F.triplet_margin_loss(*s, margin=2.0, p=p, swap=swap, reduction=reduction),
        np.maximum(0, norm(x - y + 1e-6, p) - far + 2), a, b, c,
        module=lambda r: torch.nn.TripletMarginLoss(2.0, p, swap=swap, reduction=r),
    )  # fmt: skip
    own = lambda u, v: (u - v).abs().sum(-1)  # noqa: E731
    far = norm(x - z, 1)
    if swap:
        far = np.minimum(far, norm(y - z, 1))
    agree(
        lambda *s, reduction: F.triplet_margin_with_distance_loss(*s, distance_function=own, margin=2.0, swap=swap, reduction=reduction),
        np.maximum(0, norm(x - y, 1) - far + 2), a, b, c,
        module=lambda r: torch.nn.TripletMarginWithDistanceLoss(distance_function=own, margin=2.0, swap=swap, reduction=r),
    )  # fmt: skip
    with pytest.raises(ValueError):
        F.triplet_margin_loss(a, b, c, margin=-1)


def test_likelihoods():
    (a, x), counts = pair(5, low=0.1), torch.arange(5.0, dtype=torch.float64)
    k = counts.numpy()
    stirling = np.zeros(5)
    stirling[2:] = k[2:] * np.log(k[2:]) - k[2:] + 0.5 * np.log(2 * np.pi * k[2:])
    for full in (False, True):
        for log_input, each in ((True, np.exp(x) - k * x), (False, x - k * np.log(x + 1e-8))):
            agree(
                lambda s, reduction: F.poisson_nll_loss(s, counts, log_input, full, reduction=reduction), each + full * stirling, a,
                module=lambda r: lambda s: torch.nn.PoissonNLLLoss(log_input, full, reduction=r)(s, counts),
            )  # fmt: skip
        (t, y), (v, variance) = pair(5), pair(5, low=0.2)
        each = 0.5 * (np.log(variance) + (x - y) ** 2 / variance) + full * 0.5 * math.log(2 * math.pi)
        agree(
            lambda s, u, reduction: F.gaussian_nll_loss(s, t, u, full, reduction=reduction), each, a, v,
            module=lambda r: lambda s, u: torch.nn.GaussianNLLLoss(full=full, reduction=r)(s, t, u),
        )  # fmt: skip
    m = torch.zeros(4, 3)
    assert F.gaussian_nll_loss(m, m, torch.ones(4)).item() == 0 and F.gaussian_nll_loss(m, m, torch.ones(4, 1)).item() == 0
    assert F.gaussian_nll_loss(m, m, 1.0).item() == 0
    small = torch.full((4, 3), 1e-9, requires_grad=True)
    F.gaussian_nll_loss(m, m + 1, small).backward()
    assert small.grad.abs().min() > 0  # the bound lets the gradient through
    for bad in (-torch.ones(4, 3), torch.ones(3, 4), -1.0):
        with pytest.raises(ValueError):
            F.gaussian_nll_loss(m, m, bad)


def all_paths(log_probs, target, blank):
    """−log of the sum over all paths that collapse to the target."""
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=log_probs.shape[0]):
        labels = [label for label, _ in itertools.groupby(path) if label != blank]
        if labels == list(target):
            total += math.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return -math.log(total)


@pytest.mark.parametrize("blank", [0, 3])
def test_ctc(blank):
    a, x = pair(5, 3, 4)
    log_probs = a.log_softmax(2)
    classes = [c for c in range(4) if c != blank]
    targets = [[classes[0], classes[1]], [classes[2], classes[2]], [classes[1]]]
    steps = [5, 4, 5]
    each = np.array([all_paths(log_probs[:n, i].numpy(), t, blank) for i, (n, t) in enumerate(zip(steps, targets))])
    padded = torch.tensor([targets[0], targets[1], targets[2] + [classes[0]]])
    flat, sizes = torch.tensor(sum(targets, [])), [2, 2, 1]
    for form, ns, ls in (
        (padded, steps, sizes), (flat, torch.tensor(steps), torch.tensor(sizes)), (flat.int(), tuple(steps), torch.tensor(sizes).int()),
    ):  # fmt: skip
        np.testing.assert_allclose(F.ctc_loss(log_probs, form, ns, ls, blank, "none").numpy(), each)
        np.testing.assert_allclose(F.ctc_loss(log_probs, form, ns, ls, blank, "sum").item(), each.sum())
        np.testing.assert_allclose(torch.nn.CTCLoss(blank)(log_probs, form, ns, ls).item(), (each / np.array(sizes)).mean())
    one = F.ctc_loss(log_probs[:, 0], padded[0], torch.tensor(5), torch.tensor(2), blank, "none")
    assert one.shape == () and one.item() == pytest.approx(each[0])
    leaf = a.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: F.ctc_loss(s.log_softmax(2), flat, steps, sizes, blank), (leaf,))


def test_ctc_without_a_path_and_errors():
    log_probs = torch.zeros(2, 2, 4).log_softmax(2).requires_grad_()
    targets = torch.tensor([[1, 1], [2, 3]])  # 1 1 needs a blank between
    assert F.ctc_loss(log_probs, targets, [2, 2], [2, 2], reduction="none").tolist()[0] == math.inf
    loss = F.ctc_loss(log_probs, targets, [2, 2], [2, 2], reduction="none", zero_infinity=True)
    loss.sum().backward()
    assert loss[0] == 0 and (log_probs.grad[:, 0] == 0).all() and log_probs.grad[:, 1].abs().sum() > 0
    empty = F.ctc_loss(log_probs, torch.zeros(0, dtype=torch.int64), [2, 2], [0, 0], reduction="none")
    assert empty.tolist() == pytest.approx([2 * math.log(4)] * 2)
    for bad in (
        lambda: F.ctc_loss(log_probs, targets, [3, 2], [2, 2]), lambda: F.ctc_loss(log_probs, targets, [2, 2], [3, 2]),
        lambda: F.ctc_loss(log_probs, targets + 2, [2, 2], [2, 2]), lambda: F.ctc_loss(log_probs, targets, [2], [2, 2]),
        lambda: F.ctc_loss(log_probs, targets, [2, 2], [2, 2], blank=4), lambda: F.ctc_loss(log_probs, targets[0], [2, 2], [2, 2]),
        lambda: F.ctc_loss(log_probs, targets, [2, 2], [2, 2], reduction="max"),
    ):  # fmt: skip
        with pytest.raises((RuntimeError, ValueError)):
            bad()


def test_old_reduction_arguments():
    a = torch.rand(3)
    with pytest.warns(UserWarning):
        assert F.soft_margin_loss(a, torch.ones(3), reduce=False).shape == (3,)
    with pytest.raises(ValueError):
        F.soft_margin_loss(a, torch.ones(3), reduction="max")


def test_random_slopes_and_gumbel():
    x = torch.linspace(-3, 3, 601)
    torch.manual_seed(0)
    y = F.rrelu(x, 0.1, 0.4, training=True)
    slopes = (y / x)[:300]
    assert torch.equal(y[301:], x[301:]) and slopes.min() >= 0.0999 and slopes.max() <= 0.4001 and slopes.std() > 0.05
    assert torch.allclose(F.rrelu(x, 0.1, 0.4), torch.where(x > 0, x, 0.25 * x)) and torch.equal(torch.nn.RReLU(0.1, 0.4).eval()(x), F.rrelu(x, 0.1, 0.4))
    with pytest.raises(ValueError):
        F.rrelu(x, 1.0, 0.5)
    logits = torch.log(torch.tensor([0.5, 0.3, 0.2])).expand(20000, 3).clone().requires_grad_()
    hard = F.gumbel_softmax(logits, tau=0.7, hard=True)
    assert torch.equal(hard.detach().sum(1).round(), torch.ones(20000)) and torch.allclose(hard.detach().mean(0), torch.tensor([0.5, 0.3, 0.2]), atol=0.02)
    (hard * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum() > 0 and torch.allclose(F.gumbel_softmax(logits[:5]).sum(1), torch.ones(5))


def test_written_into_the_input():
    for name, arguments in (("celu", ()), ("elu", ()), ("hardtanh", ()), ("leaky_relu", ()), ("rrelu", ()), ("selu", ()), ("threshold", (0.1, 9.0))):
        x = torch.linspace(-2, 2, 9)
        want = getattr(F, name)(x, *arguments)
        assert getattr(F, name + "_")(x, *arguments) is x and torch.equal(x, want)


def test_bilinear():
    (a, x), (b, y), (w, v), (c, z) = pair(5, 4), pair(5, 3), pair(2, 4, 3), pair(2)
    want = np.einsum("bn,onm,bm->bo", x, v, y) + z
    np.testing.assert_allclose(F.bilinear(a, b, w, c).numpy(), want)
    np.testing.assert_allclose(F.bilinear(a[None], b[None], w).numpy(), (want - z)[None])


def test_adaptive_softmax():
    torch.manual_seed(0)
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10], div_value=2.0, head_bias=True).double()
    x, target = pair(7, 16)[0], torch.tensor([0, 3, 4, 9, 10, 19, 5])
    all_of_them = layer.log_prob(x)
    assert torch.allclose(all_of_them.exp().sum(1), torch.ones(7, dtype=torch.float64))
    output, loss = layer(x, target)
    assert torch.allclose(output, all_of_them[torch.arange(7), target]) and torch.allclose(loss, -output.mean())
    assert torch.equal(layer.predict(x), all_of_them.argmax(1)) and layer(x[0], target[0]).output.shape == ()
    assert [tuple(p.shape) for p in layer.tail.parameters()] == [(8, 16), (6, 8), (4, 16), (10, 4)]
    leaf = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: layer(s, target).loss, (leaf,))
    weight = layer.head.weight.detach().clone()
    layer.reset_parameters()
    assert not torch.equal(weight, layer.head.weight)
    for cutoffs in ([], [5, 3], [0, 4], [4, 20], [4, 4]):
        with pytest.raises(ValueError):
            torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs)
    for bad in (target[:3], torch.tensor([0, 3, 4, 9, 10, 20, 5]), target[None]):
        with pytest.raises((RuntimeError, IndexError)):
            layer(x, bad)

"""The losses of Keras 3: values against NumPy in double precision, gradients against finite differences, names, wrappers."""

import itertools
import math

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.training import losses

rng = np.random.default_rng(4)
N, C, T = 6, 5, 3
EPS = 1e-7


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_hot(labels, classes=C):
    return np.eye(classes)[labels]


LABELS = rng.integers(0, C, N)
ROWS = one_hot(LABELS)
PROBS = softmax(rng.normal(size=(N, C)))
SCORES = rng.normal(size=(N, C)) * 3
REAL, NEAR = rng.normal(size=(N, C)), rng.normal(size=(N, C))
YES = rng.integers(0, 2, (N, C)).astype(float)
UNIT = rng.uniform(size=(N, C))
WEIGHTS = rng.uniform(size=N) + 0.1


def clip(p):
    return np.minimum(np.maximum(p, EPS), 1 - EPS)


def bce(t, p):
    p = clip(p)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def cce(t, p):
    return -(t * np.log(clip(p / p.sum(-1, keepdims=True)))).sum(-1)


def huber(t, p, delta):
    d = np.abs(t - p)
    return np.where(d <= delta, d * d / 2, delta * d - delta * delta / 2).mean(-1)


def unit_length(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


# class, arguments, targets, outputs, values by hand
TABLE = [
    (losses.MeanSquaredError, {}, REAL, NEAR, ((REAL - NEAR) ** 2).mean(-1)),
    (losses.MeanAbsoluteError, {}, REAL, NEAR, np.abs(REAL - NEAR).mean(-1)),
    (losses.MeanAbsolutePercentageError, {}, REAL, NEAR, 100 * (np.abs(REAL - NEAR) / np.maximum(np.abs(REAL), EPS)).mean(-1)),
    (
        losses.MeanSquaredLogarithmicError, {}, REAL, NEAR,
        ((np.log(1 + np.maximum(REAL, EPS)) - np.log(1 + np.maximum(NEAR, EPS))) ** 2).mean(-1),
    ),
    (losses.Huber, {}, REAL, NEAR, huber(REAL, NEAR, 1.0)),
    (losses.Huber, {"delta": 0.3}, REAL, NEAR, huber(REAL, NEAR, 0.3)),
    (losses.SmoothL1, {"beta": 0.3}, REAL, NEAR, huber(REAL, NEAR, 0.3) / 0.3),
    (losses.LogCosh, {}, REAL, NEAR, np.log(np.cosh(NEAR - REAL)).mean(-1)),
    (losses.CosineSimilarity, {}, REAL, NEAR, -(unit_length(REAL) * unit_length(NEAR)).sum(-1)),
    (losses.Hinge, {}, YES, NEAR, np.maximum(1 - (2 * YES - 1) * NEAR, 0).mean(-1)),
    (losses.Hinge, {}, 2 * YES - 1, NEAR, np.maximum(1 - (2 * YES - 1) * NEAR, 0).mean(-1)),
    (losses.SquaredHinge, {}, YES, NEAR, (np.maximum(1 - (2 * YES - 1) * NEAR, 0) ** 2).mean(-1)),
    (
        losses.CategoricalHinge, {}, ROWS, NEAR,
        np.array([max(0, 1 + max([*np.delete(row, k), 0]) - row[k]) for row, k in zip(NEAR, LABELS)]),
    ),
    (losses.KLDivergence, {}, PROBS[::-1].copy(), PROBS, (PROBS[::-1] * np.log(PROBS[::-1] / PROBS)).sum(-1)),
    (losses.Poisson, {}, YES * 3, UNIT, (UNIT - YES * 3 * np.log(UNIT + EPS)).mean(-1)),
    (losses.BinaryCrossentropy, {}, YES, UNIT, bce(YES, UNIT).mean(-1)),
    (losses.BinaryCrossentropy, {"label_smoothing": 0.2}, YES, UNIT, bce(YES * 0.8 + 0.1, UNIT).mean(-1)),
    (losses.BinaryCrossentropy, {"from_logits": True}, YES, SCORES, bce(YES, sigmoid(SCORES)).mean(-1)),
    (losses.BinaryFocalCrossentropy, {}, YES, UNIT, ((1 - np.where(YES == 1, UNIT, 1 - UNIT)) ** 2 * bce(YES, UNIT)).mean(-1)),
    (
        losses.BinaryFocalCrossentropy, {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "from_logits": True}, YES, SCORES,
        (np.where(YES == 1, 0.3, 0.7) * (1 - sigmoid(np.where(YES == 1, 1, -1) * SCORES)) ** 1.5 * bce(YES, sigmoid(SCORES))).mean(-1),
    ),
    (losses.CategoricalCrossentropy, {}, ROWS, PROBS * 2.5, cce(ROWS, PROBS)),  # divided by its sum
    (losses.CategoricalCrossentropy, {"label_smoothing": 0.1}, ROWS, PROBS, cce(ROWS * 0.9 + 0.1 / C, PROBS)),
    (losses.CategoricalCrossentropy, {"from_logits": True}, ROWS, SCORES, cce(ROWS, softmax(SCORES))),
    (
        losses.CategoricalCrossentropy, {"from_logits": True, "label_smoothing": 0.3}, ROWS, SCORES,
        cce(ROWS * 0.7 + 0.3 / C, softmax(SCORES)),
    ),
    (losses.CategoricalCrossentropy, {}, LABELS, PROBS * 2.5, cce(ROWS, PROBS)),  # class numbers: beyond Keras
    (losses.CategoricalCrossentropy, {"label_smoothing": 0.1}, LABELS, PROBS, cce(ROWS * 0.9 + 0.1 / C, PROBS)),
    (losses.CategoricalCrossentropy, {"from_logits": True}, LABELS[:, None], SCORES, cce(ROWS, softmax(SCORES))),
    (losses.SparseCategoricalCrossentropy, {}, LABELS, PROBS * 2.5, cce(ROWS, PROBS)),
    (losses.SparseCategoricalCrossentropy, {}, LABELS[:, None].astype(float), PROBS, cce(ROWS, PROBS)),
    (losses.SparseCategoricalCrossentropy, {"from_logits": True}, LABELS, SCORES, cce(ROWS, softmax(SCORES))),
    (
        losses.CategoricalFocalCrossentropy, {"alpha": 0.4, "gamma": 3.0}, ROWS, PROBS,
        np.array([-0.4 * (1 - row[k]) ** 3 * math.log(row[k]) for row, k in zip(PROBS, LABELS)]),
    ),
    (losses.CategoricalGeneralizedCrossEntropy, {"q": 0.7}, LABELS, PROBS, (1 - PROBS[np.arange(N), LABELS] ** 0.7) / 0.7),
    (losses.Dice, {"axis": 1}, YES, UNIT, 1 - 2 * (YES * UNIT).sum(1) / (YES.sum(1) + UNIT.sum(1) + EPS)),
    (
        losses.Tversky, {"axis": 1, "alpha": 0.2, "beta": 0.7}, YES, UNIT,
        1 - (YES * UNIT).sum(1) / ((YES * UNIT).sum(1) + 0.2 * (YES * (1 - UNIT)).sum(1) + 0.7 * ((1 - YES) * UNIT).sum(1) + EPS),
    ),
]  # fmt: skip
WAYS = list(itertools.product(["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"], [False, True]))


def reduced(values, reduction, weights):
    weighted = values if weights is None else values * weights
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    return weighted.sum() / (weights.sum() if reduction == "mean_with_sample_weight" and weights is not None else len(values))


def of(row):
    return f"{row[0].__name__}{row[1] or ''}"


@pytest.mark.parametrize("row", TABLE, ids=of)
@pytest.mark.parametrize("reduction, weighted", WAYS)
def test_values(row, reduction, weighted):
    kind, options, t, p, values = row
    loss = kind(reduction=reduction, **options)
    weights = WEIGHTS if weighted else None
    got = loss(rustorch.from_numpy(t), rustorch.from_numpy(p), weights)
    np.testing.assert_allclose(got.numpy(), reduced(values, reduction, weights), rtol=1e-9, atol=1e-12)
    if weighted and reduction == "sum_over_batch_size":  # one column of weights, and arrays and lists as well
        assert math.isclose(float(loss(t, p, WEIGHTS[:, None].tolist())), float(got), rel_tol=1e-6)


@pytest.mark.parametrize("row", TABLE, ids=of)
def test_per_sample_and_gradient(row):
    kind, options, t, p, values = row
    loss = kind(**options)
    t, p = rustorch.from_numpy(np.asarray(t)), rustorch.from_numpy(p.copy()).requires_grad_()
    each = loss.per_sample(t, p)
    np.testing.assert_allclose(each.detach().numpy(), values, rtol=1e-9, atol=1e-12)
    assert math.isclose(float(each.mean()), float(loss(t, p)), rel_tol=1e-12)
    assert rustorch.autograd.gradcheck(lambda x: loss(t, x), (p,))
    assert rustorch.autograd.gradcheck(lambda x: loss(t, x, WEIGHTS), (p,))


@pytest.mark.parametrize("row", TABLE, ids=of)
def test_float32_and_half(row):
    kind, options, t, p, values = row
    p = rustorch.from_numpy(p)
    for dtype, tolerance in ((rustorch.float32, 1e-4), (rustorch.bfloat16, 0.2)):
        got = kind(**options)(rustorch.from_numpy(np.asarray(t)), p.to(dtype))
        assert got.dtype == rustorch.float32
        if kind not in (losses.MeanAbsolutePercentageError, losses.Poisson) or dtype == rustorch.float32:
            np.testing.assert_allclose(float(got), values.mean(), rtol=tolerance, atol=tolerance)
    assert kind(dtype="float64", **options)(t, p.float()).dtype == rustorch.float64


def test_functions_are_the_classes_values():
    pairs = {
        "mean_squared_error": losses.MeanSquaredError, "mean_absolute_error": losses.MeanAbsoluteError, "huber": losses.Huber,
        "mean_absolute_percentage_error": losses.MeanAbsolutePercentageError, "log_cosh": losses.LogCosh,
        "mean_squared_logarithmic_error": losses.MeanSquaredLogarithmicError, "cosine_similarity": losses.CosineSimilarity,
    }  # fmt: skip
    for name, kind in pairs.items():
        values = getattr(losses, name)(rustorch.from_numpy(REAL), rustorch.from_numpy(NEAR))
        assert values.shape == (N,)
        assert math.isclose(float(values.mean()), float(kind()(REAL, NEAR)), rel_tol=1e-9)


# ------------------------------------------------------------------------------------------------ clipping


@pytest.mark.parametrize(
    "p, want",
    [
        ([0.0, 1.0], -math.log(EPS)), ([1.0, 0.0], -math.log(1 - EPS)), ([2.0, 2.0], math.log(2)), ([0.0, 0.0], float("nan")),
        ([1e-9, 1.0], -math.log(EPS)), ([3e-7, 0.9999997], -math.log(3e-7)),
    ],
)  # fmt: skip
def test_classes_are_clipped(p, want):
    """The right class is the first."""
    p = np.array([p])
    for loss, t in ((losses.CategoricalCrossentropy(), [[1.0, 0.0]]), (losses.SparseCategoricalCrossentropy(), [0])):
        np.testing.assert_allclose(float(loss(np.array(t), p)), want, rtol=1e-6)


@pytest.mark.parametrize("t, p", list(itertools.product([0.0, 1.0, 0.5], [0.0, 1.0, 1e-8, 0.5, 1 - 1e-8])))
def test_yes_or_no_is_clipped(t, p):
    want = bce(np.array(t), np.array(p))
    np.testing.assert_allclose(float(losses.BinaryCrossentropy()(np.array([[t]]), np.array([[p]]))), want, rtol=1e-7)


@pytest.mark.parametrize("t, p", [(0.0, 1.0), (0.0, 0.0), (1e-9, 1e-9), (-2.0, -1.0)])
def test_denominators_and_logarithms_are_clipped(t, p):
    t_, p_ = np.array([[t]]), np.array([[p]])
    np.testing.assert_allclose(float(losses.MeanAbsolutePercentageError()(t_, p_)), 100 * abs(t - p) / max(abs(t), EPS), rtol=1e-9)
    want = (math.log1p(max(t, EPS)) - math.log1p(max(p, EPS))) ** 2
    np.testing.assert_allclose(float(losses.MeanSquaredLogarithmicError()(t_, p_)), want, rtol=1e-9, atol=1e-20)


def test_divergence_is_clipped():
    t, p = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    want = EPS * math.log(EPS / 1.0) + 1.0 * math.log(1.0 / EPS)
    np.testing.assert_allclose(float(losses.KLDivergence()(t, p)), want, rtol=1e-9)


def test_zero_vectors_have_a_cosine():
    p = rustorch.zeros(2, 3, dtype=rustorch.float64).requires_grad_()
    loss = losses.CosineSimilarity()(np.ones((2, 3)), p)
    loss.backward()
    assert float(loss) == 0 and bool(p.grad.isfinite().all())


def test_large_scores_stay_finite():
    for loss, t in (
        (losses.CategoricalCrossentropy(from_logits=True), [[0.0, 1.0]]), (losses.SparseCategoricalCrossentropy(from_logits=True), [1]),
    ):  # fmt: skip
        assert float(loss(np.array(t), np.array([[1000.0, -1000.0]]))) == 2000
    assert float(losses.BinaryCrossentropy(from_logits=True)(np.array([[1.0]]), np.array([[-1000.0]]))) == 1000
    assert math.isclose(float(losses.LogCosh()(np.array([[0.0]]), np.array([[900.0]]))), 900 - math.log(2))


# ------------------------------------------------------------------------------------------------ axes, masks, weights

STEPS = rng.integers(0, C, (N, T))
STEP_PROBS = softmax(rng.normal(size=(N, T, C)))
STEP_VALUES = -np.log(np.take_along_axis(STEP_PROBS, STEPS[..., None], -1))[..., 0]


def test_class_axis():
    first = np.moveaxis(STEP_PROBS, -1, 1).copy()
    for scale in (1.0, 4.0):
        got = losses.SparseCategoricalCrossentropy(axis=1, reduction="none")(STEPS, first * scale)
        np.testing.assert_allclose(got.numpy(), STEP_VALUES, rtol=1e-12)
        rows = np.moveaxis(one_hot(STEPS), -1, 1)
        got = losses.CategoricalCrossentropy(axis=1, reduction="none")(rows, first * scale)
        np.testing.assert_allclose(got.numpy(), STEP_VALUES, rtol=1e-12)
    for kind, t in ((losses.SparseCategoricalCrossentropy, STEPS), (losses.CategoricalCrossentropy, np.moveaxis(one_hot(STEPS), -1, 1))):
        got = kind(axis=1, from_logits=True, reduction="none")(t, np.log(first))
        np.testing.assert_allclose(got.numpy(), STEP_VALUES, rtol=1e-9)


def test_ignored_class():
    valid = STEPS != 2
    for loss in (losses.SparseCategoricalCrossentropy(ignore_class=2), losses.SparseCategoricalCrossentropy(True, ignore_class=2)):
        outputs = np.log(STEP_PROBS) if loss.from_logits else STEP_PROBS
        assert math.isclose(float(loss(STEPS, outputs)), STEP_VALUES[valid].mean(), rel_tol=1e-9)
        each = loss.per_sample(STEPS, outputs)
        assert math.isclose(float(each.mean()), STEP_VALUES[valid].mean(), rel_tol=1e-9)
        weights = rng.uniform(size=(N, T))
        want = (STEP_VALUES * valid * weights).sum() / valid.sum()
        assert math.isclose(float(loss(STEPS, outputs, weights)), want, rel_tol=1e-9)
    outside = np.where(valid, STEPS, -1)
    got = losses.SparseCategoricalCrossentropy(ignore_class=-1)(outside, STEP_PROBS)
    assert math.isclose(float(got), STEP_VALUES[valid].mean(), rel_tol=1e-9)
    assert float(losses.SparseCategoricalCrossentropy(ignore_class=-1)(np.full((N, T), -1), STEP_PROBS)) == 0


@pytest.mark.parametrize("shape", [(N, T), (N, T, 1), (N,), (N, 1), ()])
def test_weights_of_shapes(shape):
    """Weights of fewer dimensions belong to the first ones."""
    weights = rng.uniform(size=shape)
    squeezed = weights[..., 0] if len(shape) == 3 else weights
    full = squeezed.reshape(squeezed.shape + (1,) * (2 - squeezed.ndim))
    got = losses.SparseCategoricalCrossentropy()(STEPS, STEP_PROBS, weights)
    assert math.isclose(float(got), (STEP_VALUES * full).sum() / STEP_VALUES.size, rel_tol=1e-9)


@pytest.mark.parametrize("shape", [(N, T), (N,), (N, 1)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_masks_of_shapes(shape, reduction):
    """The mean is over what the mask leaves; a sum just leaves the rest out."""
    mask = rng.integers(0, 2, shape).astype(bool)
    mask.flat[0] = True
    full = np.broadcast_to(mask.reshape(mask.shape + (1,) * (2 - mask.ndim)), (N, T))
    values = (STEP_VALUES * full).sum()
    got = losses.SparseCategoricalCrossentropy(reduction=reduction)(STEPS, STEP_PROBS, mask=mask)
    assert math.isclose(float(got), values / full.sum() if reduction == "mean" else values, rel_tol=1e-9)
    weights = rng.uniform(size=N)
    got = losses.SparseCategoricalCrossentropy(reduction=reduction)(STEPS, STEP_PROBS, weights, mask)
    values = (STEP_VALUES * full * weights[:, None]).sum()
    assert math.isclose(float(got), values / full.sum() if reduction == "mean" else values, rel_tol=1e-9)


@pytest.mark.parametrize("t, p", [((N,), (N, 1)), ((N, 1), (N,)), ((N,), (N,)), ((N, T, 1), (N, T)), ((N, T), (N, T, 1))])
def test_a_last_dimension_of_one_is_no_matter(t, p):
    a, b = rng.normal(size=t), rng.normal(size=p)
    want = ((a.reshape(-1) - b.reshape(-1)) ** 2).mean()
    assert math.isclose(float(losses.MeanSquaredError()(a, b)), want, rel_tol=1e-12)
    weights = rng.uniform(size=N)
    each = ((a.reshape(N, -1) - b.reshape(N, -1)) ** 2).mean(1)
    assert math.isclose(float(losses.MeanSquaredError()(a, b, weights)), (each * weights).mean(), rel_tol=1e-12)


def test_a_loss_of_the_whole_batch():
    want = 1 - 2 * (YES * UNIT).sum() / (YES.sum() + UNIT.sum() + EPS)
    loss = losses.Dice()
    assert math.isclose(float(loss(YES, UNIT)), want, rel_tol=1e-12)
    assert math.isclose(float(loss(YES, UNIT, WEIGHTS)), want * WEIGHTS.mean(), rel_tol=1e-12)
    np.testing.assert_allclose(loss.per_sample(YES, UNIT).numpy(), [want] * N)


def test_no_label_is_silently_left_out():
    """-100 is what PyTorch ignores."""
    for loss, outputs in ((losses.SparseCategoricalCrossentropy(from_logits=True), SCORES), (losses.CategoricalCrossentropy(), PROBS)):
        with pytest.raises(IndexError, match="labels go from -100 to"):
            loss(np.where(LABELS == LABELS[0], -100, LABELS), outputs)


def test_no_samples():
    for kind in (losses.MeanSquaredError, losses.BinaryCrossentropy):
        assert float(kind()(np.zeros((0, 2)), np.zeros((0, 2)))) == 0
    assert float(losses.SparseCategoricalCrossentropy()(np.zeros(0, int), np.zeros((0, 2)))) == 0


def ctc_by_paths(labels, probabilities):
    """−log of the sum over all paths that collapse to the labels."""
    total = 0.0
    for path in itertools.product(range(probabilities.shape[1]), repeat=len(probabilities)):
        collapsed = [k for k, _ in itertools.groupby(path) if k]
        if collapsed == list(labels):
            total += math.prod(probabilities[i, k] for i, k in enumerate(path))
    return -math.log(total)


def test_ctc():
    scores = rng.normal(size=(2, 4, 3))
    labels = np.array([[1, 2], [2, 0]])  # filled up with 0
    want = [ctc_by_paths([1, 2], softmax(scores[0])), ctc_by_paths([2], softmax(scores[1]))]
    np.testing.assert_allclose(losses.CTC(reduction="none")(labels, scores).numpy(), want, rtol=1e-9)


def test_circle():
    x = unit_length(rng.normal(size=(N, 4)))
    t = np.array([0, 0, 1, 1, 1, 2])
    want = []
    for i in range(N):
        distance = np.maximum(1 - x[i] @ x.T, 0)
        near = [-5.0 * max(0.2 + d, 0) * (0.2 - d) for j, d in enumerate(distance) if t[j] == t[i] and j != i]
        far = [5.0 * max(1.2 - d, 0) * (0.8 - d) for j, d in enumerate(distance) if t[j] != t[i]]
        want.append(math.log1p(sum(map(math.exp, near)) * sum(map(math.exp, far))) if near and far else 0.0)
    p = rustorch.from_numpy(x.copy()).requires_grad_()
    loss = losses.Circle(gamma=5.0, margin=0.2)(t, p)
    assert math.isclose(float(loss), sum(want) / 5, rel_tol=1e-9)  # the last one is alone in its class
    loss.backward()
    assert bool(p.grad.isfinite().all())


# ------------------------------------------------------------------------------------------------ names and wrappers


@pytest.mark.parametrize(
    "kind, names",
    [
        (losses.MeanSquaredError, ["mse", "MSE", "mean_squared_error", "MeanSquaredError", "mean squared error", "mse_loss"]),
        (losses.MeanAbsoluteError, ["mae", "l1", "L1Loss", "mean_absolute_error"]),
        (losses.MeanAbsolutePercentageError, ["mape", "MAPE"]),
        (losses.MeanSquaredLogarithmicError, ["msle"]),
        (losses.Huber, ["huber", "Huber", "huber_loss"]),
        (losses.SmoothL1, ["smooth_l1", "SmoothL1Loss"]),
        (losses.LogCosh, ["log_cosh", "logcosh", "LogCosh"]),
        (losses.KLDivergence, ["kl_divergence", "kld", "KLD", "kullback_leibler_divergence", "KLDivergence"]),
        (losses.BinaryCrossentropy, ["binary_crossentropy", "bce", "BCE", "BCELoss", "binary_cross_entropy"]),
        (losses.CategoricalCrossentropy, ["categorical_crossentropy", "CategoricalCrossentropy", "categorical_cross_entropy"]),
        (losses.SparseCategoricalCrossentropy, ["sparse_categorical_crossentropy", "Sparse-Categorical-Crossentropy"]),
        (losses.Hinge, ["hinge"]),
        (losses.CosineSimilarity, ["cosine_similarity", "cosine"]),
        (losses.TorchLoss, ["cross_entropy", "CrossEntropyLoss", "bce_with_logits", "BCEWithLogitsLoss", "nll", "NLLLoss"]),
    ],
)  # fmt: skip
def test_names(kind, names):
    for name in names:
        assert type(losses.get(name)) is kind, name


def test_every_name_is_found():
    for name in losses.names():
        assert isinstance(losses.get(name), losses.Loss)
    for name in losses.__all__:
        kind = getattr(losses, name)
        if isinstance(kind, type) and issubclass(kind, losses.FunctionLoss) and kind not in (losses.FunctionLoss,):
            assert type(losses.get(name)) is kind


def test_arguments_in_text_and_dictionaries():
    assert losses.get("huber(delta=2.5)").delta == 2.5
    assert losses.get("categorical_crossentropy(from_logits=True, label_smoothing=0.1)").from_logits
    assert losses.get({"class_name": "Huber", "config": {"delta": 3.0}}).delta == 3.0
    assert losses.get({"name": "tversky", "alpha": 0.3}).alpha == 0.3
    for given in ("huber(delta=2.5)", "mse", "crossentropy", "cross_entropy", "nll", nn.CrossEntropyLoss(label_smoothing=0.1)):
        loss = losses.get(given)
        again = losses.get(losses.serialize(loss))
        assert type(again) is type(loss) and repr(again) == repr(loss)
    assert losses.get(losses.serialize(losses.get(nn.HuberLoss(delta=3.0)))).criterion.delta == 3.0


def test_crossentropy_goes_by_the_shapes():
    loss = losses.get("crossentropy")
    assert math.isclose(float(loss(rustorch.from_numpy(LABELS), rustorch.from_numpy(PROBS))), cce(ROWS, PROBS).mean(), rel_tol=1e-9)
    got = losses.get("ce")(rustorch.from_numpy(ROWS), rustorch.from_numpy(PROBS))
    assert math.isclose(float(got), cce(ROWS, PROBS).mean(), rel_tol=1e-9)
    got = losses.get("crossentropy")(rustorch.from_numpy(YES[:, :1]), rustorch.from_numpy(UNIT[:, :1]))
    assert math.isclose(float(got), bce(YES[:, :1], UNIT[:, :1]).mean(), rel_tol=1e-9)


def test_torch_criteria_get_their_order():
    t, p = rustorch.from_numpy(LABELS), rustorch.from_numpy(SCORES)
    values = cce(ROWS, softmax(SCORES))
    for given in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss, rustorch.nn.functional.cross_entropy, "cross_entropy"):
        loss = losses.get(given)
        assert loss.from_logits
        assert math.isclose(float(loss(t, p)), values.mean(), rel_tol=1e-9)
        assert math.isclose(float(loss(t, p, WEIGHTS)), (values * WEIGHTS).mean(), rel_tol=1e-9)
        np.testing.assert_allclose(loss.per_sample(t, p).numpy(), values, rtol=1e-9)
    weight = rustorch.tensor([1.0, 2, 3, 4, 5], dtype=rustorch.float64)
    picked = weight.numpy()[LABELS]
    got = losses.get(nn.CrossEntropyLoss(weight=weight))(t.to(rustorch.float32), p)  # numbers as floats are taken too
    assert math.isclose(float(got), (values * picked).sum() / picked.sum(), rel_tol=1e-9)
    kl = losses.get(nn.KLDivLoss(reduction="batchmean"))
    got = kl(rustorch.from_numpy(PROBS[::-1].copy()), rustorch.from_numpy(np.log(PROBS)))
    assert math.isclose(float(got), (PROBS[::-1] * np.log(PROBS[::-1] / PROBS)).sum() / N, rel_tol=1e-9)
    # (N,) against (N, 1): one by one, where PyTorch would broadcast to (N, N)
    a, b = rng.normal(size=N), rng.normal(size=(N, 1))
    assert math.isclose(float(losses.get(nn.MSELoss())(rustorch.from_numpy(a), rustorch.from_numpy(b))), ((a - b[:, 0]) ** 2).mean())
    got = losses.get(nn.BCEWithLogitsLoss())(rustorch.from_numpy(YES[:, 0].astype(int)), rustorch.from_numpy(b))
    assert math.isclose(float(got), bce(YES[:, :1], sigmoid(b)).mean(), rel_tol=1e-9)


def test_functions_of_ones_own():
    t, p = rustorch.from_numpy(REAL), rustorch.from_numpy(NEAR)

    def cubed(y_true, y_pred):
        return (y_true - y_pred).abs().pow(3)

    loss = losses.get(cubed)
    assert loss.name == "cubed"
    assert math.isclose(float(loss(t, p)), (np.abs(REAL - NEAR) ** 3).mean(), rel_tol=1e-12)
    assert math.isclose(float(loss(t, p, WEIGHTS)), (np.abs(REAL - NEAR) ** 3 * WEIGHTS[:, None]).mean(), rel_tol=1e-12)
    assert float(losses.get(lambda y_true, y_pred: cubed(y_true, y_pred).sum())(t, p)) > 0
    assert losses.get(losses.huber).name == "huber_loss"

    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred).square().mean(-1) * 2

    for given in (Mine, Mine()):
        assert math.isclose(float(losses.get(given)(t, p)), 2 * ((REAL - NEAR) ** 2).mean(), rel_tol=1e-12)
    with pytest.raises(NotImplementedError, match="write its call"):
        losses.Loss()(t, p)


def test_the_same_loss_from_scores():
    """with_logits: what fit uses where the model ends in the activation."""
    for loss, t, activation in (
        (losses.CategoricalCrossentropy(label_smoothing=0.1), ROWS, softmax), (losses.CategoricalCrossentropy(), LABELS, softmax),
        (losses.SparseCategoricalCrossentropy(ignore_class=0), LABELS, softmax),
        (losses.BinaryCrossentropy(label_smoothing=0.2), YES, sigmoid),
    ):  # fmt: skip
        other = loss.with_logits()
        assert other.from_logits and not loss.from_logits and other.with_logits() is None
        assert loss.activation == activation.__name__
        assert math.isclose(float(other(t, SCORES)), float(loss(t, activation(SCORES))), rel_tol=1e-6)
    assert losses.MeanSquaredError().with_logits() is None


def test_second_derivatives():
    p = rustorch.from_numpy(SCORES[:2, :3].copy()).requires_grad_()
    t = rustorch.from_numpy(one_hot(np.array([0, 2]), 3))
    for loss in (losses.CategoricalCrossentropy(from_logits=True), losses.MeanSquaredError(), losses.BinaryCrossentropy(from_logits=True)):
        assert rustorch.autograd.gradgradcheck(lambda x: loss(t, x), (p,))

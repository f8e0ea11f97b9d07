"""The metrics of Keras 3: values against loops in double precision, over several batches; names; states."""

import math

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.training import losses, metrics

rng = np.random.default_rng(5)
N, C, T = 12, 4, 3
EPS = 1e-7


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def one_hot(labels, classes=C):
    return np.eye(classes)[labels]


LABELS = rng.integers(0, C, N)
ROWS = one_hot(LABELS)
PROBS = softmax(rng.normal(size=(N, C)))
STEPS, STEP_PROBS = rng.integers(0, C, (N, T)), softmax(rng.normal(size=(N, T, C)))
YES = rng.integers(0, 2, (N, C)).astype(float)
UNIT = np.round(rng.uniform(size=(N, C)), 2)
REAL, NEAR = rng.normal(size=(N, C)), rng.normal(size=(N, C))
WEIGHTS = rng.uniform(size=N) + 0.1


def run(metric, t, p, weights=None, parts=3):
    """The result after several batches."""
    for rows in np.array_split(np.arange(len(p)), parts):
        w = None if weights is None else rustorch.from_numpy(weights[rows])
        metric.update_state(rustorch.from_numpy(np.asarray(t)[rows]), rustorch.from_numpy(p[rows]), w)
    return metric.result()


def mean(values, weights):
    """Over samples, of the mean over the rest."""
    each = np.array([np.mean(value) for value in values])
    return float((each * weights).sum() / weights.sum()) if weights is not None else float(each.mean())


def rank_of(label, row):
    """How many outputs are larger than the label's."""
    return sum(value > row[label] for value in row)


def clip(p):
    return np.minimum(np.maximum(p, EPS), 1 - EPS)


MEANS = [
    (metrics.Accuracy(), LABELS, np.roll(LABELS, 1), lambda t, p: float(t == p)),
    (metrics.BinaryAccuracy(), YES, UNIT, lambda t, p: (t == (p > 0.5))),
    (metrics.BinaryAccuracy(threshold=0.2), YES, UNIT, lambda t, p: (t == (p > 0.2))),
    (metrics.CategoricalAccuracy(), ROWS, PROBS, lambda t, p: t.argmax() == p.argmax()),
    (metrics.SparseCategoricalAccuracy(), LABELS, PROBS, lambda t, p: t == p.argmax()),
    (metrics.SparseCategoricalAccuracy(), LABELS[:, None].astype(float), PROBS, lambda t, p: t[0] == p.argmax()),
    (metrics.SparseCategoricalAccuracy(), STEPS, STEP_PROBS, lambda t, p: t == p.argmax(-1)),
    (metrics.CategoricalAccuracy(), one_hot(STEPS), STEP_PROBS, lambda t, p: t.argmax(-1) == p.argmax(-1)),
    (metrics.TopKCategoricalAccuracy(k=2), ROWS, PROBS, lambda t, p: rank_of(t.argmax(), p) < 2),
    (metrics.SparseTopKCategoricalAccuracy(k=3), LABELS, PROBS, lambda t, p: rank_of(t, p) < 3),
    (metrics.SparseTopKCategoricalAccuracy(k=2), STEPS, STEP_PROBS, lambda t, p: [rank_of(a, b) < 2 for a, b in zip(t, p)]),
    (
        metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), LABELS, PROBS.argsort(-1)[:, ::-1].copy(),
        lambda t, p: t in list(p[:2]),
    ),
    (metrics.MeanSquaredError(), REAL, NEAR, lambda t, p: (t - p) ** 2),
    (metrics.MeanAbsoluteError(), REAL[:, 0], NEAR[:, :1], lambda t, p: abs(t - p)),
    (metrics.MeanAbsolutePercentageError(), REAL, NEAR, lambda t, p: 100 * abs((t - p) / t)),
    (metrics.MeanSquaredLogarithmicError(), YES, UNIT, lambda t, p: (np.log1p(np.maximum(t, EPS)) - np.log1p(np.maximum(p, EPS))) ** 2),
    (metrics.LogCoshError(), REAL, NEAR, lambda t, p: np.log(np.cosh(p - t))),
    (metrics.CosineSimilarity(), REAL, NEAR, lambda t, p: t @ p / math.sqrt((t @ t) * (p @ p))),
    (metrics.PearsonCorrelation(), REAL, NEAR, lambda t, p: np.corrcoef(t, p)[0, 1]),
    (
        metrics.ConcordanceCorrelation(), REAL, NEAR,
        lambda t, p: 2 * np.cov(t, p, bias=True)[0, 1] / (t.var() + p.var() + (t.mean() - p.mean()) ** 2 + EPS),
    ),
    (metrics.KLDivergence(), PROBS[::-1].copy(), PROBS, lambda t, p: (t * np.log(t / p)).sum()),
    (metrics.Poisson(), YES, UNIT + 0.1, lambda t, p: p - t * np.log(p + EPS)),
    (metrics.Hinge(), YES, NEAR, lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0)),
    (metrics.SquaredHinge(), YES, NEAR, lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0) ** 2),
    (metrics.CategoricalHinge(), ROWS, NEAR, lambda t, p: max(0, 1 + max([*p[t == 0], 0]) - p[t == 1][0])),
    (metrics.BinaryCrossentropy(), YES, UNIT, lambda t, p: -(t * np.log(clip(p)) + (1 - t) * np.log(1 - clip(p)))),
    (
        metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), YES, NEAR,
        lambda t, p: np.log1p(np.exp(p)) - (0.8 * t + 0.1) * p,
    ),
    (metrics.CategoricalCrossentropy(), ROWS, PROBS, lambda t, p: -np.log(p[t == 1])),
    (metrics.SparseCategoricalCrossentropy(from_logits=True), LABELS, NEAR, lambda t, p: -np.log(softmax(p)[t])),
]  # fmt: skip


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("row", MEANS, ids=lambda row: repr(row[0]))
def test_means(row, weights):
    metric, t, p, value = row
    want = mean([value(a, b) for a, b in zip(t, p)], weights)
    metric.reset_state()
    assert math.isclose(run(metric, t, p, weights), want, rel_tol=1e-6, abs_tol=1e-9)
    metric.reset_state()
    assert math.isclose(run(metric, t, p, weights, parts=1), want, rel_tol=1e-6, abs_tol=1e-9)


def test_root():
    for weights in (None, WEIGHTS):
        want = math.sqrt(mean((REAL - NEAR) ** 2, weights))
        assert math.isclose(run(metrics.RootMeanSquaredError(), REAL, NEAR, weights), want, rel_tol=1e-12)


def test_weights_of_time_steps():
    """Weights (N, T): the weighted sum over the mean weight of each sample, as Keras has it."""
    w = rng.uniform(size=(N, T))
    right = STEPS == STEP_PROBS.argmax(-1)
    want = (right * w).mean(1).sum() / w.mean(1).sum()
    assert math.isclose(run(metrics.SparseCategoricalAccuracy(), STEPS, STEP_PROBS, w), want, rel_tol=1e-12)


def test_ignored_class_counts_for_nothing():
    values = -np.log(np.take_along_axis(PROBS, LABELS[:, None], 1))[:, 0]
    valid = LABELS != 1
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    assert math.isclose(run(metric, LABELS, PROBS), values[valid].mean(), rel_tol=1e-9)
    metric.reset_state()
    assert math.isclose(run(metric, LABELS, PROBS, WEIGHTS), np.average(values[valid], weights=WEIGHTS[valid]), rel_tol=1e-9)


# ------------------------------------------------------------------------------------------------ counts


def counts(t, p, threshold, weights, chosen=None):
    """tp, fp, tn, fn by a loop; ``chosen`` says which elements may be yes at all."""
    tp = fp = tn = fn = 0.0
    for i, j in np.ndindex(p.shape):
        w = 1.0 if weights is None else weights[i]
        yes = p[i, j] > threshold and (chosen is None or chosen[i, j])
        if t[i, j]:
            tp, fn = tp + w * yes, fn + w * (not yes)
        else:
            fp, tn = fp + w * yes, tn + w * (not yes)
    return tp, fp, tn, fn


def share(a, b):
    return a / b if b else 0.0


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("thresholds", [0.5, 0.0, 1.0, [0.3, 0.7], [0.9, 0.1, 0.5], [i / 10 for i in range(11)]])
def test_counts_over_thresholds(thresholds, weights):
    several = thresholds if isinstance(thresholds, list) else [thresholds]
    found = [counts(YES, UNIT, each, weights) for each in several]
    for i, kind in enumerate((metrics.TruePositives, metrics.FalsePositives, metrics.TrueNegatives, metrics.FalseNegatives)):
        want = [each[i] for each in found]
        np.testing.assert_allclose(run(kind(thresholds), YES, UNIT, weights), want if len(several) > 1 else want[0])
    precision = [share(tp, tp + fp) for tp, fp, _, _ in found]
    recall = [share(tp, tp + fn) for tp, _, _, fn in found]
    for kind, want in ((metrics.Precision, precision), (metrics.Recall, recall)):
        got = run(kind(thresholds), YES, UNIT, weights)
        np.testing.assert_allclose(got, want if len(several) > 1 else want[0], rtol=1e-12)
        assert isinstance(got, float) == (len(several) == 1)


def test_a_threshold_is_not_exceeded_by_itself_in_any_precision():
    for dtype in (rustorch.float32, rustorch.float64):
        p = rustorch.tensor([0.1, 0.2, 0.3, 0.7], dtype=dtype)
        for each in p.tolist():
            each = round(each, 3)
            assert metrics.TruePositives(each)(rustorch.ones(4), p) == sum(round(x, 3) > each for x in p.tolist())


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("class_id", [None, 2])
@pytest.mark.parametrize("threshold", [None, 0.4])
def test_top_k_and_class(k, class_id, threshold, weights):
    p = PROBS
    chosen = np.array([[rank_of(j, row) < k for j in range(C)] for row in p])
    columns = slice(None) if class_id is None else slice(class_id, class_id + 1)
    found = counts(YES[:, columns], p[:, columns], -1 if threshold is None else threshold, weights, chosen[:, columns])
    options = {"top_k": k, "class_id": class_id, "thresholds": threshold}
    assert math.isclose(run(metrics.Precision(**options), YES, p, weights), share(found[0], found[0] + found[1]), abs_tol=1e-12)
    assert math.isclose(run(metrics.Recall(**options), YES, p, weights), share(found[0], found[0] + found[3]), abs_tol=1e-12)


def test_class_numbers_for_counts():
    """Beyond Keras: labels need not be one-hot."""
    for kind in (metrics.Precision, metrics.Recall, metrics.AUC, metrics.F1Score):
        np.testing.assert_allclose(run(kind(), LABELS, PROBS), run(kind(), ROWS, PROBS))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("n", [1, 2, 11, 200])
def test_points_of_the_curves(n, weights):
    thresholds = [0.5] if n == 1 else [i / (n - 1) for i in range(n)]
    points = []
    for each in thresholds:
        tp, fp, tn, fn = counts(YES, UNIT, each, weights)
        points.append((share(tp, tp + fn), share(tn, tn + fp), share(tp, tp + fp)))
    for kind, least, wanted in (
        (metrics.SensitivityAtSpecificity, 1, 0), (metrics.SpecificityAtSensitivity, 0, 1), (metrics.PrecisionAtRecall, 0, 2),
        (metrics.RecallAtPrecision, 2, 0),
    ):  # fmt: skip
        want = max([point[wanted] for point in points if point[least] >= 0.4], default=0.0)
        assert math.isclose(run(kind(0.4, num_thresholds=n), YES, UNIT, weights), want, rel_tol=1e-9)


# ------------------------------------------------------------------------------------------------ areas


def area(t, p, thresholds, curve, method, weights):
    points = [counts(t, p, each, weights) for each in thresholds]
    total = 0.0
    for (tp, fp, tn, fn), (tp2, fp2, tn2, fn2) in zip(points, points[1:]):
        if curve == "PR" and method == "interpolation":
            growth, positives, positives2 = tp - tp2, tp + fp, tp2 + fp2
            slope = share(growth, positives - positives2)
            at0 = tp2 - slope * positives2
            ratio = positives / positives2 if positives > 0 and positives2 > 0 else 1.0
            total += share(slope * (growth + at0 * math.log(ratio)), tp2 + fn2)
            continue
        if curve == "ROC":
            x, x2, y, y2 = share(fp, fp + tn), share(fp2, fp2 + tn2), share(tp, tp + fn), share(tp2, tp2 + fn2)
        else:
            x, x2, y, y2 = share(tp, tp + fn), share(tp2, tp2 + fn2), share(tp, tp + fp), share(tp2, tp2 + fp2)
        total += (x - x2) * {"interpolation": (y + y2) / 2, "minoring": min(y, y2), "majoring": max(y, y2)}[method]
    return total


def auc_thresholds(n):
    return [-EPS, *[i / (n - 1) for i in range(1, n - 1)], 1 + EPS]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("method", ["interpolation", "minoring", "majoring"])
@pytest.mark.parametrize("curve", ["ROC", "PR"])
@pytest.mark.parametrize("n", [2, 3, 200])
def test_area(curve, method, n, weights):
    got = run(metrics.AUC(n, curve, method), YES, UNIT, weights)
    assert math.isclose(got, area(YES, UNIT, auc_thresholds(n), curve, method, weights), rel_tol=1e-9, abs_tol=1e-12)


def test_area_of_labels():
    for curve in ("ROC", "PR"):
        each = [area(YES[:, j : j + 1], UNIT[:, j : j + 1], auc_thresholds(200), curve, "interpolation", None) for j in range(C)]
        assert math.isclose(run(metrics.AUC(curve=curve, multi_label=True), YES, UNIT), np.mean(each), rel_tol=1e-9)
        weights = [1.0, 2.0, 0.0, 4.0]
        got = run(metrics.AUC(curve=curve, multi_label=True, num_labels=C, label_weights=weights), YES, UNIT)
        assert math.isclose(got, np.average(each, weights=weights), rel_tol=1e-9)


def test_area_from_scores_and_at_thresholds_given():
    p = 1 / (1 + np.exp(-NEAR))
    assert math.isclose(run(metrics.AUC(from_logits=True), YES, NEAR), run(metrics.AUC(), YES, p), rel_tol=1e-12)
    want = area(YES, UNIT, [-EPS, 0.25, 0.6, 1 + EPS], "ROC", "interpolation", None)
    assert math.isclose(run(metrics.AUC(thresholds=[0.6, 0.25]), YES, UNIT), want, rel_tol=1e-12)
    assert metrics.AUC(3).thresholds == [-EPS, 0.5, 1 + EPS]


def test_a_perfect_and_a_useless_order():
    t = np.array([0.0, 0, 1, 1])
    assert metrics.AUC()(t, np.array([0.1, 0.2, 0.8, 0.9])) == pytest.approx(1.0)
    assert metrics.AUC()(t, np.array([0.9, 0.8, 0.2, 0.1])) == pytest.approx(0.0)
    assert metrics.AUC()(t, np.array([0.5, 0.5, 0.5, 0.5])) == pytest.approx(0.5)
    assert metrics.AUC(curve="PRGAIN")(t, np.array([0.1, 0.2, 0.8, 0.9])) == pytest.approx(1.0, abs=1e-6)


# ------------------------------------------------------------------------------------------------ F, R², IoU


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("threshold", [None, 0.3])
def test_f_scores(average, beta, threshold, weights):
    t, p = (ROWS, PROBS) if threshold is None else (YES, UNIT)
    yes = p == p.max(-1, keepdims=True) if threshold is None else p > threshold
    w = np.ones(N) if weights is None else weights
    found = np.array([[sum(w * x) for x in (a & b, ~a & b, a & ~b)] for a, b in zip(t.T == 1, yes.T)])  # tp, fp, fn of a class
    if average == "micro":
        found = found.sum(0, keepdims=True)
    scores = np.array([share((1 + beta**2) * tp, (1 + beta**2) * tp + beta**2 * fn + fp) for tp, fp, fn in found])
    if average == "weighted":
        want = np.average(scores, weights=found[:, 0] + found[:, 2])
    else:
        want = scores if average is None else scores.mean()
    got = run(metrics.FBetaScore(average, beta, threshold), t, p, weights)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)  # 1e-7 in Keras's denominators
    if beta == 1.0:
        np.testing.assert_array_equal(run(metrics.F1Score(average, threshold), t, p, weights), got)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_determination(weights):
    w = (np.ones(N) if weights is None else weights)[:, None]
    centre = (REAL * w).sum(0) / w.sum()
    spread = (w * (REAL - centre) ** 2).sum(0)
    scores = 1 - (w * (REAL - NEAR) ** 2).sum(0) / spread
    np.testing.assert_allclose(run(metrics.R2Score(None), REAL, NEAR, weights), scores, rtol=1e-9)
    assert math.isclose(run(metrics.R2Score(), REAL, NEAR, weights), scores.mean(), rel_tol=1e-9)
    got = run(metrics.R2Score("variance_weighted_average"), REAL, NEAR, weights)
    assert math.isclose(got, np.average(scores, weights=spread), rel_tol=1e-9)
    got = run(metrics.R2Score(num_regressors=3), REAL[:, 0], NEAR[:, :1], weights)
    assert math.isclose(got, 1 - (1 - scores[0]) * (N - 1) / (N - 4), rel_tol=1e-9)


def iou(t, p, classes, weights=None):
    w = np.ones(len(t)) if weights is None else weights
    each = [share(sum(w * ((t == k) & (p == k))), sum(w * (t == k)) + sum(w * (p == k)) - sum(w * ((t == k) & (p == k)))) for k in classes]
    seen = [k for k in classes if (t == k).any() or (p == k).any()]
    return sum(each) / len(seen)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_intersection_over_union(weights):
    guess = PROBS.argmax(-1)
    close = {"rel_tol": 1e-6}
    assert math.isclose(run(metrics.IoU(C, [0, 2]), LABELS, guess, weights), iou(LABELS, guess, [0, 2], weights), **close)
    assert math.isclose(run(metrics.MeanIoU(C), LABELS, guess, weights), iou(LABELS, guess, range(C), weights), **close)
    assert math.isclose(run(metrics.MeanIoU(C + 2), LABELS, guess, weights), iou(LABELS, guess, range(C), weights), **close)
    assert math.isclose(run(metrics.OneHotIoU(C, [1]), ROWS, PROBS, weights), iou(LABELS, guess, [1], weights), **close)
    assert math.isclose(run(metrics.OneHotMeanIoU(C), ROWS, PROBS, weights), iou(LABELS, guess, range(C), weights), **close)
    got = run(metrics.MeanIoU(C, sparse_y_pred=False), LABELS, PROBS, weights)
    assert math.isclose(got, iou(LABELS, guess, range(C), weights), **close)
    yes = (UNIT[:, 0] >= 0.4).astype(int)
    got = run(metrics.BinaryIoU(threshold=0.4), YES[:, 0], UNIT[:, 0], weights)
    assert math.isclose(got, iou(YES[:, 0], yes, [0, 1], weights), **close)
    keep = LABELS != 1
    left = iou(LABELS[keep], guess[keep], range(C), None if weights is None else weights[keep])
    assert math.isclose(run(metrics.MeanIoU(C, ignore_class=1), LABELS, guess, weights), left, **close)
    outside = np.where(keep, LABELS, 255)  # what is no class counts for nothing
    assert math.isclose(run(metrics.MeanIoU(C), outside, guess, weights), left, **close)


def test_confusion_matrix():
    guess = PROBS.argmax(-1)
    want = np.array([[sum((LABELS == i) & (guess == j)) for j in range(C)] for i in range(C)])
    for t, p in ((LABELS, guess), (ROWS, PROBS), (LABELS, PROBS), (LABELS.astype(float), guess)):
        got = metrics.confusion_matrix(rustorch.from_numpy(t), rustorch.from_numpy(p))
        assert got.dtype == rustorch.int64
        np.testing.assert_array_equal(got.numpy(), want)
    rows = want / np.maximum(want.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(metrics.confusion_matrix(LABELS, guess, normalize="true").numpy(), rows)
    np.testing.assert_allclose(metrics.confusion_matrix(LABELS, guess, normalize="all").numpy(), want / N)
    weighted = metrics.confusion_matrix(LABELS, guess, sample_weight=WEIGHTS)
    assert math.isclose(float(weighted.sum()), WEIGHTS.sum(), rel_tol=1e-12)
    assert metrics.confusion_matrix([0, 1], [1, 1], num_classes=3).shape == (3, 3)


def test_functions_of_predictions():
    guess = PROBS.argmax(-1)
    assert metrics.accuracy(LABELS, guess) == metrics.accuracy(LABELS, PROBS) == metrics.accuracy(ROWS, PROBS) == np.mean(LABELS == guess)
    assert metrics.accuracy(rustorch.tensor([1.0, 0.0]), rustorch.tensor([0.7, 0.6])) == 0.5
    by_hand = [share(2 * sum((LABELS == k) & (guess == k)), sum(LABELS == k) + sum(guess == k)) for k in range(C)]
    np.testing.assert_allclose(metrics.f1_score(LABELS, guess, average=None), by_hand, atol=1e-6)
    assert metrics.f1_score(ROWS, PROBS) == pytest.approx(np.mean(by_hand), abs=1e-6)


# ------------------------------------------------------------------------------------------------ accuracy by its name


@pytest.mark.parametrize(
    "t, p, want",
    [
        ([1.0, 0.0, 1.0], [[0.6], [0.6], [0.4]], 1 / 3),  # one output: binary
        ([[1], [0], [1]], [[0.6], [0.4], [0.7]], 1.0),
        ([2, 0, 1], [[0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1]], 2 / 3),  # labels of fewer dimensions: class numbers
        ([[2], [0], [1]], [[0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1]], 2 / 3),  # 1 in place of the classes
        ([[0, 0, 1], [1, 0, 0]], [[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]], 0.5),  # else: one-hot
        ([[1, 0, 1], [0, 1, 0]], [[0.9, 0.1, 0.8], [0.2, 0.9, 0.1]], 1.0),  # also of several labels, as Keras has it
        ([[0, 1], [1, 1]], [[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]], 0.75),
        ([1.0, 0.0], [0.7, 0.6], 0.5),  # a vector of outputs: binary
    ],
)  # fmt: skip
def test_accuracy_goes_by_the_shapes(t, p, want):
    for name in ("accuracy", "acc", "Accuracy", "ACC"):
        metric = metrics.get(name, loss="mse")
        assert metric.name == name and metric.direction == "up"
        assert metric(rustorch.tensor(t), rustorch.tensor(p)) == pytest.approx(want)


def test_accuracy_of_scores():
    """A yes-or-no output without a sigmoid is yes above 0: its probability is above ½."""
    t, p = rustorch.tensor([1.0, 0.0, 1.0, 0.0]), rustorch.tensor([[0.3], [-2.0], [0.8], [0.2]])
    for loss in (losses.BinaryCrossentropy(from_logits=True), nn.BCEWithLogitsLoss(), "bce_with_logits"):
        assert metrics.get("accuracy", loss=loss)(t, p) == 0.75
    assert metrics.get("accuracy")(t, p) == sum((p[:, 0] > 0.5).float() == t).item() / 4


def test_top_k_goes_by_the_shapes():
    for t in (LABELS, ROWS):
        want = np.mean([rank_of(label, row) < 2 for label, row in zip(LABELS, PROBS)])
        assert run(metrics.get("top_k_accuracy(k=2)"), t, PROBS) == pytest.approx(want)
    assert metrics.get("top_k_accuracy").k == 5


def test_ties_are_within_the_top():
    p = np.array([[0.25, 0.25, 0.25, 0.25]])
    assert metrics.SparseTopKCategoricalAccuracy(k=1)([3], p) == 1.0
    assert metrics.SparseTopKCategoricalAccuracy(k=1)([3], np.array([[0.25, 0.25, 0.25, np.nan]])) == 0.0


# ------------------------------------------------------------------------------------------------ names, states


@pytest.mark.parametrize(
    "kind, names",
    [
        (metrics.MeanSquaredError, ["mse", "MSE", "mean_squared_error", "MeanSquaredError"]),
        (metrics.MeanAbsoluteError, ["mae", "mean_absolute_error"]),
        (metrics.RootMeanSquaredError, ["rmse", "root_mean_squared_error", "RootMeanSquaredError"]),
        (metrics.AUC, ["auc", "AUC"]),
        (metrics.Precision, ["precision", "Precision"]),
        (metrics.Recall, ["recall"]),
        (metrics.F1Score, ["f1_score", "F1Score", "f1"]),
        (metrics.R2Score, ["r2_score", "r2"]),
        (metrics.CosineSimilarity, ["cosine_similarity"]),
        (metrics.TruePositives, ["true_positives"]),
        (metrics.SparseCategoricalAccuracy, ["sparse_categorical_accuracy"]),
        (metrics.LogCoshError, ["logcosh", "log_cosh", "log_cosh_error"]),
        (metrics.LossMetric, ["huber", "smooth_l1", "cross_entropy", "binary_focal_crossentropy"]),
        (metrics.MeanIoU, ["mean_iou(num_classes=3)", "MeanIoU(3)"]),
    ],
)  # fmt: skip
def test_names(kind, names):
    for name in names:
        metric = metrics.get(name)
        assert type(metric) is kind and metric.name == name.partition("(")[0]


def test_every_class_has_its_name():
    given = {"num_classes": 3, "target_class_ids": [0], "specificity": 0.5, "sensitivity": 0.5, "recall": 0.5, "precision": 0.5}
    for name in metrics.names():
        try:
            metric = metrics.get(name)
        except rustorch.ArgumentTypeError as error:  # needs arguments: the message says which
            needed = {key: value for key, value in given.items() if f"{key}=…" in str(error)}
            metric = metrics.get({"class_name": name, "config": needed})
        assert isinstance(metric, metrics.Metric)


def test_what_a_metric_can_be():
    t, p = rustorch.from_numpy(REAL), rustorch.from_numpy(NEAR)
    own = metrics.AUC()
    assert metrics.get(own) is own
    assert type(metrics.get(metrics.AUC)) is metrics.AUC
    assert metrics.get({"class_name": "Precision", "config": {"top_k": 2}}).top_k == 2
    assert metrics.get(losses.Huber(0.5))(t, p) == pytest.approx(float(losses.Huber(0.5)(t, p)))
    assert metrics.get(nn.L1Loss())(t, p) == pytest.approx(np.abs(REAL - NEAR).mean())

    def worst(y_true, y_pred):
        return (y_true - y_pred).abs().amax()

    metric = metrics.get(worst)
    assert metric.name == "worst" and metric(t, p) == pytest.approx(np.abs(REAL - NEAR).max())
    for again in (metrics.AUC(thresholds=[0.5], curve="PR"), metrics.Precision(top_k=2), metrics.IoU(3, [1])):
        assert repr(metrics.get({"class_name": type(again).__name__, "config": again.get_config()})) == repr(again)


def test_reset_and_variables():
    for metric, t, p in ((metrics.AUC(), YES, UNIT), (metrics.F1Score(), ROWS, PROBS), (metrics.R2Score(), REAL, NEAR)):
        first = run(metric, t, p)
        assert any(variable.any() for variable in metric.variables)
        metric.reset_state()
        assert not any(variable.any() for variable in metric.variables)
        np.testing.assert_array_equal(run(metric, t, p), first)
    assert metrics.Mean().result() == 0.0 and metrics.Precision().result() == 0.0 and metrics.F1Score().result() == 0.0
    metric = metrics.Mean()
    metric.update_state(rustorch.tensor([1.0, 3.0]))
    metric.update_state(5.0)
    assert metric.result() == 3.0
    assert metrics.Sum()([[1.0, 2.0], [3.0, 4.0]], sample_weight=[1, 2]) == 17.0


def test_states_are_exact_over_many_batches():
    """float32 sums would lose 0.1 after 10⁷; ours are float64."""
    metric = metrics.Mean()
    metric.total += 1e9
    metric.count += 1
    for _ in range(10):
        metric.update_state(rustorch.tensor([0.125]))
    assert float(metric.total) == 1e9 + 1.25


def test_merge_alone_changes_nothing():
    metric = metrics.F1Score()
    first = run(metric, ROWS, PROBS)
    metric.merge()
    np.testing.assert_array_equal(metric.result(), first)
    metrics.merge_states([metric, metrics.AUC(multi_label=True)])


def test_no_graph_is_kept():
    p = rustorch.from_numpy(PROBS.copy()).requires_grad_()
    for name in ("accuracy", "auc", "categorical_crossentropy", "f1_score", "rmse", "top_k_accuracy(k=2)"):
        metric = metrics.get(name)
        metric.update_state(rustorch.from_numpy(ROWS), p)
        assert np.isfinite(metric.result()).all()


def test_half_precision_outputs():
    p = rustorch.from_numpy(PROBS).to(rustorch.bfloat16)
    for name in ("accuracy", "auc", "precision", "categorical_crossentropy", "f1_score"):
        assert np.isfinite(metrics.get(name)(rustorch.from_numpy(ROWS), p)).all()

"""Metrics of right and wrong yes-or-no answers over thresholds: counts, precision, recall, AUC, and points of the curves.

Labels are of the outputs' shape, 0 or 1. Beyond Keras, class numbers are taken as well where the outputs have classes. An
answer is yes where the output is greater than the threshold.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from rustorch._C import ArgumentTypeError, ArgumentValueError, IndexOutOfRangeError, ShapeError
from rustorch.training.losses._base import as_tensor, warn
from rustorch.training.losses.crossentropy import class_numbers
from rustorch.training.metrics._base import Metric, Result, as_array, divide, squeeze_last, warn_unless_probabilities

_NEVER = -1e10  # below every output: what is not among the top k
_EPSILON = 1e-7
_Thresholds = Union[None, float, Sequence[float]]


class Counts(NamedTuple):
    """True and false positives and negatives: (thresholds,) or (thresholds, labels)."""

    tp: np.ndarray
    fp: np.ndarray
    tn: np.ndarray
    fn: np.ndarray


def labels_and_outputs(what: str, y_true: Any, y_pred: Any) -> Tuple[np.ndarray, np.ndarray]:
    """Both of one shape, labels as booleans or numbers; class numbers become one-hot rows."""
    t, p = as_array(y_true), as_array(y_pred)
    if p.dtype.kind != "f":
        p = p.astype(np.float64)
    t, p = squeeze_last(t, p)
    if p.ndim and p.shape[-1] > 1 and (t.shape == p.shape[:-1] or t.shape == (*p.shape[:-1], 1)):
        numbers = class_numbers(what, as_tensor(t.reshape(p.shape[:-1])), p.shape[-1]).numpy()
        t = numbers[..., None] == np.arange(p.shape[-1])
    if t.shape != p.shape:
        raise ShapeError(f"{what}: labels of shape {t.shape} do not fit outputs of shape {p.shape}")
    return t, p


def _only_top(p: np.ndarray, k: int) -> np.ndarray:
    """The k largest of each row, the others far below; of ties the first."""
    if p.ndim < 2 or k > p.shape[-1]:
        raise ShapeError(f"top_k={k} needs outputs of at least so many classes, but they are {p.shape}")
    kept = np.argsort(-p, axis=-1, kind="stable")[..., :k]
    out = np.full_like(p, _NEVER)
    np.put_along_axis(out, kept, np.take_along_axis(p, kept, -1), -1)
    return out


def _weights(what: str, sample_weight: Any, shape: Tuple[int, ...]) -> np.ndarray:
    w = np.asarray(as_array(sample_weight), np.float64)
    while 0 < w.ndim < len(shape):
        w = w[..., None]
    if w.ndim == len(shape) + 1 and w.shape[-1] == 1:
        w = w[..., 0]
    try:
        return np.broadcast_to(w, shape)
    except ValueError:
        raise ShapeError(f"{what}: sample_weight of shape {w.shape} does not fit labels of shape {shape}: one weight a sample") from None


def count(
    what: str, y_true: Any, y_pred: Any, thresholds: np.ndarray, sample_weight: Any = None, top_k: Optional[int] = None,
    class_id: Optional[int] = None, multi_label: bool = False, label_weights: Optional[np.ndarray] = None,
) -> Counts:
    """The four counts at every threshold, each sample at its weight. ``thresholds`` ascend."""
    t, p = labels_and_outputs(what, y_true, y_pred)
    w = np.ones(p.shape) if sample_weight is None else _weights(what, sample_weight, p.shape)
    if label_weights is not None:
        w = w * label_weights
    if top_k is not None:
        p = _only_top(p, top_k)
    if class_id is not None:
        if p.ndim < 2:
            raise ShapeError(f"{what}: class_id needs outputs (batch, classes), but they are {p.shape}")
        if not 0 <= class_id < p.shape[-1]:
            raise IndexOutOfRangeError(f"{what}: class_id={class_id}, but the outputs have classes 0 to {p.shape[-1] - 1}")
        t, p, w = t[..., class_id], p[..., class_id], w[..., class_id]
    if multi_label and p.ndim != 2:
        raise ShapeError(f"{what}: multi_label needs outputs (batch, labels), but they are {p.shape}")
    columns = p.shape[1] if multi_label else 1
    t, p, w = t.astype(bool).reshape(-1, columns), p.reshape(-1, columns), w.reshape(-1, columns)
    # How many thresholds an output exceeds, compared in the outputs' dtype: 0.1 in float32 does not exceed 0.1.
    exceeded = np.searchsorted(thresholds.astype(p.dtype), p, side="left")
    n = len(thresholds) + 1
    place = exceeded + n * np.arange(columns)
    above: List[np.ndarray] = []
    for weights in (w * t, w * ~t):
        bins = np.bincount(place.reshape(-1), weights.reshape(-1), n * columns).reshape(columns, n)
        above.append(bins[:, ::-1].cumsum(1)[:, ::-1].T)  # [i]: the weight of outputs that exceed at least i thresholds
    yes, no = above
    found = Counts(yes[1:], no[1:], no[0] - no[1:], yes[0] - yes[1:])
    return found if multi_label else Counts(*(each[:, 0] for each in found))


def _as_list(thresholds: _Thresholds, default: float) -> List[float]:
    if thresholds is None:
        return [default]
    listed = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [each for each in listed if not isinstance(each, (int, float, np.number)) or not 0 <= each <= 1]
    if wrong:
        raise ArgumentValueError(f"thresholds are from 0 to 1, not {wrong[0]!r}")
    return [float(each) for each in listed]  # type: ignore[arg-type]


def _plain(x: Any) -> Result:
    x = np.asarray(x)
    return x.item() if x.size == 1 and x.ndim <= 1 else np.array(x)


class _OverThresholds(Metric):
    """Keeps the counts that a metric needs, at its thresholds in the user's order."""

    keeps = "tp fp tn fn".split()

    def __init__(
        self, thresholds: _Thresholds = None, top_k: Optional[int] = None, class_id: Optional[int] = None, name: Optional[str] = None
    ) -> None:
        super().__init__(name)
        if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
            raise ArgumentValueError(f"{self.name}: top_k is a whole number from 1, not {top_k!r}")
        self.thresholds = _as_list(thresholds, 0.5 if top_k is None else _NEVER)
        self._given = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self._order = np.argsort(self.thresholds, kind="stable")
        for key in self.keeps:
            setattr(self, key, self.add_variable((len(self.thresholds),)))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        if not self._looked:
            self._looked = True
            if self.top_k is None:
                warn_unless_probabilities(self, as_array(y_pred), "end the model with a softmax or sigmoid")
        found = count(
            self.name, y_true, y_pred, np.array(self.thresholds)[self._order], sample_weight, self.top_k, self.class_id
        )
        for key in self.keeps:
            getattr(self, key)[self._order] += getattr(found, key)

    def get_config(self) -> Dict[str, Any]:
        """The arguments it can be made from."""
        config = super().get_config()
        return {**config, "thresholds": self._given} if "thresholds" in config else config


class _Count(_OverThresholds):
    def __init__(self, thresholds: _Thresholds = None, name: Optional[str] = None) -> None:
        super().__init__(thresholds, name=name)

    def result(self) -> Result:
        """The number so far, at each threshold."""
        return _plain(self.variables[0])


class TruePositives(_Count):
    """How many yes were right; ``thresholds`` (default ½) may be several.

    >>> from rustorch.training.metrics import TruePositives
    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    2.0
    """

    keeps = ["tp"]


class FalsePositives(_Count):
    """How many yes were wrong; ``thresholds`` (default ½) may be several."""

    keeps = ["fp"]


class TrueNegatives(_Count):
    """How many no were right; ``thresholds`` (default ½) may be several."""

    keeps = ["tn"]


class FalseNegatives(_Count):
    """How many no were wrong; ``thresholds`` (default ½) may be several."""

    keeps = ["fn"]


class Precision(_OverThresholds):
    """The share of right answers among those that are yes.

    Parameters
    ----------
    thresholds : float or sequence from 0 to 1, default ½
        Several give an array.
    top_k : int, optional
        Only the k largest outputs of a sample are yes (at any value, unless there is a threshold).
    class_id : int, optional
        Only this class counts.
    name : str, optional

    Example
    -------
    >>> from rustorch.training.metrics import Precision
    >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1])
    0.666...
    """

    direction = "up"
    keeps = ["tp", "fp"]

    def result(self) -> Result:
        """The precision so far, at each threshold; 0 where nothing was yes."""
        return _plain(divide(self.tp, self.tp + self.fp))


class Recall(_OverThresholds):
    """The share of what should be yes that was: arguments as of :class:`Precision`.

    >>> from rustorch.training.metrics import Recall
    >>> Recall()([0, 1, 1, 1], [1, 0, 1, 1])
    0.666...
    """

    direction = "up"
    keeps = ["tp", "fn"]

    def result(self) -> Result:
        """The recall so far, at each threshold; 0 where nothing should have been yes."""
        return _plain(divide(self.tp, self.tp + self.fn))


def _spread(n: int) -> List[float]:
    """n thresholds from 0 to 1, evenly."""
    return [0.5] if n == 1 else [i / (n - 1) for i in range(n)]


class _AtPoint(_OverThresholds):
    """The largest of one rate where another is at least a value."""

    direction = "up"

    def __init__(self, value: float, num_thresholds: int, class_id: Optional[int], name: Optional[str], what: str) -> None:
        if not 0 <= value <= 1:
            raise ArgumentValueError(f"{type(self).__name__}: {what} is from 0 to 1, not {value!r}")
        if num_thresholds < 1:
            raise ArgumentValueError(f"{type(self).__name__}: num_thresholds is a whole number from 1, not {num_thresholds!r}")
        super().__init__(_spread(num_thresholds), class_id=class_id, name=name)
        self.num_thresholds = num_thresholds
        setattr(self, what, value)
        self.value = value

    def _best(self, least: np.ndarray, wanted: np.ndarray) -> float:
        return float(np.where(least >= self.value, wanted, 0.0).max(initial=0.0))

    def _sensitivity(self) -> np.ndarray:
        return divide(self.tp, self.tp + self.fn)

    def _specificity(self) -> np.ndarray:
        return divide(self.tn, self.tn + self.fp)

    def _precision(self) -> np.ndarray:
        return divide(self.tp, self.tp + self.fp)


class SensitivityAtSpecificity(_AtPoint):
    """The largest sensitivity (recall of yes) at thresholds where the specificity (recall of no) is at least ``specificity``.

    >>> from rustorch.training.metrics import SensitivityAtSpecificity
    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    def __init__(
        self, specificity: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, "specificity")

    def result(self) -> float:
        """The sensitivity so far."""
        return self._best(self._specificity(), self._sensitivity())


class SpecificityAtSensitivity(_AtPoint):
    """The largest specificity at thresholds where the sensitivity is at least ``sensitivity``."""

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, "sensitivity")

    def result(self) -> float:
        """The specificity so far."""
        return self._best(self._sensitivity(), self._specificity())


class PrecisionAtRecall(_AtPoint):
    """The largest precision at thresholds where the recall is at least ``recall``."""

    def __init__(self, recall: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None) -> None:
        super().__init__(recall, num_thresholds, class_id, name, "recall")

    def result(self) -> float:
        """The precision so far."""
        return self._best(self._sensitivity(), self._precision())


class RecallAtPrecision(_AtPoint):
    """The largest recall at thresholds where the precision is at least ``precision``."""

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, "precision")

    def result(self) -> float:
        """The recall so far."""
        return self._best(self._precision(), self._sensitivity())


class AUC(Metric):
    """The area under a curve over thresholds: ROC (recall over false positive rate) or PR (precision over recall).

    Parameters
    ----------
    num_thresholds : int, default 200
        Evenly from 0 to 1; the area is that of the curve through so many points.
    curve : {"ROC", "PR", "PRGAIN"}, default "ROC"
        PRGAIN is the precision-recall-gain curve.
    summation_method : {"interpolation", "minoring", "majoring"}
        ``"interpolation"``: trapezoids, for PR after Davis & Goadrich; the others the lower and upper sum.
    name : str, optional
    thresholds : sequence of floats from 0 to 1, optional
        In place of ``num_thresholds``; 0 and 1 are added.
    multi_label : bool, default False
        Whether outputs (batch, labels) get an area each, of which the mean is taken; else all are one.
    num_labels : int, optional
        The number of labels, where ``multi_label``.
    label_weights : sequence of floats, optional
        Weights of the labels: of their areas where ``multi_label``, else of their samples.
    from_logits : bool, default False
        Whether outputs are scores before a sigmoid.

    Source: Keras 3, ``keras.metrics.AUC``; Davis & Goadrich, ICML 2006; Flach & Kull, NeurIPS 2015.

    Example
    -------
    >>> from rustorch.training.metrics import AUC
    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    """

    direction = "up"

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC", summation_method: str = "interpolation", name: Optional[str] = None,
        thresholds: Optional[Sequence[float]] = None, multi_label: bool = False, num_labels: Optional[int] = None,
        label_weights: Optional[Sequence[float]] = None, from_logits: bool = False,
    ) -> None:
        super().__init__(name)
        if str(curve).upper() not in ("ROC", "PR", "PRGAIN"):
            raise ArgumentValueError(f"AUC: curve is 'ROC', 'PR' or 'PRGAIN', not {curve!r}")
        if str(summation_method).lower() not in ("interpolation", "minoring", "majoring"):
            raise ArgumentValueError(f"AUC: summation_method is 'interpolation', 'minoring' or 'majoring', not {summation_method!r}")
        if thresholds is None and num_thresholds < 2:
            raise ArgumentValueError(f"AUC: num_thresholds is a whole number from 2, not {num_thresholds!r}")
        if num_labels and not multi_label:
            raise ArgumentTypeError("AUC: num_labels goes with multi_label=True")
        self.curve = str(curve).upper()
        self.summation_method = str(summation_method).lower()
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float64)
        self.from_logits = from_logits
        between = _spread(num_thresholds)[1:-1] if thresholds is None else sorted(_as_list(thresholds, 0.5))
        self.num_thresholds = len(between) + 2
        self._given = None if thresholds is None else between
        self._all = np.array([-_EPSILON, *between, 1.0 + _EPSILON])
        if multi_label:
            self.columns = 0
        if not multi_label or num_labels:
            self.build(num_labels or 1)

    @property
    def thresholds(self) -> List[float]:
        """All thresholds, with those a little outside of 0 and 1 at the ends."""
        return self._all.tolist()

    def build(self, columns: int) -> None:
        """Counts of so many labels."""
        if self.multi_label:
            self.columns = columns
        shape = (self.num_thresholds, columns) if self.multi_label else (self.num_thresholds,)
        self.tp, self.fp, self.tn, self.fn = (self.add_variable(shape) for _ in range(4))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        p = as_array(y_pred)
        if self.from_logits:
            p = 1.0 / (1.0 + np.exp(-p))
        elif not self._looked:
            warn_unless_probabilities(self, p, "AUC(from_logits=True) takes scores before a sigmoid")
        self._looked = True
        p = np.clip(p, 0.0, 1.0)
        if self.multi_label and not self.columns:
            if p.ndim != 2:
                raise ShapeError(f"AUC: multi_label needs outputs (batch, labels), but they are {p.shape}")
            self.build(p.shape[1])
        found = count(
            self.name, y_true, p, self._all, sample_weight, multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )
        for variable, each in zip((self.tp, self.fp, self.tn, self.fn), found):
            variable += each

    def get_config(self) -> Dict[str, Any]:
        """The arguments it can be made from."""
        return {**super().get_config(), "thresholds": self._given, "num_thresholds": self.num_thresholds}

    def _areas_of_pr(self) -> np.ndarray:
        """Between two thresholds the true positives grow evenly with the positives, so precision does not (Davis & Goadrich)."""
        tp, positives = np.asarray(self.tp), np.asarray(self.tp + self.fp)
        slope = divide(tp[:-1] - tp[1:], np.maximum(positives[:-1] - positives[1:], 0))
        intercept = tp[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        ratio = np.where(both, divide(positives[:-1], positives[1:]), 1.0)
        return divide(slope * (tp[:-1] - tp[1:] + intercept * np.log(ratio)), np.maximum(self.tp[1:] + self.fn[1:], 0))

    def _curve(self) -> Tuple[np.ndarray, np.ndarray]:
        tp, fp, tn, fn = (np.asarray(x) for x in (self.tp, self.fp, self.tn, self.fn))
        recall = divide(tp, tp + fn)
        if self.curve == "ROC":
            return divide(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, divide(tp, tp + fp)
        odds = divide(tp + fn, tn + fp)
        gain_recall = np.where(tp == 0, 0.0, 1.0 - odds * divide(fn, tp))
        return np.maximum(gain_recall, 0.0), np.where(tp == 0, 1.0, 1.0 - odds * divide(fp, tp))

    def result(self) -> float:
        """The area so far."""
        if not self.variables:
            return 0.0
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._areas_of_pr()
        else:
            x, y = self._curve()
            sides = {"interpolation": lambda a, b: (a + b) / 2.0, "minoring": np.minimum, "majoring": np.maximum}
            areas = (x[:-1] - x[1:]) * sides[self.summation_method](y[:-1], y[1:])
        area = areas.sum(0)
        if not self.multi_label:
            return float(area)
        return float(np.average(area, weights=self.label_weights))


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, (1 + β²) · p · r / (β² · p + r), of each class.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        None gives an array, one number a class; the others one number: of all together, the mean, or the mean weighted by how
        often the classes are.
    beta : float, default 1
        How much recall counts more than precision.
    threshold : float from 0 to 1, optional
        Outputs above are yes; by default the largest output of a sample is.
    name : str, default "fbeta_score"

    Example
    -------
    >>> from rustorch.training.metrics import FBetaScore
    >>> FBetaScore("macro", beta=2.0, threshold=0.5)([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0]])
    0.709...
    """

    direction = "up"
    columns = 0

    def __init__(
        self, average: Optional[str] = None, beta: float = 1.0, threshold: Optional[float] = None, name: str = "fbeta_score"
    ) -> None:
        super().__init__(name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ArgumentValueError(f"{self.name}: average is 'micro', 'macro', 'weighted' or None, not {average!r}")
        if not beta > 0:
            raise ArgumentValueError(f"{self.name}: beta is greater than 0, not {beta!r}")
        if threshold is not None and not 0 < threshold <= 1:
            raise ArgumentValueError(f"{self.name}: threshold is greater than 0 and at most 1, not {threshold!r}")
        self.average, self.beta, self.threshold = average, float(beta), threshold

    def build(self, columns: int) -> None:
        """Counts of so many classes."""
        self.columns = columns
        self.tp, self.fp, self.fn = (self.add_variable((columns,)) for _ in range(3))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of (batch, classes) into account."""
        t, p = labels_and_outputs(self.name, y_true, y_pred)
        if p.ndim != 2:
            raise ShapeError(f"{self.name}: outputs are (batch, classes), but they are {p.shape}")
        if not self.columns:
            self.build(p.shape[1])
            if self.threshold is None and p.shape[1] == 1:
                warn(f"{self.name}: without a threshold the largest of one output is always yes: say {type(self).__name__}(threshold=0.5)")
        if self.threshold is None:
            yes = (p >= p.max(-1, keepdims=True)) & (np.abs(p) > 1e-9)
        else:
            yes = p > np.asarray(self.threshold, p.dtype)
        t = t.astype(np.float64)
        w = np.ones(p.shape) if sample_weight is None else _weights(self.name, sample_weight, p.shape)
        self.tp += (w * yes * t).sum(0)
        self.fp += (w * yes * (1.0 - t)).sum(0)
        self.fn += (w * ~yes * t).sum(0)

    def result(self) -> Result:
        """The score so far."""
        if not self.columns:
            return 0.0
        tp, fp, fn = (np.asarray(x) for x in (self.tp, self.fp, self.fn))
        if self.average == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        precision, recall = tp / (tp + fp + _EPSILON), tp / (tp + fn + _EPSILON)
        score = (1.0 + self.beta**2) * (precision * recall / (self.beta**2 * precision + recall + _EPSILON))
        if self.average == "weighted":
            share = tp + fn
            return float((score * (share / (share.sum() + _EPSILON))).sum())
        return np.array(score) if self.average is None else float(np.mean(score))


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: :class:`FBetaScore` with β = 1.

    >>> from rustorch.training.metrics import F1Score
    >>> F1Score("macro")([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    0.666...
    """

    def __init__(self, average: Optional[str] = None, threshold: Optional[float] = None, name: str = "f1_score") -> None:
        super().__init__(average, 1.0, threshold, name)


def f1_score(y_true: Any, y_pred: Any, average: Optional[str] = "macro", threshold: Optional[float] = None) -> Result:
    """The F1 score of class numbers, or of outputs (batch, classes); arguments as of :class:`F1Score`.

    >>> from rustorch.training import metrics
    >>> metrics.f1_score([0, 1, 1, 2], [0, 1, 2, 2])
    0.777...
    """
    t, p = as_array(y_true), as_array(y_pred)
    if p.ndim == 1 and p.dtype.kind in "iub" and t.shape == p.shape:
        numbers = np.concatenate([t, p])
        classes = int(numbers.max(initial=0)) + 1
        for each in (t, p):
            class_numbers("f1_score", as_tensor(each), classes)
        t, p = t[:, None] == np.arange(classes), (p[:, None] == np.arange(classes)).astype(np.float64)
        threshold = 0.5
    metric = F1Score(average, threshold)
    metric.update_state(t, p)
    return metric.result()

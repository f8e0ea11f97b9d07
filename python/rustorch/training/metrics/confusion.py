"""Metrics of right and wrong yes-or-no answers over thresholds: counts, precision, recall, and points of their curves.

Labels are of the outputs' shape, 0 or 1. Beyond Keras, class numbers are taken as well where the outputs have classes. An
answer is yes where the output is greater than the threshold.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from rustorch._C import ArgumentValueError, IndexOutOfRangeError, ShapeError
from rustorch.training.losses._base import as_tensor
from rustorch.training.losses.crossentropy import class_numbers
from rustorch.training.metrics._base import Metric, Result, as_array, divide, squeeze_last, warn_unless_probabilities

_NEVER = -1e10  # below every output: what is not among the top k
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


def weights_of(what: str, sample_weight: Any, shape: Tuple[int, ...]) -> np.ndarray:
    """Weights of samples spread to the labels' shape."""
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
    w = np.ones(p.shape) if sample_weight is None else weights_of(what, sample_weight, p.shape)
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


def threshold_list(thresholds: _Thresholds, default: float) -> List[float]:
    """One threshold or several, checked."""
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
        self.thresholds = threshold_list(thresholds, 0.5 if top_k is None else _NEVER)
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
    """How many yes were wrong; ``thresholds`` (default ½) may be several.

    >>> from rustorch.training import metrics
    >>> metrics.FalsePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    1.0
    """

    keeps = ["fp"]


class TrueNegatives(_Count):
    """How many no were right; ``thresholds`` (default ½) may be several.

    >>> from rustorch.training import metrics
    >>> metrics.TrueNegatives()([0, 1, 0, 1], [0, 0, 1, 1])
    1.0
    """

    keeps = ["tn"]


class FalseNegatives(_Count):
    """How many no were wrong; ``thresholds`` (default ½) may be several.

    >>> from rustorch.training import metrics
    >>> metrics.FalseNegatives()([0, 1, 1, 1], [1, 0, 1, 1])
    1.0
    """

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


def evenly(n: int) -> List[float]:
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
        super().__init__(evenly(num_thresholds), class_id=class_id, name=name)
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
    """The largest specificity at thresholds where the sensitivity is at least ``sensitivity``.

    >>> from rustorch.training import metrics
    >>> metrics.SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.6666...
    """

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, "sensitivity")

    def result(self) -> float:
        """The specificity so far."""
        return self._best(self._sensitivity(), self._specificity())


class PrecisionAtRecall(_AtPoint):
    """The largest precision at thresholds where the recall is at least ``recall``.

    >>> from rustorch.training import metrics
    >>> metrics.PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    def __init__(self, recall: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None) -> None:
        super().__init__(recall, num_thresholds, class_id, name, "recall")

    def result(self) -> float:
        """The precision so far."""
        return self._best(self._sensitivity(), self._precision())


class RecallAtPrecision(_AtPoint):
    """The largest recall at thresholds where the precision is at least ``precision``.

    >>> from rustorch.training import metrics
    >>> metrics.RecallAtPrecision(0.6)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.0
    """

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: Optional[int] = None, name: Optional[str] = None
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, "precision")

    def result(self) -> float:
        """The recall so far."""
        return self._best(self._precision(), self._sensitivity())

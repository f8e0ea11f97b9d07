"""F scores: precision and recall as one number."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from rustorch._C import ArgumentValueError, ShapeError
from rustorch.training.losses._base import EPSILON, as_tensor, warn
from rustorch.training.losses.crossentropy import class_numbers
from rustorch.training.metrics._base import Metric, Result, as_array
from rustorch.training.metrics.confusion import labels_and_outputs, weights_of


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
        w = np.ones(p.shape) if sample_weight is None else weights_of(self.name, sample_weight, p.shape)
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
        precision, recall = tp / (tp + fp + EPSILON), tp / (tp + fn + EPSILON)
        score = (1.0 + self.beta**2) * (precision * recall / (self.beta**2 * precision + recall + EPSILON))
        if self.average == "weighted":
            share = tp + fn
            return float((score * (share / (share.sum() + EPSILON))).sum())
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

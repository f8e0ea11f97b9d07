"""The area under a curve over thresholds."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from rustorch._C import ArgumentTypeError, ArgumentValueError, ShapeError
from rustorch.training.losses._base import EPSILON
from rustorch.training.metrics._base import Metric, as_array, divide, warn_unless_probabilities
from rustorch.training.metrics.confusion import count, evenly, threshold_list


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
        between = evenly(num_thresholds)[1:-1] if thresholds is None else sorted(threshold_list(thresholds, 0.5))
        self.num_thresholds = len(between) + 2
        self._given = None if thresholds is None else between
        self._all = np.array([-EPSILON, *between, 1.0 + EPSILON])
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
        ratio = np.where(positives[1:] > 0, divide(positives[:-1], positives[1:]), 1.0)
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

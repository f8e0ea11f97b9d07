"""Losses as metrics, errors of numbers, and how well they go together."""

from __future__ import annotations

import math
from typing import Any, Callable, Optional

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError
from rustorch.training import losses
from rustorch.training.losses._base import EPSILON, as_floats, as_tensor, pair, warn
from rustorch.training.metrics._base import Mean, MeanMetricWrapper, Metric, Result, as_array, squeeze_last


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The linear correlation along an axis, from −1 to 1.

    >>> import rustorch as torch
    >>> from rustorch.training import metrics
    >>> metrics.pearson_correlation(torch.tensor([[0.0, 1, 2]]), torch.tensor([[5.0, 2, 4]]))
    tensor([-0.3273])
    """
    y_true, y_pred = pair("pearson_correlation", y_true, y_pred)

    def standard(x: Tensor) -> Tensor:
        x = x - x.mean(axis, keepdim=True)
        return x / x.std(axis, correction=0, keepdim=True)

    return (standard(y_true) * standard(y_pred)).mean(axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """How near the points are to y_pred = y_true, from −1 to 1. Source: Lin, 1989.

    >>> from rustorch.training import metrics
    >>> metrics.concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 3.0]])
    tensor([0.8571])
    """
    y_true, y_pred = pair("concordance_correlation", y_true, y_pred)
    mean_true, mean_pred = y_true.mean(axis, keepdim=True), y_pred.mean(axis, keepdim=True)
    spread = y_true.var(axis, correction=0, keepdim=True) + y_pred.var(axis, correction=0, keepdim=True)
    together = (y_true - mean_pred) * (y_pred - mean_pred)
    return (2.0 * together / (spread + (mean_true - mean_pred).square() + EPSILON)).mean(axis)


def cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine between label and output: 1 where they point alike. The loss of this name has the other sign."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


class LossMetric(MeanMetricWrapper):
    """The mean of a loss's values as a metric: what :func:`rustorch.training.metrics.get` makes of a loss.

    >>> from rustorch.training import metrics
    >>> metrics.LossMetric("huber")([[0.0, 0.0]], [[0.5, 3.0]])
    1.3125
    """

    direction = "down"

    def __init__(self, loss: Any, name: Optional[str] = None) -> None:
        loss = losses.get(loss)
        super().__init__(loss.by_value, name or loss.name)
        self.loss = loss


def _of_loss(kind: str, function: Callable[..., Tensor], name: str, doc: str, example: str) -> Any:
    """The metric class of a loss without arguments: its name, its meaning, and an example with its value."""

    def __init__(self: Any, name: str = name) -> None:
        MeanMetricWrapper.__init__(self, function, name)

    call, value = example.split(" = ")
    doc += f"\n\n>>> from rustorch.training import metrics\n>>> metrics.{kind}()({call})\n{value}\n"
    return type(kind, (MeanMetricWrapper,), {"__init__": __init__, "__doc__": doc, "direction": "down", "__module__": __name__})


MeanSquaredError = _of_loss(
    "MeanSquaredError", losses.mean_squared_error, "mean_squared_error", "The mean of (y_true − y_pred)².",
    "[[0.0, 1.0]], [[1.0, 1.0]] = 0.5",
)  # fmt: skip
MeanAbsoluteError = _of_loss(
    "MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error", "The mean of |y_true − y_pred|.",
    "[[0.0, 1.0]], [[0.5, 1.0]] = 0.25",
)  # fmt: skip
MeanAbsolutePercentageError = _of_loss(
    "MeanAbsolutePercentageError", losses.mean_absolute_percentage_error, "mean_absolute_percentage_error",
    "The mean error in percent of the label.", "[[2.0, 4.0]], [[1.0, 4.0]] = 25.0",
)  # fmt: skip
MeanSquaredLogarithmicError = _of_loss(
    "MeanSquaredLogarithmicError", losses.mean_squared_logarithmic_error, "mean_squared_logarithmic_error",
    "The mean squared error of log(1 + y).", "[[0.0, 1.0]], [[1.0, 1.0]] = 0.2402...",
)  # fmt: skip
LogCoshError = _of_loss(
    "LogCoshError", losses.log_cosh, "logcosh", "The mean of log cosh(y_pred − y_true).", "[[0.0, 0.0]], [[0.0, 1.0]] = 0.2168..."
)
KLDivergence = _of_loss(
    "KLDivergence", losses.kl_divergence, "kl_divergence", "The mean divergence from the label's distribution.",
    "[[0.5, 0.5]], [[0.9, 0.1]] = 0.5108...",
)  # fmt: skip
Poisson = _of_loss(
    "Poisson", losses.poisson, "poisson", "The mean of y_pred − y_true · log y_pred.", "[[2.0, 0.0]], [[2.0, 1.0]] = 0.8068..."
)
Hinge = _of_loss("Hinge", losses.hinge, "hinge", "The mean of max(1 − y_true · y_pred, 0).", "[[0.0, 1.0]], [[0.5, 0.5]] = 1.0")
SquaredHinge = _of_loss(
    "SquaredHinge", losses.squared_hinge, "squared_hinge", "The mean of max(1 − y_true · y_pred, 0)².", "[[0.0, 1.0]], [[0.5, 0.5]] = 1.25"
)
CategoricalHinge = _of_loss(
    "CategoricalHinge", losses.categorical_hinge, "categorical_hinge", "The mean hinge of classes.", "[[0.0, 1.0]], [[0.5, 0.75]] = 0.75"
)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of :func:`rustorch.training.losses.binary_crossentropy`.

    >>> from rustorch.training import metrics
    >>> metrics.BinaryCrossentropy()([[0.0, 1.0], [1.0, 1.0]], [[0.2, 0.9], [0.4, 0.6]])
    0.4389...
    """

    direction = "down"

    def __init__(self, name: str = "binary_crossentropy", from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(losses.binary_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of :func:`rustorch.training.losses.categorical_crossentropy`.

    >>> from rustorch.training import metrics
    >>> metrics.CategoricalCrossentropy()([[0.0, 1.0], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]])
    0.4904...
    """

    direction = "down"

    def __init__(
        self, name: str = "categorical_crossentropy", from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
    ) -> None:
        super().__init__(losses.categorical_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of :func:`rustorch.training.losses.sparse_categorical_crossentropy`; what ``ignore_class`` marks counts for nothing.

    >>> from rustorch.training import metrics
    >>> metrics.SparseCategoricalCrossentropy()([1, 0], [[0.25, 0.75], [0.5, 0.5]])
    0.4904...
    """

    direction = "down"

    def __init__(
        self, name: str = "sparse_categorical_crossentropy", from_logits: bool = False, ignore_class: Optional[int] = None, axis: int = -1
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy, name, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )

    def valid(self, y_true: Tensor, values: Any) -> Optional[Tensor]:
        if self.options["ignore_class"] is None:
            return None
        return (y_true.reshape(values.shape) != self.options["ignore_class"]).to(rustorch.float64)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between labels and outputs along ``axis``.

    >>> from rustorch.training import metrics
    >>> metrics.CosineSimilarity()([[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    0.8535...
    """

    direction = "up"

    def __init__(self, name: str = "cosine_similarity", axis: int = -1) -> None:
        super().__init__(cosine, name, axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean over samples of :func:`pearson_correlation` along ``axis``.

    >>> from rustorch.training import metrics
    >>> metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[5.0, 2.0, 4.0]])
    -0.327...
    """

    direction = "up"

    def __init__(self, name: str = "pearson_correlation", axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean over samples of :func:`concordance_correlation` along ``axis``.

    >>> from rustorch.training import metrics
    >>> metrics.ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 3.0]])
    0.8571...
    """

    direction = "up"

    def __init__(self, name: str = "concordance_correlation", axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, axis=axis)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error over all batches.

    >>> from rustorch.training.metrics import RootMeanSquaredError
    >>> RootMeanSquaredError()([[0.0], [0.0]], [[3.0], [4.0]])
    3.5355...
    """

    direction = "down"

    def __init__(self, name: str = "root_mean_squared_error") -> None:
        super().__init__(name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take a batch into account."""
        with rustorch.no_grad():
            y_true, y_pred = pair(self.name, as_tensor(y_true), as_floats(y_pred))
            super().update_state((y_pred - y_true).square(), sample_weight)

    def result(self) -> float:
        """The error so far."""
        return math.sqrt(super().result())


class R2Score(Metric):
    """The coefficient of determination: 1 − (squared errors) / (squared distances of labels from their mean).

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        How the scores of several outputs become one; None gives them all.
    num_regressors : int, default 0
        More than 0 gives the adjusted score, for so many inputs.
    name : str, default "r2_score"

    Example
    -------
    >>> from rustorch.training.metrics import R2Score
    >>> R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    0.571...
    """

    direction = "up"
    columns = 0

    def __init__(
        self, class_aggregation: Optional[str] = "uniform_average", num_regressors: int = 0, name: str = "r2_score"
    ) -> None:
        super().__init__(name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ArgumentValueError(
                f"R2Score: class_aggregation is 'uniform_average', 'variance_weighted_average' or None, not {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ArgumentValueError(f"R2Score: num_regressors is 0 or more, not {num_regressors}")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable()

    def build(self, columns: int) -> None:
        """Sums of so many outputs."""
        self.columns = columns
        self.squared_sum, self.sum, self.total_mse, self.count = (self.add_variable((columns,)) for _ in range(4))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of (batch, outputs) into account."""
        t, p = (np.asarray(as_array(x), np.float64) for x in (y_true, y_pred))
        t, p = squeeze_last(t, p)
        if t.ndim == 1 and p.ndim == 1:
            t, p = t[:, None], p[:, None]
        if t.ndim != 2 or t.shape != p.shape:
            raise ShapeError(f"R2Score: labels and outputs are (batch, outputs), but they are {t.shape} and {p.shape}")
        if not self.columns:
            self.build(p.shape[1])
        w = np.asarray(1.0 if sample_weight is None else as_array(sample_weight), np.float64)
        w = np.broadcast_to(w[:, None] if w.ndim == 1 else w, t.shape)
        self.sum += (t * w).sum(0)
        self.squared_sum += (t * t * w).sum(0)
        self.total_mse += ((t - p) ** 2 * w).sum(0)
        self.count += w.sum(0)
        self.num_samples += t.size

    def result(self) -> Result:
        """The score so far."""
        if not self.columns:
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.squared_sum - self.sum * (self.sum / self.count)
            scores = np.asarray(1.0 - self.total_mse / total)
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (scores * np.asarray(total)).sum() / np.asarray(total).sum()
        n, p = float(self.num_samples), self.num_regressors
        if p:
            if p >= n - 1:
                warn(f"R2Score: {p} inputs are too many for {n:g} labels, so the score is not adjusted")
            else:
                scores = 1.0 - (1.0 - scores) * (n - 1.0) / (n - p - 1.0)
        return float(scores) if np.ndim(scores) == 0 else np.asarray(scores)

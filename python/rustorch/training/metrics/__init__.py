"""The metrics of ``Model.compile``: Keras 3's by name and class, losses as metrics, and functions of labels and predictions.

:func:`get` makes a :class:`Metric` of what ``compile(metrics=[…])`` takes. A metric keeps sums in float64: ``update_state`` takes
a batch into account, ``result`` is the metric so far, ``reset_state`` forgets, and ``merge`` adds what other ranks saw.

Examples
--------
>>> import rustorch as torch
>>> from rustorch.training import metrics
>>> accuracy = metrics.get("accuracy")
>>> accuracy.update_state(torch.tensor([2, 1]), torch.tensor([[0.1, 0.6, 0.3], [0.05, 0.95, 0.0]]))
>>> accuracy.result()
0.5
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, List

from rustorch import nn
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.training import _custom, losses
from rustorch.training._names import did_you_mean, listed, plain
from rustorch.training.losses import (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy, categorical_hinge, hinge,
    huber, kl_divergence, log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error, poisson, sparse_categorical_crossentropy, squared_hinge,
)  # fmt: skip
from rustorch.training.metrics._base import Mean, MeanMetricWrapper, Metric, Sum, merge_states, snake_case
from rustorch.training.metrics.accuracy import (
    Accuracy, AutoAccuracy, AutoTopKAccuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, accuracy, binary_accuracy, categorical_accuracy,
    sparse_categorical_accuracy, sparse_top_k_categorical_accuracy, top_k_categorical_accuracy,
)  # fmt: skip
from rustorch.training.metrics.auc import AUC
from rustorch.training.metrics.confusion import (
    FalseNegatives, FalsePositives, Precision, PrecisionAtRecall, Recall, RecallAtPrecision, SensitivityAtSpecificity,
    SpecificityAtSensitivity, TrueNegatives, TruePositives,
)  # fmt: skip
from rustorch.training.metrics.fscore import F1Score, FBetaScore, f1_score
from rustorch.training.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU, confusion_matrix
from rustorch.training.metrics.regression import (
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, ConcordanceCorrelation, CosineSimilarity, Hinge, KLDivergence,
    LogCoshError, LossMetric, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError,
    PearsonCorrelation, Poisson, R2Score, RootMeanSquaredError, SparseCategoricalCrossentropy, SquaredHinge, concordance_correlation,
    pearson_correlation,
)  # fmt: skip

_CLASSES = (
    Accuracy, AUC, BinaryAccuracy, BinaryCrossentropy, BinaryIoU, CategoricalAccuracy, CategoricalCrossentropy, CategoricalHinge,
    ConcordanceCorrelation, CosineSimilarity, F1Score, FalseNegatives, FalsePositives, FBetaScore, Hinge, IoU, KLDivergence,
    LogCoshError, Mean, MeanAbsoluteError, MeanAbsolutePercentageError, MeanIoU, MeanSquaredError, MeanSquaredLogarithmicError,
    OneHotIoU, OneHotMeanIoU, PearsonCorrelation, Poisson, Precision, PrecisionAtRecall, R2Score, Recall, RecallAtPrecision,
    RootMeanSquaredError, SensitivityAtSpecificity, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy, SpecificityAtSensitivity, SquaredHinge, Sum, TopKCategoricalAccuracy, TrueNegatives, TruePositives,
)  # fmt: skip
_FUNCTIONS = (
    accuracy, binary_accuracy, binary_crossentropy, binary_focal_crossentropy, categorical_accuracy, categorical_crossentropy,
    categorical_focal_crossentropy, categorical_hinge, concordance_correlation, confusion_matrix, f1_score, hinge, huber, kl_divergence,
    log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error,
    pearson_correlation, poisson, sparse_categorical_accuracy, sparse_categorical_crossentropy, sparse_top_k_categorical_accuracy,
    squared_hinge, top_k_categorical_accuracy,
)  # fmt: skip
__all__ = sorted(
    [each.__name__ for each in _CLASSES + _FUNCTIONS]
    + ["AutoAccuracy", "AutoTopKAccuracy", "LossMetric", "MeanMetricWrapper", "Metric", "deserialize", "get", "merge_states", "names"]
    + ["serialize"]
)

_ALIASES: Dict[str, Callable[..., Metric]] = {
    "acc": AutoAccuracy, "accuracy": AutoAccuracy, "topkaccuracy": AutoTopKAccuracy, "topk": AutoTopKAccuracy, "bce": BinaryCrossentropy,
    "mse": MeanSquaredError, "mae": MeanAbsoluteError, "mape": MeanAbsolutePercentageError, "msle": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError, "logcosh": LogCoshError, "kld": KLDivergence, "f1": F1Score, "fbeta": FBetaScore, "r2": R2Score,
}  # fmt: skip
_MAKERS: Dict[str, Callable[..., Metric]] = {**{plain(each.__name__): each for each in _CLASSES}, **_ALIASES}


def names() -> List[str]:
    """The names that :func:`get` knows; those of losses are known as well.

    >>> from rustorch.training import metrics
    >>> "top_k_accuracy" in metrics.names()
    True
    """
    odd = {IoU: "iou", BinaryIoU: "binary_iou", MeanIoU: "mean_iou", OneHotIoU: "one_hot_iou", OneHotMeanIoU: "one_hot_mean_iou"}
    return sorted([odd.get(each, snake_case(each.__name__)) for each in _CLASSES if each is not Mean and each is not Sum] + [
        "top_k_accuracy", "mse", "mae", "mape", "msle", "rmse", "bce",
    ])  # fmt: skip


def _named(text: str, loss: Any) -> Metric:
    from rustorch.training._spec import Spec

    spec = Spec.of("metric", text) if "(" in text else Spec("metric", text)
    maker = _MAKERS.get(plain(spec.name))
    if maker is None:
        try:
            return LossMetric(losses.get(text), spec.name)
        except ArgumentValueError:
            known = sorted({*names(), *losses.names()})
            hint = did_you_mean(spec.name, known)
            raise ArgumentValueError(f"there is no metric '{spec.name}'{hint}; there are\n{listed(known)}") from None
    if not spec.args and not spec.kwargs:
        needed = [
            key for key, each in inspect.signature(maker).parameters.items() if each.default is each.empty and each.kind != each.VAR_KEYWORD
        ]
        if needed:
            like = ", ".join(f"{key}=…" for key in needed)
            raise ArgumentTypeError(
                f"the metric '{spec.name}' cannot do without {' and '.join(needed)}: give metrics.{maker.__name__}({like}), "
                f"or \"{spec.name}({like})\""
            )
    metric = spec.bind(spec.name, maker).made
    if isinstance(metric, AutoAccuracy) and loss is not None and "loss" not in spec.kwargs:
        metric = AutoAccuracy(loss=losses.get(loss))
    if "name" not in spec.kwargs:
        metric.name = spec.name
    return metric


def get(identifier: Any, loss: Any = None) -> Metric:
    """The metric that is meant.

    Parameters
    ----------
    identifier : str, dict, Metric, class, Loss, module or callable
        A name (``"accuracy"``, ``"mae"``, ``"auc"``, ``"MeanAbsoluteError"``, ``"mean_iou(num_classes=3)"``), which is also the
        metric's name in logs; ``{"class_name": …, "config": {…}}``; a metric or its class; a loss, or a function of
        ``(y_true, y_pred)``, whose mean is taken.
    loss : optional
        The model's loss, for ``"accuracy"``: see :class:`AutoAccuracy`.

    Notes
    -----
    ``"accuracy"`` and ``"acc"`` are resolved by the shapes, as in Keras: one output a sample is binary, labels with fewer
    dimensions than outputs (or 1 in place of the classes) are class numbers, all else is one-hot.

    Raises
    ------
    ArgumentValueError
        There is no metric of this name; the message names the nearest.
    ArgumentTypeError
        It is none of these, or cannot be made without arguments.

    Example
    -------
    >>> from rustorch.training import metrics
    >>> metrics.get("mae")([[0.0]], [[2.0]])
    2.0
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        own = _custom.find(identifier)
        return _named(identifier, loss) if own is None else get(own, loss)
    if isinstance(identifier, dict):
        return deserialize(identifier, loss)
    if inspect.isclass(identifier) and issubclass(identifier, (Metric, losses.Loss, nn.Module)):
        return get(identifier(), loss)
    if isinstance(identifier, (losses.Loss, nn.Module)):
        return LossMetric(identifier)
    if identifier is accuracy or identifier is f1_score:
        return get(identifier.__name__, loss)
    if callable(identifier):
        return MeanMetricWrapper(identifier)
    raise ArgumentTypeError(
        f"a metric is a name such as 'accuracy', a Metric, a loss or a function of (y_true, y_pred), not {identifier!r:.80}"
    )


def serialize(metric: Metric) -> Any:
    """The metric as plain data, from which :func:`get` makes it again; see :func:`rustorch.training.losses.serialize`.

    >>> from rustorch.training import metrics
    >>> metrics.serialize(metrics.TopKCategoricalAccuracy(k=3))
    {'class_name': 'TopKCategoricalAccuracy', 'config': {'k': 3, 'name': 'top_k_categorical_accuracy'}}
    """
    if isinstance(metric, LossMetric):
        return {"class_name": "LossMetric", "config": {"loss": losses.serialize(metric.loss), "name": metric.name}}
    kind = type(metric)
    if kind in _CLASSES:
        return {"class_name": kind.__name__, "config": metric.get_config()}
    if kind is AutoAccuracy or kind is AutoTopKAccuracy:
        return {"class_name": "accuracy" if kind is AutoAccuracy else "top_k_accuracy", "config": metric.get_config()}
    if kind is MeanMetricWrapper:
        name = getattr(metric.fn, "__name__", type(metric.fn).__name__)
        return {"class_name": name, "config": {"name": metric.name, **metric.options}, "custom": True}
    return {"class_name": kind.__name__, "config": metric.get_config(), "custom": True}


def deserialize(config: Dict[str, Any], loss: Any = None) -> Metric:
    """The metric that :func:`serialize`, or Keras's ``class_name`` and ``config``, describe; ``loss`` as in :func:`get`.

    >>> from rustorch.training import metrics
    >>> metrics.deserialize({"class_name": "F1Score", "config": {"average": "macro"}}).average
    'macro'
    """
    from rustorch.training._spec import Spec

    rest = dict(config)
    custom = rest.pop("custom", False)
    spec = Spec.of("metric", rest)
    own = _custom.find(spec.name)
    if own is not None:
        if inspect.isclass(own) and issubclass(own, Metric):
            return own.from_config(spec.kwargs)
        return MeanMetricWrapper(own, **spec.kwargs)
    if custom:
        _custom.missing("metric", spec.name)
    if spec.name == "LossMetric":
        return LossMetric(losses.get(spec.kwargs["loss"]), spec.kwargs.get("name"))
    maker = _MAKERS.get(plain(spec.name))
    if maker is AutoAccuracy:
        return AutoAccuracy(spec.kwargs.get("name", "accuracy"), None if loss is None else losses.get(loss))
    return _named(spec.name, loss) if maker is None else spec.bind(spec.name, maker).made

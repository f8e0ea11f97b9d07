"""How often the class is right. Functions give 1.0 or 0.0 a sample; classes give the mean."""

from __future__ import annotations

from typing import Any, Optional

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError
from rustorch.training.losses._base import Loss, as_floats, as_tensor, same_rank, shape_text
from rustorch.training.losses.crossentropy import class_numbers
from rustorch.training.metrics._base import MeanMetricWrapper


def _fit(what: str, y_true: Tensor, y_pred: Tensor) -> None:
    if y_true.shape != y_pred.shape:
        raise ShapeError(f"{what}: labels of shape {shape_text(y_true)} do not fit outputs of shape {shape_text(y_pred)}")


def equal(y_true: Any, y_pred: Any) -> Tensor:
    """1.0 where a prediction equals its label."""
    y_true, y_pred = same_rank(as_tensor(y_true), as_tensor(y_pred))
    _fit("accuracy", y_true, y_pred)
    return (y_true == y_pred).to(rustorch.float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1.0 where (y_pred > threshold) is the label, element by element.

    >>> import rustorch as torch
    >>> from rustorch.training import metrics
    >>> metrics.binary_accuracy(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.7], [0.6]]))
    tensor([[1.],
            [0.]])
    """
    y_true, y_pred = same_rank(as_tensor(y_true), as_tensor(y_pred))
    _fit("binary_accuracy", y_true, y_pred)
    return (y_true == (y_pred > threshold).to(y_true.dtype)).to(rustorch.float32)


def _class_axis(what: str, y_pred: Tensor) -> None:
    if y_pred.dim() < 1:
        raise ShapeError(f"{what}: outputs of shape () have no classes")


def _numbers(what: str, y_true: Any, y_pred: Tensor) -> Tensor:
    """Class numbers of the outputs' shape without the classes."""
    _class_axis(what, y_pred)
    y_true = as_tensor(y_true)
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if y_true.shape != y_pred.shape[:-1]:
        hint = "; one-hot rows belong to the categorical metric of the same name" if y_true.shape == y_pred.shape else ""
        raise ShapeError(
            f"{what}: class numbers {tuple(y_pred.shape[:-1])} are expected for outputs {shape_text(y_pred)}, but labels are "
            f"{shape_text(y_true)}{hint}"
        )
    return y_true


def _of_rows(what: str, y_true: Any, y_pred: Tensor) -> Tensor:
    """Class numbers of one-hot rows."""
    _class_axis(what, y_pred)
    y_true = as_tensor(y_true)
    if y_true.shape != y_pred.shape:
        hint = "; class numbers belong to the sparse metric of the same name" if y_true.dim() < y_pred.dim() else ""
        raise ShapeError(f"{what}: one-hot rows {shape_text(y_pred)} are expected, but labels are {shape_text(y_true)}{hint}")
    return y_true.argmax(-1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1.0 where the largest output is the class of the one-hot row.

    >>> from rustorch.training import metrics
    >>> metrics.categorical_accuracy([[0.0, 1.0], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]])
    tensor([1., 1.])
    """
    y_pred = as_tensor(y_pred)
    return (_of_rows("categorical_accuracy", y_true, y_pred) == y_pred.argmax(-1)).to(rustorch.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1.0 where the largest output is the class that the label numbers.

    >>> from rustorch.training import metrics
    >>> metrics.sparse_categorical_accuracy([1, 1], [[0.25, 0.75], [0.5, 0.5]])
    tensor([1., 0.])
    """
    y_pred = as_tensor(y_pred)
    labels = _numbers("sparse_categorical_accuracy", y_true, y_pred)
    return (labels == y_pred.argmax(-1).to(labels.dtype)).to(rustorch.float32)


def _in_top(labels: Tensor, y_pred: Tensor, k: int) -> Tensor:
    own = y_pred.gather(-1, labels.unsqueeze(-1))
    return ((y_pred > own).sum(-1) < k).logical_and(own.squeeze(-1).isfinite()).to(rustorch.float32)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1.0 where the class of the one-hot row is among the ``k`` largest outputs; ties count as within.

    >>> from rustorch.training import metrics
    >>> metrics.top_k_categorical_accuracy([[0, 0, 1], [1, 0, 0]], [[0.1, 0.3, 0.6], [0.1, 0.7, 0.2]], k=2)
    tensor([1., 0.])
    """
    y_pred = as_floats(y_pred)
    return _in_top(_of_rows("top_k_categorical_accuracy", y_true, y_pred), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """1.0 where the class that the label numbers is among the ``k`` largest outputs; ties count as within.

    With ``from_sorted_ids`` the outputs are class numbers, likeliest first.

    >>> from rustorch.training import metrics
    >>> metrics.sparse_top_k_categorical_accuracy([2, 0], [[0.1, 0.3, 0.6], [0.1, 0.7, 0.2]], k=2)
    tensor([1., 0.])
    """
    what = "sparse_top_k_categorical_accuracy"
    y_pred = as_tensor(y_pred)
    labels = _numbers(what, y_true, y_pred)
    if from_sorted_ids:
        return (labels.unsqueeze(-1) == y_pred[..., :k]).any(-1).to(rustorch.float32)
    return _in_top(class_numbers(what, labels, y_pred.shape[-1]), as_floats(y_pred), k)


class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    ``compile(metrics=["accuracy"])`` is not this but the one of :class:`BinaryAccuracy`, :class:`CategoricalAccuracy` and
    :class:`SparseCategoricalAccuracy` that fits the shapes.

    >>> from rustorch.training.metrics import Accuracy
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    direction = "up"

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(equal, name)


class BinaryAccuracy(MeanMetricWrapper):
    """How often (y_pred > ``threshold``) is the label.

    >>> from rustorch.training.metrics import BinaryAccuracy
    >>> BinaryAccuracy()([[1.0], [1.0], [0.0], [0.0]], [[0.98], [1.0], [0.0], [0.6]])
    0.75
    """

    direction = "up"

    def __init__(self, name: str = "binary_accuracy", threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest output is the class of the one-hot label.

    >>> from rustorch.training.metrics import CategoricalAccuracy
    >>> CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    direction = "up"

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(categorical_accuracy, name)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest output is the class that the label numbers.

    >>> from rustorch.training.metrics import SparseCategoricalAccuracy
    >>> SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
    0.5
    """

    direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(sparse_categorical_accuracy, name)


def _check_k(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ArgumentValueError(f"k is a whole number from 1, not {k!r}")
    return k


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of the one-hot label is among the ``k`` largest outputs.

    >>> from rustorch.training import metrics
    >>> metrics.TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.3, 0.6], [0.1, 0.7, 0.2]])
    0.5
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy") -> None:
        super().__init__(top_k_categorical_accuracy, name, k=_check_k(k))


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class that the label numbers is among the ``k`` largest outputs (or first numbers, ``from_sorted_ids``).

    >>> from rustorch.training import metrics
    >>> metrics.SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.3, 0.6], [0.1, 0.7, 0.2]])
    0.5
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy", from_sorted_ids: bool = False) -> None:
        super().__init__(sparse_top_k_categorical_accuracy, name, k=_check_k(k), from_sorted_ids=from_sorted_ids)


def kind_of_labels(y_true: Tensor, y_pred: Tensor) -> str:
    """``"binary"``, ``"sparse"`` or ``"categorical"``: what the shapes say, by Keras's rule."""
    if y_pred.dim() < 2 or y_pred.shape[-1] == 1:
        return "binary"
    return "sparse" if y_true.dim() < y_pred.dim() or y_true.shape[-1] == 1 else "categorical"


class AutoAccuracy(MeanMetricWrapper):
    """``"accuracy"``: binary, sparse or categorical, as the shapes of each batch say.

    Parameters
    ----------
    name : str, default "accuracy"
    loss : Loss, optional
        Where it takes scores before a sigmoid, a yes-or-no output counts as yes above 0, which is a probability above ½.

    Example
    -------
    >>> from rustorch.training import metrics
    >>> metrics.get("accuracy")([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
    0.5
    """

    direction = "up"

    def __init__(self, name: str = "accuracy", loss: Optional[Loss] = None) -> None:
        super().__init__(self._right, name)
        self.threshold = 0.0 if loss is not None and loss.from_logits else 0.5

    def _right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        kind = kind_of_labels(y_true, y_pred)
        if kind == "binary":
            return binary_accuracy(y_true, y_pred, self.threshold)
        return (sparse_categorical_accuracy if kind == "sparse" else categorical_accuracy)(y_true, y_pred)


class AutoTopKAccuracy(MeanMetricWrapper):
    """``"top_k_accuracy"``: of class numbers or one-hot rows, as the shapes of each batch say.

    >>> from rustorch.training import metrics
    >>> metrics.AutoTopKAccuracy(k=1)([1, 1], [[0.2, 0.8], [0.7, 0.3]])
    0.5
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str = "top_k_accuracy") -> None:
        super().__init__(self._right, name)
        self.k = _check_k(k)

    def _right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        rows = kind_of_labels(y_true, y_pred) == "categorical"
        return (top_k_categorical_accuracy if rows else sparse_top_k_categorical_accuracy)(y_true, y_pred, self.k)


def accuracy(y_true: Any, y_pred: Any) -> float:
    """The share of right predictions: class numbers that are equal, or outputs whose class is the label's.

    Parameters
    ----------
    y_true : (N,) of class numbers, or (N, C) one-hot rows
    y_pred : (N,) of class numbers, or (N, C) of scores

    Example
    -------
    >>> from rustorch.training import metrics
    >>> metrics.accuracy([0, 1, 2], [0, 2, 2])
    0.666...
    """
    y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
    if y_true.shape == y_pred.shape and not y_pred.is_floating_point():
        return Accuracy()(y_true, y_pred)  # type: ignore[return-value]
    return AutoAccuracy()(y_true, y_pred)  # type: ignore[return-value]

"""Cross entropies of classes, their focal variant and a robust one.

C is the number of classes. Probabilities are divided by their sum and kept 1e-7 away from 0 and 1 before their logarithm is
taken, as Keras does. From logits (scores before the softmax) nothing is clipped, and a fused kernel computes.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, IndexOutOfRangeError, ShapeError
from rustorch.nn import functional as F
from rustorch.training.losses._base import EPSILON, FunctionLoss, Loss, as_floats, as_tensor, shape_text, smoothed, smoothing_of, warn


_NO_CLASS = -(2**62)  # the number that the kernel leaves out: none that a label has


def _axis(what: str, axis: Any, dims: int) -> int:
    """The axis counted from 0."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ArgumentTypeError(f"{what}: axis is an integer, not {axis!r}")
    if not -dims <= axis < dims:
        raise IndexOutOfRangeError(f"{what}: outputs of {dims} dimensions have no axis {axis}")
    return axis % dims


def class_numbers(what: str, labels: Tensor, classes: Optional[int] = None, ignore: Optional[int] = None) -> Tensor:
    """int64 labels; with ``classes`` also checked to be 0 ≤ label < classes (or ``ignore``).

    Raises
    ------
    ArgumentValueError
        A label has a fraction.
    IndexOutOfRangeError
        A label is out of range; the message says which, and what may be meant.
    """
    found = labels.to(rustorch.int64)
    if labels.is_floating_point() and not bool((found == labels).all()):
        wrong = float(labels[found != labels][0])
        raise ArgumentValueError(f"{what}: labels are class numbers, but {wrong:g} is not a whole number")
    if classes is None:
        return found
    checked = found if ignore is None else found[found != ignore]
    if checked.numel():
        low, high = (int(x) for x in checked.aminmax())
        if low < 0 or high >= classes:
            hint = f"the last layer needs {high + 1} units" if low >= 0 else "labels count from 0"
            if low == 1 and high == classes:
                hint = "labels count from 0: subtract 1"
            elif low == -1 and ignore is None:
                hint = "if -1 marks what is to be left out, say ignore_class=-1"
            raise IndexOutOfRangeError(
                f"{what}: labels go from {low} to {high}, but the outputs have {classes} classes, 0 to {classes - 1}: {hint}"
            )
    return found


def _rows(what: str, y_true: Tensor, y_pred: Tensor, axis: int) -> Tuple[Tensor, bool]:
    """Targets as one-hot rows of the outputs' shape, or as class numbers: (targets, are they class numbers?)."""
    if y_true.shape == y_pred.shape:
        return y_true, False
    classes = y_pred.shape[axis]
    without = [n for i, n in enumerate(y_pred.shape) if i != axis]
    if y_true.dim() == y_pred.dim() and y_true.shape[axis] == 1 and classes > 1:
        y_true = y_true.squeeze(axis)
    if list(y_true.shape) == without:
        return y_true, True
    hint = f"one-hot rows are {shape_text(y_pred)}, class numbers {tuple(without)}"
    if y_true.dim() == y_pred.dim() and [n for i, n in enumerate(y_true.shape) if i != axis] == without:
        hint = f"labels have {y_true.shape[axis]} classes and the last layer gives {classes}; {hint}"
    elif y_true.dim() and y_pred.dim() and y_true.shape[0] != y_pred.shape[0]:
        hint = f"{y_true.shape[0]} labels for {y_pred.shape[0]} outputs; {hint}"
    raise ShapeError(f"{what}: labels of shape {shape_text(y_true)} do not fit outputs of shape {shape_text(y_pred)}: {hint}")


def _from_scores(labels: Tensor, scores: Tensor, axis: int, smoothing: float = 0.0) -> Tensor:
    """Cross entropy with the softmax fused: labels are class numbers, or rows of the scores' shape."""
    if scores.dim() == 2 and axis == 1:
        return F.cross_entropy(scores, labels, ignore_index=_NO_CLASS, reduction="none", label_smoothing=smoothing)
    last = scores.movedim(axis, -1)
    classes = last.shape[-1]
    if labels.dim() == scores.dim():
        labels = labels.movedim(axis, -1).reshape(-1, classes)
    else:
        labels = labels.reshape(-1)
    return _from_scores(labels, last.reshape(-1, classes), 1, smoothing).reshape(last.shape[:-1])


def _probabilities(y_pred: Tensor, axis: int) -> Tensor:
    """Divided by their sum, 1e-7 away from 0 and 1."""
    return (y_pred / y_pred.sum(axis, keepdim=True)).clamp(EPSILON, 1.0 - EPSILON)


def _of_numbers(what: str, labels: Tensor, y_pred: Tensor, axis: int, from_logits: bool, smoothing: float = 0.0) -> Tensor:
    """Minus the logarithm of the probability of each label's class."""
    try:
        if from_logits:
            return _from_scores(labels, y_pred, axis, smoothing)
        chosen = y_pred.gather(axis, labels.unsqueeze(axis)).squeeze(axis) / y_pred.sum(axis)
        return -chosen.clamp(EPSILON, 1.0 - EPSILON).log()
    except IndexOutOfRangeError:
        class_numbers(what, labels, y_pred.shape[axis])  # knows more to say
        raise


def _one_unit(what: str, y_pred: Tensor, axis: int) -> None:
    if y_pred.dim() > 1 and y_pred.shape[axis] == 1:
        warn(
            f"{what}: the outputs have one class, so the loss cannot change: for two classes use binary_crossentropy with a sigmoid, else "
            "give the last layer a unit for each class"
        )


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """−Σ y_true · log y_pred over the classes.

    Parameters
    ----------
    y_true : of y_pred's shape, or of that shape without the classes
        One-hot rows or probabilities; beyond Keras also class numbers.
    y_pred : (batch, …, C)
        Probabilities; they are divided by their sum.
    from_logits : bool, default False
        Whether ``y_pred`` are scores before the softmax.
    label_smoothing : float from 0 to 1, default 0
        The share of each label that is spread evenly over all classes.
    axis : int, default -1
        Where the classes are.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.categorical_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    tensor([0.6931])
    """
    what = "categorical_crossentropy"
    y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
    axis = _axis(what, axis, y_pred.dim())
    _one_unit(what, y_pred, axis)
    smoothing = smoothing_of(what, label_smoothing)
    labels, numbers = _rows(what, y_true, y_pred, axis)
    if numbers:
        if from_logits or not smoothing:
            return _of_numbers(what, class_numbers(what, labels), y_pred, axis, from_logits, smoothing)
        labels = F.one_hot(class_numbers(what, labels, y_pred.shape[axis]), y_pred.shape[axis]).movedim(-1, axis)
    labels = labels.to(y_pred.dtype)
    if from_logits:
        return _from_scores(labels, y_pred, axis, smoothing)
    return -(smoothed(labels, smoothing, 1.0 / y_pred.shape[axis]) * _probabilities(y_pred, axis).log()).sum(axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: Optional[int] = None, axis: int = -1
) -> Tensor:
    """−log y_pred of the class that ``y_true`` numbers.

    Parameters
    ----------
    y_true : of y_pred's shape without the classes, or with 1 in their place
        Class numbers from 0.
    y_pred : (batch, …, C)
    from_logits : bool, default False
    ignore_class : int, optional
        A label whose loss is 0; the class :class:`SparseCategoricalCrossentropy` also leaves it out of the mean.
    axis : int, default -1

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.sparse_categorical_crossentropy(torch.tensor([1, 0]), torch.tensor([[0.5, 0.5], [0.8, 0.2]]))
    tensor([0.6931, 0.2231])
    """
    what = "sparse_categorical_crossentropy"
    y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
    axis = _axis(what, axis, y_pred.dim())
    _one_unit(what, y_pred, axis)
    if y_true.shape == y_pred.shape and y_pred.shape[axis] > 1:
        raise ShapeError(
            f"{what}: labels of shape {shape_text(y_true)} look like one-hot rows, but class numbers are expected: use "
            "categorical_crossentropy, or labels.argmax(-1)"
        )
    labels = y_true.squeeze(axis) if y_true.dim() == y_pred.dim() and y_true.shape[axis] == 1 else y_true
    if list(labels.shape) != [n for i, n in enumerate(y_pred.shape) if i != axis]:
        labels, _ = _rows(what, y_true, y_pred, axis)
    if ignore_class is None:
        return _of_numbers(what, class_numbers(what, labels), y_pred, axis, from_logits)
    labels = class_numbers(what, labels, y_pred.shape[axis], ignore_class)
    valid = labels != ignore_class
    values = _of_numbers(what, labels.where(valid, rustorch.zeros_like(labels)), y_pred, axis, from_logits)
    return values.where(valid, rustorch.zeros_like(values))


def categorical_focal_crossentropy(
    y_true: Any, y_pred: Any, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """:func:`categorical_crossentropy` whose terms are multiplied by ``alpha`` · (1 − p)^gamma.

    ``alpha`` is a number or one for each class. Source: Lin et al., ICCV 2017.

    >>> from rustorch.training import losses
    >>> losses.categorical_focal_crossentropy([[0.0, 1.0], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]])
    tensor([0.0045, 0.0433])
    """
    what = "categorical_focal_crossentropy"
    y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
    axis = _axis(what, axis, y_pred.dim())
    _one_unit(what, y_pred, axis)
    labels, numbers = _rows(what, y_true, y_pred, axis)
    if numbers:
        labels = F.one_hot(class_numbers(what, labels, y_pred.shape[axis]), y_pred.shape[axis]).movedim(-1, axis)
    labels = smoothed(labels.to(y_pred.dtype), smoothing_of(what, label_smoothing), 1.0 / y_pred.shape[axis])
    if from_logits:
        y_pred = y_pred.softmax(axis)
    p = _probabilities(y_pred, axis)
    if not isinstance(alpha, (int, float)):
        alpha = as_floats(alpha, y_pred.dtype)
    return ((1.0 - p) ** gamma * alpha * (-labels * p.log())).sum(axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """(1 − p^q) / q, p the probability of the class that ``y_true`` numbers: robust to wrong labels. Source: Zhang & Sabuncu, NeurIPS 2018.

    >>> from rustorch.training import losses
    >>> losses.categorical_generalized_cross_entropy([1, 0], [[0.25, 0.75], [0.5, 0.5]], q=0.7)
    tensor([0.2606, 0.5492])
    """
    what = "categorical_generalized_cross_entropy"
    y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
    labels, numbers = _rows(what, y_true, y_pred, y_pred.dim() - 1)
    labels = class_numbers(what, labels, y_pred.shape[-1]) if numbers else labels.argmax(-1)
    return (1.0 - y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1) ** q) / q


def look_at_classes(loss: Loss, y_pred: Tensor, axis: int) -> None:
    """The first batch: scores where probabilities are due, or the other way round."""
    if not y_pred.numel() or y_pred.dim() < 2 or not -y_pred.dim() <= axis < y_pred.dim() or y_pred.shape[axis] < 2:
        return
    low, high = (float(x) for x in y_pred.aminmax())
    sums = y_pred.sum(axis)
    if loss.from_logits and low >= 0 and high <= 1 and bool(((sums - 1).abs() < 1e-4).all()):
        other = "say from_logits=False" if isinstance(loss, FunctionLoss) else "use categorical_crossentropy"
        warn(
            f"{loss.name} expects scores before the softmax, but each row of the outputs sums to 1: take the softmax from the last layer, "
            f"or {other}"
        )
    if not loss.from_logits and low < 0:  # above 1 is no mistake: probabilities are divided by their sum
        warn(
            f"{loss.name} expects probabilities, but the outputs go from {low:g} to {high:g}: end the model with a softmax, or say "
            "from_logits=True"
        )


class _ClassLoss(FunctionLoss):
    axis = -1

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        look_at_classes(self, y_pred, self.axis)


class CategoricalCrossentropy(_ClassLoss):
    """Cross entropy of classes: labels are one-hot rows or, beyond Keras, class numbers. See :func:`categorical_crossentropy`.

    Parameters
    ----------
    from_logits, label_smoothing, axis
        As of :func:`categorical_crossentropy`.
    reduction, name, dtype
        As of :class:`Loss`.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import CategoricalCrossentropy
    >>> CategoricalCrossentropy(from_logits=True)(torch.tensor([2]), torch.zeros(1, 4))
    tensor(1.3863)
    """

    activation = "softmax"

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, reduction: Optional[str] = "sum_over_batch_size",
        name: str = "categorical_crossentropy", dtype: Any = None,
    ) -> None:
        smoothing_of(name, label_smoothing)
        super().__init__(
            categorical_crossentropy, reduction, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )

    def with_logits(self) -> Optional[Loss]:
        return None if self.from_logits else self._changed(from_logits=True)


class SparseCategoricalCrossentropy(_ClassLoss):
    """Cross entropy of classes given by their numbers. See :func:`sparse_categorical_crossentropy`.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import SparseCategoricalCrossentropy
    >>> SparseCategoricalCrossentropy(ignore_class=-1)(torch.tensor([1, -1]), torch.tensor([[0.5, 0.5], [0.9, 0.1]]))
    tensor(0.6931)
    """

    activation = "softmax"

    def __init__(
        self, from_logits: bool = False, ignore_class: Optional[int] = None, reduction: Optional[str] = "sum_over_batch_size",
        axis: int = -1, name: str = "sparse_categorical_crossentropy", dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy, reduction, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )

    def valid(self, y_true: Tensor, y_pred: Tensor, values: Tensor) -> Optional[Tensor]:
        return None if self.ignore_class is None else y_true.reshape(values.shape) != self.ignore_class

    def with_logits(self) -> Optional[Loss]:
        return None if self.from_logits else self._changed(from_logits=True)


class CategoricalFocalCrossentropy(_ClassLoss):
    """:class:`CategoricalCrossentropy` in which easy samples count for little. See :func:`categorical_focal_crossentropy`.

    >>> from rustorch.training import losses
    >>> losses.CategoricalFocalCrossentropy()([[0.0, 1.0], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]])
    tensor(0.0239)
    """

    def __init__(
        self, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: Optional[str] = "sum_over_batch_size", name: str = "categorical_focal_crossentropy", dtype: Any = None,
    ) -> None:
        smoothing_of(name, label_smoothing)
        super().__init__(
            categorical_focal_crossentropy, reduction, name, dtype, alpha=alpha, gamma=gamma, from_logits=from_logits,
            label_smoothing=label_smoothing, axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(_ClassLoss):
    """Cross entropy that bears wrong labels. See :func:`categorical_generalized_cross_entropy`.

    >>> from rustorch.training import losses
    >>> losses.CategoricalGeneralizedCrossEntropy(q=0.7)([1, 0], [[0.25, 0.75], [0.5, 0.5]])
    tensor(0.4049)
    """

    def __init__(
        self, q: float = 0.5, reduction: Optional[str] = "sum_over_batch_size", name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ArgumentValueError(f"{name}: q is between 0 and 1, not {q!r}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)

"""Losses of probabilities: cross entropies of classes and of yes-or-no outputs, their focal variants, and relatives.

C is the number of classes. Probabilities are kept 1e-7 away from 0 and 1 before their logarithm is taken, and those of
classes are divided by their sum, as Keras does. From logits (scores before the softmax or sigmoid) nothing is clipped, and a
fused kernel computes.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, IndexOutOfRangeError, ShapeError
from rustorch.nn import functional as F
from rustorch.training.losses._base import EPSILON, FunctionLoss, Loss, as_floats, as_tensor, pair, same_rank, shape_text, warn


def _axis(what: str, axis: Any, dims: int) -> int:
    """The axis counted from 0."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ArgumentTypeError(f"{what}: axis is an integer, not {axis!r}")
    if not -dims <= axis < dims:
        raise IndexOutOfRangeError(f"{what}: outputs of {dims} dimensions have no axis {axis}")
    return axis % dims


def class_numbers(what: str, labels: Tensor, classes: int, ignore: Optional[int] = None) -> Tensor:
    """int64 labels, each 0 ≤ label < classes (or ``ignore``).

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
    last = scores.movedim(axis, -1)
    classes = last.shape[-1]
    if labels.dim() == scores.dim():
        labels = labels.movedim(axis, -1).reshape(-1, classes)
    else:
        labels = labels.reshape(-1)
    return F.cross_entropy(last.reshape(-1, classes), labels, reduction="none", label_smoothing=smoothing).reshape(last.shape[:-1])


def _probabilities(y_pred: Tensor, axis: int) -> Tensor:
    """Divided by their sum, 1e-7 away from 0 and 1."""
    return (y_pred / y_pred.sum(axis, keepdim=True)).clamp(EPSILON, 1.0 - EPSILON)


def _of_class(labels: Tensor, y_pred: Tensor, axis: int) -> Tensor:
    """Minus the logarithm of the probability of each label's class."""
    chosen = y_pred.gather(axis, labels.unsqueeze(axis)).squeeze(axis) / y_pred.sum(axis)
    return -chosen.clamp(EPSILON, 1.0 - EPSILON).log()


def _one_unit(what: str, y_pred: Tensor, axis: int) -> None:
    if y_pred.dim() > 1 and y_pred.shape[axis] == 1:
        warn(
            f"{what}: the outputs have one class, so the loss cannot change: for two classes use binary_crossentropy with a sigmoid, else "
            "give the last layer a unit for each class"
        )


def _smoothed(rows: Tensor, smoothing: float, share: float) -> Tensor:
    return rows * (1.0 - smoothing) + smoothing * share if smoothing else rows


def _check_smoothing(what: str, smoothing: Any) -> float:
    if not 0 <= smoothing <= 1:
        raise ArgumentValueError(f"{what}: label_smoothing is from 0 to 1, not {smoothing!r}")
    return float(smoothing)


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
    smoothing = _check_smoothing(what, label_smoothing)
    labels, numbers = _rows(what, y_true, y_pred, axis)
    if numbers:
        labels = class_numbers(what, labels, y_pred.shape[axis])
        if from_logits:
            return _from_scores(labels, y_pred, axis, smoothing)
        if not smoothing:
            return _of_class(labels, y_pred, axis)
        labels = F.one_hot(labels, y_pred.shape[axis]).movedim(-1, axis)
    labels = labels.to(y_pred.dtype)
    if from_logits:
        return _from_scores(labels, y_pred, axis, smoothing)
    return -(_smoothed(labels, smoothing, 1.0 / y_pred.shape[axis]) * _probabilities(y_pred, axis).log()).sum(axis)


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
    labels = class_numbers(what, labels, y_pred.shape[axis], ignore_class)
    if ignore_class is None:
        return _from_scores(labels, y_pred, axis) if from_logits else _of_class(labels, y_pred, axis)
    valid = labels != ignore_class
    labels = labels.where(valid, rustorch.zeros_like(labels))
    values = _from_scores(labels, y_pred, axis) if from_logits else _of_class(labels, y_pred, axis)
    return values.where(valid, rustorch.zeros_like(values))


def _yes_or_no(what: str, y_true: Any, y_pred: Any) -> Tuple[Tensor, Tensor]:
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    aligned, outputs = same_rank(y_true, y_pred)
    if outputs.dim() == aligned.dim() + 1 and outputs.shape[-1] > 1 and aligned.shape == outputs.shape[:-1]:
        raise ShapeError(
            f"{what}: labels of shape {shape_text(y_true)} do not fit outputs of shape {shape_text(y_pred)}: a class number a sample "
            "belongs to sparse_categorical_crossentropy with a softmax, one yes-or-no label to a last layer of one unit"
        )
    y_true, y_pred = pair(what, y_true, y_pred)
    if y_true.numel():
        low, high = (float(x) for x in y_true.detach().aminmax())
        if low < 0 or high > 1:
            hint = "labels of -1 and 1 belong to hinge; or take (y + 1) / 2" if low == -1 and high <= 1 else (
                "class numbers belong to sparse_categorical_crossentropy"
            )
            raise ArgumentValueError(f"{what}: labels are from 0 to 1, but they go from {low:g} to {high:g}: {hint}")
    return y_true, y_pred


def _bce(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return F.binary_cross_entropy(y_pred.clamp(EPSILON, 1.0 - EPSILON), y_true, reduction="none")


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over ``axis`` of −(y log p + (1 − y) log(1 − p)).

    Parameters
    ----------
    y_true : of y_pred's shape
        Labels from 0 to 1.
    y_pred : (batch, …)
        Probabilities.
    from_logits : bool, default False
        Whether ``y_pred`` are scores before the sigmoid.
    label_smoothing : float from 0 to 1, default 0
        Labels move by so much towards ½.
    axis : int, default -1

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.binary_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    tensor([0.6931])
    """
    what = "binary_crossentropy"
    y_true, y_pred = _yes_or_no(what, y_true, y_pred)
    y_true = _smoothed(y_true, _check_smoothing(what, label_smoothing), 0.5)
    if from_logits:
        return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none").mean(axis)
    return _bce(y_true, y_pred).mean(axis)


def binary_focal_crossentropy(
    y_true: Any, y_pred: Any, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:
    """:func:`binary_crossentropy` times (1 − p_t)^gamma, p_t the probability given to the label: easy samples count for little.

    With ``apply_class_balancing`` also times ``alpha`` for label 1 and 1 − ``alpha`` for label 0.
    Source: Lin et al., ICCV 2017.
    """
    what = "binary_focal_crossentropy"
    y_true, y_pred = _yes_or_no(what, y_true, y_pred)
    y_true = _smoothed(y_true, _check_smoothing(what, label_smoothing), 0.5)
    if from_logits:
        y_pred = y_pred.sigmoid()
    p_t = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    values = (1.0 - p_t) ** gamma * _bce(y_true, y_pred)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return values.mean(axis)


def categorical_focal_crossentropy(
    y_true: Any, y_pred: Any, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """:func:`categorical_crossentropy` whose terms are multiplied by ``alpha`` · (1 − p)^gamma.

    ``alpha`` is a number or one for each class. Source: Lin et al., ICCV 2017.
    """
    what = "categorical_focal_crossentropy"
    y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
    axis = _axis(what, axis, y_pred.dim())
    _one_unit(what, y_pred, axis)
    labels, numbers = _rows(what, y_true, y_pred, axis)
    if numbers:
        labels = F.one_hot(class_numbers(what, labels, y_pred.shape[axis]), y_pred.shape[axis]).movedim(-1, axis)
    labels = _smoothed(labels.to(y_pred.dtype), _check_smoothing(what, label_smoothing), 1.0 / y_pred.shape[axis])
    if from_logits:
        y_pred = y_pred.softmax(axis)
    p = _probabilities(y_pred, axis)
    if not isinstance(alpha, (int, float)):
        alpha = as_floats(alpha, y_pred.dtype)
    return ((1.0 - p) ** gamma * alpha * (-labels * p.log())).sum(axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """(1 − p^q) / q, p the probability of the class that ``y_true`` numbers: robust to wrong labels. Source: Zhang & Sabuncu, NeurIPS 2018."""
    what = "categorical_generalized_cross_entropy"
    y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
    labels, numbers = _rows(what, y_true, y_pred, y_pred.dim() - 1)
    labels = class_numbers(what, labels, y_pred.shape[-1]) if numbers else labels.argmax(-1)
    return (1.0 - y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1) ** q) / q


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """Σ y_true · log(y_true / y_pred) over the last axis, both kept between 1e-7 and 1.

    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.kl_divergence(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]]))
    tensor([0.5108])
    """
    y_true, y_pred = pair("kl_divergence", y_true, y_pred)
    y_true, y_pred = y_true.clamp(EPSILON, 1.0), y_pred.clamp(EPSILON, 1.0)
    return (y_true * (y_true / y_pred).log()).sum(-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of y_pred − y_true · log(y_pred + 1e-7) over the last axis: for counts, with a last activation that is positive."""
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return (y_pred - y_true * (y_pred + EPSILON).log()).mean(-1)


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Connectionist temporal classification: minus the log-probability of the labels, whatever their alignment.

    Parameters
    ----------
    y_true : (batch, length) of class numbers, 0 where a row is filled up; 0 is also the blank
    y_pred : (batch, time, C) of scores before the softmax

    Source: Graves et al., ICML 2006; Keras 3, ``keras.losses.ctc``.
    """
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    if y_true.dim() != 2 or y_pred.dim() != 3 or y_true.shape[0] != y_pred.shape[0]:
        raise ShapeError(
            f"ctc: labels are (batch, length) and outputs (batch, time, classes), but they are {shape_text(y_true)} and {shape_text(y_pred)}"
        )
    labels = class_numbers("ctc", y_true, y_pred.shape[-1])
    steps = [y_pred.shape[1]] * y_pred.shape[0]
    return F.ctc_loss(y_pred.log_softmax(-1).transpose(0, 1), labels, steps, (labels != 0).sum(-1), blank=0, reduction="none")


def _look_at_classes(loss: Loss, y_pred: Tensor, axis: int) -> None:
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


def _look_at_pairs(loss: Loss, y_pred: Tensor) -> None:
    if loss.from_logits or not y_pred.numel():
        return
    low, high = (float(x) for x in y_pred.aminmax())
    if low < 0 or high > 1:
        warn(
            f"{loss.name} expects probabilities, but the outputs go from {low:g} to {high:g}: end the model with a sigmoid, or say "
            "from_logits=True"
        )


class _ClassLoss(FunctionLoss):
    axis = -1

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        _look_at_classes(self, y_pred, self.axis)


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
        _check_smoothing(name, label_smoothing)
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


class _YesOrNoLoss(FunctionLoss):
    elementwise = True

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        _look_at_pairs(self, y_pred)


class BinaryCrossentropy(_YesOrNoLoss):
    """Cross entropy of yes-or-no outputs. See :func:`binary_crossentropy`.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import BinaryCrossentropy
    >>> BinaryCrossentropy()(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.5], [0.5]]))
    tensor(0.6931)
    """

    activation = "sigmoid"

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, reduction: Optional[str] = "sum_over_batch_size",
        name: str = "binary_crossentropy", dtype: Any = None,
    ) -> None:
        _check_smoothing(name, label_smoothing)
        super().__init__(binary_crossentropy, reduction, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)

    def with_logits(self) -> Optional[Loss]:
        return None if self.from_logits else self._changed(from_logits=True)


class BinaryFocalCrossentropy(_YesOrNoLoss):
    """:class:`BinaryCrossentropy` in which easy samples count for little. See :func:`binary_focal_crossentropy`."""

    def __init__(
        self, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
        label_smoothing: float = 0.0, axis: int = -1, reduction: Optional[str] = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy", dtype: Any = None,
    ) -> None:
        _check_smoothing(name, label_smoothing)
        super().__init__(
            binary_focal_crossentropy, reduction, name, dtype, apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )


class CategoricalFocalCrossentropy(_ClassLoss):
    """:class:`CategoricalCrossentropy` in which easy samples count for little. See :func:`categorical_focal_crossentropy`."""

    def __init__(
        self, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: Optional[str] = "sum_over_batch_size", name: str = "categorical_focal_crossentropy", dtype: Any = None,
    ) -> None:
        _check_smoothing(name, label_smoothing)
        super().__init__(
            categorical_focal_crossentropy, reduction, name, dtype, alpha=alpha, gamma=gamma, from_logits=from_logits,
            label_smoothing=label_smoothing, axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(_ClassLoss):
    """Cross entropy that bears wrong labels. See :func:`categorical_generalized_cross_entropy`."""

    def __init__(
        self, q: float = 0.5, reduction: Optional[str] = "sum_over_batch_size", name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ArgumentValueError(f"{name}: q is between 0 and 1, not {q!r}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class KLDivergence(FunctionLoss):
    """How far a distribution is from the target's: :func:`kl_divergence`."""

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(FunctionLoss):
    """The loss of counts: :func:`poisson`."""

    elementwise = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, reduction, name, dtype)


class CTC(FunctionLoss):
    """Labels without an alignment, such as the letters of an utterance: :func:`ctc`."""

    from_logits = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "ctc", dtype: Any = None) -> None:
        super().__init__(ctc, reduction, name, dtype)

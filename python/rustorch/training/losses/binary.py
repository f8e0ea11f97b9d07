"""Cross entropy of yes-or-no outputs, and its focal variant.

Probabilities are kept 1e-7 away from 0 and 1 before their logarithm is taken, as Keras does. From logits (scores before the
sigmoid) nothing is clipped, and a fused kernel computes.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError
from rustorch.nn import functional as F
from rustorch.training.losses._base import (
    EPSILON, FunctionLoss, Loss, as_floats, as_tensor, pair, same_rank, shape_text, smoothed, smoothing_of, warn,
)  # fmt: skip


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
    y_true = smoothed(y_true, smoothing_of(what, label_smoothing), 0.5)
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

    >>> from rustorch.training import losses
    >>> losses.binary_focal_crossentropy([[0.0, 1.0], [1.0, 1.0]], [[0.2, 0.9], [0.4, 0.6]])
    tensor([0.0050, 0.2058])
    """
    what = "binary_focal_crossentropy"
    y_true, y_pred = _yes_or_no(what, y_true, y_pred)
    y_true = smoothed(y_true, smoothing_of(what, label_smoothing), 0.5)
    if from_logits:
        y_pred = y_pred.sigmoid()
    p_t = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    values = (1.0 - p_t) ** gamma * _bce(y_true, y_pred)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return values.mean(axis)


class _YesOrNoLoss(FunctionLoss):
    elementwise = True

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        if self.from_logits or not y_pred.numel():
            return
        low, high = (float(x) for x in y_pred.aminmax())
        if low < 0 or high > 1:
            warn(
                f"{self.name} expects probabilities, but the outputs go from {low:g} to {high:g}: end the model with a sigmoid, or say "
                "from_logits=True"
            )


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
        smoothing_of(name, label_smoothing)
        super().__init__(binary_crossentropy, reduction, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)

    def with_logits(self) -> Optional[Loss]:
        return None if self.from_logits else self._changed(from_logits=True)


class BinaryFocalCrossentropy(_YesOrNoLoss):
    """:class:`BinaryCrossentropy` in which easy samples count for little. See :func:`binary_focal_crossentropy`.

    >>> from rustorch.training import losses
    >>> losses.BinaryFocalCrossentropy()([[0.0, 1.0], [1.0, 1.0]], [[0.2, 0.9], [0.4, 0.6]])
    tensor(0.1054)
    """

    def __init__(
        self, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
        label_smoothing: float = 0.0, axis: int = -1, reduction: Optional[str] = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy", dtype: Any = None,
    ) -> None:
        smoothing_of(name, label_smoothing)
        super().__init__(
            binary_focal_crossentropy, reduction, name, dtype, apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )

"""Losses with a margin, losses of overlap, and circle loss."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError
from rustorch.nn import functional as F
from rustorch.training.losses._base import EPSILON, FunctionLoss, as_floats, as_tensor, pair, shape_text

_Axis = Union[None, int, Sequence[int]]


def _signs(what: str, y_true: Any, y_pred: Any) -> Tuple[Tensor, Tensor]:
    """Labels −1 and 1; those of 0 and 1 are converted."""
    y_true, y_pred = pair(what, y_true, y_pred)
    if bool(((y_true == 0) | (y_true == 1)).all()):
        y_true = 2.0 * y_true - 1.0
        return y_true, y_pred
    low, high = (float(x) for x in y_true.detach().aminmax())
    if low < -1 or high > 1:
        raise ArgumentValueError(f"{what}: labels are -1 and 1, or 0 and 1, but they go from {low:g} to {high:g}")
    return y_true, y_pred


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 − y_true · y_pred, 0) over the last axis; labels are −1 and 1, or 0 and 1.

    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.hinge(torch.tensor([[-1.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
    tensor([1.])
    """
    y_true, y_pred = _signs("hinge", y_true, y_pred)
    return (1.0 - y_true * y_pred).clamp(min=0).mean(-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 − y_true · y_pred, 0)² over the last axis; labels as of :func:`hinge`.

    >>> from rustorch.training import losses
    >>> losses.squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor([1.2500])
    """
    y_true, y_pred = _signs("squared_hinge", y_true, y_pred)
    return (1.0 - y_true * y_pred).clamp(min=0).square().mean(-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(largest score of a wrong class − score of the right one + 1, 0); labels are one-hot rows.

    >>> from rustorch.training import losses
    >>> losses.categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])
    tensor([0.7500])
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    right = (y_true * y_pred).sum(-1)
    wrong = ((1.0 - y_true) * y_pred).amax(-1)
    return (wrong - right + 1.0).clamp(min=0)


def _sum(x: Tensor, axis: _Axis) -> Tensor:
    return x.sum() if axis is None else x.sum(axis)


def dice(y_true: Any, y_pred: Any, axis: _Axis = None) -> Tensor:
    """1 − 2 Σ y_true · y_pred / (Σ y_true + Σ y_pred + 1e-7) over ``axis``, by default over everything: for masks.

    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.dice(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor(0.3333)
    """
    y_true, y_pred = pair("dice", y_true, y_pred)
    return 1.0 - 2.0 * _sum(y_true * y_pred, axis) / (_sum(y_true, axis) + _sum(y_pred, axis) + EPSILON)


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: _Axis = None) -> Tensor:
    """:func:`dice` with weights: ``alpha`` of what is in ``y_true`` alone, ``beta`` of what is in ``y_pred`` alone.

    Source: Salehi et al., 2017; which weight is which follows Keras 3.

    >>> from rustorch.training import losses
    >>> losses.tversky([[1.0, 0.0]], [[1.0, 1.0]], alpha=0.3, beta=0.7)
    tensor(0.4118)
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    both = _sum(y_true * y_pred, axis)
    missed, extra = _sum((1.0 - y_pred) * y_true, axis), _sum(y_pred * (1.0 - y_true), axis)
    return 1.0 - both / (both + missed * alpha + extra * beta + EPSILON)


def circle(
    y_true: Any, y_pred: Any, ref_labels: Any = None, ref_embeddings: Any = None, remove_diagonal: bool = True, gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:
    """Circle loss of embeddings: those of one class are to be near, others far.

    Parameters
    ----------
    y_true : (batch,) or (batch, 1) of class numbers
    y_pred : (batch, dimensions)
        Embeddings of length 1.
    ref_labels, ref_embeddings : optional
        What to compare with; by default the batch itself.
    remove_diagonal : bool, default True
        Whether to leave each embedding's comparison with itself out.
    gamma, margin : float

    Source: Sun et al., CVPR 2020.

    >>> from rustorch.training import losses
    >>> losses.circle([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], gamma=2.0)
    tensor([0.4518, 0.7763, 0.0000])
    """
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    if y_pred.dim() != 2 or y_true.numel() != y_pred.shape[0]:
        found = f"{shape_text(y_true)} and {shape_text(y_pred)}"
        raise ShapeError(f"circle: labels (batch,) and embeddings (batch, n) are expected, not {found}")
    labels = y_true.reshape(-1, 1).to(rustorch.int64)
    references = y_pred if ref_embeddings is None else as_floats(ref_embeddings, y_pred.dtype)
    of_reference = labels.transpose(0, 1) if ref_labels is None else as_tensor(ref_labels).reshape(1, -1).to(rustorch.int64)
    same = labels == of_reference
    other = ~same
    if remove_diagonal:
        same = same & ~rustorch.eye(*same.shape, dtype=rustorch.bool)
    distance = (1.0 - y_pred @ references.transpose(0, 1)).clamp(min=0)
    near = -gamma * (margin + distance).clamp(min=0) * (margin - distance)
    far = gamma * (1.0 + margin - distance).clamp(min=0) * (1.0 - margin - distance)
    nothing = rustorch.full_like(distance, -1e30)  # finite: the gradient of a row without partners is 0, not NaN
    return F.softplus(near.where(same, nothing).logsumexp(1) + far.where(other, nothing).logsumexp(1))


class Hinge(FunctionLoss):
    """The loss of support vector machines: :func:`hinge`.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import Hinge
    >>> Hinge()(torch.tensor([[0.0], [1.0]]), torch.tensor([[-2.0], [0.5]]))
    tensor(0.2500)
    """

    elementwise = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(FunctionLoss):
    """The square of the hinge: :func:`squared_hinge`.

    >>> from rustorch.training import losses
    >>> losses.SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor(1.2500)
    """

    elementwise = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(FunctionLoss):
    """The hinge of classes: :func:`categorical_hinge`.

    >>> from rustorch.training import losses
    >>> losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
    tensor(0.7500)
    """

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)


class Dice(FunctionLoss):
    """The overlap of masks: :func:`dice`.

    >>> from rustorch.training import losses
    >>> losses.Dice()([[1.0, 0.0]], [[1.0, 1.0]])
    tensor(0.3333)
    """

    def __init__(
        self, reduction: Optional[str] = "sum_over_batch_size", name: str = "dice", axis: _Axis = None, dtype: Any = None
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(FunctionLoss):
    """The overlap of masks with weights of what is missed and what is too much: :func:`tversky`.

    >>> from rustorch.training import losses
    >>> losses.Tversky(alpha=0.3, beta=0.7)([[1.0, 0.0]], [[1.0, 1.0]])
    tensor(0.4118)
    """

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5, reduction: Optional[str] = "sum_over_batch_size", name: str = "tversky",
        axis: _Axis = None, dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(FunctionLoss):
    """Embeddings of one class near, others far: :func:`circle`. What has no partner, or no stranger, in the batch counts for nothing.

    >>> from rustorch.training import losses
    >>> losses.Circle(gamma=2.0)([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    tensor(0.6141)
    """

    def __init__(
        self, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True, reduction: Optional[str] = "sum_over_batch_size",
        name: str = "circle", dtype: Any = None,
    ) -> None:
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def valid(self, y_true: Tensor, y_pred: Tensor, values: Tensor) -> Optional[Tensor]:
        return values.detach() > 0

"""Losses of distributions: divergence, counts, and labels without an alignment."""

from __future__ import annotations

from typing import Any, Optional

from rustorch import Tensor
from rustorch._C import ShapeError
from rustorch.nn import functional as F
from rustorch.training.losses._base import EPSILON, FunctionLoss, as_floats, as_tensor, pair, shape_text
from rustorch.training.losses.crossentropy import class_numbers


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
    """The mean of y_pred − y_true · log(y_pred + 1e-7) over the last axis: for counts, with a last activation that is positive.

    >>> from rustorch.training import losses
    >>> losses.poisson([[2.0, 0.0]], [[1.0, 1.0]])
    tensor([1.0000])
    """
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return (y_pred - y_true * (y_pred + EPSILON).log()).mean(-1)


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Connectionist temporal classification: minus the log-probability of the labels, whatever their alignment.

    Parameters
    ----------
    y_true : (batch, length) of class numbers, 0 where a row is filled up; 0 is also the blank
    y_pred : (batch, time, C) of scores before the softmax

    Source: Graves et al., ICML 2006; Keras 3, ``keras.losses.ctc``.

    >>> from rustorch.training import losses
    >>> losses.ctc([[1, 2]], [[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    tensor([1.1468])
    """
    y_true, y_pred = as_tensor(y_true), as_floats(y_pred)
    if y_true.dim() != 2 or y_pred.dim() != 3 or y_true.shape[0] != y_pred.shape[0]:
        found = f"{shape_text(y_true)} and {shape_text(y_pred)}"
        raise ShapeError(f"ctc: labels are (batch, length) and outputs (batch, time, classes), but they are {found}")
    labels = class_numbers("ctc", y_true, y_pred.shape[-1])
    steps = [y_pred.shape[1]] * y_pred.shape[0]
    return F.ctc_loss(y_pred.log_softmax(-1).transpose(0, 1), labels, steps, (labels != 0).sum(-1), blank=0, reduction="none")


class KLDivergence(FunctionLoss):
    """How far a distribution is from the target's: :func:`kl_divergence`.

    >>> from rustorch.training import losses
    >>> losses.KLDivergence()([[0.5, 0.5]], [[0.9, 0.1]])
    tensor(0.5108)
    """

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(FunctionLoss):
    """The loss of counts: :func:`poisson`.

    >>> from rustorch.training import losses
    >>> losses.Poisson()([[2.0, 0.0]], [[1.0, 1.0]])
    tensor(1.0000)
    """

    elementwise = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, reduction, name, dtype)


class CTC(FunctionLoss):
    """Labels without an alignment, such as the letters of an utterance: :func:`ctc`.

    >>> from rustorch.training import losses
    >>> losses.CTC()([[1, 2]], [[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    tensor(1.1468)
    """

    from_logits = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "ctc", dtype: Any = None) -> None:
        super().__init__(ctc, reduction, name, dtype)

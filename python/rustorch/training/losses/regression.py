"""Losses of numbers: how far outputs are from targets. Means are over the last axis; a batch (B, D) gives (B,)."""

from __future__ import annotations

import math
from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch.nn import functional as F
from rustorch.training import _masks
from rustorch.training.losses._base import EPSILON, _MEANS, FunctionLoss, pair

_PLAIN = (rustorch.float32, rustorch.float64)


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true − y_pred)² over the last axis.

    >>> import rustorch as torch
    >>> from rustorch.training import losses
    >>> losses.mean_squared_error(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.5000])
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return F.mse_loss(y_pred, y_true, reduction="none").mean(-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true − y_pred| over the last axis.

    >>> from rustorch.training import losses
    >>> losses.mean_absolute_error([[0.0, 1.0], [1.0, 1.0]], [[0.2, 0.9], [0.4, 0.6]])
    tensor([0.1500, 0.5000])
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return F.l1_loss(y_pred, y_true, reduction="none").mean(-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of |y_true − y_pred| / max(|y_true|, 1e-7) over the last axis.

    >>> from rustorch.training import losses
    >>> losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])
    tensor([25.])
    """
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * ((y_true - y_pred) / y_true.abs().clamp(min=EPSILON)).abs().mean(-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (log(1 + y_true) − log(1 + y_pred))² over the last axis; both are taken to be at least 1e-7.

    >>> from rustorch.training import losses
    >>> losses.mean_squared_logarithmic_error([[0.0, 1.0]], [[1.0, 1.0]])
    tensor([0.2402])
    """
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    return (y_pred.clamp(min=EPSILON).log1p() - y_true.clamp(min=EPSILON).log1p()).square().mean(-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean of ½ d² where |d| ≤ ``delta`` and of ``delta`` · (|d| − ½ ``delta``) beyond. Source: Huber, 1964.

    >>> from rustorch.training import losses
    >>> losses.huber([[0.0, 0.0]], [[0.5, 3.0]])
    tensor([1.3125])
    """
    y_true, y_pred = pair("huber", y_true, y_pred)
    return F.huber_loss(y_pred, y_true, reduction="none", delta=delta).mean(-1)


def smooth_l1(y_true: Any, y_pred: Any, beta: float = 1.0) -> Tensor:
    """:func:`huber` divided by ``beta``, as PyTorch has it. Source: Girshick, ICCV 2015.

    >>> from rustorch.training import losses
    >>> losses.smooth_l1([[0.0, 0.0]], [[0.5, 3.0]], beta=0.5)
    tensor([1.5000])
    """
    y_true, y_pred = pair("smooth_l1", y_true, y_pred)
    return F.smooth_l1_loss(y_pred, y_true, reduction="none", beta=beta).mean(-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of log cosh(y_pred − y_true) over the last axis: d² / 2 where small, |d| − log 2 where large.

    >>> from rustorch.training import losses
    >>> losses.log_cosh([[0.0, 0.0]], [[1.0, 2.0]])
    tensor([0.8794])
    """
    y_true, y_pred = pair("log_cosh", y_true, y_pred)
    d = y_pred - y_true
    return (d + F.softplus(-2.0 * d) - math.log(2.0)).mean(-1)


def normalized(x: Tensor, axis: int) -> Tensor:
    """Vectors along an axis with length 1; those shorter than 1e-7 become x · 1e7."""
    return x * x.square().sum(axis, keepdim=True).clamp(min=EPSILON**2).rsqrt()


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between target and output along an axis: −1 where they point alike, 1 where opposite.

    >>> from rustorch.training import losses
    >>> losses.cosine_similarity([[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    tensor([-1.0000, -0.7071])
    """
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    return -(normalized(y_true, axis) * normalized(y_pred, axis)).sum(axis)


class _PairLoss(FunctionLoss):
    """A loss that a kernel computes in one pass when nothing is weighted."""

    elementwise = True
    _kernel: Callable[..., Tensor]

    def weighed(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tuple[Tensor, float]:
        mask = _masks.of(y_pred) if mask is None else mask
        if sample_weight is None and mask is None and self.reduction in _MEANS:
            same = type(y_true) is type(y_pred) is Tensor and y_true.dtype == y_pred.dtype in _PLAIN and y_true.shape == y_pred.shape
            if not same or self.dtype is not None:
                y_true, y_pred = pair(self.name, *self.prepare(y_true, y_pred))
            if y_pred.numel():
                value = type(self)._kernel(y_pred, y_true, **{key: getattr(self, key) for key in self._options})
                return value, float(y_pred.numel() // y_pred.shape[-1] if y_pred.dim() > 1 else y_pred.numel())
        return super().weighed(y_true, y_pred, sample_weight, mask)


class MeanSquaredError(_PairLoss):
    """The mean squared error.

    Parameters
    ----------
    reduction, name, dtype
        As of :class:`Loss`.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import MeanSquaredError
    >>> MeanSquaredError()(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    tensor(0.5000)
    """

    _kernel = staticmethod(F.mse_loss)

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(_PairLoss):
    """The mean absolute error; arguments as of :class:`MeanSquaredError`.

    >>> from rustorch.training import losses
    >>> losses.MeanAbsoluteError()([[0.0, 1.0], [1.0, 1.0]], [[0.2, 0.9], [0.4, 0.6]])
    tensor(0.3250)
    """

    _kernel = staticmethod(F.l1_loss)

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class Huber(_PairLoss):
    """Squared up to ``delta`` (default 1), linear beyond: :func:`huber`.

    >>> from rustorch.training import losses
    >>> losses.Huber(delta=2.0)([[0.0, 0.0]], [[0.5, 3.0]])
    tensor(2.0625)
    """

    _kernel = staticmethod(F.huber_loss)

    def __init__(
        self, delta: float = 1.0, reduction: Optional[str] = "sum_over_batch_size", name: str = "huber_loss", dtype: Any = None
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)


class SmoothL1(_PairLoss):
    """:class:`Huber` divided by ``beta`` (default 1): :func:`smooth_l1`.

    >>> from rustorch.training import losses
    >>> losses.SmoothL1(beta=0.5)([[0.0, 0.0]], [[0.5, 3.0]])
    tensor(1.5000)
    """

    _kernel = staticmethod(F.smooth_l1_loss)

    def __init__(
        self, beta: float = 1.0, reduction: Optional[str] = "sum_over_batch_size", name: str = "smooth_l1", dtype: Any = None
    ) -> None:
        super().__init__(smooth_l1, reduction, name, dtype, beta=beta)


class MeanAbsolutePercentageError(FunctionLoss):
    """The mean absolute error in percent of the target: :func:`mean_absolute_percentage_error`.

    >>> from rustorch.training import losses
    >>> losses.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]])
    tensor(25.)
    """

    elementwise = True

    def __init__(
        self, reduction: Optional[str] = "sum_over_batch_size", name: str = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean squared error of logarithms: :func:`mean_squared_logarithmic_error`.

    >>> from rustorch.training import losses
    >>> losses.MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 1.0]])
    tensor(0.2402)
    """

    elementwise = True

    def __init__(
        self, reduction: Optional[str] = "sum_over_batch_size", name: str = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class LogCosh(FunctionLoss):
    """The logarithm of the hyperbolic cosine of the error: :func:`log_cosh`.

    >>> from rustorch.training import losses
    >>> losses.LogCosh()([[0.0, 0.0]], [[1.0, 2.0]])
    tensor(0.8794)
    """

    elementwise = True

    def __init__(self, reduction: Optional[str] = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(FunctionLoss):
    """Minus the cosine between targets and outputs along ``axis`` (default −1): :func:`cosine_similarity`.

    >>> from rustorch.training import losses
    >>> losses.CosineSimilarity()([[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    tensor(-0.8536)
    """

    def __init__(
        self, axis: int = -1, reduction: Optional[str] = "sum_over_batch_size", name: str = "cosine_similarity", dtype: Any = None
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)

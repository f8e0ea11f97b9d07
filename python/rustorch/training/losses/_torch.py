"""PyTorch's losses, criterion(input, target), as losses of (y_true, y_pred)."""

from __future__ import annotations

import copy
from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch import Tensor, nn
from rustorch._C import UnsupportedError
from rustorch.nn import functional as F
from rustorch.training import _masks
from rustorch.training.losses._base import Loss, as_floats, as_tensor, same_rank
from rustorch.training.losses.crossentropy import look_at_classes

__all__ = ["TorchLoss"]

_NUMBERS = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss, nn.MultiLabelMarginLoss)  # targets are class numbers
_SCORES = (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)


class TorchLoss(Loss):
    """A criterion of ``rustorch.nn``, or any module or function called as ``criterion(input, target)``.

    Targets get the dtype of the outputs where they are no class numbers, and outputs (batch, 1) with targets (batch,), which
    PyTorch would broadcast to (batch, batch), are compared one by one.

    Parameters
    ----------
    criterion : module or callable
        With one result a batch. Where it has a ``reduction``, samples can be weighted as well.
    name : str, optional

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import TorchLoss
    >>> TorchLoss(torch.nn.CrossEntropyLoss())(torch.tensor([2]), torch.zeros(1, 4))
    tensor(1.3863)
    """

    def __init__(self, criterion: Callable[..., Any], name: Optional[str] = None) -> None:
        super().__init__(name or getattr(criterion, "__name__", type(criterion).__name__))
        self.criterion = criterion
        self.from_logits = isinstance(criterion, _SCORES) or criterion is F.cross_entropy or (
            criterion is F.binary_cross_entropy_with_logits
        )
        self._numbers = isinstance(criterion, _NUMBERS) or criterion in (F.cross_entropy, F.nll_loss, F.multi_margin_loss)

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        if self._numbers and self.from_logits:
            look_at_classes(self, y_pred, 1)

    def prepare(self, y_true: Any, y_pred: Any) -> Tuple[Tensor, Tensor]:
        y_pred, y_true = as_floats(y_pred), as_tensor(y_true)
        if self._numbers:
            if y_true.dim() == y_pred.dim() and y_true.shape != y_pred.shape and y_true.shape[-1] == 1:
                y_true = y_true.squeeze(-1)
            if y_true.shape != y_pred.shape and y_true.is_floating_point() and bool((y_true == y_true.to(rustorch.int64)).all()):
                y_true = y_true.to(rustorch.int64)
            return y_true, y_pred
        return same_rank(y_true.to(y_pred.dtype), y_pred)

    def _reduced(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        """The criterion with another reduction."""
        if hasattr(self.criterion, "reduction"):
            other = copy.copy(self.criterion)
            other.reduction = reduction
            return other(y_pred, y_true)
        if getattr(F, getattr(self.criterion, "__name__", ""), None) is self.criterion:
            return self.criterion(y_pred, y_true, reduction=reduction)
        raise UnsupportedError(
            f"the loss {self.name} gives one number a batch, so that samples cannot be weighted: a module with a reduction attribute, or a "
            "function of (y_true, y_pred) with one value a sample, can be"
        )

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._reduced(y_true, y_pred, "none")

    def weighed(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tuple[Tensor, float]:
        mask = _masks.of(y_pred) if mask is None else mask
        if sample_weight is not None or mask is not None or getattr(self.criterion, "reduction", "mean") == "none":
            return super().weighed(y_true, y_pred, sample_weight, mask)
        y_true, y_pred = self.prepare(y_true, y_pred)
        if not self._looked:
            self._looked = True
            self.look(y_true.detach(), y_pred.detach())
        return self.criterion(y_pred, y_true), self._share(y_true, y_pred)

    def _share(self, y_true: Tensor, y_pred: Tensor) -> float:
        """What the criterion's mean is over: its samples, or the weights of those that are not left out."""
        if not self._numbers or y_true.is_floating_point() or not isinstance(self.criterion, (nn.CrossEntropyLoss, nn.NLLLoss)):
            return float(y_pred.shape[0] if y_pred.dim() else 1)
        labels = y_true[y_true != self.criterion.ignore_index].to(rustorch.int64)
        weight = self.criterion.weight
        return float(labels.numel() if weight is None else weight[labels].sum())

    def by_value(self, y_true: Any, y_pred: Any) -> Tensor:
        try:
            return super().by_value(y_true, y_pred)
        except UnsupportedError:  # the batch's loss stands for each sample
            return self(y_true, y_pred).expand(as_tensor(y_pred).shape[0])

"""The focal loss."""

from __future__ import annotations

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F

__all__ = ["sigmoid_focal_loss"]


def sigmoid_focal_loss(inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none") -> Tensor:
    """Cross-entropy of logits that counts examples less the better they are told already.

    Parameters
    ----------
    inputs : Tensor
        Logits.
    targets : Tensor
        0 or 1, of the same shape.
    alpha : float, default 0.25
        Weight of the ones; zeros have 1 − alpha. Negative: no weights.
    gamma : float, default 2
        How much less.
    reduction : {"none", "mean", "sum"}, default "none"

    Raises
    ------
    ArgumentValueError
        Another reduction, or alpha above 1.

    Source: Lin et al., arXiv 1708.02002.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.vision.ops.sigmoid_focal_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.0433])
    """
    if alpha > 1:
        raise ArgumentValueError(f"sigmoid_focal_loss: alpha must be at most 1, got {alpha}")
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentValueError(f"sigmoid_focal_loss: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    p = rustorch.sigmoid(inputs)
    right = p * targets + (1 - p) * (1 - targets)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none") * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()

"""Branches of residual networks that are left out at random."""

from __future__ import annotations

import rustorch
from rustorch import Tensor, nn
from rustorch._C import ArgumentValueError

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Zeros in place of the whole input, or of samples, with probability p; the rest is divided by 1 − p.

    Parameters
    ----------
    input : Tensor (N, …)
    p : float, 0 to 1
    mode : {"batch", "row"}
        "batch": all or nothing; "row": each sample by itself.
    training : bool, default True
        False: the input is returned.

    Raises
    ------
    ArgumentValueError
        p or mode is another.

    Source: Huang et al., arXiv 1603.09382.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.vision.ops.stochastic_depth(torch.ones(2), 0.0, "row")
    tensor([1., 1.])
    """
    if not 0 <= p <= 1:
        raise ArgumentValueError(f"stochastic_depth: p must be from 0 to 1, got {p}")
    if mode not in ("batch", "row"):
        raise ArgumentValueError(f"stochastic_depth: mode must be 'batch' or 'row', got {mode!r}")
    if not training or p == 0:
        return input
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.dim() - 1)
    noise = rustorch.empty(size, dtype=input.dtype, device=input.device).bernoulli_(1 - p)
    return input * (noise / (1 - p) if p < 1 else noise)


class StochasticDepth(nn.Module):
    """:func:`stochastic_depth` as a module.

    >>> import rustorch as torch
    >>> torch.vision.ops.StochasticDepth(0.2, "row")
    StochasticDepth(p=0.2, mode=row)
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        """Compute."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"StochasticDepth(p={self.p}, mode={self.mode})"

"""Adamax."""

from __future__ import annotations

from typing import Any, Iterable, Tuple

from rustorch.optim.optimizer import FusedOptimizer

__all__ = ["Adamax"]


class Adamax(FusedOptimizer):
    """Adamax: Adam with the largest recent gradient in the place of the second moment.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 2e-3
    betas : pair of floats, default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    maximize : bool, default False
    foreach, capturable, differentiable : see :class:`FusedOptimizer`

    Source: Kingma and Ba, ICLR 2015, section 7.1.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.Adamax(layer.parameters())
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    _rule = "adamax"
    _states = ("exp_avg", "exp_inf")
    _passed = ("eps", "weight_decay", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, foreach: Any = None, *, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Dict, Iterable

from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["ASGD"]


class ASGD(FusedOptimizer):
    """Averaged stochastic gradient descent: ``state[p]["ax"]`` is the mean of the parameters since step ``t0``.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-2
    lambd : float, default 1e-4
        Decay; the rate after step t is ``lr / (1 + lambd * lr * t) ** alpha``.
    alpha : float, default 0.75
    t0 : float, default 1e6
        The step at which averaging begins.
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    foreach, maximize, differentiable, capturable : see :class:`FusedOptimizer`

    Source: Polyak and Juditsky, SIAM J. Control and Optimization 30, 1992.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.ASGD(layer.parameters())
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    _rule = "asgd"
    _states = ("ax",)
    _scalars = ("step", "eta", "mu")
    _passed = ("lambd", "alpha", "t0", "weight_decay", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: Any = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("lambd value", group["lambd"])
        check_range("alpha value", group["alpha"])

    def _new_scalar(self, name: str, group: Dict[str, Any]) -> float:
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0}[name]

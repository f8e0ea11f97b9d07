"""Adadelta."""

from __future__ import annotations

from typing import Any, Dict, Iterable

from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["Adadelta"]


class Adadelta(FusedOptimizer):
    """Adadelta: steps whose size comes from running means of squared gradients and squared updates.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1.0
    rho : float, default 0.9
    eps : float, default 1e-6
    weight_decay : float, default 0
    maximize : bool, default False
    foreach, capturable, differentiable : see :class:`FusedOptimizer`

    Source: Zeiler, arXiv 1212.5701.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.Adadelta(layer.parameters())
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    _rule = "adadelta"
    _states = ("square_avg", "acc_delta")
    _passed = ("eps", "weight_decay", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: Any = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "capturable": capturable,
            "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("rho value", group["rho"], 0, 1)

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        return {**super()._options(group), "beta1": group["rho"]}

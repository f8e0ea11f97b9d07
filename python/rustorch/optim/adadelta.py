"""Adadelta."""

from __future__ import annotations

from typing import Any, Dict, Iterable

from rustorch._C import UnsupportedError
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
    foreach, capturable, differentiable : accepted as PyTorch has them
        The step is always one fused pass; ``differentiable=True`` is an error.

    Source: Zeiler, arXiv 1212.5701.
    """

    _rule = "adadelta"
    _states = ("square_avg", "acc_delta")

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: Any = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:
        if differentiable:
            raise UnsupportedError("Adadelta: differentiable=True is not supported")
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def _check_group(self, group: Dict[str, Any]) -> None:
        check_range("learning rate", group["lr"])
        check_range("rho value", group["rho"], 0, 1)
        check_range("epsilon value", group["eps"])
        check_range("weight_decay value", group["weight_decay"])

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        names = ("eps", "weight_decay", "maximize")
        return {"lr": float(group["lr"]), "beta1": group["rho"], **{name: group[name] for name in names}}

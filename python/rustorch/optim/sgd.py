"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from rustorch._C import ArgumentValueError, UnsupportedError
from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["SGD"]


class SGD(FusedOptimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-3
    momentum : float, default 0
    dampening : float, default 0
        Share of the gradient that does not enter the momentum.
    weight_decay : float, default 0
        L2 penalty.
    nesterov : bool, default False
    maximize : bool, default False
    foreach, differentiable, fused : accepted as PyTorch has them
        The step is always one fused pass; ``differentiable=True`` is an error.

    Source: Sutskever et al., ICML 2013, for momentum and Nesterov's form of it.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.8000], requires_grad=True)
    """

    _rule = "sgd"
    _states = ("momentum_buffer",)

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: Any = None, differentiable: bool = False, fused: Any = None,
    ) -> None:
        if differentiable:
            raise UnsupportedError("SGD: differentiable=True is not supported")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        check_range("learning rate", group["lr"])
        check_range("momentum value", group["momentum"])
        check_range("weight_decay value", group["weight_decay"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentValueError("Nesterov momentum requires a momentum and zero dampening")

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        return (group["momentum"] != 0,)

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        names = ("momentum", "dampening", "weight_decay", "nesterov", "maximize")
        return {"lr": float(group["lr"]), **{name: group[name] for name in names}}

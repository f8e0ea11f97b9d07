"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
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
    foreach, differentiable, fused : see :class:`FusedOptimizer`

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
    _scalars = ()
    _passed = ("momentum", "dampening", "weight_decay", "nesterov", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: Any = None, differentiable: bool = False, fused: Any = None,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("momentum value", group["momentum"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentValueError("Nesterov momentum requires a momentum and zero dampening")

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        return (group["momentum"] != 0,)

    def _new_state(self, name: str, p: Tensor, group: Dict[str, Any]) -> Tensor:
        return rustorch.empty_like(p.detach())

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        options = self._options(group)
        if group["momentum"] == 0:
            self._run(group, params, options)
            return
        # A buffer starts as the gradient itself, without the dampening.
        new = [p for p in params if self.state[p].get("momentum_buffer") is None]
        if new:
            fresh = {id(p) for p in new}
            params = [p for p in params if id(p) not in fresh]
            self._run(group, new, {**options, "first": True})
        if params:
            self._run(group, params, options)

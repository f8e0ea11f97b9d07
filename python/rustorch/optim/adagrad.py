"""Adagrad."""

from __future__ import annotations

from typing import Any, Dict, Iterable

import rustorch
from rustorch import Tensor
from rustorch.nn.parameter import is_lazy
from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["Adagrad"]


class Adagrad(FusedOptimizer):
    """Adagrad: each element's rate falls with the sum of its squared gradients.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-2
    lr_decay : float, default 0
        The rate at step t is ``lr / (1 + (t - 1) * lr_decay)``.
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    initial_accumulator_value : float, default 0
        Where the sums start.
    eps : float, default 1e-10
    maximize : bool, default False
    foreach, differentiable, fused : see :class:`FusedOptimizer`

    Source: Duchi, Hazan and Singer, JMLR 12, 2011.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.9000], requires_grad=True)
    """

    _rule = "adagrad"
    _states = ("sum",)
    _passed = ("lr_decay", "eps", "weight_decay", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: Any = None, *, maximize: bool = False,
        differentiable: bool = False, fused: Any = None,
    ) -> None:
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:  # the sums are there before the first step, as in PyTorch
            for p in group["params"]:
                if is_lazy(p):
                    continue  # until its size is known
                self.state[p] = {
                    "step": rustorch.tensor(0.0, dtype=rustorch.float32),
                    "sum": self._new_state("sum", p, group),
                }

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("lr_decay value", group["lr_decay"])
        check_range("initial_accumulator_value value", group["initial_accumulator_value"])

    def _new_state(self, name: str, p: Tensor, group: Dict[str, Any]) -> Tensor:
        return rustorch.full_like(p.detach(), group["initial_accumulator_value"])

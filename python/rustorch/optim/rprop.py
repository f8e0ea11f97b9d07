"""Rprop."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.optim.optimizer import FusedOptimizer

__all__ = ["Rprop"]


class Rprop(FusedOptimizer):
    """Resilient backpropagation: a step size for each element, which grows while its gradient keeps its sign.

    Only the sign of the gradient is used, so it wants whole batches.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-2
        The first step size.
    etas : pair of floats, default (0.5, 1.2)
        Factors of the step size when the sign changes and when it stays.
    step_sizes : pair of floats, default (1e-6, 50)
        The smallest and the largest step size.
    maximize : bool, default False
    capturable, foreach, differentiable : see :class:`FusedOptimizer`

    Source: Riedmiller and Braun, ICNN 1993.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.Rprop(layer.parameters())
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    _rule = "rprop"
    _states = ("prev", "step_size")
    _passed = ("maximize",)

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, etas: Tuple[float, float] = (0.5, 1.2),
        step_sizes: Tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: Any = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        minus, plus = group["etas"]
        if not 0.0 < minus < 1.0 < plus:
            raise ArgumentValueError(f"Invalid eta values: {minus}, {plus}")

    def _new_state(self, name: str, p: Tensor, group: Dict[str, Any]) -> Tensor:
        return rustorch.full_like(p.detach(), float(group["lr"]) if name == "step_size" else 0.0)

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        minus, plus = group["etas"]
        low, high = group["step_sizes"]
        return {**super()._options(group), "eta_minus": minus, "eta_plus": plus, "step_min": low, "step_max": high}

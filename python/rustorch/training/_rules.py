"""Update rules where Keras's formula is not PyTorch's: the place of epsilon, mostly."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, Tuple

import rustorch
from rustorch import Tensor, optim
from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["Adam", "Adamax", "Ftrl", "Lion", "RMSprop"]


class Adam(optim.Adam):
    """Adam with epsilon beside the second moment before its bias correction, as Keras (and the paper's last lines) have it."""

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        options = super()._options(group)
        step = 1 + max((float(self.state[p]["step"]) for p in group["params"] if self.state.get(p)), default=0.0)
        options["eps"] = group["eps"] / math.sqrt(1 - group["betas"][1] ** step)
        return options


class _Written(FusedOptimizer):
    """A rule written in tensor operations, where Keras's formula is none of the engine's."""

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        with rustorch.no_grad():
            for p in params:
                state = self.state[p]
                if "step" not in state:
                    state["step"] = rustorch.tensor(0.0)
                    for name in self._states:
                        state[name] = rustorch.zeros_like(p.detach())
                state["step"].add_(1.0)
                self._update(group, p, p.grad, state, float(state["step"]))

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        """One step of one parameter; ``step`` counts from 1."""
        raise NotImplementedError


class RMSprop(_Written):
    """Keras's RMSprop: epsilon under the root."""

    _states = ("velocity", "momentum", "average")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, rho: float = 0.9, momentum: float = 0.0, eps: float = 1e-7, centered: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "momentum": momentum, "eps": eps, "centered": centered})

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("rho", group["rho"], 0, 1)
        check_range("momentum", group["momentum"], 0, 1)

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        rho = group["rho"]
        velocity = state["velocity"].mul_(rho).addcmul_(grad, grad, value=1 - rho)
        below = velocity
        if group["centered"]:
            average = state["average"].mul_(rho).add_(grad, alpha=1 - rho)
            below = velocity - average.square()
        change = group["lr"] * grad * (below + group["eps"]).rsqrt()
        if group["momentum"] > 0:
            change = state["momentum"].mul_(group["momentum"]).add_(change)
        p.sub_(change)


class Adamax(_Written):
    """Keras's Adamax: epsilon beside the norm."""

    _states = ("exp_avg", "exp_inf")

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-7) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        beta1, beta2 = group["betas"]
        mean = state["exp_avg"].mul_(beta1).add_(grad, alpha=1 - beta1)
        norm = state["exp_inf"].mul_(beta2)
        norm.copy_(rustorch.maximum(norm, grad.abs()))
        p.sub_(group["lr"] / (1 - beta1**step) * mean / (norm + group["eps"]))


class Lion(_Written):
    """Lion: the sign of a momentum. Source: Chen et al., arXiv 2302.06675."""

    _states = ("exp_avg",)

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas})

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        beta1, beta2 = group["betas"]
        mean = state["exp_avg"]
        p.sub_(group["lr"] * (mean * beta1 + grad * (1 - beta1)).sign())
        mean.mul_(beta2).add_(grad, alpha=1 - beta2)


class Ftrl(_Written):
    """FTRL-proximal. Source: McMahan et al., KDD 2013, with the shrinkage of Keras."""

    _states = ("accumulator", "linear")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
        l1: float = 0.0, l2: float = 0.0, l2_shrinkage: float = 0.0, beta: float = 0.0,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "learning_rate_power": learning_rate_power, "initial_accumulator_value": initial_accumulator_value, "l1": l1,
            "l2": l2, "l2_shrinkage": l2_shrinkage, "beta": beta,
        })  # fmt: skip

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        if step == 1:
            state["accumulator"].fill_(group["initial_accumulator_value"])
        power, lr = -group["learning_rate_power"], group["lr"]
        l2 = group["l2"] + group["beta"] / (2 * lr)
        shrunk = grad + 2 * group["l2_shrinkage"] * p
        before = state["accumulator"].clone()
        now = state["accumulator"].add_(grad.square())
        state["linear"].add_(shrunk - (now.pow(power) - before.pow(power)) / lr * p)
        quadratic = now.pow(power) / lr + 2 * l2
        linear = state["linear"]
        p.copy_((linear.clamp(-group["l1"], group["l1"]) - linear) / quadratic)

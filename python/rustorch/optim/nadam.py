"""NAdam."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["NAdam"]


class NAdam(FusedOptimizer):
    """NAdam: Adam with Nesterov's momentum.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 2e-3
    betas : pair of floats, default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    momentum_decay : float, default 4e-3
        How fast the first of ``betas`` is warmed up.
    decoupled_weight_decay : bool, default False
        Apply ``weight_decay`` to the parameters instead, as :class:`AdamW` does.
    maximize : bool, default False
    foreach, capturable, differentiable : see :class:`FusedOptimizer`

    Source: Dozat, ICLR 2016 workshop.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.NAdam(layer.parameters())
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    _rule = "nadam"
    _states = ("exp_avg", "exp_avg_sq")
    _scalars = ("step", "mu_product")
    _passed = ("eps", "weight_decay", "momentum_decay", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: Any = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("momentum_decay value", group["momentum_decay"])

    def _new_scalar(self, name: str, group: Dict[str, Any]) -> float:
        return 1.0 if name == "mu_product" else 0.0

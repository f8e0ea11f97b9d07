"""RAdam."""

from __future__ import annotations

from typing import Any, Iterable, Tuple

from rustorch.optim.optimizer import FusedOptimizer

__all__ = ["RAdam"]


class RAdam(FusedOptimizer):
    """RAdam: Adam that begins without the second moment, until its estimate is reliable.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-3
    betas : pair of floats, default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    decoupled_weight_decay : bool, default False
        Apply ``weight_decay`` to the parameters instead, as :class:`AdamW` does.
    maximize : bool, default False
    foreach, capturable, differentiable : see :class:`FusedOptimizer`

    Source: Liu et al., ICLR 2020.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.RAdam(layer.parameters())
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    _rule = "radam"
    _states = ("exp_avg", "exp_avg_sq")
    _passed = ("eps", "weight_decay", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: Any = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from rustorch.optim.optimizer import FusedOptimizer

__all__ = ["Adam", "AdamW"]


class Adam(FusedOptimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-3
    betas : pair of floats, default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    amsgrad : bool, default False
        Divide by the largest second moment so far.
    maximize : bool, default False
    decoupled_weight_decay : bool, default False
        Apply ``weight_decay`` to the parameters instead, as :class:`AdamW` does.
    foreach, capturable, differentiable, fused : see :class:`FusedOptimizer`

    Source: Kingma and Ba, ICLR 2015; AMSGrad: Reddi et al., ICLR 2018.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.9000], requires_grad=True)
    """

    _rule = "adam"
    _states = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    _passed = ("eps", "weight_decay", "amsgrad", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: Any = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: Any = None, decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": tuple(map(float, betas)), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        return True, True, bool(group["amsgrad"])


class AdamW(Adam):
    """Adam with weight decay applied to the parameters, not to the gradient; ``weight_decay`` is 0.01 by default.

    Source: Loshchilov and Hutter, ICLR 2019.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = optim.AdamW(layer.parameters(), lr=0.01)
    >>> layer(rustorch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: Any = None,
        capturable: bool = False, differentiable: bool = False, fused: Any = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )

    def __setstate__(self, state: Dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # whatever Adam's state was loaded
            group["decoupled_weight_decay"] = True

"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from rustorch._C import UnsupportedError
from rustorch.optim.optimizer import FusedOptimizer, check_range

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
    foreach, capturable, differentiable, fused : accepted as PyTorch has them
        The step is always one fused pass; ``differentiable=True`` is an error.

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
    _decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: Any = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: Any = None,
    ) -> None:
        if differentiable:
            raise UnsupportedError(f"{type(self).__name__}: differentiable=True is not supported")
        defaults = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        check_range("learning rate", group["lr"])
        check_range("epsilon value", group["eps"])
        check_range("beta parameter at index 0", group["betas"][0], 0, 1, open_high=True)
        check_range("beta parameter at index 1", group["betas"][1], 0, 1, open_high=True)
        check_range("weight_decay value", group["weight_decay"])

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        return True, True, bool(group["amsgrad"])

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        return {
            "lr": float(group["lr"]), "beta1": group["betas"][0], "beta2": group["betas"][1], "eps": group["eps"],
            "weight_decay": group["weight_decay"], "amsgrad": group["amsgrad"], "maximize": group["maximize"],
            "decoupled": self._decoupled,
        }  # fmt: skip


class AdamW(Adam):
    """Adam with weight decay applied to the parameters, not to the gradient; ``weight_decay`` is 0.01 by default.

    Source: Loshchilov and Hutter, ICLR 2019.
    """

    _decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: Any = None,
        capturable: bool = False, differentiable: bool = False, fused: Any = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused,
        )

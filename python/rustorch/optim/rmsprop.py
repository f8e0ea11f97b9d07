"""RMSprop."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from rustorch.optim.optimizer import FusedOptimizer, check_range

__all__ = ["RMSprop"]


class RMSprop(FusedOptimizer):
    """RMSprop: the gradient divided by a running root mean square of itself.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-2
    alpha : float, default 0.99
        How much of the running mean is kept at a step.
    eps : float, default 1e-8
    weight_decay : float, default 0
        L2 penalty, added to the gradient.
    momentum : float, default 0
    centered : bool, default False
        Divide by the deviation instead: subtract the square of the running mean of the gradient.
    maximize : bool, default False
    capturable, foreach, differentiable : see :class:`FusedOptimizer`

    Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012; centred: Graves, arXiv 1308.0850.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([x], lr=0.01)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.9000], requires_grad=True)
    """

    _rule = "rmsprop"
    _states = ("square_avg", "momentum_buffer", "grad_avg")
    _passed = ("eps", "weight_decay", "momentum", "centered", "maximize")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: Any = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("momentum value", group["momentum"])
        check_range("alpha value", group["alpha"])

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        return True, group["momentum"] != 0, bool(group["centered"])

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        return {**super()._options(group), "beta1": group["alpha"]}

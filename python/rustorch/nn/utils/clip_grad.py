"""Keeping gradients within bounds."""

from __future__ import annotations

import math
from typing import Iterable, List, Union

import rustorch
from rustorch import Tensor, _C
from rustorch._C import RusTorchError

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]


def _gradients(parameters: Union[Tensor, Iterable[Tensor]]) -> List[Tensor]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [p.grad for p in parameters if p.grad is not None]


def clip_grad_norm_(
    parameters: Union[Tensor, Iterable[Tensor]],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool = None,
) -> Tensor:
    """Scale the gradients so that their norm, all taken together, is at most ``max_norm``.

    Parameters
    ----------
    parameters : one tensor or several; those without a gradient are left out
    max_norm : float
    norm_type : float, default 2.0
        The p of the p-norm; ``inf`` takes the largest magnitude.
    error_if_nonfinite : bool, default False
        Raise when the norm is NaN or infinite.
    foreach : accepted for PyTorch's sake; all gradients are always handled together

    Returns
    -------
    The norm before scaling, a tensor without dimensions.

    Source: Pascanu et al., ICML 2013.

    Example
    -------
    >>> import rustorch as torch
    >>> p = torch.zeros(2, requires_grad=True)
    >>> p.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([p], 1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    grads = _gradients(parameters)
    norm_type = float(norm_type)
    if not grads:
        return rustorch.tensor(0.0)
    if norm_type == 2.0:
        norm = _C._norm_together(grads)
    elif math.isinf(norm_type):
        norm = max(float(g.detach().abs().max()) for g in grads)
    else:
        norm = sum(float(g.detach().abs().double().pow(norm_type).sum()) for g in grads) ** (1.0 / norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RusTorchError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "Pass error_if_nonfinite=False to scale by it anyway."
        )
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1.0:  # also when it is NaN
        with rustorch.no_grad():
            for grad in grads:
                grad.mul_(factor)
    return rustorch.tensor(norm, dtype=grads[0].dtype)


def clip_grad_norm(*args, **kwargs) -> Tensor:
    """The old spelling of :func:`clip_grad_norm_`."""
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(parameters: Union[Tensor, Iterable[Tensor]], clip_value: float, foreach: bool = None) -> None:
    """Cut every element of the gradients to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    with rustorch.no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-clip_value, clip_value)

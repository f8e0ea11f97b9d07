"""Keeping gradients within bounds."""

from __future__ import annotations

import math
import types
import warnings
from typing import Any, Iterable, List, Optional, Union

import rustorch
from rustorch import Tensor, _C
from rustorch._C import RusTorchError

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

_Tensors = Union[Tensor, Iterable[Tensor]]


def _gradients(parameters: _Tensors) -> List[Tensor]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    elif isinstance(parameters, types.GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    return [p.grad for p in parameters if p.grad is not None]


def _norm(tensors: List[Tensor], norm_type: float) -> float:
    """The norm of all tensors together, summed in double precision."""
    if norm_type == 2.0:
        return _C._norm_together(tensors)
    with rustorch.no_grad():
        if math.isinf(norm_type):
            largest = [t.detach().abs() for t in tensors if t.numel()]
            ends = [float(t.max() if norm_type > 0 else t.min()) for t in largest]
            if any(math.isnan(end) for end in ends):
                return math.nan
            return (max if norm_type > 0 else min)(ends, default=0.0)
        if norm_type == 0.0:  # as PyTorch: the number of tensors that have an element other than zero
            return float(sum(bool((t != 0).any()) for t in tensors))
        return sum(float(t.detach().abs().double().pow(norm_type).sum()) for t in tensors) ** (1.0 / norm_type)


def get_total_norm(
    tensors: _Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Optional[bool] = None
) -> Tensor:
    """The norm of several tensors, all taken together as one vector.

    Parameters
    ----------
    tensors : one tensor or several
    norm_type : float, default 2.0
        The p of the p-norm; ``inf`` takes the largest magnitude.
    error_if_nonfinite : bool, default False
        Raise RuntimeError when the norm is NaN or infinite.
    foreach : accepted for PyTorch's sake; all tensors are always handled together

    Returns
    -------
    A tensor without dimensions, of the first tensor's dtype.

    >>> nn.utils.get_total_norm([rustorch.tensor([3.0]), rustorch.tensor([4.0])])
    tensor(5.)
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return rustorch.tensor(0.0)
    norm = _norm(tensors, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RusTorchError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return rustorch.tensor(norm, dtype=tensors[0].dtype)


def clip_grads_with_norm_(parameters: _Tensors, max_norm: float, total_norm: Any, foreach: Optional[bool] = None) -> None:
    """Scale the gradients by ``max_norm / total_norm`` if that is below 1.

    Parameters
    ----------
    parameters : one tensor or several; those without a gradient are left out
    max_norm : float
    total_norm : float or tensor of one element
        The gradients' norm, as :func:`get_total_norm` gives it.
    foreach : accepted for PyTorch's sake

    >>> p = nn.Parameter(rustorch.zeros(1))
    >>> p.grad = rustorch.tensor([4.0])
    >>> nn.utils.clip_grads_with_norm_([p], 1.0, rustorch.tensor(4.0))
    >>> p.grad
    tensor([1.0000])
    """
    _scale(_gradients(parameters), float(max_norm), float(total_norm))


def _scale(grads: List[Tensor], max_norm: float, norm: float) -> None:
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1.0:  # also when it is NaN
        with rustorch.no_grad():
            for grad in grads:
                grad.detach().mul_(factor)


def clip_grad_norm_(
    parameters: _Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: Optional[bool] = None,
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
    norm = get_total_norm(grads, norm_type, error_if_nonfinite)
    _scale(grads, float(max_norm), float(norm))
    return norm


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """The deprecated name of :func:`clip_grad_norm_`.

    >>> try:
    ...     p = nn.Parameter(rustorch.zeros(1))
    ...     p.grad = rustorch.tensor([4.0])
    ...     norm = nn.utils.clip_grad_norm([p], 1.0)
    ... except FutureWarning:
    ...     pass
    """
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.", FutureWarning, stacklevel=2
    )
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(parameters: _Tensors, clip_value: float, foreach: Optional[bool] = None) -> None:
    """Cut every element of the gradients to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : one tensor or several; those without a gradient are left out
    clip_value : float
    foreach : accepted for PyTorch's sake

    >>> p = nn.Parameter(rustorch.zeros(1))
    >>> p.grad = rustorch.tensor([4.0])
    >>> nn.utils.clip_grad_value_([p], 0.5)
    >>> p.grad
    tensor([0.5000])
    """
    clip_value = float(clip_value)
    with rustorch.no_grad():
        for grad in _gradients(parameters):
            grad.detach().clamp_(-clip_value, clip_value)

"""Helpers of the distributions, under the names of torch.distributions.utils."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch import Tensor

__all__ = ["broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits"]

euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> Tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the tensors, or the default one.

    Raises
    ------
    ArgumentValueError
        A value is neither a number nor a tensor.

    Examples
    --------
    >>> from rustorch.distributions.utils import broadcast_all
    >>> broadcast_all(rustorch.zeros(2), 1)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    like: Optional[Tensor] = None
    for value in values:
        if isinstance(value, Tensor):
            like = value if like is None else like
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            raise rustorch.ArgumentValueError(f"Input arguments must all be instances of Number or Tensor, not {type(value).__name__}")
    dtype, device = (rustorch.get_default_dtype(), None) if like is None else (like.dtype, like.device)
    tensors = [v if isinstance(v, Tensor) else rustorch.tensor(v, dtype=dtype, device=device) for v in values]
    return tuple(rustorch.broadcast_tensors(*tensors))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities moved away from 0 and 1 by the resolution of their dtype.

    >>> from rustorch.distributions.utils import clamp_probs
    >>> clamp_probs(rustorch.tensor([0.5, 1.0])) < 1
    tensor([True, True])
    """
    eps = rustorch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of log-odds (of each by itself, or of categories along the last dimension).

    >>> from rustorch.distributions.utils import logits_to_probs
    >>> logits_to_probs(rustorch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return rustorch.sigmoid(logits) if is_binary else rustorch.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log-odds of probabilities, of each by itself, or the logarithms for categories.

    >>> from rustorch.distributions.utils import probs_to_logits
    >>> probs_to_logits(rustorch.tensor([0.5]), is_binary=True)
    tensor([0.])
    """
    probs = clamp_probs(probs)
    return rustorch.log(probs) - rustorch.log1p(-probs) if is_binary else rustorch.log(probs)


class lazy_property:
    """An attribute that is worked out when first asked for, with gradients, and kept.

    >>> from rustorch.distributions.utils import lazy_property
    >>> class Circle:
    ...     @lazy_property
    ...     def area(self):
    ...         return 3.14
    >>> Circle().area
    3.14
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with rustorch.enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value


def log_sum_zero(a: Tensor, b: Tensor) -> Tensor:
    """a × log-probability b, and 0 where a is 0 although b is -inf."""
    return rustorch.where((a == 0) & rustorch.isinf(b), rustorch.zeros_like(b), a * b)

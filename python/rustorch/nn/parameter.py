"""Parameters: the tensors that a module trains."""

from __future__ import annotations

from typing import Any, Optional

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError

__all__ = ["Parameter"]


class _ParameterMeta(type(Tensor)):
    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and _C._is_parameter(instance)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a :class:`Module` finds by itself when it is assigned to an attribute.

    Parameters
    ----------
    data : Tensor, default an empty tensor
        The values; the parameter shares their memory.
    requires_grad : bool, default True

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch import nn
    >>> p = nn.Parameter(torch.zeros(2))
    >>> p.requires_grad, isinstance(p, torch.Tensor)
    (True, True)
    """

    def __new__(cls, data: Optional[Tensor] = None, requires_grad: bool = True) -> "Parameter":
        if data is None:
            data = rustorch.empty(0)
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(f"Parameter: a tensor is expected, not {type(data).__name__}")
        return _C._make_parameter(data, requires_grad, cls)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + Tensor.__repr__(self)

    def __deepcopy__(self, memo: dict) -> "Parameter":
        if id(self) in memo:
            return memo[id(self)]
        copy = type(self)(self.detach().clone(), self.requires_grad)
        if self.grad is not None:
            copy.grad = self.grad.detach().clone()
        memo[id(self)] = copy
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_parameter, (self.detach(), self.requires_grad)


def _rebuild_parameter(data: Tensor, requires_grad: bool) -> Parameter:
    return Parameter(data, requires_grad)



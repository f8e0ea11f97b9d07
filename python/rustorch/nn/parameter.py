"""Parameters: the tensors that a module trains."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError, RusTorchError

__all__ = ["Buffer", "Parameter", "UninitializedParameter", "UninitializedBuffer", "is_lazy"]


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

    def __call__(self) -> "Parameter":
        """The parameter itself: the API reference spells ``linear.weight()``."""
        return self

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


class _Uninitialized:
    """A tensor that has a dtype but no shape yet; it holds none of its elements."""

    _becomes: type

    @property
    def shape(self) -> Any:
        raise RusTorchError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` to "
            "initialize the parameters before accessing their attributes."
        )

    def materialize(self: Any, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Take the given shape, with memory that is not set; from then on this is an ordinary parameter or buffer."""
        held = self.data
        self.data = rustorch.empty(tuple(shape), device=device or held.device, dtype=dtype or held.dtype)
        self.__class__ = self._becomes

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet: see the lazy modules.

    Example
    -------
    >>> from rustorch import nn
    >>> p = nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> p.shape
    rustorch.Size([2, 3])
    """

    _becomes = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> "UninitializedParameter":
        return _C._make_parameter(rustorch.empty(0, device=device, dtype=dtype), requires_grad, cls)

    def __deepcopy__(self, memo: dict) -> "UninitializedParameter":
        if id(self) not in memo:
            held = self.data
            memo[id(self)] = type(self)(self.requires_grad, held.device, held.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, str(self.data.device), self.data.dtype)


class Buffer(Tensor):
    """A tensor that a :class:`Module` makes a buffer of when it is assigned to an attribute.

    Parameters
    ----------
    data : Tensor, default an empty tensor
        The values; the buffer shares their memory.
    persistent : bool, default True
        Whether it is part of ``state_dict()``.

    Example
    -------
    >>> from rustorch import nn
    >>> module = nn.Module()
    >>> module.mean = nn.Buffer(rustorch.zeros(2))
    >>> list(module.state_dict())
    ['mean']
    """

    persistent = True

    def __new__(cls, data: Optional[Tensor] = None, *, persistent: bool = True) -> "Buffer":
        data = rustorch.empty(0) if data is None else data
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(f"Buffer: a tensor is expected, not {type(data).__name__}")
        made = Tensor._make_subclass(cls, data, data.requires_grad)
        made.persistent = persistent
        return made

    def __init__(self, data: Optional[Tensor] = None, *, persistent: bool = True) -> None:
        """Everything is done by ``__new__``."""

    def __deepcopy__(self, memo: dict) -> "Buffer":
        if id(self) not in memo:
            memo[id(self)] = Buffer(self.detach().clone(), persistent=self.persistent)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_buffer, (self.detach(), self.persistent)


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose shape is not known yet: see the lazy modules.

    >>> b = nn.UninitializedBuffer()
    >>> b.materialize((2,))
    >>> b.shape
    rustorch.Size([2])
    """

    _becomes = Buffer

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None) -> "UninitializedBuffer":
        return Tensor._make_subclass(cls, rustorch.empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __deepcopy__(self, memo: dict) -> "UninitializedBuffer":
        if id(self) not in memo:
            held = self.data
            memo[id(self)] = type(self)(False, held.device, held.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (False, str(self.data.device), self.data.dtype)


def is_lazy(param: Any) -> bool:
    """Is this a parameter or buffer without a shape?

    >>> nn.parameter.is_lazy(nn.UninitializedParameter())
    True
    """
    return isinstance(param, _Uninitialized)

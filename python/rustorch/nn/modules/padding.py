"""Padding."""

from __future__ import annotations

from typing import Sequence, Tuple, Union

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module

__all__ = [
    "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d",
    "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d",
    "CircularPad1d", "CircularPad2d", "CircularPad3d",
]  # fmt: skip


class _Pad(Module):
    """``padding``: an int for all sides, or (left, right, top, bottom, front, back) as far as there are dimensions."""

    _n = 0
    _mode = "constant"
    padding: Tuple[int, ...]

    def __init__(self, padding: Union[int, Sequence[int]]) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self._n) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self._n:
            raise ArgumentValueError(
                f"{type(self).__name__}: padding must be one int or {2 * self._n}, not {len(self.padding)} of them"
            )

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self._n + 1, self._n + 2) and self._mode != "constant":
            raise ArgumentValueError(f"expected {self._n + 1}D or {self._n + 2}D input (got {input.dim()}D input)")
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Union[int, Sequence[int]], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Adds ``value`` at both ends of signals (B, C, T): ``padding`` is an int or (left, right).

    >>> nn.ConstantPad1d(1, 9.0)(rustorch.ones(1, 1, 2))
    tensor([[[9., 1., 1., 9.]]])
    """

    _n = 1


class ConstantPad2d(_ConstantPad):
    """Adds ``value`` at the borders of images (B, C, H, W): ``padding`` is an int or (left, right, top, bottom).

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.ConstantPad2d((1, 0, 0, 1), 7)(torch.zeros(1, 1, 1))
    tensor([[[7., 0.],
             [7., 7.]]])
    """

    _n = 2


class ConstantPad3d(_ConstantPad):
    """Adds ``value`` at the borders of volumes (B, C, D, H, W).

    >>> nn.ConstantPad3d(1, 9.0)(rustorch.ones(1, 1, 1, 1, 1)).shape
    rustorch.Size([1, 1, 3, 3, 3])
    """

    _n = 3


class _ZeroPad(_Pad):
    pass


class ZeroPad1d(_ZeroPad):
    """Adds zeros at both ends of signals (B, C, T).

    >>> nn.ZeroPad1d((1, 0))(rustorch.ones(1, 1, 2))
    tensor([[[0., 1., 1.]]])
    """

    _n = 1


class ZeroPad2d(_ZeroPad):
    """Adds zeros at the borders of images (B, C, H, W).

    >>> nn.ZeroPad2d(1)(rustorch.ones(1, 1, 2, 2)).shape
    rustorch.Size([1, 1, 4, 4])
    """

    _n = 2


class ZeroPad3d(_ZeroPad):
    """Adds zeros at the borders of volumes (B, C, D, H, W).

    >>> nn.ZeroPad3d(1)(rustorch.ones(1, 1, 2, 2, 2)).shape
    rustorch.Size([1, 1, 4, 4, 4])
    """

    _n = 3


class _ReflectionPad(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Adds the mirror image at both ends of signals (B, C, T), without repeating the last element.

    >>> nn.ReflectionPad1d(1)(rustorch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 1., 2., 3., 2.]]])
    """

    _n = 1


class ReflectionPad2d(_ReflectionPad):
    """Adds the mirror image at the borders of images (B, C, H, W), without repeating the border.

    >>> nn.ReflectionPad2d(1)(rustorch.ones(1, 1, 3, 3)).shape
    rustorch.Size([1, 1, 5, 5])
    """

    _n = 2


class ReflectionPad3d(_ReflectionPad):
    """Adds the mirror image at the borders of volumes (B, C, D, H, W), without repeating the border.

    >>> nn.ReflectionPad3d(1)(rustorch.ones(1, 1, 3, 3, 3)).shape
    rustorch.Size([1, 1, 5, 5, 5])
    """

    _n = 3


class _ReplicationPad(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Repeats the first and the last element of signals (B, C, T).

    >>> nn.ReplicationPad1d(1)(rustorch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 2., 3., 3.]]])
    """

    _n = 1


class ReplicationPad2d(_ReplicationPad):
    """Repeats the border of images (B, C, H, W).

    >>> nn.ReplicationPad2d(1)(rustorch.ones(1, 1, 3, 3)).shape
    rustorch.Size([1, 1, 5, 5])
    """

    _n = 2


class ReplicationPad3d(_ReplicationPad):
    """Repeats the border of volumes (B, C, D, H, W).

    >>> nn.ReplicationPad3d(1)(rustorch.ones(1, 1, 3, 3, 3)).shape
    rustorch.Size([1, 1, 5, 5, 5])
    """

    _n = 3


class _CircularPad(_Pad):
    _mode = "circular"


class CircularPad1d(_CircularPad):
    """Continues signals (B, C, T) as if they were periodic.

    >>> nn.CircularPad1d(1)(rustorch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3., 1.]]])
    """

    _n = 1


class CircularPad2d(_CircularPad):
    """Continues images (B, C, H, W) as if they were periodic.

    >>> nn.CircularPad2d(1)(rustorch.ones(1, 1, 3, 3)).shape
    rustorch.Size([1, 1, 5, 5])
    """

    _n = 2


class CircularPad3d(_CircularPad):
    """Continues volumes (B, C, D, H, W) as if they were periodic.

    >>> nn.CircularPad3d(1)(rustorch.ones(1, 1, 3, 3, 3)).shape
    rustorch.Size([1, 1, 5, 5, 5])
    """

    _n = 3

"""Convolutions."""

from __future__ import annotations

import math
from typing import Any, List, Optional, Sequence, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


def _tuple(value: Any, n: int) -> Tuple[int, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


class _Conv(Module):
    _n = 0
    _transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, output_padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ArgumentValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ArgumentValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ArgumentValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ArgumentValueError(f"Invalid padding string '{padding}', should be one of 'valid', 'same'")
            if padding == "same" and any(step != 1 for step in _tuple(stride, self._n)):
                raise ArgumentValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ArgumentValueError(
                f"padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _tuple(kernel_size, self._n)
        self.stride = _tuple(stride, self._n)
        self.padding = padding if isinstance(padding, str) else _tuple(padding, self._n)
        self.output_padding = _tuple(output_padding, self._n)
        self.dilation = _tuple(dilation, self._n)
        self.groups = groups
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self._transposed else (out_channels, in_channels)
        self.weight = Parameter(rustorch.empty(first, second // groups, *self.kernel_size, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(rustorch.empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniformly from ±1/√(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def _pad_by_mode(self, input: Tensor) -> Tuple[Tensor, Any]:
        if self.padding_mode == "zeros":
            return input, self.padding
        sides = []
        for i in reversed(range(self._n)):
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                sides += [total // 2, total - total // 2]
            else:
                amount = 0 if self.padding == "valid" else self.padding[i]
                sides += [amount, amount]
        return F.pad(input, sides, self.padding_mode), 0

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if isinstance(self.padding, str) or any(self.padding):
            text += f", padding={self.padding}"
        if any(d != 1 for d in self.dilation):
            text += f", dilation={self.dilation}"
        if any(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _ConvN(_Conv):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._pad_by_mode(input)
        convolve = _CONVOLUTIONS[self._n - 1]
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_ConvN):
    """Convolution of signals (B, C, T): see :func:`rustorch.nn.functional.conv1d`.

    >>> nn.Conv1d(2, 3, kernel_size=3, padding=1)(rustorch.zeros(1, 2, 8)).shape
    rustorch.Size([1, 3, 8])
    """

    _n = 1


class Conv2d(_ConvN):
    """Convolution of images (B, C, H, W).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or pair; padding also ``"same"`` or ``"valid"``
    groups : int, default 1
    bias : bool, default True
    padding_mode : ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.Conv2d(3, 8, kernel_size=3, padding=1)(torch.zeros(2, 3, 16, 16)).shape
    rustorch.Size([2, 8, 16, 16])
    """

    _n = 2


class Conv3d(_ConvN):
    """Convolution of volumes (B, C, D, H, W): see :class:`Conv2d` and :func:`rustorch.nn.functional.conv3d`.

    >>> nn.Conv3d(1, 2, kernel_size=3)(rustorch.zeros(1, 1, 5, 5, 5)).shape
    rustorch.Size([1, 2, 3, 3, 3])
    """

    _n = 3


class _ConvTransposeN(_Conv):
    _transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode,
            device, dtype,
        )

    def forward(self, input: Tensor, output_size: Optional[Sequence[int]] = None) -> Tensor:
        """``output_size`` (spatial, or whole) chooses between the sizes that the convolution would give this input's."""
        extra = self.output_padding if output_size is None else self._extra_for(input, list(output_size))
        convolve = _TRANSPOSED[self._n - 1]
        return convolve(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra_for(self, input: Tensor, size: List[int]) -> List[int]:
        """The output padding that gives this size."""
        n = self._n
        batched = input.dim() == n + 2
        if len(size) == n + (2 if batched else 1):
            size = size[-n:]
        if len(size) != n:
            raise ArgumentValueError(
                f"ConvTranspose{n}d: for {input.dim()}D input, output_size must have {n} or {n + (2 if batched else 1)} "
                f"elements (got {len(size)})"
            )
        extra = []
        for i in range(n):
            low = (input.shape[i - n] - 1) * self.stride[i] - 2 * self.padding[i]
            low += self.dilation[i] * (self.kernel_size[i] - 1) + 1
            if not low <= size[i] < low + self.stride[i]:
                raise ArgumentValueError(
                    f"requested an output size of {size}, but dimension {i} must be between {low} and "
                    f"{low + self.stride[i] - 1} for an input of {tuple(input.shape[-n:])}"
                )
            extra.append(size[i] - low)
        return extra


class ConvTranspose1d(_ConvTransposeN):
    """The gradient of :class:`Conv1d` with respect to its input, as a layer.

    >>> nn.ConvTranspose1d(2, 3, kernel_size=2, stride=2)(rustorch.zeros(1, 2, 4)).shape
    rustorch.Size([1, 3, 8])
    """

    _n = 1


class ConvTranspose2d(_ConvTransposeN):
    """The gradient of :class:`Conv2d` with respect to its input, as a layer ("deconvolution").

    >>> nn.ConvTranspose2d(2, 3, kernel_size=2, stride=2)(rustorch.zeros(1, 2, 4, 4)).shape
    rustorch.Size([1, 3, 8, 8])
    """

    _n = 2


class ConvTranspose3d(_ConvTransposeN):
    """The gradient of :class:`Conv3d` with respect to its input, as a layer.

    >>> nn.ConvTranspose3d(1, 2, kernel_size=2, stride=2)(rustorch.zeros(1, 1, 3, 3, 3)).shape
    rustorch.Size([1, 2, 6, 6, 6])
    """

    _n = 3

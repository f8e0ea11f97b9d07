"""Convolutions with Keras's arguments, on channels-first images and channels-last sequences unless told otherwise."""

from __future__ import annotations

import math
from typing import Any, List, Optional, Sequence, Tuple

from rustorch import Tensor
from rustorch._C import ShapeError
from rustorch.nn import functional as F
from rustorch.training.layers._base import wrong
from rustorch.training.layers._format import Formatted, from_first

__all__ = [
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
    "SeparableConv1D", "SeparableConv2D",
]  # fmt: skip

_CONVOLVE = (F.conv1d, F.conv2d, F.conv3d)
_TRANSPOSE = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
_ALSO = {
    "out_channels": "filters", "stride": "strides", "dilation": "dilation_rate", "bias": "use_bias",
}  # fmt: skip


def same_sides(size: int, kernel: int, stride: int, dilation: int = 1) -> Tuple[int, int]:
    """How many zeros TensorFlow's ``same`` puts before and after: the output has ceil(size / stride) places."""
    total = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def padded(x: Tensor, sides: Sequence[Tuple[int, int]], value: float = 0.0) -> Tensor:
    """Zeros (or another value) around the spatial dimensions; ``sides`` from the first dimension on."""
    flat: List[int] = []
    for before, after in reversed(list(sides)):
        flat += [before, after]
    return F.pad(x, flat, "constant", value) if any(flat) else x


class _Spatial(Formatted):
    """Kernel, strides, padding, format: what convolutions share."""

    _also = _ALSO
    _paddings: Tuple[str, ...] = ("valid", "same")

    def _geometry(self, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any) -> None:
        self.kernel_size = self._counts("kernel_size", kernel_size, self._n)
        self.strides = self._counts("strides", strides, self._n)
        if isinstance(padding, (int, tuple, list)) and not isinstance(padding, bool):
            wrong(self, "padding", f"padding must be {' or '.join(map(repr, self._paddings))}, not {padding!r}; for a number of zeros "
                  f"put ZeroPadding{self._n}D before the layer")  # fmt: skip
        self.padding = self._choice("padding", padding, self._paddings)
        self._set_format(data_format)
        self.dilation_rate = self._counts("dilation_rate", dilation_rate, self._n)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            wrong(self, "dilation_rate", "strides and dilation_rate cannot both be more than 1")

    def _channels(self, shape: Sequence[Any]) -> int:
        return shape[1 if self.data_format == "channels_first" else -1]

    def _check_channels(self, x: Tensor, expected: int) -> None:
        if x.shape[1] != expected:
            other = x.shape[-1] == expected or x.shape[2] == expected
            hint = "; is the format the other one (data_format)?" if other else ""
            raise ShapeError(f"{self._words()} takes {expected} channels, as its first batch had, but got {x.shape[1]}{hint}")

    def _check_room(self, x: Tensor) -> None:
        if self.padding == "valid":
            for size, kernel, dilation in zip(x.shape[2:], self.kernel_size, self.dilation_rate):
                reach = (kernel - 1) * dilation + 1
                if size < reach:
                    raise ShapeError(
                        f"{self._words()}: the kernel {self.kernel_size} reaches over {reach} places, but the input "
                        f"{self._shape_words()} is {tuple(from_first(x, self.data_format).shape)}; use padding=same, a smaller kernel "
                        "or fewer layers that shrink the input"
                    )

    def _convolve(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], groups: int) -> Tensor:
        """x channels-first, of as many channels as the layer was built for."""
        self._check_channels(x, weight.shape[1] * groups)
        self._check_room(x)
        padding: Any = 0
        if self.padding == "causal":
            x = padded(x, [((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)])
        elif self.padding == "same":
            sides = [same_sides(*each) for each in zip(x.shape[2:], self.kernel_size, self.strides, self.dilation_rate)]
            if all(before == after for before, after in sides):
                padding = tuple(before for before, _ in sides)
            else:
                x = padded(x, sides)
        return _CONVOLVE[self._n - 1](x, weight, bias, self.strides, padding, self.dilation_rate, groups)

    def _to_keras(self, name: str, value: Any) -> Any:
        """(out, in, …) as (…, in, out)."""
        return value.transpose(*range(2, value.ndim), 1, 0) if value.ndim > 2 else value

    def _from_keras(self, name: str, value: Any) -> Any:
        return value.transpose(value.ndim - 1, value.ndim - 2, *range(value.ndim - 2)) if value.ndim > 2 else value


class _Conv(_Spatial):
    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: Optional[str] = None,
        dilation_rate: Any = 1, groups: int = 1, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        self.filters = self._count("filters", filters)
        self._geometry(kernel_size, strides, padding, data_format, dilation_rate)
        self.groups = self._count("groups", groups)
        if self.filters % self.groups:
            wrong(self, "groups", f"filters ({filters}) must be a multiple of groups ({groups})")
        self._use_activation(activation)
        self._weight("weight", "kernel_initializer", kernel_initializer, ("kernel_regularizer", kernel_regularizer))
        self._bias_if(use_bias, bias_initializer, bias_regularizer)

    def build(self, shape: Sequence[Any]) -> None:
        channels = self._channels(shape)
        if channels % self.groups:
            raise ShapeError(f"{self._words()}: {channels} channels of the input cannot be divided among {self.groups} groups")
        field = math.prod(self.kernel_size)
        fans = (channels // self.groups * field, self.filters * field)
        self._materialize("weight", (self.filters, channels // self.groups, *self.kernel_size), self.kernel_initializer, fans)
        self._materialize("bias", (self.filters,), self.bias_initializer, fans)

    def _first(self, x: Tensor) -> Tensor:
        return self._convolve(x, self.weight, self.bias, self.groups)


class Conv1D(_Conv):
    """Convolution of sequences (batch, steps, channels); see :class:`Conv2D`. ``padding="causal"`` sees no later step.

    Example
    -------
    >>> from rustorch.training import layers
    >>> x = rustorch.ones(2, 10, 3)
    >>> layers.Conv1D(8, 3)(x).shape, layers.Conv1D(8, 3, padding="causal")(x).shape
    (rustorch.Size([2, 8, 8]), rustorch.Size([2, 10, 8]))
    """

    _n = 1
    _paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Convolution of images (batch, channels, height, width).

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or (int, int)
    strides : int or (int, int), default 1
    padding : {"valid", "same"}
        ``"same"`` keeps ceil(size / strides) places, as TensorFlow pads: one zero more behind where the sum is odd.
    data_format : {"channels_first", "channels_last"}, optional
        By default the channels come first, as everywhere in rustorch; Keras's default is ``"channels_last"``.
    dilation_rate : int or (int, int), default 1
    groups : int, default 1
    activation : name or callable, optional
    use_bias : bool, default True
    kernel_initializer, bias_initializer : name or callable, defaults ``"glorot_uniform"`` and ``"zeros"``
    kernel_regularizer, bias_regularizer : name or callable, optional

    The parameters are ``weight`` (filters, channels, height, width) and ``bias``, as in :class:`rustorch.nn.Conv2d`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Conv2D(8, 3, padding="same", strides=2)(rustorch.ones(2, 3, 28, 28)).shape
    rustorch.Size([2, 8, 14, 14])
    """

    _n = 2


class Conv3D(_Conv):
    """Convolution of volumes (batch, channels, depth, height, width); see :class:`Conv2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Conv3D(8, (1, 3, 3))(rustorch.ones(2, 1, 4, 9, 9)).shape
    rustorch.Size([2, 8, 4, 7, 7])
    """

    _n = 3


class _ConvTranspose(_Spatial):
    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: Optional[str] = None,
        dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        self.filters = self._count("filters", filters)
        self._geometry(kernel_size, strides, padding, data_format, dilation_rate)
        self._use_activation(activation)
        self._weight("weight", "kernel_initializer", kernel_initializer, ("kernel_regularizer", kernel_regularizer))
        self._bias_if(use_bias, bias_initializer, bias_regularizer)

    def build(self, shape: Sequence[Any]) -> None:
        channels = self._channels(shape)
        field = math.prod(self.kernel_size)
        fans = (self.filters * field, channels * field)  # Keras counts a kernel (…, filters, channels)
        self._materialize("weight", (channels, self.filters, *self.kernel_size), self.kernel_initializer, fans)
        self._materialize("bias", (self.filters,), self.bias_initializer, fans)

    def _first(self, x: Tensor) -> Tensor:
        self._check_channels(x, self.weight.shape[0])
        whole = _TRANSPOSE[self._n - 1](x, self.weight, None, self.strides, 0, 0, 1, self.dilation_rate)
        sides = []
        for size, kernel, stride, dilation, got in zip(x.shape[2:], self.kernel_size, self.strides, self.dilation_rate, whole.shape[2:]):
            reach = (kernel - 1) * dilation + 1
            extra = max(reach - stride, 0)
            if self.padding == "same":
                before, wanted = extra // 2, size * stride
            else:
                before, wanted = 0, size * stride + extra
            sides.append((-before, wanted - (got - before)))
        y = padded(whole, sides)
        return y if self.bias is None else y + self.bias.reshape(-1, *(1,) * self._n)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of sequences (batch, steps, channels); see :class:`Conv2DTranspose`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Conv1DTranspose(4, 3, strides=2)(rustorch.ones(1, 5, 8)).shape
    rustorch.Size([1, 11, 4])
    """

    _n = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of images: the gradient of a :class:`Conv2D` with regard to its input, as a layer.

    ``padding="same"`` gives size · strides places, ``"valid"`` max(kernel − strides, 0) more. The other arguments are
    those of :class:`Conv2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Conv2DTranspose(4, 3, strides=2, padding="same")(rustorch.ones(1, 8, 7, 7)).shape
    rustorch.Size([1, 4, 14, 14])
    """

    _n = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes; see :class:`Conv2DTranspose`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Conv3DTranspose(4, 2, strides=2)(rustorch.ones(1, 8, 3, 3, 3)).shape
    rustorch.Size([1, 4, 6, 6, 6])
    """

    _n = 3


class _ByChannel(_Spatial):
    """A kernel of its own for each channel: ``depth_multiplier`` outputs a channel, (channels · m, 1, …)."""

    def _build_depthwise(self, name: str, channels: int) -> Tuple[int, int]:
        field, m = math.prod(self.kernel_size), self.depth_multiplier
        fans = (channels * field, m * field)  # Keras counts a kernel (…, channels, multiplier)
        self._materialize(name, (channels * m, 1, *self.kernel_size), self.depthwise_initializer, fans)
        return fans

    def _convolve_each(self, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
        return self._convolve(x, weight, bias, weight.shape[0] // self.depth_multiplier)

    def _to_keras(self, name: str, value: Any) -> Any:
        """(channels · m, 1, …) as (…, channels, m)."""
        if value.ndim <= 2 or name == "pointwise":
            return super()._to_keras(name, value)
        split = value.reshape(-1, self.depth_multiplier, *value.shape[2:])
        return split.transpose(*range(2, split.ndim), 0, 1)

    def _from_keras(self, name: str, value: Any) -> Any:
        if value.ndim <= 2 or name == "pointwise":
            return super()._from_keras(name, value)
        turned = value.transpose(value.ndim - 2, value.ndim - 1, *range(value.ndim - 2))
        return turned.reshape(-1, 1, *value.shape[:-2])


class _Depthwise(_ByChannel):
    def __init__(
        self, kernel_size: Any, strides: Any = 1, padding: str = "valid", depth_multiplier: int = 1, data_format: Optional[str] = None,
        dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, bias_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        self._geometry(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = self._count("depth_multiplier", depth_multiplier)
        self._use_activation(activation)
        self._weight("weight", "depthwise_initializer", depthwise_initializer, ("depthwise_regularizer", depthwise_regularizer))
        self._bias_if(use_bias, bias_initializer, bias_regularizer)

    def build(self, shape: Sequence[Any]) -> None:
        channels = self._channels(shape)
        fans = self._build_depthwise("weight", channels)
        self._materialize("bias", (channels * self.depth_multiplier,), self.bias_initializer, fans)

    def _first(self, x: Tensor) -> Tensor:
        return self._convolve_each(x, self.weight, self.bias)

    def _positional(self, argument: str) -> bool:
        return argument == "kernel_size"


class DepthwiseConv1D(_Depthwise):
    """A convolution of its own for each channel of a sequence; see :class:`DepthwiseConv2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.DepthwiseConv1D(3, depth_multiplier=2)(rustorch.ones(1, 8, 5)).shape
    rustorch.Size([1, 6, 10])
    """

    _n = 1


class DepthwiseConv2D(_Depthwise):
    """A convolution of its own for each channel of an image, ``depth_multiplier`` outputs a channel.

    The other arguments are those of :class:`Conv2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layer = layers.DepthwiseConv2D(3, padding="same")
    >>> layer(rustorch.ones(1, 5, 8, 8)).shape, layer.weight.shape
    (rustorch.Size([1, 5, 8, 8]), rustorch.Size([5, 1, 3, 3]))
    """

    _n = 2


class _Separable(_ByChannel):
    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: Optional[str] = None,
        dilation_rate: Any = 1, depth_multiplier: int = 1, activation: Any = None, use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform", pointwise_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None, pointwise_regularizer: Any = None, bias_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        self.filters = self._count("filters", filters)
        self._geometry(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = self._count("depth_multiplier", depth_multiplier)
        self._use_activation(activation)
        self._weight("depthwise", "depthwise_initializer", depthwise_initializer, ("depthwise_regularizer", depthwise_regularizer))
        self._weight("pointwise", "pointwise_initializer", pointwise_initializer, ("pointwise_regularizer", pointwise_regularizer))
        self._bias_if(use_bias, bias_initializer, bias_regularizer)

    def build(self, shape: Sequence[Any]) -> None:
        channels = self._channels(shape)
        self._build_depthwise("depthwise", channels)
        between = channels * self.depth_multiplier
        fans = (between, self.filters)
        self._materialize("pointwise", (self.filters, between, *(1,) * self._n), self.pointwise_initializer, fans)
        self._materialize("bias", (self.filters,), self.bias_initializer, fans)

    def _first(self, x: Tensor) -> Tensor:
        return _CONVOLVE[self._n - 1](self._convolve_each(x, self.depthwise, None), self.pointwise, self.bias)


class SeparableConv1D(_Separable):
    """A convolution a channel, then one over the channels, of sequences; see :class:`SeparableConv2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.SeparableConv1D(4, 3)(rustorch.ones(1, 8, 5)).shape
    rustorch.Size([1, 6, 4])
    """

    _n = 1


class SeparableConv2D(_Separable):
    """A convolution a channel, then a 1×1 convolution over the channels: :class:`Conv2D` with far fewer weights.

    ``depth_multiplier`` outputs a channel go into the second; the other arguments are those of :class:`Conv2D`.

    Source: Chollet, CVPR 2017.

    Example
    -------
    >>> from rustorch.training import layers
    >>> separable, full = layers.SeparableConv2D(64, 3), layers.Conv2D(64, 3)
    >>> x = rustorch.ones(1, 32, 8, 8)
    >>> separable(x).shape == full(x).shape, separable.count_params(), full.count_params()
    (True, 2400, 18496)
    """

    _n = 2

"""Pooling, zeros around, and larger images."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ShapeError
from rustorch.nn import functional as F
from rustorch.training.layers._base import Layer, wrong
from rustorch.training.layers._format import format_of, from_first, shape_words, to_first
from rustorch.training.layers.convolution import padded, same_sides

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "Cropping1D", "Cropping2D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D",
]  # fmt: skip

_MAX = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


class _Formatted(Layer):
    """A layer without parameters on sequences, images or volumes."""

    _n = 0

    def _set_format(self, data_format: Any) -> None:
        self.data_format = format_of(self, self._n, data_format)
        self._ndim = self._n + 2

    def _shape_words(self) -> str:
        return shape_words(self._n, self.data_format)

    def compute(self, x: Tensor) -> Tensor:
        return from_first(self._first(to_first(x, self.data_format)), self.data_format)

    def _first(self, x: Tensor) -> Tensor:
        """What the layer computes from a channels-first input."""
        raise NotImplementedError

    def _sides(self, argument: str, value: Any) -> Tuple[Tuple[int, int], ...]:
        """(before, after) of each dimension, from a number, one a dimension, or pairs."""
        n = self._n
        if n == 1:
            pair = self._counts(argument, value, 2, 0)
            return (pair,)  # type: ignore[return-value]
        values = (value,) * n if isinstance(value, int) else value
        if not isinstance(values, (tuple, list)) or len(values) != n:
            wrong(self, argument, f"{argument} must be a whole number, {n} of them, or {n} pairs, not {value!r}")
        return tuple(self._counts(argument, each, 2, 0) for each in values)  # type: ignore[misc]


class _Pooling(_Formatted):
    _also = {"kernel_size": "pool_size", "stride": "strides"}

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: Optional[str] = None, **common: Any
    ) -> None:
        super().__init__(**common)
        self.pool_size = self._counts("pool_size", pool_size, self._n)
        self.strides = self.pool_size if strides is None else self._counts("strides", strides, self._n)
        self.padding = self._choice("padding", padding, ("valid", "same"))
        self._set_format(data_format)

    def _first(self, x: Tensor) -> Tensor:
        if self.padding == "same":
            return self._same(x, [same_sides(*each) for each in zip(x.shape[2:], self.pool_size, self.strides)])
        if any(size < pool for size, pool in zip(x.shape[2:], self.pool_size)):
            raise ShapeError(
                f"{self._words()}: the window {self.pool_size} is larger than the input {self._shape_words()} of shape "
                f"{tuple(from_first(x, self.data_format).shape)}; use padding=same, a smaller window or fewer layers that shrink"
            )
        return self._pool(x)

    def _pool(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _same(self, x: Tensor, sides: Any) -> Tensor:
        raise NotImplementedError


class _MaxPooling(_Pooling):
    def _pool(self, x: Tensor) -> Tensor:
        return _MAX[self._n - 1](x, self.pool_size, self.strides)

    def _same(self, x: Tensor, sides: Any) -> Tensor:
        return self._pool(padded(x, sides, -float("inf")))


class MaxPooling1D(_MaxPooling):
    """The largest value in each window of a sequence (batch, steps, channels); see :class:`MaxPooling2D`."""

    _n = 1


class MaxPooling2D(_MaxPooling):
    """The largest value in each window of an image (batch, channels, height, width).

    Parameters
    ----------
    pool_size : int or (int, int), default 2
    strides : int or (int, int), default ``pool_size``
    padding : {"valid", "same"}
        ``"same"`` gives ceil(size / strides) places; what lies outside does not count.
    data_format : {"channels_first", "channels_last"}, optional
    """

    _n = 2


class MaxPooling3D(_MaxPooling):
    """The largest value in each window of a volume; see :class:`MaxPooling2D`."""

    _n = 3


class _AveragePooling(_Pooling):
    def _pool(self, x: Tensor) -> Tensor:
        return _AVERAGE[self._n - 1](x, self.pool_size, self.strides)

    def _same(self, x: Tensor, sides: Any) -> Tensor:
        ones = rustorch.ones(1, 1, *x.shape[2:], dtype=x.dtype)  # a window's share that lies inside
        return self._pool(padded(x, sides)) / self._pool(padded(ones, sides))


class AveragePooling1D(_AveragePooling):
    """The mean of each window of a sequence (batch, steps, channels); see :class:`MaxPooling2D` for the arguments."""

    _n = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window of an image; see :class:`MaxPooling2D` for the arguments."""

    _n = 2


class AveragePooling3D(_AveragePooling):
    """The mean of each window of a volume; see :class:`MaxPooling2D` for the arguments."""

    _n = 3


class _Global(_Formatted):
    _reduce: Callable

    def __init__(self, data_format: Optional[str] = None, keepdims: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.keepdims = self._flag("keepdims", keepdims)
        self._set_format(data_format)

    def compute(self, x: Tensor) -> Tensor:
        first = 2 if self.data_format == "channels_first" else 1
        return type(self)._reduce(x, tuple(range(first, first + self._n)), self.keepdims)


class _GlobalAverage(_Global):
    _reduce = staticmethod(lambda x, dims, keep: x.mean(dims, keepdim=keep))


class _GlobalMax(_Global):
    _reduce = staticmethod(lambda x, dims, keep: x.amax(dims, keepdim=keep))


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over the steps of a sequence: (batch, steps, channels) as (batch, channels)."""

    _n = 1


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean over the places of an image: (batch, channels, height, width) as (batch, channels)."""

    _n = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean over the places of a volume."""

    _n = 3


class GlobalMaxPooling1D(_GlobalMax):
    """The largest value over the steps of a sequence."""

    _n = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest value over the places of an image."""

    _n = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest value over the places of a volume."""

    _n = 3


class _ZeroPadding(_Formatted):
    def __init__(self, padding: Any = 1, data_format: Optional[str] = None, **common: Any) -> None:
        super().__init__(**common)
        self.padding = self._sides("padding", padding)
        self._set_format(data_format)

    def _first(self, x: Tensor) -> Tensor:
        return padded(x, self.padding)

    def _positional(self, argument: str) -> bool:
        return argument == "padding"


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence: ``ZeroPadding1D((1, 2))``."""

    _n = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image: one number, (rows, columns), or ((top, bottom), (left, right))."""

    _n = 2


class _Cropping(_Formatted):
    def __init__(self, cropping: Any = 1, data_format: Optional[str] = None, **common: Any) -> None:
        super().__init__(**common)
        self.cropping = self._sides("cropping", cropping)
        self._set_format(data_format)

    def _first(self, x: Tensor) -> Tensor:
        if any(sum(sides) >= size for sides, size in zip(self.cropping, x.shape[2:])):
            raise ShapeError(f"{self._words()}: cropping {self.cropping} leaves nothing of {tuple(x.shape[2:])}")
        return padded(x, [(-before, -after) for before, after in self.cropping])

    def _positional(self, argument: str) -> bool:
        return argument == "cropping"


class Cropping1D(_Cropping):
    """A sequence without its first and last steps."""

    _n = 1


class Cropping2D(_Cropping):
    """An image without its edges: one number, (rows, columns), or ((top, bottom), (left, right))."""

    _n = 2


class _UpSampling(_Formatted):
    def __init__(self, size: Any = 2, data_format: Optional[str] = None, interpolation: str = "nearest", **common: Any) -> None:
        super().__init__(**common)
        self.size = self._counts("size", size, self._n)
        known = ("nearest", "bilinear", "bicubic") if self._n == 2 else ("nearest",)
        self.interpolation = self._choice("interpolation", interpolation, known)
        self._set_format(data_format)

    def _first(self, x: Tensor) -> Tensor:
        sizes = [n * times for n, times in zip(x.shape[2:], self.size)]
        if self.interpolation == "nearest":
            return F.interpolate(x, sizes, mode="nearest")
        return F.interpolate(x, sizes, mode=self.interpolation, align_corners=False)

    def _positional(self, argument: str) -> bool:
        return argument == "size"


class UpSampling1D(_UpSampling):
    """Each step of a sequence ``size`` times."""

    _n = 1


class UpSampling2D(_UpSampling):
    """An image ``size`` times as large; ``interpolation`` is nearest, bilinear or bicubic."""

    _n = 2

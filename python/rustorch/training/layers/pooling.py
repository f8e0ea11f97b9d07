"""Pooling, zeros around, and larger images."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ShapeError
from rustorch.nn import functional as F
from rustorch.training.layers._base import wrong
from rustorch.training.layers._format import Formatted, from_first
from rustorch.training.layers.convolution import padded, same_sides

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "Cropping1D", "Cropping2D", "Cropping3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D",
]  # fmt: skip

_MAX = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


class _Pooling(Formatted):
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
    """The largest value in each window of a sequence (batch, steps, channels); see :class:`MaxPooling2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.MaxPooling1D(2)(rustorch.tensor([[[1.0], [3.0], [2.0], [0.0]]])).flatten().tolist()
    [3.0, 2.0]
    """

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

    Example
    -------
    >>> from rustorch.training import layers
    >>> x = rustorch.arange(9.0).reshape(1, 1, 3, 3)
    >>> layers.MaxPooling2D(2)(x).tolist(), layers.MaxPooling2D(2, padding="same")(x).tolist()
    ([[[[4.0]]]], [[[[4.0, 5.0], [7.0, 8.0]]]])
    """

    _n = 2


class MaxPooling3D(_MaxPooling):
    """The largest value in each window of a volume; see :class:`MaxPooling2D`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.MaxPooling3D((1, 2, 2))(rustorch.ones(1, 5, 4, 8, 8)).shape
    rustorch.Size([1, 5, 4, 4, 4])
    """

    _n = 3


class _AveragePooling(_Pooling):
    def _pool(self, x: Tensor) -> Tensor:
        return _AVERAGE[self._n - 1](x, self.pool_size, self.strides)

    def _same(self, x: Tensor, sides: Any) -> Tensor:
        ones = rustorch.ones(1, 1, *x.shape[2:], dtype=x.dtype)  # a window's share that lies inside
        return self._pool(padded(x, sides)) / self._pool(padded(ones, sides))


class AveragePooling1D(_AveragePooling):
    """The mean of each window of a sequence (batch, steps, channels); see :class:`MaxPooling2D` for the arguments.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.AveragePooling1D(2)(rustorch.tensor([[[1.0], [3.0], [2.0], [0.0]]])).flatten().tolist()
    [2.0, 1.0]
    """

    _n = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window of an image; see :class:`MaxPooling2D` for the arguments.

    Example
    -------
    >>> from rustorch.training import layers
    >>> x = rustorch.arange(9.0).reshape(1, 1, 3, 3)
    >>> layers.AveragePooling2D(2)(x).tolist(), layers.AveragePooling2D(2, padding="same")(x).tolist()
    ([[[[2.0]]]], [[[[2.0, 3.5], [6.5, 8.0]]]])
    """

    _n = 2


class AveragePooling3D(_AveragePooling):
    """The mean of each window of a volume; see :class:`MaxPooling2D` for the arguments.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.AveragePooling3D(2, strides=1)(rustorch.ones(1, 5, 4, 8, 8)).shape
    rustorch.Size([1, 5, 3, 7, 7])
    """

    _n = 3


class _Global(Formatted):
    _reduce: Callable

    def __init__(self, data_format: Optional[str] = None, keepdims: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.keepdims = self._flag("keepdims", keepdims)
        self._set_format(data_format)

    def _places(self) -> Tuple[int, ...]:
        """The dimensions that are pooled."""
        first = 2 if self.data_format == "channels_first" else 1
        return tuple(range(first, first + self._n))

    def compute(self, x: Tensor) -> Tensor:
        return type(self)._reduce(x, self._places(), self.keepdims)


class _GlobalAverage(_Global):
    _reduce = staticmethod(lambda x, dims, keep: x.mean(dims, keepdim=keep))


class _GlobalMax(_Global):
    _reduce = staticmethod(lambda x, dims, keep: x.amax(dims, keepdim=keep))


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over the steps of a sequence: (batch, steps, channels) as (batch, channels); steps that a mask hides do not count.

    Example
    -------
    >>> from rustorch.training import layers
    >>> x = rustorch.tensor([[[1.0], [3.0], [8.0]]])
    >>> pooling = layers.GlobalAveragePooling1D()
    >>> pooling(x), pooling(x, mask=rustorch.tensor([[True, True, False]]))
    (tensor([[4.]]), tensor([[2.]]))
    """

    _n = 1
    _uses_mask = supports_masking = True

    def compute(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:  # type: ignore[override]
        if mask is None:
            return super().compute(x)
        (steps,) = self._places()
        mask = mask.to(rustorch.bool).unsqueeze(-1 if steps == 1 else 1)
        shown = mask.sum(steps, keepdim=self.keepdims).clamp(min=1)  # of no step at all the mean is 0
        return x.masked_fill(~mask, 0.0).sum(steps, keepdim=self.keepdims) / shown

    def compute_mask(self, x: Tensor, mask: Optional[Tensor] = None) -> None:  # there are no steps any more
        return None


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean over the places of an image: (batch, channels, height, width) as (batch, channels).

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GlobalAveragePooling2D()(rustorch.ones(2, 16, 7, 7)).shape
    rustorch.Size([2, 16])
    """

    _n = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean over the places of a volume.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GlobalAveragePooling3D(keepdims=True)(rustorch.ones(2, 16, 3, 7, 7)).shape
    rustorch.Size([2, 16, 1, 1, 1])
    """

    _n = 3


class GlobalMaxPooling1D(_GlobalMax):
    """The largest value over the steps of a sequence.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GlobalMaxPooling1D()(rustorch.tensor([[[1.0, 9.0], [3.0, 4.0]]]))
    tensor([[3., 9.]])
    """

    _n = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest value over the places of an image.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GlobalMaxPooling2D()(rustorch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[3., 7.]])
    """

    _n = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest value over the places of a volume.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GlobalMaxPooling3D()(rustorch.arange(16.0).reshape(1, 2, 2, 2, 2))
    tensor([[ 7., 15.]])
    """

    _n = 3


class _Edges(Formatted):
    """Layers whose first argument, ``_argument``, says how much of each side."""

    _argument = ""

    def _set_edges(self, value: Any, data_format: Any) -> None:
        """(before, after) of each dimension, from a number, one a dimension, or pairs."""
        self._set_format(data_format)
        n = self._n
        values = (value,) * n if isinstance(value, int) or n == 1 else value
        if not isinstance(values, (tuple, list)) or len(values) != n:
            wrong(self, self._argument, f"{self._argument} must be a whole number, {n} of them, or {n} pairs, not {value!r}")
        setattr(self, self._argument, tuple(self._counts(self._argument, each, 2, 0) for each in values))

    def _positional(self, argument: str) -> bool:
        return argument == self._argument


class _ZeroPadding(_Edges):
    _argument = "padding"

    def __init__(self, padding: Any = 1, data_format: Optional[str] = None, **common: Any) -> None:
        super().__init__(**common)
        self._set_edges(padding, data_format)

    def _first(self, x: Tensor) -> Tensor:
        return padded(x, self.padding)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence: ``ZeroPadding1D((1, 2))``.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.ZeroPadding1D((1, 2))(rustorch.ones(1, 2, 1)).flatten().tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    """

    _n = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image: one number, (rows, columns), or ((top, bottom), (left, right)).

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.ZeroPadding2D(((0, 1), (2, 2)))(rustorch.ones(1, 3, 4, 4)).shape
    rustorch.Size([1, 3, 5, 8])
    """

    _n = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around a volume: one number, one a dimension, or a pair a dimension.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.ZeroPadding3D((0, 1, 2))(rustorch.ones(1, 3, 4, 4, 4)).shape
    rustorch.Size([1, 3, 4, 6, 8])
    """

    _n = 3


class _Cropping(_Edges):
    _argument = "cropping"

    def __init__(self, cropping: Any = 1, data_format: Optional[str] = None, **common: Any) -> None:
        super().__init__(**common)
        self._set_edges(cropping, data_format)

    def _first(self, x: Tensor) -> Tensor:
        if any(sum(sides) >= size for sides, size in zip(self.cropping, x.shape[2:])):
            raise ShapeError(f"{self._words()}: cropping {self.cropping} leaves nothing of {tuple(x.shape[2:])}")
        return padded(x, [(-before, -after) for before, after in self.cropping])


class Cropping1D(_Cropping):
    """A sequence without its first and last steps.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Cropping1D((1, 2))(rustorch.arange(6.0).reshape(1, 6, 1)).flatten().tolist()
    [1.0, 2.0, 3.0]
    """

    _n = 1


class Cropping2D(_Cropping):
    """An image without its edges: one number, (rows, columns), or ((top, bottom), (left, right)).

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Cropping2D(((2, 2), (0, 1)))(rustorch.ones(1, 3, 8, 8)).shape
    rustorch.Size([1, 3, 4, 7])
    """

    _n = 2


class Cropping3D(_Cropping):
    """A volume without its edges: one number, one a dimension, or a pair a dimension.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Cropping3D((1, 2, 3))(rustorch.ones(1, 3, 8, 8, 8)).shape
    rustorch.Size([1, 3, 6, 4, 2])
    """

    _n = 3


class _UpSampling(Formatted):
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
    """Each step of a sequence ``size`` times.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.UpSampling1D(2)(rustorch.tensor([[[1.0], [2.0]]])).flatten().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    _n = 1


class UpSampling2D(_UpSampling):
    """An image ``size`` times as large; ``interpolation`` is nearest, bilinear or bicubic.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.UpSampling2D((1, 2))(rustorch.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 1.0, 2.0, 2.0]]]]
    """

    _n = 2


class UpSampling3D(_UpSampling):
    """Each place of a volume ``size`` times.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.UpSampling3D((1, 2, 3))(rustorch.ones(1, 4, 2, 2, 2)).shape
    rustorch.Size([1, 4, 2, 4, 6])
    """

    _n = 3

"""Pooling."""

from __future__ import annotations

from typing import Any, Callable, Optional

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.utils import _ntuple, _single

__all__ = [
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d",
    "FractionalMaxPool2d", "FractionalMaxPool3d",
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d",
]  # fmt: skip


class _MaxPool(Module):
    _pool: Callable[..., Any]

    def __init__(
        self, kernel_size: Any, stride: Optional[Any] = None, padding: Any = 0, dilation: Any = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self._pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of (B, C, T).

    >>> nn.MaxPool1d(2)(rustorch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[3., 2.]]])
    """

    _pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window of (B, C, H, W).

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.MaxPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    rustorch.Size([1, 3, 4, 4])
    """

    _pool = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of each window of (B, C, D, H, W).

    >>> nn.MaxPool3d(2)(rustorch.zeros(1, 1, 4, 4, 4)).shape
    rustorch.Size([1, 1, 2, 2, 2])
    """

    _pool = staticmethod(F.max_pool3d)


class _MaxUnpool(Module):
    _n = 0
    _pool: Callable[..., Any]

    def __init__(self, kernel_size: Any, stride: Optional[Any] = None, padding: Any = 0) -> None:
        super().__init__()
        tuple_of = _ntuple(self._n)
        self.kernel_size = tuple_of(kernel_size)
        self.stride = tuple_of(kernel_size if stride is None else stride)
        self.padding = tuple_of(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self._pool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts the maxima that :class:`MaxPool1d` found back where they were, zeros elsewhere.

    >>> pooled, where = nn.MaxPool1d(2, return_indices=True)(rustorch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    >>> nn.MaxUnpool1d(2)(pooled, where)
    tensor([[[0., 3., 2., 0.]]])
    """

    _n = 1
    _pool = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Puts the maxima that :class:`MaxPool2d` found back where they were, zeros elsewhere.

    Example
    -------
    >>> import rustorch as torch
    >>> pool = torch.nn.MaxPool2d(2, return_indices=True)
    >>> torch.nn.MaxUnpool2d(2)(*pool(torch.arange(4.0).reshape(1, 1, 2, 2)))
    tensor([[[[0., 0.],
              [0., 3.]]]])
    """

    _n = 2
    _pool = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Puts the maxima that :class:`MaxPool3d` found back where they were, zeros elsewhere.

    >>> pooled, where = nn.MaxPool3d(2, return_indices=True)(rustorch.rand(1, 1, 4, 4, 4))
    >>> nn.MaxUnpool3d(2)(pooled, where).shape
    rustorch.Size([1, 1, 4, 4, 4])
    """

    _n = 3
    _pool = staticmethod(F.max_unpool3d)


class _LPPool(Module):
    _pool: Callable[..., Any]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Optional[Any] = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of each window of (B, C, T), p = ``norm_type``.

    >>> nn.LPPool1d(2, 2)(rustorch.tensor([[[3.0, 4.0]]]))
    tensor([[[5.]]])
    """

    _pool = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window of (B, C, H, W), p = ``norm_type``.

    >>> nn.LPPool2d(2, 2)(rustorch.ones(1, 1, 4, 4)).shape
    rustorch.Size([1, 1, 2, 2])
    """

    _pool = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of each window of (B, C, D, H, W), p = ``norm_type``.

    >>> nn.LPPool3d(2, 2)(rustorch.ones(1, 1, 4, 4, 4)).shape
    rustorch.Size([1, 1, 2, 2, 2])
    """

    _pool = staticmethod(F.lp_pool3d)


class _FractionalMaxPool(Module):
    _pool: Callable[..., Any]

    def __init__(
        self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        _random_samples: Optional[Tensor] = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise ArgumentValueError(f"{type(self).__name__} requires either output_size or output_ratio, and only one of them")
        self.kernel_size = kernel_size
        self.output_size = output_size
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self._random_samples = _random_samples

    def forward(self, input: Tensor) -> Any:
        return self._pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, output_size={self.output_size}, output_ratio={self.output_ratio}"


class FractionalMaxPool2d(_FractionalMaxPool):
    """Largest elements of windows that overlap at random, of images. Source: Graham, arXiv 1412.6071.

    >>> nn.FractionalMaxPool2d(2, output_size=3)(rustorch.zeros(1, 1, 8, 8)).shape
    rustorch.Size([1, 1, 3, 3])
    """

    _pool = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """Largest elements of windows that overlap at random, of volumes. Source: Graham, arXiv 1412.6071.

    >>> nn.FractionalMaxPool3d(2, output_size=3)(rustorch.zeros(1, 1, 8, 8, 8)).shape
    rustorch.Size([1, 1, 3, 3, 3])
    """

    _pool = staticmethod(F.fractional_max_pool3d)


class _AvgPool(Module):
    def __init__(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of (B, C, T).

    >>> nn.AvgPool1d(2)(rustorch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    def __init__(
        self, kernel_size: Any, stride: Optional[Any] = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        stride = kernel_size if stride is None else stride
        super().__init__(_single(kernel_size), _single(stride), _single(padding), ceil_mode, count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolND(_AvgPool):
    _pool: Callable[..., Any]

    def __init__(
        self, kernel_size: Any, stride: Optional[Any] = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Optional[int] = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override
        )


class AvgPool2d(_AvgPoolND):
    """The mean of each window of (B, C, H, W).

    >>> nn.AvgPool2d(2)(rustorch.zeros(1, 1, 4, 4)).shape
    rustorch.Size([1, 1, 2, 2])
    """

    _pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolND):
    """The mean of each window of (B, C, D, H, W).

    >>> nn.AvgPool3d(2)(rustorch.zeros(1, 1, 4, 4, 4)).shape
    rustorch.Size([1, 1, 2, 2, 2])
    """

    _pool = staticmethod(F.avg_pool3d)


class _Adaptive(Module):
    _pool: Callable[..., Any]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        return self._pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Means over windows chosen so that the result has length ``output_size``.

    >>> nn.AdaptiveAvgPool1d(2)(rustorch.zeros(1, 1, 5)).shape
    rustorch.Size([1, 1, 2])
    """

    _pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_Adaptive):
    """Means over windows chosen so that the result has height and width ``output_size`` (None keeps the input's).

    >>> nn.AdaptiveAvgPool2d((2, 3))(rustorch.zeros(1, 1, 5, 7)).shape
    rustorch.Size([1, 1, 2, 3])
    """

    _pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_Adaptive):
    """Means over windows chosen so that the result has depth, height and width ``output_size`` (None keeps the input's).

    >>> nn.AdaptiveAvgPool3d(2)(rustorch.zeros(1, 1, 5, 5, 5)).shape
    rustorch.Size([1, 1, 2, 2, 2])
    """

    _pool = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return self._pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """Largest elements of windows chosen so that the result has length ``output_size``.

    >>> nn.AdaptiveMaxPool1d(2)(rustorch.zeros(1, 1, 5)).shape
    rustorch.Size([1, 1, 2])
    """

    _pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Largest elements of windows chosen so that the result has height and width ``output_size``.

    >>> nn.AdaptiveMaxPool2d((2, 3))(rustorch.zeros(1, 1, 5, 7)).shape
    rustorch.Size([1, 1, 2, 3])
    """

    _pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """Largest elements of windows chosen so that the result has depth, height and width ``output_size``.

    >>> nn.AdaptiveMaxPool3d(2)(rustorch.zeros(1, 1, 5, 5, 5)).shape
    rustorch.Size([1, 1, 2, 2, 2])
    """

    _pool = staticmethod(F.adaptive_max_pool3d)

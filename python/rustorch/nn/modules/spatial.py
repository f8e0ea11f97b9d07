"""Resampling, windows as columns, and rearranging of pixels."""

from __future__ import annotations

from typing import Any, Optional

from rustorch import Tensor
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module

__all__ = [
    "Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "Unfold", "Fold", "PixelShuffle", "PixelUnshuffle",
    "ChannelShuffle",
]  # fmt: skip


class Upsample(Module):
    """Resampling to another size: see :func:`rustorch.nn.functional.interpolate`.

    Parameters
    ----------
    size, scale_factor : one of them
    mode : str, default ``"nearest"``
    align_corners, recompute_scale_factor : bool, optional

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.Upsample(scale_factor=2)(torch.zeros(1, 3, 4, 4)).shape
    rustorch.Size([1, 3, 8, 8])
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Optional[bool] = None,
        recompute_scale_factor: Optional[bool] = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)

    def extra_repr(self) -> str:
        size = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """:class:`Upsample` of images in mode ``"nearest"``.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(rustorch.zeros(1, 1, 2, 2)).shape
    rustorch.Size([1, 1, 4, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """:class:`Upsample` of images in mode ``"bilinear"`` with aligned corners.

    >>> nn.UpsamplingBilinear2d(scale_factor=2)(rustorch.zeros(1, 1, 2, 2)).shape
    rustorch.Size([1, 1, 4, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class Unfold(Module):
    """The windows of images (B, C, H, W) as columns (B, C · kh · kw, number of windows).

    >>> nn.Unfold(2)(rustorch.zeros(1, 3, 4, 4)).shape
    rustorch.Size([1, 12, 9])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Fold(Module):
    """The sum of windows given as columns, at their places in images of ``output_size``.

    >>> nn.Fold((4, 4), 2)(rustorch.zeros(1, 12, 9)).shape
    rustorch.Size([1, 3, 4, 4])
    """

    def __init__(self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class PixelShuffle(Module):
    """(…, C · r², H, W) as (…, C, H · r, W · r). Source: Shi et al., CVPR 2016.

    >>> nn.PixelShuffle(2)(rustorch.zeros(1, 4, 2, 2)).shape
    rustorch.Size([1, 1, 4, 4])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(…, C, H · r, W · r) as (…, C · r², H, W): the inverse of :class:`PixelShuffle`.

    >>> nn.PixelUnshuffle(2)(rustorch.zeros(1, 1, 4, 4)).shape
    rustorch.Size([1, 4, 2, 2])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels (dimension 1) dealt out over ``groups``. Source: Zhang et al., CVPR 2018.

    >>> nn.ChannelShuffle(2)(rustorch.arange(4.0).reshape(1, 4, 1, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"

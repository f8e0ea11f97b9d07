"""Padding, interpolation, sampling at given places, and rearranging of pixels."""

from __future__ import annotations

import math
import warnings
from typing import Any, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentValueError, UnsupportedError
from rustorch.autograd import Function

_ops = _C._ops
_Ints = Union[int, Sequence[int]]

__all__ = [
    "pad", "interpolate", "upsample", "upsample_nearest", "upsample_bilinear", "grid_sample", "affine_grid",
    "unfold", "fold", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle",
]  # fmt: skip

pixel_shuffle = _ops.pixel_shuffle
pixel_unshuffle = _ops.pixel_unshuffle
channel_shuffle = native_channel_shuffle = _ops.channel_shuffle


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Optional[float] = None) -> Tensor:
    """Add elements at the borders, or with negative numbers take them away.

    Parameters
    ----------
    input : Tensor
    pad : ints (left, right, top, bottom, …), the last dimension first
    mode : ``"constant"`` (``value``, 0 by default), ``"reflect"`` (the border is the mirror, and not repeated),
        ``"replicate"`` (the border again and again) or ``"circular"``
    value : number, default 0; for ``"constant"`` alone

    Raises
    ------
    ShapeError
        More is asked for than a mirror or a circle has.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.pad(torch.tensor([[1, 2, 3]]), (2, 1), mode="reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    if value is not None and mode != "constant" and value != 0:
        raise ArgumentValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    return _ops.pad(input, pad, mode, 0 if value is None else value)


# ---------------------------------------------------------------------------------------------- interpolation

_KERNELS = {  # mode: the kernel of one dimension, and the number of dimensions it is for
    "nearest": ("nearest", 0), "nearest-exact": ("nearest-exact", 0), "linear": ("linear", 1), "bilinear": ("linear", 2),
    "trilinear": ("linear", 3), "bicubic": ("cubic", 2), "area": ("area", 0),
}  # fmt: skip


def _sizes(value: Any, n: int, name: str, shape: Any) -> List[Any]:
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ArgumentValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got input with spatial dimensions of "
            f"{list(shape[2:])} and {name} of {list(value)}."
        )
    return list(value)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Optional[bool] = None,
    recompute_scale_factor: Optional[bool] = None, antialias: bool = False,
) -> Tensor:
    """Resample signals, images or volumes to another size.

    Parameters
    ----------
    input : (B, C, T), (B, C, H, W) or (B, C, D, H, W), floating-point or uint8
    size : int or ints, the new spatial size; or
    scale_factor : float or floats, its ratio to the old one
    mode : ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (signals), ``"bilinear"``, ``"bicubic"`` (images),
        ``"trilinear"`` (volumes) or ``"area"`` (means)
    align_corners : bool, default False
        The corner pixels' centres stay where they are; else the corners of the corner pixels do.
    recompute_scale_factor : bool, default False
        Take the scale from the rounded size, and not as given.
    antialias : bool, default False
        Widen the kernel when shrinking (``"bilinear"`` and ``"bicubic"``), as Pillow does.

    uint8 is computed in float32 and rounded.

    Raises
    ------
    ValueError
        Neither or both of ``size`` and ``scale_factor`` are given, or an option does not belong to the mode.

    Source: Keys, IEEE ASSP 1981, for the bicubic kernel (a = −0.75; with antialias −0.5).

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    n = input.dim() - 2
    if mode not in _KERNELS or not 1 <= n <= 3 or _KERNELS[mode][1] not in (0, n):
        raise UnsupportedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported"
            f" (got {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact"
            f" (got {mode})"
        )
    kernel = _KERNELS[mode][0]
    if kernel not in ("linear", "cubic") and align_corners is not None:
        raise ArgumentValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if antialias and not (mode in ("bilinear", "bicubic") and n == 2):
        raise ArgumentValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input")
    if size is not None and scale_factor is not None:
        raise ArgumentValueError("only one of size or scale_factor should be defined")
    scales: List[float] = [0.0] * n
    if size is not None:
        if recompute_scale_factor:
            raise ArgumentValueError("recompute_scale_factor is not meaningful with an explicit size.")
        size = [int(length) for length in _sizes(size, n, "output_size", input.shape)]
    elif scale_factor is not None:
        factors = [float(factor) for factor in _sizes(scale_factor, n, "scale_factor", input.shape)]
        size = [math.floor(length * factor) for length, factor in zip(input.shape[2:], factors)]
        if not recompute_scale_factor and kernel != "area":
            scales = factors
    else:
        raise ArgumentValueError("either size or scale_factor should be defined")
    if kernel == "area":
        return getattr(_ops, f"adaptive_avg_pool{n}d")(input, size)
    return _ops._interpolate(input, size, kernel, bool(align_corners), antialias, *[0.0] * (3 - n), *scales)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Optional[bool] = None
) -> Tensor:
    """The old name of :func:`interpolate`.

    >>> F.upsample(rustorch.zeros(1, 1, 2, 2), scale_factor=2).shape
    rustorch.Size([1, 1, 4, 4])
    """
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """:func:`interpolate` in mode ``"nearest"``.

    >>> F.upsample_nearest(rustorch.zeros(1, 1, 2, 2), scale_factor=2).shape
    rustorch.Size([1, 1, 4, 4])
    """
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor)


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """:func:`interpolate` of images in mode ``"bilinear"`` with aligned corners.

    >>> F.upsample_bilinear(rustorch.zeros(1, 1, 2, 2), scale_factor=2).shape
    rustorch.Size([1, 1, 4, 4])
    """
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, "bilinear", True)


# ---------------------------------------------------------------------------------------------- sampling at given places


def _reflect(at: Tensor, size: int, align_corners: bool) -> Tensor:
    """Positions mirrored until they lie in the image: at the centres of its border pixels, or at their outer edges."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span == 0:
        return at * 0
    away = (at - low).abs()
    turns = (away.detach() / span).floor()
    rest = away - turns * span
    return rustorch.where(turns % 2 == 0, rest, span - rest) + low


def _bounded(at: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    if padding_mode == "zeros":
        return at
    if padding_mode == "reflection":
        at = _reflect(at, size, align_corners)
    return at.clamp(0, size - 1)


def _cubic(t: Tensor) -> List[Tensor]:
    """The weights of the pixels at −1, 0, 1 and 2 for a place t in [0, 1). Source: Keys, IEEE ASSP 1981, a = −0.75."""
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _line_weights(at: Tensor, size: int, mode: str, padding_mode: str, align_corners: bool) -> Tensor:
    """The weights (B, P, taps) of pixels along one dimension, for normalised places (B, P)."""
    at = (at + 1) / 2 * (size - 1) if align_corners else ((at + 1) * size - 1) / 2
    if mode != "bicubic":
        at = _bounded(at, size, padding_mode, align_corners)
    if mode == "nearest":
        return (at * 0 + 1).unsqueeze(-1)
    part = at - at.detach().floor()
    return rustorch.stack([1 - part, part] if mode == "bilinear" else _cubic(part), -1)


class _Taps(Function):
    """The pixels and weights that places stand for: a kernel, whose gradient is one too.

    Where the gradient is to be differentiated again, the weights are written out in ordinary ops instead.
    """

    @staticmethod
    def forward(ctx: Any, places: Tensor, settings: Tuple[Any, ...]) -> Tuple[Tensor, Tensor]:
        ctx.save_for_backward(places)
        ctx.settings = settings
        pixels, weights = _ops._sample_taps(places, *settings)
        ctx.mark_non_differentiable(pixels)
        return pixels, weights

    @staticmethod
    def backward(ctx: Any, unused: Any, grad: Tensor) -> Tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        if not rustorch.is_grad_enabled():
            return _ops._sample_taps_backward(grad, places, *ctx.settings), None
        sizes, *rest = ctx.settings
        weights = None
        for i, size in enumerate(sizes):  # z, y, x: the last coordinate names the first dimension
            line = _line_weights(places[..., len(sizes) - 1 - i], size, *rest)
            weights = line if weights is None else (weights.unsqueeze(-1) * line.unsqueeze(-2)).flatten(-2)
        return rustorch.autograd.grad(weights, places, grad, create_graph=True)[0], None


def _corners(align_corners: Optional[bool]) -> bool:
    """False by default, with a word about what the default once was."""
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            stacklevel=3,
        )
    return bool(align_corners)


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: Optional[bool] = None
) -> Tensor:
    """The pixels of images or volumes at given places.

    Parameters
    ----------
    input : (B, C, H, W) or (B, C, D, H, W)
    grid : (B, H', W', 2) or (B, D', H', W', 3)
        Places as (x, y) or (x, y, z), from −1 (left, top, front) to 1.
    mode : ``"bilinear"`` (for volumes trilinear), ``"nearest"`` or ``"bicubic"`` (images)
    padding_mode : ``"zeros"``, ``"border"`` or ``"reflection"``, for places outside
    align_corners : bool, default False
        −1 and 1 are the centres of the border pixels; else their outer edges.

    Returns
    -------
    (B, C, H', W') or (B, C, D', H', W').

    Raises
    ------
    ShapeError
        Shapes do not belong together.

    Source: Jaderberg et al., NeurIPS 2015.

    Example
    -------
    >>> import rustorch as torch
    >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> torch.nn.functional.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[1.5000]]]])
    """
    n = input.dim() - 2
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ArgumentValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    align_corners = _corners(align_corners)
    if n not in (2, 3) or grid.dim() != n + 2 or grid.shape[0] != input.shape[0] or grid.shape[-1] != n:
        raise rustorch.ShapeError(
            f"grid_sample: input {tuple(input.shape)} and grid {tuple(grid.shape)} do not belong together: "
            "(B, C, H, W) and (B, H', W', 2), or (B, C, D, H, W) and (B, D', H', W', 3) are needed"
        )
    if mode == "bicubic" and n == 3:
        raise UnsupportedError("grid_sample: bicubic interpolation only supports 4D input")
    if 0 in input.shape[2:]:
        raise rustorch.ShapeError(f"grid_sample: input {tuple(input.shape)} has no pixels")
    if input.dtype != grid.dtype:
        raise rustorch.TensorError(f"grid_sample: input and grid must have one dtype, not {input.dtype} and {grid.dtype}")
    dtype = rustorch.float64 if input.dtype == rustorch.float64 else rustorch.float32
    B, C = input.shape[:2]
    places, settings = grid.to(dtype).reshape(B, -1, n), (list(input.shape[2:]), mode, padding_mode, align_corners)
    pixels, weights = _Taps.apply(places, settings) if grid.requires_grad else _ops._sample_taps(places, *settings)
    flat = input.to(dtype).reshape(B, C, -1)
    return _ops._sample_gather(flat, pixels, weights).to(input.dtype).reshape(B, C, *grid.shape[1:-1])


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: Optional[bool] = None) -> Tensor:
    """The grid for :func:`grid_sample` that applies an affine map.

    Parameters
    ----------
    theta : (B, 2, 3) or (B, 3, 4)
    size : (B, C, H, W) or (B, C, D, H, W) of the result of grid_sample
    align_corners : bool, default False

    Returns
    -------
    (B, H, W, 2) or (B, D, H, W, 3).

    Example
    -------
    >>> import rustorch as torch
    >>> theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    align_corners = _corners(align_corners)
    if not theta.is_floating_point():
        raise ArgumentValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = [int(length) for length in size]
    n = len(size) - 2
    if n not in (2, 3):
        raise UnsupportedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}"
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ArgumentValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got {tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ArgumentValueError(f"Expected non-zero, positive output size. Got {size}")
    lines = []
    for length in size[2:]:
        line = rustorch.linspace(-1, 1, length, dtype=theta.dtype) if length > 1 else rustorch.zeros(1, dtype=theta.dtype)
        lines.append(line if align_corners else line * ((length - 1) / length))
    grids = rustorch.meshgrid(*lines, indexing="ij")
    base = rustorch.stack([*reversed(grids), rustorch.ones_like(grids[0])], -1).reshape(1, -1, n + 1)
    return base.matmul(theta.transpose(1, 2)).reshape(size[0], *size[2:], n)


# ---------------------------------------------------------------------------------------------- windows as columns


def unfold(
    input: Tensor, kernel_size: _Ints, dilation: _Ints = 1, padding: _Ints = 0, stride: _Ints = 1
) -> Tensor:
    """The windows of images (B, C, H, W) as columns: (B, C · kh · kw, number of windows).

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.unfold(torch.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    return _ops._im2col(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor, output_size: _Ints, kernel_size: _Ints, dilation: _Ints = 1, padding: _Ints = 0, stride: _Ints = 1
) -> Tensor:
    """The sum of windows given as columns (B, C · kh · kw, number of windows), at their places in (B, C, H, W).

    The gradient of :func:`unfold`; ``output_size`` is (H, W).

    >>> F.fold(rustorch.zeros(1, 12, 9), (4, 4), 2).shape
    rustorch.Size([1, 3, 4, 4])
    """
    return _ops._col2im(input, output_size, kernel_size, dilation, padding, stride)

"""Image transforms as functions, in torchvision's spelling, computed in C.

An image is a tensor (…, H, W) or (…, C, H, W); all images of a batch get the same treatment, computed by several threads.
Arrays (H, W) or (H, W, C) and PIL images are turned into tensors first: results are always tensors. Values are those of
torchvision on tensors; uint8 stays uint8. There are no gradients here: see :mod:`rustorch.nn.functional` for those.
"""

from __future__ import annotations

import enum
import math
import numbers
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "affine", "autocontrast", "center_crop", "convert_image_dtype", "crop", "elastic_transform", "equalize", "erase",
    "five_crop", "gaussian_blur", "get_dimensions", "get_image_num_channels", "get_image_size", "hflip", "invert",
    "normalize", "pad", "perspective", "pil_to_tensor", "posterize", "resize", "resized_crop", "rgb_to_grayscale",
    "rotate", "solarize", "ten_crop", "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip


class InterpolationMode(enum.Enum):
    """How values between pixels are found.

    >>> from rustorch.data.transforms import InterpolationMode
    >>> InterpolationMode.BILINEAR.value
    'bilinear'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_NUMBERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_RESAMPLE = {"nearest": 0, "nearest-exact": 1, "bilinear": 2, "bicubic": 3}
_PAD_MODES = {"constant": 0, "edge": 1, "reflect": 2, "symmetric": 3}
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE, _SHARPNESS = range(5)
Fill = Union[None, float, Sequence[float]]


def _mode(interpolation: Any, allowed: Sequence[str]) -> int:
    if isinstance(interpolation, int) and not isinstance(interpolation, bool):
        if interpolation not in _PIL_NUMBERS:
            raise ArgumentValueError(f"interpolation: {interpolation} is none of PIL's numbers 0 to 5")
        interpolation = InterpolationMode(_PIL_NUMBERS[interpolation])
    if not isinstance(interpolation, InterpolationMode):
        raise ArgumentTypeError(f"Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant, "
                        f"not {type(interpolation).__name__}")  # fmt: skip
    if interpolation.value not in allowed:
        raise ArgumentValueError(
            f"Interpolation mode '{interpolation.value}' is unsupported with Tensor input: {', '.join(allowed)} are possible"
        )
    return _RESAMPLE[interpolation.value]


_WARP_MODES = ("nearest", "bilinear")


def _image(img: Any) -> Tensor:
    return img if isinstance(img, Tensor) else pil_to_tensor(img)


def _fill(fill: Fill) -> Optional[List[float]]:
    if fill is None:
        return None
    if isinstance(fill, Tensor):
        fill = fill.reshape(-1).tolist()
    if isinstance(fill, numbers.Number):
        return [float(fill)]  # type: ignore[arg-type]
    if isinstance(fill, (list, tuple)) and all(isinstance(value, numbers.Number) for value in fill):
        return [float(value) for value in fill]
    raise ArgumentTypeError(f"Got inappropriate fill arg: a number or one a channel is expected, not {fill!r}")


def _bound(dtype: Any) -> float:
    """The value of white."""
    return 1.0 if dtype.is_floating_point else 1.0 if dtype == rustorch.bool else float(rustorch.iinfo(dtype).max)


# ------------------------------------------------------------------------------------------------ sizes


def get_dimensions(img: Any) -> List[int]:
    """Channels, height and width.

    >>> import rustorch as torch
    >>> from rustorch.data.transforms import functional as F
    >>> F.get_dimensions(torch.zeros(3, 4, 5))
    [3, 4, 5]
    """
    img = _image(img)
    if img.dim() < 2:
        raise ArgumentTypeError("Tensor is not a torch image.")
    return [1 if img.dim() == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]


def get_image_size(img: Any) -> List[int]:
    """Width and height.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.get_image_size(rustorch.zeros(3, 4, 6))
    [6, 4]
    """
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.get_image_num_channels(rustorch.zeros(3, 4, 6))
    3
    """
    return get_dimensions(img)[0]


# ------------------------------------------------------------------------------------------------ conversion


def pil_to_tensor(pic: Any) -> Tensor:
    """An array (H, W) or (H, W, C), or a PIL image, as a tensor (C, H, W) of the same dtype; a tensor as it is.

    Raises
    ------
    TypeError
        It is none of these.
    ValueError
        An array has neither two nor three dimensions.

    >>> import numpy
    >>> from rustorch.data.transforms import functional as TF
    >>> callable(TF.pil_to_tensor)
    True
    """
    if isinstance(pic, Tensor):
        return pic
    if not isinstance(pic, np.ndarray) and not (hasattr(pic, "getbands") and hasattr(pic, "__array_interface__")):
        raise ArgumentTypeError(f"pic should be PIL Image, ndarray or Tensor. Got {type(pic)}")
    array = np.asarray(pic)
    if array.ndim not in (2, 3):
        raise ArgumentValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return rustorch.from_numpy(np.ascontiguousarray(array))


def to_tensor(pic: Any) -> Tensor:
    """An array (H, W) or (H, W, C), a PIL image or a tensor as a tensor (C, H, W); uint8 becomes float32 from 0 to 1.

    >>> import numpy as np
    >>> from rustorch.data.transforms import functional as F
    >>> F.to_tensor(np.full((1, 2, 1), 51, np.uint8))
    tensor([[[0.2000, 0.2000]]])
    """
    tensor = pil_to_tensor(pic)
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    return _C._image_scale(tensor, 255.0, [0.0], [1.0]) if tensor.dtype == rustorch.uint8 else tensor


def to_pil_image(pic: Any, mode: Optional[str] = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W), as a PIL image; floats from 0 to 1 become bytes.

    Parameters
    ----------
    pic : Tensor or numpy array
        With one to four channels.
    mode : str, optional
        PIL's name of the format; by default "L", "LA", "RGB" or "RGBA" for bytes, by the number of channels.

    Raises
    ------
    PluginError
        PIL is not installed.
    ArgumentTypeError, ShapeError
        It is no image.

    >>> from rustorch.data.transforms import functional as TF
    >>> callable(TF.to_pil_image)
    True
    """
    try:
        from PIL import Image
    except ImportError:
        raise rustorch.PluginError(
            "to_pil_image: PIL is not installed: pip install pillow (on Debian: apt install python3-pil); rustorch's own transforms, "
            "io.write_png and vision.utils.save_image work on tensors without it"
        ) from None
    if isinstance(pic, Tensor):
        tensor = pic.unsqueeze(0) if pic.dim() == 2 else pic
        if tensor.dim() != 3:
            raise rustorch.ShapeError(f"to_pil_image: 2 or 3 dimensions are expected, not {pic.dim()}")
        if tensor.is_floating_point() and mode != "F":
            tensor = tensor.mul(255).to(rustorch.uint8)
        array = tensor.detach().permute(1, 2, 0).contiguous().numpy()
    elif isinstance(pic, np.ndarray) and pic.ndim in (2, 3):
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise rustorch.ArgumentTypeError(f"to_pil_image: a tensor or an array of 2 or 3 dimensions is expected, not {type(pic).__name__}")
    if not 1 <= array.shape[2] <= 4:
        raise rustorch.ShapeError(f"to_pil_image: 1 to 4 channels are expected, not {array.shape[2]}")
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    return image if mode is None or image.mode == mode else image.convert(mode)


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """Another dtype, and the values to its range: floats from 0 to 1, integers from 0 to the largest.

    Raises
    ------
    RuntimeError
        The float has fewer digits than the integers need: float32 to int32 or int64, float64 to int64.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.convert_image_dtype(rustorch.tensor([[[255]]], dtype=rustorch.uint8), rustorch.float32)
    tensor([[[1.]]])
    """
    dtype = rustorch.float32 if dtype is None else dtype
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        unsafe = (rustorch.int64,) if image.dtype == rustorch.float64 else (rustorch.int32, rustorch.int64)
        if dtype in unsafe:
            raise RusTorchError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return (image * (_bound(dtype) + 1.0 - 1e-3)).to(dtype)
    most = int(_bound(image.dtype))
    if dtype == rustorch.float32 and image.dtype == rustorch.uint8 and image.dim() >= 2:
        return _C._image_scale(image, 255.0, [0.0], [1.0])
    if dtype.is_floating_point:
        return image.to(dtype) / most
    wanted = int(_bound(dtype))
    if most > wanted:
        return rustorch.div(image, (most + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (most + 1))


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(x − mean) / std for each channel of float images (…, C, H, W); one number counts for all channels.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.normalize(rustorch.ones(1, 1, 1), [0.5], [0.25])
    tensor([[[2.]]])
    """
    mean, std = _numbers(mean), _numbers(std)
    if len(mean) == 1 < len(std):
        mean = mean * len(std)
    if len(std) == 1 < len(mean):
        std = std * len(mean)
    if len(mean) != len(std):
        raise ArgumentValueError(f"Normalize: {len(mean)} means and {len(std)} deviations were given")
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"img should be Tensor Image. Got {type(tensor)}: put ToTensor() before Normalize")
    if not tensor.is_floating_point():
        raise ArgumentTypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if any(value == 0 for value in std):
        raise ArgumentValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    n = len(mean)
    if n > 1 and (tensor.dim() < 3 or tensor.shape[-3] != n):
        raise rustorch.ShapeError(f"Normalize: {n} means do not fit a tensor of shape {tuple(tensor.shape)}")
    if not inplace and tensor.dim() >= 2 and not tensor.requires_grad and tensor.dtype in (rustorch.float32, rustorch.float64):
        return _C._image_scale(tensor, 1.0, mean, std)
    shape = (n, 1, 1) if n > 1 else ()
    means = rustorch.tensor(mean, dtype=tensor.dtype).reshape(shape)
    stds = rustorch.tensor(std, dtype=tensor.dtype).reshape(shape)
    return tensor.sub_(means).div_(stds) if inplace else (tensor - means) / stds


def _numbers(value: Any) -> List[float]:
    if isinstance(value, (Tensor, np.ndarray)):
        value = value.tolist()
    return [float(v) for v in value] if isinstance(value, (list, tuple)) else [float(value)]


# ------------------------------------------------------------------------------------------------ geometry


def _resized(size: Tuple[int, int], wanted: Sequence[int], max_size: Optional[int]) -> Tuple[int, int]:
    height, width = size
    if len(wanted) == 2:
        return int(wanted[0]), int(wanted[1])
    short, long = min(width, height), max(width, height)
    new_short, new_long = int(wanted[0]), int(wanted[0] * long / short)
    if max_size is not None:
        if max_size <= wanted[0]:
            raise ArgumentValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = {wanted[0]}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


def resize(
    img: Any, size: Union[int, Sequence[int]], interpolation: Any = InterpolationMode.BILINEAR, max_size: Optional[int] = None,
    antialias: Optional[bool] = True,
) -> Tensor:
    """Another size.

    Parameters
    ----------
    img : tensor (…, H, W)
    size : int or (int,) or (height, width)
        One number is the length of the shorter side; the other follows.
    interpolation : InterpolationMode, default BILINEAR
        NEAREST, NEAREST_EXACT, BILINEAR, BICUBIC.
    max_size : int, optional
        The most that the longer side may have, where ``size`` is one number.
    antialias : bool, default True
        Whether shrinking takes all pixels into account; for BILINEAR and BICUBIC.

    >>> import rustorch as torch
    >>> from rustorch.data.transforms import functional as F
    >>> F.resize(torch.zeros(3, 10, 20, dtype=torch.uint8), 5).shape
    rustorch.Size([3, 5, 10])
    """
    mode = _mode(interpolation, tuple(_RESAMPLE))
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ArgumentValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
        if max_size is not None and len(size) != 1:
            raise ArgumentValueError("max_size should only be passed if size specifies the length of the smaller edge, "
                             "i.e. size should be an int or a sequence of length 1")  # fmt: skip
    else:
        size = [size]
    img = _image(img)
    _, height, width = get_dimensions(img)
    wanted = _resized((height, width), size, max_size)
    if wanted == (height, width):
        return img
    return _C._image_resize(img, *wanted, mode, bool(antialias))


def _padding(padding: Union[int, Sequence[int]]) -> List[int]:
    """Left, top, right, bottom."""
    if isinstance(padding, int):
        return [padding] * 4
    if not isinstance(padding, (list, tuple)):
        raise ArgumentTypeError(f"Got inappropriate padding arg: {padding!r}")
    if len(padding) not in (1, 2, 4):
        raise ArgumentValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    padding = [int(value) for value in padding]
    return padding * (4 // len(padding))


def pad(img: Any, padding: Union[int, Sequence[int]], fill: Fill = 0, padding_mode: str = "constant") -> Tensor:
    """A border around images.

    Parameters
    ----------
    padding : int, (left and right, top and bottom), or (left, top, right, bottom)
        In pixels; negative numbers cut.
    fill : number, or one a channel
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
        ``reflect`` mirrors without repeating the edge, ``symmetric`` repeats it.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.pad(rustorch.zeros(1, 2, 2), 1).shape
    rustorch.Size([1, 4, 4])
    """
    if padding_mode not in _PAD_MODES:
        raise ArgumentValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = _padding(padding)
    return _C._image_pad(_image(img), left, top, right, bottom, _PAD_MODES[padding_mode], _fill(fill))


def crop(img: Any, top: int, left: int, height: int, width: int) -> Tensor:
    """The part of the given place and size; what lies outside the image is 0. Inside it, a view.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.crop(rustorch.arange(4.0).reshape(1, 2, 2), 0, 1, 2, 1).flatten()
    tensor([1., 3.])
    """
    img = _image(img)
    _, h, w = get_dimensions(img)
    right, bottom = left + width, top + height
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return img[..., top:bottom, left:right]
    return _C._image_pad(img, -left, -top, right - w, bottom - h, 0, [0.0])


def _pair(size: Union[int, Sequence[int]], text: str = "Please provide only two dimensions (h, w) for size.") -> Tuple[int, int]:
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if len(size) == 1:  # type: ignore[arg-type]
        return int(size[0]), int(size[0])  # type: ignore[index]
    if len(size) != 2:  # type: ignore[arg-type]
        raise ArgumentValueError(text)
    return int(size[0]), int(size[1])  # type: ignore[index]


def center_crop(img: Any, output_size: Union[int, Sequence[int]]) -> Tensor:
    """The middle part; an image that is smaller is padded with 0.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.center_crop(rustorch.zeros(1, 4, 4), 2).shape
    rustorch.Size([1, 2, 2])
    """
    img = _image(img)
    _, h, w = get_dimensions(img)
    height, width = _pair(output_size)
    if width > w or height > h:
        dx, dy = max(width - w, 0), max(height - h, 0)
        img = pad(img, [dx // 2, dy // 2, (dx + 1) // 2, (dy + 1) // 2])
        _, h, w = get_dimensions(img)
        if (width, height) == (w, h):
            return img
    return crop(img, int(round((h - height) / 2.0)), int(round((w - width) / 2.0)), height, width)


def resized_crop(
    img: Any, top: int, left: int, height: int, width: int, size: Union[int, Sequence[int]],
    interpolation: Any = InterpolationMode.BILINEAR, antialias: Optional[bool] = True,
) -> Tensor:
    """:func:`crop`, then :func:`resize`; nothing is copied in between.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.resized_crop(rustorch.zeros(1, 4, 4), 0, 0, 2, 2, (3, 3)).shape
    rustorch.Size([1, 3, 3])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Tensor:
    """Left becomes right.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.hflip(rustorch.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1.]]])
    """
    return _C._image_flip(_image(img), True, False)


def vflip(img: Any) -> Tensor:
    """Top becomes bottom.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.vflip(rustorch.tensor([[[1.0], [2.0]]])).flatten()
    tensor([2., 1.])
    """
    return _C._image_flip(_image(img), False, True)


def five_crop(img: Any, size: Union[int, Sequence[int]]) -> Tuple[Tensor, ...]:
    """The four corners (top left, top right, bottom left, bottom right) and the centre.

    >>> from rustorch.data.transforms import functional as TF
    >>> len(TF.five_crop(rustorch.zeros(1, 4, 4), 2))
    5
    """
    img = _image(img)
    height, width = _pair(size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        raise ArgumentValueError(f"Requested crop size {(height, width)} is bigger than input size {(h, w)}")
    corners = [crop(img, top, left, height, width) for top in (0, h - height) for left in (0, w - width)]
    return (*corners, center_crop(img, [height, width]))


def ten_crop(img: Any, size: Union[int, Sequence[int]], vertical_flip: bool = False) -> Tuple[Tensor, ...]:
    """:func:`five_crop` of the image and of its mirror image.

    >>> from rustorch.data.transforms import functional as TF
    >>> len(TF.ten_crop(rustorch.zeros(1, 4, 4), 2))
    10
    """
    img = _image(img)
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def _inverse_affine(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> List[float]:
    """The 2 × 3 matrix from output to input, both counted from the middle of the image: rotation, shear, scale about
    ``center``, then translation, inverted."""
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a, b = math.cos(rot - sy) / math.cos(sy), -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c, d = math.sin(rot - sy) / math.cos(sy), -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    (cx, cy), (tx, ty) = center, translate
    m = [value / scale for value in (d, -b, 0.0, -c, a, 0.0)]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m


def _warp(img: Tensor, m: Sequence[float], size: Tuple[int, int], mode: int, fill: Fill) -> Tensor:
    """By a matrix between middles; ``size`` of the output: height, width."""
    _, h, w = get_dimensions(img)
    out_h, out_w = size
    x = [m[0], m[1], m[2] - m[0] * out_w / 2 - m[1] * out_h / 2 + w / 2]
    y = [m[3], m[4], m[5] - m[3] * out_w / 2 - m[4] * out_h / 2 + h / 2]
    return _C._image_warp(img, out_h, out_w, [*x, *y, 0.0, 0.0, 1.0], mode, _fill(fill))


def _expanded(m: Sequence[float], height: int, width: int) -> Tuple[int, int]:
    """The size that holds the whole rotated image."""
    sizes = []
    for k, extent in ((0, width), (3, height)):
        ends = [m[k] * x * width / 2 + m[k + 1] * y * height / 2 + m[k + 2] + extent / 2 for x in (-1, 1) for y in (-1, 1)]
        sizes.append(math.ceil(round(max(ends), 4)) - math.floor(round(min(ends), 4)))  # sin(90°) is not quite 1
    return int(sizes[1]), int(sizes[0])


def _from_middle(center: Optional[Sequence[float]], height: int, width: int) -> List[float]:
    if center is None:
        return [0.0, 0.0]
    if not isinstance(center, (list, tuple)) or len(center) != 2:
        raise ArgumentTypeError(f"Argument center should be a sequence of two numbers, not {center!r}")
    return [center[0] - width / 2, center[1] - height / 2]


def rotate(
    img: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False,
    center: Optional[Sequence[float]] = None, fill: Fill = None,
) -> Tensor:
    """Rotated counter-clockwise.

    Parameters
    ----------
    angle : float
        In degrees.
    interpolation : InterpolationMode, default NEAREST
        NEAREST or BILINEAR.
    expand : bool, default False
        Whether the result grows to hold the whole image (``center`` is not taken into account).
    center : (x, y), optional
        In pixels from the upper left corner; by default the middle.
    fill : number, or one a channel, optional
        What there is outside the image.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.rotate(rustorch.arange(4.0).reshape(1, 2, 2), 90)
    tensor([[[1., 3.],
             [0., 2.]]])
    """
    if not isinstance(angle, (int, float)):
        raise ArgumentTypeError("Argument angle should be int or float")
    mode = _mode(interpolation, _WARP_MODES)
    img = _image(img)
    _, h, w = get_dimensions(img)
    m = _inverse_affine(_from_middle(center, h, w), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return _warp(img, m, _expanded(m, h, w) if expand else (h, w), mode, fill)


def affine(
    img: Any, angle: float, translate: Sequence[int], scale: float, shear: Union[float, Sequence[float]],
    interpolation: Any = InterpolationMode.NEAREST, fill: Fill = None, center: Optional[Sequence[float]] = None,
) -> Tensor:
    """Rotated clockwise by ``angle`` degrees, moved by ``translate`` (x, y) pixels, scaled, sheared by degrees (x, y).

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.affine(rustorch.zeros(1, 4, 4), 0.0, [1, 0], 1.0, [0.0, 0.0]).shape
    rustorch.Size([1, 4, 4])
    """
    if not isinstance(angle, (int, float)):
        raise ArgumentTypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise ArgumentTypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ArgumentValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ArgumentValueError("Argument scale should be positive")
    if isinstance(shear, numbers.Number):
        shear = [float(shear), 0.0]  # type: ignore[arg-type]
    if not isinstance(shear, (list, tuple)):
        raise ArgumentTypeError("Shear should be either a single value or a sequence of two values")
    if len(shear) == 1:
        shear = [shear[0], shear[0]]
    if len(shear) != 2:
        raise ArgumentValueError(f"Shear should be a sequence containing two values. Got {shear}")
    mode = _mode(interpolation, _WARP_MODES)
    img = _image(img)
    _, h, w = get_dimensions(img)
    m = _inverse_affine(_from_middle(center, h, w), angle, translate, scale, shear)
    return _warp(img, m, (h, w), mode, fill)


def perspective(
    img: Any, startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]],
    interpolation: Any = InterpolationMode.BILINEAR, fill: Fill = None,
) -> Tensor:
    """Seen from another point: the four ``startpoints`` (x, y) come to lie on the ``endpoints``.

    >>> from rustorch.data.transforms import functional as TF
    >>> corners = [[0, 0], [3, 0], [3, 3], [0, 3]]
    >>> TF.perspective(rustorch.zeros(1, 4, 4), corners, corners).shape
    rustorch.Size([1, 4, 4])
    """
    mode = _mode(interpolation, _WARP_MODES)
    img = _image(img)
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ArgumentValueError(f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints.")
    rows, values = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    matrix = np.linalg.lstsq(np.array(rows, np.float64), np.array(values, np.float64), rcond=None)[0].tolist()
    _, h, w = get_dimensions(img)
    return _C._image_warp(img, h, w, [*matrix, 1.0], mode, _fill(fill))


def elastic_transform(
    img: Any, displacement: Tensor, interpolation: Any = InterpolationMode.BILINEAR, fill: Fill = None
) -> Tensor:
    """Every pixel taken from another place.

    Parameters
    ----------
    displacement : Tensor of shape (1, height, width, 2)
        How far to the right and down the place lies from the pixel; 2 is the width or height of the image.
    interpolation : InterpolationMode, default BILINEAR
        NEAREST or BILINEAR.
    fill : number, or one a channel, optional
        What there is outside the image; by default 0.

    >>> from rustorch.data.transforms import functional as TF
    >>> shift = rustorch.zeros(1, 2, 2, 2)
    >>> shift[..., 0] = 1.0  # half the width
    >>> TF.elastic_transform(rustorch.arange(4.0).reshape(1, 2, 2), shift)
    tensor([[[1., 0.],
             [3., 0.]]])
    """
    mode = "nearest" if _mode(interpolation, _WARP_MODES) == _RESAMPLE["nearest"] else "bilinear"
    img, colours = _image(img), _fill(fill)
    channels, h, w = get_dimensions(img)
    if not isinstance(displacement, Tensor):
        raise ArgumentTypeError(f"Argument displacement should be a Tensor, not {type(displacement).__name__}")
    if tuple(displacement.shape) != (1, h, w, 2):
        raise rustorch.ShapeError(f"Argument displacement shape should be (1, {h}, {w}, 2), but given {tuple(displacement.shape)}")
    if colours is not None and len(colours) not in (1, channels):
        raise ArgumentValueError(f"elastic_transform: {len(colours)} fill values were given for {channels} channels")
    places = [rustorch.linspace((1 - size) / size, (size - 1) / size, size) for size in (h, w)]
    y, x = rustorch.meshgrid(places, indexing="ij")
    grid = rustorch.stack([x, y], -1).unsqueeze(0) + displacement.detach().to(rustorch.float32)
    pixels = img.detach().reshape(-1, channels, h, w)
    pixels = rustorch.cat([pixels.to(rustorch.float32), rustorch.ones(pixels.shape[0], 1, h, w)], 1)  # and how much is inside
    pixels = rustorch.nn.functional.grid_sample(pixels, grid.expand(pixels.shape[0], h, w, 2), mode=mode, align_corners=False)
    found, inside = pixels[:, :-1], pixels[:, -1:]
    if colours is not None:
        found = found + (1 - inside) * rustorch.tensor(colours).reshape(-1, 1, 1)
    return (found if img.dtype.is_floating_point else found.round()).to(img.dtype).reshape(img.shape)


# ------------------------------------------------------------------------------------------------ colours


def _adjusted(img: Any, what: int, factor: float, name: str) -> Tensor:
    if factor < 0:
        raise ArgumentValueError(f"{name} ({factor}) is not non-negative.")
    return _C._image_adjust(_image(img), what, factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Tensor:
    """0 gives black, 1 the image, 2 twice the brightness.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.adjust_brightness(rustorch.full((3, 1, 1), 0.4), 2.0).flatten()
    tensor([0.8000, 0.8000, 0.8000])
    """
    return _adjusted(img, _BRIGHTNESS, brightness_factor, "brightness_factor")


def adjust_contrast(img: Any, contrast_factor: float) -> Tensor:
    """0 gives grey, 1 the image, 2 twice the contrast.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.adjust_contrast(rustorch.rand(3, 2, 2), 0.5).shape
    rustorch.Size([3, 2, 2])
    """
    return _adjusted(img, _CONTRAST, contrast_factor, "contrast_factor")


def adjust_saturation(img: Any, saturation_factor: float) -> Tensor:
    """0 gives grey values, 1 the image, 2 twice the saturation.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.adjust_saturation(rustorch.rand(3, 2, 2), 0.5).shape
    rustorch.Size([3, 2, 2])
    """
    return _adjusted(img, _SATURATION, saturation_factor, "saturation_factor")


def adjust_hue(img: Any, hue_factor: float) -> Tensor:
    """Hues turned by a part of the circle, −0.5 to 0.5.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.adjust_hue(rustorch.rand(3, 2, 2), 0.25).shape
    rustorch.Size([3, 2, 2])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _C._image_adjust(_image(img), _HUE, hue_factor)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Tensor:
    """0 gives a smoothed image, 1 the image, 2 twice the sharpness.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.adjust_sharpness(rustorch.rand(3, 4, 4), 2.0).shape
    rustorch.Size([3, 4, 4])
    """
    return _adjusted(img, _SHARPNESS, sharpness_factor, "sharpness_factor")


def _table(img: Tensor, values: Any) -> Tensor:
    return _C._image_map(img, rustorch.from_numpy(np.ascontiguousarray(values, dtype=np.uint8)))


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Tensor:
    """gain × x ** gamma, in values from 0 to 1.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.adjust_gamma(rustorch.full((3, 1, 1), 0.5), 2.0).flatten()
    tensor([0.2500, 0.2500, 0.2500])
    """
    if gamma < 0:
        raise ArgumentValueError("Gamma should be a non-negative real number")
    img = _image(img)
    if img.dtype == rustorch.uint8:
        units = np.clip(np.float32(gain) * (np.arange(256, dtype=np.float32) / np.float32(255)) ** np.float32(gamma), 0, 1)
        return _table(img, (units * np.float32(255 + 1 - 1e-3)).astype(np.uint8))
    result = (gain * convert_image_dtype(img, img.dtype if img.is_floating_point() else rustorch.float32) ** gamma).clamp(0, 1)
    return convert_image_dtype(result, img.dtype)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Tensor:
    """Grey values 0.2989 R + 0.587 G + 0.114 B, in one channel or in three equal ones (ITU-R BT.601).

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.rgb_to_grayscale(rustorch.ones(3, 1, 1))
    tensor([[[0.9999]]])
    """
    return _C._image_gray(_image(img), num_output_channels)


to_grayscale = rgb_to_grayscale


def gaussian_blur(img: Any, kernel_size: Union[int, Sequence[int]], sigma: Union[None, float, Sequence[float]] = None) -> Tensor:
    """Blurred by a Gaussian.

    Parameters
    ----------
    kernel_size : int or (x, y)
        Odd, in pixels.
    sigma : float or (x, y), optional
        The standard deviation in pixels; by default 0.15 × kernel_size + 0.35.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.gaussian_blur(rustorch.rand(3, 4, 4), 3).shape
    rustorch.Size([3, 4, 4])
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ArgumentValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    for size in sizes:
        if size % 2 == 0 or size < 0:
            raise ArgumentValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    sigmas = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else [float(value) for value in sigma]
    sigmas = sigmas * 2 if len(sigmas) == 1 else sigmas
    if len(sigmas) != 2:
        raise ArgumentValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigmas)}")
    if any(value <= 0.0 for value in sigmas):
        raise ArgumentValueError(f"sigma should have positive values. Got {sigma}")
    return _C._image_blur(_image(img), sizes[1], sizes[0], sigmas[1], sigmas[0])


def invert(img: Any) -> Tensor:
    """White minus the image.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.invert(rustorch.tensor([[[200]]], dtype=rustorch.uint8))
    tensor([[[55]]], dtype=rustorch.uint8)
    """
    img = _image(img)
    return _table(img, 255 - np.arange(256)) if img.dtype == rustorch.uint8 else _bound(img.dtype) - img


def _bytes_only(img: Tensor) -> None:
    if img.dtype != rustorch.uint8:
        raise ArgumentTypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def posterize(img: Any, bits: int) -> Tensor:
    """Only the highest ``bits`` (0 to 8) of uint8 images.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.posterize(rustorch.tensor([[[200]]], dtype=rustorch.uint8), 1)
    tensor([[[128]]], dtype=rustorch.uint8)
    """
    img = _image(img)
    _bytes_only(img)
    if not 0 <= bits <= 8:
        raise ArgumentValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _table(img, np.arange(256) & (256 - 2 ** (8 - bits)))


def solarize(img: Any, threshold: float) -> Tensor:
    """Values from ``threshold`` on are inverted.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.solarize(rustorch.tensor([[[200]]], dtype=rustorch.uint8), 128)
    tensor([[[55]]], dtype=rustorch.uint8)
    """
    img = _image(img)
    if threshold > _bound(img.dtype):
        raise ArgumentTypeError("Threshold should be less than bound of img.")
    if img.dtype == rustorch.uint8:
        values = np.arange(256)
        return _table(img, np.where(values >= threshold, 255 - values, values))
    return rustorch.where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Tensor:
    """Each channel stretched so that its darkest value becomes black and its lightest white.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.autocontrast(rustorch.tensor([[[100, 150]]], dtype=rustorch.uint8))
    tensor([[[  0, 255]]], dtype=rustorch.uint8)
    """
    img = _image(img)
    if img.dtype == rustorch.uint8:
        counts = _C._image_histogram(img).numpy() > 0
        low = np.argmax(counts, axis=1).astype(np.float32)[:, None]
        high = (255 - np.argmax(counts[:, ::-1], axis=1)).astype(np.float32)[:, None]
        flat = low >= high
        scale = np.float32(1) / np.where(flat, np.float32(255), high - low) * np.float32(255)  # PyTorch's order
        values = np.arange(256, dtype=np.float32)[None]
        return _table(img, np.clip((values - np.where(flat, np.float32(0), low)) * scale, 0, 255).astype(np.uint8))
    low, high = img.amin(dim=(-2, -1), keepdim=True), img.amax(dim=(-2, -1), keepdim=True)
    flat = low == high
    scale = _bound(img.dtype) / rustorch.where(flat, rustorch.ones_like(low), high - low)
    return ((img - rustorch.where(flat, rustorch.zeros_like(low), low)) * scale).clamp(0, _bound(img.dtype)).to(img.dtype)


def equalize(img: Any) -> Tensor:
    """Each channel of uint8 images with its values spread evenly from black to white.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.equalize(rustorch.zeros(3, 2, 2, dtype=rustorch.uint8)).shape
    rustorch.Size([3, 2, 2])
    """
    img = _image(img)
    _bytes_only(img)
    counts = _C._image_histogram(img).numpy()
    tables = np.empty(counts.shape, np.uint8)
    for table, count in zip(tables, counts):
        present = count[count != 0]
        step = int(present[:-1].sum()) // 255
        if step == 0:
            table[:] = np.arange(256)
        else:
            ends = (np.cumsum(count) + step // 2) // step
            table[:] = np.clip(np.concatenate(([0], ends[:-1])), 0, 255)
    return _table(img, tables)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """Images whose rows i … i + h and columns j … j + w are ``v``.

    >>> from rustorch.data.transforms import functional as TF
    >>> TF.erase(rustorch.ones(1, 1, 3), 0, 0, 1, 2, rustorch.zeros(1, 1, 2))
    tensor([[[0., 0., 1.]]])
    """
    if not isinstance(img, Tensor):
        raise ArgumentTypeError(f"img should be Tensor Image. Got {type(img)}: put ToTensor() before RandomErasing")
    result = img if inplace else img.clone()
    result[..., i : i + h, j : j + w] = v
    return result

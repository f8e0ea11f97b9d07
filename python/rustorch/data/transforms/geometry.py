"""Transforms that move pixels: sizes, parts, mirror images, rotations."""

from __future__ import annotations

import math
import warnings
from typing import Any, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.data.transforms import functional as F
from rustorch.data.transforms.basic import Transform, integer, uniform
from rustorch.data.transforms.functional import InterpolationMode

__all__ = [
    "CenterCrop", "ElasticTransform", "FiveCrop", "Pad", "RandomAffine", "RandomCrop", "RandomErasing", "RandomHorizontalFlip",
    "RandomPerspective", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize", "TenCrop",
]  # fmt: skip

Size = Union[int, Sequence[int]]
_TWO = "Please provide only two dimensions (h, w) for size."


class Resize(Transform):
    """Another size: see :func:`functional.resize`.

    >>> from rustorch.data import transforms
    >>> transforms.Resize((2, 3))(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 2, 3])
    """

    def __init__(
        self, size: Size, interpolation: Any = InterpolationMode.BILINEAR, max_size: Optional[int] = None,
        antialias: Optional[bool] = True,
    ) -> None:
        if not isinstance(size, (int, list, tuple)):
            raise ArgumentTypeError(f"Size should be int or sequence. Got {type(size)}")
        if not isinstance(size, int) and len(size) not in (1, 2):
            raise ArgumentValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle part; an image that is smaller is padded with 0.

    >>> from rustorch.data import transforms
    >>> transforms.CenterCrop(2)(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 2, 2])
    """

    def __init__(self, size: Size) -> None:
        self.size = F._pair(size, _TWO)

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        return F.center_crop(img, self.size)


class Pad(Transform):
    """A border: see :func:`functional.pad`.

    >>> from rustorch.data import transforms
    >>> transforms.Pad(1)(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 6, 6])
    """

    def __init__(self, padding: Size, fill: F.Fill = 0, padding_mode: str = "constant") -> None:
        F._padding(padding)
        F._fill(fill)
        if padding_mode not in F._PAD_MODES:
            raise ArgumentValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class RandomCrop(Transform):
    """A part of the given size at a random place.

    Parameters
    ----------
    size : int or (height, width)
    padding : int, (left and right, top and bottom), or (left, top, right, bottom), optional
        A border that is put around first.
    pad_if_needed : bool, default False
        Whether images smaller than ``size`` are padded; otherwise they are an error.
    fill, padding_mode
        As :class:`Pad`.

    >>> from rustorch.data import transforms
    >>> transforms.RandomCrop(3)(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 3, 3])
    """

    def __init__(
        self, size: Size, padding: Optional[Size] = None, pad_if_needed: bool = False, fill: F.Fill = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = F._pair(size, _TWO)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: Tuple[int, int]) -> Tuple[int, int, int, int]:
        """Top, left, height and width of a random part."""
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ArgumentValueError(f"Required crop size {(height, width)} is larger than input image size {(h, w)}")
        if (w, h) == (width, height):
            return 0, 0, h, w
        return integer(0, h - height + 1), integer(0, w - width + 1), height, width

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        img = F._image(img)
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomResizedCrop(Transform):
    """A part of random size, shape and place, resized.

    Parameters
    ----------
    size : int or (height, width)
        Of the result.
    scale : (float, float), default (0.08, 1)
        Least and most area of the part, in areas of the image.
    ratio : (float, float), default (3/4, 4/3)
        Least and most width of the part divided by its height.

    Source: Szegedy et al., "Going deeper with convolutions", 2014, section 6.

    >>> from rustorch.data import transforms
    >>> transforms.RandomResizedCrop(3)(rustorch.rand(1, 8, 8)).shape
    rustorch.Size([1, 3, 3])
    """

    def __init__(
        self, size: Size, scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR, antialias: Optional[bool] = True,
    ) -> None:
        self.size = F._pair(size, _TWO)
        if not isinstance(scale, Sequence):
            raise ArgumentTypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise ArgumentTypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> Tuple[int, int, int, int]:
        """Top, left, height and width of a random part."""
        _, height, width = F.get_dimensions(img)
        for _ in range(10):
            area = height * width * uniform(scale[0], scale[1])
            aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        shape = width / height  # the largest part in the middle that the shape allows
        if shape < min(ratio):
            w, h = width, int(round(width / min(ratio)))
        elif shape > max(ratio):
            w, h = int(round(height * max(ratio))), height
        else:
            w, h = width, height
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        img = F._image(img)
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)


class RandomHorizontalFlip(Transform):
    """Left becomes right with probability ``p``.

    >>> from rustorch.data import transforms
    >>> transforms.RandomHorizontalFlip(1.0)(rustorch.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1.]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, img: Any) -> Any:
        """Compute."""
        return F.hflip(img) if uniform() < self.p else img


class RandomVerticalFlip(Transform):
    """Top becomes bottom with probability ``p``.

    >>> from rustorch.data import transforms
    >>> transforms.RandomVerticalFlip(1.0)(rustorch.tensor([[[1.0], [2.0]]])).flatten()
    tensor([2., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, img: Any) -> Any:
        """Compute."""
        return F.vflip(img) if uniform() < self.p else img


def _range(value: Any, name: str, sizes: Sequence[int]) -> List[float]:
    """A number n as (−n, n); a sequence of one of the sizes as it is."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ArgumentValueError(f"If {name} is a single number, it must be positive.")
        return [-float(value), float(value)]
    if not isinstance(value, (list, tuple)):
        raise ArgumentTypeError(f"{name} should be a sequence of length {' or '.join(map(str, sizes))}.")
    if len(value) not in sizes:
        raise ArgumentValueError(f"{name} should be a sequence of length {' or '.join(map(str, sizes))}.")
    return [float(v) for v in value]


class RandomRotation(Transform):
    """Rotated by a random angle.

    Parameters
    ----------
    degrees : float or (least, most)
        One number d means (−d, d).
    interpolation, expand, center, fill
        As :func:`functional.rotate`; ``fill`` is 0 by default.

    >>> from rustorch.data import transforms
    >>> transforms.RandomRotation(30)(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 4, 4])
    """

    def __init__(
        self, degrees: Union[float, Sequence[float]], interpolation: Any = InterpolationMode.NEAREST, expand: bool = False,
        center: Optional[Sequence[float]] = None, fill: F.Fill = 0,
    ) -> None:
        self.degrees = _range(degrees, "degrees", (2,))
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = 0 if fill is None else fill
        F._fill(self.fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(degrees[0], degrees[1])

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(Transform):
    """A random rotation, translation, scale and shear about the centre.

    Parameters
    ----------
    degrees : float or (least, most)
    translate : (float, float), optional
        The most horizontal and vertical movement, in widths and heights of the image.
    scale : (least, most), optional
    shear : float, (least, most) for x, or (least x, most x, least y, most y), optional
        In degrees.

    >>> from rustorch.data import transforms
    >>> transforms.RandomAffine(30)(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 4, 4])
    """

    def __init__(
        self, degrees: Union[float, Sequence[float]], translate: Optional[Sequence[float]] = None,
        scale: Optional[Sequence[float]] = None, shear: Union[None, float, Sequence[float]] = None,
        interpolation: Any = InterpolationMode.NEAREST, fill: F.Fill = 0, center: Optional[Sequence[float]] = None,
    ) -> None:
        self.degrees = _range(degrees, "degrees", (2,))
        if translate is not None:
            _range(list(translate), "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ArgumentValueError("translation values should be between 0 and 1")
        if scale is not None:
            _range(list(scale), "scale", (2,))
            if any(s <= 0 for s in scale):
                raise ArgumentValueError("scale values should be positive")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _range(shear, "shear", (2, 4))
        self.interpolation = interpolation
        self.fill = 0 if fill is None else fill
        F._fill(self.fill)
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float], translate: Optional[Sequence[float]], scale_ranges: Optional[Sequence[float]],
        shears: Optional[Sequence[float]], img_size: Sequence[int],
    ) -> Tuple[float, Tuple[int, int], float, Tuple[float, float]]:
        """Angle, translation (x, y), scale and shear (x, y); ``img_size``: width, height."""
        angle = uniform(degrees[0], degrees[1])
        moved = (0, 0)
        if translate is not None:
            most = [translate[i] * img_size[i] for i in (0, 1)]
            moved = (int(round(uniform(-most[0], most[0]))), int(round(uniform(-most[1], most[1]))))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear = (0.0, 0.0)
        if shears is not None:
            shear = (uniform(shears[0], shears[1]), uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0)
        return angle, moved, scale, shear

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        img = F._image(img)
        found = self.get_params(self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img))
        return F.affine(img, *found, interpolation=self.interpolation, fill=self.fill, center=self.center)


class ElasticTransform(Transform):
    """Bent at random, as if the image were printed on rubber.

    Parameters
    ----------
    alpha : float or (x, y), default 50
        How far pixels move, in pixels.
    sigma : float or (x, y), default 5
        How smooth the bending is: the standard deviation of the Gaussian that blurs it, in pixels.
    interpolation, fill
        See :func:`functional.elastic_transform`.

    Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual document
    analysis", ICDAR 2003.

    >>> from rustorch.data import transforms
    >>> transforms.ElasticTransform(10.0, 2.0)(rustorch.rand(1, 32, 32)).shape
    rustorch.Size([1, 32, 32])
    """

    def __init__(
        self, alpha: Union[float, Sequence[float]] = 50.0, sigma: Union[float, Sequence[float]] = 5.0,
        interpolation: Any = InterpolationMode.BILINEAR, fill: F.Fill = 0,
    ) -> None:
        self.alpha = self._pair("alpha", alpha)
        self.sigma = self._pair("sigma", sigma)
        self.interpolation = interpolation
        self.fill = fill

    @staticmethod
    def _pair(name: str, value: Union[float, Sequence[float]]) -> List[float]:
        numbers = [value] * 2 if isinstance(value, (int, float)) else list(value) * (2 if len(value) == 1 else 1)
        if len(numbers) != 2 or not all(isinstance(number, (int, float)) and number >= 0 for number in numbers):
            raise ArgumentValueError(f"ElasticTransform: {name} should be one or two numbers of 0 or more, not {value!r}")
        return [float(number) for number in numbers]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """Random displacements for an image of the given height and width, as (1, height, width, 2)."""
        along = []
        for k in range(2):
            moved = rustorch.rand(1, 1, *size) * 2 - 1
            if sigma[k] > 0:
                kernel = int(8 * sigma[k] + 1) | 1
                moved = F.gaussian_blur(moved, [kernel, kernel], list(sigma))
            along.append(moved * alpha[k] / size[1 - k])
        return rustorch.cat(along, 1).permute(0, 2, 3, 1)

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        img = F._image(img)
        _, height, width = F.get_dimensions(img)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(img, displacement, self.interpolation, self.fill)


class RandomPerspective(Transform):
    """Seen from a random point with probability ``p``; ``distortion_scale`` from 0 (none) to 1.

    >>> from rustorch.data import transforms
    >>> transforms.RandomPerspective(p=1.0)(rustorch.rand(1, 4, 4)).shape
    rustorch.Size([1, 4, 4])
    """

    def __init__(
        self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = InterpolationMode.BILINEAR, fill: F.Fill = 0
    ) -> None:
        if not 0 <= distortion_scale <= 1:
            raise ArgumentValueError(f"RandomPerspective: distortion_scale must be from 0 to 1, not {distortion_scale}")
        self.p = p
        self.interpolation = interpolation
        self.distortion_scale = distortion_scale
        self.fill = 0 if fill is None else fill
        F._fill(self.fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> Tuple[List[List[int]], List[List[int]]]:
        """The corners of the image, and where they come to lie."""
        dx, dy = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, top = (lambda: integer(0, dx + 1)), (lambda: integer(0, dy + 1))
        right, bottom = (lambda: integer(width - dx - 1, width)), (lambda: integer(height - dy - 1, height))
        ends = [[left(), top()], [right(), top()], [right(), bottom()], [left(), bottom()]]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def forward(self, img: Any) -> Any:
        """Compute."""
        if uniform() >= self.p:
            return img
        img = F._image(img)
        start, end = self.get_params(*F.get_image_size(img), self.distortion_scale)
        return F.perspective(img, start, end, self.interpolation, self.fill)


class FiveCrop(Transform):
    """The four corners and the centre, as a tuple.

    >>> from rustorch.data import transforms
    >>> len(transforms.FiveCrop(2)(rustorch.rand(1, 4, 4)))
    5
    """

    def __init__(self, size: Size) -> None:
        self.size = F._pair(size, _TWO)

    def forward(self, img: Any) -> Tuple[Tensor, ...]:
        """Compute."""
        return F.five_crop(img, self.size)


class TenCrop(Transform):
    """:class:`FiveCrop` of the image and of its mirror image.

    >>> from rustorch.data import transforms
    >>> len(transforms.TenCrop(2)(rustorch.rand(1, 4, 4)))
    10
    """

    def __init__(self, size: Size, vertical_flip: bool = False) -> None:
        self.size = F._pair(size, _TWO)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> Tuple[Tensor, ...]:
        """Compute."""
        return F.ten_crop(img, self.size, self.vertical_flip)


class RandomErasing(Transform):
    """A random rectangle is overwritten with probability ``p``.

    Parameters
    ----------
    scale : (least, most), default (0.02, 0.33)
        Its area, in areas of the image.
    ratio : (least, most), default (0.3, 3.3)
        Its height divided by its width.
    value : number, one a channel, or "random", default 0

    Source: Zhong et al., "Random erasing data augmentation", arXiv 1708.04896.

    >>> from rustorch.data import transforms
    >>> transforms.RandomErasing(p=1.0)(rustorch.ones(1, 8, 8)).shape
    rustorch.Size([1, 8, 8])
    """

    def __init__(
        self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3), value: Any = 0,
        inplace: bool = False,
    ) -> None:
        if not isinstance(value, (int, float, str, tuple, list)):
            raise ArgumentTypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ArgumentValueError("If value is str, it should be 'random'")
        if not isinstance(scale, Sequence) or not isinstance(ratio, Sequence):
            raise ArgumentTypeError("Scale and ratio should be sequences")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        if scale[0] < 0 or scale[1] > 1:
            raise ArgumentValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ArgumentValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Optional[Sequence[float]] = None
    ) -> Tuple[int, int, int, int, Tensor]:
        """Row, column, height, width and content of a random rectangle; ``value`` None: random numbers."""
        c, h, w = F.get_dimensions(img)
        for _ in range(10):
            area = h * w * uniform(scale[0], scale[1])
            aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            height, width = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
            if height >= h or width >= w:
                continue
            if value is None:
                content = rustorch.randn(c, height, width).to(img.dtype)
            else:
                content = rustorch.tensor([float(v) for v in value]).reshape(-1, 1, 1).to(img.dtype)
            return integer(0, h - height + 1), integer(0, w - width + 1), height, width, content
        return 0, 0, h, w, img

    def forward(self, img: Tensor) -> Tensor:
        """Compute."""
        if uniform() >= self.p:
            return img
        value = None if self.value == "random" else self.value if isinstance(self.value, (list, tuple)) else [self.value]
        if value is not None and len(value) not in (1, F.get_dimensions(img)[0]):
            raise ArgumentValueError("If value is a sequence, it should have either a single value or "
                             f"{F.get_dimensions(img)[0]} (number of input channels)")  # fmt: skip
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

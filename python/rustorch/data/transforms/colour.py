"""Transforms of colours and sharpness."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.data.transforms import functional as F
from rustorch.data.transforms.basic import Transform, uniform

__all__ = [
    "ColorJitter", "GaussianBlur", "Grayscale", "RandomAdjustSharpness", "RandomAutocontrast", "RandomEqualize",
    "RandomGrayscale", "RandomInvert", "RandomPosterize", "RandomSolarize",
]  # fmt: skip

Amount = Union[float, Sequence[float]]


def _amount(value: Amount, name: str, centre: float, low: float, high: float) -> Optional[Tuple[float, float]]:
    """A number n as (centre − n, centre + n), not below 0 for factors; None where nothing would change."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ArgumentValueError(f"If {name} is a single number, it must be non negative.")
        pair = (centre - value, centre + value)
        if centre == 1:
            pair = (max(pair[0], 0.0), pair[1])
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        pair = (float(value[0]), float(value[1]))
    else:
        raise ArgumentTypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not low <= pair[0] <= pair[1] <= high:
        raise ArgumentValueError(f"{name} values should be between {(low, high)}, but got {pair}.")
    return None if pair[0] == pair[1] == centre else pair


class ColorJitter(Transform):
    """Random brightness, contrast, saturation and hue, in random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or (least, most)
        The factor; one number x means (max(0, 1 − x), 1 + x).
    hue : float or (least, most)
        The turn, within −0.5 to 0.5; one number x means (−x, x).

    >>> from rustorch.data import transforms
    >>> transforms.ColorJitter(brightness=0.5)(rustorch.rand(3, 4, 4)).shape
    rustorch.Size([3, 4, 4])
    """

    def __init__(self, brightness: Amount = 0, contrast: Amount = 0, saturation: Amount = 0, hue: Amount = 0) -> None:
        most = float("inf")
        self.brightness = _amount(brightness, "brightness", 1, 0, most)
        self.contrast = _amount(contrast, "contrast", 1, 0, most)
        self.saturation = _amount(saturation, "saturation", 1, 0, most)
        self.hue = _amount(hue, "hue", 0, -0.5, 0.5)

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> Tuple[Any, ...]:
        """The order of the four, and a random factor for each; None where there is nothing to do."""
        order = rustorch.randperm(4)
        return (order, *(None if pair is None else uniform(*pair) for pair in (brightness, contrast, saturation, hue)))

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        steps = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        img = F._image(img)
        for i in order.tolist():
            if factors[i] is not None:
                img = steps[i](img, factors[i])
        return img


class Grayscale(Transform):
    """Grey values, in 1 or 3 channels.

    >>> from rustorch.data import transforms
    >>> transforms.Grayscale()(rustorch.rand(3, 4, 4)).shape
    rustorch.Size([1, 4, 4])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        return F.rgb_to_grayscale(img, self.num_output_channels)


class GaussianBlur(Transform):
    """Blurred by a Gaussian with a random deviation.

    Parameters
    ----------
    kernel_size : int or (x, y)
        Odd, in pixels.
    sigma : float or (least, most), default (0.1, 2)

    >>> from rustorch.data import transforms
    >>> transforms.GaussianBlur(3)(rustorch.rand(3, 4, 4)).shape
    rustorch.Size([3, 4, 4])
    """

    def __init__(self, kernel_size: Union[int, Sequence[int]], sigma: Amount = (0.1, 2.0)) -> None:
        sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
        if len(sizes) != 2 or any(size <= 0 or size % 2 == 0 for size in sizes):
            raise ArgumentValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, (int, float)):
            if sigma <= 0:
                raise ArgumentValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        if not 0.0 < sigma[0] <= sigma[1]:
            raise ArgumentValueError(f"sigma values should be positive and of the form (min, max). Got {sigma}")
        self.kernel_size = sizes
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random deviation."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


class _Sometimes(Transform):
    def __init__(self, p: float) -> None:
        self.p = p

    def change(self, img: Any) -> Tensor:
        """What is done with probability p."""
        raise NotImplementedError(f"{type(self).__name__} does not define change")

    def forward(self, img: Any) -> Any:
        """Compute."""
        return self.change(img) if uniform() < self.p else img


class RandomGrayscale(_Sometimes):
    """Grey values in as many channels as there were, with probability ``p``.

    >>> from rustorch.data import transforms
    >>> transforms.RandomGrayscale(p=1.0)(rustorch.rand(3, 4, 4)).shape
    rustorch.Size([3, 4, 4])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, img: Any) -> Tensor:
        """Grey values."""
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


class RandomPosterize(_Sometimes):
    """Only the highest ``bits`` with probability ``p``.

    >>> from rustorch.data import transforms
    >>> transforms.RandomPosterize(1, p=1.0)(rustorch.tensor([[[200]]], dtype=rustorch.uint8))
    tensor([[[128]]], dtype=rustorch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Tensor:
        """Fewer bits."""
        return F.posterize(img, self.bits)


class RandomSolarize(_Sometimes):
    """Values from ``threshold`` on inverted with probability ``p``.

    >>> from rustorch.data import transforms
    >>> transforms.RandomSolarize(128, p=1.0)(rustorch.tensor([[[200]]], dtype=rustorch.uint8))
    tensor([[[55]]], dtype=rustorch.uint8)
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Tensor:
        """Solarized."""
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Sometimes):
    """Another sharpness with probability ``p``.

    >>> from rustorch.data import transforms
    >>> transforms.RandomAdjustSharpness(2.0, p=1.0)(rustorch.rand(3, 4, 4)).shape
    rustorch.Size([3, 4, 4])
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Tensor:
        """Another sharpness."""
        return F.adjust_sharpness(img, self.sharpness_factor)


def _with_probability(name: str, function: Callable[[Any], Tensor], doc: str) -> type:
    def init(self: Any, p: float = 0.5) -> None:
        _Sometimes.__init__(self, p)

    def change(self: Any, img: Any) -> Tensor:
        return function(img)

    doc += (
        "\n\n>>> from rustorch.data import transforms\n"
        f">>> transforms.{name}(p=1.0)(rustorch.zeros(3, 2, 2, dtype=rustorch.uint8)).shape\nrustorch.Size([3, 2, 2])\n"
    )
    return type(name, (_Sometimes,), {"__init__": init, "change": change, "__doc__": doc, "__module__": __name__})


RandomInvert = _with_probability("RandomInvert", F.invert, "White minus the image with probability ``p``.")
RandomAutocontrast = _with_probability("RandomAutocontrast", F.autocontrast, "Contrast stretched with probability ``p``.")
RandomEqualize = _with_probability("RandomEqualize", F.equalize, "Values spread evenly with probability ``p``.")

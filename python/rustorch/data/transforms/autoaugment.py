"""Policies that choose among transforms and their strengths at random."""

from __future__ import annotations

import enum
import math
from typing import Any, Dict, List, Optional, Tuple

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.data.transforms import functional as F
from rustorch.data.transforms.basic import Transform, integer, uniform
from rustorch.data.transforms.functional import InterpolationMode

__all__ = ["AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


def _apply(img: Tensor, name: str, strength: float, mode: Any, fill: F.Fill) -> Tensor:
    degrees = math.degrees(math.atan(strength)) if name.startswith("Shear") else 0.0
    if name == "ShearX":
        return F.affine(img, 0.0, [0, 0], 1.0, [degrees, 0.0], mode, fill, center=[0, 0])
    if name == "ShearY":
        return F.affine(img, 0.0, [0, 0], 1.0, [0.0, degrees], mode, fill, center=[0, 0])
    if name == "TranslateX":
        return F.affine(img, 0.0, [int(strength), 0], 1.0, [0.0, 0.0], mode, fill)
    if name == "TranslateY":
        return F.affine(img, 0.0, [0, int(strength)], 1.0, [0.0, 0.0], mode, fill)
    if name == "Rotate":
        return F.rotate(img, strength, mode, fill=fill)
    simple: Dict[str, Any] = {
        "Brightness": lambda: F.adjust_brightness(img, 1.0 + strength), "Color": lambda: F.adjust_saturation(img, 1.0 + strength),
        "Contrast": lambda: F.adjust_contrast(img, 1.0 + strength), "Sharpness": lambda: F.adjust_sharpness(img, 1.0 + strength),
        "Posterize": lambda: F.posterize(img, int(strength)), "Solarize": lambda: F.solarize(img, strength),
        "AutoContrast": lambda: F.autocontrast(img), "Equalize": lambda: F.equalize(img), "Invert": lambda: F.invert(img),
        "Identity": lambda: img,
    }  # fmt: skip
    return simple[name]()


def _between(low: float, high: float, bins: int) -> List[float]:
    return [low + (high - low) * i / (bins - 1) for i in range(bins)]


Space = Dict[str, Tuple[List[float], bool]]  # name: strengths (empty: none), whether the sign is random


def _space(bins: int, shear: float, moves: Tuple[float, float], degrees: float, factor: float, least_bits: int) -> Space:
    signed = {
        "ShearX": _between(0, shear, bins), "ShearY": _between(0, shear, bins), "TranslateX": _between(0, moves[0], bins),
        "TranslateY": _between(0, moves[1], bins), "Rotate": _between(0, degrees, bins),
        "Brightness": _between(0, factor, bins), "Color": _between(0, factor, bins), "Contrast": _between(0, factor, bins),
        "Sharpness": _between(0, factor, bins),
    }  # fmt: skip
    plain = {
        "Posterize": [float(8 - round(i / ((bins - 1) / (8 - least_bits)))) for i in range(bins)],
        "Solarize": _between(255.0, 0.0, bins), "AutoContrast": [], "Equalize": [],
    }  # fmt: skip
    return {**{n: (s, True) for n, s in signed.items()}, **{n: (s, False) for n, s in plain.items()}}


class _Policy(Transform):
    def __init__(self, interpolation: Any, fill: F.Fill) -> None:
        self.interpolation = interpolation
        self.fill = fill

    def _step(self, img: Tensor, name: str, strengths: List[float], signed: bool, level: int, negate: Optional[bool]) -> Tensor:
        strength = strengths[level] if strengths else 0.0
        if signed and (integer(0, 2) if negate is None else negate):
            strength = -strength
        if name == "Solarize" and img.is_floating_point():
            strength /= 255.0
        return _apply(img, name, strength, self.interpolation, self.fill)


class RandAugment(_Policy):
    """``num_ops`` random transforms, all of strength ``magnitude`` (of ``num_magnitude_bins``), on uint8 images.

    Source: Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space", arXiv 1909.13719.

    >>> from rustorch.data import transforms
    >>> transforms.RandAugment()(rustorch.zeros(3, 8, 8, dtype=rustorch.uint8)).shape
    rustorch.Size([3, 8, 8])
    """

    def __init__(
        self, num_ops: int = 2, magnitude: int = 9, num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST, fill: F.Fill = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 0 <= magnitude < num_magnitude_bins:
            raise ArgumentValueError(f"RandAugment: a magnitude from 0 to {num_magnitude_bins - 1} is expected, not {magnitude}")
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        img = F._image(img)
        _, height, width = F.get_dimensions(img)
        space = _space(self.num_magnitude_bins, 0.3, (150.0 / 331.0 * width, 150.0 / 331.0 * height), 30.0, 0.9, 4)
        space["Identity"] = ([], False)
        names = list(space)
        for _ in range(self.num_ops):
            name = names[integer(0, len(names))]
            img = self._step(img, name, *space[name], self.magnitude, None)
        return img


class TrivialAugmentWide(_Policy):
    """One random transform of random strength, on uint8 images.

    Source: Müller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", arXiv 2103.10158.

    >>> from rustorch.data import transforms
    >>> transforms.TrivialAugmentWide()(rustorch.zeros(3, 8, 8, dtype=rustorch.uint8)).shape
    rustorch.Size([3, 8, 8])
    """

    def __init__(
        self, num_magnitude_bins: int = 31, interpolation: Any = InterpolationMode.NEAREST, fill: F.Fill = None
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        space = _space(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, 2)
        space["Identity"] = ([], False)
        names = list(space)
        name = names[integer(0, len(names))]
        return self._step(F._image(img), name, *space[name], integer(0, self.num_magnitude_bins), None)


class AutoAugmentPolicy(enum.Enum):
    """The data set that a policy of :class:`AutoAugment` was found on.

    >>> from rustorch.data import transforms
    >>> transforms.AutoAugmentPolicy.CIFAR10.name
    'CIFAR10'
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Sub-policies of two steps: transform, probability, level (from 0 to 9). Tables 7 to 9 of the paper's appendix.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
Posterize .4 8 Rotate .6 9|Solarize .6 5 AutoContrast .6 -|Equalize .8 - Equalize .6 -|Posterize .6 7 Posterize .6 6|
Equalize .4 - Solarize .2 4|Equalize .4 - Rotate .8 8|Solarize .6 3 Equalize .6 -|Posterize .8 5 Equalize 1 -|
Rotate .2 3 Solarize .6 8|Equalize .6 - Posterize .4 6|Rotate .8 8 Color .4 0|Rotate .4 9 Equalize .6 -|
Equalize 0 - Equalize .8 -|Invert .6 - Equalize 1 -|Color .6 4 Contrast 1 8|Rotate .8 8 Color 1 2|
Color .8 8 Solarize .8 7|Sharpness .4 7 Invert .6 -|ShearX .6 5 Equalize 1 -|Color .4 0 Equalize .6 -|
Equalize .4 - Solarize .2 4|Solarize .6 5 AutoContrast .6 -|Invert .6 - Equalize 1 -|Color .6 4 Contrast 1 8|
Equalize .8 - Equalize .6 -""",
    AutoAugmentPolicy.CIFAR10: """
Invert .1 - Contrast .2 6|Rotate .7 2 TranslateX .3 9|Sharpness .8 1 Sharpness .9 3|ShearY .5 8 TranslateY .7 9|
AutoContrast .5 - Equalize .9 -|ShearY .2 7 Posterize .3 7|Color .4 3 Brightness .6 7|Sharpness .3 9 Brightness .7 9|
Equalize .6 - Equalize .5 -|Contrast .6 7 Sharpness .6 5|Color .7 7 TranslateX .5 8|Equalize .3 - AutoContrast .4 -|
TranslateY .4 3 Sharpness .2 6|Brightness .9 6 Color .2 8|Solarize .5 2 Invert 0 -|Equalize .2 - AutoContrast .6 -|
Equalize .2 - Equalize .6 -|Color .9 9 Equalize .6 -|AutoContrast .8 - Solarize .2 8|Brightness .1 3 Color .7 0|
Solarize .4 5 AutoContrast .9 -|TranslateY .9 9 TranslateY .7 9|AutoContrast .9 - Solarize .8 3|Equalize .8 - Invert .1 -|
TranslateY .7 9 AutoContrast .9 -""",
    AutoAugmentPolicy.SVHN: """
ShearX .9 4 Invert .2 -|ShearY .9 8 Invert .7 -|Equalize .6 - Solarize .6 6|Invert .9 - Equalize .6 -|
Equalize .6 - Rotate .9 3|ShearX .9 4 AutoContrast .8 -|ShearY .9 8 Invert .4 -|ShearY .9 5 Solarize .2 6|
Invert .9 - AutoContrast .8 -|Equalize .6 - Rotate .9 3|ShearX .9 4 Solarize .3 3|ShearY .8 8 Invert .7 -|
Equalize .9 - TranslateY .6 6|Invert .9 - Equalize .6 -|Contrast .3 3 Rotate .8 4|Invert .8 - TranslateY 0 2|
ShearY .7 6 Solarize .4 8|Invert .6 - Rotate .8 4|ShearY .3 7 TranslateX .9 3|ShearX .1 6 Invert .6 -|
Solarize .7 2 TranslateY .6 7|ShearY .8 4 Invert .8 -|ShearX .7 9 TranslateY .8 3|ShearY .8 5 AutoContrast .7 -|
ShearX .7 2 Invert .1 -""",
}


def _parsed(text: str) -> List[List[Tuple[str, float, int]]]:
    policies = []
    for line in text.replace("\n", "").split("|"):
        words = line.split()
        policies.append([(words[i], float(words[i + 1]), 0 if words[i + 2] == "-" else int(words[i + 2])) for i in (0, 3)])
    return policies


class AutoAugment(_Policy):
    """One of the 25 sub-policies that were found best for a data set, on uint8 images.

    Source: Cubuk et al., "AutoAugment: learning augmentation strategies from data", arXiv 1805.09501.

    >>> from rustorch.data import transforms
    >>> transforms.AutoAugment(transforms.AutoAugmentPolicy.SVHN)(rustorch.zeros(3, 8, 8, dtype=rustorch.uint8)).shape
    rustorch.Size([3, 8, 8])
    """

    def __init__(
        self, policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET, interpolation: Any = InterpolationMode.NEAREST,
        fill: F.Fill = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if policy not in _POLICIES:
            raise ArgumentValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self._policies = _parsed(_POLICIES[policy])

    def forward(self, img: Any) -> Tensor:
        """Compute."""
        img = F._image(img)
        _, height, width = F.get_dimensions(img)
        space = _space(10, 0.3, (150.0 / 331.0 * width, 150.0 / 331.0 * height), 30.0, 0.9, 4)
        space["Invert"] = ([], False)
        steps = self._policies[integer(0, len(self._policies))]
        draws = [(uniform(), bool(integer(0, 2))) for _ in steps]
        for (name, probability, level), (chance, negate) in zip(steps, draws):
            if chance <= probability:
                img = self._step(img, name, *space[name], level, negate)
        return img

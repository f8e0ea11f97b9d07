"""Transforms of images, in torchvision's spelling, computed in C: see :mod:`rustorch.data.transforms.functional`.

Random ones draw from rustorch's default generator. In a :class:`rustorch.data.DataLoader` it is seeded for each sample, so
that an image does not depend on the number of workers nor on the size of the batches.
"""

from rustorch.data.transforms import functional
from rustorch.data.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from rustorch.data.transforms.basic import (
    Compose,
    ConvertImageDtype,
    Lambda,
    Normalize,
    PILToTensor,
    RandomApply,
    RandomChoice,
    RandomOrder,
    ToDtype,
    ToPILImage,
    ToTensor,
    as_affine,  # noqa: F401
)
from rustorch.data.transforms.colour import (
    ColorJitter,
    GaussianBlur,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from rustorch.data.transforms.functional import InterpolationMode
from rustorch.data.transforms.geometry import (
    CenterCrop,
    ElasticTransform,
    FiveCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)
from rustorch.data.transforms.named import Transform, Transforms, normalize, random_crop, random_horizontal_flip, resize

__all__ = [
    "AutoAugment", "AutoAugmentPolicy", "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "ElasticTransform",
    "FiveCrop", "GaussianBlur", "Grayscale", "InterpolationMode", "Lambda", "Normalize", "PILToTensor", "Pad", "RandAugment",
    "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast", "RandomChoice", "RandomCrop",
    "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip", "RandomInvert", "RandomOrder",
    "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation", "RandomSolarize",
    "RandomVerticalFlip", "Resize", "TenCrop", "ToDtype", "ToPILImage", "ToTensor", "Transform", "Transforms",
    "TrivialAugmentWide", "functional", "normalize", "random_crop", "random_horizontal_flip", "resize",
]  # fmt: skip

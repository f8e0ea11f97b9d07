"""Transforms that combine others, and those that make tensors of images."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.data.transforms import functional as F
from rustorch.nn import Module

__all__ = [
    "Compose", "ConvertImageDtype", "Lambda", "Normalize", "PILToTensor", "RandomApply", "RandomChoice", "RandomOrder",
    "ToDtype", "ToPILImage", "ToTensor",
]  # fmt: skip


# Random transforms draw from rustorch's default generator, which a DataLoader seeds for each sample (fetch.py).
def uniform(low: float = 0.0, high: float = 1.0) -> float:
    """A random number from low to high."""
    return low + (high - low) * float(rustorch.rand(()))


def integer(low: int, high: int) -> int:
    """A random whole number from low up to, not including, high."""
    return int(rustorch.randint(low, high, ()))


class Transform(Module):
    """Base class: ``forward`` computes, the options are attributes. A module, so that it fits into ``nn.Sequential``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Transform":
        transform = super().__new__(cls)
        Module.__init__(transform)  # here, as constructors only store their options
        return transform

    def forward(self, img: Any) -> Any:
        """Compute."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __repr__(self) -> str:
        names = [name for name in vars(self) if not name.startswith("_") and name != "training"]
        options = ", ".join(f"{name}={getattr(value, 'value', value)}" for name in names for value in (getattr(self, name),))
        return f"{type(self).__name__}({options})"


def _lines(name: str, transforms: Sequence[Any]) -> str:
    inner = "".join("    " + repr(transform).replace("\n", "\n    ") + "\n" for transform in transforms)
    return f"{name}(\n{inner})"


class Compose:
    """Transforms one after the other.

    Example
    -------
    >>> from rustorch.data import transforms
    >>> transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    Compose(
        ToTensor()
        Normalize(mean=[0.5], std=[0.5])
    )
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _lines("Compose", self.transforms)


class ToTensor(Transform):
    """An image (H, W), (H, W, C), PIL image or tensor as a tensor (C, H, W); 8-bit values become floats from 0 to 1.

    >>> import numpy
    >>> from rustorch.data import transforms
    >>> transforms.ToTensor()(numpy.full((2, 2, 1), 255, numpy.uint8)).flatten()
    tensor([1., 1., 1., 1.])
    """

    def forward(self, pic: Any) -> Tensor:
        """Compute."""
        return F.to_tensor(pic)


class ToPILImage(Transform):
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image, where PIL is installed: see :func:`functional.to_pil_image`.

    >>> from rustorch.data import transforms
    >>> transforms.ToPILImage().mode is None
    True
    """

    def __init__(self, mode: Optional[str] = None) -> None:
        self.mode = mode

    def forward(self, pic: Any) -> Any:
        """Compute."""
        return F.to_pil_image(pic, self.mode)


class PILToTensor(Transform):
    """An array (H, W) or (H, W, C), or a PIL image, as a tensor (C, H, W) of the same dtype; a tensor as it is.

    >>> from rustorch.data import transforms
    >>> repr(transforms.PILToTensor())
    'PILToTensor()'
    """

    def forward(self, pic: Any) -> Tensor:
        """Compute."""
        return F.pil_to_tensor(pic)


class ConvertImageDtype(Transform):
    """Another dtype, and the values to its range: floats from 0 to 1, integers from 0 to the largest.

    >>> from rustorch.data import transforms
    >>> transforms.ConvertImageDtype(rustorch.float32)(rustorch.tensor([[[255]]], dtype=rustorch.uint8))
    tensor([[[1.]]])
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        """Compute."""
        return F.convert_image_dtype(image, self.dtype)


class ToDtype(Transform):
    """Another dtype; with ``scale`` the values to its range too, as :class:`ConvertImageDtype`.

    >>> from rustorch.data import transforms
    >>> transforms.ToDtype(rustorch.float32, scale=True)(rustorch.tensor([[[255]]], dtype=rustorch.uint8))
    tensor([[[1.]]])
    """

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        self.dtype = dtype
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        """Compute."""
        return F.convert_image_dtype(image, self.dtype) if self.scale else image.to(self.dtype)


class Normalize(Transform):
    """(x − mean) / std for each channel of (…, C, H, W); one number counts for all channels.

    Parameters
    ----------
    mean, std : float or one a channel
    inplace : bool, default False

    Raises
    ------
    ValueError
        A deviation is zero.
    ShapeError
        The numbers of channels and of means differ.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.data.transforms.Normalize(mean=0.5, std=0.25)(torch.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """

    def __init__(self, mean: Union[float, Sequence[float]], std: Union[float, Sequence[float]], inplace: bool = False) -> None:
        self.mean = F._numbers(mean)
        self.std = F._numbers(std)
        self.inplace = inplace
        if len(self.mean) == 1 < len(self.std):
            self.mean *= len(self.std)
        if len(self.std) == 1 < len(self.mean):
            self.std *= len(self.mean)
        if len(self.mean) != len(self.std):
            raise ArgumentValueError(f"Normalize: {len(self.mean)} means and {len(self.std)} deviations were given")
        if any(s == 0 for s in self.std):
            raise ArgumentValueError("Normalize: std evaluated to zero, leading to division by zero")

    def forward(self, tensor: Tensor) -> Tensor:
        """Compute."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Lambda(Transform):
    """A function as a transform.

    >>> from rustorch.data import transforms
    >>> transforms.Lambda(lambda x: x * 2)(rustorch.ones(1))
    tensor([2.])
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise ArgumentTypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def forward(self, img: Any) -> Any:
        """Compute."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class _Several(Transform):
    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        if not isinstance(transforms, Sequence):
            raise ArgumentTypeError("Argument transforms should be a sequence")
        self.transforms = list(transforms)

    def __repr__(self) -> str:
        return _lines(type(self).__name__, self.transforms)


class RandomApply(_Several):
    """All of the transforms with probability ``p``, otherwise none.

    >>> from rustorch.data import transforms
    >>> transforms.RandomApply([transforms.Lambda(lambda x: x * 2)], p=1.0)(rustorch.ones(1))
    tensor([2.])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        super().__init__(transforms)
        self.p = p

    def forward(self, img: Any) -> Any:
        """Compute."""
        if self.p < uniform():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img


class RandomOrder(_Several):
    """All of the transforms in random order.

    >>> from rustorch.data import transforms
    >>> transforms.RandomOrder([transforms.Lambda(lambda x: x * 2), transforms.Lambda(lambda x: x * 3)])(rustorch.ones(1))
    tensor([6.])
    """

    def forward(self, img: Any) -> Any:
        """Compute."""
        for i in rustorch.randperm(len(self.transforms)).tolist():
            img = self.transforms[i](img)
        return img


class RandomChoice(_Several):
    """One of the transforms; ``p`` are their weights, by default equal.

    >>> from rustorch.data import transforms
    >>> transforms.RandomChoice([transforms.Lambda(lambda x: x * 2)])(rustorch.ones(1))
    tensor([2.])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: Optional[List[float]] = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise ArgumentTypeError("Argument p should be a sequence")
        if p is not None and len(p) != len(self.transforms):
            raise ArgumentValueError(f"RandomChoice: {len(p)} weights were given for {len(self.transforms)} transforms")
        self.p = p

    def forward(self, img: Any) -> Any:
        """Compute."""
        weights = rustorch.ones(len(self.transforms)) if self.p is None else rustorch.tensor(self.p)
        return self.transforms[int(rustorch.multinomial(weights, 1))](img)


def as_affine(transform: Any) -> Optional[dict]:
    """ToTensor, optionally followed by Normalize, as numbers for the loader in C; None for anything else.

    >>> from rustorch.data.transforms import Normalize, as_affine
    >>> as_affine(Normalize(0.5, 0.25)) is None
    True
    """
    steps = transform.transforms if type(transform) is Compose else [transform]
    if not steps or type(steps[0]) is not ToTensor or len(steps) > 2:
        return None
    if len(steps) == 1:
        return {"divisor": 255.0, "mean": [0.0], "std": [1.0]}
    if type(steps[1]) is not Normalize:
        return None
    return {"divisor": 255.0, "mean": steps[1].mean, "std": steps[1].std}

"""Transforms of samples: images as arrays (H, W) or (H, W, C), or tensors (C, H, W)."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Union

import numpy as np

import rustorch
from rustorch import Tensor

__all__ = ["Compose", "ToTensor", "Normalize", "Lambda"]


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

    def __call__(self, sample: Any) -> Any:
        for transform in self.transforms:
            sample = transform(sample)
        return sample

    def __repr__(self) -> str:
        return "Compose(\n" + "".join(f"    {transform!r}\n" for transform in self.transforms) + ")"


class ToTensor:
    """An image (H, W), (H, W, C) or PIL image as a tensor (C, H, W); 8-bit values become floats from 0 to 1."""

    def __call__(self, image: Any) -> Tensor:
        if isinstance(image, Tensor):
            tensor = image.unsqueeze(0) if image.dim() == 2 else image
        else:
            array = np.asarray(image)
            if array.ndim not in (2, 3):
                raise ValueError(f"ToTensor: an image should be 2/3 dimensional. Got {array.ndim} dimensions.")
            array = array[:, :, None] if array.ndim == 2 else array
            tensor = rustorch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
        return tensor.to(rustorch.float32) / 255 if tensor.dtype == rustorch.uint8 else tensor

    def __repr__(self) -> str:
        return "ToTensor()"


def _numbers(value: Union[float, Sequence[float]]) -> List[float]:
    if isinstance(value, Tensor) or isinstance(value, np.ndarray):
        value = value.tolist()
    return [float(v) for v in value] if isinstance(value, (list, tuple)) else [float(value)]


class Normalize:
    """(x − mean) / std for each channel of (C, H, W); one number counts for all channels.

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
        self.mean = _numbers(mean)
        self.std = _numbers(std)
        self.inplace = inplace
        if len(self.mean) == 1 < len(self.std):
            self.mean *= len(self.std)
        if len(self.std) == 1 < len(self.mean):
            self.std *= len(self.mean)
        if len(self.mean) != len(self.std):
            raise ValueError(f"Normalize: {len(self.mean)} means and {len(self.std)} deviations were given")
        if any(s == 0 for s in self.std):
            raise ValueError("Normalize: std evaluated to zero, leading to division by zero")

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Normalize: a tensor is expected, not {type(tensor).__name__}: put ToTensor() before it")
        if not tensor.is_floating_point():
            raise TypeError(f"Normalize: a float tensor is expected, not {tensor.dtype}")
        n = len(self.mean)
        if n > 1 and (tensor.dim() < 3 or tensor.shape[-3] != n):
            raise rustorch.ShapeError(f"Normalize: {n} means do not fit a tensor of shape {tuple(tensor.shape)}")
        shape = (n, 1, 1) if n > 1 else ()
        mean = rustorch.tensor(self.mean, dtype=tensor.dtype).reshape(shape)
        std = rustorch.tensor(self.std, dtype=tensor.dtype).reshape(shape)
        return tensor.sub_(mean).div_(std) if self.inplace else (tensor - mean) / std

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: a function is expected, not {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, sample: Any) -> Any:
        return self.lambd(sample)

    def __repr__(self) -> str:
        return "Lambda()"


def as_affine(transform: Any) -> Optional[dict]:
    """ToTensor, optionally followed by Normalize, as numbers for the loader in C; None for anything else."""
    steps = transform.transforms if type(transform) is Compose else [transform]
    if not steps or type(steps[0]) is not ToTensor or len(steps) > 2:
        return None
    if len(steps) == 1:
        return {"divisor": 255.0, "mean": [0.0], "std": [1.0]}
    if type(steps[1]) is not Normalize:
        return None
    return {"divisor": 255.0, "mean": steps[1].mean, "std": steps[1].std}

"""What data sets of images have in common."""

from __future__ import annotations

import os
from typing import Any, Callable, List, Optional, Tuple, Union

from rustorch._C import ArgumentValueError
from rustorch.data.dataset import Dataset
from rustorch.data.transforms import as_affine

__all__ = ["VisionDataset"]


def _shown(label: str, transform: Any) -> str:
    return f"{label}: " + repr(transform).replace("\n", "\n" + " " * (len(label) + 2))


class VisionDataset(Dataset):
    """A folder and transforms: base class of the data sets of images, and for those of one's own.

    Parameters
    ----------
    root : path, optional
        ``~`` is the home folder.
    transforms : callable, optional
        Applied to (image, target); instead of the other two.
    transform, target_transform : callable, optional
        Applied to the image and to the target.

    Attributes
    ----------
    transforms : callable
        What makes a sample of (image, target); it follows when ``transform`` and ``target_transform`` are set anew.

    Raises
    ------
    ArgumentValueError
        ``transforms`` was given beside one of the others.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.datasets import VisionDataset
    >>> class Blank(VisionDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return self.transforms(torch.zeros(1, 2, 2), index)
    >>> data = Blank("pictures", transform=lambda image: image + 0.5, target_transform=str)
    >>> data[1]
    (tensor([[[0.5000, 0.5000],
              [0.5000, 0.5000]]]), '1')
    """

    def __init__(
        self, root: Union[None, str, os.PathLike] = None, transforms: Optional[Callable] = None,
        transform: Optional[Callable] = None, target_transform: Optional[Callable] = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ArgumentValueError("VisionDataset: give either transforms, or transform and target_transform")
        self.root = None if root is None else os.path.expanduser(os.fspath(root))
        self.transform = transform
        self.target_transform = target_transform
        self._pair = transforms

    @property
    def transforms(self) -> Callable[[Any, Any], Any]:
        return self._each if self._pair is None else self._pair

    @transforms.setter
    def transforms(self, transforms: Optional[Callable]) -> None:
        self._pair = transforms

    def _each(self, image: Any, target: Any) -> Tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def _sources(self, images: Any, targets: Any, **transformed: Any) -> Optional[List[dict]]:
        """Tensors for batching in C (``transformed`` says how to, where there is a transform), if C knows the transform."""
        affine = None if self.transform is None else as_affine(self.transform)
        if self.target_transform is not None or self._pair is not None or (self.transform is not None and affine is None):
            return None
        return [{"tensor": images, **({**affine, **transformed} if affine else {})}, {"tensor": targets}]

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def extra_repr(self) -> str:
        """More lines for ``repr``; override it."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        each = {"Transform": self.transform, "Target transform": self.target_transform}
        shown = [_shown(label, transform) for label, transform in each.items() if transform is not None]
        if self._pair is not None:
            lines.append(repr(self._pair))
        elif shown:
            lines.append("\n".join(["StandardTransform", *shown]))  # not indented further, as in torchvision
        return f"Dataset {type(self).__name__}" + "".join("\n    " + line for line in lines)

"""Random images, for trying things out."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch._C import IndexOutOfRangeError
from rustorch.data.datasets.vision import VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """``size`` images of noise with random labels; image i is the same each time.

    Parameters
    ----------
    size : int, default 1000
    image_size : tuple of int, default (3, 224, 224)
        Channels, height, width.
    num_classes : int, default 10
    transform, target_transform : callable, optional
        Applied to each image (a uint8 tensor) and each label (an int).
    random_offset : int, default 0
        Image i is made from the seed ``random_offset + i``.

    Example
    -------
    >>> from rustorch.data.datasets import FakeData
    >>> image, label = FakeData(5, (1, 2, 2))[4]
    >>> image.shape, image.dtype
    (rustorch.Size([1, 2, 2]), rustorch.uint8)
    """

    def __init__(
        self, size: int = 1000, image_size: Tuple[int, int, int] = (3, 224, 224), num_classes: int = 10,
        transform: Optional[Callable] = None, target_transform: Optional[Callable] = None, random_offset: int = 0,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = tuple(image_size)
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> Tuple[Any, Any]:
        if index >= self.size:
            raise IndexOutOfRangeError(f"{type(self).__name__} index out of range")
        generator = rustorch.Generator()
        generator.manual_seed(index + self.random_offset)
        image = rustorch.randint(0, 256, self.image_size, dtype=rustorch.uint8, generator=generator)
        target = int(rustorch.randint(0, self.num_classes, (), generator=generator))
        return self._each(image, target)

    def __len__(self) -> int:
        return self.size

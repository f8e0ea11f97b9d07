"""torchvision's second version of the transforms: those of :mod:`rustorch.data.transforms`, and what it has beside them.

A transform takes an image; boxes, masks and labels are not transformed along with it.

Examples
--------
>>> import numpy as np
>>> import rustorch as torch
>>> from rustorch.vision.transforms import v2
>>> prepare = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])])
>>> prepare(np.array([[0, 255]], np.uint8))
tensor([[[-1.,  1.]]])
"""

from rustorch.data import transforms as _transforms
from rustorch.data.transforms import *  # noqa: F401,F403

__all__ = [*_transforms.__all__, "Identity", "ToImage"]


class Identity(_transforms.Compose):
    """What comes in goes out.

    Examples
    --------
    >>> from rustorch.vision.transforms import v2
    >>> v2.Identity()(3)
    3
    """

    def __init__(self) -> None:
        super().__init__([])

    def __repr__(self) -> str:
        return "Identity()"


class ToImage(_transforms.PILToTensor):
    """An array (H, W) or (H, W, C), or a PIL image, as a tensor (C, H, W) of the same dtype; a tensor as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from rustorch.vision.transforms import v2
    >>> v2.ToImage()(np.zeros((2, 4, 3), np.uint8)).shape
    rustorch.Size([3, 2, 4])
    """

"""Transforms by name, in the spelling of the API reference.

Examples
--------
>>> from rustorch.data.transforms import Transform, Transforms, normalize
>>> Transform("normalize", {"mean": 0.5, "std": 0.25})(rustorch.ones(1, 1, 1))
tensor([[[2.]]])
>>> len(Transforms([normalize(0.5, 0.25)]))
1
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence

import rustorch
from rustorch import Tensor
from rustorch.data.transforms import basic, geometry

__all__ = ["Transform", "Transforms", "normalize", "random_crop", "random_horizontal_flip", "resize"]


def normalize(mean: Any = 0.0, std: Any = 1.0) -> basic.Normalize:
    """:class:`Normalize`: (x - mean) / std.

    >>> from rustorch.data.transforms import normalize
    >>> normalize(0.5, 0.25)(rustorch.ones(1, 1, 1))
    tensor([[[2.]]])
    """
    return basic.Normalize(mean, std)


def resize(height: int = 224, width: int = 224) -> geometry.Resize:
    """:class:`Resize` to a height and a width.

    >>> from rustorch.data.transforms import resize
    >>> resize(2, 3)(rustorch.zeros(1, 4, 4)).shape
    rustorch.Size([1, 2, 3])
    """
    return geometry.Resize((int(height), int(width)))


def random_crop(size: Any = 224) -> geometry.RandomCrop:
    """:class:`RandomCrop` to a size.

    >>> from rustorch.data.transforms import random_crop
    >>> random_crop(2)(rustorch.zeros(1, 4, 4)).shape
    rustorch.Size([1, 2, 2])
    """
    return geometry.RandomCrop(int(size) if isinstance(size, (int, float)) else size)


def random_horizontal_flip(p: float = 0.5) -> geometry.RandomHorizontalFlip:
    """:class:`RandomHorizontalFlip` with a probability.

    >>> from rustorch.data.transforms import random_horizontal_flip
    >>> random_horizontal_flip(1.0)(rustorch.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1.]]])
    """
    return geometry.RandomHorizontalFlip(p)


_NAMES: Dict[str, Callable[..., Any]] = {
    "normalize": normalize, "resize": resize, "random_crop": random_crop, "horizontal_flip": random_horizontal_flip,
}  # fmt: skip


class Transform:
    """A transform by its name.

    Parameters
    ----------
    name : {"normalize", "resize", "random_crop", "horizontal_flip"}
    params : dict, optional
        ``mean`` (0) and ``std`` (1); ``height`` and ``width`` (224); ``size`` (224); ``p`` (0.5).

    Raises
    ------
    ArgumentValueError
        There is no transform, or parameter, of that name.

    Examples
    --------
    >>> from rustorch.data.transforms import Transform
    >>> Transform("horizontal_flip", {"p": 1.0})(rustorch.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1.]]])
    """

    def __init__(self, name: str, params: Optional[Dict[str, Any]] = None) -> None:
        if name not in _NAMES:
            raise rustorch.ArgumentValueError(f"there is no transform {name!r}; there are {', '.join(_NAMES)}")
        self.name, self.params = name, dict(params or {})
        try:
            self._transform = _NAMES[name](**self.params)
        except TypeError as error:
            raise rustorch.ArgumentValueError(f"transform {name!r}: {error}") from None

    def __call__(self, x: Tensor) -> Tensor:
        return self._transform(x)

    def __repr__(self) -> str:
        return f"Transform({self.name!r}, {self.params})"


class Transforms:
    """Transforms one after the other, as :class:`Compose`, with ``append`` and a length.

    >>> from rustorch.data.transforms import Transforms, normalize
    >>> both = Transforms([normalize(0.5, 0.5)])
    >>> both.append(lambda x: x * 2)
    >>> both(rustorch.ones(1, 1, 1))
    tensor([[[2.]]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]] = ()) -> None:
        self.transforms: List[Callable[[Any], Any]] = list(transforms)

    def append(self, transform: Callable[[Any], Any]) -> None:
        """Add one at the end."""
        self.transforms.append(transform)

    def __len__(self) -> int:
        return len(self.transforms)

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x

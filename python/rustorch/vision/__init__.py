"""Images: data sets, transforms, models, files and grids of pictures, under torchvision's names.

Data sets are read from local files and models start untrained: nothing is downloaded.

Examples
--------
>>> import rustorch as torch
>>> from rustorch.vision import models
>>> model = models.resnet18(num_classes=10)
>>> model(torch.zeros(2, 3, 64, 64)).shape
rustorch.Size([2, 10])
"""

import importlib as _importlib

from rustorch._C import __version__  # noqa: F401

__all__ = ["datasets", "get_image_backend", "io", "models", "ops", "set_image_backend", "transforms", "utils"]
_MODULES = frozenset(("datasets", "io", "models", "ops", "transforms", "utils"))


def __getattr__(name):  # imported when first asked for
    if name in _MODULES:
        return _importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'rustorch.vision' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *__all__})


def get_image_backend():
    """``"rustorch"``: image files are read by rustorch itself.

    Examples
    --------
    >>> rustorch.vision.get_image_backend()
    'rustorch'
    """
    return "rustorch"


def set_image_backend(backend):
    """There is one reader of image files, rustorch's own.

    Parameters
    ----------
    backend : str
        ``"rustorch"``.

    Raises
    ------
    UnsupportedError
        Another one is named.

    Examples
    --------
    >>> rustorch.vision.set_image_backend("accimage")
    Traceback (most recent call last):
        ...
    rustorch.UnsupportedError: set_image_backend: image files are read by rustorch itself, not by 'accimage'; leave the call out
    """
    from rustorch import UnsupportedError

    if backend != "rustorch":
        raise UnsupportedError(f"set_image_backend: image files are read by rustorch itself, not by {backend!r}; leave the call out")

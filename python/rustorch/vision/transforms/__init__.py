"""torchvision's path to the transforms: see :mod:`rustorch.data.transforms`."""

from rustorch.data.transforms import *  # noqa: F401,F403
from rustorch.data.transforms import __all__  # noqa: F401
from rustorch.vision.transforms import functional, v2  # noqa: F401

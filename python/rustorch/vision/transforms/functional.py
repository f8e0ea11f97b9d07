"""torchvision's path to the transforms as functions: see :mod:`rustorch.data.transforms.functional`."""

from rustorch.data.transforms.functional import *  # noqa: F401,F403
from rustorch.data.transforms.functional import __all__  # noqa: F401

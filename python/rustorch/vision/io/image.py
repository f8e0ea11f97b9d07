"""torchvision's path to image files: see :mod:`rustorch.io`."""

from rustorch.io import *  # noqa: F401,F403
from rustorch.io import __all__  # noqa: F401

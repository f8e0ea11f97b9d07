"""Versions, under PyTorch's path.

Examples
--------
>>> import rustorch.version
>>> rustorch.version.cuda is None
True
"""

from rustorch import _C

__all__ = ["cuda", "debug", "git_version", "hip", "xpu"]

__version__ = _C.__version__
cuda = None  # no CUDA
hip = None
xpu = None
git_version = None
debug = False

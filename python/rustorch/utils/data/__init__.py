"""PyTorch's path to :mod:`rustorch.data`: the same names, and the submodules that scripts import from."""

from rustorch.data import *  # noqa: F401,F403
from rustorch.data import __all__  # noqa: F401
from rustorch.utils.data import dataloader, dataset, distributed, sampler  # noqa: F401

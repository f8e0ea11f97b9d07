"""PyTorch's path to the loader: see :mod:`rustorch.data`."""

from rustorch.data.collate import default_collate, default_convert  # noqa: F401
from rustorch.data.loader import DataLoader, get_worker_info  # noqa: F401

"""Scripts that say ``import torch``: run them as they are, and find out beforehand what they would miss.

``python -m rustorch run-torch SCRIPT.py`` runs a script with ``torch`` and ``torchvision`` resolved to rustorch and
:mod:`rustorch.vision`; :func:`install` does the same in a process that runs already, such as a notebook.
``python -m rustorch compat SCRIPT.py`` lists the names a script uses that rustorch lacks.

Examples
--------
>>> import rustorch.compat
>>> rustorch.compat.install()
>>> import torch.nn as nn
>>> nn is rustorch.nn
True
>>> rustorch.compat.uninstall()
"""

from rustorch.compat._alias import TORCH_VERSION, TorchVersion, install, installed, uninstall

__all__ = ["TORCH_VERSION", "TorchVersion", "install", "installed", "uninstall"]

"""Tools beside the networks: data sets and loaders under the path that PyTorch has them at, checkpointing of activations."""

import importlib as _importlib

__all__ = ["checkpoint", "data", "dlpack", "hooks"]


def __getattr__(name):  # imported when first asked for
    if name in __all__ or name == "_pytree":
        return _importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'rustorch.utils' has no attribute '{name}'")

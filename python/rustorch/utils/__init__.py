"""Tools beside the networks: data sets and loaders under the path that PyTorch has them at, checkpointing of activations,
models and runs as files, comparison of models.
"""

import importlib as _importlib

_MODULES = ("checkpoint", "data", "safetensors")
_NAMES = {  # name → the module that has it
    "Comparison": "comparing",
    "ModelComparator": "comparing",
    "ModelSerializer": "saving",
    "get_stats": "comparing",
    "load_checkpoint": "saving",
    "load_model": "saving",
    "save_checkpoint": "saving",
    "save_model": "saving",
}
__all__ = sorted([*_MODULES, *_NAMES])


def __getattr__(name):  # imported when first asked for
    if name in _MODULES:
        return _importlib.import_module("." + name, __name__)
    if name in _NAMES:
        return getattr(_importlib.import_module("." + _NAMES[name], __name__), name)
    raise AttributeError(f"module 'rustorch.utils' has no attribute '{name}'")


def __dir__():
    return list(__all__)

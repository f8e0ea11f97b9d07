"""Tools beside the networks: data sets and loaders under the path that PyTorch has them at, checkpointing of activations,
models and runs as files, comparison of models, events for TensorBoard, profiling, settings.
"""

import importlib as _importlib

_MODULES = ("checkpoint", "data", "dlpack", "hooks", "model_zoo", "safetensors", "tensorboard")
_PRIVATE = ("_pytree",)
# Name → the module it is in.
_NAMES = {
    "Comparison": "comparing",
    "ModelComparator": "comparing",
    "ModelSerializer": "saving",
    "get_stats": "comparing",
    "load_checkpoint": "saving",
    "load_model": "saving",
    "save_checkpoint": "saving",
    "save_model": "saving",
    "Profiler": "profiler",
    "Config": "config",
    "cuda_is_available": "system",
    "get_system_info": "system",
    "metal_is_available": "system",
    "set_seed": "system",
}
__all__ = [*_MODULES, *_NAMES]


def __getattr__(name):  # imported when first asked for
    if name in _MODULES or name in _PRIVATE:
        return _importlib.import_module("." + name, __name__)
    if name in _NAMES:
        return getattr(_importlib.import_module("." + _NAMES[name], __name__), name)
    raise AttributeError(f"module 'rustorch.utils' has no attribute '{name}'")

"""``RemovableHandle``, what registering a hook gives, under the path of torch.utils.hooks.

Examples
--------
>>> from rustorch.utils.hooks import RemovableHandle
>>> handle = rustorch.nn.Linear(1, 1).register_forward_hook(lambda *args: None)
>>> isinstance(handle, RemovableHandle)
True
"""

from rustorch.nn.modules.module import RemovableHandle

__all__ = ["RemovableHandle"]

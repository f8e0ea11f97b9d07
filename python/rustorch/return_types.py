"""The named tuples that functions with several results return, such as ``rustorch.return_types.max``."""

from ._C import _return_type


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _return_type(name)

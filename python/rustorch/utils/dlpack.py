"""PyTorch's path to the exchange of tensors with other libraries without copies.

Examples
--------
>>> import numpy, rustorch
>>> from rustorch.utils.dlpack import from_dlpack
>>> from_dlpack(numpy.arange(3))
tensor([0, 1, 2])
"""

from rustorch._C import from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor):
    """The tensor as a DLPack capsule, which :func:`from_dlpack` of any library takes once."""
    return tensor.__dlpack__()

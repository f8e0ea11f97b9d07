"""Tensors shared with other libraries, under the path of torch.utils.dlpack.

Examples
--------
>>> import numpy, rustorch
>>> from rustorch.utils.dlpack import from_dlpack, to_dlpack
>>> from_dlpack(to_dlpack(rustorch.ones(2)))
tensor([1., 1.])
"""

from typing import Any

from rustorch._C import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule over the memory of a tensor; :func:`from_dlpack` takes it once.

    >>> from rustorch.utils.dlpack import from_dlpack, to_dlpack
    >>> from_dlpack(to_dlpack(rustorch.ones(1)))
    tensor([1.])
    """
    return tensor.__dlpack__()

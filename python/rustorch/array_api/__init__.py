"""The namespace of the Python array API standard, version 2024.12: ``x.__array_namespace__()``.

Names, arguments and promotion are the standard's, so that code written for any array library runs on tensors; gradients pass
through. dtypes promote by kind and size alone: an array without dimensions counts like any other.

What the standard has and rustorch has not: complex numbers (and so ``fft`` and ``complex64``/``complex128``), and the dtypes
``uint16``, ``uint32`` and ``uint64`` (the sum of ``uint8`` is an ``int64``). ``Tensor.size`` is a method, as in PyTorch.

Examples
--------
>>> import rustorch
>>> x = rustorch.ones(2, 3)
>>> xp = x.__array_namespace__()
>>> xp.sum(xp.permute_dims(x, (1, 0)), axis=1)
tensor([2., 2., 2.])
"""

from rustorch import bool, e, float32, float64, inf, int8, int16, int32, int64, nan, newaxis, pi, uint8  # noqa: F401

from . import _creation, _dtypes, _elementwise, _manipulation, _statistics, linalg
from ._creation import *  # noqa: F401,F403
from ._dtypes import *  # noqa: F401,F403
from ._dtypes import Info as _Info
from ._elementwise import *  # noqa: F401,F403
from ._manipulation import *  # noqa: F401,F403
from ._statistics import *  # noqa: F401,F403
from .linalg import matmul, matrix_transpose, tensordot, vecdot

__array_api_version__ = "2024.12"

__all__ = [
    "bool", "e", "float32", "float64", "inf", "int8", "int16", "int32", "int64", "linalg", "matmul", "matrix_transpose", "nan", "newaxis",
    "pi", "tensordot", "uint8", "vecdot",
]  # fmt: skip
for _part in (_creation, _dtypes, _elementwise, _manipulation, _statistics):
    __all__ += _part.__all__


def __array_namespace_info__() -> _Info:
    """What the namespace has: devices, dtypes and abilities.

    >>> rustorch.array_api.__array_namespace_info__().capabilities()["boolean indexing"]
    True
    """
    return _Info()

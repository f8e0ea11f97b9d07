"""finfo and iinfo: the limits of dtypes."""

from . import _C

# dtype → bits, eps, max, smallest normal number, decimal digits
_FLOATS = {
    "float16": (16, 2.0**-10, 65504.0, 2.0**-14, 1e-3),
    "bfloat16": (16, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 1e-2),
    "float32": (32, 2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126, 1e-6),
    "float64": (64, 2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 1e-15),
}


def _dtype(dtype):
    """The dtype of a dtype, its name or None."""
    return _C._ops.zeros([0], dtype=dtype).dtype


class finfo:
    """The limits of a floating-point dtype.

    Parameters
    ----------
    dtype : rustorch.dtype, optional
        The default dtype if it is not given.

    Examples
    --------
    >>> rustorch.finfo(rustorch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, dtype=None):
        name = _dtype(dtype)()
        if name not in _FLOATS:
            raise _C.DtypeError(f"finfo: {name} is not a floating-point dtype: use iinfo for integers")
        self.dtype = name
        self.bits, self.eps, self.max, self.tiny, self.resolution = _FLOATS[name]
        self.min = -self.max
        self.smallest_normal = self.tiny

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype.

    Parameters
    ----------
    dtype : rustorch.dtype

    Examples
    --------
    >>> rustorch.iinfo(rustorch.int8).max
    127
    """

    def __init__(self, dtype):
        dtype = _dtype(dtype)
        if dtype.is_floating_point or dtype == _C.bool:
            raise _C.DtypeError(f"iinfo: {dtype()} is not an integer dtype: use finfo for floating-point ones")
        self.dtype = dtype()
        self.bits = dtype.itemsize * 8
        self.min = -(2 ** (self.bits - 1)) if dtype.is_signed else 0
        self.max = 2 ** (self.bits - (1 if dtype.is_signed else 0)) - 1

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

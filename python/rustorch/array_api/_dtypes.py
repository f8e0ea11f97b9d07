"""Data types and their promotion: by dtype alone, whatever the number of dimensions."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]

KINDS: Dict[str, Tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8",),
    "real floating": ("float16", "bfloat16", "float32", "float64"),
    "complex floating": (),
}
KINDS["integral"] = KINDS["signed integer"] + KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] + KINDS["real floating"] + KINDS["complex floating"]

Scalar = Union[bool, int, float]


def kind_of(dtype: Any) -> str:
    """bool, integral or real floating."""
    return "bool" if dtype == rustorch.bool else "real floating" if dtype.is_floating_point else "integral"


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind.

    Parameters
    ----------
    kind : dtype, str, or tuple of them
        Of the words "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating" and "numeric".

    Examples
    --------
    >>> from rustorch import array_api as xp
    >>> xp.isdtype(xp.int32, "integral"), xp.isdtype(xp.int32, ("bool", xp.float32))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, part) for part in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise rustorch.ArgumentValueError(f"isdtype: kind must be one of {', '.join(KINDS)}, not {kind!r}")
        return any(dtype == getattr(rustorch, name) for name in KINDS[kind])
    return dtype == kind


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype of an operation on arrays, dtypes and Python numbers, of which one at least is no number.

    >>> from rustorch import array_api as xp
    >>> xp.result_type(xp.int8, xp.asarray(1, dtype=xp.int16), 3)
    rustorch.int16
    """
    dtypes = [x.dtype if isinstance(x, Tensor) else x for x in arrays_and_dtypes if not isinstance(x, (bool, int, float))]
    if not dtypes:
        raise rustorch.ArgumentValueError("result_type: at least one array or dtype is needed")
    found = dtypes[0]
    for dtype in dtypes[1:]:
        found = rustorch.promote_types(found, dtype)
    for x in arrays_and_dtypes:
        if isinstance(x, float) and not found.is_floating_point:
            found = rustorch.get_default_dtype()
        elif isinstance(x, int) and not isinstance(x, bool) and found == rustorch.bool:
            found = rustorch.int64
    return found


def promoted(name: str, *values: Any) -> List[Tensor]:
    """Arrays and Python numbers as arrays of their common dtype."""
    for x in values:
        if not isinstance(x, (Tensor, bool, int, float)):
            raise rustorch.ArgumentTypeError(f"{name}: an array or a number is needed, not {type(x).__name__}")
    if not any(isinstance(x, Tensor) for x in values):
        raise rustorch.ArgumentTypeError(f"{name}: at least one argument must be an array")
    dtype = result_type(*values)
    return [x.to(dtype) if isinstance(x, Tensor) else rustorch.tensor(x, dtype=dtype) for x in values]


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether an array can become one of a dtype by promotion.

    >>> from rustorch import array_api as xp
    >>> xp.can_cast(xp.int8, xp.int16), xp.can_cast(xp.int64, xp.float32)
    (True, False)
    """
    dtype = from_.dtype if isinstance(from_, Tensor) else from_
    return kind_of(dtype) == kind_of(to) and rustorch.promote_types(dtype, to) == to


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The array with its elements as another dtype; itself, without ``copy``, if that is its dtype already.

    >>> from rustorch import array_api as xp
    >>> xp.astype(xp.asarray([1.5, 0.0]), xp.bool)
    tensor([ True, False])
    """
    return x.to(dtype=dtype, device=x.device if device is None else device, copy=copy)


class _FloatInfo(NamedTuple):
    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any


class _IntInfo(NamedTuple):
    bits: int
    max: int
    min: int
    dtype: Any


def _dtype_of(type: Any) -> Any:
    return type.dtype if isinstance(type, Tensor) else type


def finfo(type: Any, /) -> _FloatInfo:
    """The limits of a floating-point dtype (or of that of an array).

    >>> from rustorch import array_api as xp
    >>> xp.finfo(xp.float32).bits
    32
    """
    dtype = _dtype_of(type)
    info = rustorch.finfo(dtype)
    return _FloatInfo(info.bits, info.eps, info.max, info.min, info.smallest_normal, dtype)


def iinfo(type: Any, /) -> _IntInfo:
    """The limits of an integer dtype (or of that of an array).

    >>> from rustorch import array_api as xp
    >>> xp.iinfo(xp.int8).min
    -128
    """
    dtype = _dtype_of(type)
    info = rustorch.iinfo(dtype)
    return _IntInfo(info.bits, info.max, info.min, dtype)


class Info:
    """What the namespace has: devices, dtypes and abilities.

    >>> from rustorch import array_api as xp
    >>> info = xp.__array_namespace_info__()
    >>> info.default_dtypes()["integral"]
    rustorch.int64
    """

    def capabilities(self) -> Dict[str, Any]:
        """Boolean masks and results whose shape depends on values are there; how many dimensions there can be."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 16}

    def default_device(self) -> Any:
        """Where arrays are made."""
        return rustorch.get_default_device()

    def devices(self) -> List[Any]:
        """All devices."""
        return [rustorch.device("cpu")]

    def _check(self, device: Any) -> None:
        if device is not None and rustorch.device(device) not in self.devices():
            raise rustorch.ArgumentValueError(f"there is no device {device!r}")

    def default_dtypes(self, *, device: Any = None) -> Dict[str, Any]:
        """The dtypes of new arrays. There is no complex one."""
        self._check(device)
        return {"real floating": rustorch.get_default_dtype(), "integral": rustorch.int64, "indexing": rustorch.int64}

    def dtypes(self, *, device: Any = None, kind: Union[None, str, Sequence[str]] = None) -> Dict[str, Any]:
        """The dtypes of the standard that exist, by name, of one kind or several."""
        self._check(device)
        kinds = ["bool", "numeric"] if kind is None else [kind] if isinstance(kind, str) else list(kind)
        for word in kinds:
            if word not in KINDS:
                raise rustorch.ArgumentValueError(f"kind must be one of {', '.join(KINDS)}, not {word!r}")
        names = [name for word in kinds for name in KINDS[word] if name not in ("float16", "bfloat16")]
        return {name: getattr(rustorch, name) for name in names}

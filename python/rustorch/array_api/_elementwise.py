"""Functions of each element, or of pairs of elements: made from the tables below."""

from __future__ import annotations

from typing import Any, Callable, Dict, Union

import rustorch
from rustorch import Tensor

from ._dtypes import promoted

# name: (function, what it gives)
_UNARY: Dict[str, Any] = {
    "abs": (rustorch.abs, "The size of each element."),
    "acos": (rustorch.acos, "The inverse of the cosine."),
    "acosh": (rustorch.acosh, "The inverse of the hyperbolic cosine."),
    "asin": (rustorch.asin, "The inverse of the sine."),
    "asinh": (rustorch.asinh, "The inverse of the hyperbolic sine."),
    "atan": (rustorch.atan, "The inverse of the tangent."),
    "atanh": (rustorch.atanh, "The inverse of the hyperbolic tangent."),
    "bitwise_invert": (rustorch.bitwise_not, "Each bit turned round, or each bool."),
    "ceil": (rustorch.ceil, "The smallest whole number not below."),
    "conj": (rustorch.conj, "The conjugate: of real numbers, themselves."),
    "cos": (rustorch.cos, "The cosine."),
    "cosh": (rustorch.cosh, "The hyperbolic cosine."),
    "exp": (rustorch.exp, "e to the power of each element."),
    "expm1": (rustorch.expm1, "e to the power of each element, less 1, exact near 0."),
    "floor": (rustorch.floor, "The largest whole number not above."),
    "isfinite": (rustorch.isfinite, "Whether each element is neither infinite nor NaN."),
    "isinf": (rustorch.isinf, "Whether each element is infinite."),
    "isnan": (rustorch.isnan, "Whether each element is NaN."),
    "log": (rustorch.log, "The natural logarithm."),
    "log10": (rustorch.log10, "The logarithm to base 10."),
    "log1p": (rustorch.log1p, "The logarithm of 1 + each element, exact near 0."),
    "log2": (rustorch.log2, "The logarithm to base 2."),
    "logical_not": (rustorch.logical_not, "Whether each element is false."),
    "negative": (rustorch.negative, "Each element with the other sign."),
    "positive": (rustorch.positive, "The elements themselves."),
    "real": (rustorch.real, "The real part: of real numbers, themselves."),
    "reciprocal": (rustorch.reciprocal, "1 over each element."),
    "round": (rustorch.round, "The nearest whole number, the even one of two."),
    "sign": (lambda x: rustorch.where(x != x, x, rustorch.sign(x)), "-1, 0 or 1; NaN stays."),
    "signbit": (rustorch.signbit, "Whether each element has a minus sign; -0 has one."),
    "sin": (rustorch.sin, "The sine."),
    "sinh": (rustorch.sinh, "The hyperbolic sine."),
    "sqrt": (rustorch.sqrt, "The square root."),
    "square": (rustorch.square, "Each element times itself."),
    "tan": (rustorch.tan, "The tangent."),
    "tanh": (rustorch.tanh, "The hyperbolic tangent."),
    "trunc": (rustorch.trunc, "Each element without its fraction."),
}
_BINARY: Dict[str, Any] = {
    "add": (rustorch.add, "The sums."),
    "atan2": (rustorch.atan2, "The angle of the point (x2, x1), from -π to π."),
    "bitwise_and": (rustorch.bitwise_and, "The bits that both have."),
    "bitwise_left_shift": (rustorch.bitwise_left_shift, "The bits of x1 moved left by x2."),
    "bitwise_or": (rustorch.bitwise_or, "The bits that one has."),
    "bitwise_right_shift": (rustorch.bitwise_right_shift, "The bits of x1 moved right by x2."),
    "bitwise_xor": (rustorch.bitwise_xor, "The bits that just one has."),
    "copysign": (rustorch.copysign, "The size of x1 with the sign of x2."),
    "divide": (rustorch.divide, "The quotients."),
    "equal": (rustorch.eq, "Whether elements are equal."),
    "floor_divide": (rustorch.floor_divide, "The quotients, rounded down."),
    "greater": (rustorch.gt, "Whether x1 is above x2."),
    "greater_equal": (rustorch.ge, "Whether x1 is not below x2."),
    "hypot": (rustorch.hypot, "The root of the sum of squares."),
    "less": (rustorch.lt, "Whether x1 is below x2."),
    "less_equal": (rustorch.le, "Whether x1 is not above x2."),
    "logaddexp": (rustorch.logaddexp, "log(e^x1 + e^x2), without overflow."),
    "logical_and": (rustorch.logical_and, "Whether both are true."),
    "logical_or": (rustorch.logical_or, "Whether one is true."),
    "logical_xor": (rustorch.logical_xor, "Whether just one is true."),
    "maximum": (rustorch.maximum, "The larger element."),
    "minimum": (rustorch.minimum, "The smaller element."),
    "multiply": (rustorch.multiply, "The products."),
    "nextafter": (rustorch.nextafter, "The next number of the dtype after x1, towards x2."),
    "not_equal": (rustorch.ne, "Whether elements differ."),
    "pow": (rustorch.pow, "x1 to the power of x2."),
    "remainder": (rustorch.remainder, "The rest of the division, with the sign of x2."),
    "subtract": (rustorch.subtract, "The differences."),
}
__all__ = sorted([*_UNARY, *_BINARY, "clip", "imag"])

_WHOLE = {"bitwise_invert", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor"}
_BOOLS = {"logical_not", "logical_and", "logical_or", "logical_xor"}


def _example(name: str, n: int) -> str:
    make = "xp.asarray([1, 0])" if name in _WHOLE else "xp.asarray([True, False])" if name in _BOOLS else "xp.asarray([1.0, 0.5])"
    return f"\n\n>>> from rustorch import array_api as xp\n>>> xp.{name}({', '.join([make] * n)}).shape\nrustorch.Size([2])\n"


def _unary(name: str, compute: Callable[[Tensor], Tensor], doc: str) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor, /) -> Tensor:
        if not isinstance(x, Tensor):
            raise rustorch.ArgumentTypeError(f"{name}: an array is needed, not {type(x).__name__}")
        return compute(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc + _example(name, 1)
    return function


def _binary(name: str, compute: Callable[[Tensor, Tensor], Tensor], doc: str) -> Callable[[Any, Any], Tensor]:
    def function(x1: Union[Tensor, bool, int, float], x2: Union[Tensor, bool, int, float], /) -> Tensor:
        return compute(*promoted(name, x1, x2))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc + _example(name, 2)
    return function


globals().update({name: _unary(name, *row) for name, row in _UNARY.items()})
globals().update({name: _binary(name, *row) for name, row in _BINARY.items()})


def imag(x: Tensor, /) -> Tensor:
    """The imaginary part is for complex numbers, which do not exist here: an error.

    >>> try:
    ...     rustorch.array_api.imag(rustorch.zeros(1))
    ... except rustorch.UnsupportedError as error:
    ...     print(str(error)[:35])
    imag: there are no complex numbers;
    """
    raise rustorch.UnsupportedError("imag: there are no complex numbers; the imaginary part of real ones is 0")


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """The elements moved into bounds, which are numbers or arrays; the dtype stays.

    >>> from rustorch import array_api as xp
    >>> xp.clip(xp.asarray([-1, 0, 5]), 0, 2)
    tensor([0, 0, 2])
    """

    def bound(value: Any) -> Any:
        return value.to(x.dtype) if isinstance(value, Tensor) else value

    if min is None and max is None:
        return x.clone()
    if isinstance(min, Tensor) == isinstance(max, Tensor) or min is None or max is None:
        return rustorch.clamp(x, bound(min), bound(max)).to(x.dtype)
    as_array = [v if isinstance(v, Tensor) else rustorch.full((), v, dtype=x.dtype) for v in (min, max)]
    return rustorch.clamp(x, *map(bound, as_array))

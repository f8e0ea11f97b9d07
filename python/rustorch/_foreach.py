"""`_foreach_NAME`: an operation on each tensor of a list, as optimisers written for PyTorch call it.

Arguments are one value for all tensors, or a list with one for each. Names with `_` at the end write in place and return None.
"""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence

import rustorch
from rustorch._C import ArgumentValueError

_PLAIN = (
    "abs add ceil clamp_max clamp_min copy cos div erf exp expm1 floor lerp log log10 log1p log2 mul neg pow reciprocal round rsqrt "
    "sigmoid sign sin sqrt sub tan tanh trunc zero"
).split()
_WITH_VALUE = ("addcdiv", "addcmul")  # the third argument, or value=, is a number for each or for all
_BOUNDS = {"maximum": "min", "minimum": "max"}  # take numbers too: the argument of clamp


def _norm(tensor: Any, ord: float = 2, dtype: Any = None) -> Any:
    return rustorch.linalg.vector_norm(tensor, ord, dtype=dtype)


def _method(base: str, inplace: bool) -> Optional[Callable]:
    if base == "norm" and not inplace:
        return _norm
    if base in _WITH_VALUE:
        plain = getattr(rustorch.Tensor, base + "_" * inplace)
        return lambda self, first, second, value=1: plain(self, first, second, value=value)
    if base in _BOUNDS:
        clamp = getattr(rustorch.Tensor, "clamp" + "_" * inplace)
        return lambda self, other: clamp(self, **{_BOUNDS[base]: other})
    return getattr(rustorch.Tensor, base + "_" * inplace, None) if base in _PLAIN else None


def find(name: str) -> Optional[Callable]:
    """The function of that name, or None."""
    inplace = name.endswith("_")
    one = _method(name[len("_foreach_") :].rstrip("_"), inplace)
    if one is None:
        return None

    def foreach(self: Sequence[Any], *args: Any, **kwargs: Any) -> Optional[List[Any]]:
        for each in (*args, *kwargs.values()):
            if isinstance(each, (list, tuple)) and len(each) != len(self):
                raise ArgumentValueError(f"{name}: the lists must be equally long, got {len(self)} and {len(each)}")

        def at(i: int, value: Any) -> Any:
            return value[i] if isinstance(value, (list, tuple)) else value

        found = [one(x, *[at(i, v) for v in args], **{k: at(i, v) for k, v in kwargs.items()}) for i, x in enumerate(self)]
        return None if inplace else found

    foreach.__name__ = foreach.__qualname__ = name
    foreach.__doc__ = f"{name[len('_foreach_') :]} of each tensor of a list."
    return foreach

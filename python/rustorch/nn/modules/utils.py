"""Helpers for layers of one's own: a number for each dimension."""

from __future__ import annotations

import collections.abc
from itertools import repeat
from typing import Any, Callable, List, Tuple

__all__: List[str] = []


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], Tuple[Any, ...]]:
    def parse(x: Any) -> Tuple[Any, ...]:
        return tuple(x) if isinstance(x, collections.abc.Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: Tuple[Any, ...], n: int) -> Tuple[Any, ...]:
    """(a, b) → (b, …, b, a, …, a), each n times: padding of the last dimension comes first."""
    return tuple(x for x in reversed(t) for _ in range(n))

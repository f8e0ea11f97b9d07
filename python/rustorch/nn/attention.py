"""Choosing how attention is computed."""

from __future__ import annotations

import contextlib
import enum
from typing import Any, Iterator, List, Union

from rustorch.nn._attention import _Backends

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """Ways of computing :func:`rustorch.nn.functional.scaled_dot_product_attention`.

    On the CPU there are two: in tiles (FLASH_ATTENTION; EFFICIENT_ATTENTION is the same), and written out in matrix products
    and softmax (MATH). The others are there so that scripts that name them run.

    >>> nn.attention.SDPBackend.MATH.name
    'MATH'
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: Union[List[SDPBackend], SDPBackend], set_priority: bool = False) -> Iterator[Any]:
    """Within the context attention is computed by one of the given backends.

    Parameters
    ----------
    backends : SDPBackend or list of them
    set_priority : bool, default False
        The first of the list that can be used is used; otherwise FLASH_ATTENTION comes before MATH.

    Raises
    ------
    AssertionError
        ``backends`` is something else.
    RuntimeError
        In the context, by attention, where none of the backends is there.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.nn.attention import SDPBackend, sdpa_kernel
    >>> x = torch.ones(1, 2, 3, 4)
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     y = torch.nn.functional.scaled_dot_product_attention(x, x, x)
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
        )
    names = [SDPBackend(backend).name for backend in ([backends] if isinstance(backends, SDPBackend) else backends)]
    if set_priority:
        there = [name for name in names if name in ("FLASH_ATTENTION", "EFFICIENT_ATTENTION", "MATH")]
        names = there[:1] or names
    before = _Backends.allowed
    _Backends.allowed = tuple(names)
    try:
        yield {}
    finally:
        _Backends.allowed = before

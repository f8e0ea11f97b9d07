"""NVIDIA's library of layers: not used. The switches that scripts set have no effect."""

import contextlib as _contextlib
from typing import Any, Iterator

from rustorch._no_device import shows as _shows

__all__ = ["allow_tf32", "benchmark", "benchmark_limit", "deterministic", "enabled", "flags", "is_acceptable", "is_available", "version"]

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


@_shows("backends.cudnn.is_available()", False)
def is_available() -> bool:
    """False: cuDNN is not used."""
    return False


@_shows("backends.cudnn.version()")
def version() -> None:
    """None: cuDNN is not used."""
    return None


@_shows("backends.cudnn.is_acceptable(rustorch.ones(1))", False)
def is_acceptable(tensor: Any) -> bool:
    """False: cuDNN is not used."""
    return False


@_contextlib.contextmanager
def flags(
    enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10, deterministic: bool = False, allow_tf32: bool = True
) -> Iterator[None]:
    """Other values of the switches within a ``with`` block; they have no effect on what is computed.

    Examples
    --------
    >>> with rustorch.backends.cudnn.flags(benchmark_limit=5):
    ...     rustorch.backends.cudnn.benchmark_limit
    5
    >>> rustorch.backends.cudnn.benchmark_limit
    10
    """
    names = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit, "deterministic": deterministic,
             "allow_tf32": allow_tf32}  # fmt: skip
    before = {name: globals()[name] for name in names}
    globals().update(names)
    try:
        yield
    finally:
        globals().update(before)

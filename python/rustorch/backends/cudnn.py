"""NVIDIA's library of layers: not used. The switches that scripts set have no effect."""

import contextlib as _contextlib

__all__ = ["allow_tf32", "benchmark", "benchmark_limit", "deterministic", "enabled", "flags", "is_acceptable", "is_available", "version"]

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available():
    """False: cuDNN is not used."""
    return False


def version():
    """None: cuDNN is not used."""
    return None


def is_acceptable(tensor):
    """False: cuDNN is not used."""
    return False


@_contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Other values of the switches within a ``with`` block."""
    names = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit, "deterministic": deterministic,
             "allow_tf32": allow_tf32}  # fmt: skip
    before = {name: globals()[name] for name in names}
    globals().update(names)
    try:
        yield
    finally:
        globals().update(before)

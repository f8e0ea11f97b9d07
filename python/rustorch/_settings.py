"""Switches of PyTorch that ask for what is always so here, or cannot be: see each."""

from __future__ import annotations

import rustorch

from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly  # noqa: F401

__all__ = [
    "get_deterministic_debug_mode", "get_num_interop_threads", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
    "is_warn_always_enabled", "set_anomaly_enabled", "set_deterministic_debug_mode", "set_flush_denormal", "set_num_interop_threads",
    "set_warn_always",
]  # fmt: skip

_MODES = ("default", "warn", "error")
_mode = 0
_warn_always = False


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch the search for the line that made a bad gradient on or off: :class:`rustorch.autograd.set_detect_anomaly`.

    >>> rustorch.set_anomaly_enabled(False)
    """
    set_detect_anomaly(mode, check_nan)


def get_num_interop_threads() -> int:
    """1: operations run one after the other, each on :func:`rustorch.get_num_threads` threads.

    >>> rustorch.get_num_interop_threads()
    1
    """
    return 1


def set_num_interop_threads(num: int) -> None:
    """Any positive number is fine and changes nothing: operations do not run side by side.

    >>> rustorch.set_num_interop_threads(1)
    """
    if isinstance(num, bool) or not isinstance(num, int) or num < 1:
        raise rustorch.ArgumentValueError(f"set_num_interop_threads: a positive number is needed, not {num!r}")


def set_flush_denormal(mode: bool) -> bool:
    """False: the numbers nearest to 0 are computed with, as IEEE 754 says; treating them as 0 is not supported.

    >>> rustorch.set_flush_denormal(True)
    False
    """
    if not isinstance(mode, bool):
        raise rustorch.ArgumentTypeError(f"set_flush_denormal: mode must be a bool, not {type(mode).__name__}")
    return False


def set_deterministic_debug_mode(debug_mode: object) -> None:
    """"default", "warn", "error" or 0, 1, 2: which never has a consequence, since every operation is deterministic.

    >>> rustorch.set_deterministic_debug_mode("error")
    >>> rustorch.get_deterministic_debug_mode()
    2
    >>> rustorch.set_deterministic_debug_mode(0)
    """
    global _mode
    if debug_mode in _MODES:
        _mode = _MODES.index(str(debug_mode))
    elif debug_mode in (0, 1, 2):
        _mode = int(debug_mode)  # type: ignore[call-overload]
    else:
        raise rustorch.ArgumentValueError(f"set_deterministic_debug_mode: default, warn, error or 0, 1, 2 is needed, not {debug_mode!r}")


def get_deterministic_debug_mode() -> int:
    """What :func:`set_deterministic_debug_mode` or :func:`rustorch.use_deterministic_algorithms` was told.

    >>> rustorch.get_deterministic_debug_mode()
    0
    """
    return _mode


def set_warn_always(b: bool) -> None:
    """Kept for :func:`is_warn_always_enabled`: how often warnings show is Python's business (:mod:`warnings`).

    >>> rustorch.set_warn_always(False)
    """
    global _warn_always
    if not isinstance(b, bool):
        raise rustorch.ArgumentTypeError(f"set_warn_always: a bool is needed, not {type(b).__name__}")
    _warn_always = b


def is_warn_always_enabled() -> bool:
    """What :func:`set_warn_always` was told.

    >>> rustorch.is_warn_always_enabled()
    False
    """
    return _warn_always

"""Finding the operation of the forward pass that a wrong gradient belongs to."""

import sys
import traceback
import warnings

from .. import _C

__all__ = ["detect_anomaly", "set_detect_anomaly", "is_anomaly_enabled", "is_anomaly_check_nan_enabled"]

_mode = (False, True)  # enabled, check_nan


def _trace():
    return "".join(traceback.format_stack(sys._getframe(1)))


def _report(trace, name):
    warnings.warn(f"an error occurred in {name}. The forward call that it belongs to:\n{trace}", stacklevel=2)


def _set(enabled, check_nan):
    global _mode
    _mode = (bool(enabled), bool(check_nan))
    _C._set_anomaly(_trace if enabled else None, _report, bool(check_nan))


class set_detect_anomaly:
    """Switch anomaly mode on or off; as a context, put it back afterwards.

    While it is on, every recorded operation remembers where it was called, and the call is shown in a warning when its
    gradient fails. A gradient with NaN in it is an error. Slow: for looking for mistakes.

    Parameters
    ----------
    mode : bool
    check_nan : bool, default True

    Examples
    --------
    >>> import rustorch, warnings
    >>> x = rustorch.tensor([0.0], requires_grad=True)
    >>> with rustorch.autograd.set_detect_anomaly(True), warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     try:
    ...         (x.sqrt() * 0).backward()
    ...     except RuntimeError as error:
    ...         print(error)
    SqrtBackward returned nan values in its 0th output
    """

    def __init__(self, mode, check_nan=True):
        self._before = _mode
        _set(mode, check_nan)

    def __enter__(self):
        return None

    def __exit__(self, *error):
        _set(*self._before)


class detect_anomaly(set_detect_anomaly):
    """A context with anomaly mode on: see :class:`set_detect_anomaly`.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> with rustorch.autograd.detect_anomaly():
    ...     rustorch.is_anomaly_enabled()
    ... 
    True
    """

    def __init__(self, check_nan=True):
        warnings.warn("anomaly mode is on: every operation notes where it was called, which is slow", stacklevel=2)
        self._check_nan = check_nan

    def __enter__(self):
        self._before = _mode
        _set(True, self._check_nan)
        return None


def is_anomaly_enabled():
    """Is anomaly mode on?

    >>> rustorch.is_anomaly_enabled()
    False
    """
    return _mode[0]


def is_anomaly_check_nan_enabled():
    """Does anomaly mode look for NaN?

    >>> rustorch.is_anomaly_check_nan_enabled()
    True
    """
    return _mode[1]

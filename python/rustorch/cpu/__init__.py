"""The CPU, asked as if it were an accelerator."""

from . import amp

__all__ = ["amp", "current_device", "device_count", "is_available", "synchronize"]


def is_available():
    """True.

    >>> rustorch.cpu.is_available()
    True
    """
    return True


def device_count():
    """1: all cores are one device.

    >>> rustorch.cpu.device_count()
    1
    """
    return 1


def current_device():
    """The name of the only one.

    >>> rustorch.cpu.current_device()
    'cpu'
    """
    return "cpu"


def synchronize(device=None):
    """Nothing to wait for: operations on the CPU are done when they return.

    >>> rustorch.cpu.synchronize()
    """

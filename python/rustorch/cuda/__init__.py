"""GPUs: whether there are any, and what scripts ask of them before they choose a device."""

from .. import _C
from .._C import DeviceError
from . import amp

__all__ = ["amp", "device", "is_available", "device_count", "current_device", "empty_cache", "manual_seed", "manual_seed_all", "synchronize"]


def is_available():
    """Is there a GPU that rustorch can use?"""
    return device_count() > 0


def device_count():
    """The number of GPUs that rustorch can use."""
    count = 0
    while _usable(count):
        count += 1
    return count


def _usable(index):
    try:
        _C._check_device(_C.device("cuda", index))
    except DeviceError:
        return False
    return True


def device(index):
    """The GPU of that number: ``rustorch.device("cuda", index)``. Whether it is there is asked when it is used."""
    return _C.device("cuda", index) if isinstance(index, int) else _C.device(index)


def _need_gpu():
    _C._check_device(_C.device("cuda", 0))


def current_device():
    """The number of the GPU that is used when none is named. An error without a GPU."""
    _need_gpu()
    return 0


def synchronize(device=None):
    """Wait until the GPU has done its work. An error without a GPU."""
    _need_gpu()


def empty_cache():
    """Give cached memory back to the system; without a GPU there is none."""
    if is_available():
        _C.empty_cache()


def manual_seed(seed):
    """Seed the generator: there is one stream of random numbers for all devices. Without a GPU nothing happens."""
    if is_available():
        _C.default_generator.manual_seed(int(seed))


def manual_seed_all(seed):
    """As manual_seed."""
    manual_seed(seed)

"""GPUs: whether there are any, and what scripts ask of them before they choose a device."""

from .. import _C
from .._C import DeviceError, OutOfMemoryError  # noqa: F401  (PyTorch has it here too)
from .._legacy import cuda_types as _cuda_types
from . import amp, memory
from .memory import *  # noqa: F401,F403

__all__ = [
    "Event", "OutOfMemoryError", "Stream", "amp", "current_device", "current_stream", "default_stream", "device", "device_count", "empty_cache",
    "get_arch_list", "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state", "get_rng_state_all", "init", "ipc_collect",
    "is_available", "is_bf16_supported", "is_initialized", "manual_seed", "manual_seed_all", "memory", "seed", "seed_all", "set_device",
    "set_rng_state", "set_rng_state_all", "stream", "synchronize", *memory.__all__, *_cuda_types,
]  # fmt: skip

globals().update(_cuda_types)  # FloatTensor, LongTensor, …


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


def _nowhere(name, doc):
    """A function that needs a GPU."""

    def function(device=None):
        _need_gpu()
        raise _C.UnsupportedError(f"cuda.{name}: the backend of this GPU does not tell")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc + " A DeviceError without a GPU."
    return function


get_device_name = _nowhere("get_device_name", "The name of the GPU.")
get_device_capability = _nowhere("get_device_capability", "The version of the GPU's instructions, a pair of numbers.")
get_device_properties = _nowhere("get_device_properties", "What the GPU is.")
current_stream = _nowhere("current_stream", "The queue of work of the GPU.")
default_stream = _nowhere("default_stream", "The first queue of work of the GPU.")


def get_rng_state(device="cuda"):
    """The state of the generator: there is one stream of random numbers for all devices. A DeviceError without a GPU."""
    _need_gpu()
    return _C.default_generator.get_state()


def set_device(device):
    """Use the GPU of that number when none is named; a negative number means nothing. A DeviceError where it is not there."""
    if not isinstance(device, int) or device >= 0:
        _C._check_device(_C.device("cuda", device) if isinstance(device, int) else _C.device(device))


def is_initialized():
    """Whether the GPU is in use."""
    return is_available()


def __getattr__(name):
    if name == "_initialized":  # which libraries ask for in place of is_initialized()
        return is_initialized()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def init():
    """Start using the GPU. A DeviceError without one."""
    _need_gpu()


def is_bf16_supported(including_emulation=True):
    """Whether there is a GPU that computes in bfloat16."""
    return is_available()


def get_arch_list():
    """The kinds of GPU that this build has kernels for."""
    return []


def ipc_collect():
    """Nothing: no memory of a GPU is shared between processes."""


def seed():
    """Seed the generator by chance; without a GPU nothing happens."""
    if is_available():
        _C.default_generator.seed()


seed_all = seed


def get_rng_state_all():
    """The states of the generators of all GPUs; none without a GPU."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state(new_state, device="cuda"):
    """Set the state of the generator: there is one stream of random numbers for all devices. A DeviceError without a GPU."""
    _need_gpu()
    _C.default_generator.set_state(new_state)


def set_rng_state_all(new_states):
    """Set the states of the generators of all GPUs: as many as there are GPUs."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


class Stream:
    """A queue of work of a GPU. A DeviceError without one."""

    def __init__(self, device=None, priority=0):
        _need_gpu()


class Event:
    """A mark in the work of a GPU. A DeviceError without one: ``time.perf_counter`` measures the CPU."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        _need_gpu()


class stream:
    """Work of a ``with`` block goes to that queue; None changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *error):
        return None

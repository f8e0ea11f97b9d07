"""GPUs: whether there are any, and what scripts ask of them before they choose a device.

The examples show what the functions say where there is no GPU.

Examples
--------
>>> import rustorch
>>> device = "cuda" if rustorch.cuda.is_available() else "cpu"
>>> rustorch.ones(2, device=device).sum().item()
2.0
"""

from __future__ import annotations

import contextlib as _contextlib
from typing import Any, List, NoReturn, Optional, Sequence, Tuple

from rustorch import _C
from rustorch._C import DeviceError, OutOfMemoryError  # noqa: F401  (PyTorch has it here too)
from rustorch._legacy import cuda_types as _cuda_types
from rustorch._no_device import NO_GPU as _NO_GPU
from rustorch._no_device import shows as _shows

from . import amp, memory
from .memory import *  # noqa: F401,F403

__all__ = [
    "Event", "OutOfMemoryError", "Stream", "amp", "can_device_access_peer", "current_device", "current_stream", "default_stream", "device",
    "device_count", "device_of", "empty_cache", "get_arch_list", "get_device_capability", "get_device_name", "get_device_properties",
    "get_rng_state", "get_rng_state_all", "init", "initial_seed", "ipc_collect", "is_available", "is_bf16_supported",
    "is_current_stream_capturing", "is_initialized", "is_tf32_supported", "manual_seed", "manual_seed_all", "memory", "seed", "seed_all",
    "set_device", "set_rng_state", "set_rng_state_all", "set_stream", "stream", "synchronize", *memory.__all__, *_cuda_types,
]  # fmt: skip

globals().update(_cuda_types)  # FloatTensor, LongTensor, …


def _usable(index: int) -> bool:
    try:
        _C._check_device(_C.device("cuda", index))
    except DeviceError:
        return False
    return True


def _need_gpu() -> None:
    _C._check_device(_C.device("cuda", 0))


def _unknown(name: str) -> NoReturn:
    """For a GPU that is there."""
    _need_gpu()
    raise _C.UnsupportedError(f"cuda.{name}: the backend of this GPU does not tell")


# ---------------------------------------------------------------------------------------------- which there are


@_shows("cuda.is_available()", False)
def is_available() -> bool:
    """Is there a GPU that rustorch can use?"""
    return device_count() > 0


@_shows("cuda.device_count()", 0)
def device_count() -> int:
    """The number of GPUs that rustorch can use."""
    count = 0
    while _usable(count):
        count += 1
    return count


@_shows("cuda.is_initialized()", False)
def is_initialized() -> bool:
    """Whether the GPU is in use."""
    return is_available()


def __getattr__(name: str) -> bool:
    if name == "_initialized":  # which libraries ask for in place of is_initialized()
        return is_initialized()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@_shows("cuda.init()", _NO_GPU)
def init() -> None:
    """Start using the GPU. A DeviceError without one."""
    _need_gpu()


@_shows("cuda.is_bf16_supported()", False)
def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether there is a GPU that computes in bfloat16."""
    return is_available()


@_shows("cuda.is_tf32_supported()", False)
def is_tf32_supported() -> bool:
    """Whether there is a GPU that rounds factors to TF32: products of float32 are computed in float32."""
    return False


@_shows("cuda.get_arch_list()", [])
def get_arch_list() -> List[str]:
    """The kinds of GPU that this build has kernels for."""
    return []


@_shows("cuda.get_device_name()", _NO_GPU)
def get_device_name(device: Any = None) -> str:
    """The name of the GPU. A DeviceError without one."""
    _unknown("get_device_name")


@_shows("cuda.get_device_capability(0)", _NO_GPU)
def get_device_capability(device: Any = None) -> Tuple[int, int]:
    """The version of the GPU's instructions, a pair of numbers. A DeviceError without one."""
    _unknown("get_device_capability")


@_shows("cuda.get_device_properties(0)", _NO_GPU)
def get_device_properties(device: Any = None) -> Any:
    """What the GPU is. A DeviceError without one."""
    _unknown("get_device_properties")


@_shows("cuda.can_device_access_peer(0, 1)", _NO_GPU)
def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether a GPU reads the memory of another one. A DeviceError without one."""
    _unknown("can_device_access_peer")


# ---------------------------------------------------------------------------------------------- which is used


@_shows('cuda.device("cuda:1")', _C.device("cuda", 1))
def device(device: Any) -> Any:
    """The GPU of that number: ``rustorch.device("cuda", index)``. Whether it is there is asked when it is used.

    As a context it is the GPU that is used when none is named; None and negative numbers change nothing.

    Parameters
    ----------
    device : int, str, device or None
    """
    if device is None or isinstance(device, int) and device < 0:
        return _contextlib.nullcontext()
    return _C.device("cuda", device) if isinstance(device, int) else _C.device(device)


@_shows("cuda.device_of(rustorch.ones(1)).__enter__()")
def device_of(obj: Any) -> Any:
    """A context in which the GPU of a tensor is used when none is named; one on the CPU changes nothing."""
    return device(obj.device if getattr(obj, "is_cuda", False) else None)


@_shows("cuda.current_device()", _NO_GPU)
def current_device() -> int:
    """The number of the GPU that is used when none is named. A DeviceError without one."""
    _need_gpu()
    return 0


@_shows("cuda.set_device(0)", _NO_GPU)
def set_device(device: Any) -> None:
    """Use the GPU of that number when none is named; a negative number means nothing. A DeviceError where it is not there."""
    if not isinstance(device, int) or device >= 0:
        asked = _C.device("cuda", device) if isinstance(device, int) else _C.device(device)
        if asked.type != "cuda":
            raise _C.ArgumentValueError(f"cuda.set_device: a GPU is expected, as 0 or 'cuda:0', not {str(asked)!r}")
        _C._check_device(asked)


@_shows("cuda.synchronize()", _NO_GPU)
def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done its work. A DeviceError without one."""
    _need_gpu()


@_shows("cuda.ipc_collect()")
def ipc_collect() -> None:
    """Nothing: no memory of a GPU is shared between processes."""


# ---------------------------------------------------------------------------------------------- random numbers


@_shows("cuda.manual_seed(0)")
def manual_seed(seed: int) -> None:
    """Seed the generator: there is one stream of random numbers for all devices. Without a GPU nothing happens."""
    if is_available():
        _C.default_generator.manual_seed(int(seed))


@_shows("cuda.manual_seed_all(0)")
def manual_seed_all(seed: int) -> None:
    """As :func:`manual_seed`."""
    manual_seed(seed)


@_shows("cuda.seed()")
def seed() -> None:
    """Seed the generator by chance; without a GPU nothing happens."""
    if is_available():
        _C.default_generator.seed()


seed_all = seed


@_shows("cuda.initial_seed()", _NO_GPU)
def initial_seed() -> int:
    """The seed that the generator started from. A DeviceError without a GPU."""
    _need_gpu()
    return _C.default_generator.initial_seed()


@_shows("cuda.get_rng_state()", _NO_GPU)
def get_rng_state(device: Any = "cuda") -> _C.Tensor:
    """The state of the generator: there is one stream of random numbers for all devices. A DeviceError without a GPU."""
    _need_gpu()
    return _C.default_generator.get_state()


@_shows("cuda.get_rng_state_all()", [])
def get_rng_state_all() -> List[_C.Tensor]:
    """The states of the generators of all GPUs; none without a GPU."""
    return [get_rng_state(i) for i in range(device_count())]


@_shows("cuda.set_rng_state(rustorch.get_rng_state())")
def set_rng_state(new_state: _C.Tensor, device: Any = "cuda") -> None:
    """Set the state of the generator: there is one stream of random numbers for all devices. Without a GPU nothing happens."""
    if is_available():
        _C.default_generator.set_state(new_state)


@_shows("cuda.set_rng_state_all(rustorch.cuda.get_rng_state_all())")
def set_rng_state_all(new_states: Sequence[_C.Tensor]) -> None:
    """Set the states of the generators of all GPUs; without a GPU nothing happens."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


# ---------------------------------------------------------------------------------------------- queues of work


@_shows("cuda.Stream()", _NO_GPU)
class Stream:
    """A queue of work of a GPU. A DeviceError without one."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        _unknown("Stream")


@_shows("cuda.Event(enable_timing=True).record()", _NO_GPU)
class Event:
    """A mark in the work of a GPU. It may be made anywhere; using it is a DeviceError without one.

    ``time.perf_counter`` measures the CPU, where operations are done when they return.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        pass

    def record(self, stream: Any = None) -> None:
        """Put the mark at the end of the work that is there."""
        _unknown("Event.record")

    def wait(self, stream: Any = None) -> None:
        """Let what comes after wait for the mark."""
        _unknown("Event.wait")

    def query(self) -> bool:
        """Whether the work before the mark is done: True while it was not recorded."""
        return True

    def synchronize(self) -> None:
        """Wait until the work before the mark is done."""
        _unknown("Event.synchronize")

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this mark to another one."""
        _unknown("Event.elapsed_time")


@_shows("cuda.current_stream()", _NO_GPU)
def current_stream(device: Any = None) -> Stream:
    """The queue of work of the GPU. A DeviceError without one."""
    _unknown("current_stream")


@_shows("cuda.default_stream()", _NO_GPU)
def default_stream(device: Any = None) -> Stream:
    """The first queue of work of the GPU. A DeviceError without one."""
    _unknown("default_stream")


@_shows("cuda.set_stream(None)")
def set_stream(stream: Optional[Stream]) -> None:
    """Let work go to that queue from now on; None changes nothing."""


@_shows("cuda.is_current_stream_capturing()", False)
def is_current_stream_capturing() -> bool:
    """Whether work is recorded into a CUDA graph: there are none."""
    return False


class stream:
    """A context whose work goes to that queue; None changes nothing.

    Examples
    --------
    >>> with rustorch.cuda.stream(None):
    ...     x = rustorch.ones(2)
    >>> x
    tensor([1., 1.])
    """

    def __init__(self, stream: Optional[Stream]) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


@_shows("cuda.empty_cache()")
def empty_cache() -> None:
    """Give cached memory of the GPU back to the system; without a GPU there is none."""
    if is_available():
        _C.empty_cache()

"""Devices that are not there: what `rustorch.mps` and `rustorch.xpu` answer, and examples that show what functions say without one."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Dict, List, Tuple, TypeVar

from rustorch._C import DeviceError

_Thing = TypeVar("_Thing")
NOTHING = object()  # what an example gives that prints nothing
NO_GPU = DeviceError("cuda:0 is not available: this build of rustorch has no CUDA plug-in")


def shows(call: str, gives: Any = NOTHING) -> Callable[[_Thing], _Thing]:
    """Add an example to the docstring of a function or class.

    Parameters
    ----------
    call : str
        What is typed after ``>>> rustorch.``.
    gives : object or DeviceError, optional
        What Python answers: the value, or the error that is raised; by default nothing.

    Examples
    --------
    >>> from rustorch._no_device import shows
    >>> @shows("cpu.device_count()", 1)
    ... def device_count():
    ...     '''The number of processors.'''
    >>> device_count.__doc__.splitlines()[-2:]
    ['>>> rustorch.cpu.device_count()', '1']
    """
    lines = [f">>> rustorch.{call}"]
    if isinstance(gives, DeviceError):
        lines += ["Traceback (most recent call last):", "    ...", f"rustorch.DeviceError: {gives}"]
    elif gives is not NOTHING:
        lines.append(repr(gives))

    def add(thing: _Thing) -> _Thing:
        thing.__doc__ = "\n".join([inspect.cleandoc(thing.__doc__ or ""), "", "Examples", "--------", *lines, ""])
        return thing

    return add


_ABSENT = object()  # the answer of a function that needs the device
_STATE = "rustorch.get_rng_state()"
# The modules that have it, its name, the function without a device, a sentence, and arguments of an example.
_ROWS: List[Tuple[str, str, Callable[..., Any], str, str]] = [
    ("mps xpu", "is_available", lambda: False, "Whether there is such a GPU that rustorch can use.", ""),
    ("mps xpu", "device_count", lambda: 0, "The number of such GPUs that rustorch can use.", ""),
    ("xpu", "is_initialized", lambda: False, "Whether the GPU is in use.", ""),
    ("xpu", "init", lambda: _ABSENT, "Start using the GPU.", ""),
    ("xpu", "current_device", lambda: _ABSENT, "The number of the GPU that is used when none is named.", ""),
    ("xpu", "set_device", lambda device: _ABSENT, "Use the GPU of that number when none is named.", "0"),
    ("xpu", "get_device_name", lambda device=None: _ABSENT, "The name of the GPU.", ""),
    ("xpu", "get_device_capability", lambda device=None: _ABSENT, "What the GPU can do.", ""),
    ("xpu", "get_device_properties", lambda device=None: _ABSENT, "What the GPU is.", ""),
    ("xpu", "get_arch_list", lambda: [], "The kinds of GPU that this build has kernels for.", ""),
    ("xpu", "is_bf16_supported", lambda including_emulation=True: False, "Whether there is a GPU that computes in bfloat16.", ""),
    ("xpu", "is_tf32_supported", lambda: False, "Whether there is a GPU that computes in TF32.", ""),
    ("mps", "synchronize", lambda: _ABSENT, "Wait until the GPU has done its work.", ""),
    ("xpu", "synchronize", lambda device=None: _ABSENT, "Wait until the GPU has done its work.", ""),
    ("xpu", "current_stream", lambda device=None: _ABSENT, "The queue of work of the GPU.", ""),
    ("mps xpu", "empty_cache", lambda: None, "Give cached memory of the GPU back; without one there is none.", ""),
    ("xpu", "memory_allocated", lambda device=None: 0, "Bytes in tensors on the GPU.", ""),
    ("xpu", "max_memory_allocated", lambda device=None: 0, "The most bytes in tensors on the GPU since the start.", ""),
    ("xpu", "memory_reserved", lambda device=None: 0, "Bytes that the allocator of the GPU holds.", ""),
    ("xpu", "max_memory_reserved", lambda device=None: 0, "The most bytes that the allocator of the GPU has held.", ""),
    ("xpu", "mem_get_info", lambda device=None: _ABSENT, "Free and all bytes of the GPU.", ""),
    ("mps", "current_allocated_memory", lambda: _ABSENT, "Bytes in tensors on the GPU.", ""),
    ("mps", "driver_allocated_memory", lambda: _ABSENT, "Bytes that the driver of the GPU holds.", ""),
    ("mps", "recommended_max_memory", lambda: _ABSENT, "The most bytes that should be taken.", ""),
    ("mps", "set_per_process_memory_fraction", lambda fraction: _ABSENT, "Let tensors take at most this part of the memory.", "0.5"),
    ("mps xpu", "manual_seed", lambda seed: None, "Seed the generator of the GPU; nothing happens without one.", "0"),
    ("xpu", "manual_seed_all", lambda seed: None, "Seed the generators of all GPUs; nothing happens without one.", "0"),
    ("mps", "seed", lambda: _ABSENT, "Seed the generator of the GPU by chance.", ""),
    ("xpu", "seed", lambda: None, "Seed the generator of the GPU by chance; nothing happens without one.", ""),
    ("xpu", "seed_all", lambda: None, "Seed the generators of all GPUs by chance; nothing happens without one.", ""),
    ("xpu", "initial_seed", lambda: _ABSENT, "The seed that the generator of the GPU started from.", ""),
    ("mps", "get_rng_state", lambda device="mps": _ABSENT, "The state of the generator of the GPU.", ""),
    ("xpu", "get_rng_state", lambda device="xpu": _ABSENT, "The state of the generator of the GPU.", ""),
    ("xpu", "get_rng_state_all", lambda: [], "The states of the generators of all GPUs.", ""),
    ("mps", "set_rng_state", lambda new_state, device="mps": _ABSENT, "Set the state of the generator of the GPU.", _STATE),
    ("xpu", "set_rng_state", lambda new_state, device="xpu": None, "Set the state of the generator of the GPU, if there is one.", _STATE),
    ("xpu", "set_rng_state_all", lambda new_states: None, "Set the states of the generators of the GPUs that there are.", "[]"),
]


def functions(device: str, what: str) -> Dict[str, Callable[..., Any]]:
    """What the module of a device offers that rustorch has no backend for; ``what`` it is, for messages."""
    rows = [(name, function, text, given) for modules, name, function, text, given in _ROWS if device in modules.split()]
    return {name: _function(device, what, name, function, text, given) for name, function, text, given in rows}


def _function(device: str, what: str, name: str, function: Callable[..., Any], text: str, given: str) -> Callable[..., Any]:
    error = DeviceError(f"{device}.{name}: rustorch has no backend for {what}; ask {device}.is_available() first")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        if answer is _ABSENT:
            raise DeviceError(*error.args)
        return answer

    call.__name__ = call.__qualname__ = name
    call.__module__ = f"rustorch.{device}"
    answer = function(given) if given else function()
    call.__doc__ = text + (f" A DeviceError: there is no backend for {what}." if answer is _ABSENT else "")
    return shows(f"{device}.{name}({given})", error if answer is _ABSENT else NOTHING if answer is None else answer)(call)

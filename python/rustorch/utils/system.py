"""Facts about this machine and build, and one seed for all random numbers."""

from __future__ import annotations

import os
import platform
import random
import sys
from typing import Any, Dict, Optional

import numpy as np

from .. import _C
from ..random import manual_seed

__all__ = ["cuda_is_available", "get_system_info", "metal_is_available", "set_seed"]


def cuda_is_available() -> bool:
    """Whether tensors can be on an NVIDIA GPU; as :func:`rustorch.cuda.is_available`.

    >>> rustorch.utils.cuda_is_available() == rustorch.cuda.is_available()
    True
    """
    from .. import cuda

    return cuda.is_available()


def metal_is_available() -> bool:
    """Whether tensors can be on an Apple GPU: False, there is no such backend.

    >>> rustorch.utils.metal_is_available()
    False
    """
    return False


def set_seed(seed: int) -> None:
    """Seed what is random in a program: Python's ``random``, NumPy's global generator, and rustorch's default generator.

    From the last come weights, dropout, shuffling, and the seeds of a DataLoader's batches and workers. Generators made by
    yourself (``rustorch.Generator()``, ``numpy.random.default_rng()``) have seeds of their own, and the order of Python's
    sets is settled before the program starts, by ``PYTHONHASHSEED``. Nothing else is needed for the same results again:
    every operation gives the same bits for the same input and number of threads.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1. NumPy takes 32 bits at a time, and gets all of them.

    Raises
    ------
    TypeError, ValueError
        It is no int, or outside the range.

    Examples
    --------
    >>> rustorch.utils.set_seed(7)
    >>> a = rustorch.rand(2)
    >>> rustorch.utils.set_seed(7)
    >>> bool((rustorch.rand(2) == a).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise _C.ArgumentTypeError(f"set_seed: seed must be an int, not {type(seed).__name__}")
    seed = int(seed)
    if not 0 <= seed < 1 << 64:
        raise _C.ArgumentValueError(f"set_seed: seed must be from 0 to 2**64 - 1, not {seed}")
    random.seed(seed)
    np.random.seed(seed if seed < 1 << 32 else [seed & 0xFFFFFFFF, seed >> 32])
    manual_seed(seed)


def _meminfo() -> Dict[str, int]:
    """Bytes, by the names of /proc/meminfo."""
    with open("/proc/meminfo") as file:
        pairs = (line.split(":") for line in file)
        return {name: int(text.split()[0]) * 1024 for name, text in pairs if text.strip().endswith("kB")}


def cgroup_memory() -> Optional[int]:
    """The most bytes that this container may take, or None: cgroup v2, then v1."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                text = file.read().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 1 << 60:
            return int(text)
    return None


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        names = (line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
        return next(names, platform.machine())


def config_lines() -> Dict[str, str]:
    """What :func:`rustorch.show_config` prints, by what stands before the colon. Several warnings are one text."""
    found: Dict[str, str] = {}
    for line in _C.config_text().splitlines():
        name, colon, text = line.partition(": ")
        if colon:
            found[name] = found[name] + "\n" + text if name in found else text
    return found


def get_system_info() -> Dict[str, Any]:
    """This machine and build, for reports and log files.

    Returns
    -------
    dict
        Texts ``rustorch``, ``python``, ``numpy`` (versions), ``platform``, ``processor``, ``instruction_set``, ``blas``,
        ``blas_core``, ``default_device``, ``default_dtype``, ``hostname``; numbers ``cores`` (of the machine),
        ``cores_allowed`` (to this process), ``num_threads``, ``memory_total``, ``memory_available``, ``memory_limit`` (bytes;
        the last is None where there is none); bools ``cuda_available``, ``metal_available``; ``plugins``, a dict from the
        name to whether it is there; ``environment``, a dict of the variables that concern rustorch and are set.

    Examples
    --------
    >>> info = rustorch.utils.get_system_info()
    >>> info["rustorch"] == rustorch.__version__, info["num_threads"] == rustorch.get_num_threads()
    (True, True)
    """
    from .. import get_default_device

    config, memory = config_lines(), _meminfo()
    available, limit = memory["MemAvailable"], cgroup_memory()
    plugins = (item.split(": ") for item in config["plug-ins"].split(", "))
    prefixes = ("RUSTORCH_", "OMP_", "OPENBLAS_", "CUDA_VISIBLE", "SLURM_JOB_ID", "PYTHONHASHSEED")
    return {
        "rustorch": _C.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "executable": sys.executable,
        "platform": platform.platform(),
        "hostname": platform.node(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_allowed": len(os.sched_getaffinity(0)),
        "num_threads": _C.get_num_threads(),
        "instruction_set": config["instruction set"],
        "blas": config["BLAS"],
        "blas_core": config["BLAS core"],
        "memory_total": memory["MemTotal"] if limit is None else min(limit, memory["MemTotal"]),
        "memory_available": available if limit is None else min(limit, available),
        "memory_limit": _C.get_memory_limit(),
        "default_device": str(get_default_device()),
        "default_dtype": str(_C.get_default_dtype()),
        "cuda_available": cuda_is_available(),
        "metal_available": metal_is_available(),
        "plugins": {name: state == "found" for name, state in plugins},
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(prefixes)},
    }

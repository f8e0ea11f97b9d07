"""Python's multiprocessing for tensors: processes, queues and pools as there, and :func:`spawn`.

A tensor in shared memory (:meth:`Tensor.share_memory_`, ``Module.share_memory``) reaches another process as the memory it
is, so that both see what either writes; any other tensor is copied. A child that was forked computes with one thread.

For training on several processes ``rustorch-launch -n N script.py`` starts and supervises them. A script that starts its own
ranks works as well: :func:`spawn` with ``init_process_group("gloo", rank=..., world_size=...)``.

Examples
--------
>>> import rustorch.multiprocessing as mp
>>> queue = mp.get_context("fork").SimpleQueue()
>>> queue.put(rustorch.arange(3))
>>> queue.get()
tensor([0, 1, 2])
"""

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F401,F403

from rustorch._C import ArgumentValueError
from rustorch.multiprocessing import reductions
from rustorch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "ProcessContext", "ProcessExitedException", "ProcessRaisedException", "SpawnContext", "get_all_sharing_strategies",
    "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes", *_multiprocessing.__all__,
]  # fmt: skip

reductions.init_reductions()
_supports_context = True
_strategy = "file_descriptor"


def get_all_sharing_strategies():
    """The names that :func:`set_sharing_strategy` takes.

    >>> sorted(rustorch.multiprocessing.get_all_sharing_strategies())
    ['file_descriptor', 'file_system']
    """
    return {"file_descriptor", "file_system"}


def get_sharing_strategy():
    """What :func:`set_sharing_strategy` was told; ``"file_descriptor"`` at first.

    >>> rustorch.multiprocessing.get_sharing_strategy()
    'file_descriptor'
    """
    return _strategy


def set_sharing_strategy(new_strategy):
    """Choose how shared memory is named: both ways are nameless files here, of which a process that dies leaves nothing behind.

    Parameters
    ----------
    new_strategy : {"file_descriptor", "file_system"}

    Raises
    ------
    ArgumentValueError
        It is neither.

    Examples
    --------
    >>> import rustorch.multiprocessing as mp
    >>> mp.set_sharing_strategy("file_system")
    >>> mp.get_sharing_strategy()
    'file_system'
    >>> mp.set_sharing_strategy("file_descriptor")
    """
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise ArgumentValueError(f"set_sharing_strategy: file_descriptor or file_system is expected, not {new_strategy!r}")
    _strategy = new_strategy

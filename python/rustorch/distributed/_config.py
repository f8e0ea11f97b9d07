"""How a job is described, and short names for common questions."""

from __future__ import annotations

from typing import Any, Optional
from rustorch._C import ArgumentValueError


class Backend(str):
    """The name of a backend: a string, with PyTorch's constants.

    >>> from rustorch.distributed import Backend
    >>> Backend("MPI")
    'mpi'
    """

    UNDEFINED = "undefined"
    MPI = "mpi"
    GLOO = "gloo"
    NCCL = "nccl"
    SOLO = "solo"

    def __new__(cls, name: str) -> "Backend":
        return super().__new__(cls, name.lower())


class DistributedConfig:
    """Describes a job; :func:`init_process_group` acts on it.

    Parameters
    ----------
    backend : str, default "nccl"
    world_size : int, default 1
    rank : int, default 0
    master_addr : str, default "localhost"
    master_port : int, default 29500
        Kept for scripts that ask for them: ranks find each other through MPI.
    timeout : timedelta or float, optional
        Seconds until a collective that some rank has not joined is an error.

    Example
    -------
    >>> from rustorch.distributed import DistributedConfig
    >>> DistributedConfig(backend="mpi", world_size=4, rank=0).world_size()
    4
    """

    def __init__(
        self,
        backend: str = "nccl",
        world_size: int = 1,
        rank: int = 0,
        master_addr: str = "localhost",
        master_port: int = 29500,
        timeout: Any = None,
    ) -> None:
        if world_size < 1:
            raise ArgumentValueError(f"DistributedConfig: world_size must be at least 1, not {world_size}")
        if not 0 <= rank < world_size:
            raise ArgumentValueError(f"DistributedConfig: rank must be from 0 to {world_size - 1}, not {rank}")
        self._backend = str(backend)
        self._world_size = int(world_size)
        self._rank = int(rank)
        self._master_addr = str(master_addr)
        self._master_port = int(master_port)
        self._timeout = timeout

    def backend(self) -> str:
        """The name of the backend."""
        return self._backend

    def world_size(self) -> int:
        """The number of ranks."""
        return self._world_size

    def rank(self) -> int:
        """The rank of this process."""
        return self._rank

    def master_addr(self) -> str:
        """The address as it was given."""
        return self._master_addr

    def master_port(self) -> int:
        """The port as it was given."""
        return self._master_port

    def timeout(self) -> Any:
        """The timeout as it was given, or None."""
        return self._timeout

    def __repr__(self) -> str:
        return f"DistributedConfig(backend={self._backend!r}, world_size={self._world_size}, rank={self._rank})"


def init_distributed(
    backend: Optional[str] = None, init_method: Optional[str] = "env://", world_size: int = -1, rank: int = -1
) -> None:
    """The same as :func:`init_process_group`.

    >>> from rustorch import distributed as dist
    >>> dist.init_distributed()
    >>> dist.get_world_size()
    1
    >>> dist.cleanup_distributed()
    """
    from rustorch.distributed._groups import init_process_group

    init_process_group(backend, init_method, world_size=world_size, rank=rank)


def is_distributed_available() -> bool:
    """True: process groups are always there, if only of one rank.

    >>> rustorch.distributed.is_distributed_available()
    True
    """
    return True


def is_master() -> bool:
    """Is this rank 0?

    >>> rustorch.distributed.is_master()
    True
    """
    from rustorch.distributed._groups import get_rank

    return get_rank() == 0


def cleanup_distributed() -> None:
    """Forget the default group, if there is one.

    >>> rustorch.distributed.cleanup_distributed()
    """
    from rustorch.distributed._groups import destroy_process_group, is_initialized

    if is_initialized():
        destroy_process_group()

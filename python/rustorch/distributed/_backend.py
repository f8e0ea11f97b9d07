"""The collectives as methods of an object, in the spelling of the API reference."""

from __future__ import annotations

from typing import Any, List, Optional

import rustorch
from rustorch import Tensor
from rustorch.distributed import _collectives, _groups
from rustorch.distributed._config import DistributedConfig


class DistributedBackend:
    """The default process group as an object.

    Parameters
    ----------
    type : str, optional
        The backend that :meth:`init_process_group` asks for: "mpi", "nccl", or None for the one that fits.

    Examples
    --------
    >>> from rustorch.distributed import DistributedBackend, DistributedConfig
    >>> backend = DistributedBackend("mpi")
    >>> backend.init_process_group(DistributedConfig(backend="mpi"))
    >>> backend.all_reduce(rustorch.ones(2))
    tensor([1., 1.])
    >>> backend.destroy_process_group()
    """

    def __init__(self, type: Optional[str] = None) -> None:
        self.type = type

    def init_process_group(self, config: Optional[DistributedConfig] = None) -> None:
        """Join the group that a description names; without one, that of the launcher."""
        _groups.init_process_group(self.type if config is None else config)

    def destroy_process_group(self) -> None:
        """Leave the group."""
        _groups.destroy_process_group()

    def is_initialized(self) -> bool:
        """Whether there is a group."""
        return _groups.is_initialized()

    def _check(self) -> None:
        if not self.is_initialized():
            raise rustorch.DistributedError("Backend not initialized: call init_process_group first")

    def barrier(self) -> None:
        """Wait for all ranks."""
        self._check()
        _collectives.barrier()

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks, written into the tensor, which is returned."""
        self._check()
        _collectives.all_reduce(tensor)
        return tensor

    def all_gather(self, tensor: Tensor) -> List[Tensor]:
        """The tensors of all ranks."""
        self._check()
        parts: List[Any] = [rustorch.empty_like(tensor) for _ in range(_groups.get_world_size())]
        _collectives.all_gather(parts, tensor)
        return parts

    def broadcast(self, tensor: Tensor, src: int = 0) -> Tensor:
        """The tensor of one rank, written into that of each, which is returned."""
        self._check()
        _collectives.broadcast(tensor, src)
        return tensor

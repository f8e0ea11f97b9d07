"""The process group as training sees it: who we are, whose rows are ours, sums over all ranks."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Iterator, List, Optional, Tuple

from rustorch import Tensor, _C, serialization

__all__ = ["size", "rank", "part", "rows"]

_state: List[Optional[Tuple[int, int]]] = [None]


def _module() -> Any:
    """:mod:`rustorch.distributed` where there are other ranks; None in a lone process."""
    module = sys.modules.get("rustorch.distributed")
    if module is None or not module.is_initialized():
        if not _C._comm_expects_peers():
            return None
        from rustorch import distributed as module  # this process was started as a rank

        if not module.is_initialized():
            module.init_process_group()
    return module if module.get_world_size() > 1 else None


def size() -> int:
    """The number of ranks; 1 in a lone process."""
    module = _module()
    return 1 if module is None else module.get_world_size()


def rank() -> int:
    """The number of this rank; 0 in a lone process."""
    module = _module()
    return 0 if module is None else module.get_rank()


def rows(n: int) -> Tuple[int, int]:
    """Which of n rows are this rank's: from, to. All ranks' parts differ by one row at most."""
    count, mine = size(), rank()
    return n * mine // count, n * (mine + 1) // count


def part() -> Optional[Tuple[int, int]]:
    """While a batch is shared among ranks: its number of rows, and where this rank's begin."""
    return _state[0]


@contextlib.contextmanager
def sharing(n: Optional[int]) -> Iterator[None]:
    """Within the block this rank works on its part of a batch of n rows; None for a batch that is not shared."""
    before = _state[0]
    _state[0] = None if n is None or size() == 1 else (n, rows(n)[0])
    try:
        yield
    finally:
        _state[0] = before


@contextlib.contextmanager
def repeated(times: int) -> Iterator[None]:
    """Within the block each row of a shared batch is so many rows, one after the other."""
    before = _state[0]
    _state[0] = None if before is None else (before[0] * times, before[1] * times)
    try:
        yield
    finally:
        _state[0] = before


def sums(tensor: Tensor) -> Tensor:
    """The tensor added up over all ranks, in place."""
    module = _module()
    if module is not None:
        module.all_reduce(tensor)
    return tensor


def from_first(value: Any) -> Any:
    """Rank 0's value on every rank: anything that :func:`rustorch.save` takes."""
    module = _module()
    if module is None:
        return value
    holder = [serialization.to_plain(value, "rank 0's value") if module.get_rank() == 0 else None]
    module.broadcast_object_list(holder, src=0)
    return serialization.from_plain(holder[0])


def gathered(parts: Tensor) -> List[Tensor]:
    """Every rank's tensor, in order of rank; their first dimensions may differ."""
    module = _module()
    if module is None:
        return [parts]
    import rustorch

    counts = rustorch.zeros(module.get_world_size(), dtype=rustorch.int64)
    counts[module.get_rank()] = parts.shape[0]
    module.all_reduce(counts)
    most = int(counts.max())
    padded = parts.new_zeros((most, *parts.shape[1:]))
    padded[: parts.shape[0]] = parts
    every = [rustorch.empty_like(padded) for _ in range(module.get_world_size())]
    module.all_gather(every, padded.contiguous())
    return [one[: int(n)] for one, n in zip(every, counts.tolist())]


def barrier() -> None:
    """Wait for all ranks."""
    module = _module()
    if module is not None:
        module.barrier()

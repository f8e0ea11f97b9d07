"""Collectives on tensors. Ranks given to functions (src, dst) are ranks of the job, as in PyTorch."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Any, Callable, List, Optional, Sequence, Union

import rustorch
from rustorch import DistributedError, Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.distributed._groups import (
    _NON_MEMBER,
    ProcessGroup,
    _group,
    get_global_rank,
    get_group_rank,
)


class ReduceOp(Enum):
    """How values of several ranks become one: SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR.

    AVG divides by the number of ranks and takes floating dtypes; the bit operations take integers and bool. Sums are
    formed in the order of the ranks, so every rank gets the same bits.

    >>> from rustorch import distributed as dist
    >>> dist.ReduceOp.SUM == dist.ReduceOp.SUM
    True
    """

    SUM = "sum"
    AVG = "avg"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    BAND = "band"
    BOR = "bor"
    BXOR = "bxor"


class Work:
    """A collective under way (``async_op=True``). Its tensors must be left alone until :meth:`wait` returns.

    >>> from rustorch import distributed as dist
    >>> work = dist.all_reduce(rustorch.ones(1), async_op=True)
    >>> done = work.wait()
    """

    def __init__(self, handle: Any, group: ProcessGroup) -> None:
        self._handle = handle
        self._group = group
        self._error: Optional[BaseException] = None

    def wait(self, timeout: Union[None, float, timedelta] = None) -> bool:
        """Wait until it is over; True. Raises its error, or DistributedError after ``timeout`` seconds."""
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        try:
            if not self._handle.wait(-1.0 if seconds is None else float(seconds)):
                raise DistributedError(f"wait: the collective is not over after {seconds} s")
        except Exception as error:
            self._error = error
            raise
        return True

    def is_completed(self) -> bool:
        """Is it over, well or not?"""
        return self._handle.is_completed()

    def exception(self) -> Optional[BaseException]:
        """The error it ended with, or None; None also while it is under way."""
        if self._error is None and self.is_completed():
            try:
                self._handle.wait(0.0)
            except Exception as error:
                self._error = error
        return self._error

    def is_success(self) -> bool:
        """Is it over and well?"""
        return self.is_completed() and self.exception() is None

    def source_rank(self) -> int:
        """Of a finished :func:`irecv`: the rank that sent."""
        return get_global_rank(self._group, self._handle.source())


def _member(group: Any) -> Optional[ProcessGroup]:
    """None where this process is not in the group: there is nothing to do then."""
    if group is _NON_MEMBER:
        return None
    found = _group(group)
    return found if found.rank() >= 0 else None


def _op(op: Any) -> str:
    if isinstance(op, ReduceOp):
        return op.value
    if isinstance(op, str) and op.upper() in ReduceOp.__members__:
        return op.lower()
    raise ArgumentTypeError(f"op must be a ReduceOp, not {op!r}")


def _run(group: Any, async_op: bool, start: Callable[[ProcessGroup], Any]) -> Optional[Work]:
    """A collective of a group, to its end unless ``async_op``; None where this process is not in the group."""
    found = _member(group)
    if found is None:
        return None
    handle = start(found)
    if async_op:
        return Work(handle, found)
    handle.wait()
    return None


def _root(group: ProcessGroup, rank: Optional[int], group_rank: Optional[int], name: str, default: Optional[int] = None) -> int:
    """The rank in the group of src or dst; where neither is given, the default, which is a rank of the group."""
    if group_rank is not None:
        if rank is not None:
            raise ArgumentValueError(f"give {name} or group_{name}, not both")
        return group_rank
    if rank is None and default is not None:
        return default
    if rank is None:
        raise ArgumentValueError(f"{name} is missing: give the rank of the job, or group_{name}, that of the group")
    return get_group_rank(group, rank)


def _blocks(tensor: Tensor, like: Tensor, n: int, what: str) -> List[Tensor]:
    """The n parts of a tensor that is n tensors of one shape, side by side or stacked. Views: nothing is copied."""
    if tensor.numel() != n * like.numel():
        raise rustorch.ShapeError(
            f"{what}: a tensor of shape {tuple(tensor.shape)} cannot hold {n} blocks of shape {tuple(like.shape)}, one a rank"
        )
    with rustorch.no_grad():
        if tensor.dim() == like.dim() + 1 and tensor.shape[0] == n:
            return [tensor[i] for i in range(n)]
        if tensor.dim() >= 1 and tensor.shape[0] % n == 0:
            rows = tensor.shape[0] // n
            return [tensor.narrow(0, i * rows, rows) for i in range(n)]
        flat = tensor.view(-1)
        size = like.numel()
        return [flat.narrow(0, i * size, size) for i in range(n)]


def barrier(group: Optional[ProcessGroup] = None, async_op: bool = False, device_ids: Optional[List[int]] = None) -> Optional[Work]:
    """Wait until all ranks of the group have come here.

    ``device_ids`` says where a GPU group synchronises; a CPU group has no use for it.

    >>> from rustorch import distributed as dist
    >>> dist.barrier()
    """
    if device_ids is not None and not isinstance(device_ids, (list, tuple)):
        raise ArgumentTypeError("barrier: device_ids must be a list of integers")
    return _run(group, async_op, lambda g: g._handle.barrier())


def broadcast(
    tensor: Tensor,
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
    group_src: Optional[int] = None,
) -> Optional[Work]:
    """Give the tensor of rank ``src`` to all ranks, in place.

    >>> from rustorch import distributed as dist
    >>> x = rustorch.ones(2)
    >>> dist.broadcast(x, src=0)
    >>> x
    tensor([1., 1.])
    """
    return _run(group, async_op, lambda g: g._handle.broadcast(tensor, _root(g, src, group_src, "src")))


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Optional[ProcessGroup] = None, async_op: bool = False
) -> Optional[Work]:
    """Combine the tensors of all ranks, in place: every rank ends with the same bits.

    Example
    -------
    >>> import rustorch, rustorch.distributed as dist
    >>> x = rustorch.ones(2)
    >>> dist.all_reduce(x)  # alone: nothing to add
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    return _run(group, async_op, lambda g: g._handle.all_reduce(tensor, _op(op)))


def reduce(
    tensor: Tensor,
    dst: Optional[int] = None,
    op: ReduceOp = ReduceOp.SUM,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
    group_dst: Optional[int] = None,
) -> Optional[Work]:
    """As :func:`all_reduce`, but only rank ``dst`` gets the result; the others' tensors stay as they are.

    >>> from rustorch import distributed as dist
    >>> x = rustorch.ones(2)
    >>> dist.reduce(x, dst=0)
    >>> x
    tensor([1., 1.])
    """
    return _run(group, async_op, lambda g: g._handle.reduce(tensor, _root(g, dst, group_dst, "dst"), _op(op)))


def all_gather(
    tensor_list: Sequence[Tensor], tensor: Tensor, group: Optional[ProcessGroup] = None, async_op: bool = False
) -> Optional[Work]:
    """Put the tensors of all ranks into ``tensor_list``, one a rank.

    >>> from rustorch import distributed as dist
    >>> parts = [rustorch.empty(2) for _ in range(dist.get_world_size())]
    >>> dist.all_gather(parts, rustorch.ones(2))
    >>> parts
    [tensor([1., 1.])]
    """
    return _run(group, async_op, lambda g: g._handle.all_gather(tensor_list, tensor))


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Optional[ProcessGroup] = None, async_op: bool = False
) -> Optional[Work]:
    """Put the tensors of all ranks side by side (along dimension 0) or stacked into one tensor.

    >>> from rustorch import distributed as dist
    >>> out = rustorch.empty(2)
    >>> dist.all_gather_into_tensor(out, rustorch.ones(2))
    >>> out
    tensor([1., 1.])
    """

    def start(g: ProcessGroup) -> Any:
        return g._handle.all_gather(_blocks(output_tensor, input_tensor, g.size(), "all_gather_into_tensor"), input_tensor)

    return _run(group, async_op, start)


def gather(
    tensor: Tensor,
    gather_list: Optional[Sequence[Tensor]] = None,
    dst: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
    group_dst: Optional[int] = None,
) -> Optional[Work]:
    """Put the tensors of all ranks into ``gather_list`` of rank ``dst`` (default 0); the others give no list.

    >>> from rustorch import distributed as dist
    >>> parts = [rustorch.empty(2)]
    >>> dist.gather(rustorch.ones(2), parts, dst=0)
    >>> parts
    [tensor([1., 1.])]
    """
    return _run(group, async_op, lambda g: g._handle.gather(gather_list or None, tensor, _root(g, dst, group_dst, "dst", 0)))


def scatter(
    tensor: Tensor,
    scatter_list: Optional[Sequence[Tensor]] = None,
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
    group_src: Optional[int] = None,
) -> Optional[Work]:
    """Give each rank its tensor of ``scatter_list`` of rank ``src`` (default 0); the others give no list.

    >>> from rustorch import distributed as dist
    >>> out = rustorch.empty(2)
    >>> dist.scatter(out, [rustorch.ones(2)], src=0)
    >>> out
    tensor([1., 1.])
    """
    return _run(group, async_op, lambda g: g._handle.scatter(tensor, scatter_list or None, _root(g, src, group_src, "src", 0)))


def reduce_scatter(
    output: Tensor,
    input_list: Sequence[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
) -> Optional[Work]:
    """Combine the lists of all ranks place by place; rank r gets place r.

    >>> from rustorch import distributed as dist
    >>> out = rustorch.empty(2)
    >>> dist.reduce_scatter(out, [rustorch.ones(2)])
    >>> out
    tensor([1., 1.])
    """
    return _run(group, async_op, lambda g: g._handle.reduce_scatter(output, input_list, _op(op)))


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
) -> Optional[Work]:
    """As :func:`reduce_scatter`, with the list as one tensor, its parts side by side (dimension 0) or stacked.

    >>> from rustorch import distributed as dist
    >>> out = rustorch.empty(2)
    >>> dist.reduce_scatter_tensor(out, rustorch.ones(2))
    >>> out
    tensor([1., 1.])
    """

    def start(g: ProcessGroup) -> Any:
        return g._handle.reduce_scatter(output, _blocks(input, output, g.size(), "reduce_scatter_tensor"), _op(op))

    return _run(group, async_op, start)


def all_to_all(
    output_tensor_list: Sequence[Tensor],
    input_tensor_list: Sequence[Tensor],
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
) -> Optional[Work]:
    """Send tensor i of the input list to rank i, and get its tensor for this rank. Sizes may differ from pair to pair.

    >>> from rustorch import distributed as dist
    >>> out = [rustorch.empty(2)]
    >>> dist.all_to_all(out, [rustorch.ones(2)])
    >>> out
    [tensor([1., 1.])]
    """
    return _run(group, async_op, lambda g: g._handle.all_to_all(output_tensor_list, input_tensor_list))


def _splits(tensor: Tensor, sizes: Optional[Sequence[int]], n: int, what: str) -> List[Tensor]:
    if not sizes:
        if tensor.shape[0] % n:
            raise rustorch.ShapeError(f"all_to_all_single: the {what} has {tensor.shape[0]} rows, which {n} ranks cannot share evenly")
        sizes = [tensor.shape[0] // n] * n
    if len(sizes) != n or sum(sizes) != tensor.shape[0]:
        raise rustorch.ShapeError(
            f"all_to_all_single: {what}_split_sizes {list(sizes)} must be {n} numbers that sum to the {tensor.shape[0]} rows of the {what}"
        )
    parts, at = [], 0
    with rustorch.no_grad():
        for size in sizes:
            parts.append(tensor.narrow(0, at, size))
            at += size
    return parts


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Optional[Sequence[int]] = None,
    input_split_sizes: Optional[Sequence[int]] = None,
    group: Optional[ProcessGroup] = None,
    async_op: bool = False,
) -> Optional[Work]:
    """As :func:`all_to_all`, with the lists as one tensor each, cut along dimension 0 (evenly, unless sizes are given).

    >>> from rustorch import distributed as dist
    >>> out = rustorch.empty(2)
    >>> dist.all_to_all_single(out, rustorch.ones(2))
    >>> out
    tensor([1., 1.])
    """

    def start(g: ProcessGroup) -> Any:
        outputs = _splits(output, output_split_sizes, g.size(), "output")
        return g._handle.all_to_all(outputs, _splits(input, input_split_sizes, g.size(), "input"))

    return _run(group, async_op, start)


# ---------------------------------------------------------------------------------------------- from one to another


def isend(
    tensor: Tensor,
    dst: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    tag: int = 0,
    group_dst: Optional[int] = None,
) -> Optional[Work]:
    """Begin to send a tensor to rank ``dst``, which calls :func:`recv` with the same tag.

    Parameters
    ----------
    tensor : Tensor
        To be left alone until the work is over.
    dst, group_dst : int
        The rank in the job, or instead the rank in the group: another one than this.
    group : ProcessGroup, optional
    tag : int, default 0
        From 0 to 32767.

    Returns
    -------
    Work
        Or None where this process is no member of the group.

    >>> from rustorch import distributed as dist
    >>> rank, size = dist.get_rank(), dist.get_world_size()
    >>> works = [dist.isend(rustorch.ones(2), other) for other in range(size) if other != rank]
    >>> [work.wait() for work in works]  # True for each other rank
    []
    """
    found = _member(group)
    if found is None:
        return None
    return Work(found._handle.send(tensor, _root(found, dst, group_dst, "dst"), tag), found)


def irecv(
    tensor: Tensor,
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    tag: int = 0,
    group_src: Optional[int] = None,
) -> Optional[Work]:
    """Begin to receive a tensor from rank ``src``, or from the first that sends one.

    Parameters
    ----------
    tensor : Tensor
        Where it is written; of the shape and dtype that are sent.
    src, group_src : int, optional
        The rank in the job, or instead the rank in the group.
    group, tag
        As for :func:`isend`.

    Returns
    -------
    Work
        Or None where this process is no member of the group.

    >>> from rustorch import distributed as dist
    >>> rank, size = dist.get_rank(), dist.get_world_size()
    >>> parts = {other: rustorch.empty(2) for other in range(size) if other != rank}
    >>> works = [dist.irecv(part, other) for other, part in parts.items()]
    >>> [work.wait() for work in works]  # True for each other rank
    []
    """
    found = _member(group)
    if found is None:
        return None
    peer = _root(found, src, group_src, "src", -1)
    return Work(found._handle.recv(tensor, peer, tag), found)


def send(
    tensor: Tensor,
    dst: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    tag: int = 0,
    group_dst: Optional[int] = None,
) -> None:
    """Send a tensor to rank ``dst`` and wait until it may be changed again. Parameters: see :func:`isend`.

    >>> from rustorch import distributed as dist
    >>> rank, size = dist.get_rank(), dist.get_world_size()
    >>> if rank + 1 < size:
    ...     dist.send(rustorch.ones(2), dst=rank + 1)
    """
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor,
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    tag: int = 0,
    group_src: Optional[int] = None,
) -> int:
    """Receive a tensor from rank ``src``, or from the first that sends one. Parameters: see :func:`irecv`.

    Returns
    -------
    int
        The rank in the job that sent; -1 where this process is no member of the group.

    >>> from rustorch import distributed as dist
    >>> rank, total = dist.get_rank(), rustorch.ones(2)
    >>> if rank > 0:  # from the rank before: see :func:`send`
    ...     source = dist.recv(total, src=rank - 1)
    >>> total
    tensor([1., 1.])
    """
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    return work.source_rank()


class P2POp:
    """One send or receive for :func:`batch_isend_irecv`.

    Parameters
    ----------
    op : function
        :func:`isend` or :func:`irecv`.
    tensor : Tensor
    peer, group_peer : int
        The other rank: in the job, or instead in the group.
    group, tag
        As for :func:`isend`.

    Raises
    ------
    ArgumentValueError
        ``op`` is another function.

    >>> from rustorch import distributed as dist
    >>> op = dist.P2POp(dist.isend, rustorch.ones(2), peer=1)
    >>> op.op is dist.isend, op.peer
    (True, 1)
    """

    def __init__(
        self,
        op: Callable[..., Any],
        tensor: Tensor,
        peer: Optional[int] = None,
        group: Optional[ProcessGroup] = None,
        tag: int = 0,
        group_peer: Optional[int] = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ArgumentValueError("P2POp: op must be isend or irecv of rustorch.distributed")
        self.op = op
        self.tensor = tensor
        self.peer = peer
        self.group = group
        self.tag = tag
        self.group_peer = group_peer

    def _start(self) -> Optional[Work]:
        return self.op(self.tensor, self.peer, self.group, self.tag, self.group_peer)


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> List[Work]:
    """Start several sends and receives; their order does not matter. Returns their works.

    Raises
    ------
    ArgumentValueError
        The list is empty or holds something else.

    >>> from rustorch import distributed as dist
    >>> rank, size = dist.get_rank(), dist.get_world_size()
    >>> mine, theirs = rustorch.full((2,), float(rank)), rustorch.zeros(2)
    >>> if size > 1:  # around a ring
    ...     ops = [dist.P2POp(dist.isend, mine, (rank + 1) % size), dist.P2POp(dist.irecv, theirs, (rank - 1) % size)]
    ...     for work in dist.batch_isend_irecv(ops):
    ...         _ = work.wait()
    >>> theirs
    tensor([0., 0.])
    """
    if not p2p_op_list or not all(isinstance(each, P2POp) for each in p2p_op_list):
        raise ArgumentValueError("batch_isend_irecv: a list of P2POp is expected, with at least one")
    works = [each._start() for each in p2p_op_list]
    return [work for work in works if work is not None]

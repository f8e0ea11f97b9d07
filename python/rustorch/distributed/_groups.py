"""Process groups: how the default one comes and goes, and groups of some of the ranks."""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.util
import os
import sys
from datetime import timedelta
from typing import Any, List, Optional, Sequence, Tuple, Union

from rustorch import DeviceError, DistributedError, UnsupportedError, _C
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.distributed import _rendezvous
from rustorch.distributed._config import Backend, DistributedConfig

Timeout = Union[None, int, float, timedelta]


class ProcessGroup:
    """Ranks that communicate with each other. Made by :func:`init_process_group` and :func:`new_group`.

    >>> from rustorch import distributed as dist
    >>> group = dist.new_group([0], group_desc="readers")
    >>> group
    <ProcessGroup readers: rank 0 of 1, ranks [0]>
    >>> group.rank(), group.size()
    (0, 1)
    """

    def __init__(self, handle: Any, name: str) -> None:
        self._handle = handle
        self.group_name = name
        self._ranks = handle.ranks()

    def rank(self) -> int:
        """The rank of this process in the group; -1 if it is not a member."""
        return self._handle.rank()

    def size(self) -> int:
        """The number of ranks."""
        return self._handle.size()

    def name(self) -> str:
        """The backend's name, as in PyTorch."""
        return get_backend()

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name}: rank {self.rank()} of {self.size()}, ranks {self._ranks}>"


class _GroupMemberMeta(type):
    @property
    def WORLD(cls) -> Optional[ProcessGroup]:
        """The default group, or None while there is none."""
        return _state.world

    @property
    def NON_GROUP_MEMBER(cls) -> object:
        """What :func:`new_group` returns on ranks that are not in the new group."""
        return _NON_MEMBER


class _NonMember:
    def __repr__(self) -> str:
        return "GroupMember.NON_GROUP_MEMBER"


_NON_MEMBER = _NonMember()


class GroupMember(metaclass=_GroupMemberMeta):
    """``GroupMember.WORLD``: the default group. ``GroupMember.NON_GROUP_MEMBER``: no member of the new group.

    >>> from rustorch import distributed as dist
    >>> dist.init_process_group()
    >>> evens = dist.new_group([rank for rank in range(dist.get_world_size()) if rank % 2 == 0])
    >>> evens is dist.GroupMember.NON_GROUP_MEMBER  # on odd ranks
    False
    >>> dist.destroy_process_group()
    """


class group(metaclass=_GroupMemberMeta):
    """``group.WORLD``: the default group, or None while there is none.

    >>> from rustorch import distributed as dist
    >>> dist.init_process_group()
    >>> dist.all_reduce(rustorch.ones(2), group=dist.group.WORLD)
    >>> dist.destroy_process_group()
    """


class _State:
    world: Optional[ProcessGroup] = None
    groups: int = 0
    failed: bool = False
    watching: bool = False
    config: Optional[DistributedConfig] = None


_state = _State()


# ---------------------------------------------------------------------------------------------- the end of a process


def _watch_end() -> None:
    """Sees to it that a process that ends well says goodbye to the other ranks, and one that fails waits for nobody."""
    if _state.watching:
        return
    _state.watching = True
    if multiprocessing.parent_process() is not None:  # a forked child leaves without the exit handlers, but with this
        multiprocessing.util.Finalize(None, _leave, exitpriority=100)
        return
    atexit.register(_leave)
    if os.environ.get("RUSTORCH_RANK"):
        return  # our worker tells by RUSTORCH_FAILED
    before = sys.excepthook

    def note_failure(kind: Any, error: Any, trace: Any) -> None:
        _state.failed = True
        before(kind, error, trace)

    sys.excepthook = note_failure


def _leave() -> None:
    for stream in (sys.stdout, sys.stderr):  # mpirun may drop what a rank writes after it has left MPI
        if stream is not None and not stream.closed:
            stream.flush()
    error = sys.exc_info()[1]  # what ends a child of multiprocessing
    clean = error is None or isinstance(error, SystemExit) and error.code in (None, 0)
    if not clean or _state.failed or os.environ.get("RUSTORCH_FAILED"):
        _C._comm_abandon()
    else:
        _C._comm_leave()


# ---------------------------------------------------------------------------------------------- the default group


def _seconds(timeout: Timeout, what: str) -> float:
    """0 where no timeout is given."""
    if timeout is None:
        return 0.0
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ArgumentTypeError(f"{what}: timeout must be a timedelta or a number of seconds, not {type(timeout).__name__}")
    if not seconds > 0:
        raise ArgumentValueError(f"{what}: timeout must be more than 0 seconds, not {seconds}")
    return float(seconds)


def _resolve_backend(backend: Optional[str]) -> Optional[str]:
    """Our backend for one of PyTorch's names; None: mpi where there are other ranks, else solo."""
    if backend is None:
        return None
    if not isinstance(backend, str):
        raise ArgumentTypeError(f"init_process_group: backend must be a string, not {type(backend).__name__}")
    name = backend.lower()
    if ":" in name:  # "cpu:gloo,cuda:nccl": one for each kind of device
        kinds = dict(part.split(":", 1) for part in name.split(",") if ":" in part)
        if "cpu" not in kinds:
            raise DeviceError(f"init_process_group: backend '{backend}' names no backend for the CPU, and there is no GPU here")
        name = kinds["cpu"]
    if name == "nccl":
        raise DeviceError(
            "init_process_group: the nccl backend moves data between GPUs, and this build of rustorch has no GPU backend; use "
            "backend='mpi' (or leave it out)"
        )
    if name == "solo":
        return "solo"
    if name in ("mpi", "gloo"):
        return None
    raise ArgumentValueError(f"init_process_group: there is no backend '{backend}'; there are mpi (also called gloo) and solo")


def _join(init_method: Optional[str], world_size: int, rank: int, seconds: float) -> Optional[str]:
    """"tcp" once this process has met the other ranks of a job that no launcher started; None: there is no such job."""
    if _C._comm_expects_peers():
        if multiprocessing.parent_process() is not None:
            raise DistributedError(
                "init_process_group: this process was started by a rank of rustorch-launch or mpirun, whose group it cannot join; start the "
                "script as `python script.py` if it starts its own ranks, or let rustorch-launch -n N start them"
            )
        return None
    wanted = _rendezvous.find(init_method, world_size, rank)
    if wanted is None:
        return None
    joined = _C._comm_joined()
    if joined[1] == 0:
        seconds = seconds or float(os.environ.get("RUSTORCH_COMM_TIMEOUT") or 1800)
        fds, hosts = _rendezvous.meet(wanted, seconds)
        _C._comm_join(wanted.rank, wanted.size, fds, hosts)
    elif joined != (wanted.rank, wanted.size):
        raise DistributedError(
            f"init_process_group: this process is rank {joined[0]} of {joined[1]}, and cannot become rank {wanted.rank} of {wanted.size}"
        )
    return "tcp"


def _check_place(rank: int, world_size: int) -> None:
    real_rank, real_size = _state.world.rank(), _state.world.size()
    if world_size not in (-1, None) and world_size != real_size:
        raise DistributedError(f"init_process_group: world_size={world_size}, but {real_size} ranks were started")
    if rank not in (-1, None) and rank != real_rank:
        raise DistributedError(
            f"init_process_group: rank={rank}, but this process was started as rank {real_rank}; leave rank out, or pass get_rank()"
        )


def _open(backend: Optional[str], seconds: float, name: str = "default") -> None:
    _C._comm_open(backend, seconds)
    _state.world = ProcessGroup(_C._comm_world(), name)
    _state.groups = 1
    if _C._comm_backend() != "solo":
        _watch_end()


def init_process_group(
    backend: Union[None, str, DistributedConfig] = None,
    init_method: Optional[str] = None,
    timeout: Timeout = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the default process group of all ranks. Every rank calls it.

    Rank and size are known from the way in which the process was started: by ``rustorch-launch``, ``mpirun`` or
    ``srun --mpi=pmix`` as one of several. Processes that a script started itself, or torchrun, name them, and rank 0's address:
    by arguments, or by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment. Otherwise the process is alone.

    Parameters
    ----------
    backend : str or DistributedConfig, optional
        ``"mpi"`` (``"gloo"`` means the same), ``"solo"``, or None: whichever fits. ``"nccl"`` needs a GPU.
    init_method : str, optional
        ``"env://"`` (the default) or ``"tcp://HOST:PORT"``: where rank 0 waits for the others. Ranks of a launcher need none.
    timeout : timedelta or float, optional
        Seconds until a collective that some rank has not joined is an error; default ``RUSTORCH_COMM_TIMEOUT`` (1800).
    world_size, rank : int, optional
        Needed with ``tcp://``; ranks of a launcher know them, and they must be what they are.
    store, pg_options
        Not supported: must be None.
    group_name : str, optional
        A name for messages.
    device_id : device, optional
        Only the CPU.

    Raises
    ------
    DistributedError
        The other ranks cannot be found, or size or rank are not as said.
    DeviceError
        The backend needs a device that is not here.
    ValueError
        The group is there already; an argument that makes no sense.

    Example
    -------
    >>> import rustorch.distributed as dist
    >>> dist.init_process_group()
    >>> dist.get_rank(), dist.get_world_size()
    (0, 1)
    >>> dist.destroy_process_group()
    """
    if isinstance(backend, DistributedConfig):
        config, backend = backend, backend.backend()
        world_size = config.world_size() if world_size == -1 else world_size
        rank = config.rank() if rank == -1 else rank
        timeout = config.timeout() if timeout is None else timeout
    if store is not None or pg_options is not None:
        raise UnsupportedError("init_process_group: store and pg_options are not supported; ranks meet through MPI")
    if device_id is not None and str(device_id).split(":")[0] != "cpu":
        raise DeviceError(f"init_process_group: device_id is {device_id}, and there is no GPU here")
    if _state.world is not None:
        raise ArgumentValueError("init_process_group: the default process group is already there; destroy_process_group() first")
    _rendezvous.check_method(init_method)
    seconds = _seconds(timeout, "init_process_group")
    name = _resolve_backend(backend) or _join(init_method, world_size, rank, seconds)
    try:
        _open(name, seconds, group_name or "default")
        _check_place(rank, world_size)
    except BaseException:
        _forget()
        raise


def _forget() -> None:
    _state.world = None
    _state.groups = 0
    _C._comm_close()


def _default() -> ProcessGroup:
    """The default group; brought up at its first use."""
    if _state.world is None:
        _open(None, 0.0)
    return _state.world


def destroy_process_group(group: Optional[ProcessGroup] = None) -> None:
    """Forget a group (default: the default one, and with it all). Works under way are waited for.

    >>> from rustorch import distributed as dist
    >>> dist.init_process_group()
    >>> dist.destroy_process_group()
    >>> dist.is_initialized()
    False
    """
    if group is None or group is _state.world:
        if _state.world is None:
            raise ArgumentValueError("destroy_process_group: there is no default process group")
        _forget()
    elif not isinstance(group, ProcessGroup) and group is not _NON_MEMBER:
        raise ArgumentTypeError(f"destroy_process_group: a ProcessGroup is expected, not {type(group).__name__}")


def is_available() -> bool:
    """True: process groups are always there, if only of one rank.

    >>> rustorch.distributed.is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """Is the default process group there?

    >>> from rustorch import distributed as dist
    >>> dist.is_initialized()
    False
    """
    return _C._comm_is_open()


def is_mpi_available() -> bool:
    """Is there the plug-in for MPI?

    >>> isinstance(rustorch.distributed.is_mpi_available(), bool)
    True
    """
    return _C._comm_has_mpi()


def is_gloo_available() -> bool:
    """True: ranks can be joined over sockets, and ``"gloo"`` also names what a launcher uses.

    >>> rustorch.distributed.is_gloo_available()
    True
    """
    return True


def is_nccl_available() -> bool:
    """False: there is no GPU backend in this build.

    >>> rustorch.distributed.is_nccl_available()
    False
    """
    return False


def is_torchelastic_launched() -> bool:
    """Whether torchrun started this process.

    >>> rustorch.distributed.is_torchelastic_launched()
    False
    """
    return "TORCHELASTIC_RUN_ID" in os.environ


def _group(group: Any) -> ProcessGroup:
    if group is None:
        return _default()
    if not isinstance(group, ProcessGroup):
        raise ArgumentTypeError(f"group must be a ProcessGroup or None, not {type(group).__name__}")
    return group


def get_rank(group: Optional[ProcessGroup] = None) -> int:
    """The rank of this process in the group; -1 if it is not a member.

    >>> rustorch.distributed.get_rank()
    0
    """
    if group is None and _state.world is None and os.environ.get("RUSTORCH_RANK"):
        return int(os.environ["RUSTORCH_RANK"])  # known without starting MPI
    return -1 if group is _NON_MEMBER else _group(group).rank()


def get_world_size(group: Optional[ProcessGroup] = None) -> int:
    """The number of ranks in the group; -1 if this process is not a member.

    >>> rustorch.distributed.get_world_size()
    1
    """
    if group is None and _state.world is None and os.environ.get("RUSTORCH_WORLD_SIZE"):
        return int(os.environ["RUSTORCH_WORLD_SIZE"])
    if group is _NON_MEMBER or _group(group).rank() < 0:
        return -1
    return _group(group).size()


def get_local_rank() -> int:
    """The rank among those on this host.

    >>> rustorch.distributed.get_local_rank()
    0
    """
    return _C._comm_local()[0]


def get_local_size() -> int:
    """The number of ranks on this host.

    >>> rustorch.distributed.get_local_size()
    1
    """
    return _C._comm_local()[1]


def get_backend(group: Optional[ProcessGroup] = None) -> str:
    """``"mpi"``, ``"gloo"`` for ranks that are joined over sockets, or ``"solo"``.

    >>> from rustorch import distributed as dist
    >>> dist.init_process_group()
    >>> dist.get_backend()
    'solo'
    >>> dist.destroy_process_group()
    """
    _group(group)
    name = _C._comm_backend()
    return Backend("gloo" if name == "tcp" else name)


def get_default_backend_for_device(device: Any) -> str:
    """The backend for tensors of a device: ``"mpi"`` or ``"gloo"`` for the CPU.

    Raises
    ------
    DeviceError
        There is no such device.

    >>> rustorch.distributed.get_default_backend_for_device("cpu")
    'gloo'
    """
    _C._check_device(_C.device(device))
    return Backend("mpi" if _C._comm_expects_peers() else "gloo")


# ---------------------------------------------------------------------------------------------- groups of some ranks


def new_group(
    ranks: Optional[Sequence[int]] = None,
    timeout: Timeout = None,
    backend: Optional[str] = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: Optional[str] = None,
    device_id: Any = None,
) -> Union[ProcessGroup, object]:
    """Make a group of some of the ranks. All ranks of the job call it, in the same order, members or not.

    Parameters
    ----------
    ranks : list of int, optional
        Ranks of the job; default all.
    timeout : timedelta or float, optional
        As for :func:`init_process_group`; default the default group's.
    backend, pg_options, use_local_synchronization, device_id
        ``"mpi"``/``"gloo"`` or None; None; False; None or the CPU.
    group_desc : str, optional
        A name for messages.

    Returns
    -------
    ProcessGroup
        Or ``GroupMember.NON_GROUP_MEMBER`` where this process is not in it.

    >>> from rustorch import distributed as dist
    >>> group = dist.new_group([0])
    >>> dist.get_world_size(group)
    1
    """
    world = _default()
    _resolve_backend(backend)
    if pg_options is not None or use_local_synchronization:
        raise UnsupportedError("new_group: pg_options and use_local_synchronization are not supported: all ranks call it")
    if device_id is not None and str(device_id).split(":")[0] != "cpu":
        raise DeviceError(f"new_group: device_id is {device_id}, and there is no GPU here")
    chosen = list(range(world.size())) if ranks is None else [int(rank) for rank in ranks]
    seconds = _seconds(timeout, "new_group") or world._handle.timeout()
    handle = _C._comm_new_group(chosen, seconds)
    if handle.rank() < 0:
        return _NON_MEMBER
    name = group_desc or str(_state.groups)
    _state.groups += 1
    return ProcessGroup(handle, name)


def new_subgroups(
    group_size: Optional[int] = None, group: Optional[ProcessGroup] = None, timeout: Timeout = None
) -> Tuple[Union[ProcessGroup, object], List[Union[ProcessGroup, object]]]:
    """Divide the ranks into groups of ``group_size`` neighbours (default: the ranks of a host).

    Returns
    -------
    (ProcessGroup, list)
        The group of this process, and all of them (``NON_GROUP_MEMBER`` for those it is not in).

    >>> from rustorch import distributed as dist
    >>> group, groups = dist.new_subgroups(1)
    >>> len(groups)
    1
    """
    ranks = get_process_group_ranks(group)
    size = get_local_size() if group_size is None else group_size
    if size < 1 or len(ranks) % size:
        raise ArgumentValueError(f"new_subgroups: {len(ranks)} ranks cannot be divided into groups of {size}")
    made = [new_group(ranks[i : i + size], timeout) for i in range(0, len(ranks), size)]
    mine = [each for each in made if each is not _NON_MEMBER]
    return (mine[0] if mine else _NON_MEMBER), made


def get_process_group_ranks(group: Optional[ProcessGroup] = None) -> List[int]:
    """The ranks of the job that are in the group, in the order of the group.

    >>> from rustorch import distributed as dist
    >>> dist.get_process_group_ranks(dist.new_group([0]))
    [0]
    """
    return list(_group(group)._ranks)


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in the group of a rank of the job.

    >>> from rustorch import distributed as dist
    >>> dist.get_group_rank(dist.new_group([0]), 0)
    0
    """
    ranks = _group(group)._ranks
    if global_rank not in ranks:
        raise ArgumentValueError(f"rank {global_rank} is not in the group, which has ranks {ranks}")
    return ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the job of a rank of the group.

    >>> from rustorch import distributed as dist
    >>> dist.get_global_rank(dist.new_group([0]), 0)
    0
    """
    ranks = _group(group)._ranks
    if not 0 <= group_rank < len(ranks):
        raise ArgumentValueError(f"the group has no rank {group_rank}; it has ranks 0 to {len(ranks) - 1}")
    return ranks[group_rank]

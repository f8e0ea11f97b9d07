"""Training on several processes: process groups, collectives and DistributedDataParallel.

The same script runs alone (``python train.py``: a group of one, in which every collective is a copy) and on many ranks
(``rustorch-launch -n 4 train.py``, or under ``mpirun`` and ``srun``). Names, arguments and defaults are those of
``torch.distributed``. The default group comes up with :func:`init_process_group` or, where the process was started as
a rank, with the first collective.

Objects (:func:`all_gather_object` and its relatives) travel as JSON-like data, never as pickle.
"""

from rustorch.distributed._backend import DistributedBackend
from rustorch.distributed._collectives import (
    P2POp,
    ReduceOp,
    Work,
    all_gather,
    all_gather_into_tensor,
    all_reduce,
    all_to_all,
    all_to_all_single,
    barrier,
    batch_isend_irecv,
    broadcast,
    gather,
    irecv,
    isend,
    recv,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
    send,
)
from rustorch.distributed._config import (
    Backend,
    DistributedConfig,
    cleanup_distributed,
    init_distributed,
    is_distributed_available,
    is_master,
)
from rustorch.distributed._groups import (
    GroupMember,
    ProcessGroup,
    destroy_process_group,
    get_backend,
    get_default_backend_for_device,
    get_global_rank,
    get_group_rank,
    get_local_rank,
    get_local_size,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    is_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    new_group,
    new_subgroups,
)
from rustorch.distributed._objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)

__all__ = [
    "Backend",
    "DistributedBackend",
    "DistributedConfig",
    "DistributedDataParallel",
    "GroupMember",
    "P2POp",
    "ProcessGroup",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "batch_isend_irecv",
    "broadcast",
    "broadcast_object_list",
    "cleanup_distributed",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_local_rank",
    "get_local_size",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_distributed",
    "init_process_group",
    "irecv",
    "is_available",
    "is_distributed_available",
    "is_gloo_available",
    "is_initialized",
    "is_master",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "isend",
    "new_group",
    "new_subgroups",
    "recv",
    "recv_object_list",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
    "send_object_list",
]


def __getattr__(name):
    if name == "DistributedDataParallel":  # brings rustorch.nn along: imported when asked for
        from rustorch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel
    if name == "reduce_op":  # the old name
        return ReduceOp
    if name == "DistributedSampler":
        from rustorch.data import DistributedSampler

        return DistributedSampler
    raise AttributeError(f"module 'rustorch.distributed' has no attribute '{name}'")

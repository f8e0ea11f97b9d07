"""Says once how several processes that were started without rustorch-launch come to work together."""

import os
import warnings


def warn_if_apart() -> None:
    """For a process that mpirun or srun started as one of several, beside our launcher. Rank 0 speaks for all."""
    rank = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", os.environ.get("SLURM_PROCID", "0")))
    if rank != "0" or os.environ.get("RUSTORCH_RANK"):
        return
    os.environ["RUSTORCH_RANK_WARNED"] = "1"  # worker processes of this one inherit it
    warnings.warn(
        "this process is one of several ranks, started without rustorch-launch: they work together from "
        "rustorch.distributed.init_process_group() on, and nobody watches over them; `mpirun rustorch-launch script.py` does",
        stacklevel=3,
    )

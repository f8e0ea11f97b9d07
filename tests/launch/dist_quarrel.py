"""Ranks that do not fit together: what each of them is told, and how soon. argv[1] says which quarrel."""

import sys
import time

import rustorch as torch
import rustorch.distributed as dist

dist.init_process_group()
rank, size = dist.get_rank(), dist.get_world_size()
dist.barrier()
odd = rank == size - 1
began = time.monotonic()
try:
    if sys.argv[1] == "op":
        dist.barrier() if odd else dist.all_reduce(torch.ones(1000))
    elif sys.argv[1] == "size":
        dist.all_reduce(torch.ones(1_000_001 if odd else 1_000_000))
    elif sys.argv[1] == "send":
        if odd:
            dist.recv(torch.ones(3, dtype=torch.int32), 0)
        elif rank == 0:
            dist.send(torch.ones(3), size - 1)
    elif sys.argv[1] == "late":
        if odd:
            time.sleep(4)
        dist.all_reduce(torch.ones(1000))
    elif sys.argv[1] == "leave":
        if not odd:
            dist.all_reduce(torch.ones(1000))
    dist.barrier()  # who was through already hears of it here
    print(f"rank {rank}: nothing is wrong", flush=True)
except RuntimeError as error:
    print(f"rank {rank} after {time.monotonic() - began:.1f} s: {type(error).__name__}: {error}", flush=True)

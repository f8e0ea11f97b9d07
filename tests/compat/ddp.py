"""DistributedDataParallel on two processes that the script starts itself: spawn, gloo, DistributedSampler, all_reduce of the loss."""

import os
import socket

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from common import fill, report


def setup(rank, world_size, port):
    os.environ["MASTER_ADDR"] = "localhost"
    os.environ["MASTER_PORT"] = str(port)
    dist.init_process_group("gloo", rank=rank, world_size=world_size)


def main(rank, world_size, port):
    setup(rank, world_size, port)
    rng = np.random.RandomState(3)
    x = rng.randn(64, 6).astype(np.float32)
    y = np.tanh(x @ rng.randn(6, 1)).astype(np.float32)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    sampler = DistributedSampler(data, num_replicas=world_size, rank=rank, shuffle=False)
    loader = DataLoader(data, batch_size=8, sampler=sampler)
    model = DDP(fill(nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1)), seed=rank))  # rank 0's weights count
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for input, target in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(input), target)
            loss.backward()
            optimizer.step()
            mean = loss.detach().clone()
            dist.all_reduce(mean, op=dist.ReduceOp.SUM)
            losses.append(mean.item() / world_size)
    weights = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    every = [torch.zeros_like(weights) for _ in range(world_size)]
    dist.all_gather(every, weights)
    if rank == 0:
        report(losses)
        report([all(torch.equal(every[0], other) for other in every), weights.sum().item()], "end")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        free = probe.getsockname()[1]
    mp.spawn(main, args=(2, free), nprocs=2, join=True)

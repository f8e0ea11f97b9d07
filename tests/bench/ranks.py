"""What scripts/bench measures under rustorch-launch: one JSON line on rank 0."""

import json
import statistics
import sys
import time

import numpy as np

import rustorch as torch
import rustorch.distributed as dist
from rustorch import nn
from rustorch.nn.parallel import DistributedDataParallel


def median(function, n):
    times = []
    for _ in range(n):
        dist.barrier()
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def all_reduce():
    result = {}
    for size in (4, 1024, 65536, 1 << 20, 4 << 20, 16 << 20, 64 << 20):
        x = torch.zeros(size // 4)
        n = 200 if size <= 65536 else 30 if size <= 4 << 20 else 7
        a, b = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        result[str(size)] = {"all_reduce": median(lambda: dist.all_reduce(x), n), "memcpy": median(lambda: np.copyto(b, a), n)}
    return result


def step():
    torch.manual_seed(0)
    batch = 64 // dist.get_world_size()
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))

    def run():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    run()
    return {"seconds": median(run, 15)}


def first():
    """The time at which the first step was done, by the clock that all processes share."""
    net = DistributedDataParallel(nn.Linear(4, 4))
    net(torch.ones(2, 4)).sum().backward()
    return {"time": time.time()}


def main():
    dist.init_process_group()
    result = {"all_reduce": all_reduce, "step": step, "first": first}[sys.argv[1]]()
    if dist.get_rank() == 0:
        print(json.dumps(result), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""What scripts/bench measures inside a process: the same code over rustorch and over PyTorch.

Run by bench.py as `python cases.py rustorch|torch THREADS`; reads case names from standard input, one a line, and answers
each with a line of JSON: {"seconds": median of one call, "peak": bytes}.
"""

import importlib
import json
import resource
import statistics
import sys
import time


def median_of(function, seconds=0.4, least=5, most=200000):
    """Median time of one call; groups of calls when one is too short for the clock."""
    function()
    began = time.perf_counter()
    function()
    once = max(time.perf_counter() - began, 1e-9)
    group = max(1, int(20e-6 / once))
    times = []
    end = time.perf_counter() + seconds
    while (time.perf_counter() < end or len(times) < least) and len(times) < most:
        began = time.perf_counter()
        for _ in range(group):
            function()
        times.append((time.perf_counter() - began) / group)
    return statistics.median(times)


class Cases:
    """One method a case; it returns the function to be timed, or a number of seconds."""

    def __init__(self, torch):
        self.torch = torch
        self.nn = torch.nn
        torch.manual_seed(0)

    def op_4(self):
        x, y = self.torch.ones(4), self.torch.ones(4)
        return lambda: x + y

    def backward_4(self):
        x = self.torch.ones(4, requires_grad=True)

        def run():
            (x * 2).sum().backward()

        return run

    def _step(self, model, optimizer, inputs, labels):
        loss_of = self.nn.functional.cross_entropy

        def run():
            optimizer.zero_grad()
            loss_of(model(inputs), labels).backward()
            optimizer.step()

        return run

    def mlp_step(self):
        nn, torch = self.nn, self.torch
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = torch.optim.Adam(model.parameters())
        return self._step(model, optimizer, torch.randn(64, 784), torch.randint(0, 10, (64,)))

    def cnn_step(self):
        nn, torch = self.nn, self.torch
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
        )  # fmt: skip
        optimizer = torch.optim.Adadelta(model.parameters())
        return self._step(model, optimizer, torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,)))

    def loader_samples(self):
        """Seconds for one sample, batch 256 of a TensorDataset (60000, 784)."""
        torch = self.torch
        data = importlib.import_module("rustorch.data" if torch.__name__ == "rustorch" else "torch.utils.data")
        dataset = data.TensorDataset(torch.zeros(60000, 784), torch.zeros(60000, dtype=torch.int64))
        loader = data.DataLoader(dataset, batch_size=256, shuffle=True)

        def epoch():
            began = time.perf_counter()
            for _ in loader:
                pass
            return (time.perf_counter() - began) / 60000

        return statistics.median(epoch() for _ in range(3))

    def matmul(self, m, n, k):
        a, b = self.torch.randn(m, k), self.torch.randn(k, n)
        with self.torch.no_grad():
            return lambda: a @ b


def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    torch = importlib.import_module(name)
    torch.set_num_threads(threads)
    cases = Cases(torch)
    for line in sys.stdin:
        case, *arguments = line.split()
        made = getattr(cases, case)(*map(int, arguments))
        seconds = made if isinstance(made, float) else median_of(made)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peak": peak}), flush=True)


if __name__ == "__main__":
    main()

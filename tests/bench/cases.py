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

    def _gpt(self, low):
        import models

        torch = self.torch
        model = models.gpt(torch)
        optimizer = torch.optim.AdamW(model.parameters())
        index = torch.randint(0, 96, (8, 257))
        x, y = index[:, :-1].contiguous(), index[:, 1:].reshape(-1)

        def run():
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
                loss = self.nn.functional.cross_entropy(model(x).view(-1, 96), y)
            loss.backward()
            optimizer.step()

        return run

    def gpt_step(self):
        return self._gpt(False)

    def gpt_bf16_step(self):
        return self._gpt(True)

    def resnet_step(self):
        import models

        torch = self.torch
        model = models.resnet18(torch)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        return self._step(model, optimizer, torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,)))

    def lstm_step(self):
        torch, nn = self.torch, self.nn
        model = nn.LSTM(256, 256, num_layers=2, batch_first=True)
        head = nn.Linear(256, 10)
        optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01)
        return self._step(lambda x: head(model(x)[0][:, -1]), optimizer, torch.randn(32, 100, 256), torch.randint(0, 10, (32,)))

    def adam_25m(self):
        torch = self.torch
        sizes = [(1024, 1024)] * 23 + [(1024,)] * 46 + [(64, 1024)]
        parameters = [torch.nn.Parameter(torch.randn(*size)) for size in sizes]
        for parameter in parameters:
            parameter.grad = torch.randn(*parameter.shape)
        return torch.optim.Adam(parameters).step

    def _forward_backward(self, function, *parameters):
        torch = self.torch
        x = torch.randn(4096, 1024, requires_grad=True)
        g = torch.randn(4096, 1024)

        def run():
            x.grad = None
            for parameter in parameters:
                parameter.grad = None
            y = function(x)
            y.backward(g if y.dim() else None)

        return run

    def layer_norm(self):
        norm = self.nn.LayerNorm(1024)
        return self._forward_backward(norm, *norm.parameters())

    def softmax(self):
        return self._forward_backward(lambda x: x.softmax(-1))

    def gelu(self):
        return self._forward_backward(self.nn.functional.gelu)

    def cross_entropy(self):
        labels = self.torch.randint(0, 1024, (4096,))
        return self._forward_backward(lambda x: self.nn.functional.cross_entropy(x, labels))

    def copy(self, nbytes):
        """A copy loop that moves so many bytes, half of them read and half written, a tensor of at most 64 MB at a time."""
        pieces = -(-nbytes // (128 << 20))
        pairs = [(self.torch.randn(nbytes // 8 // pieces), self.torch.empty(nbytes // 8 // pieces)) for _ in range(pieces)]
        return lambda: [y.copy_(x) for x, y in pairs]

    def worker_samples(self):
        """Seconds for one sample of a data set written in Python, 4 workers, batch 64."""
        import numpy as np

        torch = self.torch
        data = importlib.import_module("rustorch.data" if torch.__name__ == "rustorch" else "torch.utils.data")

        class Images(data.Dataset):
            def __len__(self):
                return 4096

            def __getitem__(self, i):
                return torch.from_numpy(np.full((3, 32, 32), i, np.float32)), i % 10

        loader = data.DataLoader(Images(), batch_size=64, num_workers=4, persistent_workers=True)

        def epoch():
            began = time.perf_counter()
            for _ in loader:
                pass
            return (time.perf_counter() - began) / 4096

        epoch()
        return statistics.median(epoch() for _ in range(3))

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
        if case == "call":
            import ops

            made = ops.timed(torch, arguments[0], line.split(None, 2)[2].strip())
            seconds = median_of(made, 0.02, 1) if made else None
        else:
            made = getattr(cases, case)(*map(int, arguments))
            seconds = made if isinstance(made, float) else median_of(made)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peak": peak}), flush=True)


if __name__ == "__main__":
    main()

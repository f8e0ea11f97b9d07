"""Benchmarks: rustorch, and PyTorch beside it in the same run when --peer names a Python that has it.

Both sides run by turns, with the same number of threads; each figure is a median of medians. A table on standard output,
JSON lines in build/bench.jsonl.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHAPES = [(16, 16, 16), (64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (64, 768, 768),
          (64, 10, 784), (32, 128, 784)]  # fmt: skip


class Side:
    """A process that runs cases over one of the two libraries."""

    def __init__(self, python, library, threads):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        environment["OMP_NUM_THREADS"] = str(threads)
        if library == "torch":
            environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "cases.py"), library, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment,
        )  # fmt: skip

    def run(self, case):
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: {case} ended its process with code {self.process.wait()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Report:
    """Rows as a table and as JSON lines."""

    def __init__(self, path):
        self.file = open(path, "w")

    def row(self, name, ours, peer=None, unit="s", **more):
        ratio = ours / peer if peer else None
        self.file.write(json.dumps({"name": name, "ours": ours, "peer": peer, "ratio": ratio, "unit": unit, **more}) + "\n")
        self.file.flush()
        columns = [f"{name:<34}", f"{shown(ours, unit):>12}", f"{shown(peer, unit) if peer else '':>12}"]
        print(" ".join(columns) + (f" {ratio:6.2f}×" if ratio else "") + "".join(f"  {k} {v}" for k, v in more.items()), flush=True)


def shown(value, unit):
    if unit != "s":
        return f"{value:.4g} {unit}"
    for scale, word in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:.3g} {word}"
    return f"{value * 1e9:.3g} ns"


# Bytes that a row cannot do without moving: passes over 4096 × 1024 floats (x, y; then x or y, y's gradient, x's gradient), or
# over parameters, gradients and two moments, of which all but the gradients are written as well.
MOVED = {"layer_norm": 5 << 24, "softmax": 5 << 24, "gelu": 5 << 24, "cross_entropy": 3 << 24, "adam_25m": 7 * 4 * 24_229_888}


def compare(report, args, name, case, threads, rounds=3, unit="s", convert=lambda s: s):
    """One case on both sides by turns, in fresh processes; where bytes are what it costs, beside a copy of as many."""
    sides = [Side(sys.executable, "rustorch", threads)] + ([Side(args.peer, "torch", threads)] if args.peer else [])
    results, copies = [[] for _ in sides], []
    for _ in range(rounds):
        for side, result in zip(sides, results):
            result.append(side.run(case))
        if case in MOVED:
            copies.append(sides[0].run(f"copy {MOVED[case]}")["seconds"])
    for side in sides:
        side.close()
    values = [convert(statistics.median(r["seconds"] for r in result)) for result in results]
    report.row(f"{name}, {threads} thread{'s' if threads > 1 else ''}", values[0], values[1] if args.peer else None, unit)
    if copies:
        report.row("  it | a copy of as many bytes", values[0], statistics.median(copies))
    return [max(r["peak"] for r in result) for result in results]


def op_rows(report, args, family, threads):
    """A line for each right call of each op of a family, on small inputs and on large ones."""
    import ops

    sides = [Side(sys.executable, "rustorch", threads)] + ([Side(args.peer, "torch", threads)] if args.peer else [])
    for call in ops.lines(family):
        for size in ops.SIZES:
            if args.only in call:
                found = [side.run(f"call {size} {call}")["seconds"] for side in sides]
                if found[0] is not None:
                    report.row(f"{call}, {size}", found[0], found[1] if args.peer else None, threads=threads)
    for side in sides:
        side.close()


def fma_peak(threads):
    """GFLOP/s of fused multiply-adds in registers, by a program compiled for this machine."""
    program = os.path.join(ROOT, "build", "peak")
    source = os.path.join(HERE, "peak.c")
    subprocess.run(["cc", "-O2", "-march=native", "-fopenmp", "-funroll-loops", source, "-o", program], check=True)
    return float(subprocess.run([program, str(threads)], capture_output=True, text=True, check=True).stdout)


def import_time(python, module):
    code = f"import time, numpy; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [float(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(7)]
    return statistics.median(runs)


def folder_bytes(python, module):
    code = f"import {module}, os; print(os.path.dirname(os.path.realpath({module}._C.__file__ if '{module}' == 'rustorch' else {module}.__file__)))"
    folder = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    total = 0
    for base, _, names in os.walk(folder, followlinks=True):
        total += sum(os.stat(os.path.join(base, name)).st_size for name in names if not name.endswith(".pyc"))
    return total


def launched(script, *arguments, n=2):
    launcher = os.environ["RUSTORCH_LAUNCH"]
    done = subprocess.run([launcher, "-n", str(n), os.path.join(HERE, script), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {script} {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads([line for line in done.stdout.splitlines() if line.startswith("{")][-1])


def checkpoint_rows(report, folder):
    import numpy as np

    import rustorch as torch

    tensors = {f"layer{i}": torch.from_numpy(np.random.rand(16 << 20).astype(np.float32)) for i in range(8)}  # 512 MiB
    size = 8 * (64 << 20)
    path, plain = os.path.join(folder, "bench.h5"), os.path.join(folder, "bench.bin")
    times = {"save": [], "write": [], "load": [], "read": []}
    for _ in range(3):
        began = time.perf_counter()
        torch.save(tensors, path)
        times["save"].append(time.perf_counter() - began)
        began = time.perf_counter()
        with open(plain, "wb", buffering=0) as file:
            for tensor in tensors.values():
                file.write(memoryview(tensor.numpy()).cast("B"))
            os.fsync(file.fileno())
        times["write"].append(time.perf_counter() - began)
        began = time.perf_counter()
        torch.load(path)
        times["load"].append(time.perf_counter() - began)
        began = time.perf_counter()
        with open(plain, "rb", buffering=0) as file:
            for tensor in tensors.values():
                file.readinto(memoryview(np.empty_like(tensor.numpy())).cast("B"))
        times["read"].append(time.perf_counter() - began)
    speed = {name: size / statistics.median(values) / 1e6 for name, values in times.items()}
    report.row("checkpoint save | write + fsync", speed["save"], speed["write"], "MB/s")
    report.row("checkpoint load | read", speed["load"], speed["read"], "MB/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="a Python that has PyTorch, to measure it in the same run")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    parser.add_argument("--ops", nargs="?", const="", metavar="FAMILY", help="a line for each op of a family of the table (of all), and no other")
    args = parser.parse_args()
    report = Report(os.path.join(ROOT, "build", "bench.jsonl"))
    print(f"{'':<34} {'rustorch':>12} {'PyTorch' if args.peer else '':>12}")
    wanted = lambda name: args.only in name  # noqa: E731
    if args.ops is not None:
        for threads in map(int, args.threads.split(",")):
            op_rows(report, args, args.ops, threads)
        return
    for threads in map(int, args.threads.split(",")):
        for name, case in (("op on 4 elements", "op_4"), ("(x*2).sum().backward() on 4", "backward_4"),
                           ("MLP step, batch 64", "mlp_step"), ("CNN step, batch 64", "cnn_step"),
                           ("GPT step, 8 × 256", "gpt_step"), ("GPT step, bf16", "gpt_bf16_step"),
                           ("ResNet-18 step, batch 64", "resnet_step"), ("LSTM step, 32 × 100", "lstm_step"),
                           ("Adam, 25 M parameters", "adam_25m"),
                           ("LayerNorm 4096 × 1024", "layer_norm"), ("softmax 4096 × 1024", "softmax"),
                           ("GELU 4096 × 1024", "gelu"), ("cross-entropy 4096 × 1024", "cross_entropy"),
                           ("DataLoader, one sample", "loader_samples"),
                           ("DataLoader in Python, 4 workers", "worker_samples")):  # fmt: skip
            if not wanted(name):
                continue
            peaks = compare(report, args, name, case, threads)
            if "step" in case:
                report.row("  peak memory of it", peaks[0] / 1e6, peaks[1] / 1e6 if args.peer else None, "MB")
        if wanted("matmul"):
            peak = fma_peak(threads)
            report.row(f"FMA peak for the matmul rows, {threads} thread{'s' if threads > 1 else ''}", peak, unit="GFLOP/s")
        for m, n, k in SHAPES:
            name = f"matmul {m}×{n}×{k}"
            if wanted(name):
                rate = lambda s: 2e-9 * m * n * k / s  # noqa: E731
                compare(report, args, name, f"matmul {m} {n} {k}", threads, unit="GFLOP/s", convert=rate)
        for name, case in (("op on 4 elements", "op_4"), ("MLP step, batch 64", "mlp_step"), ("CNN step, batch 64", "cnn_step"),
                           ("GPT step, 8 × 256", "gpt_step")):  # fmt: skip
            if wanted(f"profiler: {name}"):
                command = [sys.executable, os.path.join(HERE, "profiled.py"), case, str(threads)]
                found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                name = f"profiler: {name}, on | off, {threads} thread{'s' if threads > 1 else ''}"
                report.row(name, found["on"], found["off"], paired=f"{found['ratio']:.4f}×")
    if wanted("import"):
        report.row("import, beyond NumPy", import_time(sys.executable, "rustorch"), import_time(args.peer, "torch") if args.peer else None)
        report.row("installed size", folder_bytes(sys.executable, "rustorch") / 1e6, folder_bytes(args.peer, "torch") / 1e6 if args.peer else None, "MB")
    if wanted("ranks"):
        one, two = launched("ranks.py", "step", n=1)["seconds"], launched("ranks.py", "step", n=2)["seconds"]
        report.row("ranks: CNN step, 2 ranks | 1 rank", two, one)
        for size, row in launched("ranks.py", "all_reduce").items():
            speeds = [int(size) / row[key] / 1e6 for key in ("all_reduce", "memcpy")]
            report.row(f"ranks: all_reduce {size} B | memcpy", speeds[0], speeds[1], "MB/s")
        starts = []
        for _ in range(5):
            began = time.time()
            starts.append(launched("ranks.py", "first")["time"] - began)
        report.row("ranks: launch -n 2 to first step", statistics.median(starts))
    if wanted("checkpoint"):
        with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build")) as folder:
            checkpoint_rows(report, folder)


if __name__ == "__main__":
    main()

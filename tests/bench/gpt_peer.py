"""The example docs/examples/char_gpt.py on one process, over rustorch or PyTorch, from the same weights and batches.

    python gpt_peer.py rustorch|torch STEPS [--bf16]

Prints the loss of the last steps and the validation loss. Weights and batches are drawn by NumPy, so that both libraries
train the same; what differs afterwards is rounding.
"""

import argparse
import importlib
import os
import re
import sys
import time

import numpy as np

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "examples", "char_gpt.py")


def example_of(library):
    """The example's functions, with its imports turned to the library, without those that only its main needs."""
    with open(EXAMPLE, encoding="utf-8") as file:
        source = file.read()
    for line in ("import rustorch.distributed as dist", "from rustorch.nn.parallel import DistributedDataParallel",
                 "from rustorch.progress import ProgressBar", "from rustorch.visualization import plot_curves"):  # fmt: skip
        assert line in source, line
        source = source.replace(line + "\n", "")
    source = re.sub(r"\brustorch\b(?=[ .])", library, source.replace("import rustorch as torch", f"import {library} as torch"))
    names = {"__name__": "example"}
    exec(compile(source, EXAMPLE, "exec"), names)
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=("rustorch", "torch"))
    parser.add_argument("steps", type=int)
    parser.add_argument("--bf16", action="store_true")
    args = parser.parse_args()
    torch = importlib.import_module(args.library)
    torch.set_num_threads(2)
    example = example_of(args.library)
    text = example["read_text"](None)
    characters = sorted(set(text))
    codes = {c: i for i, c in enumerate(characters)}
    data = torch.tensor([codes[c] for c in text])
    train, valid = data[: len(data) * 9 // 10], data[len(data) * 9 // 10 :]

    model = example["GPT"](len(characters), 6, 384, 6, 256, 0.0)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                std = 0.02 / 12**0.5 if name.endswith(("project.weight", "down.weight")) else 0.02
                parameter.copy_(torch.from_numpy((rng.standard_normal(tuple(parameter.shape)) * std).astype(np.float32)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    warm = max(1, min(100, args.steps // 10))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / warm) * (1 - 0.9 * min(1.0, s / args.steps))
    )

    def batch(part):
        starts = rng.integers(0, len(part) - 257, (8, 1))
        rows = part[torch.from_numpy(starts + np.arange(257))]
        return rows[:, :-1], rows[:, 1:]

    began, losses = time.monotonic(), []
    for step in range(args.steps):
        x, y = batch(train)
        optimizer.zero_grad()
        loss = example["loss_of"](model, x, y, args.bf16)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(float(loss))
        if step % 20 == 0:
            print(f"{args.library} step {step}: {losses[-1]:.4f}", file=sys.stderr, flush=True)
    seconds = time.monotonic() - began
    model.eval()
    with torch.no_grad():
        rng = np.random.default_rng(1)
        found = [float(example["loss_of"](model, *batch(valid), args.bf16)) for _ in range(20)]
    print(f"{args.library}{' bf16' if args.bf16 else ''}: {args.steps} steps in {seconds:.0f} s; train {np.mean(losses[-20:]):.4f}, "
          f"validation {np.mean(found):.4f}")  # fmt: skip


if __name__ == "__main__":
    main()

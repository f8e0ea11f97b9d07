"""A character GPT on the King James Bible: several ranks, f32 or bf16, resumes to the same bits, writes text at the end.

    python char_gpt.py --layers 2 --width 128 --steps 300
    rustorch-launch -n 2 char_gpt.py
    rustorch-launch -n 2 --max-restarts 3 char_gpt.py --bf16 --checkpoints runs/gpt

The text comes from Debian's package bible-kjv (its program `bible` prints it), or from any file (--text).
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time

import rustorch as torch
import rustorch.distributed as dist
import rustorch.nn.functional as F
from rustorch import nn, optim
from rustorch.nn.parallel import DistributedDataParallel
from rustorch.progress import ProgressBar
from rustorch.visualization import plot_curves


class Block(nn.Module):
    """Attention and a feed-forward layer, each behind a layer norm and added to what comes in: (B, T, C) to the same."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)  # (B, heads, T, C / heads)
        x = x + F.dropout(self.project(y.transpose(1, 2).reshape(B, T, C)), self.dropout, self.training)
        return x + F.dropout(self.down(F.gelu(self.up(self.norm2(x)))), self.dropout, self.training)


class GPT(nn.Module):
    """Scores (B, T, characters) of what follows each of the characters (B, T)."""

    def __init__(self, characters, layers, width, heads, block, dropout):
        super().__init__()
        self.token, self.place = nn.Embedding(characters, width), nn.Embedding(block, width)
        self.blocks = nn.Sequential(*[Block(width, heads, dropout) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)
        self.apply(self.start)
        for name, parameter in self.named_parameters():
            if name.endswith(("project.weight", "down.weight")):  # what is added to the stream: GPT-2's scaling
                nn.init.normal_(parameter, std=0.02 / (2 * layers) ** 0.5)

    @staticmethod
    def start(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, index):
        x = self.token(index) + self.place(torch.arange(index.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def read_text(path):
    """The text of a file; without one, what the program `bible` prints."""
    if path:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            sys.exit(f"char_gpt.py: --text {path} cannot be read as a text in UTF-8: {error}")
    try:
        lines = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        sys.exit("char_gpt.py: the program `bible` is not installed: apt install bible-kjv, or name a text with --text FILE")
    return "\n".join(line.split(" ", 1)[-1] for line in lines.splitlines())  # without chapter and verse


def batch_of(data, step, seed, batch, block):
    """Inputs and targets (batch, block) of a step: the same for every number of ranks, and after a restart."""
    generator = torch.Generator().manual_seed(seed * 1000003 + step)
    starts = torch.randint(0, len(data) - block - 1, (batch, 1), generator=generator)
    index = starts + torch.arange(block + 1)
    text = data[index]
    return text[:, :-1], text[:, 1:]


def loss_of(model, x, y, bf16):
    casting = torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else contextlib.nullcontext()
    with casting:
        scores = model(x)
        return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))


def evaluate(model, data, args, rank, world):
    """Mean loss over the same 20 batches of the validation text, shared among the ranks."""
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        for k in range(rank, 20, world):
            x, y = batch_of(data, k, 7, args.batch_size, args.block)
            sums[0] += loss_of(model, x, y, args.bf16).double()
            sums[1] += 1
    dist.all_reduce(sums)
    model.train()
    return float(sums[0] / sums[1])


def write(model, prompt, characters, codes, args, count=400):
    """`count` characters after the prompt, drawn from the model's scores."""
    model.eval()
    index = torch.tensor([[codes[c] for c in prompt]])
    generator = torch.Generator().manual_seed(args.seed)
    with torch.no_grad():
        for _ in range(count):
            scores = model(index[:, -args.block :])[:, -1] / 0.8
            index = torch.cat([index, torch.multinomial(F.softmax(scores.float(), -1), 1, generator=generator)], 1)
    return "".join(characters[i] for i in index[0].tolist())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a text file instead of the Bible")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--block", type=int, default=256, help="characters that are seen at once")
    parser.add_argument("--batch-size", type=int, default=8, help="over all ranks")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--bf16", action="store_true", help="matrix products in bfloat16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoints", default="gpt-checkpoints", help="folder; training goes on from the newest")
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints and validations")
    parser.add_argument("--plot", default="gpt.png")
    parser.add_argument("--fresh", action="store_true", help="start anew even if there are checkpoints")
    args = parser.parse_args()

    dist.init_process_group()
    rank, world = dist.get_rank(), dist.get_world_size()
    chief = rank == 0
    if args.batch_size % world:
        sys.exit(f"char_gpt.py: --batch-size {args.batch_size} cannot be shared among {world} ranks evenly")
    text = read_text(args.text)
    characters = sorted(set(text))
    codes = {c: i for i, c in enumerate(characters)}
    data = torch.tensor([codes[c] for c in text])
    train, valid = data[: len(data) * 9 // 10], data[len(data) * 9 // 10 :]
    if len(valid) < args.block + 2:
        sys.exit(f"char_gpt.py: {len(text)} characters are too few: a tenth of them must be more than --block {args.block}")

    torch.manual_seed(args.seed)
    model = DistributedDataParallel(GPT(len(characters), args.layers, args.width, args.heads, args.block, args.dropout))
    torch.manual_seed(args.seed + rank)  # dropout differs from rank to rank
    optimizer = optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.1)
    warm = max(1, min(100, args.steps // 10))
    scheduler = optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / warm) * (1 - 0.9 * min(1.0, s / max(1, args.steps)))
    )
    parts = {"model": model.module, "optimizer": optimizer, "scheduler": scheduler}

    first, history = 0, {"step": [], "train": [], "validation": []}
    newest = None if args.fresh else torch.checkpoint.latest(args.checkpoints)
    if newest:
        saved = torch.checkpoint.load(newest, **parts)
        first, history = saved.step, saved.extra["history"]
        if chief:
            print(f"going on from {newest}: step {first}")

    began, running = time.monotonic(), []
    share = args.batch_size // world
    bar = ProgressBar(range(first, args.steps), total=args.steps - first, text="training", show=chief)
    for step in bar:
        x, y = batch_of(train, step, args.seed, args.batch_size, args.block)
        optimizer.zero_grad()
        loss = loss_of(model, x[rank * share : (rank + 1) * share], y[rank * share : (rank + 1) * share], args.bf16)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        running.append(float(loss))
        bar.set(loss=running[-1])
        if (step + 1) % args.every == 0 or step + 1 == args.steps:
            history["step"].append(step + 1)
            history["train"].append(sum(running) / len(running))
            history["validation"].append(evaluate(model, valid, args, rank, world))
            running = []
            torch.checkpoint.save(args.checkpoints, **parts, step=step + 1, extra={"history": history})
            if chief:
                print(f"step {step + 1}: train {history['train'][-1]:.4f}, validation {history['validation'][-1]:.4f}")

    if chief:
        print(write(model.module, text[:12] if args.text else "And God said", characters, codes, args))
        curves = {name: (history["step"], history[name]) for name in ("train", "validation")}
        title = os.path.basename(args.text) if args.text else "King James Bible"
        plot_curves({"loss": curves}, args.plot, title=f"{title}, by character", x_label="step")
        print(f"validation loss: {history['validation'][-1]:.4f}")
        print(f"{time.monotonic() - began:.0f} s; curves in {args.plot}, checkpoints in {os.path.join(args.checkpoints, '')}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

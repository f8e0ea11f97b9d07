"""A CNN on Fashion-MNIST: one process, or several ranks with data parallelism; resumes after a kill to the same bits.

    python fashion_mnist.py
    rustorch-launch -n 2 fashion_mnist.py
    rustorch-launch -n 2 --max-restarts 3 fashion_mnist.py --checkpoints runs/a

Images: Debian's package dataset-fashion-mnist, or any folder with the four IDX files (--data).
"""

import argparse
import os
import time

import rustorch as torch
import rustorch.distributed as dist
import rustorch.nn.functional as F
from rustorch import nn, optim
from rustorch.data import DataLoader, DistributedSampler
from rustorch.data.datasets import FashionMNIST
from rustorch.data.transforms import Compose, Normalize, ToTensor
from rustorch.nn.parallel import DistributedDataParallel
from rustorch.progress import ProgressBar
from rustorch.visualization import plot_curves


class Net(nn.Module):
    """Two convolutions, two linear layers: 10 classes from (B, 1, 28, 28)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)
        self.dropout = nn.Dropout(0.25)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(self.dropout(x.flatten(1))))
        return self.fc2(x)


def evaluate(model, data, rank, world):
    """Mean loss and accuracy over all of `data`: each rank takes every world-th sample, so each counts exactly once."""
    model.eval()
    part = torch.data.Subset(data, range(rank, len(data), world))
    sums = torch.zeros(3, dtype=torch.float64)  # loss, correct, count
    with torch.no_grad():
        for images, labels in DataLoader(part, batch_size=500):
            scores = model(images)
            sums[0] += F.cross_entropy(scores, labels, reduction="sum").double()
            sums[1] += (scores.argmax(1) == labels).sum().double()
            sums[2] += len(labels)
    dist.all_reduce(sums)
    model.train()
    return float(sums[0] / sums[2]), float(sums[1] / sums[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist", help="folder with the IDX files")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=128, help="over all ranks")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoints", default="checkpoints", help="folder for checkpoints; training goes on from the newest")
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--plot", default="training.png")
    parser.add_argument("--fresh", action="store_true", help="start anew even if there are checkpoints")
    args = parser.parse_args()

    dist.init_process_group()
    rank, world = dist.get_rank(), dist.get_world_size()
    chief = rank == 0
    torch.manual_seed(args.seed + rank)  # dropout differs from rank to rank; DDP makes the parameters equal

    transform = Compose([ToTensor(), Normalize(0.2860, 0.3530)])
    train = FashionMNIST(args.data, train=True, transform=transform)
    test = FashionMNIST(args.data, train=False, transform=transform)
    sampler = DistributedSampler(train, seed=args.seed)
    loader = DataLoader(train, batch_size=args.batch_size // world, sampler=sampler, num_workers=1, drop_last=True)

    model = DistributedDataParallel(Net())
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    parts = {"model": model.module, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}

    start, step, history = 0, 0, {"loss": [], "test loss": [], "accuracy": []}
    newest = None if args.fresh else torch.checkpoint.latest(args.checkpoints)
    if newest:
        saved = torch.checkpoint.load(newest, **parts)
        start, step, history = saved.epoch, saved.step, saved.extra["history"]
        if chief:
            print(f"going on from {newest}: epoch {start + 1}, step {step}")
    running = saved.extra["running"] if newest else [0.0, 0]

    began = time.monotonic()
    for epoch in range(start, args.epochs):
        sampler.set_epoch(epoch)
        bar = ProgressBar(loader, total=len(loader), text=f"epoch {epoch + 1}/{args.epochs}", show=chief)
        for images, labels in bar:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            step += 1
            running = [running[0] + float(loss), running[1] + 1]
            bar.set(loss=running[0] / running[1])
            if step % args.every == 0:
                extra = {"history": history, "running": running}
                torch.checkpoint.save(args.checkpoints, **parts, step=step, epoch=epoch, extra=extra)
        scheduler.step()
        test_loss, accuracy = evaluate(model, test, rank, world)
        history["loss"].append(running[0] / max(1, running[1]))
        history["test loss"].append(test_loss)
        history["accuracy"].append(accuracy)
        running = [0.0, 0]
        extra = {"history": history, "running": running}
        torch.checkpoint.save(args.checkpoints, **parts, step=step, epoch=epoch + 1, extra=extra)
        if chief:
            print(f"epoch {epoch + 1}: test loss {test_loss:.4f}, test accuracy {accuracy:.4f}")

    if chief and history["loss"]:
        curves = {
            "loss": {"train": history["loss"], "test": history["test loss"]},
            "accuracy": {"test": history["accuracy"]},
        }
        plot_curves(curves, args.plot, title="Fashion-MNIST")
        print(f"test accuracy: {history['accuracy'][-1]:.4f}")
        print(f"{time.monotonic() - began:.0f} s; curves in {args.plot}, checkpoints in {os.path.join(args.checkpoints, '')}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""A small convolutional network for bars in noise, in the manner of the well-known MNIST example: log_softmax, nll_loss, Adadelta."""

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import Dataset

from common import fill, report


class Bars(Dataset):
    """Noise with a horizontal, a vertical or a diagonal bar."""

    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        self.images = rng.randn(n, 1, 16, 16).astype(np.float32) * 0.3
        self.labels = rng.randint(0, 3, n)
        for image, label in zip(self.images, self.labels):
            at = rng.randint(2, 14)
            if label == 0:
                image[0, at] += 1
            elif label == 1:
                image[0, :, at] += 1
            else:
                image[0] += np.eye(16, dtype=np.float32)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i]), int(self.labels[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 16, 3, 1)
        self.norm = nn.BatchNorm2d(16)
        self.fc1 = nn.Linear(16 * 6 * 6, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.norm(self.conv2(x)))
        x = torch.flatten(F.max_pool2d(x, 2), 1)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


def train(args, model, device, loader, optimizer):
    model.train()
    losses = []
    for batch_idx, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if args.dry_run:
            break
    return losses


def test(model, device, loader):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for data, target in loader:
            output = model(data.to(device))
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    return [test_loss / len(loader.dataset), correct / len(loader.dataset)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args()
    device = torch.device("cpu")
    kwargs = {"batch_size": 32, "num_workers": 0, "pin_memory": False}
    train_loader = torch.utils.data.DataLoader(Bars(192, 3), **kwargs)
    test_loader = torch.utils.data.DataLoader(Bars(64, 4), **kwargs)
    model = fill(Net()).to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    losses = []
    for epoch in range(args.epochs):
        losses += train(args, model, device, train_loader, optimizer)
        scheduler.step()
    report(losses)
    report(test(model, device, test_loader), "end")


if __name__ == "__main__":
    main()

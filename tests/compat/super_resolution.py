"""Super-resolution by a sub-pixel convolution: PixelShuffle, orthogonal-like weights, Smooth L1, PSNR, interpolation as the rival."""

from math import log10

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader

from common import fill, report


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super(Net, self).__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 16, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(16, 16, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(16, 8, (3, 3), (1, 1), (1, 1))
        self.conv4 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.relu(self.conv3(x))
        return self.pixel_shuffle(self.conv4(x))


rng = np.random.RandomState(9)
y, x = np.mgrid[0:16, 0:16] / 16.0
waves = [np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + rng.uniform(0, 6)) * 0.5 + 0.5 for _ in range(48)]
large = torch.from_numpy(np.stack(waves)[:, None].astype(np.float32))
small = F.avg_pool2d(large, 2)
train = DataLoader(list(zip(small[:40], large[:40])), batch_size=8)
model = fill(Net(upscale_factor=2))
criterion = nn.SmoothL1Loss(beta=0.1)
optimizer = optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
losses = []
for epoch in range(3):
    for input, target in train:
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
with torch.no_grad():
    mse = F.mse_loss(model(small[40:]), large[40:])
    rival = F.mse_loss(F.interpolate(small[40:], scale_factor=2, mode="bicubic", align_corners=False), large[40:])
report(losses)
report([10 * log10(1 / mse.item()), 10 * log10(1 / rival.item())], "end")

"""A classifier of two rings: DataLoader, cross entropy, SGD with momentum, StepLR, accuracy."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset, random_split

from common import fill, report

rng = np.random.RandomState(1)
angle = rng.uniform(0, 2 * np.pi, 320)
label = rng.randint(0, 2, 320)
points = np.stack([np.cos(angle), np.sin(angle)], 1) * (1 + label)[:, None] + 0.1 * rng.randn(320, 2)
data = TensorDataset(torch.from_numpy(points).float(), torch.from_numpy(label))
train, test = torch.utils.data.Subset(data, range(256)), torch.utils.data.Subset(data, range(256, 320))
assert sum(map(len, random_split(data, [300, 20]))) == 320


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(2, 32)
        self.fc2 = nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, 2)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = fill(Net()).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
losses = []
for epoch in range(6):
    model.train()
    for x, y in DataLoader(train, batch_size=64, shuffle=False):
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
model.eval()
with torch.no_grad():
    correct = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(test, batch_size=32))
report(losses)
report([correct / len(test), scheduler.get_last_lr()[0]], "end")

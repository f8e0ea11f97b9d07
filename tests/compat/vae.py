"""A variational autoencoder: reparametrisation with noise of NumPy's, binary cross entropy and the divergence in closed form, Adam."""

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F

from common import fill, report

rng = np.random.RandomState(2)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, 4)
        self.fc22 = nn.Linear(40, 4)
        self.fc3 = nn.Linear(4, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.from_numpy(rng.randn(*mu.shape)).to(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


images = np.zeros((128, 1, 8, 8), np.float32)
for image in images:
    y, x = rng.randint(0, 5, 2)
    image[0, y : y + 4, x : x + 4] = rng.uniform(0.5, 1)
images = torch.from_numpy(images)
model = fill(VAE())
optimizer = optim.Adam(model.parameters(), lr=1e-2)
losses = []
for epoch in range(4):
    for i in range(0, 128, 32):
        data = images[i : i + 32]
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = loss_function(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()
        losses.append(loss.item() / len(data))
with torch.no_grad():
    sample = model.decode(torch.from_numpy(rng.randn(4, 4).astype(np.float32))).view(4, 1, 8, 8)
report(losses)
report([sample.mean(), sample.var()], "end")

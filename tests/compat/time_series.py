"""Sine waves predicted by two LSTMCells in double precision, trained by L-BFGS with a closure, and continued on their own output."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

from common import fill, report


class Sequence(nn.Module):
    def __init__(self):
        super(Sequence, self).__init__()
        self.lstm1 = nn.LSTMCell(1, 12)
        self.lstm2 = nn.LSTMCell(12, 12)
        self.linear = nn.Linear(12, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 12, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 12, dtype=torch.double)
        h_t2 = torch.zeros(input.size(0), 12, dtype=torch.double)
        c_t2 = torch.zeros(input.size(0), 12, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for i in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


shift = np.random.RandomState(2).randint(-20, 20, 6).reshape(6, 1)
waves = torch.from_numpy(np.sin((np.arange(24) + shift) / 4.0).astype("float64"))
input, target = waves[1:, :-1], waves[1:, 1:]
test_input, test_target = waves[:1, :-1], waves[:1, 1:]
seq = fill(Sequence()).double()
criterion = nn.MSELoss()
optimizer = optim.LBFGS(seq.parameters(), lr=0.8, max_iter=4)
losses = []
for i in range(3):

    def closure():
        optimizer.zero_grad()
        loss = criterion(seq(input), target)
        losses.append(loss.item())
        loss.backward()
        return loss

    optimizer.step(closure)
with torch.no_grad():
    pred = seq(test_input, future=5)
    loss = criterion(pred[:, :-5], test_target)
report(losses)
report([loss.item(), *pred[0, -5:].numpy()], "end")

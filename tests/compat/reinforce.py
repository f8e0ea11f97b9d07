"""REINFORCE on a walk of its own: Categorical, log_prob of stored actions, discounted returns, their normalisation, Adam."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

from common import fill, report


class Walk:
    """A point on a line is to be kept near 0: actions push it left or right, and it drifts."""

    def reset(self, seed):
        self.rng = np.random.RandomState(seed)
        self.state = np.array([self.rng.uniform(-1, 1), 0.0], np.float32)
        return self.state

    def step(self, action):
        x, v = self.state
        v = 0.9 * v + (0.1 if action else -0.1) + 0.02 * self.rng.randn()
        self.state = np.array([x + v, v], np.float32)
        return self.state, float(1.0 - abs(x + v)), bool(abs(x + v) > 2)


class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.affine1 = nn.Linear(2, 16)
        self.affine2 = nn.Linear(16, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.affine1(x))), dim=1)


policy = fill(Policy())
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
eps = np.finfo(np.float32).eps.item()
chance = np.random.RandomState(543)


def select_action(state):
    state = torch.from_numpy(state).float().unsqueeze(0)
    m = Categorical(policy(state))
    action = torch.tensor([int(chance.uniform() > m.probs[0, 0].item())])  # drawn by NumPy, so that all engines walk alike
    policy.saved_log_probs.append(m.log_prob(action))
    return action.item()


def finish_episode():
    R, returns, policy_loss = 0, [], []
    for r in policy.rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    policy_loss = torch.cat(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    return policy_loss.item()


env, losses, lengths = Walk(), [], []
for episode in range(10):
    state, done = env.reset(episode), False
    for t in range(30):
        state, reward, done = env.step(select_action(state))
        policy.rewards.append(reward)
        if done:
            break
    lengths.append(t + 1)
    losses.append(finish_episode())
report(losses)
report(lengths, "length")

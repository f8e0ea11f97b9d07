"""What a training step may hold: parameters + gradients + optimiser + what backward needs, and a tenth more; beside it the workspace
of a matrix product, one at a time. And a warm step asks the system for nothing.

Every case runs in a process of its own, because the counters are the process's."""

import json
import subprocess
import sys

import pytest

# Sizes in the order in which a step needs them. Prints peak reserved, the sum that is owed, and what warm steps took from the system.
RUN = """
import gc, json, sys
import rustorch as rt
from rustorch import nn, optim
from rustorch.nn import functional as F

rt.set_num_threads(2)
name, optimizer_name = sys.argv[1:3]
rt.manual_seed(0)
F32 = 4
if name in ("mlp", "wide"):
    B, sizes = (64, [784, 128, 64, 10]) if name == "mlp" else (256, [784, 1024, 1024, 1024, 10])
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    x = rt.rand(B, sizes[0])
    # Saved for backward: the results of the relus, which are the next layers' inputs, and the logits. Alive beside them: what a
    # relu gets and gives, forward or backward.
    saved = B * (sum(sizes[1:-1]) + sizes[-1]) * F32
    passing = B * 2 * sizes[1] * F32
else:
    B = 64
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 144, 10))
    x = rt.rand(B, 1, 28, 28)
    one, two, pooled = 16 * 26 * 26, 32 * 24 * 24, 32 * 12 * 12
    saved = B * (one + two + pooled + 10) * F32 + B * pooled * 8  # max_pool keeps the place of each maximum (int64)
    passing = B * 2 * two * F32
y = rt.arange(B) % 10
optimizer = getattr(optim, optimizer_name)(model.parameters(), lr=1e-3, **({"momentum": 0.9} if optimizer_name == "SGD" else {}))
states = {"SGD": 1, "Adam": 2, "Adadelta": 2}[optimizer_name]
n = sum(p.numel() for p in model.parameters())
owed = n * F32 * (2 + states) + x.numel() * F32 + B * 8 + saved + passing

def step():
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()

def room_of(product):
    # what a product takes and gives back beside its result
    rt.reset_peak_memory_stats()
    result = product()
    stats = rt.memory_stats()
    return stats["peak_bytes"] - stats["live_bytes"]

rooms = set()
for layer in model:
    if isinstance(layer, nn.Linear):
        a, g = rt.rand(B, layer.in_features), rt.rand(B, layer.out_features)
        rooms |= {room_of(lambda: F.linear(a, layer.weight)), room_of(lambda: g.t() @ a), room_of(lambda: g @ layer.weight)}
        del a, g
rt.empty_cache()  # what the initialisation of the parameters left
rt.reset_peak_memory_stats()
for _ in range(3):
    step()
warm = rt.memory_stats()
for _ in range(20):
    step()
after = rt.memory_stats()
print(json.dumps({"reserved": after["peak_reserved_bytes"], "owed": owed, "workspace": max(rooms, default=0), "asked": after["system_allocations"] - warm["system_allocations"],
                  "live": [warm["live_bytes"], after["live_bytes"]]}))
"""


def measure(name, optimizer):
    done = subprocess.run([sys.executable, "-c", RUN, name, optimizer], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ratio(found):
    return (found["reserved"] - found["workspace"]) / found["owed"]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", ["mlp", "wide", "cnn"])
def test_budget(name, optimizer):
    found = measure(name, optimizer)
    print(name, optimizer, round(ratio(found), 3), found)
    assert ratio(found) <= 1.1
    assert found["workspace"] <= 4 << 20  # two threads
    assert found["asked"] == 0, "a warm step asked the system for memory"
    assert found["live"][0] == found["live"][1]

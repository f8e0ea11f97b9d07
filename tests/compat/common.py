"""What the scripts share: weights and data drawn by NumPy, so that every engine starts alike, and the lines that are compared."""

import numpy as np
import torch

torch.set_num_threads(1)
torch.manual_seed(0)


def fill(model, seed=0):
    """Every parameter from NumPy's generator, uniform within 1/√(fan in)."""
    rng = np.random.RandomState(seed)
    with torch.no_grad():
        for p in model.parameters():
            fan = max(1, p[0].numel()) if p.dim() > 1 else p.numel()
            p.copy_(torch.from_numpy(rng.uniform(-1, 1, tuple(p.shape)).astype(np.float32) / fan**0.5))
    return model


def report(values, what="loss"):
    for step, value in enumerate(values):
        print(f"{what} {step} {float(value):.8g}", flush=True)

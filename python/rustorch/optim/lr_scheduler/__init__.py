"""Learning rates that change from epoch to epoch, or from step to step: PyTorch's schedulers.

``step()`` goes after the optimizer's ``step()``. Schedules that can be are chainable: each multiplies the rate that it
finds, so that several may work on one optimizer.
"""

from rustorch.optim.lr_scheduler._base import LRScheduler, _LRScheduler
from rustorch.optim.lr_scheduler._combined import ChainedScheduler, SequentialLR
from rustorch.optim.lr_scheduler._cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from rustorch.optim.lr_scheduler._cycle import CyclicLR, OneCycleLR
from rustorch.optim.lr_scheduler._epochs import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from rustorch.optim.lr_scheduler._plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip

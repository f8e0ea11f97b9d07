"""Optimisers: PyTorch's names, arguments and formulas, each step one pass over memory in C."""

from rustorch.optim import lr_scheduler
from rustorch.optim.adadelta import Adadelta
from rustorch.optim.adam import Adam, AdamW
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.sgd import SGD

__all__ = ["Adadelta", "Adam", "AdamW", "Optimizer", "SGD", "lr_scheduler"]

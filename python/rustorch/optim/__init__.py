"""Optimisers: PyTorch's names, arguments and formulas, each step one pass over memory in C."""

from rustorch.optim import lr_scheduler, optimizer, swa_utils
from rustorch.optim.adadelta import Adadelta
from rustorch.optim.adagrad import Adagrad
from rustorch.optim.adam import Adam, AdamW
from rustorch.optim.adamax import Adamax
from rustorch.optim.asgd import ASGD
from rustorch.optim.lbfgs import LBFGS
from rustorch.optim.nadam import NAdam
from rustorch.optim.optimizer import Optimizer
from rustorch.optim.radam import RAdam
from rustorch.optim.rmsprop import RMSprop
from rustorch.optim.rprop import Rprop
from rustorch.optim.sgd import SGD
from rustorch.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop",
    "SGD", "SparseAdam", "lr_scheduler", "optimizer", "swa_utils",
]  # fmt: skip

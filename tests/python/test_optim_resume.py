"""Every optimizer with every schedule goes on from a checkpoint file with the same bits."""

import pytest

import rustorch as torch
from rustorch import checkpoint, nn, optim
from rustorch.optim import lr_scheduler as sched

OPTIMIZERS = "SGD Adam AdamW Adadelta Adagrad RMSprop Adamax NAdam RAdam ASGD Rprop LBFGS".split()
SCHEDULES = {
    "MultiStepLR": lambda o: sched.MultiStepLR(o, [2, 3, 3]),
    "OneCycleLR": lambda o: sched.OneCycleLR(o, 0.1, 30, cycle_momentum=False),
    "LambdaLR": lambda o: sched.LambdaLR(o, lambda e: 1 / (1 + e)),
    "CyclicLR": lambda o: sched.CyclicLR(o, 0.1, 0.2, 3, cycle_momentum=False),
    "SequentialLR": lambda o: sched.SequentialLR(o, [sched.ConstantLR(o), sched.StepLR(o, 2)], [3]),
    "CosineAnnealingWarmRestarts": lambda o: sched.CosineAnnealingWarmRestarts(o, 2, 2),
    "ReduceLROnPlateau": lambda o: sched.ReduceLROnPlateau(o, patience=0),
}


class Run:
    def __init__(self, optimizer, schedule, rate):
        self.model = nn.Linear(3, 2)
        options = {"momentum": 0.9} if optimizer in ("SGD", "RMSprop") else {}
        self.optimizer = getattr(optim, optimizer)(self.model.parameters(), lr=rate, **options)
        self.scheduler = SCHEDULES[schedule](self.optimizer)

    def closure(self):
        self.optimizer.zero_grad()
        loss = (self.model(torch.arange(12.0).view(4, 3)) ** 2).mean()
        loss.backward()
        return loss

    def step(self):
        loss = self.optimizer.step(self.closure)
        plateau = isinstance(self.scheduler, sched.ReduceLROnPlateau)
        self.scheduler.step(*([loss.item()] if plateau else []))

    def parts(self):
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_same_bits(optimizer, schedule, tmp_path):
    first, second = Run(optimizer, schedule, 0.01), Run(optimizer, schedule, 0.5)
    for _ in range(3):
        first.step()
    checkpoint.save(tmp_path / "a.h5", **first.parts())
    checkpoint.load(tmp_path / "a.h5", **second.parts())
    for _ in range(3):
        first.step()
        second.step()
    for p, q in zip(first.model.parameters(), second.model.parameters()):
        assert p.tolist() == q.tolist()
    assert first.scheduler.get_last_lr() == second.scheduler.get_last_lr()

"""Schedules against their closed forms, and step by step against PyTorch where it is installed; weight averages."""

import math
import warnings

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn, optim
from rustorch.optim import lr_scheduler as sched
from rustorch.optim import swa_utils


def optimizer_of(library=torch, lr=1.0, kind="SGD", groups=1, **options):
    params = [{"params": [library.zeros(1, requires_grad=True)], "lr": lr / (i + 1)} for i in range(groups)]
    if kind == "SGD":
        options.setdefault("momentum", 0.9)
    return getattr(library.optim, kind)(params, lr=lr, **options)


def rates(make, n=12, library=torch, **options):
    optimizer = optimizer_of(library, **options)
    scheduler = make(library.optim.lr_scheduler, optimizer)
    seen = []
    for _ in range(n):
        momenta = [group["betas"][0] if "betas" in group else group["momentum"] for group in optimizer.param_groups]
        seen.append([group["lr"] for group in optimizer.param_groups] + momenta)
        optimizer.step()
        scheduler.step()
    return np.array(seen, dtype=float)


CLOSED = [
    (lambda s, o: s.LambdaLR(o, lambda e: 1 / (1 + e)), lambda e: 1 / (1 + e)),
    (lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9), lambda e: 0.9**e),
    (lambda s, o: s.StepLR(o, 3, 0.5), lambda e: 0.5 ** (e // 3)),
    (lambda s, o: s.MultiStepLR(o, [2, 5, 5], 0.5), lambda e: 0.5 ** ((e >= 2) + 2 * (e >= 5))),
    (lambda s, o: s.ConstantLR(o, 0.5, 4), lambda e: 0.5 if e < 4 else 1.0),
    (lambda s, o: s.LinearLR(o, 0.25, 0.75, 5), lambda e: 0.25 + 0.5 * min(e, 5) / 5),
    (lambda s, o: s.ExponentialLR(o, 0.8), lambda e: 0.8**e),
    (lambda s, o: s.PolynomialLR(o, 6, 2.0), lambda e: (1 - min(e, 6) / 6) ** 2),
    (lambda s, o: s.CosineAnnealingLR(o, 5, 0.1), lambda e: 0.1 + 0.9 * (1 + math.cos(math.pi * e / 5)) / 2),
    (lambda s, o: s.CosineAnnealingWarmRestarts(o, 4), lambda e: (1 + math.cos(math.pi * (e % 4) / 4)) / 2),
    (
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.1),
        lambda e: 0.1 + 0.9 * (1 + math.cos(math.pi * ((e - 6) / 8 if e >= 6 else (e - 2) / 4 if e >= 2 else e / 2))) / 2,
    ),
    (
        lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.5)], [4]),
        lambda e: 0.1 if e < 4 else 0.5 ** (e - 4),
    ),
    (
        lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.5)]),
        lambda e: (0.1 if e < 3 else 1.0) * 0.5**e,
    ),
]


@pytest.mark.parametrize("case", range(len(CLOSED)))
def test_closed_forms(case):
    make, form = CLOSED[case]
    want = np.array([form(e) for e in range(12)])
    seen = rates(make)
    assert np.allclose(seen[:, 0], want, rtol=1e-12, atol=1e-15) and np.all(seen[:, 1] == 0.9)


def test_cyclic_and_one_cycle():
    seen = rates(lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=4, step_size_down=2), 13)
    wave = np.array([0, 0.25, 0.5, 0.75, 1, 0.5] * 2 + [0])
    assert np.allclose(seen[:, 0], 0.1 + 0.4 * wave) and np.allclose(seen[:, 1], 0.9 - 0.1 * wave)
    seen = rates(lambda s, o: s.OneCycleLR(o, 1.0, total_steps=10, anneal_strategy="linear"), 10)
    rise, fall = np.linspace(0.04, 1, 3), np.linspace(1, 0.04 / 1e4, 8)[1:]
    assert np.allclose(seen[:, 0], np.concatenate([rise, fall]))
    optimizer = optimizer_of()
    scheduler = sched.OneCycleLR(optimizer, 1.0, total_steps=2)
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        scheduler.step()


class Doubler:
    factor = 2

    def __call__(self, epoch):
        return 0.5 + 0.1 * epoch


PEER = [make for make, _ in CLOSED] + [
    lambda s, o: s.CyclicLR(o, 0.1, 0.5, 3),
    lambda s, o: s.CyclicLR(o, 0.1, 0.5, 3, 2, mode="triangular2"),
    lambda s, o: s.CyclicLR(o, 0.1, 0.5, 3, mode="exp_range", gamma=0.9, base_momentum=0.5),
    lambda s, o: s.CyclicLR(o, 0.1, 0.5, 3, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations", cycle_momentum=False),
    lambda s, o: s.OneCycleLR(o, 0.5, 30),
    lambda s, o: s.OneCycleLR(o, 0.5, epochs=5, steps_per_epoch=6, three_phase=True, div_factor=10.0, pct_start=0.2),
    lambda s, o: s.OneCycleLR(o, 0.5, 30, anneal_strategy="linear", cycle_momentum=False, final_div_factor=10.0),
    lambda s, o: s.LambdaLR(o, Doubler()),
    lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 8), s.StepLR(o, 3)], [4, 12]
    ),
    lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.LinearLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.9)]), s.StepLR(o, 3)], [5]
    ),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("case", range(len(PEER)))
def test_step_by_step_as_pytorch(case, kind):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = rates(PEER[case], 25, torch, kind=kind, groups=2)
        b = rates(PEER[case], 25, peer, kind=kind, groups=2)
    assert np.allclose(a, b, rtol=1e-12, atol=1e-15)


def plain(state):
    return {k: [plain(s) for s in v] if k == "_schedulers" else v for k, v in state.items() if k[:3] != "_is"}


@pytest.mark.filterwarnings("ignore:Detected call")  # two parts of a chain make their second step at once
@pytest.mark.parametrize("case", range(len(PEER)))
def test_state_is_pytorchs(case):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    states = []
    for library in (torch, peer):
        optimizer = optimizer_of(library)
        scheduler = PEER[case](library.optim.lr_scheduler, optimizer)
        optimizer.step()
        scheduler.step()
        states.append(plain(scheduler.state_dict()))
    assert set(states[0]) == set(states[1])
    scheduler.load_state_dict(states[0])
    assert scheduler.get_last_lr() == states[0]["_last_lr"]


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("case", range(len(PEER)))
def test_state_goes_on_where_it_was(case):
    whole = rates(PEER[case], 20)
    optimizer = optimizer_of()
    scheduler = PEER[case](sched, optimizer)
    for _ in range(9):
        optimizer.step()
        scheduler.step()
    other = optimizer_of()
    again = PEER[case](sched, other)
    other.load_state_dict(optimizer.state_dict())
    again.load_state_dict(scheduler.state_dict())
    for row in whole[9:]:
        assert np.allclose(other.param_groups[0]["lr"], row[0], rtol=1e-12)
        other.step()
        again.step()


def plateau(library, measures, **options):
    optimizer = optimizer_of(library, groups=2)
    scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    seen = []
    for measure in measures:
        scheduler.step(measure)
        seen.append(scheduler.get_last_lr())
    return seen


PLATEAUS = [
    {"patience": 2},
    {"patience": 1, "mode": "max", "factor": 0.5},
    {"patience": 1, "threshold": 0.1, "threshold_mode": "abs", "cooldown": 2},
    {"patience": 0, "mode": "max", "threshold": 0.2, "threshold_mode": "abs", "min_lr": [0.05, 0.001], "eps": 1e-3},
]


def test_plateau():
    assert [r[0] for r in plateau(torch, [3, 2, 2, 2, 2, 1], patience=2)] == [1, 1, 1, 1, 0.1, 0.1]
    optimizer = optimizer_of()
    for options, words in [({"factor": 1.0}, "Factor"), ({"mode": "mid"}, "mode mid"), ({"threshold_mode": "x"}, "threshold")]:
        with pytest.raises(ValueError, match=words):
            sched.ReduceLROnPlateau(optimizer, **options)
    scheduler = sched.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0])
    optimizer.add_param_group({"params": [torch.zeros(1)]})
    scheduler.step(1.0)
    with pytest.raises(RuntimeError, match="number of param groups"):
        scheduler.step(2.0)


@pytest.mark.parametrize("options", PLATEAUS)
def test_plateau_as_pytorch(options):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    measures = np.round(np.random.default_rng(1).normal(size=40).cumsum(), 1).tolist() + [float("nan")] * 4
    assert plateau(torch, measures, **options) == plateau(peer, measures, **options)


def test_warnings_and_errors():
    optimizer = optimizer_of()
    scheduler = sched.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step\\(\\)`"):
        scheduler.step()
    with pytest.warns(UserWarning, match="please use `get_last_lr\\(\\)`"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(5)
    assert np.allclose(scheduler.get_last_lr(), [1e-5])
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        sched.StepLR(3, 1)
    with pytest.raises(KeyError, match="initial_lr"):
        sched.StepLR(optimizer_of(), 1, last_epoch=3)
    with pytest.raises(ValueError, match="Expected 1 lr_lambdas, but got 2"):
        sched.LambdaLR(optimizer, [abs, abs])
    with pytest.raises(ValueError, match="Expected positive integer T_0"):
        sched.CosineAnnealingWarmRestarts(optimizer, 0)
    with pytest.raises(ValueError, match="one more than the number of milestone"):
        sched.SequentialLR(optimizer, [scheduler], [1])
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        sched.ChainedScheduler([sched.ReduceLROnPlateau(optimizer)])
    with pytest.raises(ValueError, match="same optimizer"):
        sched.ChainedScheduler([scheduler, sched.StepLR(optimizer_of(), 1)])
    with pytest.raises(ValueError, match="must support momentum"):
        sched.CyclicLR(optim.Adagrad([torch.zeros(1)]), 0.1, 1.0)
    with pytest.raises(ValueError, match="either total_steps OR"):
        sched.OneCycleLR(optimizer, 1.0, epochs=3)
    with pytest.raises(ValueError, match="max_lr must have the same length"):
        sched.OneCycleLR(optimizer, [1.0, 2.0], 10)


def test_a_schedule_of_ones_own():
    class Half(sched._LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimizer = optimizer_of()
    scheduler = Half(optimizer)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5 and isinstance(scheduler, sched.LRScheduler)


# ---------------------------------------------------------------------------------------------- weight averages


def averaged(library, **options):
    model = library.nn.Sequential(library.nn.Linear(2, 2), library.nn.BatchNorm1d(2))
    utils = __import__(library.__name__ + ".optim.swa_utils", fromlist=["x"])
    average = utils.AveragedModel(model, **{k: v(utils) if callable(v) else v for k, v in options.items()})
    for step in range(4):
        with library.no_grad():
            for i, p in enumerate(model.parameters()):
                p.fill_(math.sin(1 + 3 * step + i))
            for b in model.buffers():
                b.fill_(step * 3)
        average.update_parameters(model)
    return [t.detach().numpy() for t in average.state_dict().values()]


AVERAGES = [
    {},
    {"use_buffers": True},
    {"avg_fn": lambda u: u.get_ema_avg_fn(0.9)},
    {"multi_avg_fn": lambda u: u.get_ema_multi_avg_fn(0.9), "use_buffers": True},
    {"avg_fn": lambda u: u.get_swa_avg_fn()},
    {"multi_avg_fn": lambda u: u.get_swa_multi_avg_fn()},
]


@pytest.mark.parametrize("options", AVERAGES)
def test_averages_as_pytorch(options):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    for a, b in zip(averaged(torch, **options), averaged(peer, **options)):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_averages():
    values = [math.sin(1 + 3 * step) for step in range(4)]
    assert np.allclose(averaged(torch)[1], np.mean(values), atol=1e-6)
    moving = values[0]
    for value in values[1:]:
        moving = 0.9 * moving + 0.1 * value
    assert np.allclose(averaged(torch, multi_avg_fn=lambda u: u.get_ema_multi_avg_fn(0.9))[1], moving, atol=1e-6)
    with pytest.raises(ValueError, match="Invalid decay value 2"):
        swa_utils.get_ema_avg_fn(2)
    with pytest.raises(AssertionError, match="Only one of"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=abs, multi_avg_fn=abs)


def test_update_bn():
    rng = np.random.default_rng(0)
    data = [torch.tensor(rng.normal(3, 2, (50, 3)), dtype=torch.float32) for _ in range(4)]
    model = nn.Sequential(nn.BatchNorm1d(3)).eval()
    swa_utils.update_bn([(x, 0) for x in data], model)
    whole = np.stack([x.numpy() for x in data])
    assert np.allclose(model[0].running_mean.numpy(), whole.mean((0, 1)), atol=1e-5)
    assert np.allclose(model[0].running_var.numpy(), whole.var(1, ddof=1).mean(0), atol=1e-4)
    assert model[0].momentum == 0.1 and not model.training


def swalr(library, **options):
    utils = __import__(library.__name__ + ".optim.swa_utils", fromlist=["x"])
    optimizer = optimizer_of(library, groups=2)
    scheduler = utils.SWALR(optimizer, **options)
    seen = []
    for _ in range(8):
        seen.append(scheduler.get_last_lr())
        optimizer.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize("options", [{"swa_lr": 0.05, "anneal_epochs": 5}, {"swa_lr": [0.1, 0.2], "anneal_strategy": "linear"},
                                     {"swa_lr": 0.1, "anneal_epochs": 0}])  # fmt: skip
def test_swalr_as_pytorch(options):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    assert np.allclose(swalr(torch, **options), swalr(peer, **options), rtol=1e-10)


def test_swalr():
    seen = np.array(swalr(torch, swa_lr=0.2, anneal_epochs=4, anneal_strategy="linear"))[:, 0]
    assert np.allclose(seen, [1, 0.8, 0.6, 0.4] + [0.2] * 4)
    with pytest.raises(ValueError, match="anneal_epochs"):
        swa_utils.SWALR(optimizer_of(), 0.1, anneal_epochs=-1)

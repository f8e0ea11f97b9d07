"""Every update rule against a double-precision reference over 100 steps, and against PyTorch where it is installed."""

import copy
import math
import pickle

import numpy as np
import pytest

import rustorch as torch
from rustorch import optim


def decayed(p, g, maximize, weight_decay):
    return (-g if maximize else g) + weight_decay * p


def adagrad(p, g, s, t, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=False):
    g = decayed(p, g, maximize, weight_decay)
    s["sum"] = s.get("sum", initial_accumulator_value) + g * g
    return p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["sum"]) + eps)


def rmsprop(p, g, s, t, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False):
    g = decayed(p, g, maximize, weight_decay)
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g * g
    v = s["v"]
    if centered:
        s["m"] = alpha * s.get("m", 0) + (1 - alpha) * g
        v = v - s["m"] ** 2
    s["b"] = momentum * s.get("b", 0) + g / (np.sqrt(v) + eps)
    return p - lr * s["b"]


def adamax(p, g, s, t, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, maximize=False):
    g = decayed(p, g, maximize, weight_decay)
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["u"] = np.maximum(betas[1] * s.get("u", 0), np.abs(g) + eps)
    return p - lr / (1 - betas[0] ** t) * s["m"] / s["u"]


def shrunk(p, g, lr, weight_decay, decoupled, maximize):
    if decoupled:
        return p * (1 - lr * weight_decay), -g if maximize else g
    return p, decayed(p, g, maximize, weight_decay)


def moments(s, g, betas):
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g


def nadam(
    p, g, s, t, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3, decoupled_weight_decay=False,
    maximize=False,
):  # fmt: skip
    p, g = shrunk(p, g, lr, weight_decay, decoupled_weight_decay, maximize)
    moments(s, g, betas)
    mu, after = (betas[0] * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
    s["product"] = s.get("product", 1.0) * mu
    m = after * s["m"] / (1 - s["product"] * after) + (1 - mu) * g / (1 - s["product"])
    return p - lr * m / (np.sqrt(s["v"] / (1 - betas[1] ** t)) + eps)


def radam(
    p, g, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, maximize=False
):  # fmt: skip
    p, g = shrunk(p, g, lr, weight_decay, decoupled_weight_decay, maximize)
    moments(s, g, betas)
    m = s["m"] / (1 - betas[0] ** t)
    limit = 2 / (1 - betas[1]) - 1
    length = limit - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
    if length <= 5:
        return p - lr * m
    r = math.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length))
    return p - lr * m * r * math.sqrt(1 - betas[1] ** t) / (np.sqrt(s["v"]) + eps)


def asgd(p, g, s, t, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, maximize=False):
    g = decayed(p, g, maximize, weight_decay)
    eta, mu = s.get("eta", lr), s.get("mu", 1)
    p = p * (1 - lambd * eta) - eta * g
    s["ax"] = s.get("ax", 0) + mu * (p - s.get("ax", 0))
    s["eta"], s["mu"] = lr / (1 + lambd * lr * t) ** alpha, 1 / max(1, t - t0)
    return p


def rprop(p, g, s, t, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), maximize=False):
    g = -g if maximize else g
    agree = np.sign(g * s.get("prev", 0))
    s["size"] = np.clip(s.get("size", lr) * np.where(agree > 0, etas[1], np.where(agree < 0, etas[0], 1)), *step_sizes)
    s["prev"] = g = np.where(agree < 0, 0, g)
    return p - np.sign(g) * s["size"]


CASES = [
    ("Adagrad", adagrad, {}),
    ("Adagrad", adagrad, {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-6}),
    ("Adagrad", adagrad, {"maximize": True}),
    ("RMSprop", rmsprop, {}),
    ("RMSprop", rmsprop, {"alpha": 0.9, "weight_decay": 0.1, "momentum": 0.5, "maximize": True}),
    ("RMSprop", rmsprop, {"centered": True, "eps": 1e-4, "momentum": 0.9}),
    ("RMSprop", rmsprop, {"centered": True, "eps": 1e-4}),
    ("Adamax", adamax, {}),
    ("Adamax", adamax, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-3, "maximize": True}),
    ("NAdam", nadam, {}),
    ("NAdam", nadam, {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1, "momentum_decay": 0.05, "maximize": True}),
    ("NAdam", nadam, {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", radam, {}),
    ("RAdam", radam, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-4, "maximize": True}),
    ("RAdam", radam, {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", asgd, {}),
    ("ASGD", asgd, {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 20, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", rprop, {}),
    ("Rprop", rprop, {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (1e-2, 0.3), "maximize": True}),
]
NAMES = [f"{name}-{i}" for i, (name, _, _) in enumerate(CASES)]
SHAPES = [(3, 5), (0,), (7,), (5000,), (1,), ()]


def gradients(seed, steps=100):
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=shape) for shape in SHAPES]
    # exact in f32, so that both precisions see the same numbers
    steps = [[np.float64(np.float32(rng.normal(size=shape))) for shape in SHAPES] for _ in range(steps)]
    return start, steps


def run(library, name, options, dtype, seed, steps=100):
    start, all_gradients = gradients(seed, steps)
    params = [library.tensor(v, dtype=dtype, requires_grad=True) for v in start]
    optimizer = getattr(library.optim, name)(params, **options)
    for step in all_gradients:
        for p, g in zip(params, step):
            p.grad = library.tensor(g, dtype=dtype)
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-11), (torch.float32, 3e-4)])
@pytest.mark.parametrize("case", range(len(CASES)), ids=NAMES)
def test_hundred_steps(case, dtype, tolerance):
    name, reference, options = CASES[case]
    values, steps = gradients(case)
    states = [{} for _ in values]
    for t, step in enumerate(steps, 1):
        values = [reference(v, g, s, t, **options) for v, g, s in zip(values, step, states)]
    params, optimizer = run(torch, name, options, dtype, case)
    for p, v in zip(params, values):
        assert p.shape == v.shape
        assert np.abs(p.detach().numpy() - v).max(initial=0) <= tolerance * (1 + np.abs(v).max(initial=0))
    if name == "ASGD":
        ax = optimizer.state[params[0]]["ax"].numpy()
        assert np.abs(ax - states[0]["ax"]).max() <= tolerance * 10


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", range(len(CASES)), ids=NAMES)
def test_low_precision_is_the_float_step_rounded(case, dtype):
    name, reference, options = CASES[case]
    rng = np.random.default_rng(case)
    values = torch.tensor(rng.normal(size=600), dtype=dtype)
    gradient = torch.tensor(rng.normal(size=600), dtype=dtype)
    p = values.clone().requires_grad_()
    p.grad = gradient
    optimizer = getattr(optim, name)([p], **options)
    optimizer.step()
    want = reference(values.double().numpy(), gradient.double().numpy(), {}, 1, **options)
    ulp = 2.0 ** (-8 if dtype == torch.bfloat16 else -11)
    kept = ulp * options.get("lr", 0.01)  # rprop's step size is kept in the parameter's dtype
    assert np.all(np.abs(p.detach().double().numpy() - want) <= ulp * np.abs(want) * 1.01 + 1e-5 + kept)
    assert {v.dtype for v in optimizer.state[p].values() if v.dim() == 1} == {dtype}


@pytest.mark.parametrize("case", range(len(CASES)), ids=NAMES)
def test_threads_and_strides_change_nothing(case):
    name, _, options = CASES[case]
    threads = torch.get_num_threads()
    rng = np.random.default_rng(case)
    values, gradient = rng.normal(size=(60, 500)), rng.normal(size=(60, 500))
    results = []
    try:
        for n, transposed in ((1, False), (2, False), (2, True)):
            torch.set_num_threads(n)
            base = torch.tensor(values, dtype=torch.float32)
            p = (base.t().contiguous().t() if transposed else base).requires_grad_()
            optimizer = getattr(optim, name)([p], **options)
            for _ in range(3):
                p.grad = torch.tensor(gradient, dtype=torch.float32)
                optimizer.step()
            results.append(p.detach().numpy().tobytes())
    finally:
        torch.set_num_threads(threads)
    assert results[0] == results[1] == results[2]


ALL = ["SGD", "Adam", "AdamW", "Adadelta", "Adagrad", "RMSprop", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"]


@pytest.mark.parametrize("name", ALL)
def test_state_goes_on_where_it_was(name):
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    params, optimizer = run(torch, name, {**options, "lr": 0.1}, torch.float32, 3, steps=4)
    others = [p.detach().clone().requires_grad_() for p in params]
    other = getattr(optim, name)(others, lr=9.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert other.param_groups[0]["lr"] == 0.1
    _, steps = gradients(5, 3)
    for step in steps:
        for group, opt in ((params, optimizer), (others, other)):
            for p, g in zip(group, step):
                p.grad = torch.tensor(g, dtype=torch.float32)
            opt.step()
    for p, q in zip(params, others):
        assert np.array_equal(p.detach().numpy(), q.detach().numpy())


@pytest.mark.parametrize("name", ALL)
def test_what_cannot_be_honoured_is_refused(name):
    p = [torch.zeros(1, requires_grad=True)]
    kind = getattr(optim, name)
    with pytest.raises(NotImplementedError, match="differentiable=True is not supported"):
        kind(p, differentiable=True)
    if name not in ("SGD", "Adagrad"):
        with pytest.raises(RuntimeError, match="capturable=True is for CUDA graphs"):
            kind(p, capturable=True)
    if name in ("SGD", "Adam", "AdamW", "Adagrad"):
        with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
            kind(p, fused=True, foreach=True)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        kind(p, lr=-1.0)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        kind(p, lr=torch.ones(2))
    optimizer = kind(p, foreach=True)
    assert optimizer.param_groups[0]["foreach"] is True


def test_options_out_of_range():
    p = [torch.zeros(1, requires_grad=True)]
    for make, words in [
        (lambda: optim.RMSprop(p, momentum=-1), "Invalid momentum value"),
        (lambda: optim.RMSprop(p, alpha=-1), "Invalid alpha value"),
        (lambda: optim.Adagrad(p, lr_decay=-1), "Invalid lr_decay value"),
        (lambda: optim.Adagrad(p, initial_accumulator_value=-1), "Invalid initial_accumulator_value"),
        (lambda: optim.NAdam(p, momentum_decay=-1), "Invalid momentum_decay"),
        (lambda: optim.RAdam(p, betas=(1.0, 0.9)), "beta parameter at index 0"),
        (lambda: optim.ASGD(p, lambd=-1), "Invalid lambd"),
        (lambda: optim.Rprop(p, etas=(1.5, 1.2)), "Invalid eta values: 1.5, 1.2"),
        (lambda: optim.Adamax(p, eps=-1), "Invalid epsilon"),
        (lambda: optim.Adamax(p, weight_decay=-1), "Invalid weight_decay"),
        (lambda: optim.Adam(p, eps=float("nan")), "Invalid epsilon value: nan"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()


def test_nothing_is_written_when_a_state_does_not_fit():
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    a.grad = b.grad = torch.ones(3)
    optimizer = optim.Adam([a, b])
    optimizer.step()
    before = a.detach().numpy().copy()
    optimizer.state[b]["exp_avg"] = torch.zeros(2)
    with pytest.raises(RuntimeError, match="state of parameter 1"):
        optimizer.step()
    assert np.array_equal(a.detach().numpy(), before) and float(optimizer.state[a]["step"]) == 1


def test_tensor_rate_and_missing_gradients():
    rate = torch.tensor(0.5)
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    a.grad = torch.ones(2)
    optimizer = optim.SGD([a, b], lr=rate)
    optimizer.step()
    assert a.tolist() == [0.5, 0.5] and b.tolist() == [1, 1] and not optimizer.state[b]
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and float(rate) == 0.25


def test_momentum_switched_on_later_starts_from_the_gradient():
    p = torch.zeros(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0, dampening=0.5)
    p.grad = torch.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.step()
    assert p.tolist() == [-2.0] and optimizer.state[p]["momentum_buffer"].tolist() == [1.0]


# ---------------------------------------------------------------------------------------------- the base class


def test_hooks_of_all_kinds():
    seen = []
    p = torch.ones(1, requires_grad=True)
    p.grad = torch.ones(1)
    optimizer = optim.Adam([p])
    from rustorch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    everywhere = [
        register_optimizer_step_pre_hook(lambda o, a, k: seen.append("all before")),
        register_optimizer_step_post_hook(lambda o, a, k: seen.append("all after")),
    ]
    optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before") or (a, {"closure": lambda: 7}))
    handle = optimizer.register_step_post_hook(lambda o, a, k: seen.append("after"))
    assert optimizer.step() == 7
    assert seen == ["all before", "before", "after", "all after"]
    for h in everywhere:
        h.remove()
    handle.remove()
    optimizer.step()
    assert seen[4:] == ["before"]
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("collect"))
    optimizer.register_state_dict_post_hook(lambda o, s: {**s, "extra": 1})
    state = optimizer.state_dict()
    assert state["extra"] == 1 and seen[-1] == "collect"
    optimizer.register_load_state_dict_pre_hook(lambda o, s: {**s, "param_groups": [{**s["param_groups"][0], "lr": 5.0}]})
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 5.0 and seen[-1] == "loaded"
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.register_step_pre_hook(lambda o, a, k: 3)
        optimizer.step()


class Mine(optim.Optimizer):
    def __init__(self, params, lr=optim.optimizer.required):
        super().__init__(params, {"lr": lr})

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("added", 1)

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["n"] = self.state[p].get("n", 0) + 1
                p.data.add_(p.grad, alpha=-group["lr"])


class Doubled(Mine):
    def step(self, closure=None):
        super().step(closure)
        super().step(closure)


def test_an_optimizer_of_ones_own():
    p = torch.ones(1, requires_grad=True)
    p.grad = torch.ones(1)
    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        Mine([p])
    calls = []
    optimizer = Doubled([{"params": [p], "lr_scale": 3}], lr=0.25)
    optimizer.register_step_post_hook(lambda *a: calls.append(1))
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    scheduler.step()  # no warning: the step was seen
    assert float(p) == 0.5 and calls == [1] and optimizer.param_groups[0]["lr_scale"] == 3
    other = Doubled([p], lr=1.0)
    other.load_state_dict(optimizer.state_dict())
    assert other.state[p]["n"] == 2 and other.param_groups[0]["added"] == 1


def test_copies_and_pickles():
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    optimizer = optim.Adam([p])
    optimizer.step()
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (q,) = other.param_groups[0]["params"]
        assert q is not p and float(other.state[q]["step"]) == 1
        q.grad = torch.ones(2)
        other.step()
        assert float(optimizer.state[p]["step"]) == 1


def test_named_parameters():
    model = torch.nn.Linear(2, 1)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [torch.zeros(1)]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("a", torch.zeros(1)), torch.zeros(1)])


# ---------------------------------------------------------------------------------------------- L-BFGS


def rosenbrock(library, options, steps=15):
    x = library.tensor([-1.2, 1.0], dtype=library.float64, requires_grad=True)
    optimizer = library.optim.LBFGS([x], **options)

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        if options.get("maximize"):
            loss = -loss
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(steps)]
    return x.detach().numpy(), losses, optimizer


@pytest.mark.parametrize("options", [{"line_search_fn": "strong_wolfe"}, {"line_search_fn": "strong_wolfe", "maximize": True}])
def test_lbfgs_finds_the_minimum_of_rosenbrock(options):
    x, losses, _ = rosenbrock(torch, {**options, "tolerance_change": 1e-16, "tolerance_grad": 1e-9})
    assert np.abs(x - 1).max() < 1e-7 and abs(losses[-1]) < abs(losses[0])


def test_lbfgs_state_and_errors():
    x, _, optimizer = rosenbrock(torch, {"max_iter": 3, "max_eval": 9, "lr": 1e-3}, steps=2)
    state = optimizer.state_dict()
    assert state["state"][0]["n_iter"] == 6 and len(state["state"][0]["old_dirs"]) <= 5
    other = optim.LBFGS([torch.zeros(2, dtype=torch.float64, requires_grad=True)])
    other.load_state_dict(state)
    assert other.state[other.param_groups[0]["params"][0]]["n_iter"] == 6
    p = torch.zeros(1, requires_grad=True)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [p]}, {"params": [torch.zeros(1)]}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe'"):
        optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([p]).step(None)


# ---------------------------------------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("case", range(len(CASES)), ids=NAMES)
def test_values_and_state_are_pytorchs(case):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    name, _, options = CASES[case]
    ours, optimizer = run(torch, name, options, torch.float64, case)
    theirs, other = run(peer, name, options, peer.float64, case)
    for p, q in zip(ours, theirs):  # its numbers kept a parameter are f32
        assert np.allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6, atol=1e-6)
    a, b = optimizer.state_dict(), other.state_dict()
    assert set(a["param_groups"][0]) == set(b["param_groups"][0])
    assert {k: v for k, v in a["param_groups"][0].items()} == {k: v for k, v in b["param_groups"][0].items()}
    assert set(a["state"]) == set(b["state"])
    for number in b["state"]:
        assert list(a["state"][number]) == list(b["state"][number])
        for key, value in b["state"][number].items():
            assert tuple(value.shape) == tuple(a["state"][number][key].shape)
    given = {"param_groups": b["param_groups"], "state": {
        n: {k: torch.tensor(v.numpy()) for k, v in s.items()} for n, s in b["state"].items()}}  # fmt: skip
    optimizer.load_state_dict(given)
    optimizer.step()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adadelta"])
def test_groups_are_pytorchs(name):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    options = {"momentum": 0.9} if name == "SGD" else {}
    _, a = run(torch, name, options, torch.float64, 0, 2)
    _, b = run(peer, name, options, peer.float64, 0, 2)
    assert a.state_dict()["param_groups"] == b.state_dict()["param_groups"]
    assert {n: list(s) for n, s in a.state_dict()["state"].items()} == {n: list(s) for n, s in b.state_dict()["state"].items()}
    assert repr(a) == repr(b)


@pytest.mark.parametrize("options", [{}, {"lr": 0.1, "max_iter": 7, "history_size": 3}, {"line_search_fn": "strong_wolfe"}])
def test_lbfgs_takes_pytorchs_steps(options):
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    x, losses, a = rosenbrock(torch, {"lr": 0.001, **options}, steps=3)
    y, others, b = rosenbrock(peer, {"lr": 0.001, **options}, steps=3)
    assert np.allclose(x, y, rtol=1e-6) and np.allclose(losses, others, rtol=1e-6)
    mine, theirs = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert (mine["n_iter"], mine["func_evals"]) == (theirs["n_iter"], theirs["func_evals"])

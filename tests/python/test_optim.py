"""Optimisers against a double-precision reference written here, over 100 steps."""

import math

import numpy as np
import pytest

import rustorch as torch
from rustorch import optim


def sgd(p, g, s, t, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    g = (-g if maximize else g) + weight_decay * p
    if momentum:
        s["b"] = g if t == 1 else momentum * s["b"] + (1 - dampening) * g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return p - lr * g


def adam(p, g, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False, decoupled=False):
    g = -g if maximize else g
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    v = s["v"]
    if amsgrad:
        v = s["x"] = np.maximum(s.get("x", 0), v)
    return p - lr / (1 - betas[0] ** t) * s["m"] / (np.sqrt(v) / math.sqrt(1 - betas[1] ** t) + eps)


def adadelta(p, g, s, t, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    g = (-g if maximize else g) + weight_decay * p
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g * g
    d = np.sqrt(s.get("d", 0) + eps) / np.sqrt(s["v"] + eps) * g
    s["d"] = rho * s.get("d", 0) + (1 - rho) * d * d
    return p - lr * d


CASES = [
    (optim.SGD, sgd, {"lr": 0.01}),
    (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9, "dampening": 0.3}),
    (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9, "nesterov": True, "maximize": True}),
    (optim.Adam, adam, {}),
    (optim.Adam, adam, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True, "betas": (0.8, 0.99)}),
    (optim.Adam, adam, {"maximize": True}),
    (optim.AdamW, lambda *a, **k: adam(*a, decoupled=True, **k), {"lr": 0.01, "weight_decay": 0.1}),
    (optim.Adadelta, adadelta, {}),
    (optim.Adadelta, adadelta, {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1, "maximize": True}),
]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-11), (torch.float32, 2e-4)])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_hundred_steps(case, dtype, tolerance):
    kind, reference, options = CASES[case]
    rng = np.random.default_rng(case)
    shapes = [(3, 5), (7,), (5000,), (1,)]
    values = [rng.normal(size=shape) for shape in shapes]
    params = [torch.tensor(v, dtype=dtype, requires_grad=True) for v in values]
    states = [{} for _ in shapes]
    optimizer = kind(params, **options)
    for t in range(1, 101):
        for i, p in enumerate(params):
            g = rng.normal(size=shapes[i]).astype(np.float32).astype(np.float64)
            p.grad = torch.tensor(g, dtype=dtype)
            values[i] = reference(values[i], g, states[i], t, **options)
        optimizer.step()
    for p, v in zip(params, values):
        assert np.abs(p.detach().numpy() - v).max() <= tolerance * (1 + np.abs(v).max())


def test_low_precision_and_strided_parameters():
    p = torch.zeros(300, dtype=torch.bfloat16, requires_grad=True)
    p.grad = torch.ones(300, dtype=torch.bfloat16)
    optim.SGD([p], lr=0.5).step()
    assert float(p[7]) == -0.5
    base = torch.zeros(4, 6)
    q = base.t().requires_grad_()
    q.grad = torch.ones(6, 4)
    optim.SGD([q], lr=1.0).step()
    assert np.array_equal(base.numpy(), -np.ones((4, 6)))


def test_parameters_without_gradient_stay():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    a.grad = torch.ones(2)
    optimizer = optim.Adam([a, b])
    optimizer.step()
    assert np.array_equal(b.detach().numpy(), [1, 1]) and b not in optimizer.state


def test_groups():
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b]}], lr=0.1)
    a.grad = b.grad = torch.ones(1)
    optimizer.step()
    assert float(a) == 0.0 and abs(float(b) - 0.9) < 1e-6
    with pytest.raises(TypeError, match="has no option 'momentun'"):
        optim.SGD([{"params": [torch.zeros(1)], "momentun": 0.9}], lr=0.1)
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [a]})


def test_bad_options():
    p = [torch.zeros(1, requires_grad=True)]
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optim.SGD(p, lr=-1)
    with pytest.raises(ValueError, match="Nesterov momentum requires"):
        optim.SGD(p, lr=1, nesterov=True)
    with pytest.raises(ValueError, match="beta parameter at index 1"):
        optim.Adam(p, betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.Adam([])
    with pytest.raises(TypeError, match="iterable of Tensors"):
        optim.Adam(torch.zeros(1))
    with pytest.raises(ValueError, match="non-leaf"):
        optim.Adam([torch.zeros(1, requires_grad=True) * 2])


def test_state_dict_round_trip():
    def made(seed):
        rng = np.random.default_rng(seed)
        p = [torch.tensor(rng.normal(size=5), dtype=torch.float32, requires_grad=True) for _ in range(2)]
        return p, optim.Adam(p, lr=0.1)

    p, a = made(0)
    for _ in range(3):
        for q in p:
            q.grad = q.detach() * 0.5
        a.step()
    q, b = made(0)
    with torch.no_grad():
        for x, y in zip(q, p):
            x.copy_(y)
    b.load_state_dict(a.state_dict())
    for params, optimizer in ((p, a), (q, b)):
        for x in params:
            x.grad = torch.ones(5)
        optimizer.step()
    for x, y in zip(p, q):
        assert np.array_equal(x.detach().numpy(), y.detach().numpy())
    with pytest.raises(ValueError, match="parameter groups"):
        b.load_state_dict({"state": {}, "param_groups": []})


def test_closure_runs_with_gradients():
    x = torch.tensor([2.0], requires_grad=True)
    optimizer = optim.SGD([x], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure)) == 4.0
    assert abs(float(x) - 1.6) < 1e-6


def rates(scheduler_of, n=8, lr=1.0):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = scheduler_of(optimizer)
    seen = []
    for _ in range(n):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_schedulers():
    assert np.allclose(rates(lambda o: optim.lr_scheduler.StepLR(o, 3, 0.5)), [0.5 ** (e // 3) for e in range(8)])
    assert np.allclose(rates(lambda o: optim.lr_scheduler.LambdaLR(o, lambda e: 1 / (1 + e))), [1 / (1 + e) for e in range(8)])
    want = [0.1 + 0.9 * (1 + math.cos(math.pi * e / 5)) / 2 for e in range(8)]
    assert np.allclose(rates(lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 5, 0.1)), want)


def test_scheduler_state():
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    scheduler.step()
    other = optim.lr_scheduler.StepLR(optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0), 7)
    other.load_state_dict(scheduler.state_dict())
    assert other.step_size == 2 and other.last_epoch == 1

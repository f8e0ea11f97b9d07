"""Autocast by the table's column, and loss scaling."""

import threading

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.nn import functional as F


def test_products_are_low_and_losses_are_not():
    x, w = torch.randn(4, 8), torch.randn(3, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = F.linear(x, w)
        assert y.dtype == torch.bfloat16
        assert (x @ x.t()).dtype == torch.bfloat16
        assert F.conv2d(x.reshape(1, 1, 4, 8), torch.randn(1, 1, 2, 2)).dtype == torch.bfloat16
        assert F.relu(y).dtype == torch.bfloat16 and y.softmax(-1).dtype == torch.bfloat16
        assert F.mse_loss(y, torch.zeros(4, 3)).dtype == torch.float32
        assert F.cross_entropy(y, torch.zeros(4, dtype=torch.int64)).dtype == torch.float32
        assert torch.cat([y, torch.ones(4, 3)]).dtype == torch.float32
        assert (x.double() @ x.double().t()).dtype == torch.float64
        assert (torch.ones(2, 2, dtype=torch.int64) @ torch.ones(2, 2, dtype=torch.int64)).dtype == torch.int64
    assert F.linear(x, w).dtype == torch.float32


def test_float16_keeps_what_leaves_its_range():
    x = torch.full((2, 2), 12.0)
    with torch.autocast("cpu", dtype=torch.float16):
        y = x @ x
        assert y.dtype == torch.float16
        assert y.exp().dtype == torch.float32 and torch.isfinite((y / 10).exp()).all()


def test_values_are_those_of_rounded_inputs():
    x, w = torch.randn(5, 7), torch.randn(3, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = F.linear(x, w)
    exact = x.bfloat16().double() @ w.bfloat16().double().t()
    assert (y.double() - exact).abs().max() <= exact.abs().max() * 2**-8


def test_gradients_of_float32_weights_are_float32():
    model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 2))
    x = torch.randn(32, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(x).float().pow(2).mean()
    loss.backward()
    low = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model(x).pow(2).mean().backward()
    for a, p in zip(low, model.parameters()):
        assert a.dtype == torch.float32
        assert (a - p.grad).norm() <= 0.03 * p.grad.norm()


def test_weights_are_cast_once():
    w = torch.randn(4, 4, requires_grad=True)
    x = torch.randn(2, 4)
    with torch.autocast("cpu"):
        a, b = F.linear(x, w), F.linear(x, w)
        edges = [next(n for n, _ in y.grad_fn.next_functions if n is not None) for y in (a, b)]
        assert edges[0] == edges[1]
        with torch.no_grad():
            w.mul_(2)
        c = F.linear(x, w)  # the weight was written to: cast again
        assert torch.equal(c, F.linear(x.bfloat16(), w.detach().bfloat16()))
    with torch.autocast("cpu", cache_enabled=False):
        a, b = F.linear(x, w), F.linear(x, w)
        edges = [next(n for n, _ in y.grad_fn.next_functions if n is not None) for y in (a, b)]
        assert edges[0] != edges[1]


def test_nesting_decorator_threads():
    x = torch.ones(2, 2)

    @torch.autocast("cpu")
    def product(x):
        with torch.autocast("cpu", enabled=False):
            inside = (x @ x).dtype
        return inside, (x @ x).dtype

    assert product(x) == (torch.float32, torch.bfloat16)
    found = []
    with torch.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((x @ x).dtype))
        thread.start()
        thread.join()
        assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    assert found == [torch.float32] and not torch.is_autocast_enabled("cpu")


def test_in_place_and_out_are_left_alone():
    x, out = torch.ones(2, 2), torch.empty(2, 2)
    with torch.autocast("cpu"):
        torch.mm(x, x, out=out)
        x.addmm_(x.clone(), x.clone())
    assert out.dtype == torch.float32 and x.dtype == torch.float32


def test_what_is_refused():
    with pytest.raises(RuntimeError, match="no device type 'tpu9'"):
        torch.autocast("tpu9")
    with pytest.raises(TypeError, match="device_type must be a str"):
        torch.autocast(True)
    with pytest.warns(UserWarning, match="no low precision"), torch.autocast("cpu", dtype=torch.float64):
        assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.float32
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match="not available"), torch.autocast("cuda"):
            assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.float32
        with pytest.warns(UserWarning, match="not available"):
            assert not torch.cuda.amp.GradScaler().is_enabled()


def test_custom_function():
    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            assert x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
            return x @ w

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            x, w = ctx.saved_tensors
            return grad @ w.t(), x.t() @ grad

    w = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        y = Product.apply(torch.ones(2, 2).bfloat16(), w)
    assert y.dtype == torch.float32
    y.sum().backward()
    assert w.grad.tolist() == [[2, 2], [2, 2]]


def scaler_and_weight(**options):
    w = torch.ones(2, requires_grad=True)
    return torch.amp.GradScaler("cpu", init_scale=8.0, **options), w, torch.optim.SGD([w], lr=0.5)


def test_scaler_steps_grows_and_backs_off():
    scaler, w, optimizer = scaler_and_weight(growth_interval=2)
    for expected in (8.0, 16.0):
        optimizer.zero_grad()
        loss = scaler.scale(w.sum())
        assert float(loss) == float(w.sum()) * scaler.get_scale()
        loss.backward()
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == expected
    assert w.tolist() == [0, 0]
    w.grad = torch.tensor([np.inf, 1.0])
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0, 0] and scaler.get_scale() == 8.0


def test_scaler_with_clipping_state_and_errors():
    scaler, w, optimizer = scaler_and_weight()
    scaler.scale((w * 3).sum()).backward()
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="step\\(\\) has already"):
        scaler.step(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match="no gradients were unscaled"):
        scaler.update()
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    assert scaler.scale([w, {"a": w}])[1]["a"].tolist() == (w * 8).tolist()
    with pytest.raises(ValueError, match="growth factor"):
        torch.amp.GradScaler("cpu", growth_factor=1.0)
    off = torch.amp.GradScaler("cpu", enabled=False)
    assert off.scale(w) is w and off.get_scale() == 1.0 and off.state_dict() == {}


def test_bfloat16_training_learns():
    torch.manual_seed(0)
    x = torch.randn(256, 10)
    y = (x[:, :1] * 2 - x[:, 1:2]).tanh()
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        with torch.autocast("cpu"):
            loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.05 * losses[0]

"""Save hooks, checkpointing, anomaly mode, functional derivatives."""

import gc
import warnings
import weakref

import numpy as np
import pytest

import rustorch as torch
from rustorch.autograd import functional, gradgradcheck, graph
from rustorch.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

nn = torch.nn


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3), nn.Tanh(), nn.Linear(3, 1))


# save hooks


def test_save_hooks_see_inputs_and_outputs():
    seen = []
    x, y = torch.tensor([2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: seen.append(t.clone()) or t, lambda t: t):
        z = (x * y).exp()
    assert sorted(float(t) for t in seen) == pytest.approx([2, 3, np.exp(6)])
    z.backward()
    assert float(x.grad) == pytest.approx(3 * np.exp(6), rel=1e-6)


def test_save_hooks_nest_and_end():
    names = []

    def hooks(name):
        return graph.saved_tensors_hooks(lambda t: names.append(name) or t, lambda t: t)

    x = torch.ones(1, requires_grad=True)
    with hooks("outer"):
        with hooks("inner"):
            x.exp()
        x.exp()
    x.exp()
    assert names == ["inner", "outer"]


def test_save_hooks_second_derivative():
    x = torch.tensor([1.5, -0.5], dtype=torch.float64, requires_grad=True)

    def f(x):
        with graph.saved_tensors_hooks(lambda t: t.numpy().copy() if not t.requires_grad else t.detach().numpy().copy(),
                                       torch.from_numpy):  # fmt: skip
            return (x.exp() * x).sin()

    assert gradgradcheck(f, (x,))


def test_save_hooks_allow_writes_to_what_was_copied():
    x = torch.ones(2, requires_grad=True)
    w = torch.full((2,), 3.0)
    with graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x * w
    w.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_save_hooks_errors():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="pack_hook must be callable"):
        graph.saved_tensors_hooks(1, len)
    with graph.saved_tensors_hooks(lambda t: 0, lambda _: 7):
        y = x.exp()
    with pytest.raises(TypeError, match="unpack hook must return a Tensor"):
        y.sum().backward()
    with graph.saved_tensors_hooks(lambda t: 0, lambda _: torch.zeros(3)):
        y = x.exp()
    with pytest.raises(RuntimeError, match=r"shape \(3"):
        y.sum().backward()
    with graph.saved_tensors_hooks(lambda t: 1 / 0, lambda t: t), pytest.raises(ZeroDivisionError):
        x.exp()
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"):
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass


def test_save_hooks_do_not_leak():
    class Kept:
        pass

    kept = Kept()
    gone = weakref.ref(kept)
    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t, kept=kept: (kept, t), lambda packed: packed[1]):
        y = x.exp()
    del kept, y
    gc.collect()
    assert gone() is None


def test_save_on_cpu():
    x = torch.tensor([0.5], requires_grad=True)
    with graph.save_on_cpu():
        y = x.exp()
    y.backward()
    assert float(x.grad) == pytest.approx(np.exp(0.5))


# checkpointing


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint_gives_the_same_gradients(reentrant):
    x = torch.randn(4, 6, requires_grad=True)
    results = []
    for use in (False, True):
        net = network()
        x.grad = None
        torch.manual_seed(3)
        y = checkpoint(net, x, use_reentrant=reentrant) if use else net(x)
        y.pow(2).sum().backward()
        results.append([y.detach(), x.grad] + [p.grad for p in net.parameters()])
    for plain, again in zip(*results):
        assert torch.equal(plain, again)


def test_checkpoint_runs_twice_and_keeps_little():
    calls = []

    def function(x):
        calls.append(1)
        for _ in range(10):
            x = x.sin()
        return x

    x = torch.zeros(1 << 18, requires_grad=True)
    function(x)
    before = torch.memory_stats()["live_bytes"]
    y = checkpoint(function, x, use_reentrant=False)
    kept = torch.memory_stats()["live_bytes"] - before
    assert kept <= 1.2 * (1 << 20)  # the output alone
    y.sum().backward()
    assert len(calls) == 3 and x.grad[0] == 1


def test_checkpoint_nested_and_keyword_arguments():
    x = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)

    def inner(x, scale=1.0):
        return (x * scale).sin()

    def outer(x):
        return checkpoint(inner, x.exp(), use_reentrant=False, scale=2.0).cos()

    checkpoint(outer, x, use_reentrant=False).backward()
    a = np.exp(0.3)
    assert float(x.grad) == pytest.approx(-np.sin(np.sin(2 * a)) * np.cos(2 * a) * 2 * a, rel=1e-12)
    assert gradgradcheck(lambda x: checkpoint(inner, x, use_reentrant=False, scale=2.0), (x,))


def test_checkpoint_notices_a_different_second_run():
    sizes = iter([3, 4])

    def function(x):
        return (x.expand(next(sizes)) * 1).exp().sum()

    x = torch.ones(1, requires_grad=True)
    y = checkpoint(function, x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="must do the same both times"):
        y.backward()


def test_checkpoint_sequential_and_arguments():
    net = network()
    x = torch.randn(4, 6, requires_grad=True)
    torch.manual_seed(3)
    net(x).sum().backward()
    expected, x.grad = x.grad, None
    torch.manual_seed(3)
    checkpoint_sequential(net, 3, x, use_reentrant=False).sum().backward()
    assert torch.equal(expected, x.grad)
    with pytest.raises(ValueError, match="segments must be 1 to 6"):
        checkpoint_sequential(net, 7, x, use_reentrant=False)
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint(net, x)
    with pytest.raises(ValueError, match="no keyword arguments"):
        checkpoint(net, x, use_reentrant=True, scale=1)
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(net, x, use_reentrant=False, determinism_check="strict")


# anomaly mode


def test_anomaly_names_the_forward_line():
    x = torch.zeros(1, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        assert torch.autograd.is_anomaly_enabled()
        y = x.sqrt()  # here
        with pytest.warns(UserWarning, match=r"y = x\.sqrt\(\)  # here"), pytest.raises(RuntimeError, match="Sqrt.* nan"):
            (y * 0).backward()
    assert not torch.autograd.is_anomaly_enabled()
    x.grad = None
    (x.sqrt() * 0).backward()
    assert np.isnan(float(x.grad))


def test_anomaly_without_nan_check():
    x = torch.zeros(1, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        (x.sqrt() * 0).backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly():
            pass
    assert "slow" in str(caught[0].message)


# hooks on several gradients, edges


def test_multi_grad_hook():
    a, b, c = (torch.ones(1, requires_grad=True) for _ in range(3))
    seen = []
    handle = graph.register_multi_grad_hook((a, b, c), lambda grads: seen.append([g and float(g) for g in grads]))
    (2 * a + 3 * b).backward()
    (5 * c).backward()
    assert seen == [[2, 3, None], [None, None, 5]]
    handle.remove()
    a.backward()
    assert len(seen) == 2
    first = []
    with graph.register_multi_grad_hook((a, b), first.append, mode="any"):
        (2 * a + 2 * b).backward()
    assert [float(g) for g in first] == [2]


def test_multi_grad_hook_after_a_failed_pass():
    a, b = (torch.ones(1, requires_grad=True) for _ in range(2))
    seen = []
    graph.register_multi_grad_hook((a, b), lambda grads: seen.append([g and float(g) for g in grads]))
    y = a * 2
    y.register_hook(lambda g: 1 / 0)
    z = b * 3
    with pytest.raises(ZeroDivisionError):
        torch.autograd.backward([z, y])
    (a * 4).backward()
    assert seen[-1] == [4, None]


def test_increment_version_and_edge():
    x = torch.ones(1, requires_grad=True)
    w = torch.ones(1)
    y = x * w
    graph.increment_version([w])
    with pytest.raises(RuntimeError, match="modified by an in-place"):
        y.backward()
    assert graph.get_gradient_edge(y).node is y.grad_fn
    with pytest.raises(RuntimeError, match="does not require"):
        graph.get_gradient_edge(w)


# functional


def cube(x):
    return (x**3).sum()


def pair(x, y):
    return x.exp() @ y, (x * 2).sum(0)


def test_jacobian_both_ways_and_by_finite_differences():
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.standard_normal(s)) for s in ((2, 3), (3, 2)))
    rows = functional.jacobian(pair, (x, y))
    columns = functional.jacobian(pair, (x, y), strategy="forward-mode")
    for k, value in enumerate((x, y)):
        for j in range(2):
            assert torch.allclose(rows[j][k], columns[j][k])
            flat = rows[j][k].reshape(-1, value.numel())
            for i in range(value.numel()):
                outputs = []
                for sign in (1, -1):
                    moved = value.clone()
                    moved.reshape(-1)[i] += sign * 1e-6
                    outputs.append(pair(*(moved if n == k else (x, y)[n] for n in range(2)))[j].reshape(-1))
                assert torch.allclose(flat[:, i], (outputs[0] - outputs[1]) / 2e-6, atol=1e-7)


def test_hessian_products():
    x = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    v = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    hessian = functional.hessian(cube, x)
    assert torch.equal(hessian, torch.diag(6 * x))
    for product in (functional.vhp, functional.hvp):
        value, found = product(cube, x, v)
        assert float(value) == 8 and torch.allclose(found, hessian @ v)
    value, found = functional.vjp(lambda x: x * x, x, v)
    assert torch.allclose(found, 2 * x * v)
    value, found = functional.jvp(lambda x: x * x, x, v, create_graph=True)
    assert torch.allclose(found, 2 * x * v)


def test_functional_create_graph():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    jacobian = functional.jacobian(lambda x: x**3, x, create_graph=True)
    (found,) = torch.autograd.grad(jacobian.sum(), x)
    assert torch.allclose(found, 6 * x)


def test_functional_errors():
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="v may only be left out"):
        functional.vjp(lambda x: x, x)
    with pytest.raises(RuntimeError, match="has shape"):
        functional.vjp(lambda x: x, x, torch.ones(3))
    with pytest.raises(RuntimeError, match="one tensor with one element"):
        functional.hessian(lambda x: x, x)
    with pytest.raises(RuntimeError, match="strict=True"):
        functional.jacobian(lambda x: torch.ones(2), x, strict=True)
    with pytest.raises(TypeError, match="must be a Tensor"):
        functional.jacobian(lambda x: 1, x)
    with pytest.raises(ValueError, match="strategy"):
        functional.jacobian(lambda x: x, x, strategy="sideways")

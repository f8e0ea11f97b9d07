"""Generators, threads, memory counters, the configuration text, failing allocations."""

import copy
import gc
import pickle

import numpy as np
import pytest

import rustorch as rt


def test_generator():
    g = rt.Generator()
    assert g.manual_seed(7) is g and g.initial_seed() == 7 and g.device.type == "cpu"
    a = rt.rand(5, generator=g)
    b = rt.rand(5, generator=g)
    assert not np.array_equal(a.numpy(), b.numpy())
    g.manual_seed(7)
    np.testing.assert_array_equal(rt.rand(5, generator=g).numpy(), a.numpy())
    state = g.get_state()
    assert state.dtype == rt.uint8 and state.dim() == 1
    c = rt.rand(5, generator=g)
    h = rt.Generator()
    h.set_state(state)
    np.testing.assert_array_equal(rt.rand(5, generator=h).numpy(), c.numpy())
    assert h.initial_seed() == 7
    assert g.seed() == g.initial_seed() and g.seed() != g.seed()
    for copied in (copy.copy(h), copy.deepcopy(h), pickle.loads(pickle.dumps(h)), h.clone_state()):
        assert copied is not h and copied.get_state().tolist() == h.get_state().tolist()
    assert "seed=7" in repr(h)


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), np.int64(5), True])
def test_seeds(seed):
    assert rt.Generator().manual_seed(seed).initial_seed() == int(seed) % 2**64


@pytest.mark.parametrize("seed, error", [(2**64, ValueError), (-(2**63) - 1, ValueError), (1.5, TypeError), ("a", TypeError), (None, TypeError)])
def test_bad_seeds(seed, error):
    with pytest.raises(error):
        rt.Generator().manual_seed(seed)


def test_bad_states():
    g = rt.Generator()
    state = g.get_state()
    for bad in (state[:-1], state + 1, rt.zeros(24, dtype=rt.uint8), rt.zeros(0, dtype=rt.uint8)):
        with pytest.raises(ValueError):
            g.set_state(bad)
    for bad in (state.long(), [1, 2], None):
        with pytest.raises(TypeError):
            g.set_state(bad)
    assert g.get_state().tolist() == state.tolist()
    with pytest.raises(rt.DeviceError):
        rt.Generator("cuda")
    with pytest.raises(TypeError):
        rt.rand(2, generator=3)


def test_default_generator():
    assert rt.manual_seed(3) is rt.default_generator and rt.initial_seed() == 3
    a = rt.rand(4)
    rt.manual_seed(3)
    state = rt.get_rng_state()
    np.testing.assert_array_equal(rt.rand(4).numpy(), a.numpy())
    rt.set_rng_state(state)
    np.testing.assert_array_equal(rt.rand(4).numpy(), a.numpy())
    with rt.random.fork_rng():
        rt.manual_seed(99)
    assert rt.initial_seed() == 3
    with rt.random.fork_rng(enabled=False):
        rt.manual_seed(99)
    assert rt.initial_seed() == 99
    assert rt.seed() == rt.initial_seed()


def test_threads():
    before = rt.get_num_threads()
    assert before >= 1
    try:
        rt.set_num_threads(1)
        assert rt.get_num_threads() == 1
        x = rt.ones(1000, 100)
        assert x.sum().item() == 100_000
        for bad, error in ((0, ValueError), (-1, ValueError), (10**30, ValueError), (1.5, TypeError), ("2", TypeError), (True, TypeError)):
            with pytest.raises(error):
                rt.set_num_threads(bad)
        assert rt.get_num_threads() == 1
    finally:
        rt.set_num_threads(before)


def test_memory_stats():
    gc.collect()
    before = rt.memory_stats()
    assert set(before) == {"live_bytes", "peak_bytes", "reserved_bytes", "peak_reserved_bytes", "allocations", "system_allocations"}
    x = rt.zeros(1 << 20)
    during = rt.memory_stats()
    assert 4 << 20 <= during["live_bytes"] - before["live_bytes"] <= 5 << 20
    assert during["allocations"] > before["allocations"]
    assert during["peak_bytes"] >= during["live_bytes"]
    del x
    assert rt.memory_stats()["live_bytes"] == before["live_bytes"]
    y = rt.zeros(1 << 20)  # the block comes back without asking the system
    assert rt.memory_stats()["system_allocations"] == during["system_allocations"]
    del y
    rt.reset_peak_memory_stats()
    assert rt.memory_stats()["peak_bytes"] == rt.memory_stats()["live_bytes"]
    rt.empty_cache()
    after = rt.memory_stats()
    assert after["reserved_bytes"] < during["reserved_bytes"]


def test_config(capsys):
    text = rt._C.config_text()
    assert "BLAS" in text or "blas" in text
    rt.show_config()
    assert capsys.readouterr().out.strip() == text.strip()


def walk(work, limit=2000):
    """Let the first, second, … allocation fail until none does; returns how many there were."""
    for n in range(1, limit):
        rt._C._fail_allocation(n)
        try:
            work()
        except MemoryError:
            continue
        finally:
            rt._C._fail_allocation(0)
        return n - 1
    raise AssertionError("work never came to its end")


class Twice(rt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        ctx.saved_tensors
        return g * 2


def index_work():
    x = rt.zeros(3, 4)
    x[1, ::2] = 1
    x[[0, 2], 1:3] = rt.ones(2, 2)
    x[x > 0] = 5
    assert x[rt.tensor([1, 2])].sum().item() > 0
    assert [row.sum().item() for row in x]


def gradient_work():
    x = rt.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: g * 1)
    y = Twice.apply(x)
    y.retain_grad()
    (y * x).sum().backward()
    assert x.grad.tolist() == [4, 8]
    assert y.grad_fn.next_functions


@pytest.mark.parametrize(
    "work",
    [
        lambda: rt.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=rt.float16).tolist(),
        lambda: rt.from_numpy(np.zeros((2, 3))).numpy(),
        lambda: rt.from_dlpack(rt.zeros(3)).tolist(),
        lambda: bytes(memoryview(rt.zeros(3))),
        lambda: rt.as_tensor(np.zeros(3), dtype=rt.float32).sum(),
        lambda: rt.Generator().get_state(),
        index_work,
        gradient_work,
    ],
    ids=["tensor", "numpy", "dlpack", "buffer", "as_tensor", "generator", "index", "gradient"],
)
def test_every_allocation_may_fail(work):
    work()
    gc.collect()
    before = rt.memory_stats()["live_bytes"]
    walk(work)
    gc.collect()
    assert rt.memory_stats()["live_bytes"] <= before
    work()


def test_huge_tensors():
    with pytest.raises(MemoryError):
        rt.zeros(10**15)
    with pytest.raises(MemoryError):
        rt.zeros(2**62, 4)
    with pytest.raises((ValueError, MemoryError)):
        rt.as_tensor(np.broadcast_to(np.float32(0), (2**40, 2**10))).clone()

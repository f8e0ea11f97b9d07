"""The same input and the same number of threads give the same bits, every time (8 threads, 300 repeats); and with any number of
threads, results differ by rounding at most."""

import functools
import hashlib
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when libgomp is loaded: 8 threads that spin on 2 cores take minutes

import numpy as np  # noqa: E402
import pytest  # noqa: E402

import rustorch as rt  # noqa: E402
from rustorch.nn import functional as F  # noqa: E402

THREADS, REPEATS = 8, 300


@functools.lru_cache(maxsize=None)
def noise(*shape):
    values = np.random.default_rng(sum(shape)).standard_normal(shape) * 3
    return rt.from_numpy(np.asarray(values, dtype="float32"))


def digest(tensors):
    return hashlib.sha1(b"".join(t.detach().numpy().tobytes() for t in tensors)).hexdigest()


LABELS = rt.arange(600) % 40
# Sizes above what one thread does alone, and uneven, so that chunks end anywhere.
STEPS = {
    "reductions": (lambda x: [x.sum(), x.sum(0), x.sum(1), x.var(), x.norm(), x.logsumexp(0)], [(499, 531)]),
    "softmax": (lambda x: [x.softmax(1)], [(499, 331)]),
    "matmul": (lambda a, b: [a @ b], [(257, 259), (259, 131)]),
    "linear": (lambda x, w, b: [F.linear(x, w, b)], [(257, 259), (131, 259), (131,)]),
    "conv": (lambda x, w, b: [F.conv2d(x, w, b, padding=1)], [(17, 6, 19, 19), (9, 6, 3, 3), (9,)]),
    "pool": (lambda x: [F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1), F.adaptive_avg_pool2d(x, 5)], [(9, 8, 17, 17)]),
    "layer_norm": (lambda x, w, b: [F.layer_norm(x, (331,), w, b)], [(499, 331), (331,), (331,)]),
    "batch_norm": (lambda x, w, b: [F.batch_norm(x, None, None, w, b, training=True)], [(97, 8, 13, 13), (8,), (8,)]),
    "losses": (lambda x, y: [F.cross_entropy(x, LABELS), F.nll_loss(x, LABELS), F.mse_loss(x, y), F.smooth_l1_loss(x, y)],
               [(600, 130), (600, 130)]),
    "index": (lambda w: [F.embedding(LABELS, w), w.index_add(0, LABELS % 50, noise(600, 33))], [(50, 33)]),
    "broadcast": (lambda x, b: [x * b], [(499, 331), (331,)]),
}  # fmt: skip


def step(name):
    """Forward and backward; the results and all gradients."""
    function, shapes = STEPS[name]
    leaves = [noise(*shape).detach().requires_grad_() for shape in shapes]
    outputs = function(*leaves)
    rt.autograd.backward(outputs, [noise(*y.shape) for y in outputs])
    return [*outputs, *(leaf.grad for leaf in leaves)]


@pytest.fixture
def threads():
    before = rt.get_num_threads()
    yield rt.set_num_threads
    rt.set_num_threads(before)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_same_bits(name, threads):
    threads(THREADS)
    assert rt.get_num_threads() == THREADS
    first = digest(step(name))
    different = sum(digest(step(name)) != first for _ in range(REPEATS))
    assert different == 0


@pytest.mark.parametrize("name", sorted(STEPS))
def test_threads_change_rounding_at_most(name, threads):
    threads(1)
    alone = step(name)
    for n in (2, 3, THREADS):
        threads(n)
        for mine, other in zip(alone, step(name)):
            np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=2e-4, atol=2e-4 * float(mine.detach().abs().max()))


def test_random_numbers_do_not_depend_on_threads(threads):
    drawn = []
    for n in (1, 2, THREADS):
        threads(n)
        rt.manual_seed(5)
        x = rt.ones(70_001)
        drawn.append(digest([rt.rand(70_001), rt.randn(70_001), rt.randint(9, (70_001,)), rt.randperm(70_001), F.dropout(x), x.exponential_()]))
    assert len(set(drawn)) == 1

"""Convolutions against a loop in NumPy and in tiles against all taps, with their gradients; batch norm's running statistics against NumPy."""

import os
import subprocess
import sys

import numpy as np
import pytest

import rustorch as rt
from rustorch import nn
from rustorch.nn import functional as F

CASES = 200


def windows(x, kernel, stride, dilation):
    """(N, C, H', W', kH, kW) over a padded (N, C, H, W): no copies."""
    n, c, h, w = x.shape
    out = [(size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip((h, w), kernel, stride, dilation)]
    sn, sc, sh, sw = x.strides
    strides = (sn, sc, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1])
    return np.lib.stride_tricks.as_strided(x, (n, c, *out, *kernel), strides)


def reference(x, weight, bias, grad, stride, padding, dilation, groups):
    """The convolution, and the gradients of Σ grad · y with respect to x, weight and bias, in double precision."""
    n, c, h, w = x.shape
    o, cg, kh, kw = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    seen = windows(padded, (kh, kw), stride, dilation)
    out_h, out_w = seen.shape[2:4]
    y, gw, gx = np.zeros((n, o, out_h, out_w)), np.zeros_like(weight), np.zeros_like(padded)
    og = o // groups
    for g in range(groups):
        mine, ours = slice(g * cg, (g + 1) * cg), slice(g * og, (g + 1) * og)
        y[:, ours] = np.einsum("nchwij,ocij->nohw", seen[:, mine], weight[ours])
        upstream = grad(y.shape)[:, ours]
        gw[ours] = np.einsum("nchwij,nohw->ocij", seen[:, mine], upstream)
        for i in range(kh):
            for j in range(kw):
                rows = slice(i * dilation[0], i * dilation[0] + (out_h - 1) * stride[0] + 1, stride[0])
                columns = slice(j * dilation[1], j * dilation[1] + (out_w - 1) * stride[1] + 1, stride[1])
                gx[:, mine, rows, columns] += np.einsum("nohw,oc->nchw", upstream, weight[ours, :, i, j])
    gx = gx[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w]
    return y + bias[:, None, None], gx, gw, grad(y.shape).sum((0, 2, 3))


def draw_case(seed):
    draw = np.random.default_rng(seed)
    groups = int(draw.choice([1, 1, 1, 2, 3, 4]))
    depthwise = draw.random() < 0.15
    cg, og = (1, int(draw.integers(1, 3))) if depthwise else (int(draw.integers(1, 6)), int(draw.integers(1, 7)))
    kernel, stride, dilation = (tuple(int(v) for v in draw.integers(1, top, 2)) for top in (5, 4, 4))
    padding = tuple(int(draw.integers(0, 4)) for _ in range(2))
    size = [int(draw.integers(max(1, d * (k - 1) + 1 - 2 * p), d * (k - 1) + 1 + 9)) for k, d, p in zip(kernel, dilation, padding)]
    n = int(draw.choice([1, 2, 3, 17]))
    grad = {}

    def upstream(shape):
        return grad.setdefault(shape, draw.standard_normal(shape))

    x, weight = draw.standard_normal((n, cg * groups, *size)), draw.standard_normal((og * groups, cg, *kernel))
    return x, weight, draw.standard_normal(og * groups), upstream, stride, padding, dilation, groups


@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("dtype, tolerance", [(rt.float32, 3e-5), (rt.float64, 1e-12)])
def test_random_convolutions(block, dtype, tolerance):
    for seed in range(block * CASES // 10, (block + 1) * CASES // 10):
        x, weight, bias, grad, stride, padding, dilation, groups = draw_case(seed)
        y, gx, gw, gb = reference(x, weight, bias, grad, stride, padding, dilation, groups)
        leaves = [rt.from_numpy(v).to(dtype).requires_grad_() for v in (x, weight, bias)]
        mine = F.conv2d(*leaves, stride=stride, padding=padding, dilation=dilation, groups=groups)
        assert tuple(mine.shape) == y.shape
        mine.backward(rt.from_numpy(grad(y.shape)).to(dtype))
        for what, got, want in zip(("result", "input", "weight", "bias"), (mine, *(leaf.grad for leaf in leaves)), (y, gx, gw, gb)):
            scale = tolerance * (1 + np.abs(want).max())
            error = np.abs(got.detach().numpy() - want).max()
            assert error <= scale, (seed, what, error, x.shape, weight.shape, stride, padding, dilation, groups)


# (batch, channels and results of a group, height, width, padding, groups): many channels and 3 × 3 taps take tiles of 2 × 2
# results. Rows of tiles wider and narrower than a vector, tiles that hang over the edge, strips of an image, several images
# in a vector and fewer than it holds, odd numbers of tiles.
TILED = [
    (2, 32, 32, 32, 32, 1, 1), (1, 40, 48, 17, 19, 1, 1), (3, 64, 33, 9, 9, 0, 1), (4, 33, 64, 8, 11, 2, 1),
    (70, 32, 32, 4, 4, 1, 1), (2, 32, 32, 30, 70, 1, 3), (1, 32, 32, 300, 10, 1, 1), (1, 32, 32, 6, 500, 1, 1),
    (37, 40, 48, 7, 7, 1, 1), (33, 64, 33, 9, 9, 0, 1), (20, 32, 32, 14, 14, 1, 3), (17, 32, 35, 6, 6, 1, 1),
    (34, 36, 36, 5, 5, 2, 1), (3, 32, 32, 64, 64, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", TILED, ids=str)
def test_many_channels(case, threads):
    """float32 against float64, which sums all taps as they come; bfloat16 against float32 of the same numbers."""
    n, inner, outer, height, width, padding, groups = case
    draw = np.random.default_rng(0)
    x, bias = draw.standard_normal((n, inner * groups, height, width)), draw.standard_normal(outer * groups)
    weight = draw.standard_normal((outer * groups, inner, 3, 3)) / np.sqrt(9 * inner)
    grad = draw.standard_normal((n, outer * groups, height + 2 * padding - 2, width + 2 * padding - 2))

    def run(dtype, via):
        leaves = [rt.from_numpy(v).to(via).to(dtype).requires_grad_() for v in (x, weight, bias)]
        y = F.conv2d(*leaves, padding=padding, groups=groups)
        y.backward(rt.from_numpy(grad).to(via).to(dtype))
        return [v.detach().double().numpy() for v in (y, *(leaf.grad for leaf in leaves))]

    before = rt.get_num_threads()
    rt.set_num_threads(threads)
    try:
        for dtype, other, via, tolerance in ((rt.float32, rt.float64, rt.float32, 1e-5), (rt.bfloat16, rt.float32, rt.bfloat16, 2e-2)):
            for what, got, want in zip(("result", "input", "weight", "bias"), run(dtype, via), run(other, via)):
                assert np.abs(got - want).max() <= tolerance * np.abs(want).max(), (what, dtype)
    finally:
        rt.set_num_threads(before)


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_many_channels_on_other_instruction_sets(isa):
    names = [f"{__file__}::test_many_channels[{case}-3]" for case in TILED[:12:2]]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names]
    found = subprocess.run(command, env={**os.environ, "RUSTORCH_ISA": isa}, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_strided_and_single_images():
    x, weight, bias, grad, stride, padding, dilation, groups = draw_case(7)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    straight, w = rt.from_numpy(x), rt.from_numpy(weight)
    expected = F.conv2d(straight, w, **options)
    turned = straight.permute(2, 3, 0, 1).contiguous().permute(2, 3, 0, 1)
    assert not turned.is_contiguous() and rt.equal(F.conv2d(turned, w.flip(0).flip(0), **options), expected)
    assert rt.allclose(F.conv2d(straight[0], w, **options), expected[0])


def test_conv_transpose_is_the_gradient_of_conv():
    for seed in range(40):
        x, weight, _, grad, stride, padding, dilation, groups = draw_case(seed)
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        leaf, w = rt.from_numpy(x).requires_grad_(), rt.from_numpy(weight)
        y = F.conv2d(leaf, w, **options)
        g = rt.from_numpy(grad(tuple(y.shape)))
        y.backward(g)
        extra = [
            size - ((out - 1) * s - 2 * p + d * (k - 1) + 1)
            for size, out, s, p, d, k in zip(x.shape[2:], y.shape[2:], stride, padding, dilation, weight.shape[2:])
        ]
        if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
            continue
        assert rt.allclose(F.conv_transpose2d(g, w, output_padding=extra, **options), leaf.grad, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------------------------------ batch norm


@pytest.mark.parametrize("momentum", [0.1, 0.9, 1.0, 0.0, None])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(5, 3, 4, 2), (6, 3)])
def test_running_statistics(momentum, affine, shape):
    """momentum None: the plain mean over all batches. The variance in `running_var` is unbiased, the one used is not."""
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    layer = kind(3, momentum=momentum, affine=affine, eps=1e-3).double()
    draw = np.random.default_rng(1)
    axes = (0, 2, 3) if len(shape) == 4 else (0,)
    view = (1, 3) + (1,) * (len(shape) - 2)
    weight, bias = np.ones(3), np.zeros(3)
    if affine:
        weight, bias = draw.standard_normal(3), draw.standard_normal(3)
        with rt.no_grad():
            layer.weight.copy_(rt.from_numpy(weight))
            layer.bias.copy_(rt.from_numpy(bias))
    mean, var = np.zeros(3), np.ones(3)

    def normalised(x, m, v):
        return (x - m.reshape(view)) / np.sqrt(v.reshape(view) + 1e-3) * weight.reshape(view) + bias.reshape(view)

    for step in range(1, 5):
        x = draw.standard_normal(shape) * 2 + 1
        y = layer(rt.from_numpy(x))
        share = 1 / step if momentum is None else momentum
        mean = (1 - share) * mean + share * x.mean(axes)
        var = (1 - share) * var + share * x.var(axes, ddof=1)
        np.testing.assert_allclose(y.detach().numpy(), normalised(x, x.mean(axes), x.var(axes)), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-10)
        assert layer.num_batches_tracked.item() == step
    layer.eval()
    x = draw.standard_normal(shape)
    for _ in range(2):
        np.testing.assert_allclose(layer(rt.from_numpy(x)).detach().numpy(), normalised(x, mean, var), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-10, atol=1e-12)
    assert layer.num_batches_tracked.item() == 4


def test_without_statistics():
    layer = nn.BatchNorm1d(3, track_running_stats=False).double().eval()
    assert layer.running_mean is None and layer.num_batches_tracked is None
    x = np.random.default_rng(2).standard_normal((7, 3))
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    np.testing.assert_allclose(layer(rt.from_numpy(x)).detach().numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
def test_gradient_of_batch_norm(training):
    draw = np.random.default_rng(3)
    x, w, b = (rt.from_numpy(draw.standard_normal(s)).requires_grad_() for s in ((4, 2, 3, 3), 2, 2))
    mean, var = rt.zeros(2, dtype=rt.float64), rt.ones(2, dtype=rt.float64)

    def call(x, w, b):
        return F.batch_norm(x, mean.clone(), var.clone(), w, b, training=training)

    assert rt.autograd.gradcheck(call, (x, w, b)) and rt.autograd.gradgradcheck(call, (x, w, b))

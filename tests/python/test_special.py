"""Special functions beyond the samples of the C tests: ends, tails, large arguments; and the gradient that PyTorch has not."""

import math

import numpy as np
import pytest

import rustorch as rt


def t(*values):
    return rt.tensor(values, dtype=rt.float64)


def test_incomplete_gamma():
    a = t(0.3, 1.0, 4.0, 50.0, 300.0, 1e4, 1e6)
    for ratio in (0.2, 0.9, 1.0, 1.1, 3.0):
        below, above = rt.igamma(a, a * ratio), rt.igammac(a, a * ratio)
        np.testing.assert_allclose((below + above).numpy(), 1, rtol=1e-12)
    # P(1, x) = 1 - e^-x, P(a + 1, x) = P(a, x) - x^a e^-x / Γ(a + 1)
    x = t(1e-8, 0.1, 1.0, 20.0, 700.0)
    np.testing.assert_allclose(rt.igamma(rt.ones_like(x), x).numpy(), -np.expm1(-x.numpy()), rtol=1e-13)
    step = rt.exp(a * rt.log(a) - a - rt.lgamma(a + 1))
    np.testing.assert_allclose((rt.igamma(a, a) - rt.igamma(a + 1, a)).numpy(), step.numpy(), rtol=1e-7)
    assert rt.igammac(t(2.0), t(800.0)).item() == pytest.approx(801 * math.exp(-800), rel=1e-10) or math.exp(-800) == 0
    ends = rt.igamma(t(0.0, 2.0, 2.0, -1.0, 1.0, 0.0), t(1.0, 0.0, math.inf, 1.0, -1.0, 0.0)).tolist()
    assert ends[:3] == [1.0, 0.0, 1.0] and all(map(math.isnan, ends[3:]))


def test_incomplete_gamma_moves_with_its_parameter():
    a = t(0.3, 1.0, 4.0, 50.0, 300.0).requires_grad_()
    for ratio in (0.5, 1.0, 1.5):
        x, h = a.detach() * ratio, 1e-4
        (slope,) = rt.autograd.grad(rt.igamma(a, x).sum(), a)
        base = a.detach()
        want = (rt.igamma(base - 2 * h, x) - 8 * rt.igamma(base - h, x) + 8 * rt.igamma(base + h, x) - rt.igamma(base + 2 * h, x)) / (12 * h)
        np.testing.assert_allclose(slope.numpy(), want.numpy(), rtol=1e-6, atol=1e-9)
        (upper,) = rt.autograd.grad(rt.igammac(a, x).sum(), a)
        np.testing.assert_allclose(upper.numpy(), -slope.numpy(), rtol=1e-12)
    # Large parameters: nearly the normal distribution's quantiles, 1 + z / (2 √a).
    for size in (1e5, 1e6, 0.99e7, 1.01e7, 1e12):
        z = np.array([-3.0, 0.0, 2.5])
        x = size + z * math.sqrt(size) + (z**2 - 1) / 3 + (z**3 - 7 * z) / (36 * math.sqrt(size))
        found = rt._standard_gamma_grad(rt.full((3,), size, dtype=rt.float64), rt.tensor(x)).numpy()
        np.testing.assert_allclose(found, 1 + z / (2 * math.sqrt(size)), atol=2 / size + 1e-11)


def test_normal_quantile():
    p = t(1e-300, 1e-30, 1e-5, 0.02, 0.0243, 0.4, 0.5, 0.9, 1 - 1e-12)
    np.testing.assert_allclose(rt.special.log_ndtr(rt.special.ndtri(p)).numpy(), np.log(p.numpy()), rtol=1e-13, atol=1e-16)
    assert rt.special.ndtri(t(0.0, 1.0)).tolist() == [-math.inf, math.inf] and rt.special.ndtri(t(-0.1, 1.1)).isnan().all()


def test_zeta():
    s, q = t(2.0, 2.0, 4.0, 1.0, 0.5, 3.0, 2.5), t(1.0, 0.5, 1.0, 3.0, 3.0, -2.0, -1.5)
    found = rt.special.zeta(s, q).tolist()
    assert found[:3] == pytest.approx([math.pi**2 / 6, math.pi**2 / 2, math.pi**4 / 90], rel=1e-14)
    assert found[3] == math.inf and math.isnan(found[4]) and found[5] == math.inf and math.isnan(found[6])
    far = rt.special.zeta(3.0, t(-1000000.25, -2.25))  # both sides of the poles, without a step for each
    assert far[1].item() == pytest.approx(sum((k - 2.25) ** -3 for k in range(200000)), rel=1e-9)
    assert far[0].item() == pytest.approx(sum((k + 0.75) ** -3 for k in range(200000)) - sum((k + 0.25) ** -3 for k in range(200000)), rel=1e-8)
    assert rt.polygamma(2, t(-1e9 - 0.25)).item() == pytest.approx(-2 * far[0].item(), rel=1e-6)
    with pytest.raises(rt.AutogradError, match="first argument"):
        rt.special.zeta(t(2.0).requires_grad_(), t(2.0)).sum().backward()


def test_bessel():
    x = t(0.0, 1e-8, 1e-300, 50.0, 1e5, math.inf)
    # The Wronskian J1 Y0 - J0 Y1 = 2 / (π x)
    j = rt.special.bessel_j1(x) * rt.special.bessel_y0(x) - rt.special.bessel_j0(x) * rt.special.bessel_y1(x)
    np.testing.assert_allclose(j[[1, 3, 4]].numpy(), (2 / math.pi / x[[1, 3, 4]]).numpy(), rtol=1e-9)
    assert rt.special.bessel_y0(t(0.0)).item() == -math.inf and rt.special.bessel_y1(t(-1.0)).isnan().all()
    # and I0 K1 + I1 K0 = 1 / x, scaled by e^x e^-x
    x = t(1e-6, 0.01, 1.0, 30.0, 1e4)
    k = rt.special.i0e(x) * rt.special.scaled_modified_bessel_k1(x) + rt.special.i1e(x) * rt.special.scaled_modified_bessel_k0(x)
    np.testing.assert_allclose(k.numpy(), (1 / x).numpy(), rtol=1e-12)
    assert rt.special.modified_bessel_k0(t(0.0, 1e3, math.inf)).tolist() == [math.inf, 0.0, 0.0]
    assert rt.special.modified_bessel_k1(t(-1.0)).isnan().all()


def test_names_agree():
    x = t(0.5, 2.0)
    for name, other in (("gammainc", rt.igamma), ("gammaincc", rt.igammac)):
        assert rt.equal(getattr(rt.special, name)(x, x), other(x, x))
    y = t(0.5, 2.0)
    assert y.igamma_(x) is y and rt.equal(y, rt.igamma(x, x))

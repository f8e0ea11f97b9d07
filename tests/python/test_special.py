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


def spread(*edges):
    """Floats of all sizes and both signs, and the edges."""
    sizes = np.float32(10.0) ** np.linspace(-37, 37, 301, dtype=np.float32)
    near = np.linspace(-30, 30, 601, dtype=np.float32)
    return np.concatenate([sizes, -sizes, near, np.array(edges + (0.0, -0.0, math.inf, -math.inf, math.nan), np.float32)])


@pytest.mark.parametrize("name", "i0 i0e i1 i1e erfcx log_ndtr ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 digamma gammaln".split())
def test_floats_are_rounded_doubles(name):
    """Floats have ways of their own, in vectors; they must say what doubles say."""
    x = spread(0.25, 0.75, 20.0, 26.0, -26.0, 0.02425, 0.97575)
    function = getattr(rt.special, name)
    found, want = (function(rt.tensor(v)).double().numpy() for v in (x, x.astype(np.float64)))
    with np.errstate(over="ignore"):
        want = want.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(found, want, rtol=3e-7, atol=1e-44)


def test_polygamma():
    x = spread()
    x = x[np.abs(x) < 1e6]
    for n in (1, 2, 5):
        found, want = (rt.polygamma(n, rt.tensor(v)).double().numpy() for v in (x, x.astype(np.float64)))
        with np.errstate(over="ignore"):
            want = want.astype(np.float32).astype(np.float64)
        away = np.abs(x - np.round(x)) > 1e-3 * np.maximum(np.abs(x), 1)  # next to poles the argument's own rounding shows
        np.testing.assert_allclose(found[away | (x > 0.5)], want[away | (x > 0.5)], rtol=1e-5, atol=1e-44)
    # n! Σ (x + k)^-(n + 1); its remainder is small only far from where the terms still fall.
    for n, x in ((1, 0.3), (3, 12.5), (20, 12.5), (32, 13.0), (60, 40.25)):
        terms = math.fsum((x / (x + k)) ** (n + 1) for k in range(200000))
        rest = (x / (x + 200000)) ** (n + 1) * (x + 200000) / n if n == 1 else 0
        want = (-1) ** (n + 1) * math.exp(math.lgamma(n + 1) - (n + 1) * math.log(x)) * (terms + rest)
        assert rt.polygamma(n, t(x)).item() == pytest.approx(want, rel=1e-5 if n == 1 else 1e-12)
    assert rt.polygamma(1, t(0.0, -1.0, math.inf)).tolist() == [math.inf, math.inf, 0.0]
    assert rt.special.zeta(30.0, t(12.5)).item() == pytest.approx(math.fsum((12.5 + k) ** -30.0 for k in range(2000)), rel=1e-13)


def test_log_odds():
    x = rt.tensor([-0.5, 0.0, 0.25, 1.0, 1.5], requires_grad=True)
    y = rt.logit(x)
    assert y[1:4].tolist() == [-math.inf, pytest.approx(-math.log(3)), math.inf] and y[[0, 4]].isnan().all()
    (slope,) = rt.autograd.grad(y[1:4].sum(), x)
    assert slope[2].item() == pytest.approx(1 / (0.25 * 0.75)) and slope[1].item() == math.inf
    moved = rt.logit(x, 0.3)
    np.testing.assert_allclose(moved.detach().numpy(), np.log([3 / 7, 3 / 7, 3 / 7, 7 / 3, 7 / 3]), rtol=1e-6)
    assert rt.autograd.grad(moved.sum(), x)[0].tolist() == [0.0] * 5


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_neighbours(dtype):
    info = np.finfo(dtype)
    least = info.smallest_subnormal
    x = np.array([0.0, -0.0, 1.0, -1.0, 1.5, info.max, -info.max, info.tiny, least, -least, math.inf, -math.inf, math.nan], dtype)
    a, b = (v.ravel() for v in np.meshgrid(x, x))
    with np.errstate(over="ignore", under="ignore"):
        want = np.nextafter(a, b)
    found = rt.nextafter(rt.tensor(a), rt.tensor(b)).numpy()
    np.testing.assert_array_equal(found, want)
    numbers = a != b  # of equal numbers the second, but NumPy's halves are the first
    numbers &= want == want
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(want[numbers]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rests_of_divisions(dtype):
    """In doubles where that is exact, one by one where quotients are huge."""
    x = spread().astype(dtype)
    rng = np.random.default_rng(5)
    for few in (x, np.array([0.1, 0.3, 1.0, -7.0, 2.5, 1e8, -1e-9], dtype), rng.normal(size=64).astype(dtype)):
        a, b = (v.ravel() for v in np.meshgrid(few, few))
        with np.errstate(all="ignore"):
            rest, floored, below = np.fmod(a, b), np.remainder(a, b), np.floor_divide(a, b)
        np.testing.assert_array_equal(rt.fmod(rt.tensor(a), rt.tensor(b)).numpy(), rest)
        found = rt.remainder(rt.tensor(a), rt.tensor(b)).numpy()
        finite = np.isfinite(b)
        np.testing.assert_array_equal(found[finite], floored[finite])
        plain = np.isfinite(a) & finite & (b != 0) & np.isfinite(below)
        np.testing.assert_array_equal(rt.floor_divide(rt.tensor(a), rt.tensor(b)).numpy()[plain], below[plain])

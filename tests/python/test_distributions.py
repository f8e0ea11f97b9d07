"""Distributions: densities integrate to one, moments and entropies are those of the density, draws follow it, gradients too.

The references are sums and integrals in double precision of the density itself; the density at one point is checked
against a formula written here.
"""

import copy
import math
import pickle

import numpy as np
import pytest

import rustorch as rt
import rustorch.distributions as D


def t(*values):
    return rt.tensor(list(values) if len(values) > 1 else values[0], dtype=rt.float64)


def lgamma(x):
    return math.lgamma(x)


# name: (distribution of one number, range that holds all but 1e-9 of it, the density at x by hand)
CONTINUOUS = {
    "normal": (lambda: D.Normal(t(0.5), t(2.0)), (-13, 14), lambda x: math.exp(-((x - 0.5) ** 2) / 8) / math.sqrt(8 * math.pi)),
    "uniform": (lambda: D.Uniform(t(-1.0), t(3.0)), (-1, 3), lambda x: 0.25),
    "exponential": (lambda: D.Exponential(t(1.5)), (0, 20), lambda x: 1.5 * math.exp(-1.5 * x)),
    "laplace": (lambda: D.Laplace(t(0.5), t(0.7)), (-16, 17), lambda x: math.exp(-abs(x - 0.5) / 0.7) / 1.4),
    "gamma": (lambda: D.Gamma(t(2.5), t(1.5)), (0, 30), lambda x: 1.5**2.5 * x**1.5 * math.exp(-1.5 * x) / math.gamma(2.5)),
    "chi2": (lambda: D.Chi2(t(5.0)), (0, 80), lambda x: x**1.5 * math.exp(-x / 2) / (2**2.5 * math.gamma(2.5))),
    "beta": (lambda: D.Beta(t(2.5), t(3.0)), (0, 1), lambda x: x**1.5 * (1 - x) ** 2 * math.exp(lgamma(5.5) - lgamma(2.5) - lgamma(3))),
    "student": (lambda: D.StudentT(t(8.0), t(0.5), t(0.7)), (-40, 40),
                lambda x: math.exp(lgamma(4.5) - lgamma(4)) / math.sqrt(8 * math.pi) / 0.7 * (1 + ((x - 0.5) / 0.7) ** 2 / 8) ** -4.5),
    "gumbel": (lambda: D.Gumbel(t(0.5), t(0.7)), (-3, 20), lambda x: math.exp(-(x - 0.5) / 0.7 - math.exp(-(x - 0.5) / 0.7)) / 0.7),
    "weibull": (lambda: D.Weibull(t(2.0), t(1.5)), (0, 20), lambda x: 0.75 * (x / 2) ** 0.5 * math.exp(-((x / 2) ** 1.5))),
    "log normal": (lambda: D.LogNormal(t(0.2), t(0.5)), (0, 40),
                   lambda x: math.exp(-((math.log(x) - 0.2) ** 2) / 0.5) / (x * 0.5 * math.sqrt(2 * math.pi))),
    "half normal": (lambda: D.HalfNormal(t(0.7)), (0, 6), lambda x: math.sqrt(2 / math.pi) / 0.7 * math.exp(-x * x / 0.98)),
    "pareto": (lambda: D.Pareto(t(0.5), t(9.0)), (0.5, 12), lambda x: 9 * 0.5**9 / x**10),
    "von Mises": (lambda: D.VonMises(t(0.0), t(2.0)), (-math.pi, math.pi), lambda x: math.exp(2 * math.cos(x)) / (2 * math.pi * 2.2795853023360673)),
    "mixture": (lambda: D.MixtureSameFamily(D.Categorical(t(0.3, 0.7)), D.Normal(t(-1.0, 1.0), t(0.5, 1.0))), (-8, 9),
                lambda x: 0.3 * math.exp(-2 * (x + 1) ** 2) * 2 / math.sqrt(2 * math.pi) + 0.7 * math.exp(-((x - 1) ** 2) / 2) / math.sqrt(2 * math.pi)),
    "sigmoid of normal": (lambda: D.TransformedDistribution(D.Normal(t(0.2), t(0.8)), [D.SigmoidTransform()]), (0, 1),
                          lambda x: math.exp(-((math.log(x / (1 - x)) - 0.2) ** 2) / 1.28) / (0.8 * math.sqrt(2 * math.pi) * x * (1 - x))),
    "relaxed Bernoulli": (lambda: D.RelaxedBernoulli(t(0.8), t(0.4)), (0, 1), None),
}  # fmt: skip
# name: (distribution, its outcomes, the probability of k by hand)
DISCRETE = {
    "Bernoulli": (lambda: D.Bernoulli(t(0.3)), 2, lambda k: 0.3 if k else 0.7),
    "Bernoulli logits": (lambda: D.Bernoulli(logits=t(0.4)), 2, lambda k: 1 / (1 + math.exp(-0.4 if k else 0.4))),
    "categorical": (lambda: D.Categorical(t(1.0, 2.0, 5.0)), 3, lambda k: [0.125, 0.25, 0.625][k]),
    "Poisson": (lambda: D.Poisson(t(2.5)), 60, lambda k: 2.5**k * math.exp(-2.5) / math.factorial(k)),
    "geometric": (lambda: D.Geometric(t(0.4)), 80, lambda k: 0.4 * 0.6**k),
    "binomial": (lambda: D.Binomial(9, t(0.35)), 10, lambda k: math.comb(9, k) * 0.35**k * 0.65 ** (9 - k)),
    "negative binomial": (lambda: D.NegativeBinomial(t(3.0), t(0.4)), 120, lambda k: math.comb(k + 2, k) * 0.6**3 * 0.4**k),
}


def grid(low, high):
    """Points and weights of Gauss' rule on many pieces, which never lie on an end."""
    x, w = np.polynomial.legendre.leggauss(8)
    u = np.linspace(0, 1, 2001)
    edges = low + (high - low) * u**3 * (10 - 15 * u + 6 * u**2)  # close together at the ends
    half = (edges[1:] - edges[:-1]) / 2
    return (edges[:-1, None] + half[:, None] * (x + 1)).ravel(), (half[:, None] * w).ravel()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name):
    make, (low, high), density = CONTINUOUS[name]
    d = make()
    x, w = grid(low, high)
    logs = d.log_prob(rt.tensor(x)).numpy()
    p = np.exp(logs)
    assert abs((p * w).sum() - 1) < 1e-6
    if density:
        np.testing.assert_allclose(p[500::1500], [density(v) for v in x[500::1500]], rtol=1e-10)
    mean = (p * x * w).sum()

    def offered(attribute):
        try:
            return getattr(d, attribute)
        except NotImplementedError:
            return None

    if name != "von Mises":
        for attribute, value in (("mean", mean), ("variance", (p * (x - mean) ** 2 * w).sum())):
            if offered(attribute) is not None:
                np.testing.assert_allclose(offered(attribute).item(), value, rtol=1e-4, atol=1e-6, err_msg=attribute)
    try:
        entropy = d.entropy().item()
    except NotImplementedError:
        entropy = None
    if entropy is not None:
        np.testing.assert_allclose(entropy, -(p * logs * w)[p > 0].sum(), rtol=1e-5, atol=1e-6)
    mode = offered("mode")
    if mode is not None and name != "uniform":
        top = low if mode.item() == low else mode.item()
        assert abs(x[p.argmax()] - top) < (high - low) / 200
    total = np.cumsum(p * w)
    try:
        found = d.cdf(rt.tensor(x[7::8])).numpy()
    except NotImplementedError:
        found = None
    if found is not None:  # up to the edges of the pieces, near which the points lie
        np.testing.assert_allclose(found, total[7::8], atol=(p * w).max() + 1e-6)
        slope = (d.cdf(rt.tensor(x[900] + 1e-6)) - d.cdf(rt.tensor(x[900] - 1e-6))).item() / 2e-6
        np.testing.assert_allclose(slope, p[900], rtol=1e-4, atol=1e-8)
    q = t(0.05, 0.4, 0.93)
    try:
        back = d.icdf(q)
    except NotImplementedError:
        back = None
    if back is not None:
        np.testing.assert_allclose(d.cdf(back).numpy(), q.numpy(), rtol=1e-9)
    rt.manual_seed(1)
    drawn = np.sort(d.sample((20000,)).numpy())
    below = np.interp(drawn, x, total)
    assert np.abs(below - (np.arange(20000) + 0.5) / 20000).max() < 1.7 / math.sqrt(20000)  # Kolmogorov and Smirnov


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name):
    make, n, probability = DISCRETE[name]
    d = make()
    k = rt.arange(n, dtype=rt.int64 if name == "categorical" else rt.float64)
    p = d.log_prob(k).exp().numpy()
    np.testing.assert_allclose(p, [probability(i) for i in range(n)], rtol=1e-9)
    values = np.arange(n)
    if name != "categorical":
        np.testing.assert_allclose(d.mean.item(), (p * values).sum(), rtol=1e-8)
        np.testing.assert_allclose(d.variance.item(), (p * values**2).sum() - (p * values).sum() ** 2, rtol=1e-7)
    assert d.mode.item() == p.argmax()
    try:
        entropy = d.entropy().item()
    except NotImplementedError:
        entropy = None
    if entropy is not None:
        np.testing.assert_allclose(entropy, -(p * np.log(p)).sum(), rtol=1e-7)
    if d.has_enumerate_support:
        assert d.enumerate_support().tolist() == values.tolist()
    else:
        with pytest.raises(NotImplementedError, match="finitely many"):
            d.enumerate_support()
    rt.manual_seed(1)
    counts = np.bincount(d.sample((20000,)).numpy().astype(int), minlength=n)[:n] / 20000
    assert (np.abs(counts - p) < 5 * np.sqrt(p * (1 - p) / 20000) + 1e-9).all()
    with pytest.raises(NotImplementedError, match="score-function"):
        d.rsample()


def test_vectors():
    """Distributions of vectors: density by hand, mean and covariance of draws."""
    rt.manual_seed(2)
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.6], [0.6, 1.0]])
    x = np.array([[0.5, -1.0], [3.0, 0.0]])
    gap = x - mean
    want = -0.5 * np.einsum("bi,ij,bj->b", gap, np.linalg.inv(covariance), gap) - math.log(2 * math.pi) - 0.5 * math.log(np.linalg.det(covariance))
    for given in (
        {"covariance_matrix": covariance}, {"precision_matrix": np.linalg.inv(covariance)}, {"scale_tril": np.linalg.cholesky(covariance)},
    ):  # fmt: skip
        d = D.MultivariateNormal(rt.tensor(mean), **{k: rt.tensor(v) for k, v in given.items()})
        np.testing.assert_allclose(d.log_prob(rt.tensor(x)).numpy(), want, rtol=1e-12)
        np.testing.assert_allclose(d.covariance_matrix.numpy(), covariance, rtol=1e-12)
        np.testing.assert_allclose(d.precision_matrix.numpy(), np.linalg.inv(covariance), rtol=1e-12)
        np.testing.assert_allclose(d.entropy().item(), 0.5 * math.log(np.linalg.det(2 * math.pi * math.e * covariance)), rtol=1e-12)
        drawn = d.sample((20000,)).numpy()
        np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.06)
        np.testing.assert_allclose(drawn.mean(0), mean, atol=0.05)
    a = np.array([0.5, 2.0, 1.5])
    d = D.Dirichlet(rt.tensor(a))
    x = np.array([0.2, 0.3, 0.5])
    want = lgamma(a.sum()) - sum(map(lgamma, a)) + ((a - 1) * np.log(x)).sum()
    np.testing.assert_allclose(d.log_prob(rt.tensor(x)).item(), want, rtol=1e-12)
    drawn = d.sample((20000,)).numpy()
    np.testing.assert_allclose(drawn.mean(0), a / 4, atol=0.01)
    np.testing.assert_allclose(drawn.var(0), d.variance.numpy(), rtol=0.05)
    np.testing.assert_allclose(d.entropy().item(), -d.log_prob(rt.tensor(drawn)).mean().item(), atol=0.03)
    probs = np.array([0.2, 0.3, 0.5])
    d = D.Multinomial(4, rt.tensor(probs))
    outcomes = [(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]
    p = [math.factorial(4) / np.prod([math.factorial(k) for k in o]) * np.prod(probs ** np.array(o)) for o in outcomes]
    np.testing.assert_allclose(d.log_prob(rt.tensor(outcomes, dtype=rt.float64)).exp().numpy(), p, rtol=1e-12)
    np.testing.assert_allclose(d.entropy().item(), -(np.array(p) * np.log(p)).sum(), rtol=1e-10)
    np.testing.assert_allclose(d.sample((20000,)).numpy().mean(0), 4 * probs, atol=0.05)
    hot = D.OneHotCategorical(rt.tensor(probs))
    assert hot.enumerate_support().tolist() == np.eye(3).tolist()
    np.testing.assert_allclose(hot.log_prob(hot.enumerate_support()).exp().numpy(), probs, rtol=1e-12)
    relaxed = D.RelaxedOneHotCategorical(t(0.7), rt.tensor(probs))
    assert np.allclose(relaxed.rsample((50,)).sum(-1).numpy(), 1)
    # Its density on the simplex of two categories is that of the relaxed Bernoulli.
    pair, one = D.RelaxedOneHotCategorical(t(0.7), t(0.4, 0.6)), D.RelaxedBernoulli(t(0.7), t(0.4))
    np.testing.assert_allclose(pair.log_prob(t(0.3, 0.7)).item(), one.log_prob(t(0.3)).item(), rtol=1e-10)


SHAPED = [
    lambda b: D.Normal(rt.zeros(b), 1.0), lambda b: D.Bernoulli(rt.full(b, 0.3)), lambda b: D.Bernoulli(logits=rt.zeros(b)),
    lambda b: D.Categorical(rt.ones(b + (4,))), lambda b: D.OneHotCategorical(logits=rt.zeros(b + (4,))), lambda b: D.Beta(rt.ones(b), rt.ones(b)),
    lambda b: D.Dirichlet(rt.ones(b + (3,))), lambda b: D.Gamma(rt.ones(b), 1.0), lambda b: D.Poisson(rt.ones(b)), lambda b: D.Cauchy(rt.zeros(b), 1.0),
    lambda b: D.MultivariateNormal(rt.zeros(b + (2,)), rt.eye(2)), lambda b: D.LogNormal(rt.zeros(b), 1.0), lambda b: D.HalfNormal(rt.ones(b)),
    lambda b: D.HalfCauchy(rt.ones(b)), lambda b: D.Independent(D.Normal(rt.zeros(b + (3,)), 1.0), 1), lambda b: D.StudentT(rt.ones(b)),
    lambda b: D.Multinomial(3, rt.ones(b + (4,))), lambda b: D.Binomial(3, rt.full(b, 0.5)), lambda b: D.RelaxedBernoulli(rt.tensor(0.5), rt.full(b, 0.5)),
    lambda b: D.RelaxedOneHotCategorical(rt.tensor(0.5), rt.ones(b + (4,))), lambda b: D.Weibull(rt.ones(b), 1.0), lambda b: D.VonMises(rt.zeros(b), 1.0),
    lambda b: D.MixtureSameFamily(D.Categorical(rt.ones(b + (2,))), D.Normal(rt.zeros(b + (2,)), 1.0)), lambda b: D.Geometric(rt.full(b, 0.5)),
    lambda b: D.TransformedDistribution(D.Normal(rt.zeros(b), 1.0), [D.AffineTransform(1.0, -2.0), D.TanhTransform()]),
    lambda b: D.TransformedDistribution(D.Normal(rt.zeros(b + (2,)), 1.0), D.StickBreakingTransform()), lambda b: D.Gumbel(rt.zeros(b), 1.0),
]  # fmt: skip


@pytest.mark.parametrize("make", SHAPED)
def test_shapes(make):
    for batch in ((), (2,), (3, 1, 2)):
        d = make(batch)
        assert d.batch_shape == batch
        for extra in ((), (5,), (0,), (2, 3)):
            x = d.sample(extra)
            assert x.shape == extra + batch + d.event_shape
            assert bool(d.support.check(x).all())
            assert d.log_prob(x).shape == extra + batch
        wide = d.expand((4,) + batch)
        assert type(wide) is type(d) and wide.batch_shape == (4,) + batch
        assert wide.sample((2,)).shape == (2, 4) + batch + d.event_shape
        x = d.sample()
        np.testing.assert_allclose(wide.log_prob(x).numpy(), np.broadcast_to(d.log_prob(x).numpy(), (4,) + batch), rtol=1e-5)
        assert repr(d).startswith(type(d).__name__)


def quantile_slope(make, value, x, h=1e-6):
    """How the draw at x moves with a parameter: -(∂F/∂θ) / density, F by differences."""
    down, up = make(t(value - h)), make(t(value + h))
    return -(up.cdf(x) - down.cdf(x)) / (2 * h) / make(t(value)).log_prob(x).exp()


REPARAMETERISED = {
    "normal loc": (lambda a: D.Normal(a, t(2.0)), 0.5), "normal scale": (lambda a: D.Normal(t(0.3), a), 0.5), "uniform": (lambda a: D.Uniform(t(-1.0), a), 2.0),
    "exponential": (lambda a: D.Exponential(a), 1.5), "laplace": (lambda a: D.Laplace(t(0.2), a), 0.5), "cauchy": (lambda a: D.Cauchy(t(0.2), a), 0.5),
    "gamma shape": (lambda a: D.Gamma(a, t(2.0)), 2.5), "gamma small": (lambda a: D.Gamma(a, t(2.0)), 0.3), "gamma large": (lambda a: D.Gamma(a, t(2.0)), 300.0),
    "gamma rate": (lambda a: D.Gamma(t(2.0), a), 2.5), "log normal": (lambda a: D.LogNormal(t(0.1), a), 0.5), "weibull": (lambda a: D.Weibull(t(1.0), a), 1.5),
    "gumbel": (lambda a: D.Gumbel(a, t(0.7)), 0.5), "pareto": (lambda a: D.Pareto(t(1.0), a), 2.5),
}  # fmt: skip


@pytest.mark.parametrize("name", REPARAMETERISED)
def test_gradient_of_draws(name):
    make, value = REPARAMETERISED[name]
    rt.manual_seed(3)
    parameter = t(value).requires_grad_()
    x = make(parameter).rsample((40,))
    got = np.array([rt.autograd.grad(v, parameter, retain_graph=True)[0].item() for v in x])
    np.testing.assert_allclose(got, quantile_slope(make, value, x.detach()).numpy(), rtol=2e-4, atol=1e-6)


def test_gradient_of_means():
    """Draws that are made of gamma numbers: the mean of f(x) moves as much as its expectation."""
    rt.manual_seed(4)
    a = t(2.0, 3.0).requires_grad_()
    D.Beta(a[0], a[1]).rsample((40000,)).square().mean().backward()
    # E x² = a (a + 1) / ((a + b) (a + b + 1))
    b = t(2.0, 3.0).requires_grad_()
    (b[0] * (b[0] + 1) / (b.sum() * (b.sum() + 1))).backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=0.002)
    c = t(1.0, 2.0, 3.0).requires_grad_()
    D.Dirichlet(c).rsample((40000,))[:, 0].mean().backward()
    np.testing.assert_allclose(c.grad.numpy(), [5 / 36, -1 / 36, -1 / 36], atol=0.003)
    df = t(6.0).requires_grad_()
    D.StudentT(df).rsample((40000,)).square().mean().backward()
    np.testing.assert_allclose(df.grad.item(), -2 / 16, atol=0.02)
    x = D.Gamma(df, 1.0).rsample()
    (first,) = rt.autograd.grad(x, df, create_graph=True)
    with pytest.raises(rt.AutogradError, match="twice"):
        rt.autograd.grad(first, df)


KL = [
    (lambda: D.Normal(t(0.1), t(1.2)), lambda: D.Normal(t(-0.3), t(0.8)), (-9, 9)),
    (lambda: D.Uniform(t(0.0), t(1.0)), lambda: D.Uniform(t(-1.0), t(3.0)), (0, 1)),
    (lambda: D.Uniform(t(0.0), t(1.0)), lambda: D.Normal(t(-1.0), t(2.0)), (0, 1)),
    (lambda: D.Exponential(t(1.2)), lambda: D.Exponential(t(0.7)), (0, 30)),
    (lambda: D.Exponential(t(1.2)), lambda: D.Gamma(t(1.5), t(0.7)), (0, 30)),
    (lambda: D.Gamma(t(2.2), t(1.2)), lambda: D.Gamma(t(1.5), t(0.7)), (0, 40)),
    (lambda: D.Gamma(t(2.2), t(1.2)), lambda: D.Exponential(t(0.7)), (0, 40)),
    (lambda: D.Beta(t(2.2), t(1.7)), lambda: D.Beta(t(1.5), t(3.0)), (0, 1)),
    (lambda: D.Laplace(t(0.2), t(1.2)), lambda: D.Laplace(t(-0.5), t(0.7)), (-30, 30)),
    (lambda: D.Gumbel(t(0.2), t(0.8)), lambda: D.Gumbel(t(-0.5), t(0.9)), (-3.5, 26)),
    (lambda: D.HalfNormal(t(0.8)), lambda: D.HalfNormal(t(1.3)), (0, 9)),
    (lambda: D.LogNormal(t(0.1), t(0.4)), lambda: D.LogNormal(t(0.3), t(0.6)), (0, 20)),
    (lambda: D.Pareto(t(1.0), t(8.0)), lambda: D.Pareto(t(0.5), t(6.0)), (1, 20)),
    (lambda: D.Bernoulli(t(0.3)), lambda: D.Bernoulli(t(0.6)), 2),
    (lambda: D.Categorical(t(0.3, 0.2, 0.5)), lambda: D.Categorical(t(0.1, 0.8, 0.1)), 3),
    (lambda: D.Poisson(t(2.0)), lambda: D.Poisson(t(3.0)), 60),
    (lambda: D.Geometric(t(0.4)), lambda: D.Geometric(t(0.6)), 90),
    (lambda: D.Binomial(7, t(0.4)), lambda: D.Binomial(7, t(0.6)), 8),
]  # fmt: skip


@pytest.mark.parametrize("case", KL)
def test_kl(case):
    p, q, where = case[0](), case[1](), case[2]
    if isinstance(where, int):
        x = rt.arange(where, dtype=rt.int64 if isinstance(p, D.Categorical) else rt.float64)
        w = 1.0
    else:
        nodes, w = grid(*where)
        x = rt.tensor(nodes)
    a, b = p.log_prob(x).numpy(), q.log_prob(x).numpy()
    want = (np.exp(a) * (a - b) * w)[np.isfinite(a)].sum()
    np.testing.assert_allclose(D.kl_divergence(p, q).item(), want, rtol=1e-5)
    assert D.kl_divergence(p, p).item() == pytest.approx(0, abs=1e-12)


def test_kl_of_others():
    p, q = (D.MultivariateNormal(t(*m), rt.tensor(c, dtype=rt.float64)) for m, c in (((1.0, 2.0), [[2.0, 0.3], [0.3, 1.0]]), ((0.0, 1.0), [[1.0, -0.2], [-0.2, 2.0]])))
    sp, sq = p.covariance_matrix.double().numpy(), q.covariance_matrix.double().numpy()
    gap = np.array([-1.0, -1.0])
    want = 0.5 * (np.trace(np.linalg.inv(sq) @ sp) + gap @ np.linalg.inv(sq) @ gap - 2 + math.log(np.linalg.det(sq) / np.linalg.det(sp)))
    np.testing.assert_allclose(D.kl_divergence(p, q).item(), want, rtol=1e-5)
    a, b = D.Normal(rt.zeros(2, 3), 1.0), D.Normal(rt.ones(2, 3), 1.0)
    assert D.kl_divergence(D.Independent(a, 1), D.Independent(b, 1)).tolist() == [1.5, 1.5]
    assert D.kl_divergence(D.Uniform(0.0, 2.0), D.Uniform(0.0, 1.0)).item() == math.inf
    assert D.kl_divergence(D.Categorical(t(0.5, 0.5)), D.Categorical(t(1.0, 0.0))).item() == math.inf
    assert D.kl_divergence(D.Categorical(t(1.0, 0.0)), D.Categorical(t(0.5, 0.5))).item() == pytest.approx(math.log(2))
    with pytest.raises(NotImplementedError, match="KL"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Cauchy(0.0, 1.0))


TRANSFORMS = [
    D.ExpTransform(), D.SigmoidTransform(), D.TanhTransform(), D.SoftplusTransform(), D.AffineTransform(1.0, -2.5),
    D.ComposeTransform([D.AffineTransform(0.3, 0.5), D.SigmoidTransform()]), D.ComposeTransform([D.ExpTransform(), D.PowerTransform(0.5)]),
]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_transforms(transform):
    x = rt.linspace(-2, 2, 9, dtype=rt.float64, requires_grad=True)
    y = transform(x)
    (slope,) = rt.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(transform.log_abs_det_jacobian(x, y).detach().numpy(), np.log(np.abs(slope.numpy())), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(transform.inv(y).detach().numpy(), x.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert bool(transform.codomain.check(y).all()) and transform.inv.inv is transform
    np.testing.assert_allclose(transform.inv.log_abs_det_jacobian(y, x).detach().numpy(), -np.log(np.abs(slope.numpy())), rtol=1e-9, atol=1e-12)


def test_stick_breaking():
    transform = D.StickBreakingTransform()
    x = t(0.3, -0.5, 1.2).requires_grad_()
    y = transform(x)
    assert bool(D.constraints.simplex.check(y)) and transform.forward_shape((5, 3)) == (5, 4)
    np.testing.assert_allclose(transform.inv(y).detach().numpy(), x.detach().numpy(), rtol=1e-10)
    jacobian = rt.autograd.functional.jacobian(lambda v: transform(v)[:-1], x.detach())
    np.testing.assert_allclose(transform.log_abs_det_jacobian(x, y).item(), rt.linalg.slogdet(jacobian)[1].item(), rtol=1e-10)


def test_cache():
    transform = D.TanhTransform(cache_size=1)
    x = t(30.0)  # tanh is 1 there, which has no inverse
    assert transform.inv(transform(x)) is x
    assert D.TanhTransform() == D.TanhTransform() and D.AffineTransform(0, 1) != D.AffineTransform(0, 2)


def test_errors():
    with pytest.raises(ValueError, match="parameter scale.*Normal.*GreaterThan"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="within the support"):
        D.Exponential(1.0).log_prob(rt.tensor(-1.0))
    with pytest.raises(ValueError, match="within the support"):
        D.Categorical(rt.ones(3)).log_prob(rt.tensor(3))
    with pytest.raises(ValueError, match="low>= high"):
        D.Uniform(1.0, 1.0)
    with pytest.raises(ValueError, match="not both"):
        D.Bernoulli(0.5, logits=0.0)
    with pytest.raises(ValueError, match="not both"):
        D.Categorical()
    with pytest.raises(ValueError, match="at least one-dimensional"):
        D.Categorical(rt.tensor(1.0))
    with pytest.raises(ValueError, match="Number or Tensor"):
        D.Normal("a", 1.0)
    with pytest.raises(ValueError, match="broadcastable"):
        D.Normal(rt.zeros(2), 1.0).log_prob(rt.zeros(3))
    with pytest.raises(ValueError, match="event_shape"):
        D.Dirichlet(rt.ones(3)).log_prob(rt.ones(2) / 2)
    with pytest.raises(ValueError, match="PositiveDefinite"):
        D.MultivariateNormal(rt.zeros(2), -rt.eye(2))
    with pytest.raises(ValueError, match="reinterpreted"):
        D.Independent(D.Normal(0.0, 1.0), 1)
    with pytest.raises(TypeError, match="Distribution"):
        D.register_kl(int, D.Normal)
    assert D.Normal(0.0, -1.0, validate_args=False).log_prob(rt.tensor(0.0)).isnan()
    try:
        D.Distribution.set_default_validate_args(False)
        assert D.Exponential(-1.0).rate == -1
    finally:
        D.Distribution.set_default_validate_args(True)


def test_log_prob_has_gradients():
    logits = rt.zeros(2, 3, dtype=rt.float64, requires_grad=True)
    D.Categorical(logits=logits).log_prob(rt.tensor([0, 2])).sum().backward()
    want = np.full((2, 3), -1 / 3)
    want[0, 0] += 1
    want[1, 2] += 1
    np.testing.assert_allclose(logits.grad.numpy(), want, rtol=1e-12)
    for make, args in ((D.Gamma, (2.0, 3.0)), (D.Beta, (2.0, 3.0)), (D.StudentT, (3.0, 0.1, 2.0)), (D.Weibull, (1.0, 2.0)), (D.Cauchy, (0.1, 2.0))):
        leaves = [t(a).requires_grad_() for a in args]
        assert rt.autograd.gradcheck(lambda *a: make(*a).log_prob(t(0.4)), leaves)


def test_same_seed_same_draws():
    d = D.Gamma(rt.full((1000,), 0.7), 1.0)
    rt.manual_seed(5)
    first = d.sample()
    rt.manual_seed(5)
    threads = rt.get_num_threads()
    rt.set_num_threads(1)
    try:
        assert rt.equal(first, d.sample())
    finally:
        rt.set_num_threads(threads)


@pytest.mark.parametrize("make", SHAPED)
def test_copies(make):
    """A distribution that went through pickle or copy is the same one, and shows itself the same way."""
    d = make((2,))
    rt.manual_seed(6)
    x = d.sample((3,))
    logs = d.log_prob(x)
    for again in (pickle.loads(pickle.dumps(d)), copy.deepcopy(d), d.expand((2,))):
        assert type(again) is type(d) and repr(again) == repr(d)
        assert rt.equal(again.log_prob(x), logs)
        rt.manual_seed(6)
        assert rt.equal(again.sample((3,)), x)


def test_repr():
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(D.Gamma(rt.ones(2, 3), 1.0)) == "Gamma(concentration: rustorch.Size([2, 3]), rate: rustorch.Size([2, 3]))"
    d = D.Bernoulli(logits=rt.zeros(2))
    assert repr(d) == "Bernoulli(logits: rustorch.Size([2]))"
    d.probs  # worked out, and then kept
    assert repr(d.expand((3, 2))) == "Bernoulli(probs: rustorch.Size([3, 2]), logits: rustorch.Size([3, 2]))"
    assert repr(D.HalfNormal(1.0)) == "HalfNormal()" and repr(D.Chi2(1.0)) == "Chi2()"
    d = D.MultivariateNormal(rt.zeros(2), rt.eye(2))
    assert repr(d) == "MultivariateNormal(loc: rustorch.Size([2]), covariance_matrix: rustorch.Size([2, 2]))"


BAD = {  # what is wrong: (distribution, what the message must name)
    "Laplace": (lambda: D.Laplace(0.0, t(1.0, -1.0)), "parameter scale .*Laplace"),
    "half normal": (lambda: D.HalfNormal(-1.0), "scale .*HalfNormal"),
    "half Cauchy": (lambda: D.HalfCauchy(0.0), "scale .*HalfCauchy"),
    "log normal": (lambda: D.LogNormal(0.0, -1.0), "scale .*LogNormal"),
    "chi2": (lambda: D.Chi2(-1.0), "df .*Chi2"),
    "student": (lambda: D.StudentT(-1.0), "df .*StudentT"),
    "beta": (lambda: D.Beta(1.0, -1.0), "concentration0 .*Beta"),
    "gamma": (lambda: D.Gamma(0.0, 1.0), "concentration .*Gamma"),
    "Pareto": (lambda: D.Pareto(1.0, -1.0), "alpha .*Pareto"),
    "Poisson": (lambda: D.Poisson(-1.0), "rate .*GreaterThanEq"),
    "von Mises": (lambda: D.VonMises(0.0, -1.0), "concentration .*VonMises"),
    "Bernoulli": (lambda: D.Bernoulli(1.5), r"probs .*Interval\(lower_bound=0.0, upper_bound=1.0\)"),
    "binomial": (lambda: D.Binomial(-1, t(0.5)), "total_count .*IntegerGreaterThan"),
    "geometric": (lambda: D.Geometric(0.0), "probs .*positive"),
    "negative binomial": (lambda: D.NegativeBinomial(2.0, t(1.0)), "probs .*HalfOpenInterval"),
    "multinomial": (lambda: D.Multinomial(1.5, t(0.5, 0.5)), "whole number"),
    "relaxed": (lambda: D.RelaxedBernoulli(t(0.5), t(1.5)), "probs .*RelaxedBernoulli"),
    "categories": (lambda: D.OneHotCategorical(t(-1.0, 2.0)), "probs .*Simplex"),
    "NaN": (lambda: D.Categorical(logits=t(math.nan, 1.0)), r"logits .*IndependentConstraint\(Real\(\), 1\)"),
    "transforms": (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), 3), "but was 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters(name):
    make, words = BAD[name]
    with pytest.raises(rt.ArgumentValueError, match=words):
        make()


def test_constraints():
    c = D.constraints
    assert D.Uniform(0.0, 2.0).support.upper_bound == 2 and isinstance(c.positive, c.greater_than)
    again = pickle.loads(pickle.dumps(c.independent(c.unit_interval, 1)))
    assert repr(again) == "IndependentConstraint(Interval(lower_bound=0.0, upper_bound=1.0), 1)"
    matrix = rt.tensor([[1.0, 1.0], [1.0, 1.0]])
    assert bool(c.positive_semidefinite.check(matrix)) and not bool(c.positive_definite.check(matrix))
    assert not bool(c.positive_semidefinite.check(-matrix)) and not bool(c.symmetric.check(rt.ones(2, 3)))
    assert c.corr_cholesky.check(rt.tensor([[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]])).tolist() == [True, False]
    assert c.one_hot.check(rt.tensor([[0.0, 1.0], [0.5, 0.5]])).tolist() == [True, False]
    assert c.integer_interval(0, 3).check(rt.tensor([3.0, 1.5, 4.0])).tolist() == [True, False, False]

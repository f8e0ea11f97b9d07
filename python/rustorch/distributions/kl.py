"""The divergence of Kullback and Leibler between distributions, by closed formulas."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Tuple

import rustorch
from rustorch import Tensor

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant, log_sum_zero

__all__ = ["kl_divergence", "register_kl"]

_FORMULAS: Dict[Tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Register a function of (p, q) as the divergence between two classes of distributions, and their subclasses.

    Examples
    --------
    >>> from rustorch.distributions import Laplace, Normal, kl_divergence, register_kl
    >>> class Special(Normal):
    ...     pass
    >>> @register_kl(Special, Laplace)
    ... def kl_special_laplace(p, q):
    ...     return rustorch.zeros(p.batch_shape)
    >>> kl_divergence(Special(0.0, 1.0), Laplace(0.0, 1.0))
    tensor(0.)
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise rustorch.ArgumentTypeError(f"register_kl: a subclass of Distribution is needed, not {kind!r}")

    def decorator(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        _FORMULAS[type_p, type_q] = function
        return function

    return decorator


def _find(p: type, q: type) -> Any:
    """The formula registered for the nearest classes above the two."""
    for i in range(len(p.__mro__) + len(q.__mro__)):
        for k, above in enumerate(p.__mro__[: i + 1]):
            if i - k < len(q.__mro__) and (above, q.__mro__[i - k]) in _FORMULAS:
                return _FORMULAS[above, q.__mro__[i - k]]
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """∫ p log(p / q), of the shape of the broadcast batches.

    Raises
    ------
    NotImplementedError
        No formula is registered for the two.

    Examples
    --------
    >>> from rustorch.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    formula = _find(type(p), type(q))
    if formula is None:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
    return formula(p, q)


def _infinite_where(mask: Tensor, x: Tensor) -> Tensor:
    mask, x = rustorch.broadcast_tensors(mask, x)
    return x.masked_fill(mask, math.inf)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    return _infinite_where((q.low > p.low) | (q.high < p.high), ((q.high - q.low) / (p.high - p.low)).log())


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Tensor:
    width = p.high - p.low
    spread = width**2 / 12 + ((p.high + p.low) / 2 - q.loc) ** 2
    return (math.sqrt(2 * math.pi) * q.scale / width).log() + 0.5 * spread / q.scale**2


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    softplus = rustorch.nn.functional.softplus
    # log-probabilities of 1 and 0 are -softplus(∓logits)
    one = log_sum_zero(p.probs, softplus(-q.logits) - softplus(-p.logits))
    zero = log_sum_zero(1 - p.probs, softplus(q.logits) - softplus(p.logits))
    impossible = ((q.probs == 0) & (p.probs > 0)) | ((q.probs == 1) & (p.probs < 1))
    return _infinite_where(impossible, one + zero)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return _infinite_where(p.total_count > q.total_count, kl)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    part = p.probs * (p.logits - q.logits)
    probs_p, probs_q, part = rustorch.broadcast_tensors(p.probs, q.probs, part)
    return _infinite_where((probs_q == 0) & (probs_p > 0), part.masked_fill(probs_p == 0, 0.0)).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _gamma(Gamma(rustorch.ones_like(p.rate), p.rate, validate_args=False), q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return _gamma(p, Gamma(rustorch.ones_like(q.rate), q.rate, validate_args=False))


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    shapes = rustorch.lgamma(b) - rustorch.lgamma(a) + (a - b) * rustorch.digamma(a)
    return b * (p.rate / q.rate).log() + shapes + (q.rate - p.rate) * a / p.rate


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1, keepdim=True)
    start = rustorch.lgamma(total.squeeze(-1)) - rustorch.lgamma(b.sum(-1))
    return start + (rustorch.lgamma(b) - rustorch.lgamma(a) + (a - b) * (rustorch.digamma(a) - rustorch.digamma(total))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc).abs()
    return gap / q.scale + ratio * (-gap / p.scale).exp() - ratio.log() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return gap - ratio.log() + ratio * euler_constant + (rustorch.lgamma(1 + ratio) - gap).exp() - (1 + euler_constant)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return rustorch.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    return _infinite_where(p.scale < q.scale, q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise rustorch.ShapeError(f"KL-divergence of normals of {list(p.event_shape)} and {list(q.event_shape)} numbers is not defined")
    half = (q.scale_tril.diagonal(0, -2, -1).log() - p.scale_tril.diagonal(0, -2, -1).log()).sum(-1)
    spread = rustorch.linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False).square().sum((-2, -1))
    gap = rustorch.linalg.solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False).squeeze(-1)
    return half + 0.5 * (spread + gap.square().sum(-1) - p.event_shape[0])


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL between Independents of different numbers of dimensions is not implemented")
    return p._sum(kl_divergence(p.base_dist, q.base_dist))


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL between distributions of different transforms is not implemented")
    return kl_divergence(p.base_dist, q.base_dist)

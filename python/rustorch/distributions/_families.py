"""What families of distributions have in common, so that each of them reads as its formulas."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Any, Callable, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform
from .utils import lazy_property, logits_to_probs, probs_to_logits


class LocationScale(Distribution):
    """Distributions of ``loc + scale × z``: each states what holds of z, the standard form with loc 0 and scale 1."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _noise: Callable[..., Tensor]  # draws of z, given a tensor that may be filled with them
    _log_density: Callable[..., Tensor]  # of z
    _entropy: Callable[[], Any]
    _stddev: Callable[[], float]

    def __init__(self, loc: Any, scale: Any, validate_args: Optional[bool] = None) -> None:
        self._init(validate_args, loc=loc, scale=scale)

    def _cdf(self, z: Tensor) -> Tensor:
        raise self._no("cdf")

    def _icdf(self, p: Tensor) -> Tensor:
        raise self._no("icdf")

    def _standard(self, value: Any) -> Tensor:
        return (self._checked(value) - self.loc) / self.scale

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Tensor:
        return self.scale * self._stddev()

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.loc + self.scale * self._noise(self._empty(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return self._log_density(self._standard(value)) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return self._cdf(self._standard(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * self._icdf(value)

    def entropy(self) -> Tensor:
        return self.scale.log() + self._entropy()


class Half(TransformedDistribution):
    """The size of draws of a distribution that is symmetric around 0, of which a subclass says the class."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    _whole: Any

    def __init__(self, scale: Any, validate_args: Optional[bool] = None) -> None:
        super().__init__(self._whole(0.0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    scale: Any = property(attrgetter("base_dist.scale"), doc="The scale before the sign is dropped.")

    @property
    def mode(self) -> Tensor:
        return rustorch.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        return (self.base_dist.log_prob(value) + math.log(2)).masked_fill(value < 0, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(self._checked(value)) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class ProbsOrLogits(Distribution):
    """Distributions given either by probabilities or by log-odds; the other is worked out when asked for."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    _binary = True  # False: probabilities of categories along the last dimension, and their logarithms

    def _given(self, probs: Any, logits: Any) -> str:
        """The name of the one that was given."""
        if (probs is None) == (logits is None):
            raise rustorch.ArgumentValueError("Either `probs` or `logits` must be specified, but not both.")
        return "logits" if probs is None else "probs"

    def _init_odds(self, validate_args: Optional[bool], probs: Any, logits: Any) -> None:
        self._init(validate_args, **{self._given(probs, logits): logits if probs is None else probs})

    def _init_counted(self, validate_args: Optional[bool], total_count: Any, probs: Any, logits: Any) -> None:
        """The same with a number of trials, which takes the dtype of the other."""
        given = logits if probs is None else probs
        if isinstance(total_count, Tensor) and isinstance(given, Tensor):
            total_count = total_count.to(given.dtype)
        self._init(validate_args, total_count=total_count, **{self._given(probs, logits): given})

    @lazy_property
    def logits(self) -> Tensor:
        """The log-odds, or the log-probabilities (…, K) of categories."""
        return probs_to_logits(self.probs, self._binary)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, self._binary)

    @property
    def _param(self) -> Tensor:
        return self.__dict__[self._params[-1]]

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.shape


class Relaxed(TransformedDistribution):
    """Smooth draws that approach 0 and 1 as a temperature falls, made from draws of their logarithms or log-odds."""

    temperature: Any = property(attrgetter("base_dist.temperature"), doc="The temperature.")
    logits: Any = property(attrgetter("base_dist.logits"), doc="The log-odds, or the log-probabilities (…, K) of categories.")
    probs: Any = property(attrgetter("base_dist.probs"), doc="The probabilities.")

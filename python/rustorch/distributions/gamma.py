"""The gamma distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution

__all__ = ["Gamma"]


class Gamma(Distribution):
    """The gamma distribution of shape ``concentration`` and ``rate``.

    The draws of ``rsample`` have the implicit gradient (Figurnov, Mohamed and Mnih, 2018), once: the second derivative
    is an error.

    >>> from rustorch.distributions import Gamma
    >>> Gamma(3.0, 2.0).mean
    tensor(1.5000)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: Optional[bool] = None) -> None:
        self._init(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        value = rustorch._standard_gamma(self.concentration.expand(self._extended_shape(sample_shape))) / self.rate
        return value.clamp(min=rustorch.finfo(value.dtype).tiny)  # where it underflowed: 0 has no density

    def log_prob(self, value: Tensor) -> Tensor:
        a, rate, value = self.concentration, self.rate, self._checked(value)
        return rustorch.xlogy(a, rate) + rustorch.xlogy(a - 1, value) - rate * value - rustorch.lgamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        return rustorch.special.gammainc(self.concentration, self.rate * self._checked(value))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + rustorch.lgamma(a) + (1 - a) * rustorch.digamma(a)

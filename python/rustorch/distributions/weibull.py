"""Weibull's distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .utils import euler_constant

__all__ = ["Weibull"]


class Weibull(Distribution):
    """Weibull's distribution of ``scale`` and shape ``concentration``.

    >>> from rustorch.distributions import Weibull
    >>> Weibull(2.0, 1.0).mean
    tensor(2.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, scale: Any, concentration: Any, validate_args: Optional[bool] = None) -> None:
        self._init(validate_args, scale=scale, concentration=concentration)

    def _moment(self, k: int) -> Tensor:
        return rustorch.lgamma(1 + k / self.concentration).exp()

    @property
    def mean(self) -> Tensor:
        return self.scale * self._moment(1)

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return rustorch.where(k > 1, self.scale * ((k - 1).clamp(min=0) / k) ** (1 / k), rustorch.zeros_like(self.scale))

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (self._moment(2) - self._moment(1) ** 2)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = self._empty(sample_shape).exponential_()
        return self.scale * noise.clamp(min=rustorch.finfo(noise.dtype).tiny) ** (1 / self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        k, z = self.concentration, self._checked(value) / self.scale
        return k.log() - self.scale.log() + (k - 1) * z.log() - z**k

    def cdf(self, value: Tensor) -> Tensor:
        return -rustorch.expm1(-((self._checked(value) / self.scale) ** self.concentration))

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-rustorch.log1p(-value)) ** (1 / self.concentration)

    def entropy(self) -> Tensor:
        k = self.concentration
        return euler_constant * (1 - 1 / k) + (self.scale / k).log() + 1

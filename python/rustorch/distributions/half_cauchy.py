"""The half-Cauchy distribution."""

from __future__ import annotations

import math

import rustorch
from rustorch import Tensor

from ._families import Half
from .cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The size of numbers of Cauchy's distribution around 0.

    >>> from rustorch.distributions import HalfCauchy
    >>> HalfCauchy(1.0).cdf(rustorch.tensor(1.0))
    tensor(0.5000)
    """

    _whole = Cauchy

    @property
    def mean(self) -> Tensor:
        return rustorch.full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

"""Cauchy's distribution."""

from __future__ import annotations

import math

import rustorch
from rustorch import Tensor

from ._families import LocationScale

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    """Cauchy's (Lorentz') distribution; it has neither a mean nor a variance.

    >>> from rustorch.distributions import Cauchy
    >>> Cauchy(0.0, 1.0).cdf(rustorch.tensor(1.0))
    tensor(0.7500)
    """

    @property
    def mean(self) -> Tensor:
        return rustorch.full_like(self.loc, math.nan)

    def _stddev(self) -> float:
        return math.inf

    def _noise(self, out: Tensor) -> Tensor:
        return out.cauchy_()

    def _log_density(self, z: Tensor) -> Tensor:
        return -math.log(math.pi) - z.square().log1p()

    def _cdf(self, z: Tensor) -> Tensor:
        return rustorch.atan(z) / math.pi + 0.5

    def _icdf(self, p: Tensor) -> Tensor:
        return rustorch.tan(math.pi * (p - 0.5))

    def _entropy(self) -> float:
        return math.log(4 * math.pi)

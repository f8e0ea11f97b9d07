"""Laplace's distribution."""

from __future__ import annotations

import math

import rustorch
from rustorch import Tensor

from ._families import LocationScale

__all__ = ["Laplace"]


class Laplace(LocationScale):
    """Laplace's distribution around ``loc``: the density falls as e^(-|x - loc| / scale).

    >>> from rustorch.distributions import Laplace
    >>> Laplace(0.0, 1.0).log_prob(rustorch.tensor(0.0)).exp()
    tensor(0.5000)
    """

    def _stddev(self) -> float:
        return math.sqrt(2)

    def _noise(self, out: Tensor) -> Tensor:
        return out.exponential_() - rustorch.empty_like(out).exponential_()

    def _log_density(self, z: Tensor) -> Tensor:
        return -z.abs() - math.log(2)

    def _cdf(self, z: Tensor) -> Tensor:
        return 0.5 - 0.5 * z.sign() * rustorch.expm1(-z.abs())

    def _icdf(self, p: Tensor) -> Tensor:
        term = p - 0.5
        return -term.sign() * rustorch.log1p(-2 * term.abs())

    def _entropy(self) -> float:
        return 1 + math.log(2)

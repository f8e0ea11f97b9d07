"""Gumbel's distribution."""

from __future__ import annotations

import math

import rustorch
from rustorch import Tensor

from ._families import LocationScale
from .utils import euler_constant

__all__ = ["Gumbel"]


class Gumbel(LocationScale):
    """Gumbel's distribution of the largest of many numbers.

    >>> from rustorch.distributions import Gumbel
    >>> Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    def _stddev(self) -> float:
        return math.pi / math.sqrt(6)

    def _noise(self, out: Tensor) -> Tensor:
        return -out.exponential_().clamp(min=rustorch.finfo(out.dtype).tiny).log()

    def _log_density(self, z: Tensor) -> Tensor:
        return -z - (-z).exp()

    def _cdf(self, z: Tensor) -> Tensor:
        return (-(-z).exp()).exp()

    def _icdf(self, p: Tensor) -> Tensor:
        return -(-p.log()).log()

    def _entropy(self) -> float:
        return 1 + euler_constant

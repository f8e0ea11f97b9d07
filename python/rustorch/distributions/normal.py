"""The normal distribution."""

from __future__ import annotations

import math

import rustorch
from rustorch import Tensor

from ._families import LocationScale

__all__ = ["Normal"]


class Normal(LocationScale):
    """The normal distribution with mean ``loc`` and standard deviation ``scale``.

    >>> from rustorch.distributions import Normal
    >>> Normal(0.0, 1.0).log_prob(rustorch.tensor(0.0))
    tensor(-0.9189)
    """

    @property
    def stddev(self) -> Tensor:
        return self.scale

    def _noise(self, out: Tensor) -> Tensor:
        return out.normal_()

    def _log_density(self, z: Tensor) -> Tensor:
        return -0.5 * z * z - 0.5 * math.log(2 * math.pi)

    def _cdf(self, z: Tensor) -> Tensor:
        return rustorch.special.ndtr(z)

    def _icdf(self, p: Tensor) -> Tensor:
        return rustorch.special.ndtri(p)

    def _entropy(self) -> float:
        return 0.5 + 0.5 * math.log(2 * math.pi)

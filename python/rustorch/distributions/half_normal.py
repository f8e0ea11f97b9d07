"""The half-normal distribution."""

from __future__ import annotations

import math

from rustorch import Tensor

from ._families import Half
from .normal import Normal

__all__ = ["HalfNormal"]


class HalfNormal(Half):
    """The size of normal numbers of mean 0 and standard deviation ``scale``.

    >>> from rustorch.distributions import HalfNormal
    >>> HalfNormal(1.0).mean
    tensor(0.7979)
    """

    _whole = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)

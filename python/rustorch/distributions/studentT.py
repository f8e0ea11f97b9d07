"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any, Optional

import rustorch
from rustorch import Tensor

from . import constraints
from ._families import LocationScale

__all__ = ["StudentT"]


class StudentT(LocationScale):
    """Student's t distribution of ``df`` degrees of freedom, moved by ``loc`` and stretched by ``scale``.

    >>> from rustorch.distributions import StudentT
    >>> StudentT(3.0).variance
    tensor(3.)
    """

    arg_constraints = {"df": constraints.positive, **LocationScale.arg_constraints}

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: Optional[bool] = None) -> None:
        self._init(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def variance(self) -> Tensor:
        variance = self.scale**2 * self.df / (self.df - 2)
        return variance.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def _noise(self, out: Tensor) -> Tensor:
        squares = rustorch._standard_gamma((self.df / 2).expand(out.shape)) * 2
        return out.normal_() * (self.df / squares).sqrt()

    def _log_density(self, z: Tensor) -> Tensor:
        return -0.5 * (self.df + 1) * rustorch.log1p(z**2 / self.df) - 0.5 * self.df.log() - self._log_beta()

    def _log_beta(self) -> Tensor:
        """log B(1/2, df/2)"""
        return rustorch.lgamma(0.5 * self.df) + 0.5 * math.log(math.pi) - rustorch.lgamma(0.5 * (self.df + 1))

    def _entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        return more * (rustorch.digamma(more) - rustorch.digamma(half)) + 0.5 * self.df.log() + self._log_beta()

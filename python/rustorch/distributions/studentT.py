"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t distribution of ``df`` degrees of freedom, moved by ``loc`` and stretched by ``scale``.

    >>> from rustorch.distributions import StudentT
    >>> StudentT(3.0).variance
    tensor(3.)
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _params = ("df", "loc", "scale")

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: Optional[bool] = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, float("nan"))

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        variance = self.scale**2 * self.df / (self.df - 2)
        return variance.masked_fill(self.df <= 2, float("inf")).masked_fill(self.df <= 1, float("nan"))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        squares = rustorch._standard_gamma((self.df / 2).expand(shape)) * 2
        return self.loc + self.scale * rustorch.randn(shape, dtype=self.df.dtype) * (self.df / squares).sqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        start = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
        start = start + rustorch.lgamma(0.5 * self.df) - rustorch.lgamma(0.5 * (self.df + 1))
        return -0.5 * (self.df + 1) * rustorch.log1p(z**2 / self.df) - start

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        beta = rustorch.lgamma(half) + 0.5 * math.log(math.pi) - rustorch.lgamma(more)
        return self.scale.log() + more * (rustorch.digamma(more) - rustorch.digamma(half)) + 0.5 * self.df.log() + beta

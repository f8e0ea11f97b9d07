"""Pareto's distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution

__all__ = ["Pareto"]


class Pareto(Distribution):
    """Pareto's distribution of type 1: from ``scale`` on the density falls with the power ``alpha`` + 1.

    >>> from rustorch.distributions import Pareto
    >>> Pareto(1.0, 2.0).mean
    tensor(2.)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    has_rsample = True

    def __init__(self, scale: Any, alpha: Any, validate_args: Optional[bool] = None) -> None:
        self._init(validate_args, scale=scale, alpha=alpha)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        return (self.alpha * self.scale / (self.alpha - 1)).masked_fill(self.alpha <= 1, float("inf"))

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        variance = self.scale**2 * self.alpha / ((self.alpha - 1) ** 2 * (self.alpha - 2))
        return variance.masked_fill(self.alpha <= 2, float("inf"))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = self._empty(sample_shape).exponential_()
        return self.scale * (noise / self.alpha).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        return self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * self._checked(value).log()

    def cdf(self, value: Tensor) -> Tensor:
        return 1 - (self.scale / self._checked(value)) ** self.alpha

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (1 - value) ** (-1 / self.alpha)

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha

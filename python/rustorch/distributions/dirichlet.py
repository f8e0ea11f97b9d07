"""Dirichlet's distribution."""

from __future__ import annotations

from typing import Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """Dirichlet's distribution on the simplex: vectors of K probabilities.

    A draw is a vector of gamma draws divided by its sum, and so is its gradient.

    Parameters
    ----------
    concentration : Tensor (…, K)

    Examples
    --------
    >>> from rustorch.distributions import Dirichlet
    >>> Dirichlet(rustorch.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: Optional[bool] = None) -> None:
        if not isinstance(concentration, Tensor) or concentration.dim() < 1:
            raise rustorch.ShapeError("`concentration` parameter must be at least one-dimensional.")
        self._take(concentration=concentration)
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0)
        flat = (self.concentration < 1).all(-1)  # the density is highest in the corners: one of them
        corner = rustorch.nn.functional.one_hot(self.concentration.argmax(-1), self._event_shape[0]).to(above.dtype)
        return rustorch.where(flat.unsqueeze(-1), corner, above / above.sum(-1, keepdim=True))

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = rustorch._standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
        drawn = drawn.clamp(min=rustorch.finfo(drawn.dtype).tiny)
        return drawn / drawn.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        a = self.concentration
        return rustorch.xlogy(a - 1, self._checked(value)).sum(-1) + rustorch.lgamma(a.sum(-1)) - rustorch.lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a, k = self.concentration, self._event_shape[0]
        total = a.sum(-1)
        return rustorch.lgamma(a).sum(-1) - rustorch.lgamma(total) - (k - total) * rustorch.digamma(total) - ((a - 1) * rustorch.digamma(a)).sum(-1)

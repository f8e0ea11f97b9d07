"""The von Mises distribution of angles."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution

__all__ = ["VonMises"]


class VonMises(Distribution):
    """The von Mises distribution of angles in [-π, π) around ``loc``.

    >>> from rustorch.distributions import VonMises
    >>> VonMises(0.0, 2.0).variance
    tensor(0.3022)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: Optional[bool] = None) -> None:
        self._init(validate_args, loc=loc, concentration=concentration)

    @property
    def mean(self) -> Tensor:
        """The circular mean."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        """The circular variance."""
        return 1 - rustorch.special.i1e(self.concentration) / rustorch.special.i0e(self.concentration)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        # Best and Fisher (1979): rejection from a wrapped Cauchy distribution.
        shape = self._extended_shape(sample_shape)
        with rustorch.no_grad():
            k = self.concentration.double().expand(shape)
            tau = 1 + (1 + 4 * k**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            # Where rho would be lost to cancellation, r = 1 / k + k is its limit.
            r = rustorch.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))
            angle, done = rustorch.zeros(shape, dtype=rustorch.float64), rustorch.zeros(shape, dtype=rustorch.bool)
            while not bool(done.all()):
                u = rustorch.rand((3,) + tuple(shape), dtype=rustorch.float64)
                z = (math.pi * u[0]).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                good = (c * (2 - c) - u[1] > 0) | ((c / u[1]).log() + 1 - c >= 0)
                angle = rustorch.where(good & ~done, (u[2] - 0.5).sign() * f.clamp(-1, 1).acos(), angle)
                done = done | good
            return ((angle + math.pi + self.loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        # I0(k) = i0e(k) e^k
        k = self.concentration
        return k * ((self._checked(value) - self.loc).cos() - 1) - math.log(2 * math.pi) - rustorch.special.i0e(k).log()

    def entropy(self) -> Tensor:
        """The entropy."""
        k = self.concentration
        return math.log(2 * math.pi) + rustorch.special.i0e(k).log() + k * self.variance

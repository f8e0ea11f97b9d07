"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Distribution):
    """The normal distribution of vectors (…, n), given one of covariance, precision (its inverse) or Cholesky factor.

    Parameters
    ----------
    loc : Tensor (…, n)
    covariance_matrix, precision_matrix, scale_tril : Tensor (…, n, n)
        Exactly one; leading dimensions broadcast with those of ``loc``.

    Examples
    --------
    >>> from rustorch.distributions import MultivariateNormal
    >>> d = MultivariateNormal(rustorch.zeros(2), rustorch.eye(2))
    >>> d.log_prob(rustorch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, covariance_matrix: Optional[Tensor] = None, precision_matrix: Optional[Tensor] = None,
        scale_tril: Optional[Tensor] = None, validate_args: Optional[bool] = None,
    ) -> None:  # fmt: skip
        if not isinstance(loc, Tensor) or loc.dim() < 1:
            raise rustorch.ShapeError("loc must be at least one-dimensional.")
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        found = [name for name, value in given.items() if value is not None]
        if len(found) != 1:
            raise rustorch.ArgumentValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        matrix = given[found[0]]
        if matrix.dim() < 2 or matrix.shape[-2:] != (loc.shape[-1],) * 2:
            raise rustorch.ShapeError(f"{found[0]} must have shape (…, {loc.shape[-1]}, {loc.shape[-1]}), not {tuple(matrix.shape)}")
        batch = rustorch.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self._take(**{"loc": loc.expand(batch + (-1,)), found[0]: matrix.expand(batch + (-1, -1))})
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        self._take(_tril=self._factor())

    def _factor(self) -> Tensor:
        if "scale_tril" in self.__dict__:
            return self.__dict__["scale_tril"]
        if "covariance_matrix" in self.__dict__:
            return rustorch.linalg.cholesky(self.__dict__["covariance_matrix"])
        # P = L Lᵀ with the order of rows and columns turned round gives the factor of the inverse (Cholesky of a flipped matrix).
        flipped = rustorch.linalg.cholesky(self.__dict__["precision_matrix"].flip(-2, -1)).flip(-2, -1).mT
        unit = rustorch.eye(self.loc.shape[-1], dtype=self.loc.dtype, device=self.loc.device)
        return rustorch.linalg.solve_triangular(flipped, unit, upper=False)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with covariance L Lᵀ."""
        return self._tril

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._tril @ self._tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return rustorch.cholesky_inverse(self._tril)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return self._tril.square().sum(-1)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = self._empty(sample_shape).normal_()
        return self.loc + (self._tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        gap = self._checked(value) - self.loc
        z = rustorch.linalg.solve_triangular(self._tril, gap.unsqueeze(-1), upper=False).squeeze(-1)
        half = self._tril.diagonal(0, -2, -1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + z.square().sum(-1)) - half

    def entropy(self) -> Tensor:
        half = self._tril.diagonal(0, -2, -1).log().sum(-1)
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + half

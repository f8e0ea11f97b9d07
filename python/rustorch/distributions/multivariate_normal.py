"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence

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
    _params = ("loc", "covariance_matrix", "precision_matrix", "scale_tril", "_unbroadcasted_scale_tril")

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
        self.loc = loc.expand(batch + (-1,))
        self.__dict__[found[0]] = matrix.expand(batch + (-1, -1))
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        if scale_tril is None:
            self.__dict__["scale_tril"] = self._factor()

    def _factor(self) -> Tensor:
        if "covariance_matrix" in self.__dict__:
            return rustorch.linalg.cholesky(self.__dict__["covariance_matrix"])
        # P = L Lᵀ with the order of rows and columns turned round gives the factor of the inverse (Cholesky of a flipped matrix).
        flipped = rustorch.linalg.cholesky(self.__dict__["precision_matrix"].flip(-2, -1)).flip(-2, -1).mT
        return rustorch.linalg.solve_triangular(flipped, rustorch.eye(self.loc.shape[-1], dtype=self.loc.dtype), upper=False)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with covariance L Lᵀ."""
        return self._factor()

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return rustorch.cholesky_inverse(self.scale_tril)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = rustorch.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        gap = self._checked(value) - self.loc
        z = rustorch.linalg.solve_triangular(self.scale_tril, gap.unsqueeze(-1), upper=False).squeeze(-1)
        half = self.scale_tril.diagonal(0, -2, -1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + z.square().sum(-1)) - half

    def entropy(self) -> Tensor:
        half = self.scale_tril.diagonal(0, -2, -1).log().sum(-1)
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + half

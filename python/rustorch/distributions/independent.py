"""Batch dimensions as part of the event."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .transforms import _sum_last

__all__ = ["Independent"]


class Independent(Distribution):
    """The last dimensions of the batch of a distribution, taken as one event: log-probabilities add up.

    Parameters
    ----------
    base_distribution : Distribution
    reinterpreted_batch_ndims : int

    Examples
    --------
    >>> from rustorch.distributions import Independent, Normal
    >>> d = Independent(Normal(rustorch.zeros(2, 3), 1.0), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(rustorch.zeros(2, 3)).shape
    (rustorch.Size([2]), rustorch.Size([3]), rustorch.Size([2]))
    """

    arg_constraints: dict = {}

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: Optional[bool] = None) -> None:
        n = len(base_distribution.batch_shape)
        if not 0 <= reinterpreted_batch_ndims <= n:
            raise rustorch.ArgumentValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {reinterpreted_batch_ndims} vs {n}"
            )
        shape = base_distribution.batch_shape + base_distribution.event_shape
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(shape[: n - reinterpreted_batch_ndims], shape[n - reinterpreted_batch_ndims :], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Distribution:
        new = super().expand(batch_shape, _instance)
        kept = self.event_shape[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand(Size(batch_shape) + kept)  # type: ignore[attr-defined]
        return new

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the base has it, and nothing is reinterpreted."""
        return self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        base = self.base_dist.support
        return constraints.independent(base, self.reinterpreted_batch_ndims) if self.reinterpreted_batch_ndims else base

    mean: Any = property(attrgetter("base_dist.mean"), doc=Distribution.mean.__doc__)
    mode: Any = property(attrgetter("base_dist.mode"), doc=Distribution.mode.__doc__)
    variance: Any = property(attrgetter("base_dist.variance"), doc=Distribution.variance.__doc__)

    def _sum(self, x: Tensor) -> Tensor:
        return _sum_last(x, self.reinterpreted_batch_ndims)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self._sum(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._sum(self.base_dist.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"

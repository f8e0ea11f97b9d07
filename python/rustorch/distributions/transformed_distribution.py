"""Distributions of transformed draws."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform, _sum_last

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of f(x) where x has a base distribution and f is a transform, or several in turn.

    >>> from rustorch.distributions import Normal, TransformedDistribution
    >>> from rustorch.distributions.transforms import ExpTransform
    >>> TransformedDistribution(Normal(0.0, 1.0), [ExpTransform()]).log_prob(rustorch.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints: dict = {}

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: Optional[bool] = None) -> None:
        given = transforms
        transforms = [given] if isinstance(given, Transform) else list(given) if isinstance(given, (list, tuple)) else [None]
        if not all(isinstance(t, Transform) for t in transforms):
            raise rustorch.ArgumentValueError(f"transforms must be a Transform or a list of Transforms, but was {given!r}")
        self.transforms = transforms
        whole = ComposeTransform(transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        if len(shape) < whole.domain.event_dim:
            raise rustorch.ShapeError(f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got {list(shape)}")
        forward = whole.forward_shape(shape)
        back = whole.inverse_shape(forward)
        if back != shape:  # a transform with parameters of a larger shape
            base_distribution = base_distribution.expand(back[: len(back) - len(base_distribution.event_shape)])
        extra = whole.domain.event_dim - len(base_distribution.event_shape)
        self.base_dist = Independent(base_distribution, extra) if extra > 0 else base_distribution
        event_dim = whole.codomain.event_dim + max(len(self.base_dist.event_shape) - whole.domain.event_dim, 0)
        cut = len(forward) - event_dim
        super().__init__(forward[:cut], forward[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Distribution:
        new = super().expand(batch_shape, _instance)
        whole = ComposeTransform(self.transforms)
        shape = whole.inverse_shape(Size(batch_shape) + self.event_shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])  # type: ignore[attr-defined]
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        extra = len(self.event_shape) - support.event_dim
        return constraints.independent(support, extra) if extra > 0 else support

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    def _through(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with rustorch.no_grad():
            return self._through(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self._through(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        y, total = self._checked(value), rustorch.zeros(())
        event_dim = len(self.event_shape)
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            total = total - _sum_last(transform.log_abs_det_jacobian(x, y), event_dim - transform.domain.event_dim)
            y = x
        return total + _sum_last(self.base_dist.log_prob(y), event_dim - len(self.base_dist.event_shape))

    def _falling(self, value: Tensor) -> Tensor:
        """The probability p below a value, or above it where the transforms turn the order round."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        y = self._checked(value)
        for transform in reversed(self.transforms):
            y = transform.inv(y)
        return self._falling(self.base_dist.cdf(y))

    def icdf(self, value: Tensor) -> Tensor:
        return self._through(self.base_dist.icdf(self._falling(value)))

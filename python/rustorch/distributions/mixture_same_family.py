"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture: one of K components, drawn from a categorical distribution, makes the draw.

    Parameters
    ----------
    mixture_distribution : Categorical
        Its batch shape is that of the mixture.
    component_distribution : Distribution
        The components lie along the last dimension of its batch.

    Examples
    --------
    >>> from rustorch.distributions import Categorical, MixtureSameFamily, Normal
    >>> d = MixtureSameFamily(Categorical(rustorch.ones(2)), Normal(rustorch.tensor([-1.0, 1.0]), 0.5))
    >>> d.mean, d.variance
    (tensor(0.), tensor(1.2500))
    """

    arg_constraints: dict = {}

    def __init__(self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: Optional[bool] = None) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise rustorch.ArgumentValueError(" The Mixture distribution needs to be an instance of rustorch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise rustorch.ArgumentValueError("The Component distribution needs to be an instance of rustorch.distributions.Distribution")
        mixed, batch = mixture_distribution.batch_shape, component_distribution.batch_shape
        k = mixture_distribution.param_shape[-1]
        if len(batch) < 1 or batch[-1] != k:
            raise rustorch.ShapeError(f"`mixture_distribution` has {k} components, but the batch of `component_distribution` is {list(batch)}")
        for a, b in zip(reversed(mixed), reversed(batch[:-1])):
            if a != 1 and b != 1 and a != b:
                raise rustorch.ShapeError(f"`mixture_distribution.batch_shape` {list(mixed)} is not compatible with {list(batch[:-1])}")
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = k
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Distribution:
        new = super().expand(batch_shape, _instance)
        shape = Size(batch_shape)
        new._mixture_distribution = self._mixture_distribution.expand(shape)  # type: ignore[attr-defined]
        new._component_distribution = self._component_distribution.expand(shape + (self._num_component,))  # type: ignore[attr-defined]
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """What chooses the component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * len(self._event_shape))

    def _sum(self, x: Tensor) -> Tensor:
        return (self._weights() * x).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self._sum(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        # The mean of the variances and the variance of the means.
        gap = self._component_distribution.mean - self.mean.unsqueeze(-1 - len(self._event_shape))
        return self._sum(self._component_distribution.variance) + self._sum(gap**2)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with rustorch.no_grad():
            n = len(self._event_shape)
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            index = chosen.reshape(chosen.shape + (1,) * (n + 1))
            return drawn.gather(-1 - n, index.expand(chosen.shape + (1,) + tuple(self._event_shape))).squeeze(-1 - n)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value).unsqueeze(-1 - len(self._event_shape))
        logs = self._component_distribution.log_prob(value) + rustorch.log_softmax(self._mixture_distribution.logits, -1)
        return logs.logsumexp(-1)

    def cdf(self, value: Tensor) -> Tensor:
        value = self._checked(value).unsqueeze(-1 - len(self._event_shape))
        return (self._component_distribution.cdf(value) * self._mixture_distribution.probs).sum(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"

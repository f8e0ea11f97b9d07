"""The relaxed Bernoulli distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, clamp_probs, either, lazy_property, logits_to_probs, probs_to_logits
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Distribution):
    """The log-odds of :class:`RelaxedBernoulli`: logistic noise added to ``logits``, divided by a temperature.

    >>> from rustorch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(rustorch.tensor(0.5), logits=rustorch.zeros(3)).rsample().shape
    rustorch.Size([3])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _params = ("probs", "logits")

    def __init__(self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: Optional[bool] = None) -> None:
        self.temperature = rustorch.as_tensor(temperature)
        if either("LogitRelaxedBernoulli", probs, logits):
            (self.probs,) = broadcast_all(probs)
            shape = self.probs.shape
        else:
            (self.logits,) = broadcast_all(logits)
            shape = self.logits.shape
        super().__init__(shape, validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """The log-odds of 1."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self.logits.shape

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        u = clamp_probs(rustorch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        return (u.log() - (-u).log1p() + self.logits) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        gap = self.logits - self._checked(value) * self.temperature
        return self.temperature.log() + gap - 2 * rustorch.nn.functional.softplus(gap)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers in (0, 1) that approach Bernoulli's 0 and 1 as the temperature falls, with a gradient (Maddison et al., 2017).

    >>> from rustorch.distributions import RelaxedBernoulli
    >>> RelaxedBernoulli(rustorch.tensor(0.5), probs=rustorch.tensor([0.3, 0.6])).rsample().shape
    rustorch.Size([2])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: Optional[bool] = None) -> None:
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The log-odds of 1."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return self.base_dist.probs

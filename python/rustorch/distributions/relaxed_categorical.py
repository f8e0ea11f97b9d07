"""The relaxed one-hot categorical distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithm of :class:`RelaxedOneHotCategorical`: log-softmax of noisy log-probabilities over a temperature.

    >>> from rustorch.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(rustorch.tensor(0.5), logits=rustorch.zeros(3)).rsample().shape
    rustorch.Size([3])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector  # whose exponentials add up to 1
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = rustorch.as_tensor(temperature)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Distribution:
        new = super().expand(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)  # type: ignore[attr-defined]
        return new

    @property
    def logits(self) -> Tensor:
        """The log-probabilities (…, K)."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities (…, K)."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = rustorch.empty(self._extended_shape(sample_shape), dtype=self.logits.dtype).exponential_()
        gumbel = -noise.clamp(min=rustorch.finfo(noise.dtype).tiny).log()
        return rustorch.log_softmax((self.logits + gumbel) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        k = self._event_shape[0]
        score = self.logits - self._checked(value) * self.temperature
        score = (score - score.logsumexp(-1, keepdim=True)).sum(-1)
        return score + rustorch.lgamma(rustorch.tensor(float(k), dtype=score.dtype)) + (k - 1) * self.temperature.log()


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors on the simplex that approach one-hot ones as the temperature falls, with a gradient (Jang et al., 2017).

    >>> from rustorch.distributions import RelaxedOneHotCategorical
    >>> RelaxedOneHotCategorical(rustorch.tensor(0.5), logits=rustorch.zeros(3)).rsample().shape
    rustorch.Size([3])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(
        self, temperature: Tensor, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits, validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The log-probabilities (…, K)."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities (…, K)."""
        return self.base_dist.probs

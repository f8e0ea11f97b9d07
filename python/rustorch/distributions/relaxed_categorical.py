"""The relaxed one-hot categorical distribution."""

from __future__ import annotations

import math
from typing import Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from ._families import Relaxed
from .categorical import OverCategories
from .transforms import ExpTransform

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OverCategories):
    """The logarithm of :class:`RelaxedOneHotCategorical`: log-softmax of noisy log-probabilities over a temperature.

    >>> from rustorch.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(rustorch.tensor(0.5), logits=rustorch.zeros(3)).rsample().shape
    rustorch.Size([3])
    """

    support = constraints.real_vector  # whose exponentials add up to 1
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        self.temperature = rustorch.as_tensor(temperature)
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = self._empty(sample_shape).exponential_()
        gumbel = -noise.clamp(min=rustorch.finfo(noise.dtype).tiny).log()
        return rustorch.log_softmax((self.logits + gumbel) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        k = self._event_shape[0]
        score = self.logits - self._checked(value) * self.temperature
        score = (score - score.logsumexp(-1, keepdim=True)).sum(-1)
        return score + math.lgamma(k) + (k - 1) * self.temperature.log()


class RelaxedOneHotCategorical(Relaxed):
    """Vectors on the simplex that approach one-hot ones as the temperature falls, with a gradient (Jang et al., 2017).

    >>> from rustorch.distributions import RelaxedOneHotCategorical
    >>> RelaxedOneHotCategorical(rustorch.tensor(0.5), logits=rustorch.zeros(3)).rsample().shape
    rustorch.Size([3])
    """

    arg_constraints = OverCategories.arg_constraints
    support = constraints.simplex

    def __init__(
        self, temperature: Tensor, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits, validate_args), ExpTransform(), validate_args=validate_args)

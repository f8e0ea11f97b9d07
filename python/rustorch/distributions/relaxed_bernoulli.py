"""The relaxed Bernoulli distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from ._families import ProbsOrLogits, Relaxed
from .transforms import SigmoidTransform
from .utils import clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(ProbsOrLogits):
    """The log-odds of :class:`RelaxedBernoulli`: logistic noise added to ``logits``, divided by a temperature.

    >>> from rustorch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(rustorch.tensor(0.5), logits=rustorch.zeros(3)).rsample().shape
    rustorch.Size([3])
    """

    support = constraints.real
    has_rsample = True

    def __init__(self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: Optional[bool] = None) -> None:
        self.temperature = rustorch.as_tensor(temperature)
        self._init_odds(validate_args, probs, logits)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        u = clamp_probs(self._empty(sample_shape).uniform_())
        return (u.log() - (-u).log1p() + self.logits) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        gap = self.logits - self._checked(value) * self.temperature
        return self.temperature.log() + gap - 2 * rustorch.nn.functional.softplus(gap)


class RelaxedBernoulli(Relaxed):
    """Numbers in (0, 1) that approach Bernoulli's 0 and 1 as the temperature falls, with a gradient (Maddison et al., 2017).

    >>> from rustorch.distributions import RelaxedBernoulli
    >>> RelaxedBernoulli(rustorch.tensor(0.5), probs=rustorch.tensor([0.3, 0.6])).rsample().shape
    rustorch.Size([2])
    """

    arg_constraints = ProbsOrLogits.arg_constraints
    support = constraints.unit_interval

    def __init__(self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: Optional[bool] = None) -> None:
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits, validate_args), SigmoidTransform(), validate_args=validate_args)

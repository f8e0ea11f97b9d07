"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from ._families import ProbsOrLogits

__all__ = ["NegativeBinomial"]


class NegativeBinomial(ProbsOrLogits):
    """The number of successes, of probability ``probs``, before ``total_count`` failures.

    >>> from rustorch.distributions import NegativeBinomial
    >>> NegativeBinomial(3.0, rustorch.tensor(0.5)).mean
    tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0), "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real,
    }  # fmt: skip
    support = constraints.nonnegative_integer

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: Optional[bool] = None) -> None:
        self._init_counted(validate_args, total_count, probs, logits)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with rustorch.no_grad():
            rate = rustorch._standard_gamma(self.total_count.expand(self._extended_shape(sample_shape))) * self.logits.exp()
            return rustorch.poisson(rate)

    def log_prob(self, value: Tensor) -> Tensor:
        n, k = self.total_count, self._checked(value)
        choices = rustorch.lgamma(n + k) - rustorch.lgamma(k + 1) - rustorch.lgamma(n)
        choices = choices.masked_fill(n + k == 0, 0.0)
        return choices + n * rustorch.nn.functional.logsigmoid(-self.logits) + k * rustorch.nn.functional.logsigmoid(self.logits)

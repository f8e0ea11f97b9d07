"""The binomial distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from ._families import ProbsOrLogits

__all__ = ["Binomial"]


class Binomial(ProbsOrLogits):
    """The number of successes in ``total_count`` trials of probability ``probs`` (or log-odds ``logits``).

    >>> from rustorch.distributions import Binomial
    >>> Binomial(4, rustorch.tensor(0.5)).log_prob(rustorch.tensor(2.0)).exp()
    tensor(0.3750)
    """

    arg_constraints = {"total_count": constraints.nonnegative_integer, **ProbsOrLogits.arg_constraints}
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        self._init_counted(validate_args, total_count, probs, logits)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with rustorch.no_grad():
            return rustorch.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        n, k = self.total_count, self._checked(value)
        choices = rustorch.lgamma(n + 1) - rustorch.lgamma(k + 1) - rustorch.lgamma(n - k + 1)
        # k log p + (n - k) log(1 - p), in log-odds
        return choices + k * self.logits - n * rustorch.nn.functional.softplus(self.logits)

    def _total(self, what: str) -> int:
        total = int(self.total_count.max())
        if not bool((self.total_count == total).all()):
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{what}`.")
        return total

    def entropy(self) -> Tensor:
        self._total("entropy")
        logs = self.log_prob(self.enumerate_support(False))
        return -(logs.exp() * logs).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(rustorch.arange(self._total("enumerate_support") + 1, dtype=self.total_count.dtype), expand)

"""The multinomial distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .binomial import Binomial
from .categorical import OverCategories

__all__ = ["Multinomial"]


class Multinomial(OverCategories):
    """How often each of K categories came in ``total_count`` draws.

    >>> from rustorch.distributions import Multinomial
    >>> Multinomial(4, rustorch.tensor([1.0, 3.0])).mean
    tensor([1., 3.])
    """

    def __init__(
        self, total_count: int = 1, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        if not isinstance(total_count, int) or total_count < 0:
            raise rustorch.ArgumentValueError(f"Multinomial: total_count must be one whole number, not negative; not {total_count!r}")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = self._categorical.sample((self.total_count,) + tuple(sample_shape))
        counts = self._empty(sample_shape).zero_()
        drawn = drawn.movedim(0, -1)
        return counts.scatter_add(-1, drawn, counts.new_ones(drawn.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        logs = rustorch.where((value == 0) & rustorch.isinf(self.logits), 0.0, value * self.logits)
        return rustorch.lgamma(value.sum(-1) + 1) - rustorch.lgamma(value + 1).sum(-1) + logs.sum(-1)

    def entropy(self) -> Tensor:
        n = rustorch.tensor(float(self.total_count), dtype=self.probs.dtype)
        counts = Binomial(self.total_count, self.probs)
        values = counts.enumerate_support(False)[1:]
        weights = counts.log_prob(values).exp()
        return (weights * rustorch.lgamma(values + 1)).sum((0, -1)) + n * self._categorical.entropy() - rustorch.lgamma(n + 1)

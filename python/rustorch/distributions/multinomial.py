"""The multinomial distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each of K categories came in ``total_count`` draws.

    >>> from rustorch.distributions import Multinomial
    >>> Multinomial(4, rustorch.tensor([1.0, 3.0])).mean
    tensor([1., 3.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, total_count: int = 1, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None
    ) -> None:
        if not isinstance(total_count, int) or total_count < 0:
            raise rustorch.ArgumentValueError(f"Multinomial: total_count must be one whole number, not negative; not {total_count!r}")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Distribution:
        new = super().expand(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)  # type: ignore[attr-defined]
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def probs(self) -> Tensor:
        """The probabilities (…, K)."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The log-probabilities (…, K)."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        drawn = self._categorical.sample((self.total_count,) + tuple(sample_shape))
        counts = rustorch.zeros(self._extended_shape(sample_shape), dtype=self._categorical._param.dtype)
        drawn = drawn.movedim(0, -1)
        return counts.scatter_add(-1, drawn, rustorch.ones(drawn.shape, dtype=counts.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        logs = rustorch.where((value == 0) & rustorch.isinf(self.logits), 0.0, value * self.logits)
        return rustorch.lgamma(value.sum(-1) + 1) - rustorch.lgamma(value + 1).sum(-1) + logs.sum(-1)

    def entropy(self) -> Tensor:
        from .binomial import Binomial

        n = rustorch.tensor(float(self.total_count), dtype=self.probs.dtype)
        counts = Binomial(self.total_count, self.probs)
        values = counts.enumerate_support(False)[1:]
        weights = counts.log_prob(values).exp()
        return (weights * rustorch.lgamma(values + 1)).sum((0, -1)) + n * self._categorical.entropy() - rustorch.lgamma(n + 1)

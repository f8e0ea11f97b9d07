"""The categorical distribution."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from ._families import ProbsOrLogits
from .distribution import Distribution

__all__ = ["Categorical"]


class Categorical(ProbsOrLogits):
    """One of K categories, as an index, with probabilities ``probs`` or log-probabilities ``logits`` (neither need be normalised).

    Parameters
    ----------
    probs, logits : Tensor (…, K)

    Examples
    --------
    >>> from rustorch.distributions import Categorical
    >>> d = Categorical(rustorch.tensor([1.0, 1.0, 2.0]))
    >>> d.probs
    tensor([0.2500, 0.2500, 0.5000])
    >>> d.log_prob(rustorch.tensor(2)).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None) -> None:
        name, value = self._given(probs, logits), logits if probs is None else probs
        if not isinstance(value, Tensor) or value.dim() < 1:
            raise rustorch.ShapeError(f"`{name}` parameter must be at least one-dimensional.")
        self._take(**{name: value - value.logsumexp(-1, keepdim=True) if probs is None else value / value.sum(-1, keepdim=True)})
        self._num_events = value.shape[-1]
        super().__init__(value.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return self._param.new_full(self._extended_shape(), float("nan"))

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = Size(sample_shape)
        with rustorch.no_grad():
            drawn = rustorch.multinomial(self.probs.reshape(self._batch_shape.numel(), self._num_events), max(shape.numel(), 1), True)
            return drawn[:, : shape.numel()].T.reshape(self._extended_shape(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value).long().unsqueeze(-1)
        shape = rustorch.broadcast_shapes(value.shape[:-1], self.logits.shape[:-1])
        return self.logits.expand(shape + (self._num_events,)).gather(-1, value.expand(shape + (1,))).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=rustorch.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(rustorch.arange(self._num_events, device=self._param.device), expand)


class OverCategories(Distribution):
    """Distributions of vectors of K numbers that are made of draws of a :class:`Categorical`."""

    arg_constraints = Categorical.arg_constraints

    def __init__(self, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Distribution:
        new = super().expand(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)  # type: ignore[attr-defined]
        return new

    probs: Any = property(attrgetter("_categorical.probs"), doc="The probabilities (…, K).")
    logits: Any = property(attrgetter("_categorical.logits"), doc="The log-probabilities (…, K).")
    param_shape: Any = property(attrgetter("_categorical.param_shape"), doc="The shape of the parameter.")
    _param: Any = property(attrgetter("_categorical._param"))

    def _empty(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self._param.new_empty(self._extended_shape(sample_shape))

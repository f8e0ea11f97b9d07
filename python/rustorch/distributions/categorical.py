"""The categorical distribution."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .distribution import Distribution
from .utils import either, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
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
    _params = ("probs", "logits")

    def __init__(self, probs: Optional[Tensor] = None, logits: Optional[Tensor] = None, validate_args: Optional[bool] = None) -> None:
        given = either("Categorical", probs, logits)
        name, value = ("probs", probs) if given else ("logits", logits)
        if not isinstance(value, Tensor) or value.dim() < 1:
            raise rustorch.ShapeError(f"`{name}` parameter must be at least one-dimensional.")
        if given:
            self.probs = value / value.sum(-1, keepdim=True)
        else:
            self.logits = value - value.logsumexp(-1, keepdim=True)
        self._num_events = value.shape[-1]
        super().__init__(value.shape[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.logits

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """The log-probabilities (…, K)."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities (…, K)."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        return rustorch.full(self._extended_shape(), float("nan"), dtype=self._param.dtype)

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
        return self._enumerated(rustorch.arange(self._num_events), expand)

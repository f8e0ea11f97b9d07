"""The base of the probability distributions."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

import rustorch
from rustorch import Size, Tensor

from . import constraints
from .utils import broadcast_all, lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A probability distribution: numbers are drawn from it and it says how likely values are.

    A distribution stands for a batch of them: ``batch_shape`` is the shape of its parameters, ``event_shape`` that of one
    draw of one of them. ``sample(s)`` has the shape ``s + batch_shape + event_shape``, and ``log_prob`` of it the shape
    ``s + batch_shape``.

    Parameters
    ----------
    batch_shape, event_shape : Size
    validate_args : bool, optional
        Check parameters when a distribution is made, and values given to it, and say which do not fit. On unless
        :meth:`set_default_validate_args` switched it off (or Python runs with ``-O``).

    Examples
    --------
    >>> from rustorch.distributions import Normal
    >>> d = Normal(rustorch.zeros(3), 1.0)
    >>> d.batch_shape, d.event_shape, d.sample((2,)).shape
    (rustorch.Size([3]), rustorch.Size([]), rustorch.Size([2, 3]))
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    _params: Tuple[str, ...] = ()  # the attributes that hold the parameters, kept by _take

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check what they are given unless told otherwise."""
        if value not in (True, False):
            raise rustorch.ArgumentValueError(f"set_default_validate_args: True or False is needed, not {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = Size(), event_shape: Any = Size(), validate_args: Optional[bool] = None) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _init(self, validate_args: Optional[bool], **parameters: Any) -> None:
        """Take the parameters of distributions of single numbers: broadcast with each other they have the batch shape."""
        self._take(**dict(zip(parameters, broadcast_all(*parameters.values()))))
        Distribution.__init__(self, self.__dict__[self._params[0]].shape, validate_args=validate_args)

    def _take(self, **parameters: Tensor) -> None:
        """Keep parameters, each with the batch shape in front, which :meth:`expand` expands."""
        self.__dict__.update(parameters)
        self._params += tuple(parameters)

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property):
                continue  # worked out from another parameter
            value = getattr(self, name)
            self._require(name, bool(constraint.check(value).all()), f"to satisfy the constraint {constraint!r},")

    def _require(self, name: str, good: bool, what: str) -> None:
        if not good:
            value = getattr(self, name)
            raise rustorch.ArgumentValueError(
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} "
                f"{what} but found invalid values:\n{value}"
            )

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> "Distribution":
        """The distribution with its parameters expanded to a larger batch shape, without copying them."""
        shape = Size(batch_shape)
        new = object.__new__(type(self)) if _instance is None else _instance
        new.__dict__.update({k: v for k, v in self.__dict__.items() if not isinstance(getattr(type(self), k, None), lazy_property)})
        n = len(self._batch_shape)
        for name in {*self._params, *self.arg_constraints}.intersection(self.__dict__):
            value = self.__dict__[name]
            new.__dict__[name] = value.expand(shape + value.shape[n:])
        new._batch_shape = shape
        return new

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw of one distribution."""
        return self._event_shape

    arg_constraints: Dict[str, constraints.Constraint] = {}
    """What each parameter must satisfy."""

    @property
    def support(self) -> Any:
        """The constraint that the outcomes satisfy."""
        raise NotImplementedError(f"{type(self).__name__} does not say its support")

    def _no(self, what: str) -> "NotImplementedError":
        return NotImplementedError(f"{type(self).__name__} has no {what}")

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise self._no("mean")

    @property
    def mode(self) -> Tensor:
        """The most likely outcome."""
        raise self._no("mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise self._no("variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws, without a gradient; ``sample_shape`` comes in front."""
        with rustorch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws through which gradients reach the parameters, where the distribution allows it (``has_rsample``)."""
        raise NotImplementedError(
            f"{type(self).__name__} has no rsample: its draws do not depend smoothly on its parameters. "
            "Use sample() with log_prob() (the score-function gradient)"
        )

    def sample_n(self, n: int) -> Tensor:
        """n draws."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or the probability, at a value."""
        raise self._no("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of outcomes up to a value."""
        raise self._no("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which outcomes have a probability: the inverse of :meth:`cdf`."""
        raise self._no("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All outcomes of a discrete distribution, along a new first dimension, expanded over the batch or not."""
        raise self._no("enumerate_support: its outcomes are not finitely many")

    def entropy(self) -> Tensor:
        """The entropy, in nats."""
        raise self._no("entropy")

    def perplexity(self) -> Tensor:
        """e to the power of the entropy."""
        return rustorch.exp(self.entropy())

    def _extended_shape(self, sample_shape: Sequence[int] = Size()) -> Size:
        """The shape of draws: sample_shape + batch_shape + event_shape."""
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _empty(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """An uninitialised tensor for draws, with the dtype and the device of the parameters."""
        return self.__dict__[self._params[0]].new_empty(self._extended_shape(sample_shape))

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        values = values.reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1,) + tuple(self._batch_shape)) if expand else values

    def _validate_sample(self, value: Any) -> None:
        """Raises an error unless a value has a fitting shape and lies in the support."""
        if not isinstance(value, Tensor):
            raise rustorch.ArgumentValueError(f"The value argument to log_prob must be a Tensor, not {type(value).__name__}")
        n = len(self._event_shape)
        if value.shape[value.dim() - n :] != self._event_shape:
            raise rustorch.ShapeError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        for have, want in zip(reversed(value.shape), reversed(self._batch_shape + self._event_shape)):
            if have != 1 and want != 1 and have != want:
                raise rustorch.ShapeError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {self._batch_shape + self._event_shape}."
                )
        try:
            support = self.support
        except NotImplementedError:
            return
        if not bool(support.check(value).all()):
            raise rustorch.ArgumentValueError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support ({support!r}) of the "
                f"distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        parts = []
        for name in self.arg_constraints:
            if name in self.__dict__:
                value = self.__dict__[name]
                parts.append(f"{name}: {value if value.numel() == 1 else value.shape}")
        return f"{type(self).__name__}({', '.join(parts)})"

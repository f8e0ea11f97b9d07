"""What parameters and outcomes of distributions must satisfy, under the names of torch.distributions.constraints.

A constraint checks a tensor element by element, or, with an ``event_dim``, block by block of the last dimensions.

Examples
--------
>>> from rustorch.distributions import constraints
>>> constraints.positive.check(rustorch.tensor([1.0, -1.0]))
tensor([ True, False])
>>> constraints.simplex.check(rustorch.tensor([[0.25, 0.75], [0.5, 0.6]]))
tensor([ True, False])
"""

from __future__ import annotations

from typing import Any

import rustorch
from rustorch import Tensor

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "corr_cholesky", "dependent", "dependent_property", "greater_than",
    "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than",
    "lower_cholesky", "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive",
    "positive_definite", "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square", "symmetric",
    "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values: ``check`` says which elements (blocks of ``event_dim`` dimensions) lie in it.

    >>> from rustorch.distributions import constraints
    >>> class Above1(constraints.Constraint):
    ...     def check(self, value):
    ...         return value > 1
    >>> Above1().check(rustorch.tensor([0.0, 2.0]))
    tensor([False,  True])
    """

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """A bool for each element, or block."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to check a value")

    def __repr__(self) -> str:
        return type(self).__name__[1:] + "()"


class _Dependent(Constraint):
    """The set depends on other parameters: nothing can be checked by itself."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete = is_discrete
        self.event_dim = event_dim

    def __call__(self, *, is_discrete: bool = False, event_dim: int = 0) -> "_Dependent":
        return _Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, value: Tensor) -> Tensor:
        """Not possible."""
        raise rustorch.ArgumentValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on other parameters.

    >>> from rustorch.distributions import constraints
    >>> constraints.is_dependent(constraints.real)
    False
    """
    return isinstance(constraint, (_Dependent, dependent_property))


class dependent_property(property):
    """A property of a distribution that gives a constraint made of its parameters.

    >>> from rustorch.distributions import constraints
    >>> class Span:
    ...     high = 2.0
    ...     @constraints.dependent_property(is_discrete=False)
    ...     def support(self):
    ...         return constraints.interval(0.0, self.high)
    >>> Span().support
    Interval(lower_bound=0.0, upper_bound=2.0)
    """

    def __init__(self, fn: Any = None, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        super().__init__(fn)
        self.is_discrete = is_discrete
        self.event_dim = event_dim

    def __call__(self, fn: Any) -> "dependent_property":
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


class _IndependentConstraint(Constraint):
    """A constraint whose last dimensions form one block: it holds where it holds for all of them.

    >>> from rustorch.distributions import constraints
    >>> constraints.independent(constraints.positive, 1).check(rustorch.tensor([[1.0, 2.0], [1.0, -2.0]]))
    tensor([ True, False])
    """

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        """A bool for each block."""
        result = self.base_constraint.check(value)
        if result.dim() < self.reinterpreted_batch_ndims:
            raise rustorch.ShapeError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        for _ in range(self.reinterpreted_batch_ndims):
            result = result.all(-1)
        return result

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture: that of its components, which lie along one more dimension.

    >>> from rustorch.distributions import constraints
    >>> constraints.MixtureSameFamilyConstraint(constraints.positive).check(rustorch.tensor([1.0, -1.0]))
    tensor([ True, False])
    """

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = base_constraint
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        """A bool for each block: whether every component allows it."""
        at = value.dim() - self.base_constraint.event_dim
        return self.base_constraint.check(value.unsqueeze(at)).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _Bounded(Constraint):
    """Between bounds, of which a subclass says the names and which of them belong to the set."""

    def __repr__(self) -> str:
        return f"{type(self).__name__[1:]}({', '.join(f'{name}={bound}' for name, bound in vars(self).items())})"


class _GreaterThan(_Bounded):
    """Above a bound.

    >>> from rustorch.distributions import constraints
    >>> constraints.greater_than(1.0)
    GreaterThan(lower_bound=1.0)
    """

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class _GreaterThanEq(_GreaterThan):
    """Not below a bound.

    >>> from rustorch.distributions import constraints
    >>> constraints.greater_than_eq(1.0).check(rustorch.tensor(1.0))
    tensor(True)
    """

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class _IntegerGreaterThan(_GreaterThan):
    """Whole numbers not below a bound."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == value.floor()) & (value >= self.lower_bound)


class _LessThan(_Bounded):
    """Below a bound.

    >>> from rustorch.distributions import constraints
    >>> constraints.less_than(1.0).check(rustorch.tensor(1.0))
    tensor(False)
    """

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Interval(_Bounded):
    """Between two bounds, both included.

    >>> from rustorch.distributions import constraints
    >>> constraints.interval(0.0, 1.0).check(rustorch.tensor([0.0, 2.0]))
    tensor([ True, False])
    """

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _HalfOpenInterval(_Interval):
    """From a bound, which is included, to another, which is not.

    >>> from rustorch.distributions import constraints
    >>> constraints.half_open_interval(0.0, 1.0).check(rustorch.tensor([0.0, 1.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class _IntegerInterval(_Interval):
    """Whole numbers between two bounds, both included.

    >>> from rustorch.distributions import constraints
    >>> constraints.integer_interval(0, 2).check(rustorch.tensor([1.0, 1.5]))
    tensor([ True, False])
    """

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == value.floor()) & super().check(value)


class _Multinomial(Constraint):
    """Counts, not negative, whose sum is a number.

    >>> from rustorch.distributions import constraints
    >>> constraints.multinomial(3).check(rustorch.tensor([[1.0, 2.0], [1.0, 1.0]]))
    tensor([ True, False])
    """

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) == self.upper_bound)


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(_Boolean):
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return super().check(value).all(-1) & (value.sum(-1) == 1)


class _Real(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return value == value  # not NaN


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _LowerTriangular(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).flatten(-2).all(-1)


class _LowerCholesky(_LowerTriangular):
    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(0, -2, -1) > 0).all(-1)


class _CorrCholesky(_LowerCholesky):
    def check(self, value: Tensor) -> Tensor:
        tolerance = 10 * value.shape[-1] * rustorch.finfo(value.dtype).eps
        rows = value.detach().square().sum(-1)
        return super().check(value) & ((rows - 1).abs() < tolerance).all(-1)


class _Square(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return value.new_full(value.shape[:-2], value.shape[-1] == value.shape[-2], dtype=rustorch.bool)


class _Symmetric(_Square):
    def check(self, value: Tensor) -> Tensor:
        good = super().check(value)
        return rustorch.isclose(value, value.mT, atol=1e-6).flatten(-2).all(-1) if bool(good.all()) else good


class _PositiveSemidefinite(_Symmetric):
    def check(self, value: Tensor) -> Tensor:
        good = super().check(value)
        return rustorch.linalg.eigvalsh(value.detach()).ge(0).all(-1) if bool(good.all()) else good


class _PositiveDefinite(_Symmetric):
    def check(self, value: Tensor) -> Tensor:
        good = super().check(value)
        return rustorch.linalg.cholesky_ex(value.detach())[1] == 0 if bool(good.all()) else good


independent = _IndependentConstraint
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
interval = _Interval
half_open_interval = _HalfOpenInterval
integer_interval = _IntegerInterval
multinomial = _Multinomial

dependent = _Dependent()
boolean = _Boolean()
real = _Real()
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
real_vector = independent(real, 1)
simplex = _Simplex()
one_hot = _OneHot()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()

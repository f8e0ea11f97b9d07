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

from typing import Any, Callable, Optional

import rustorch
from rustorch import Tensor

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "dependent", "dependent_property", "greater_than", "greater_than_eq",
    "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "real", "real_vector", "simplex", "square", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values: ``check`` says which elements (blocks of ``event_dim`` dimensions) lie in it.

    >>> from rustorch.distributions import constraints
    >>> constraints.Constraint(lambda x: x > 1, "Above1()").check(rustorch.tensor([0.0, 2.0]))
    tensor([False,  True])
    """

    is_discrete = False
    event_dim = 0

    def __init__(self, test: Optional[Callable[[Tensor], Tensor]] = None, text: str = "", is_discrete: bool = False, event_dim: int = 0):
        self._test = test
        self._text = text
        self.is_discrete = is_discrete
        self.event_dim = event_dim

    def check(self, value: Tensor) -> Tensor:
        """A bool for each element, or block."""
        if self._test is None:
            raise NotImplementedError(f"{type(self).__name__} does not say how to check a value")
        return self._test(value)

    def __repr__(self) -> str:
        return self._text or type(self).__name__[1:] + "()"


class _Dependent(Constraint):
    """The set depends on other parameters: nothing can be checked by itself."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        super().__init__(None, "Dependent()", is_discrete, event_dim)

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


class independent(Constraint):
    """A constraint whose last dimensions form one block: it holds where it holds for all of them.

    >>> from rustorch.distributions import constraints
    >>> constraints.independent(constraints.positive, 1).check(rustorch.tensor([[1.0, 2.0], [1.0, -2.0]]))
    tensor([ True, False])
    """

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(
            None, f"IndependentConstraint({base_constraint!r}, {reinterpreted_batch_ndims})", base_constraint.is_discrete,
            base_constraint.event_dim + reinterpreted_batch_ndims,
        )  # fmt: skip

    def check(self, value: Tensor) -> Tensor:
        """A bool for each block."""
        result = self.base_constraint.check(value)
        if result.dim() < self.reinterpreted_batch_ndims:
            raise rustorch.ShapeError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        for _ in range(self.reinterpreted_batch_ndims):
            result = result.all(-1)
        return result


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture: that of its components, which lie along one more dimension.

    >>> from rustorch.distributions import constraints
    >>> constraints.MixtureSameFamilyConstraint(constraints.positive).check(rustorch.tensor([1.0, -1.0]))
    tensor([ True, False])
    """

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = base_constraint
        super().__init__(None, f"MixtureSameFamilyConstraint({base_constraint!r})", base_constraint.is_discrete, base_constraint.event_dim)

    def check(self, value: Tensor) -> Tensor:
        """A bool for each block: whether every component allows it."""
        at = value.dim() - self.base_constraint.event_dim
        return self.base_constraint.check(value.unsqueeze(at)).all(-1)


def _bounded(test: Any, name: str, is_discrete: bool = False, **bounds: Any) -> Constraint:
    words = ", ".join(f"{key}={value}" for key, value in bounds.items())
    return Constraint(test, f"{name}({words})", is_discrete)


def greater_than(lower_bound: Any) -> Constraint:
    """Above a bound.

    >>> from rustorch.distributions import constraints
    >>> constraints.greater_than(1.0)
    GreaterThan(lower_bound=1.0)
    """
    return _bounded(lambda x: x > lower_bound, "GreaterThan", lower_bound=lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """Not below a bound.

    >>> from rustorch.distributions import constraints
    >>> constraints.greater_than_eq(1.0).check(rustorch.tensor(1.0))
    tensor(True)
    """
    return _bounded(lambda x: x >= lower_bound, "GreaterThanEq", lower_bound=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Below a bound.

    >>> from rustorch.distributions import constraints
    >>> constraints.less_than(1.0).check(rustorch.tensor(1.0))
    tensor(False)
    """
    return _bounded(lambda x: x < upper_bound, "LessThan", upper_bound=upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between two bounds, both included.

    >>> from rustorch.distributions import constraints
    >>> constraints.interval(0.0, 1.0).check(rustorch.tensor([0.0, 2.0]))
    tensor([ True, False])
    """
    return _bounded(lambda x: (x >= lower_bound) & (x <= upper_bound), "Interval", lower_bound=lower_bound, upper_bound=upper_bound)


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """From a bound, which is included, to another, which is not.

    >>> from rustorch.distributions import constraints
    >>> constraints.half_open_interval(0.0, 1.0).check(rustorch.tensor([0.0, 1.0]))
    tensor([ True, False])
    """
    return _bounded(lambda x: (x >= lower_bound) & (x < upper_bound), "HalfOpenInterval", lower_bound=lower_bound, upper_bound=upper_bound)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers between two bounds, both included.

    >>> from rustorch.distributions import constraints
    >>> constraints.integer_interval(0, 2).check(rustorch.tensor([1.0, 1.5]))
    tensor([ True, False])
    """
    return _bounded(
        lambda x: (x == x.floor()) & (x >= lower_bound) & (x <= upper_bound), "IntegerInterval", True,
        lower_bound=lower_bound, upper_bound=upper_bound,
    )  # fmt: skip


def multinomial(upper_bound: Any) -> Constraint:
    """Counts, not negative, whose sum is a number.

    >>> from rustorch.distributions import constraints
    >>> constraints.multinomial(3).check(rustorch.tensor([[1.0, 2.0], [1.0, 1.0]]))
    tensor([ True, False])
    """
    return Constraint(lambda x: (x >= 0).all(-1) & (x.sum(-1) <= upper_bound) & (x.sum(-1) >= upper_bound), "Multinomial()", True, 1)


def _triangular(x: Tensor) -> Tensor:
    return (x.tril() == x).flatten(-2).all(-1)


def _symmetric(x: Tensor) -> Tensor:
    if x.shape[-1] != x.shape[-2]:
        return x.new_zeros(x.shape[:-2], dtype=rustorch.bool)
    return rustorch.isclose(x, x.mT, atol=1e-6).flatten(-2).all(-1)


def _positive_definite(x: Tensor) -> Tensor:
    good = _symmetric(x)
    if not bool(good.all()):
        return good
    return rustorch.linalg.cholesky_ex(x.detach())[1] == 0


def _square(x: Tensor) -> Tensor:
    return x.new_full(x.shape[:-2], x.shape[-1] == x.shape[-2], dtype=rustorch.bool)


dependent = _Dependent()
boolean = Constraint(lambda x: (x == 0) | (x == 1), "Boolean()", True)
real = Constraint(lambda x: x == x, "Real()")
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
nonnegative_integer = _bounded(lambda x: (x == x.floor()) & (x >= 0), "IntegerGreaterThan", True, lower_bound=0)
positive_integer = _bounded(lambda x: (x == x.floor()) & (x >= 1), "IntegerGreaterThan", True, lower_bound=1)
real_vector = independent(real, 1)
simplex = Constraint(lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), "Simplex()", False, 1)
one_hot = Constraint(lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), "OneHot()", True, 1)
lower_triangular = Constraint(_triangular, "LowerTriangular()", False, 2)
lower_cholesky = Constraint(lambda x: _triangular(x) & (x.diagonal(0, -2, -1) > 0).all(-1), "LowerCholesky()", False, 2)
square = Constraint(_square, "Square()", False, 2)
symmetric = Constraint(_symmetric, "Symmetric()", False, 2)
positive_definite = Constraint(_positive_definite, "PositiveDefinite()", False, 2)

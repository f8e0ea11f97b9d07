"""What all metrics share: sums kept in float64, their reset and their sum over ranks; means of values a sample."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ShapeError
from rustorch.training import _masks, _ranks
from rustorch.training.losses._base import as_tensor, described, same_rank, warn

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Sum", "merge_states"]

Result = Union[float, np.ndarray]


def as_array(x: Any) -> np.ndarray:
    """The numbers of a tensor, an array or a list as they are; 16-bit floats as float32."""
    if isinstance(x, Tensor):
        x = x.detach()
        return (x.float() if x.dtype in (rustorch.bfloat16, rustorch.float16) else x).numpy()
    return np.asarray(x)


def squeeze_last(a: np.ndarray, b: np.ndarray, expand: bool = True) -> Tuple[np.ndarray, np.ndarray]:
    """same_rank of losses, for arrays."""
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[:, None]) if b.ndim == 1 and expand else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[:, None], b) if a.ndim == 1 and expand else (a, b[..., 0])
    return a, b


def divide(a: Any, b: Any) -> np.ndarray:
    """a / b; 0 where b is 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def snake_case(name: str) -> str:
    """CategoricalAccuracy → categorical_accuracy"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class State(np.ndarray):
    """A sum that a metric keeps, in float64."""

    def assign(self, value: Any) -> "State":
        """Replace the numbers."""
        self[...] = as_array(value)
        return self

    def assign_add(self, value: Any) -> "State":
        """Add to the numbers."""
        self[...] += as_array(value)
        return self


class Metric:
    """The base of metrics: subclasses write :meth:`update_state` and :meth:`result` over what :meth:`add_variable` gave.

    What is kept is sums, in float64: they start at 0, and those of several ranks are added by :meth:`merge`, so that each sample
    counts once.

    Parameters
    ----------
    name : str, optional
        The key in logs; the class's name in snake_case by default.

    Source: Keras 3, ``keras.metrics.Metric``.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.metrics import Metric
    >>> class LargestShare(Metric):
    ...     def __init__(self, name="largest_share"):
    ...         super().__init__(name)
    ...         self.total, self.count = self.add_variable(), self.add_variable()
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.total.assign_add(y_pred.amax(-1).sum())
    ...         self.count.assign_add(y_pred.shape[0])
    ...     def result(self):
    ...         return float(self.total / self.count)
    >>> LargestShare()(None, torch.tensor([[0.5, 0.5], [0.75, 0.25]]))
    0.625
    """

    #: Whether more is better: ``"up"``, ``"down"``, or None where nobody knows.
    direction: Optional[str] = None

    def __init__(self, name: Optional[str] = None) -> None:
        self.name = snake_case(type(self).__name__) if name is None else name
        self.variables: List[State] = []
        self._looked = False

    def add_variable(self, shape: Sequence[int] = (), name: Optional[str] = None) -> State:
        """A sum of this shape to keep, zero at first; ``name`` is for the reader."""
        variable = np.zeros(tuple(shape)).view(State)
        self.variables.append(variable)
        return variable

    add_weight = add_variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is computed: write its update_state and result")

    def result(self) -> Result:
        """The metric of all batches since the last reset: a number, or an array where there are several."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is computed: write its update_state and result")

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self.variables:
            variable[...] = 0

    reset_states = reset_state

    def build(self, columns: int) -> None:
        """Make the sums whose shape depends on the outputs; for metrics that learn it from the first batch."""

    #: The size that :meth:`build` was called with; 0: not yet; None: there is nothing to learn.
    columns: Optional[int] = None

    def merge(self, group: Any = None) -> None:
        """Add the sums of all ranks of a process group, on every rank: once, before :meth:`result`, then :meth:`reset_state`."""
        merge_states([self], group)

    def __call__(self, y_true: Any, y_pred: Any = None, sample_weight: Any = None) -> Result:
        """:meth:`update_state` and :meth:`result`."""
        arguments = (y_true,) if y_pred is None and isinstance(self, (Mean, Sum)) else (y_true, y_pred)
        self.update_state(*arguments, sample_weight=sample_weight)
        return self.result()

    def get_config(self) -> Dict[str, Any]:
        """The arguments it can be made from."""
        arguments = inspect.signature(type(self).__init__).parameters
        return {key: getattr(self, key) for key in arguments if key != "self" and hasattr(self, key)}

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> "Metric":
        """The metric with these arguments."""
        return cls(**config)

    __repr__ = described


def merge_states(metrics: Sequence[Metric], group: Any = None) -> None:
    """Add the sums of all ranks for several metrics at once, in float64: one message, and the same bits on every rank.

    Parameters
    ----------
    metrics : sequence of Metric
        The same on every rank, in the same order.
    group : ProcessGroup, optional

    Example
    -------
    >>> from rustorch.training import metrics
    >>> metrics.merge_states([metrics.Mean()])  # alone: nothing to add
    """
    if group is None and _ranks.size() == 1:
        return
    from rustorch import distributed as dist

    late = [metric for metric in metrics if metric.columns is not None]
    if late:  # a rank that saw no batch does not know the shapes yet
        columns = rustorch.tensor([metric.columns for metric in late], dtype=rustorch.int64)
        dist.all_reduce(columns, dist.ReduceOp.MAX, group=group)
        for metric, n in zip(late, columns.tolist()):
            if not metric.columns and n:
                metric.build(n)
    variables = [variable for metric in metrics for variable in metric.variables]
    if not variables:
        return
    sums = rustorch.from_numpy(np.concatenate([np.asarray(variable).reshape(-1) for variable in variables]))
    dist.all_reduce(sums, group=group)
    flat, start = sums.numpy(), 0
    for variable in variables:
        variable[...] = flat[start : start + variable.size].reshape(variable.shape)
        start += variable.size


def _samplewise(values: Any, sample_weight: Any, reduce: Callable[..., Any]) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """One value a sample, weighted, and the weights that they were given: Keras's rules."""
    v = np.asarray(as_array(values), np.float64)
    w = None
    if sample_weight is not None:
        w = np.asarray(as_array(sample_weight), np.float64)
        v, w = squeeze_last(v, w)
        if v.ndim > w.ndim:
            v = reduce(v, axis=tuple(range(w.ndim, v.ndim)))
        try:
            w = np.broadcast_to(w, v.shape)
        except ValueError:
            raise ShapeError(f"sample_weight of shape {w.shape} does not fit values of shape {v.shape}: one weight a sample") from None
        v = v * w
        if w.ndim > 1:
            w = reduce(w, axis=tuple(range(1, w.ndim)))
    if v.ndim > 1:
        v = reduce(v, axis=tuple(range(1, v.ndim)))
    return v, w


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Weights times weights, of which the one may be of samples and the other of steps."""
    a, b = same_rank(a, b)
    n = max(a.dim(), b.dim())
    a, b = (each.reshape(*each.shape, *[1] * (n - each.dim())) for each in (a, b))
    return a * b


class Sum(Metric):
    """The (weighted) sum of values.

    >>> from rustorch.training.metrics import Sum
    >>> Sum()([1.0, 2.0, 3.0])
    6.0
    """

    def __init__(self, name: str = "sum") -> None:
        super().__init__(name)
        self.total = self.add_variable()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add values, each times its weight."""
        self.total += _samplewise(values, sample_weight, np.sum)[0].sum()

    def result(self) -> float:
        """The sum so far."""
        return float(self.total)


class Mean(Metric):
    """The (weighted) mean of values.

    >>> from rustorch.training.metrics import Mean
    >>> Mean()([1.0, 3.0, 5.0, 7.0], sample_weight=[1, 1, 0, 0])
    2.0
    """

    def __init__(self, name: str = "mean") -> None:
        super().__init__(name)
        self.total = self.add_variable()
        self.count = self.add_variable()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take values, each with its weight, into the mean."""
        v, w = _samplewise(values, sample_weight, np.mean)
        self.total += v.sum()
        self.count += w.sum() if w is not None else v.shape[0] if v.ndim else 1

    def result(self) -> float:
        """The mean so far; 0 of nothing."""
        return float(divide(self.total, self.count))


class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred).

    Parameters
    ----------
    fn : callable
        One value a sample (or more), or one number for the batch.
    name : str, optional
        The function's name by default.
    **options
        More arguments of the function.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.metrics import MeanMetricWrapper
    >>> def bias(y_true, y_pred):
    ...     return (y_pred - y_true).mean(-1)
    >>> MeanMetricWrapper(bias)(torch.zeros(2, 1), torch.tensor([[1.0], [2.0]]))
    1.5
    """

    def __init__(self, fn: Callable[..., Any], name: Optional[str] = None, **options: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__))
        self.fn = fn
        self.options = options
        self.__dict__.update(options)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take a batch into the mean."""
        y_true, y_pred = as_tensor(y_true), as_tensor(y_pred)
        mask = _masks.of(y_pred)
        if not self._looked:
            self._looked = True
            self.look(y_true, y_pred)
        with rustorch.no_grad():
            values = self.fn(y_true, y_pred, **self.options)
        if not isinstance(values, (Tensor, np.ndarray, np.generic, float, int)):
            raise ArgumentTypeError(f"the metric {self.name} gave {values!r:.60}, not a tensor or a number")
        if np.ndim(as_array(values)) == 0 and y_pred.dim():  # a number for the batch stands for each of its samples
            values = np.broadcast_to(as_array(values), (y_pred.shape[0],))
        for shown in (self.valid(y_true, values), mask):
            if shown is not None:
                shown = shown.to(rustorch.get_default_dtype())
                sample_weight = shown if sample_weight is None else _product(shown, as_tensor(sample_weight))
        super().update_state(values, sample_weight)

    def valid(self, y_true: Tensor, values: Any) -> Optional[Tensor]:
        """1 for values that count and 0 for others; None: all count."""
        return None

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Warn of a likely mistake; called with the first batch only."""


def warn_unless_probabilities(metric: Metric, y_pred: np.ndarray, advice: str) -> None:
    """Warn if outputs are outside [0, 1]."""
    if y_pred.size and (y_pred.min() < 0 or y_pred.max() > 1):
        warn(f"{metric.name} expects probabilities, but the outputs go from {y_pred.min():g} to {y_pred.max():g}: {advice}")

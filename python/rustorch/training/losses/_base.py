"""What all losses share: how targets and outputs are brought together, and how values a sample become one number."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any, Callable, Dict, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, AutogradError, ShapeError
from rustorch.training import _masks

EPSILON = 1e-7  # Keras's: probabilities are kept this far from 0 and 1
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_REDUCTIONS = _MEANS + ("sum", "none", None)


def shape_text(x: Any) -> str:
    """(32, 10)"""
    return str(tuple(x.shape))


def as_tensor(x: Any) -> Tensor:
    """A tensor of what is a tensor, an array or a list."""
    return x if isinstance(x, Tensor) else rustorch.as_tensor(x)


def as_floats(x: Any, dtype: Any = None) -> Tensor:
    """A floating-point tensor; 16-bit numbers are computed with in float32 unless a dtype is asked for."""
    x = as_tensor(x)
    if dtype is not None:
        return x.to(dtype)
    if not x.is_floating_point():
        return x.to(rustorch.get_default_dtype())
    return x.to(rustorch.float32) if x.dtype in (rustorch.float16, rustorch.bfloat16) else x


def same_rank(a: Tensor, b: Tensor, expand: bool = True) -> Tuple[Tensor, Tensor]:
    """Two tensors whose ranks differ by a last dimension of size 1, with one rank.

    A vector gains the dimension (where ``expand``), a tensor of more dimensions loses it.
    """
    if a.dim() == b.dim() + 1 and a.shape[-1] == 1:
        return (a, b.unsqueeze(-1)) if b.dim() == 1 and expand else (a.squeeze(-1), b)
    if b.dim() == a.dim() + 1 and b.shape[-1] == 1:
        return (a.unsqueeze(-1), b) if a.dim() == 1 and expand else (a, b.squeeze(-1))
    return a, b


def pair(what: str, y_true: Any, y_pred: Any) -> Tuple[Tensor, Tensor]:
    """Targets and outputs of one floating dtype and one shape.

    Raises
    ------
    ShapeError
        The shapes differ by more than a last dimension of size 1.
    """
    y_pred = as_floats(y_pred)
    y_true = as_tensor(y_true).to(y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        hint = ""
        if y_true.dim() < y_pred.dim() and y_pred.shape[-1] > 1:
            hint = (
                ": class numbers belong to sparse_categorical_crossentropy, and for one number a sample the last layer has one unit"
            )
        elif y_true.dim() == y_pred.dim() and y_true.shape[:-1] == y_pred.shape[:-1]:
            hint = f": the last layer gives {y_pred.shape[-1]} numbers a sample, and a target has {y_true.shape[-1]}"
        elif y_true.dim() and y_pred.dim() and y_true.shape[0] != y_pred.shape[0]:
            hint = f": {y_true.shape[0]} targets for {y_pred.shape[0]} outputs"
        raise ShapeError(f"{what}: targets of shape {shape_text(y_true)} do not fit outputs of shape {shape_text(y_pred)}{hint}")
    return y_true, y_pred


def smoothed(rows: Tensor, smoothing: float, share: float) -> Tensor:
    """Labels moved by so much towards an even share."""
    return rows * (1.0 - smoothing) + smoothing * share if smoothing else rows


def smoothing_of(what: str, smoothing: Any) -> float:
    """The checked argument label_smoothing."""
    if not 0 <= smoothing <= 1:
        raise ArgumentValueError(f"{what}: label_smoothing is from 0 to 1, not {smoothing!r}")
    return float(smoothing)


def _weigh(values: Tensor, weights: Tensor) -> Tensor:
    """values · weights; weights of fewer dimensions belong to the first dimensions of the values."""
    values, weights = same_rank(values, weights)
    if 0 < weights.dim() < values.dim() and weights.shape == values.shape[: weights.dim()]:
        weights = weights.reshape(*weights.shape, *[1] * (values.dim() - weights.dim()))
    fits = all(w in (1, v) or v == 1 for w, v in zip(reversed(weights.shape), reversed(values.shape)))
    if not fits or 0 < values.dim() < weights.dim():
        raise ShapeError(
            f"sample_weight of shape {shape_text(weights)} does not fit losses of shape {shape_text(values)}: one weight a sample, "
            f"{(values.shape[0],) if values.dim() else ()}, or one a value"
        )
    return values * weights


def _shown(mask: Any, valid: Tensor) -> Tensor:
    """What both masks show."""
    mask = as_tensor(mask).to(rustorch.bool)
    return mask.reshape(*mask.shape, *[1] * (valid.dim() - mask.dim())) & valid.to(rustorch.bool)


def _mask_weights(mask: Any, reduction: Optional[str], dtype: Any) -> Tuple[Tensor, float]:
    """Weights that leave out what the mask calls False and keep the mean a mean over the rest; and the rest's share."""
    weights = as_tensor(mask).to(rustorch.bool).to(dtype)
    share = float(weights.sum()) / max(weights.numel(), 1)
    if reduction in ("mean", "sum_over_batch_size"):
        weights = weights * (1.0 / share if share else 0.0)
    return weights, share


def described(thing: Any) -> str:
    """Huber(delta=2.0): a class and those of its arguments that are not their defaults."""
    defaults = {key: each.default for key, each in inspect.signature(type(thing).__init__).parameters.items()}
    said = [f"{key}={value!r}" for key, value in thing.get_config().items() if not (value is None or value == defaults.get(key))]
    return f"{type(thing).__name__}({', '.join(said)})"


class Loss:
    """The base of losses: subclasses write :meth:`call`, which gives one value a sample (or more, such as one a time step).

    Parameters
    ----------
    name : str, optional
        What the loss is called; the class's name by default.
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None}
        How values become one number. The first two are the mean of the weighted values; ``"mean_with_sample_weight"``
        divides by the sum of the weights instead of their count.
    dtype : optional
        What is computed with; by default the dtype of the outputs, float32 for 16-bit ones.

    Source: Keras 3, ``keras.losses.Loss``.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import Loss
    >>> class Cubed(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_true - y_pred).abs().pow(3).mean(-1)
    >>> Cubed()(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [4.0]]))
    tensor(4.5000)
    """

    #: Whether outputs are scores before a softmax or sigmoid.
    from_logits = False
    #: The last activation that :meth:`with_logits` takes away: ``"softmax"``, ``"sigmoid"`` or None.
    activation: Optional[str] = None

    def __init__(self, name: Optional[str] = None, reduction: Optional[str] = "sum_over_batch_size", dtype: Any = None) -> None:
        if reduction not in _REDUCTIONS:
            raise ArgumentValueError(f"a loss's reduction is one of {', '.join(map(str, _REDUCTIONS))}, not {reduction!r}")
        self.name = type(self).__name__ if name is None else name
        self.reduction = reduction
        self.dtype = dtype
        self._looked = False

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The values, one a sample or more: what a subclass writes."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is computed: write its call(y_true, y_pred)")

    def valid(self, y_true: Tensor, y_pred: Tensor, values: Tensor) -> Optional[Tensor]:
        """Which values count (a boolean tensor of their shape); None: all."""
        return None

    def look(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Warn of a likely mistake; called with the first batch only."""

    def prepare(self, y_true: Any, y_pred: Any) -> Tuple[Tensor, Tensor]:
        """Targets and outputs as tensors, their ranks brought together."""
        y_pred = as_floats(y_pred, self.dtype)
        y_true = as_tensor(y_true)
        if y_true.is_floating_point() and y_true.dtype != y_pred.dtype:
            y_true = y_true.to(y_pred.dtype)
        return same_rank(y_true, y_pred)

    def _values(self, y_true: Any, y_pred: Any) -> Tuple[Tensor, Optional[Tensor]]:
        """The values and their mask."""
        y_true, y_pred = self.prepare(y_true, y_pred)
        if not self._looked:
            self._looked = True
            self.look(y_true.detach(), y_pred.detach())
        values = self.call(y_true, y_pred)
        if not isinstance(values, Tensor):
            raise ArgumentTypeError(
                f"the loss {self.name} gave {values!r:.60}, not a tensor: compute it from y_pred by rustorch's functions, so that it has a "
                "gradient"
            )
        if y_pred.requires_grad and not values.requires_grad and rustorch.is_grad_enabled():
            raise AutogradError(
                f"the loss {self.name} does not lead back to the outputs, so nothing can be learned from it: compute it from y_pred by "
                "rustorch's functions, without detach(), item() or numpy()"
            )
        return values, self.valid(y_true, y_pred, values)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        """The loss of a batch.

        Parameters
        ----------
        y_true : (batch, …)
            Targets.
        y_pred : (batch, …)
            What the model gave.
        sample_weight : (batch,) or of the shape of the values, optional
            Factors of the samples' values.
        mask : of the shape of the values, optional
            Where False, a value counts for nothing, and the mean is over the rest.
        """
        return self.weighed(y_true, y_pred, sample_weight, mask)[0]

    def weighed(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tuple[Tensor, float]:
        """The loss of a batch as above, and of how much it is the mean: so much the losses of a batch's parts weigh in its loss.

        >>> from rustorch.training import losses
        >>> losses.SparseCategoricalCrossentropy(ignore_class=-1).weighed([0, -1], [[1.0, 0.0], [0.5, 0.5]])[1]
        1.0
        """
        mask = _masks.of(y_pred) if mask is None else mask
        values, valid = self._values(y_true, y_pred)
        share = float(values.numel() if values.dim() else as_tensor(y_pred).shape[0] if as_tensor(y_pred).dim() else 1)
        weights = None if sample_weight is None else as_floats(sample_weight, values.dtype)
        hidden = mask if valid is None else valid if mask is None else _shown(mask, valid)
        if hidden is not None:
            weight, counted = _mask_weights(hidden, self.reduction, values.dtype)
            share *= counted
            weights = weight if weights is None else _weigh(weight, weights)
        if weights is not None:
            values = _weigh(values, weights)
        if self.reduction in ("none", None) or values.dim() == 0:
            return values, share
        if self.reduction == "sum":
            return values.sum(), share
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            total = float(weights.sum())
            return (values.sum() / total if total else values.sum() * 0.0), total
        return (values.mean() if values.numel() else values.sum()), share

    def by_value(self, y_true: Any, y_pred: Any) -> Tensor:
        """(batch, …): the values before they become one number, such as one a time step; their mean is the loss of the batch."""
        values, valid = self._values(y_true, y_pred)
        if valid is not None:
            values = values * _mask_weights(valid, "mean", values.dtype)[0]
        if values.dim() == 0:  # a loss of the whole batch stands for each of its samples
            return values.expand(as_tensor(y_pred).shape[0] if as_tensor(y_pred).dim() else 1)
        return values

    def per_sample(self, y_true: Any, y_pred: Any) -> Tensor:
        """(batch,): the loss of each sample, its mean over what else there is. Their mean is the loss of the batch."""
        values = self.by_value(y_true, y_pred)
        return values.reshape(values.shape[0], -1).mean(1) if values.dim() > 1 else values

    def with_logits(self) -> Optional["Loss"]:
        """The same loss of what goes into the last :attr:`activation`, computed without loss of small values; None: there is none."""
        return None

    def get_config(self) -> Dict[str, Any]:
        """The arguments it can be made from."""
        config: Dict[str, Any] = {}
        for key in inspect.signature(type(self).__init__).parameters:
            if key != "self" and hasattr(self, key):
                config[key] = getattr(self, key)
        config["dtype"] = None if self.dtype is None else str(self.dtype).rpartition(".")[2]
        return config

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> "Loss":
        """The loss with these arguments."""
        return cls(**config)

    def _changed(self, **attributes: Any) -> "Loss":
        other = copy.copy(self)
        other.__dict__.update(attributes, _looked=False)
        return other

    __repr__ = described


class FunctionLoss(Loss):
    """A function of (y_true, y_pred) as a loss; Keras's ``LossFunctionWrapper``.

    Parameters
    ----------
    fn : callable
        Gives a tensor: one value a sample, or more, or one for the batch.
    reduction, name, dtype
        As of :class:`Loss`; the name is the function's by default.
    **options
        More arguments of the function.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.training.losses import FunctionLoss
    >>> FunctionLoss(lambda y_true, y_pred: (y_true - y_pred).abs())(torch.zeros(4), torch.ones(4))
    tensor(1.)
    """

    #: Whether the function works element by element and takes the mean over the last axis: a vector is then one of samples.
    elementwise = False

    def __init__(
        self, fn: Callable[..., Tensor], reduction: Optional[str] = "sum_over_batch_size", name: Optional[str] = None, dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__), reduction, dtype)
        self.fn = fn
        self.__dict__.update(options)
        self._options = tuple(options)

    def prepare(self, y_true: Any, y_pred: Any) -> Tuple[Tensor, Tensor]:
        y_true, y_pred = super().prepare(y_true, y_pred)
        if self.elementwise and y_pred.dim() == 1 and y_true.dim() == 1:
            return y_true.unsqueeze(1), y_pred.unsqueeze(1)
        return y_true, y_pred

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(y_true, y_pred, **{key: getattr(self, key) for key in self._options})


def warn(text: str) -> None:
    """A warning that points at the caller's line outside this package."""
    depth, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("rustorch."):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=depth)

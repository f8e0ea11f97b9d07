"""Dense, Embedding, and layers that change shapes or single values."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, IndexOutOfRangeError, ShapeError
from rustorch.nn import functional as F
from rustorch.training.layers._base import Layer, wrong

__all__ = [
    "Activation", "Dense", "ELU", "Embedding", "Flatten", "Input", "LeakyReLU", "Permute", "ReLU", "RepeatVector", "Rescaling", "Reshape",
    "Softmax",
]  # fmt: skip


class Input(Layer):
    """The shape of one sample: a model that begins with it is built at once.

    Parameters
    ----------
    shape : tuple of int
        Without the batch.

    Example
    -------
    >>> model = rustorch.Model()
    >>> model.add("Input(shape=(4,))")
    >>> model.add("Dense(2)")
    >>> model.count_params()
    10
    """

    _floats = False

    def __init__(self, shape: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        self._input_shape = self._as_shape("shape", shape)


class Dense(Layer):
    """activation(x W + b) over the last dimension.

    Parameters
    ----------
    units : int
        Width of the output.
    activation : name or callable, optional
    use_bias : bool, default True
    kernel_initializer, bias_initializer : name or callable, defaults ``"glorot_uniform"`` and ``"zeros"``
    kernel_regularizer, bias_regularizer : name or callable, optional
        Added to the loss: ``"l2(0.01)"``.

    The parameters are ``weight`` (units, inputs) and ``bias``, as in :class:`rustorch.nn.Linear`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layer = layers.Dense(3, activation="relu")
    >>> layer(rustorch.ones(2, 5)).shape, layer.weight.shape
    (rustorch.Size([2, 3]), rustorch.Size([3, 5]))
    """

    _min_ndim = 2
    _also = {"out_features": "units", "bias": "use_bias", "output_dim": "units"}

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        self.units = self._count("units", units)
        if isinstance(activation, (int, float)) and not isinstance(activation, bool):
            wrong(self, "activation", f"the second argument is the activation, not {activation}; the size of the input is learnt "
                  "from the first batch and not given", ArgumentTypeError)  # fmt: skip
        self._use_activation(activation)
        self.use_bias = self._flag("use_bias", use_bias)
        self._weight("weight", "kernel_initializer", kernel_initializer, ("kernel_regularizer", kernel_regularizer))
        if use_bias:
            self._weight("bias", "bias_initializer", bias_initializer, ("bias_regularizer", bias_regularizer))
        else:
            self.register_parameter("bias", None)

    def build(self, shape: Sequence[Any]) -> None:
        fans = (shape[-1], self.units)
        self._materialize("weight", (self.units, shape[-1]), self.kernel_initializer, fans)
        if self.bias is not None:
            self._materialize("bias", (self.units,), self.bias_initializer, fans)

    def compute(self, x: Tensor) -> Tensor:
        inputs = self.weight.shape[1]
        if x.shape[-1] != inputs:
            raise ShapeError(
                f"{self._words()} takes inputs of width {inputs}, as its first batch had, but got shape {tuple(x.shape)}"
            )
        return F.linear(x, self.weight, self.bias)

    def _to_keras(self, name: str, value: Any) -> Any:
        return value.T

    _from_keras = _to_keras


class Embedding(Layer):
    """A row of a table for each whole number.

    Parameters
    ----------
    input_dim : int
        How many different numbers there are: 0 … input_dim − 1.
    output_dim : int
        Width of a row.
    embeddings_initializer : name or callable, default ``"uniform"``
    embeddings_regularizer : name or callable, optional
    """

    _floats = False
    _also = {"num_embeddings": "input_dim", "embedding_dim": "output_dim"}

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform", embeddings_regularizer: Any = None, **common: Any
    ) -> None:
        super().__init__(**common)
        self.input_dim = self._count("input_dim", input_dim)
        self.output_dim = self._count("output_dim", output_dim)
        self._weight("weight", "embeddings_initializer", embeddings_initializer, ("embeddings_regularizer", embeddings_regularizer))

    def build(self, shape: Sequence[Any]) -> None:
        self._materialize("weight", (self.input_dim, self.output_dim), self.embeddings_initializer, (self.input_dim, self.output_dim))

    def compute(self, x: Tensor) -> Tensor:
        numbers = x.to(rustorch.int64) if x.is_floating_point() or x.dtype != rustorch.int32 else x
        if numbers.numel() and (int(numbers.min()) < 0 or int(numbers.max()) >= self.input_dim):
            raise IndexOutOfRangeError(
                f"{self._words()} has rows 0 to {self.input_dim - 1}, but the input has numbers from {int(numbers.min())} to "
                f"{int(numbers.max())}: input_dim must be more than the largest"
            )
        return F.embedding(numbers, self.weight)


class Activation(Layer):
    """An activation as a layer: ``Activation(relu)``."""

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)
        self._use_activation(activation)

    def _positional(self, argument: str) -> bool:
        return argument == "activation"


class Softmax(Layer):
    """Softmax over an axis, the last by default."""

    _also = {"dim": "axis"}

    def __init__(self, axis: int = -1, **common: Any) -> None:
        super().__init__(**common)
        self.axis = self._count("axis", axis, -99)
        self._use_activation("softmax" if axis == -1 else f"softmax(axis={axis})")


class ReLU(Layer):
    """max(x, 0), or with other bounds and slopes.

    Parameters
    ----------
    max_value : float, optional
    negative_slope : float, default 0
    threshold : float, default 0
        Below it, the output is ``negative_slope * (x - threshold)``.
    """

    def __init__(self, max_value: Optional[float] = None, negative_slope: float = 0.0, threshold: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.max_value = None if max_value is None else self._number("max_value", max_value, 0)
        self.negative_slope = self._number("negative_slope", negative_slope, 0)
        self.threshold = self._number("threshold", threshold, 0)
        options = {"negative_slope": self.negative_slope, "max_value": self.max_value, "threshold": self.threshold}
        self._use_activation({"name": "relu", **options})


class LeakyReLU(Layer):
    """max(x, negative_slope · x); the slope is 0.3 by default, as in Keras."""

    _also = {"alpha": "negative_slope"}

    def __init__(self, negative_slope: float = 0.3, **common: Any) -> None:
        super().__init__(**common)
        self.negative_slope = self._number("negative_slope", negative_slope, 0)
        self._use_activation({"name": "leaky_relu", "negative_slope": self.negative_slope})

    def _positional(self, argument: str) -> bool:
        return argument == "negative_slope"


class ELU(Layer):
    """x, and alpha · (exp(x) − 1) below 0."""

    def __init__(self, alpha: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        self.alpha = self._number("alpha", alpha)
        self._use_activation({"name": "elu", "alpha": self.alpha})


class Flatten(Layer):
    """(batch, a, b, …) as (batch, a·b·…)."""

    _floats = False

    def compute(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1) if x.dim() == 1 else x.flatten(1)


class Reshape(Layer):
    """Another shape of each sample; one dimension may be −1.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Reshape((2, -1))(rustorch.ones(5, 6)).shape
    rustorch.Size([5, 2, 3])
    """

    _floats = False

    def __init__(self, target_shape: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        self.target_shape = self._as_shape("target_shape", target_shape)
        if None in self.target_shape or self.target_shape.count(-1) > 1:
            wrong(self, "target_shape", f"at most one dimension may be -1, and none may be None, not {target_shape!r}")

    def compute(self, x: Tensor) -> Tensor:
        size = math.prod(x.shape[1:])
        target = self.target_shape
        known = math.prod(n for n in target if n != -1)
        if (-1 not in target and known != size) or (-1 in target and (known == 0 or size % known)):
            raise ShapeError(f"{self._words()}: a sample of shape {tuple(x.shape[1:])} has {size} values and cannot become {target}")
        return x.reshape(x.shape[0], *(size // known if n == -1 else n for n in target))


class Permute(Layer):
    """The dimensions of each sample in another order, counted from 1: ``Permute((2, 1))`` swaps the two."""

    _floats = False

    def __init__(self, dims: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        self.dims = self._as_shape("dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            wrong(self, "dims", f"dims must be an order of 1 … {len(self.dims)} (the batch is not counted), not {dims!r}")
        self._ndim = len(self.dims) + 1

    def compute(self, x: Tensor) -> Tensor:
        return x.permute(0, *self.dims)

    def _positional(self, argument: str) -> bool:
        return argument == "dims"


class RepeatVector(Layer):
    """(batch, width) as (batch, n, width)."""

    _ndim = 2

    def __init__(self, n: int, **common: Any) -> None:
        super().__init__(**common)
        self.n = self._count("n", n)

    def compute(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1).expand(-1, self.n, -1)

    def _positional(self, argument: str) -> bool:
        return argument == "n"


class Rescaling(Layer):
    """x · scale + offset: ``Rescaling(1/255)`` is written ``Rescaling(0.00392156862745098)`` in a text."""

    def __init__(self, scale: float, offset: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.scale = self._number("scale", scale)
        self.offset = self._number("offset", offset)

    def compute(self, x: Tensor) -> Tensor:
        y = x * self.scale
        return y + self.offset if self.offset else y

    def _positional(self, argument: str) -> bool:
        return argument in ("scale", "offset")

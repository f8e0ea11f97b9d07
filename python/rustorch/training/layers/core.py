"""Dense, Embedding, and layers that change shapes or single values."""

from __future__ import annotations

import math
from typing import Any, Callable, Optional, Sequence

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, IndexOutOfRangeError, ShapeError
from rustorch.nn import functional as F
from rustorch.training.layers._base import Layer, wrong

__all__ = [
    "Activation", "Dense", "ELU", "Embedding", "Flatten", "Identity", "Input", "Lambda", "LeakyReLU", "Masking", "Permute", "ReLU",
    "RepeatVector", "Rescaling", "Reshape", "Softmax",
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
    supports_masking = True
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
        self._weight("weight", "kernel_initializer", kernel_initializer, ("kernel_regularizer", kernel_regularizer))
        self._bias_if(use_bias, bias_initializer, bias_regularizer)

    def build(self, shape: Sequence[Any]) -> None:
        fans = (shape[-1], self.units)
        self._materialize("weight", (self.units, shape[-1]), self.kernel_initializer, fans)
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
    mask_zero : bool, default False
        0 fills up sequences and is no number of its own: the layers after this one leave those steps out, and so does the loss.

    Example
    -------
    >>> from rustorch.training import layers
    >>> x = rustorch.tensor([[4, 2, 0]])
    >>> model = rustorch.Model([layers.Embedding(5, 3, mask_zero=True), layers.LSTM(2)])
    >>> bool(rustorch.allclose(model(x), model(x[:, :2])))  # as if the last step were not there
    True
    """

    _floats = False
    _also = {"num_embeddings": "input_dim", "embedding_dim": "output_dim"}
    supports_masking = True

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform", embeddings_regularizer: Any = None,
        mask_zero: bool = False, input_length: Any = None, **common: Any,
    ) -> None:  # fmt: skip
        if input_length is not None:  # Keras's old word for the shape of a sample
            common.setdefault("input_shape", input_length)
        super().__init__(**common)
        self.mask_zero = self._flag("mask_zero", mask_zero)
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

    def compute_mask(self, x: Tensor, mask: Optional[Tensor] = None) -> Optional[Tensor]:
        return x != 0 if self.mask_zero else None


class Masking(Layer):
    """Steps to be left out: those whose features all are ``mask_value``, as sequences are filled up to one length.

    The steps become zeros, and a mask of the others, (batch, steps), goes on with the output, as in Keras. Recurrent layers and
    ``GlobalAveragePooling1D`` pass over the steps, BatchNormalization's statistics are of the others, and so are the loss and the
    metrics, unless a layer between them takes the mask away: one that gives one vector a sequence does, and one that knows no
    masks (with a warning).

    Parameters
    ----------
    mask_value : float, default 0

    Example
    -------
    >>> from rustorch.training import layers
    >>> x = rustorch.tensor([[[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]]])
    >>> pooled = rustorch.Model([layers.Masking(), layers.GlobalAveragePooling1D()])
    >>> pooled(x)
    tensor([[2., 1.]])
    """

    _min_ndim = 3
    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.mask_value = self._number("mask_value", mask_value)

    def compute(self, x: Tensor) -> Tensor:
        return x.masked_fill(~self.compute_mask(x).unsqueeze(-1), 0.0)

    def compute_mask(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        return (x != self.mask_value).any(-1)

    def _positional(self, argument: str) -> bool:
        return argument == "mask_value"


class Identity(Layer):
    """What goes in.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Identity()(rustorch.tensor([1, 2]))
    tensor([1, 2])
    """

    _floats = False
    supports_masking = True


class Lambda(Layer):
    """A function of the input as a layer. It is code: a model that holds one cannot be written to a file.

    Parameters
    ----------
    function : callable
        Called with the batch.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Lambda(lambda x: x[:, -1])(rustorch.arange(6).reshape(2, 3))
    tensor([2, 5])
    """

    _floats = False

    def __init__(self, function: Callable[[Tensor], Tensor], **common: Any) -> None:
        super().__init__(**common)
        if not callable(function):
            wrong(self, "function", f"a function is expected, not {function!r}; write it in Python: layers.Lambda(…)", ArgumentTypeError)
        self.function = function

    def compute(self, x: Tensor) -> Tensor:
        return self.function(x)


class Activation(Layer):
    """An activation as a layer: ``Activation(relu)``.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Activation("relu")(rustorch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    supports_masking = True

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)
        self._use_activation(activation)

    def _positional(self, argument: str) -> bool:
        return argument == "activation"


class Softmax(Layer):
    """Softmax over an axis, the last by default.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Softmax()(rustorch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    tensor([[0.5000, 0.5000],
            [0.2689, 0.7311]])
    """

    _also = {"dim": "axis"}
    supports_masking = True

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

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.ReLU(max_value=6, negative_slope=0.5)(rustorch.tensor([-2.0, 3.0, 9.0]))
    tensor([-1.,  3.,  6.])
    """

    supports_masking = True

    def __init__(self, max_value: Optional[float] = None, negative_slope: float = 0.0, threshold: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.max_value = None if max_value is None else self._number("max_value", max_value, 0)
        self.negative_slope = self._number("negative_slope", negative_slope, 0)
        self.threshold = self._number("threshold", threshold, 0)
        options = {"negative_slope": self.negative_slope, "max_value": self.max_value, "threshold": self.threshold}
        self._use_activation({"name": "relu", **options})


class LeakyReLU(Layer):
    """max(x, negative_slope · x); the slope is 0.3 by default, as in Keras.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.LeakyReLU(0.5)(rustorch.tensor([-2.0, 3.0]))
    tensor([-1.,  3.])
    """

    supports_masking = True
    _also = {"alpha": "negative_slope"}

    def __init__(self, negative_slope: float = 0.3, **common: Any) -> None:
        super().__init__(**common)
        self.negative_slope = self._number("negative_slope", negative_slope, 0)
        self._use_activation({"name": "leaky_relu", "negative_slope": self.negative_slope})

    def _positional(self, argument: str) -> bool:
        return argument == "negative_slope"


class ELU(Layer):
    """x, and alpha · (exp(x) − 1) below 0.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.ELU(2.0)(rustorch.tensor([-100.0, 3.0]))
    tensor([-2.,  3.])
    """

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        self.alpha = self._number("alpha", alpha)
        self._use_activation({"name": "elu", "alpha": self.alpha})


class Flatten(Layer):
    """(batch, a, b, …) as (batch, a·b·…).

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Flatten()(rustorch.ones(2, 3, 4, 4)).shape
    rustorch.Size([2, 48])
    """

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
    """The dimensions of each sample in another order, counted from 1: ``Permute((2, 1))`` swaps the two.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Permute((3, 1, 2))(rustorch.ones(5, 28, 28, 3)).shape  # channels last as channels first
    rustorch.Size([5, 3, 28, 28])
    """

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
    """(batch, width) as (batch, n, width).

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.RepeatVector(2)(rustorch.tensor([[1.0, 2.0]])).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """

    _ndim = 2

    def __init__(self, n: int, **common: Any) -> None:
        super().__init__(**common)
        self.n = self._count("n", n)

    def compute(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1).expand(-1, self.n, -1)

    def _positional(self, argument: str) -> bool:
        return argument == "n"


class Rescaling(Layer):
    """x · scale + offset: ``Rescaling(1/255)`` is written ``Rescaling(0.00392156862745098)`` in a text.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Rescaling(1 / 127.5, offset=-1)(rustorch.tensor([0, 255]))
    tensor([-1.,  1.])
    """

    supports_masking = True

    def __init__(self, scale: float, offset: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.scale = self._number("scale", scale)
        self.offset = self._number("offset", offset)

    def compute(self, x: Tensor) -> Tensor:
        y = x * self.scale
        return y + self.offset if self.offset else y

    def _positional(self, argument: str) -> bool:
        return argument in ("scale", "offset")

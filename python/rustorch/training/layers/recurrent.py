"""Recurrent layers on sequences (batch, steps, features), with Keras's arguments and weights; and other layers on each step."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError, ShapeError, UnsupportedError
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module
from rustorch.training import _ranks, initializers
from rustorch.training.layers._base import Layer, wrong

__all__ = ["Bidirectional", "GRU", "LSTM", "SimpleRNN", "TimeDistributed"]

_scan = _C._ops._rnn_layer


class _Recurrent(Layer):
    """Weights of all gates side by side: ``weight_ih`` (gates · units, features), ``weight_hh`` (gates · units, units)."""

    _ndim = 3
    _uses_mask = supports_masking = True
    _zeros_where_hidden = False  # the output of steps that a mask hides is that of the step before, or zero
    _gates = 1
    _mode = ""
    _order: Tuple[int, ...] = (0,)  # where Keras's gates stand among the engine's
    _also = {"hidden_size": "units", "bias": "use_bias"}

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None, dropout: float = 0.0,
        return_sequences: bool = False, go_backwards: bool = False, **common: Any,
    ) -> None:
        super().__init__(**common)
        self.units = self._count("units", units)
        self._check_activations(activation, recurrent_activation)
        self.dropout = self._number("dropout", dropout, 0, 1)
        self.return_sequences = self._flag("return_sequences", return_sequences)
        self.go_backwards = self._flag("go_backwards", go_backwards)
        self._weight("weight_ih", "kernel_initializer", kernel_initializer, ("kernel_regularizer", kernel_regularizer))
        self._weight("weight_hh", "recurrent_initializer", recurrent_initializer, ("recurrent_regularizer", recurrent_regularizer))
        self._bias_if(use_bias, bias_initializer, bias_regularizer)

    def _check_activations(self, activation: Any, recurrent: Any) -> None:
        for argument, given, known in (("activation", activation, "tanh"), ("recurrent_activation", recurrent, "sigmoid")):
            if given != known:
                wrong(self, argument, f"{argument} is {known} and cannot be {given!r}", UnsupportedError)

    def _shape_words(self) -> str:
        return "(batch, steps, features)"

    def build(self, shape: Sequence[Any]) -> None:
        features, rows = shape[-1], self._gates * self.units
        self._materialize("weight_ih", (rows, features), self.kernel_initializer, (features, rows))
        # Keras draws the kernel (units, gates · units): an orthogonal one has orthogonal rows
        self.weight_hh.materialize((rows, self.units))
        drawn = rustorch.empty(self.units, rows, dtype=self.weight_hh.dtype)
        initializers.fill(self.recurrent_initializer, drawn, (self.units, rows))
        with rustorch.no_grad():
            self.weight_hh.copy_(drawn.t())
        if self.bias is not None:
            self._build_bias(rows)

    def _build_bias(self, rows: int) -> None:
        self._materialize("bias", (rows,), self.bias_initializer, (rows, rows))

    def _biases(self) -> List[Optional[Tensor]]:
        if self.bias is None:
            return [None, None]
        return [self.bias, rustorch.zeros_like(self.bias)]

    def compute(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:  # type: ignore[override]
        if x.shape[-1] != self.weight_ih.shape[1]:
            raise ShapeError(
                f"{self._words()} takes {self.weight_ih.shape[1]} features a step, as its first batch had, but got shape {tuple(x.shape)}"
            )
        if x.shape[1] == 0:
            raise ShapeError(f"{self._words()}: a sequence needs at least one step, the input has shape {tuple(x.shape)}")
        if self.training and self.dropout:
            from rustorch.training.layers.regularization import noise

            x = x * noise(x, (x.shape[0], 1, x.shape[2]), lambda ones: F.dropout(ones, self.dropout, True))
        if mask is not None:
            return self._compute_masked(x, mask)
        y, last = self._scanned(x, self.go_backwards)
        if not self.return_sequences:
            return last
        return y.flip(1) if self.go_backwards else y

    def _scanned(self, x: Tensor, reverse: bool) -> Tuple[Tensor, Tensor]:
        """The output of each step, (batch, steps, units), and the last one computed, (batch, units)."""
        h = rustorch.zeros(x.shape[0], self.units, dtype=x.dtype)
        c = rustorch.zeros_like(h) if self._mode == "lstm" else None
        y, last, _ = _scan(x.transpose(0, 1), h, c, self.weight_ih, self.weight_hh, *self._biases(), mode=self._mode, reverse=reverse)
        return y.transpose(0, 1), last

    def _compute_masked(self, x: Tensor, mask: Tensor) -> Tensor:
        """Steps that the mask hides leave the state as it is and repeat the output before them.

        So the others are moved to the front, in their order, and every step takes the output of the last one that counted.
        """
        if tuple(mask.shape) != tuple(x.shape[:2]):
            raise ShapeError(f"{self._words()}: a mask of shape {tuple(mask.shape)} does not fit {tuple(x.shape[:2])}, (batch, steps)")
        mask = mask.to(rustorch.bool)
        if self.go_backwards:
            x, mask = x.flip(1), mask.flip(1)
        order = rustorch.argsort((~mask).to(rustorch.int64), dim=1, stable=True)
        y, _ = self._scanned(x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[2])), False)
        y = rustorch.cat([y.new_zeros((y.shape[0], 1, self.units)), y], 1)  # before the first step
        seen = mask.to(rustorch.int64).cumsum(1)
        if not self.return_sequences:
            seen = seen[:, -1:]
        y = y.gather(1, seen.unsqueeze(-1).expand(-1, -1, self.units))
        if not self.return_sequences:
            return y.squeeze(1)
        return y * mask.unsqueeze(-1).to(y.dtype) if self._zeros_where_hidden else y

    def compute_mask(self, x: Tensor, mask: Optional[Tensor] = None) -> Optional[Tensor]:
        return mask if self.return_sequences else None

    def _reordered(self, value: np.ndarray, order: Sequence[int]) -> np.ndarray:
        """Blocks of rows in another order."""
        blocks = np.split(value, self._gates)
        return np.concatenate([blocks[i] for i in order])

    def _to_keras(self, name: str, value: np.ndarray) -> np.ndarray:
        return self._reordered(value, self._order).T

    def _from_keras(self, name: str, value: np.ndarray) -> np.ndarray:
        return self._reordered(value.T, np.argsort(self._order))  # type: ignore[arg-type]


class SimpleRNN(_Recurrent):
    """h_t = tanh(x_t W + h_{t−1} U + b), the simplest recurrent layer; see :class:`LSTM`. ``activation`` is tanh or relu.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layer = layers.SimpleRNN(1, activation="relu", kernel_initializer="ones", recurrent_initializer="ones", return_sequences=True)
    >>> layer(rustorch.ones(1, 4, 1)).flatten().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, dropout: float = 0.0, return_sequences: bool = False,
        go_backwards: bool = False, **common: Any,
    ) -> None:
        super().__init__(
            units, activation, None, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, kernel_regularizer,
            recurrent_regularizer, bias_regularizer, dropout, return_sequences, go_backwards, **common,
        )  # fmt: skip

    def _check_activations(self, activation: Any, recurrent: Any) -> None:
        self._mode = "rnn_" + self._choice("activation", activation, ("tanh", "relu"))


class LSTM(_Recurrent):
    """Long short-term memory.

    Parameters
    ----------
    units : int
        Width of the state, and of the output.
    activation, recurrent_activation : ``"tanh"`` and ``"sigmoid"``, the only ones
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : name or callable
        Defaults ``"glorot_uniform"``, ``"orthogonal"``, ``"zeros"``.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : name or callable, optional
    dropout : float, default 0
        Of the input: the same features at every step of a sequence.
    return_sequences : bool, default False
        The output of every step, (batch, steps, units), not of the last one alone, (batch, units).
    go_backwards : bool, default False
        From the last step to the first; so are the outputs then.
    unit_forget_bias : bool, default True
        The forget gate's bias begins at 1.

    Source: Hochreiter and Schmidhuber, Neural Computation 9, 1997.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.LSTM(8)(rustorch.ones(2, 5, 3)).shape
    rustorch.Size([2, 8])
    """

    _gates = 4
    _mode = "lstm"
    _order = (0, 1, 2, 3)

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        dropout: float = 0.0, return_sequences: bool = False, go_backwards: bool = False, **common: Any,
    ) -> None:
        super().__init__(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer, dropout, return_sequences, go_backwards, **common,
        )  # fmt: skip
        self.unit_forget_bias = self._flag("unit_forget_bias", unit_forget_bias)

    def _build_bias(self, rows: int) -> None:
        super()._build_bias(rows)
        if self.unit_forget_bias:
            with rustorch.no_grad():
                self.bias[self.units : 2 * self.units].fill_(1.0)


class GRU(_Recurrent):
    """Gated recurrent unit, the kind that resets after the product (Keras's and PyTorch's); see :class:`LSTM`.

    ``bias`` is (2, 3 · units): for the input and for the state.

    Source: Cho et al., EMNLP 2014.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GRU(8, return_sequences=True)(rustorch.ones(2, 5, 3)).shape
    rustorch.Size([2, 5, 8])
    """

    _gates = 3
    _mode = "gru"
    _order = (1, 0, 2)  # Keras: update, reset, new; the engine: reset, update, new

    def _build_bias(self, rows: int) -> None:
        self._materialize("bias", (2, rows), self.bias_initializer, (rows, rows))

    def _biases(self) -> List[Optional[Tensor]]:
        return [None, None] if self.bias is None else [self.bias[0], self.bias[1]]

    def _to_keras(self, name: str, value: np.ndarray) -> np.ndarray:
        if name == "bias":
            return np.stack([self._reordered(row, self._order) for row in value])
        return super()._to_keras(name, value)

    def _from_keras(self, name: str, value: np.ndarray) -> np.ndarray:
        return self._to_keras(name, value) if name == "bias" else super()._from_keras(name, value)  # a swap undoes itself


def _inner(wrapper: Layer, layer: Any, kind: type, words: str) -> Any:
    """The layer that another one is made around, given as an object or as its text."""
    if isinstance(layer, str):
        from rustorch.training.layers import from_text

        layer = from_text(layer)
    if not isinstance(layer, kind):
        wrong(wrapper, "layer", f"{words} is expected, not {layer!r}", ArgumentTypeError)
    return layer


class Bidirectional(Layer):
    """A recurrent layer from both ends: ``Bidirectional(LSTM(32))``.

    Parameters
    ----------
    layer : recurrent layer
        The one from the front; the one from the end is like it.
    merge_mode : {"concat", "sum", "mul", "ave"}
        How the two outputs become one.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.Bidirectional(layers.GRU(4, return_sequences=True))(rustorch.ones(2, 5, 3)).shape
    rustorch.Size([2, 5, 8])
    """

    _ndim = 3
    _uses_mask = supports_masking = True

    def __init__(self, layer: Any, merge_mode: str = "concat", **common: Any) -> None:
        super().__init__(**common)
        layer = _inner(self, layer, _Recurrent, "a recurrent layer such as LSTM(32)")
        self.merge_mode = self._choice("merge_mode", merge_mode, ("concat", "sum", "mul", "ave"))
        given = {**layer._given, "go_backwards": not layer.go_backwards}
        given.pop("name", None)
        self.front, self.back = layer, type(layer)(**given)
        for each in (self.front, self.back):
            each._zeros_where_hidden = True

    @property
    def built(self) -> bool:
        return self.front.built and self.back.built

    def _shape_words(self) -> str:
        return self.front._shape_words()

    def compute(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:  # type: ignore[override]
        front, back = self.front(x, mask), self.back(x, mask)
        if self.front.return_sequences:
            back = back.flip(1)
        if self.merge_mode == "concat":
            return rustorch.cat([front, back], -1)
        if self.merge_mode == "mul":
            return front * back
        return (front + back) * (0.5 if self.merge_mode == "ave" else 1.0)

    def compute_mask(self, x: Tensor, mask: Optional[Tensor] = None) -> Optional[Tensor]:
        return self.front.compute_mask(x, mask)

    def get_weights(self) -> List[np.ndarray]:
        return self.front.get_weights() + self.back.get_weights()

    def set_weights(self, weights: Sequence[Any]) -> None:
        half = len(weights) // 2
        self.front.set_weights(weights[:half])
        self.back.set_weights(weights[half:])

    def count_params(self) -> int:
        return self.front.count_params() + self.back.count_params()

    @property
    def trainable(self) -> bool:
        return self.front.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.front.trainable = self.back.trainable = value


class TimeDistributed(Layer):
    """A layer on each step of (batch, steps, …) by itself: ``TimeDistributed(Conv2D(8, 3))`` on (batch, steps, channels, h, w).

    Parameters
    ----------
    layer : layer or text

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.TimeDistributed(layers.Flatten())(rustorch.ones(2, 5, 3, 4)).shape
    rustorch.Size([2, 5, 12])
    """

    _floats = False
    _min_ndim = 3
    supports_masking = True

    def __init__(self, layer: Any, **common: Any) -> None:
        super().__init__(**common)
        self.layer = _inner(self, layer, Module, "a layer such as Dense(32)")

    @property
    def built(self) -> bool:
        return getattr(self.layer, "built", True)

    def compute(self, x: Tensor) -> Tensor:
        with _ranks.repeated(x.shape[1]):
            y = self.layer(x.flatten(0, 1))
        return y.unflatten(0, (x.shape[0], x.shape[1]))

    def get_weights(self) -> List[np.ndarray]:
        from rustorch.training._training import weights_of

        return weights_of(self.layer)

    def set_weights(self, weights: Sequence[Any]) -> None:
        from rustorch.training._training import set_weights_of

        set_weights_of(self.layer, list(weights))

    def count_params(self) -> int:
        return sum(value.numel() for value in [*self.parameters(), *self.buffers()]) if self.built else 0

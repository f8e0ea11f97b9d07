"""Recurrent layers and cells."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, List, Optional, Tuple

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError
from rustorch.nn import functional as F
from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter
from rustorch.nn.utils.rnn import PackedSequence

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_layer = _C._ops._rnn_layer


def _permuted(state: Tensor, permutation: Optional[Tensor]) -> Tensor:
    return state if permutation is None else state.index_select(1, permutation)


class RNNBase(Module):
    """What :class:`RNN`, :class:`LSTM` and :class:`GRU` share: parameters, checks, the walk over layers and directions.

    Layer ``k`` has ``weight_ih_l{k}`` (gates · hidden_size, inputs), ``weight_hh_l{k}`` (gates · hidden_size, hidden_size),
    ``bias_ih_l{k}`` and ``bias_hh_l{k}``; with ``proj_size`` also ``weight_hr_l{k}``; ``_reverse`` is appended for the
    direction from the end. All are drawn uniformly from ±1/√hidden_size.

    >>> nn.RNNBase("GRU", 3, 4)(rustorch.zeros(5, 2, 3))[0].shape
    rustorch.Size([5, 2, 4])
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__()
        if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ArgumentValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        for name, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise ArgumentTypeError(f"{name} should be of type bool, got: {type(value).__name__}")
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(value, int):
                raise ArgumentTypeError(f"{name} should be of type int, got: {type(value).__name__}")
            if value <= 0:
                raise ArgumentValueError(f"{name} must be greater than zero")
        if num_layers <= 0:
            raise ArgumentValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ArgumentValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ArgumentValueError("proj_size has to be smaller than hidden_size")
        if mode not in _GATES:
            raise ArgumentValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: List[List[str]] = []
        directions = 2 if bidirectional else 1
        rows, width = _GATES[mode] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else width * directions
            shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, width)}
            if bias:
                shapes["bias_ih"] = shapes["bias_hh"] = (rows,)
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse")[:directions]:
                names = []
                for name, shape in shapes.items():
                    names.append(f"{name}_l{layer}{suffix}")
                    setattr(self, names[-1], Parameter(rustorch.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: the kernels take the weights where they lie. It is there for scripts written for cuDNN."""

    @property
    def all_weights(self) -> List[List[Parameter]]:
        """The parameters, one list a layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> List[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    # ------------------------------------------------------------------------------------------ checks

    def check_input(self, input: Tensor, batch_sizes: Optional[Tensor]) -> None:
        """Raises where the input's dtype or shape does not fit the layer."""
        dtype = self.weight_ih_l0.dtype
        if input.dtype != dtype:
            raise ArgumentValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: input.to({dtype}), "
                f"or convert model: model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RusTorchError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RusTorchError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Optional[Tensor]) -> Tuple[int, int, int]:
        """(layers · directions, batch, width of the state)."""
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        return (self.num_layers * (2 if self.bidirectional else 1), batch, self.proj_size or self.hidden_size)

    def check_hidden_size(self, hx: Tensor, expected_hidden_size: Tuple[int, int, int], msg: str = "Expected hidden size {}, got {}") -> None:
        """Raises where a state does not have the expected shape."""
        if tuple(hx.size()) != expected_hidden_size:
            raise RusTorchError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Optional[Tensor]) -> None:
        """Raises where input or states do not fit the layer."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        if self.mode != "LSTM":
            self.check_hidden_size(hidden, expected)
            return
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], expected[:2] + (self.hidden_size,), "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Optional[Tensor]) -> Any:
        """The states in another order of the batch."""
        if self.mode == "LSTM":
            return _permuted(hx[0], permutation), _permuted(hx[1], permutation)
        return _permuted(hx, permutation)

    def _check_hidden_dims(self, hx: Any, batched: bool) -> None:
        kind, dims = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
        if self.mode != "LSTM":
            if hx.dim() != dims:
                raise RusTorchError(f"For {kind} input, hx should also be {dims}-D but got {hx.dim()}-D tensor")
        elif hx[0].dim() != dims or hx[1].dim() != dims:
            raise RusTorchError(
                f"For {kind} input, hx and cx should also be {dims}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )

    # ------------------------------------------------------------------------------------------ forward

    def _run(self, x: Tensor, batch_sizes: Optional[Tensor], h: Tensor, c: Optional[Tensor]) -> Tuple[Tensor, Tensor, Optional[Tensor]]:
        """x (T, B, I), or (rows, I) with batch_sizes, through all layers."""
        mode = self.mode.lower()
        directions = 2 if self.bidirectional else 1
        last_h: List[Tensor] = []
        last_c: List[Tensor] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                k = layer * directions + direction
                weights = [getattr(self, name) for name in self._all_weights[k]]
                bias = weights[2:4] if self.bias else [None, None]
                projection = weights[-1] if self.proj_size else None
                y, hn, cn = _layer(
                    x, h[k], None if c is None else c[k], weights[0], weights[1], bias[0], bias[1], projection, batch_sizes,
                    mode=mode, reverse=direction == 1,
                )
                outputs.append(y)
                last_h.append(hn)
                last_c.append(cn)
            x = outputs[0] if directions == 1 else rustorch.cat(outputs, -1)
            if self.dropout > 0 and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        return x, rustorch.stack(last_h), None if c is None else rustorch.stack(last_c)

    def forward(self, input: Any, hx: Any = None) -> Any:
        packed = isinstance(input, PackedSequence)
        lstm = self.mode == "LSTM"
        batch_sizes = sorted_indices = unsorted_indices = None
        batched = True
        batch_dim = 0 if self.batch_first else 1
        if packed:
            input, batch_sizes, sorted_indices, unsorted_indices = input
        else:
            if input.dim() not in (2, 3):
                raise ArgumentValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead")
            batched = input.dim() == 3
            if hx is not None:
                self._check_hidden_dims(hx, batched)
            if not batched:
                input = input.unsqueeze(batch_dim)
                if hx is not None:
                    hx = tuple(state.unsqueeze(1) for state in hx) if lstm else hx.unsqueeze(1)
        if hx is None:
            layers, batch, width = self.get_expected_hidden_size(input, batch_sizes)
            options = {"dtype": input.dtype, "device": input.device}
            hx = rustorch.zeros(layers, batch, width, **options)
            if lstm:
                hx = (hx, rustorch.zeros(layers, batch, self.hidden_size, **options))
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(input, hx, batch_sizes)
        turned = self.batch_first and not packed
        if not packed and input.shape[1 if turned else 0] == 0:
            raise RusTorchError("Expected sequence length to be larger than 0 in RNN")
        h, c = hx if lstm else (hx, None)
        output, h, c = self._run(input.transpose(0, 1) if turned else input, batch_sizes, h, c)
        if turned:
            output = output.transpose(0, 1)
        if not batched:
            output = output.squeeze(batch_dim)
            h, c = h.squeeze(1), None if c is None else c.squeeze(1)
        hidden = self.permute_hidden((h, c) if lstm else h, unsorted_indices)
        if packed:
            output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return output, hidden

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = (("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0), ("bidirectional", False))
        for name, default in defaults:
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), in one layer or several, from the front or from both ends.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int, default 1
        Each layer takes the outputs of the one below.
    nonlinearity : ``"tanh"`` or ``"relu"``
    bias : bool, default True
    batch_first : bool, default False
        Input and output are (B, T, …) and not (T, B, …). The states are (layers · directions, B, …) always.
    dropout : float, default 0
        Of the outputs of all layers but the last, in training.
    bidirectional : bool, default False
        A second state runs from the end; the outputs of both stand side by side.

    Returns
    -------
    (output, hn) : the last layer's states at all steps, (T, B, directions · hidden_size), and the last state of each layer
    and direction. A :class:`~rustorch.nn.utils.rnn.PackedSequence` gives a PackedSequence; an input without a batch
    dimension gives results without one.

    Source: Elman, Cognitive Science 1990.

    Example
    -------
    >>> import rustorch as torch
    >>> output, hn = torch.nn.RNN(3, 5, num_layers=2)(torch.zeros(7, 4, 3))
    >>> output.shape, hn.shape
    (rustorch.Size([7, 4, 5]), rustorch.Size([2, 4, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ArgumentValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: gates i, f, o = σ(W x_t + W h_{t-1}), g = tanh(…), c_t = f c_{t-1} + i g, h_t = o tanh(c_t).

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional : as in :class:`RNN`
    proj_size : int, default 0
        If positive, h_t is multiplied by a matrix (proj_size, hidden_size), and this is what is handed on.

    Returns
    -------
    (output, (hn, cn)) : as in :class:`RNN`; the states are given as a pair (h0, c0) as well.

    Raises
    ------
    RuntimeError
        Input or states do not fit the layer.

    Sources: Hochreiter and Schmidhuber, Neural Computation 1997; the projection: Sak et al., arXiv 1402.1128.

    Example
    -------
    >>> import rustorch as torch
    >>> lstm = torch.nn.LSTM(10, 20, batch_first=True)
    >>> output, (hn, cn) = lstm(torch.zeros(3, 5, 10))
    >>> output.shape, hn.shape
    (rustorch.Size([3, 5, 20]), rustorch.Size([1, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units: r, z = σ(W x_t + W h_{t-1}), n = tanh(W x_t + r (W h_{t-1})), h_t = (1 − z) n + z h_{t-1}.

    Parameters and results are those of :class:`RNN`, without ``nonlinearity``. Source: Cho et al., EMNLP 2014.

    Example
    -------
    >>> import rustorch as torch
    >>> output, hn = torch.nn.GRU(3, 4, bidirectional=True)(torch.zeros(6, 2, 3))
    >>> output.shape, hn.shape
    (rustorch.Size([6, 2, 8]), rustorch.Size([2, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ArgumentValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


# ---------------------------------------------------------------------------------------------- cells


class RNNCellBase(Module):
    """What the cells share: ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh``, drawn from ±1/√hidden_size.

    >>> issubclass(nn.LSTMCell, nn.RNNCellBase)
    True
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        options = {"device": device, "dtype": dtype}
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(rustorch.empty(rows, input_size, **options))
        self.weight_hh = Parameter(rustorch.empty(rows, hidden_size, **options))
        self.register_parameter("bias_ih", Parameter(rustorch.empty(rows, **options)) if bias else None)
        self.register_parameter("bias_hh", Parameter(rustorch.empty(rows, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, mode: str, input: Tensor, states: Any, names: Tuple[str, ...]) -> Tuple[Tensor, ...]:
        """One step of `mode` from the states (None: zeros): the new states."""
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ArgumentValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for name, state in zip(names, states or ()):
            if state.dim() not in (1, 2):
                raise ArgumentValueError(f"{kind}: Expected {name} to be 1D or 2D, got {state.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            states = states and [state.unsqueeze(0) for state in states]
        if states is None:
            zeros = rustorch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
            states = [zeros] * len(names)
        _, h, c = _layer(
            input.unsqueeze(0), states[0], states[1] if len(states) > 1 else None, self.weight_ih, self.weight_hh, self.bias_ih,
            self.bias_hh, mode=mode,
        )
        results = (h, c)[: len(names)]
        return results if batched else tuple(result.squeeze(0) for result in results)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text


class RNNCell(RNNCellBase):
    """One step of :class:`RNN`: input (B, input_size) and state (B, hidden_size), without B as well, give the next state.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.RNNCell(3, 5)(torch.zeros(4, 3)).shape
    rustorch.Size([4, 5])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Optional[Tensor] = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RusTorchError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(f"rnn_{self.nonlinearity}", input, None if hx is None else [hx], ("hidden",))[0]


class LSTMCell(RNNCellBase):
    """One step of :class:`LSTM`: (h, c) of shape (B, hidden_size) each, given and returned as a pair.

    Example
    -------
    >>> import rustorch as torch
    >>> h, c = torch.nn.LSTMCell(3, 5)(torch.zeros(4, 3))
    >>> h.shape
    rustorch.Size([4, 5])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Optional[Tuple[Tensor, Tensor]] = None) -> Tuple[Tensor, Tensor]:
        return self._step("lstm", input, None if hx is None else list(hx), ("hx[0]", "hx[1]"))


class GRUCell(RNNCellBase):
    """One step of :class:`GRU`.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.GRUCell(3, 5)(torch.zeros(3)).shape
    rustorch.Size([5])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Optional[Tensor] = None) -> Tensor:
        return self._step("gru", input, None if hx is None else [hx], ("hidden",))[0]

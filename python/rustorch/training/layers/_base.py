"""What all layers of a :class:`rustorch.Model` share: sizes learnt from the first batch, weights by Keras's rules, a text."""

from __future__ import annotations

import inspect
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, ShapeError
from rustorch.nn.modules.lazy import LazyModuleMixin
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import UninitializedParameter
from rustorch.training import _masks, activations, initializers, parser, regularizers
from rustorch.training._names import plain
from rustorch.training._weights import Weights

__all__ = ["Layer"]

COMMON = ("name", "input_shape", "trainable", "activity_regularizer")
_NOT_HERE = {  # Keras's arguments of layers, and what stands in their place
    "constraint": "weights have no constraints: change them in a callback's on_train_batch_end, under rustorch.no_grad()",
    "dtype": "weights have the default dtype: rustorch.set_default_dtype before the layer is made, or model.double() after",
    "batch_shape": "give input_shape, which is without the batch",
    "batch_input_shape": "give input_shape, which is without the batch",
    "implementation": "there is one; leave it out",
    "recurrent_dropout": "dropout is of the input; between layers put Dropout",
    "return_state": "rustorch.nn's recurrent modules give their states",
    "stateful": "each batch begins with a state of zeros; rustorch.nn's recurrent modules take and give states",
    "unroll": "all steps run in one kernel; leave it out",
    "use_cudnn": "all steps run in one kernel; leave it out",
    "seed": "random numbers are seeded all together: rustorch.manual_seed, or utils.set_seed",
}


def wrong(layer: Any, argument: str, message: str, kind: type = ArgumentValueError) -> NoReturn:
    """Raise an error about one argument; whoever knows the layer's text can mark its place there."""
    error = kind(f"{type(layer).__name__}: {message}")
    error.argument = argument
    raise error


class Layer(Weights, LazyModuleMixin, Module):
    """Base class of the layers that are known by text.

    A layer is a module whose parameters get their sizes from its first input; until then they are uninitialised
    parameters, which an optimiser accepts. A subclass calls ``super().__init__(**common)``, defines ``build(shape)`` where it
    has parameters, and ``compute(x)``, which :meth:`forward` follows by the activation.

    Parameters
    ----------
    name : str, optional
        By default the model numbers its layers: ``dense``, ``dense_1``, …
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a model that is to be built at once.
    trainable : bool, default True
        False keeps the parameters as they are; batch normalisation then uses its running statistics.
    activity_regularizer : name or callable, optional
        A penalty on the output, divided by the number of samples and added to the loss.

    :meth:`get_weights` and :meth:`set_weights` speak Keras's layout (kernels as (inputs, outputs) and (height, width, inputs,
    outputs)); ``state_dict`` and the parameters themselves have PyTorch's.

    A mask of steps goes with a tensor from layer to layer, as in Keras: see :class:`Masking`.

    Example
    -------
    >>> from rustorch.training import layers
    >>> class Scale(layers.Layer):
    ...     def __init__(self, start=1.0, **common):
    ...         super().__init__(**common)
    ...         self._weight("weight", "initializer", start)
    ...     def build(self, shape):
    ...         self._materialize("weight", shape[-1:], self.initializer, (1, 1))
    ...     def compute(self, x):
    ...         return x * self.weight
    >>> layer = Scale(3.0)
    >>> layer(rustorch.ones(2)).tolist(), layer.built
    ([3.0, 3.0], True)
    """

    _floats = True  # whole numbers are taken as floats
    _ndim: Optional[int] = None  # dimensions of the input, with the batch
    _min_ndim = 1
    _also: Dict[str, str] = {}  # other spellings of arguments
    _uses_mask = False  # whether compute takes the mask as well
    #: Whether a mask of the input is one of the output too (or :meth:`compute_mask` says what becomes of it).
    supports_masking = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        if args or kwargs:
            try:
                bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs).arguments
            except TypeError:
                return self  # __init__ says what is wrong
            bound.pop("self", None)
            common = bound.pop("common", {})
            if "input_dim" in common:
                common.setdefault("input_shape", common.pop("input_dim"))
            bound.update(common)
            object.__setattr__(self, "_given", dict(bound))
        return self

    def __init__(
        self, name: Optional[str] = None, input_shape: Optional[Sequence[int]] = None, trainable: bool = True,
        activity_regularizer: Any = None, **unknown: Any,
    ) -> None:  # fmt: skip
        if "input_dim" in unknown and input_shape is None:  # Keras's old word
            input_shape = unknown.pop("input_dim")
        if unknown:
            raise ArgumentTypeError(unknown_argument(type(self), next(iter(unknown))))
        super().__init__()
        if name is not None and (not isinstance(name, str) or not name):
            wrong(self, "name", f"name must be a text, not {name!r}", ArgumentTypeError)
        self.name = name
        self.activation: Any = None
        self._input_shape = None if input_shape is None else self._as_shape("input_shape", input_shape)
        self._frozen = not trainable
        self._regularized: Dict[str, Any] = {}
        self._added: List[Tensor] = []  # losses of the last call
        self.activity_regularizer = self._made("activity_regularizer", regularizers.get, activity_regularizer)

    # ------------------------------------------------------------------------------------------ arguments

    def _as_shape(self, argument: str, value: Any) -> Tuple[Any, ...]:
        value = (value,) if isinstance(value, int) else value
        if not isinstance(value, (tuple, list)) or not all(n is None or (isinstance(n, int) and n >= -1) for n in value):
            wrong(self, argument, f"{argument} must be a tuple of whole numbers, not {value!r}", ArgumentTypeError)
        return tuple(value)

    def _count(self, argument: str, value: Any, least: int = 1) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            wrong(self, argument, f"{argument} must be a whole number, not {value!r}", ArgumentTypeError)
        value = value.__index__()
        if value < least:
            wrong(self, argument, f"{argument} must be {least} or more, not {value}")
        return value

    def _counts(self, argument: str, value: Any, n: int, least: int = 1) -> Tuple[int, ...]:
        """n whole numbers, from one or n."""
        if isinstance(value, (tuple, list)):
            if len(value) != n:
                wrong(self, argument, f"{argument} must be a whole number or {n} of them, not {value!r}")
            return tuple(self._count(argument, each, least) for each in value)
        return (self._count(argument, value, least),) * n

    def _number(self, argument: str, value: Any, low: float = -float("inf"), high: float = float("inf")) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            wrong(self, argument, f"{argument} must be a number, not {value!r}", ArgumentTypeError)
        if not low <= value <= high:
            limits = f"{low:g} or more" if high == float("inf") else f"from {low:g} to {high:g}"
            wrong(self, argument, f"{argument} must be {limits}, not {value:g}")
        return float(value)

    def _flag(self, argument: str, value: Any) -> bool:
        if not isinstance(value, bool):
            wrong(self, argument, f"{argument} must be True or False, not {value!r}", ArgumentTypeError)
        return value

    def _choice(self, argument: str, value: Any, choices: Sequence[str]) -> str:
        found = value.casefold() if isinstance(value, str) else value
        if found not in choices:
            wrong(self, argument, f"{argument} must be {' or '.join(map(repr, choices))}, not {value!r}")
        return found

    def _made(self, argument: str, get: Any, value: Any) -> Any:
        """An activation, initialiser or regulariser."""
        try:
            return get(value)
        except (ArgumentValueError, ArgumentTypeError) as error:
            wrong(self, argument, str(error), type(error))

    def _use_activation(self, activation: Any) -> None:
        object.__setattr__(self, "activation", None)
        if isinstance(activation, Module):
            self.activation = activation
            return
        self.activation = self._made("activation", activations.get, activation)

    def _weight(self, name: str, initializer: str, value: Any, regularizer: Any = None) -> None:
        """A parameter to come: its initialiser, and its penalty if any."""
        object.__setattr__(self, initializer, self._made(initializer, initializers.get, value))
        setattr(self, name, UninitializedParameter(requires_grad=not self._frozen))
        if regularizer is not None:
            argument, given = regularizer
            made = self._made(argument, regularizers.get, given)
            if made is not None:
                self._regularized[name] = made

    def _weight_if(self, flag: str, wanted: Any, name: str, initializer: str, value: Any, regularizer: Any) -> None:
        """A parameter to come where a flag such as ``use_bias`` wants it; None elsewhere."""
        setattr(self, flag, self._flag(flag, wanted))
        if wanted:
            self._weight(name, initializer, value, regularizer)
        else:
            object.__setattr__(self, initializer, None)
            self.register_parameter(name, None)

    def _bias_if(self, use_bias: Any, initializer: Any, regularizer: Any) -> None:
        self._weight_if("use_bias", use_bias, "bias", "bias_initializer", initializer, ("bias_regularizer", regularizer))

    def _materialize(self, name: str, shape: Sequence[int], initializer: Any, fans: Tuple[float, float]) -> None:
        """Size and first values of a parameter; none where the layer does without it."""
        parameter = getattr(self, name)
        if parameter is not None:
            parameter.materialize(tuple(shape))
            initializers.fill(initializer, parameter, fans)

    # ------------------------------------------------------------------------------------------ computing

    def build(self, shape: Sequence[Any]) -> None:
        """Give the parameters their sizes; ``shape`` is that of the input, with the batch (which may be None)."""

    @property
    def built(self) -> bool:
        """Have all parameters their sizes?"""
        return not self.has_uninitialized_params()

    def initialize_parameters(self, x: Any, mask: Any = None) -> None:
        self.build(tuple(self._checked(x).shape))

    def _checked(self, x: Any) -> Tensor:
        """The input, of a dtype and with dimensions that the layer takes."""
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(f"{self._words()}: the input must be a tensor, not {type(x).__name__}")
        if self._ndim is not None and x.dim() != self._ndim:
            raise ShapeError(
                f"{self._words()} takes inputs of {self._ndim} dimensions, {self._shape_words()}, but got shape {tuple(x.shape)}"
            )
        if x.dim() < self._min_ndim:
            raise ShapeError(
                f"{self._words()} takes inputs of {self._min_ndim} or more dimensions (the first counts samples), but got shape "
                f"{tuple(x.shape)}"
            )
        if self._floats and not x.is_floating_point():
            x = x.to(self._float_dtype())
        return x

    def _float_dtype(self) -> Any:
        for parameter in self._parameters.values():
            if parameter is not None:
                return parameter.dtype
        return rustorch.get_default_dtype()

    def _shape_words(self) -> str:
        return "(batch, …)"

    def _words(self) -> str:
        """How messages call the layer."""
        kind = type(self).__name__
        return f"layer '{self.name}' ({kind})" if self.name else kind

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        y = self.pre_activation(x, mask)
        if self.activation is not None:
            y = _masks.keep(y, self.activation(y))
        if self.activity_regularizer is not None:
            self.add_loss(self.activity_regularizer(y) / max(y.shape[0], 1))
        return y

    def pre_activation(self, x: Tensor, mask: Any = None) -> Tensor:
        """What :meth:`forward` gives, without the activation."""
        if mask is None:
            mask = _masks.of(x)
        if self._added:
            self._added = []
        checked = self._checked(x)
        y = self.compute(checked, mask) if self._uses_mask else self.compute(checked)  # type: ignore[call-arg]
        if y is x and mask is not None:  # the mask of the output is not to become the caller's
            y = x.view_as(x)
        if mask is not None and not self.supports_masking:
            _masks.lost(self._words())
        elif self.supports_masking:
            _masks.attach(y, self.compute_mask(x, mask))
        return y

    def compute(self, x: Tensor) -> Tensor:
        """What the layer computes from a checked input, before the activation."""
        return x

    def compute_mask(self, x: Tensor, mask: Optional[Tensor] = None) -> Optional[Tensor]:
        """The mask of the output, from the input and its mask; by default the same one. Asked where ``supports_masking``."""
        return mask

    def add_loss(self, loss: Tensor) -> None:
        """Add a number, such as one computed in :meth:`compute`, to the loss that training reduces; the next call forgets it."""
        self._added.append(loss)

    def penalties(self) -> List[Tensor]:
        """What the regularisers of the layer's own weights add to the loss."""
        return [regularizer(getattr(self, name)) for name, regularizer in self._regularized.items()]

    @property
    def losses(self) -> List[Tensor]:
        """What the layer, and those inside it, add to the loss: penalties on weights, and what the last call gave :meth:`add_loss`."""
        found = [each for each in self.modules() if isinstance(each, Layer)]
        return [loss for each in found for loss in (each.penalties() if each.built else []) + each._added]

    def __getstate__(self) -> Dict[str, Any]:
        return {**super().__getstate__(), "_added": []}  # belongs to a call that is over

    # ------------------------------------------------------------------------------------------ weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer; setting it False freezes it."""
        return not self._frozen

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._frozen = not value
        self.requires_grad_(bool(value))

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def _tensors(self) -> List[Tuple[str, Tensor]]:
        """Own parameters and buffers, as Keras counts weights."""
        return [
            (name, value)
            for table in (self._parameters, self._buffers)
            for name, value in table.items()
            if value is not None
        ]

    def _to_keras(self, name: str, value: np.ndarray) -> np.ndarray:
        return value

    def _from_keras(self, name: str, value: np.ndarray) -> np.ndarray:
        return value

    def get_weights(self) -> List[np.ndarray]:
        """Copies of the weights as arrays, in Keras's order and layout."""
        if not self.built:
            return []
        return [np.array(self._to_keras(name, value.detach().numpy())) for name, value in self._tensors()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take over what :meth:`get_weights` gave, of this layer or of Keras's."""
        own = self._tensors()
        if not self.built or len(weights) != len(own):
            problem = "has no sizes yet: build the model first" if not self.built else f"has {len(own)} weights"
            raise ArgumentValueError(f"set_weights: {len(weights)} arrays are given, but {self._words()} {problem}")
        arrays = []
        for (name, value), given in zip(own, weights):
            array = np.asarray(given.detach().numpy() if isinstance(given, Tensor) else given)
            expected = self._to_keras(name, value.detach().numpy()).shape
            if array.shape != expected:
                raise ShapeError(f"set_weights: {self._words()} has '{name}' of shape {expected}, given is {array.shape}")
            arrays.append(self._from_keras(name, array))
        with rustorch.no_grad():
            for (_, value), array in zip(own, arrays):
                value.copy_(rustorch.tensor(np.ascontiguousarray(array)))

    def count_params(self) -> int:
        """The number of weights, running statistics included."""
        return sum(value.numel() for _, value in self._tensors()) if self.built else 0

    # ------------------------------------------------------------------------------------------ text

    def text(self) -> str:
        """The layer as :func:`rustorch.training.layers.from_text` reads it; a name that the model chose is no part of it."""
        given = {**getattr(self, "_given", {})}
        names = [p.name for p in inspect.signature(type(self).__init__).parameters.values()][1:]
        args: List[Any] = []
        try:
            for expected in names:  # leading arguments without their names, as people write them
                if expected not in given or not self._positional(expected):
                    break
                args.append(_writable(given.pop(expected)))
            kwargs = {key: _writable(value) for key, value in given.items()}
            return parser.write(parser.Call(type(self).__name__, tuple(args), kwargs))
        except ArgumentTypeError as error:
            raise ArgumentTypeError(f"{self._words()} has no text: {error}") from None

    def get_config(self) -> Dict[str, Any]:
        """The layer as JSON can hold it, without weights: its name and its text."""
        return {"name": self.name, "text": self.text()}

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> "Layer":
        """The layer that :meth:`get_config` described, with new weights."""
        from rustorch.training import layers

        if cls.__module__.startswith("rustorch."):
            layer: Any = layers.from_text(config["text"])
        else:
            call = parser.parse(config["text"])
            layer = cls(*call.args, **call.kwargs)
        layer.name = config["name"]
        return layer

    def _positional(self, argument: str) -> bool:
        return argument in ("units", "filters", "kernel_size", "rate", "input_dim", "output_dim", "pool_size", "target_shape", "layer")

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        try:
            return self.text()
        except ArgumentTypeError:
            return super().__repr__()


def _writable(value: Any) -> Any:
    if isinstance(value, Layer):
        return parser.parse(value.text())
    if inspect.isfunction(value) and value.__name__.isidentifier():  # whoever reads it gives it in custom_objects
        own = not value.__module__.startswith("rustorch.")
        if own and any(plain(value.__name__) in module.NAMES for module in (activations, initializers, regularizers)):
            raise ArgumentTypeError(f"the function {value.__name__} has a name of rustorch's: a file could not tell the two apart")
        return value.__name__
    return value


def arguments(kind: type) -> List[str]:
    """The names of the arguments that a layer's class takes."""
    names: List[str] = []
    for name, parameter in inspect.signature(kind.__init__).parameters.items():  # type: ignore[misc]
        if name == "self":
            continue
        names += COMMON if parameter.kind is parameter.VAR_KEYWORD else [name]
    return list(dict.fromkeys(names))


def unknown_argument(kind: type, argument: str) -> str:
    """The message about an argument that a layer has not."""
    from rustorch.training._names import did_you_mean

    known = arguments(kind)
    also = getattr(kind, "_also", {})
    elsewhere = _NOT_HERE.get(argument.rpartition("_")[2] if argument.endswith("constraint") else argument)
    if elsewhere is not None:
        return f"{kind.__name__} has no argument '{argument}': {elsewhere}\nIts arguments: {', '.join(known)}"
    return f"{kind.__name__} has no argument '{argument}'{did_you_mean(argument, [*known, *also])}\nIts arguments: {', '.join(known)}"

"""``rustorch.Model``: layers one after the other, given by text, as layers, or as modules; trained by ``compile`` and ``fit``."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError, SerializationError, ShapeError
from rustorch.nn import functional as F
from rustorch.nn.modules.activation import Sigmoid
from rustorch.nn.modules.activation import Softmax as NnSoftmax
from rustorch.nn.modules.lazy import _initialize
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import is_lazy
from rustorch.training import _masks, activations, layers
from rustorch.training._feed import as_tensor
from rustorch.training._names import did_you_mean
from rustorch.training._training import Trainable
from rustorch.training._weights import Weights
from rustorch.training.summary import Summary, summary

__all__ = ["Model"]


class Model(Weights, Trainable):
    """A model of layers, each fed with what the one before gives; a :class:`rustorch.nn.Module` that can train itself.

    Parameters
    ----------
    name : str, optional
        Any text; ``"Model"`` by default. A list of layers may stand here instead.
    layers : list, optional
        Texts and modules, as :meth:`add` takes them.

    Sizes of inputs are not given: layers learn them from the first batch, or from ``Input``, ``input_shape=`` or :meth:`build`.
    Until then the parameters are uninitialised; an optimiser can be made for them already.

    A model is in evaluation mode, so that calling it, ``model(x)``, drops nothing out, as in Keras; ``fit`` changes the mode while it
    trains, and in a loop of your own ``model.train()`` does. A subclass may define ``forward`` and hold its layers as attributes.

    The parameters are named by the numbers of their layers, ``"0.weight"``, as in :class:`rustorch.nn.Sequential`.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.randn(100, 2)
    >>> y = (x[:, 0] > x[:, 1]).long()
    >>> model = rustorch.Model("which is larger")
    >>> model.add("Dense(8, activation=relu)")
    >>> model.add("Dense(2, activation=softmax)")
    >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = model.fit(x, y, epochs=3, verbose=False)
    >>> sorted(model.evaluate(x, y))
    ['accuracy', 'loss']
    """

    def __init__(self, *args: Any, name: Optional[str] = None, layers: Optional[Iterable[Any]] = None) -> None:
        super().__init__()
        for given in args:
            if isinstance(given, str) and name is None:
                name = given
            elif isinstance(given, (list, tuple, Module)) and layers is None:
                layers = given
            elif given is not None:
                raise ArgumentTypeError(
                    f"Model takes a name (text) and a list of layers, Model('digits', ['Dense(10)']), not {type(given).__name__}"
                )
        if name is not None and not isinstance(name, str):
            raise ArgumentTypeError(f"Model: name must be a text, not {type(name).__name__}")
        if isinstance(layers, (str, Module)):
            layers = [layers]
        self.name = "Model" if name is None else name
        self._names: Dict[str, str] = {}  # of layers, by the names of their modules
        self._shapes: Dict[int, Tuple[Any, ...]] = {}
        self._input: Optional[Tuple[Any, ...]] = None  # shape of one sample
        self._input_dtype: Any = None
        for layer in layers or ():
            self.add(layer)

    # ------------------------------------------------------------------------------------------ layers

    def add(self, layer: Any) -> None:
        """Add a layer at the end.

        Parameters
        ----------
        layer : str or Module
            A text such as ``"Dense(64, activation=relu)"`` (see docs/text-layers.md), a layer of :mod:`rustorch.training.layers`, or any
            module, for instance of :mod:`rustorch.nn`.

        Raises
        ------
        ValueError, TypeError
            The text has a mistake, whose place is marked; or it is neither text nor module.

        Example
        -------
        >>> model = rustorch.Model()
        >>> model.add("Dense(16, activation=relu)")
        >>> model.add(rustorch.nn.Dropout(0.1))
        >>> len(model.layers)
        2
        """
        made = layers.from_text(layer) if isinstance(layer, str) else layer
        if isinstance(made, type):
            raise ArgumentTypeError(f"add: {made.__name__} is a class; add an object: {made.__name__}(…)")
        if not isinstance(made, Module):
            raise ArgumentTypeError(f"add: a text such as 'Dense(64, activation=relu)' or a module is expected, not {type(layer).__name__}")
        if made is self:
            raise ArgumentValueError("add: a model cannot contain itself")
        shape = getattr(made, "_input_shape", None)
        if isinstance(made, layers.Input):
            if self.layers:
                raise ArgumentValueError("add: Input gives the shape of the first layer's input and must come first")
            self._input = shape
            return
        if any(made is other for other in self.layers):
            raise ArgumentValueError(f"add: this {type(made).__name__} is in the model already; add a new one with the same arguments")
        self._take_name(made)
        made.train(self.training)
        number = str(len(self._modules))
        self.add_module(number, made)
        self._names[number] = made.__dict__.get("name") or self._free_name(made)
        if isinstance(made, layers.Layer):
            made.name = self._names[number]
        if shape is not None and len(self.layers) == 1:
            self._input = shape
        if self._input is not None:
            self._build_known(len(self.layers) - 1)

    def _take_name(self, layer: Module) -> None:
        name = layer.__dict__.get("name")
        if isinstance(name, str) and name in self._names.values():
            raise ArgumentValueError(f"add: there is a layer named '{name}' already; names must differ")

    def _free_name(self, layer: Module) -> str:
        kind = type(layer).__name__
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", kind.lstrip("_")).lower()
        taken, number, name = set(self._names.values()), 0, plain
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        return name

    def pop(self, rebuild: bool = True) -> Module:
        """Take the last layer away and return it; ``rebuild`` is accepted for Keras's sake: nothing needs to be rebuilt."""
        if not self._modules:
            raise ArgumentValueError("pop: the model has no layers")
        number, layer = self._modules.popitem()
        self._names.pop(number, None)
        self._shapes.pop(id(layer), None)
        return layer  # type: ignore[return-value]

    @property
    def layers(self) -> List[Module]:
        """The layers, in order."""
        return [module for module in self._modules.values() if module is not None]

    def _named_layers(self) -> List[Tuple[str, Module]]:
        return [(self._names.get(number, number), module) for number, module in self._modules.items() if module is not None]

    def get_layer(self, name: Optional[str] = None, index: Optional[int] = None) -> Module:
        """A layer by its name or number.

        Raises
        ------
        ValueError
            There is no such layer; the nearest name is said.
        """
        if (name is None) == (index is None):
            raise ArgumentValueError("get_layer: give a name or an index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ArgumentValueError(f"get_layer: there is no layer {index}: the model has {len(self.layers)}")
            return self.layers[index]
        found = dict(self._named_layers())
        if name not in found:
            raise ArgumentValueError(
                f"get_layer: there is no layer '{name}'{did_you_mean(str(name), found)}; there are {', '.join(found) or 'none'}"
            )
        return found[name]

    def __len__(self) -> int:
        return len(self.layers)

    def __bool__(self) -> bool:
        return True

    # ------------------------------------------------------------------------------------------ computing

    def __call__(self, x: Any, *args: Any, training: Optional[bool] = None, **kwargs: Any) -> Any:
        """The outputs for a batch of inputs; ``training`` says for this call whether dropout drops and statistics are learnt."""
        x = self._as_input(x)
        self._added = []
        if training is None:
            return super().__call__(x, *args, **kwargs)
        with self._mode(bool(training)):
            return super().__call__(x, *args, **kwargs)

    def _as_input(self, x: Any) -> Any:
        """Arrays and lists as tensors; floats of another width in the width of the parameters."""
        if not isinstance(x, Tensor):
            x = as_tensor(x, "the model's input")
        if x.is_floating_point():
            for p in self.parameters():
                if p.is_floating_point():
                    return x if x.dtype == p.dtype else x.to(p.dtype)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Every layer fed with what the one before gave."""
        return self._through(x, self.layers)

    def _through(self, x: Tensor, chain: Sequence[Module]) -> Tensor:
        if not self._modules:
            raise RusTorchError("the model has no layers: add some, such as model.add('Dense(10)')")
        fresh = self._input is None
        if fresh and isinstance(x, Tensor) and x.dim():
            self._input, self._input_dtype = tuple(x.shape[1:]), x.dtype
        try:
            for layer in chain:
                mask = _masks.of(x)
                x = layer(x)
                if isinstance(x, tuple):  # nn.LSTM and its like give (outputs, states)
                    x = x[0]
                if mask is not None and not isinstance(layer, layers.Layer):
                    _masks.lost(type(layer).__name__)
                if fresh and isinstance(x, Tensor):
                    self._shapes[id(layer)] = tuple(x.shape[1:])
        except RusTorchError as error:
            if fresh:
                self._input = None
            if isinstance(error, ShapeError) and not isinstance(layer, layers.Layer):  # layers of ours name themselves
                name = next((name for name, module in self._named_layers() if module is layer), "?")
                raise ShapeError(f"{error} (in layer '{name}', {type(layer).__name__}, for an input of shape {tuple(x.shape)})") from None
            raise
        return x

    def _sequential(self) -> bool:
        return type(self).forward is Model.forward

    def _last_activation(self) -> Optional[str]:
        if not self._sequential() or not self.layers or _hooked(self.layers[-1]):
            return None
        return self._activation_of(self.layers[-1])

    def _activation_of(self, layer: Module) -> Optional[str]:
        if isinstance(layer, layers.Layer):
            return None if layer.activity_regularizer is not None else activations.taken_over(layer.activation)
        if type(layer) is Sigmoid:
            return "sigmoid"
        if type(layer) is NnSoftmax and layer.dim in (-1, 1):
            return "softmax"
        return None

    def _scores(self, x: Tensor) -> Tensor:
        x = self._as_input(x)
        self._added = []
        if self._fused is None:
            return super(Trainable, self).__call__(x)
        *before, last = self.layers
        x = self._through(x, before) if before else x
        if isinstance(last, layers.Layer):
            if last.has_uninitialized_params():
                last.initialize_parameters(x)
            return last.pre_activation(x)
        return x

    def _outputs(self, scores: Tensor) -> Tensor:
        if self._fused is None:
            return scores
        last = self.layers[-1]
        if isinstance(last, layers.Layer):
            return _masks.keep(scores, last.activation(scores))
        return rustorch.sigmoid(scores) if self._fused == "sigmoid" else F.softmax(scores, last.dim)

    @property
    def losses(self) -> List[Tensor]:
        """What layers add to the loss: penalties on weights, and what the last call gave ``add_loss``.

        Example
        -------
        >>> model = rustorch.Model(["Dense(2, kernel_initializer=ones, kernel_regularizer=l1(0.5))"])
        >>> model.build((None, 3))
        >>> model.losses
        [tensor(3., grad_fn=<...>)]
        """
        return [loss for each in self._adding() for loss in (each.penalties() if each.built else []) + each._added]

    def _adding(self) -> List[Any]:
        return [module for module in self.modules() if isinstance(module, (layers.Layer, Model))]

    # ------------------------------------------------------------------------------------------ building

    @property
    def built(self) -> bool:
        """Have all parameters their sizes?"""
        return bool(self._modules) and not any(is_lazy(t) for t in [*self.parameters(), *self.buffers()])

    @property
    def input_shape(self) -> Optional[Tuple[Any, ...]]:
        """``(None, …)`` as Keras writes it; None before the first batch."""
        return None if self._input is None else (None, *self._input)

    @property
    def output_shape(self) -> Optional[Tuple[Any, ...]]:
        """``(None, …)``; None before the first batch."""
        return self._shape_of(self.layers[-1]) if self.layers else None

    def _shape_of(self, layer: Module) -> Optional[Tuple[Any, ...]]:
        found = self._shapes.get(id(layer))
        return None if found is None else (None, *found)

    def build(self, input_shape: Any) -> None:
        """Give all layers their sizes without a batch.

        Parameters
        ----------
        input_shape : tuple of int
            With the batch, which is None, as in Keras: ``(None, 784)``.

        Example
        -------
        >>> model = rustorch.Model(["Dense(3)"])
        >>> model.build((None, 4))
        >>> model.count_params()
        15
        """
        if isinstance(input_shape, int):
            input_shape = (None, input_shape)
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 1:
            raise ArgumentTypeError(f"build: input_shape must be a tuple such as (None, 784), not {input_shape!r}")
        sample = tuple(input_shape[1:])
        if not all(isinstance(n, int) and n > 0 for n in sample):
            raise ArgumentValueError(
                f"build: only the first size of input_shape, the batch, may be None, not {tuple(input_shape)!r}: the layers are tried out "
                "with a sample of this shape"
            )
        self._input = sample
        self._build_known(0)

    def _build_known(self, start: int) -> None:
        """Build the layers from a number on, whose input's shape is known."""
        assert self._input is not None
        if not all(isinstance(n, int) and n > 0 for n in self._input):
            raise ArgumentValueError(f"the shape of a sample must be known, not {self._input}: use sizes, or let the first batch decide")
        chain = self.layers
        known = self._input if start == 0 else self._shapes.get(id(chain[start - 1]))
        if known is None:
            start, known = 0, self._input
        if not chain:
            return
        first = start == 0
        x = rustorch.zeros(1, *known, dtype=self._number_dtype(chain[0]) if first else rustorch.get_default_dtype())
        with rustorch.no_grad(), self._mode(False):
            for layer in chain[start:]:
                x = layer(x)
                x = x[0] if isinstance(x, tuple) else x
                self._shapes[id(layer)] = tuple(x.shape[1:])

    def _number_dtype(self, first: Module) -> Any:
        from rustorch.nn.modules.sparse import Embedding, EmbeddingBag

        if self._input_dtype is not None:
            return self._input_dtype
        return rustorch.int64 if isinstance(first, (layers.Embedding, Embedding, EmbeddingBag)) else rustorch.get_default_dtype()

    def _build_for(self, x: Tensor) -> None:
        if not any(is_lazy(t) for t in [*self.parameters(), *self.buffers()]):
            return
        if not self._sequential():
            super()._build_for(x)
            return
        self._input, self._input_dtype = tuple(x.shape[1:]), self._as_input(x).dtype
        try:
            self._build_known(0)
        except Exception:
            self._input = self._input_dtype = None
            with rustorch.no_grad(), self._mode(False):
                self(x)  # fails too, and its message has the shape of the batch
            raise

    # ------------------------------------------------------------------------------------------ looking

    def count_params(self) -> int:
        """The number of weights, running statistics included.

        Raises
        ------
        RuntimeError
            The sizes are not known yet.
        """
        if not self.built:
            raise RusTorchError("count_params: the model's sizes are not known yet: call model.build(input_shape), or train it first")
        return sum(t.numel() for t in [*self.parameters(), *self.buffers()])

    def summary(
        self, line_length: Optional[int] = None, positions: Optional[Sequence[float]] = None,
        print_fn: Optional[Callable[[str], Any]] = None, expand_nested: bool = False, show_trainable: bool = False,
        layer_range: Any = None,
    ) -> Summary:  # fmt: skip
        """Print a table of the layers, as Keras does, and return it.

        Parameters
        ----------
        line_length : int, optional
            Columns of the table.
        positions : list of float, optional
            Where each column ends: shares of the line, ``[0.5, 0.8, 1.0]``, or letters, ``[40, 64, 80]``.
        print_fn : callable, optional
            What to print with; ``lambda text: None`` only returns it.
        expand_nested : bool, default False
            The layers of models that are layers, too.
        show_trainable : bool, default False
            Another column, that says whether a layer is trained.
        layer_range : (str, str), optional
            Only the layers from the first whose name matches the one to that whose name matches the other.

        Returns
        -------
        str

        Example
        -------
        >>> model = rustorch.Model("분류", ["Input((4,))", "Dense(8, activation=relu)", "Dense(3)"])
        >>> text = model.summary()
        Model: "분류"
        ┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
        ┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
        ┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
        │ dense (Dense)                   │ (None, 8)              │            40 │
        ├─────────────────────────────────┼────────────────────────┼───────────────┤
        │ dense_1 (Dense)                 │ (None, 3)              │            27 │
        └─────────────────────────────────┴────────────────────────┴───────────────┘
         Total params: 67 (268.00 B)
         Trainable params: 67 (268.00 B)
         Non-trainable params: 0 (0.00 B)
        """
        return summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    @property
    def trainable(self) -> bool:
        """Is any parameter trained? Setting it freezes or frees all layers."""
        return any(p.requires_grad for p in self.parameters())

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            if isinstance(layer, (layers.Layer, Model)):
                layer.trainable = value
            else:
                layer.requires_grad_(bool(value))

    def extra_repr(self) -> str:
        return f"name={self.name!r}"

    # ------------------------------------------------------------------------------------------ keeping

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the model into a file: its layers as text, its weights, and what it was compiled with.

        The same as :func:`rustorch.utils.save_model`; :meth:`load` and :func:`rustorch.utils.load_model` read it.
        """
        import os

        from rustorch.utils import save_model

        if not overwrite and os.path.exists(filepath):
            raise SerializationError(f"save: {filepath} exists already, and overwrite is False")
        save_model(self, filepath)

    @classmethod
    def load(cls, filepath: Any, custom_objects: Optional[Dict[str, Any]] = None, compile: bool = True) -> "Model":
        """The model that :meth:`save` wrote, ready to go on with ``fit``; see :func:`rustorch.utils.load_model`.

        Parameters
        ----------
        filepath : str or path
        custom_objects : dict, optional
            Losses, metrics and layers of your own, by name: the file holds no code.
        compile : bool, default True
            Whether it is compiled as it was.

        Example
        -------
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.rustorch")
        >>> def cubed(y_true, y_pred):
        ...     return (y_true - y_pred).abs().pow(3).mean(-1)
        >>> model = rustorch.Model(["Input(2)", "Dense(1)"])
        >>> model.compile("adam", cubed)
        >>> model.save(path)
        >>> rustorch.Model.load(path, custom_objects={"cubed": cubed}).loss.name
        'cubed'
        """
        from rustorch.utils import load_model

        return load_model(filepath, custom_objects=custom_objects, compile=compile)

    def save_weights(self, filepath: Any) -> None:
        """Write the weights alone: what ``rustorch.save(model.state_dict(), filepath)`` writes."""
        rustorch.save(self.state_dict(), filepath)

    def load_weights(self, filepath: Any) -> None:
        """Read what :meth:`save_weights` wrote; the layers must be the same."""
        self.load_state_dict(rustorch.load(filepath))

    def get_config(self) -> Dict[str, Any]:
        """The model as JSON can hold it, without weights: ``name``, ``layers``, ``input_shape``.

        A layer is its text, or the description of a module: see ``rustorch.serialization.describe_module``.
        """
        described = []
        for name, layer in self._named_layers():
            if isinstance(layer, layers.Layer):
                described.append({"name": name, "text": layer.text()})
            else:
                from rustorch.serialization import describe_module

                described.append({"name": name, "module": describe_module(layer)})
        return {"name": self.name, "layers": described, "input_shape": None if self._input is None else list(self._input)}

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> "Model":
        """The model that :meth:`get_config` described, with new weights.

        Example
        -------
        >>> model = rustorch.Model("small", ["Dense(3, activation=relu)"])
        >>> rustorch.Model.from_config(model.get_config()).layers
        [Dense(3, activation=relu)]
        """
        model = cls(config["name"])
        for each in [] if len(model) else config["layers"]:  # a subclass makes its layers itself
            if "text" in each:
                layer = layers.from_text(each["text"])
                layer.name = each["name"]
            else:
                from rustorch.serialization import build_module

                layer = build_module(each["module"])
            model.add(layer)
            model._names[str(len(model.layers) - 1)] = each["name"]
        if config.get("input_shape") is not None:
            model._input = tuple(config["input_shape"])
            if any(is_lazy(t) for t in [*model.parameters(), *model.buffers()]):
                model._build_known(0)
        return model

    def to_json(self, **options: Any) -> str:
        """:meth:`get_config` as JSON."""
        return json.dumps(self.get_config(), ensure_ascii=False, **options)

    def get_compile_config(self) -> Optional[Dict[str, Any]]:
        """What :meth:`compile` was given, as JSON can hold it; None where it was given objects."""
        return self._compile_config()


def _hooked(layer: Module) -> bool:
    """Does somebody watch the calls of a layer?"""
    tables = (layer._forward_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return any(tables) or any(hook is not _initialize for hook in layer._forward_pre_hooks.values())

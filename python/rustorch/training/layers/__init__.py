"""Layers of a :class:`rustorch.Model`: Keras's names, arguments and defaults, and the text they are written in.

Images are (batch, channels, height, width), as everywhere in rustorch; ``data_format="channels_last"`` or
:func:`set_image_data_format` takes Keras's (batch, height, width, channels). Sequences are (batch, steps, features) for all
layers of sequences, as in Keras. docs/text-layers.md has the grammar of the text and the table of layers.

Examples
--------
>>> from rustorch.training import layers
>>> layers.from_text("conv2d(8, 3, padding=same, activation=relu)")
Conv2D(8, 3, padding=same, activation=relu)
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Dict, Tuple

from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError
from rustorch.nn.modules.module import Module
from rustorch.training import _custom, parser
from rustorch.training._names import did_you_mean, listed, plain
from rustorch.training.layers import convolution, core, normalization, pooling, recurrent, regularization
from rustorch.training.layers._base import COMMON, Layer, arguments, unknown_argument
from rustorch.training.layers._format import image_data_format, set_image_data_format
from rustorch.training.layers.convolution import *  # noqa: F401,F403
from rustorch.training.layers.core import *  # noqa: F401,F403
from rustorch.training.layers.normalization import *  # noqa: F401,F403
from rustorch.training.layers.pooling import *  # noqa: F401,F403
from rustorch.training.layers.recurrent import *  # noqa: F401,F403
from rustorch.training.layers.regularization import *  # noqa: F401,F403

_KINDS: Dict[str, type] = {
    name: getattr(module, name)
    for module in (core, convolution, pooling, normalization, regularization, recurrent)
    for name in module.__all__
}
# Second names: Keras's own, and those of nn for layers that Keras calls otherwise.
_SECOND = {
    "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D", "AvgPool3D": "AveragePooling3D",
    "BatchNorm": "BatchNormalization", "BatchNorm1d": "BatchNormalization", "BatchNorm2d": "BatchNormalization",
    "BatchNorm3d": "BatchNormalization", "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose", "ConvTranspose1d": "Conv1DTranspose", "ConvTranspose2d": "Conv2DTranspose",
    "ConvTranspose3d": "Conv3DTranspose", "Dropout1d": "SpatialDropout1D", "Dropout2d": "SpatialDropout2D",
    "Dropout3d": "SpatialDropout3D", "GlobalAvgPool1D": "GlobalAveragePooling1D", "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D", "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D", "InputLayer": "Input", "LayerNorm": "LayerNormalization", "Linear": "Dense",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D", "MaxPool3D": "MaxPooling3D", "RNN": "SimpleRNN",
    "SeparableConvolution2D": "SeparableConv2D", "DepthwiseConvolution2D": "DepthwiseConv2D", "ZeroPad1d": "ZeroPadding1D",
    "ZeroPad2d": "ZeroPadding2D",
}  # fmt: skip
_BY_PLAIN = {**{plain(name): name for name in _KINDS}, **{plain(second): name for second, name in _SECOND.items()}}

for _second, _name in _SECOND.items():
    globals().setdefault(_second, _KINDS[_name])

__all__ = [
    *_KINDS, *(name for name in _SECOND if name[-1] != "d" and name not in ("Linear", "RNN", "LayerNorm", "BatchNorm", "InputLayer")),
    "BatchNorm", "InputLayer", "Layer", "LayerNorm", "from_text", "image_data_format", "names", "set_image_data_format",
]  # fmt: skip


_SEVERAL = "takes several inputs: write a forward of your own, with rustorch.cat, + or rustorch.nn.MultiheadAttention"
_PREPARING = "prepares data: rustorch.vision.transforms, or the data set, does that before training"
_STEPS = "is not there: write a module with rustorch.nn.LSTMCell or a loop over the steps"
_ELSEWHERE = {  # Keras's layers that are not here
    **dict.fromkeys(("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"), _SEVERAL),
    **dict.fromkeys(("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"), _SEVERAL),
    **dict.fromkeys(("CategoryEncoding", "CenterCrop", "Discretization", "Hashing", "IntegerLookup", "Normalization"), _PREPARING),
    **dict.fromkeys(("RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation"), _PREPARING),
    **dict.fromkeys(("RandomTranslation", "RandomZoom", "Resizing", "StringLookup", "TextVectorization"), _PREPARING),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"), _STEPS),
}


@functools.lru_cache(None)
def _of_nn() -> Dict[str, Tuple[str, type]]:
    """Modules of rustorch.nn that have no namesake here: ``GroupNorm(4, 32)`` is written with their own arguments."""
    from rustorch import nn

    found = {}
    for name in dir(nn):
        kind = getattr(nn, name)
        if isinstance(kind, type) and issubclass(kind, Module) and kind is not Module and not name.startswith("_"):
            found.setdefault(plain(name), (name, kind))
    return found


def _find(call: parser.Call) -> type:
    key = plain(call.name)
    own = _custom.find(call.name)
    if inspect.isclass(own) and issubclass(own, Module):
        return own
    if key in _BY_PLAIN:
        return _KINDS[_BY_PLAIN[key]]
    if key in _of_nn():
        return _of_nn()[key][1]
    names = [*_KINDS, *_SECOND, *(name for name, _ in _of_nn().values())]
    for name, why in _ELSEWHERE.items():
        if plain(name) == key:
            parser.complain(f"{name} {why}", call.source, call.position)
    return parser.complain(
        f"there is no layer '{call.name}'{did_you_mean(call.name, names)}", call.source, call.position,
        after=f"Layers:\n{listed(_KINDS)}\nand the modules of rustorch.nn, with their own arguments",
    )  # fmt: skip


def _make(call: parser.Call) -> Module:
    kind = _find(call)
    own = issubclass(kind, Layer)
    known = arguments(kind) if own else list(inspect.signature(kind.__init__).parameters)[1:]  # type: ignore[misc]
    also = {plain(name): name for name in known}
    also.update({plain(second): name for second, name in getattr(kind, "_also", {}).items() if plain(second) not in also})
    if own:
        also.setdefault("inputdim", "input_shape")  # Keras's old word
    kwargs: Dict[str, Any] = {}
    for given, value in call.kwargs.items():
        name = also.get(plain(given))
        if name is None:
            if not own:
                hint = f"{kind.__name__} has no argument '{given}'{did_you_mean(given, known)}\nIts arguments: {', '.join(known)}"
            else:
                hint = unknown_argument(kind, given)
            first, _, rest = hint.partition("\n")
            parser.complain(first, call.source, call.where(given), ArgumentTypeError, rest)
        kwargs[name] = _make(value) if name == "layer" and isinstance(value, parser.Call) else value
    positional = [name for name in known if name not in COMMON] if own else known
    for i in range(len(positional), len(call.args)):
        takes = f"at most {len(positional)} arguments" if positional else "no arguments"
        parser.complain(f"{kind.__name__} takes {takes}", call.source, call.where(i), ArgumentTypeError)
    for i, name in enumerate(positional[: len(call.args)]):
        if name in kwargs:
            parser.complain(f"{kind.__name__}: '{name}' is given twice", call.source, call.where(i), ArgumentTypeError)
    given_names = {**{name: i for i, name in enumerate(positional[: len(call.args)])}, **{also[plain(key)]: key for key in call.kwargs}}
    inner = [isinstance(value, parser.Call) and name == "layer" for name, value in zip(positional, call.args)]
    args = [_make(value) if is_layer else value for is_layer, value in zip(inner, call.args)]
    try:
        return kind(*args, **kwargs)
    except (RusTorchError, TypeError, ValueError) as error:
        argument = getattr(error, "argument", None)
        missing = next((name for name in positional if f"'{name}'" in str(error)), None) if isinstance(error, TypeError) else None
        if argument is None and missing and missing not in given_names and "missing" in str(error):
            parser.complain(f"{kind.__name__} needs '{missing}'", call.source, call.position + len(call.name), ArgumentTypeError,
                            f"Its arguments: {', '.join(known)}")  # fmt: skip
        place = call.where(given_names.get(argument, None) if argument else None)
        same = type(error) if isinstance(error, RusTorchError) else ArgumentValueError
        first, _, rest = str(error).partition("\n")
        parser.complain(first, call.source, place, same, rest)


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        found = _of_nn().get(plain(name))
        if name in _ELSEWHERE:
            raise AttributeError(f"rustorch.training.layers: Keras's {name} {_ELSEWHERE[name]}")
        if found is not None:
            raise AttributeError(f"rustorch.training.layers has no {name}, but a Model takes rustorch.nn.{found[0]} as a layer too")
    raise AttributeError(f"module 'rustorch.training.layers' has no attribute '{name}'{did_you_mean(name, names())}")


def from_text(text: str) -> Module:
    """The layer that a text says, such as ``Dense(64, activation=relu)``.

    Parameters
    ----------
    text : str
        ``Name(value, key=value)``: names without regard to case and underscores, values bare or in quotes. Modules of
        :mod:`rustorch.nn` that are not among the layers here are found by their names too.

    Returns
    -------
    Module

    Raises
    ------
    ValueError, TypeError
        The text has a mistake: its place is marked, and the nearest right name is said.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.from_text("Dens(64)")
    Traceback (most recent call last):
    rustorch.ArgumentValueError: there is no layer 'Dens'; did you mean 'Dense'?
        Dens(64)
        ^
    Layers:
    ...
    """
    return _make(parser.parse(text))


def names() -> Dict[str, Any]:
    """All names of layers with their classes, second names included.

    >>> from rustorch.training import layers
    >>> layers.names()["MaxPool2D"].__name__
    'MaxPooling2D'
    """
    return {**_KINDS, **{second: _KINDS[name] for second, name in _SECOND.items()}}



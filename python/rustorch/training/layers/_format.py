"""Where the channels of images and sequences stand."""

from __future__ import annotations

from typing import Any

from rustorch import Tensor
from rustorch._C import ArgumentValueError

__all__ = ["image_data_format", "set_image_data_format"]

_FORMATS = ("channels_first", "channels_last")
_default = {"images": "channels_first"}


def image_data_format() -> str:
    """What layers of images take without a ``data_format``: ``"channels_first"`` unless it was changed.

    >>> from rustorch.training import layers
    >>> layers.image_data_format()
    'channels_first'
    """
    return _default["images"]


def set_image_data_format(data_format: str) -> None:
    """What layers of images that are made from now on take without a ``data_format``.

    Parameters
    ----------
    data_format : {"channels_first", "channels_last"}
        (batch, channels, height, width), as everywhere in rustorch, or (batch, height, width, channels), as in Keras.
    """
    if data_format not in _FORMATS:
        raise ArgumentValueError(f"set_image_data_format: {data_format!r} is neither 'channels_first' nor 'channels_last'")
    _default["images"] = data_format


def format_of(layer: Any, n: int, data_format: Any) -> str:
    """The format of a layer with n spatial dimensions: sequences are (batch, steps, channels) unless told otherwise."""
    if data_format is None:
        return "channels_last" if n == 1 else _default["images"]
    return layer._choice("data_format", data_format, _FORMATS)


def to_first(x: Tensor, data_format: str) -> Tensor:
    """The channels moved behind the batch."""
    return x if data_format == "channels_first" else x.movedim(-1, 1)


def from_first(x: Tensor, data_format: str) -> Tensor:
    """The channels moved back to where the format has them."""
    return x if data_format == "channels_first" else x.movedim(1, -1)


def shape_words(n: int, data_format: str) -> str:
    """How messages describe an input."""
    spatial = ("steps",) if n == 1 else ("height", "width") if n == 2 else ("depth", "height", "width")
    parts = ("channels", *spatial) if data_format == "channels_first" else (*spatial, "channels")
    return f"(batch, {', '.join(parts)})"

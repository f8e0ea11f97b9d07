"""Where the channels of images and sequences stand."""

from __future__ import annotations

from typing import Any

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.training.layers._base import Layer

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

    >>> from rustorch.training import layers
    >>> layers.set_image_data_format("channels_last")
    >>> layers.Conv2D(8, 3)(rustorch.ones(1, 28, 28, 3)).shape
    rustorch.Size([1, 26, 26, 8])
    >>> layers.set_image_data_format("channels_first")
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


class Formatted(Layer):
    """A layer of sequences, images or volumes, with their channels where ``data_format`` says."""

    _n = 0  # spatial dimensions

    def _set_format(self, data_format: Any) -> None:
        self.data_format = format_of(self, self._n, data_format)
        self._ndim = self._n + 2

    def _shape_words(self) -> str:
        spatial = ("steps",) if self._n == 1 else ("depth", "height", "width")[-self._n :]
        parts = ("channels", *spatial) if self.data_format == "channels_first" else (*spatial, "channels")
        return f"(batch, {', '.join(parts)})"

    def compute(self, x: Tensor) -> Tensor:
        return from_first(self._first(to_first(x, self.data_format)), self.data_format)

    def _first(self, x: Tensor) -> Tensor:
        """What the layer computes from a channels-first input."""
        raise NotImplementedError

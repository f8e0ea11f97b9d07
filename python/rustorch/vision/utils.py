"""Grids of pictures, and pictures as files: torchvision.utils.

Examples
--------
>>> import rustorch as torch
>>> from rustorch.vision.utils import make_grid
>>> make_grid(torch.zeros(10, 1, 28, 28), nrow=5).shape
rustorch.Size([3, 62, 152])
"""

from __future__ import annotations

import os
from typing import Any, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import ArgumentTypeError, ArgumentValueError, Tensor, no_grad

__all__ = ["draw_bounding_boxes", "make_grid", "save_image"]

Colour = Union[str, Tuple[int, int, int]]


def _stretch(image: Tensor, value_range: Optional[Tuple[float, float]]) -> None:
    low, high = (float(image.min()), float(image.max())) if value_range is None else value_range
    image.clamp_(low, high).sub_(low).div_(max(high - low, 1e-5))


@no_grad()
def make_grid(
    tensor: Union[Tensor, Sequence[Tensor]],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: Optional[Tuple[float, float]] = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """One picture of many, side by side.

    Parameters
    ----------
    tensor : Tensor (N, C, H, W), or one image, or a list of images of one size
        Grey images become RGB.
    nrow : int, default 8
        Images in a row.
    padding : int, default 2
        Pixels between images and around them.
    normalize : bool, default False
        Stretch the values to 0…1.
    value_range : (min, max), optional
        What becomes 0 and 1; by default the smallest and the largest value.
    scale_each : bool, default False
        Stretch each image by itself, instead of all together.
    pad_value : float, default 0
        The value of the padding.

    Returns
    -------
    Tensor (C, rows × (H + padding) + padding, nrow × (W + padding) + padding)
        A lone image is returned as it is, without a border.

    Raises
    ------
    ArgumentTypeError
        ``tensor`` is neither a tensor nor a list of tensors, or ``value_range`` is no pair.

    Examples
    --------
    >>> import rustorch as torch
    >>> make_grid([torch.full((3, 1, 1), v) for v in (1.0, 2.0)], padding=1)[0]
    tensor([[0., 0., 0., 0., 0.],
            [0., 1., 0., 2., 0.],
            [0., 0., 0., 0., 0.]])
    """
    if isinstance(tensor, (list, tuple)) and tensor and all(isinstance(each, Tensor) for each in tensor):
        tensor = rustorch.stack(list(tensor))
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"make_grid: a tensor or a list of tensors is expected, not {type(tensor).__name__}")
    if value_range is not None and not (isinstance(value_range, tuple) and len(value_range) == 2):
        raise ArgumentTypeError(f"make_grid: value_range must be a pair (min, max), not {value_range!r}")
    if not 2 <= tensor.dim() <= 4:
        raise rustorch.ShapeError(f"make_grid: (N, C, H, W), (C, H, W) or (H, W) is expected, not {tuple(tensor.shape)}")
    if nrow < 1 or padding < 0:
        raise ArgumentValueError(f"make_grid: nrow must be at least 1 and padding at least 0, not {nrow} and {padding}")
    images = tensor.reshape((1,) * (4 - tensor.dim()) + tuple(tensor.shape))
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    if normalize:
        images = images.clone()
        for part in images if scale_each else [images]:
            _stretch(part, value_range)
    count, channels, height, width = images.shape
    if count == 1:
        return images[0]
    columns = min(nrow, count)
    rows = -(-count // columns)
    high, wide = height + padding, width + padding
    grid = images.new_full((channels, rows * high + padding, columns * wide + padding), pad_value)
    for i in range(count):
        y, x = i // columns * high + padding, i % columns * wide + padding
        grid[:, y : y + height, x : x + width] = images[i]
    return grid


@no_grad()
def save_image(tensor: Union[Tensor, Sequence[Tensor]], fp: Any, format: Optional[str] = None, **kwargs: Any) -> None:
    """Write images with values from 0 to 1 into a PNG or JPEG file, as one grid.

    Parameters
    ----------
    tensor : Tensor or list of Tensor
        As for :func:`make_grid`.
    fp : path or binary file
    format : {"png", "jpeg"}, optional
        By default what the ending of the path says.
    **kwargs
        Those of :func:`make_grid`.

    Raises
    ------
    ArgumentValueError
        The format is neither PNG nor JPEG, or is not known for a file object.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.utils import save_image
    >>> save_image(torch.rand(6, 3, 8, 8), "grid.png", nrow=3)  # two rows of three, with two pixels between them
    >>> torch.io.read_image("grid.png").shape
    rustorch.Size([3, 22, 32])
    """
    from rustorch import io

    path = os.fspath(fp) if isinstance(fp, (str, os.PathLike)) else None
    kind = (format or (os.path.splitext(path)[1][1:] if path is not None else "")).lower()
    encode = {"png": io.encode_png, "jpg": io.encode_jpeg, "jpeg": io.encode_jpeg}.get(kind)
    if encode is None:
        raise ArgumentValueError(f"save_image: PNG and JPEG can be written, not {kind or 'a file without an ending'!r}: give format='png'")
    data = encode(_bytes_of(make_grid(tensor, **kwargs)))
    if path is not None:
        io.write_file(path, data)
    else:
        fp.write(data.numpy().tobytes())


def _bytes_of(grid: Tensor) -> Tensor:
    """Values from 0 to 1 as bytes, as torchvision rounds them."""
    return grid.mul(255).add(0.5).clamp(0, 255).to(rustorch.uint8)


_COLOURS = {
    "black": (0, 0, 0), "blue": (0, 0, 255), "cyan": (0, 255, 255), "gray": (128, 128, 128), "green": (0, 128, 0),
    "magenta": (255, 0, 255), "orange": (255, 165, 0), "purple": (128, 0, 128), "red": (255, 0, 0), "white": (255, 255, 255),
    "yellow": (255, 255, 0),
}  # fmt: skip
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")  # Okabe and Ito 2008: told apart by all

_SHADE = 100  # of 255: how much of the colour the inside of a box takes on, as in torchvision


def _colour(colour: Colour) -> Tuple[int, ...]:
    if isinstance(colour, str):
        if colour.lower() in _COLOURS:
            return _COLOURS[colour.lower()]
        try:
            if colour.startswith("#") and len(colour) == 7:
                return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        except ValueError:
            pass
        raise ArgumentValueError(f"draw_bounding_boxes: there is no colour {colour!r}: '#rrggbb', (r, g, b) or one of {', '.join(_COLOURS)}")
    return tuple(int(part) for part in colour)


@no_grad()
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Optional[List[str]] = None,
    colors: Union[None, Colour, List[Colour]] = None,
    fill: bool = False,
    width: int = 1,
) -> Tensor:
    """Draw rectangles into a copy of an image.

    Parameters
    ----------
    image : uint8 Tensor (C, H, W)
        With one or three channels; the result has three.
    boxes : Tensor (N, 4)
        xmin, ymin, xmax, ymax in pixels, both corners included.
    labels : None
        Text is not drawn.
    colors : colour or list of colours, optional
        Names, ``"#rrggbb"`` or (r, g, b); by default seven that everybody can tell apart, in turn.
    fill : bool, default False
        Shade the rectangles.
    width : int, default 1
        Of the lines, in pixels.

    Returns
    -------
    uint8 Tensor (3, H, W)

    Raises
    ------
    UnsupportedError
        Labels are given.
    ShapeError, ArgumentTypeError, ArgumentValueError
        The image or the boxes are none.

    Examples
    --------
    >>> import rustorch as torch
    >>> image = torch.zeros(3, 4, 5, dtype=torch.uint8)
    >>> draw_bounding_boxes(image, torch.tensor([[1, 1, 3, 3]]), colors="white")[0]
    tensor([[  0,   0,   0,   0,   0],
            [  0, 255, 255, 255,   0],
            [  0, 255,   0, 255,   0],
            [  0, 255, 255, 255,   0]], dtype=rustorch.uint8)
    """
    if labels is not None:
        raise rustorch.UnsupportedError("draw_bounding_boxes: labels are not drawn; leave them out")
    if not isinstance(image, Tensor) or image.dtype != rustorch.uint8:
        raise ArgumentTypeError("draw_bounding_boxes: a uint8 image is expected")
    if image.dim() != 3 or image.shape[0] not in (1, 3) or boxes.dim() != 2 or boxes.shape[1] != 4:
        raise rustorch.ShapeError(
            f"draw_bounding_boxes: an image (1 or 3, H, W) and boxes (N, 4) are expected, not {tuple(image.shape)} and {tuple(boxes.shape)}"
        )
    out = image.expand(3, -1, -1).clone()
    height, wide = image.shape[1:]
    many = list(colors) if isinstance(colors, list) else [colors] if colors is not None else list(_PALETTE)
    for i, (x0, y0, x1, y1) in enumerate(boxes.to(rustorch.int64).tolist()):
        if x0 > x1 or y0 > y1:
            raise ArgumentValueError(f"draw_bounding_boxes: box {i} ends before it begins: {(x0, y0, x1, y1)}")
        colour = rustorch.tensor(_colour(many[i % len(many)]), dtype=rustorch.uint8).reshape(3, 1, 1)
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1 + 1, wide), min(y1 + 1, height)
        if fill:
            part = out[:, y0:y1, x0:x1]
            mixed = (part.to(rustorch.float32) * (255 - _SHADE) + colour.to(rustorch.float32) * _SHADE) / 255
            out[:, y0:y1, x0:x1] = mixed.add(0.5).to(rustorch.uint8)
        for region in (
            (slice(y0, min(y0 + width, y1)), slice(x0, x1)), (slice(max(y1 - width, y0), y1), slice(x0, x1)),
            (slice(y0, y1), slice(x0, min(x0 + width, x1))), (slice(y0, y1), slice(max(x1 - width, x0), x1)),
        ):  # fmt: skip
            out[(slice(None), *region)] = colour
    return out

"""Tensors as pixels."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Union

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import ColorMap, create_colormap, pack, scaled
from rustorch.visualization._data import array
from rustorch.visualization._drawing import Drawing, Size
from rustorch.visualization._figure import Description, Path, axis, grid_columns, mark, panel, text

_CHANNELS = (1, 3, 4)


class Picture(NamedTuple):
    """Pixels (rows, columns) as 0xRRGGBBAA; for grey ones the limits of their values, for the colour bar."""

    pixels: np.ndarray
    low: Optional[float]
    high: Optional[float]
    not_finite: int


def channels_last(values: np.ndarray, channels: Optional[str], what: str) -> np.ndarray:
    """(H, W) or (H, W, C) of (H, W), (C, H, W) or (H, W, C)."""
    if channels not in (None, "first", "last"):
        raise _C.ArgumentValueError(f'{what}: channels must be "first", "last" or None, not {channels!r}')
    if values.ndim < 2:
        raise _C.ArgumentValueError(f"{what}: at least two dimensions are needed, not the shape {tuple(values.shape)}")
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim > 3:
        raise _C.ArgumentValueError(
            f"{what}: the shape {tuple(values.shape)} is that of several images: choose one, or use plot_multiple_tensors"
        )
    if values.ndim == 2:
        return values
    if channels is None:
        channels = "first" if values.shape[0] in _CHANNELS else "last"
    count = values.shape[0 if channels == "first" else 2]
    if count not in _CHANNELS:
        raise _C.ArgumentValueError(
            f"{what}: the shape {tuple(values.shape)} has no dimension of 1, 3 or 4 channels first or last; "
            "for feature maps use plot_multiple_tensors, which draws each of them"
        )
    values = np.moveaxis(values, 0, 2) if channels == "first" else values
    return values[:, :, 0] if count == 1 else values


def _bytes(values: np.ndarray) -> np.ndarray:
    """Channels as bytes: uint8 as it is; floats from 0 to 1, or to 255 if beyond; with negative values, as others beyond, stretched."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    wide = values.astype(np.float64)
    if values.dtype.kind in "iu" and low >= 0:
        wide = wide if high <= 255 else wide * (255 / max(65535.0, high))
    elif low >= 0 and high <= 1 + 1e-6:
        wide = wide * 255
    elif not (low >= 0 and high <= 255):
        wide = (wide - low) / (high - low) * 255
    return np.floor(np.clip(np.nan_to_num(wide), 0, 255) + 0.5).astype(np.uint8)


def picture(tensor: Any, colormap: ColorMap, channels: Optional[str], low: Optional[float], high: Optional[float], what: str) -> Picture:
    """The pixels of a tensor: grey values through the colour map, RGB and RGBA as they are."""
    values = channels_last(array(tensor, what), channels, what)
    if values.size == 0:
        raise _C.ArgumentValueError(f"{what}: the shape {tuple(values.shape)} holds no pixel")
    if max(values.shape[:2]) > 32767:
        raise _C.ArgumentValueError(
            f"{what}: at most 32767 pixels a side can be drawn, not {tuple(values.shape[:2])}: choose a part or every n-th"
        )
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if values.ndim == 2:
        part, least, most = scaled(values.astype(np.float64), low, high)
        return Picture(pack(colormap(part)), least, most, bad)
    colors = _bytes(values)
    if colors.shape[2] == 3:
        colors = np.concatenate([colors, np.full(colors.shape[:2] + (1,), 255, np.uint8)], 2)
    return Picture(pack(colors), None, None, bad)


def split(tensors: Any, channels: Optional[str], what: str) -> List[np.ndarray]:
    """The images of a batch (N, C, H, W), (N, H, W, C) or (N, H, W), or of a list of tensors."""
    if isinstance(tensors, (list, tuple)):
        return [array(tensor, what) for tensor in tensors]
    values = array(tensors, what)
    if values.ndim == 2:
        return [values]
    if values.ndim == 3:
        return list(values)
    if values.ndim != 4:
        raise _C.ArgumentValueError(
            f"{what}: images (N, H, W), (N, C, H, W) or (N, H, W, C) are needed, not the shape {tuple(values.shape)}"
        )
    first, last = values.shape[1] in _CHANNELS and channels != "last", values.shape[3] in _CHANNELS and channels != "first"
    if not first and not last:  # feature maps: each channel is a picture
        return (
            list(values.reshape(-1, *values.shape[2:]))
            if channels != "last"
            else list(np.moveaxis(values, 3, 1).reshape(-1, *values.shape[1:3]))
        )
    return list(values)


class ImagePlots(Drawing):
    """The methods of Plotter that draw tensors as images."""

    def _image_panel(
        self, tensor: Any, colormap: ColorMap, channels: Any, low: Any, high: Any, color_bar: bool, what: str
    ) -> Description:
        found = picture(tensor, colormap, channels, low, high, what)
        rows, columns = found.pixels.shape
        image = mark("image", x=[0], x2=[columns], y=[0], y2=[rows], pixels=found.pixels)
        more: Description = {"square": True, "boxed": True}
        if color_bar and found.low is not None:
            more["bar"] = {"low": found.low, "high": found.high, "colours": colormap.packed}
        note = f"{found.not_finite} of {found.pixels.size} values are not finite" if found.not_finite else ""
        return panel(axis("none", "", 0, columns), axis("none", "", 0, rows, reversed=True), [image], note=note, **more)

    def plot_tensor_as_image(
        self,
        tensor: Any,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        colormap: Union[str, ColorMap] = "viridis",
        *,
        channels: Optional[str] = None,
        low: Optional[float] = None,
        high: Optional[float] = None,
        color_bar: bool = True,
        figure_size: Optional[Size] = None,
    ) -> Any:
        """A tensor as a picture, one cell a pixel.

        Parameters
        ----------
        tensor : Tensor or array (H, W), (C, H, W) or (H, W, C), of any dtype
            C is 1 (grey), 3 (RGB) or 4 (RGBA). Grey values are drawn in the colours of ``colormap``, from the smallest to the
            largest. Colours are uint8 as they are, floats from 0 to 1 or from 0 to 255; others are stretched to this range.
        title : str, default "Tensor Visualization"
        save_path : optional
        colormap : str or ColorMap, default "viridis"
        channels : {"first", "last"}, optional
            Where C is; by default first if that dimension is 1, 3 or 4.
        low, high : float, optional
            Values of the first and the last colour.
        color_bar : bool, default True
            For grey values.
        figure_size : (width, height) in inches, optional
            By default as large as the picture needs within the plotter's.

        Raises
        ------
        ArgumentValueError
            Fewer than two dimensions, or no dimension of channels.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter(figure_size=(4, 4)).plot_tensor_as_image(rustorch.rand(3, 8, 8), title="noise").title
        'noise'
        """
        drawn = self._image_panel(tensor, create_colormap(colormap), channels, low, high, color_bar, "plot_tensor_as_image")
        if figure_size is None:
            columns, rows = drawn["x"]["high"], drawn["y"]["high"]
            beside, above = 0.35 + (0.75 if "bar" in drawn else 0.0), 0.62
            width, height = self.figure_size
            unit = min((width - beside) / columns, (height - above) / rows)
            figure_size = max(min(width, 2.5), unit * columns + beside), max(min(height, 1.2), unit * rows + above)
        return self._finish([drawn], "Tensor Visualization" if title is None else title, save_path, figure_size)

    def plot_multiple_tensors(
        self,
        tensors: Any,
        titles: Any = None,
        save_path: Optional[Path] = None,
        *,
        title: Optional[str] = None,
        columns: Optional[int] = None,
        colormap: Union[str, ColorMap] = "viridis",
        channels: Optional[str] = None,
        low: Optional[float] = None,
        high: Optional[float] = None,
        color_bar: bool = False,
        figure_size: Optional[Size] = None,
    ) -> Any:
        """Images side by side in a grid.

        Parameters
        ----------
        tensors : list of tensors, or one (N, H, W), (N, C, H, W) or (N, H, W, C)
            Each an image as in :meth:`plot_tensor_as_image`. Of a batch with other numbers of channels (feature maps) each
            channel is a picture.
        titles : sequence of str, optional
            One a picture.
        save_path : optional
        title : str, optional
            Of all.
        columns : int, optional
            Pictures in a row.
        colormap, channels, low, high, color_bar
            As in :meth:`plot_tensor_as_image`; without limits each grey picture has its own.
        figure_size : (width, height) in inches, optional
            By default as high as the pictures need.

        Raises
        ------
        ArgumentValueError
            There is no picture, there are more than 1024, or titles are not as many as pictures.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().plot_multiple_tensors(rustorch.rand(2, 3, 8, 8), titles=["one", "two"])  # doctest: +ELLIPSIS
        Figure(10 x ... in, 100 dpi, 'one')
        """
        images = split(tensors, channels, "plot_multiple_tensors")
        if not 1 <= len(images) <= 1024:
            raise _C.ArgumentValueError(f"plot_multiple_tensors: from 1 to 1024 pictures can be drawn, not {len(images)}")
        words = None if titles is None else [text(part) for part in titles]
        if words is not None and len(words) != len(images):
            raise _C.ArgumentValueError(f"plot_multiple_tensors: {len(words)} titles are given for {len(images)} pictures")
        used = create_colormap(colormap)
        panels = [self._image_panel(image, used, channels, low, high, color_bar, "plot_multiple_tensors") for image in images]
        for drawn, word in zip(panels, words or []):
            drawn["title"] = word
        if columns is not None and columns < 1:
            raise _C.ArgumentValueError(f"plot_multiple_tensors: columns must be at least 1, not {columns}")
        across = min(len(panels), columns if columns is not None else grid_columns(len(panels), 2.0))
        if figure_size is None:
            ratio = max(drawn["y"]["high"] / drawn["x"]["high"] for drawn in panels)
            below = -(-len(panels) // across)
            # in points, as the plug-in lays them out: 8 around all, 9 between, 1 beside a picture, 7 above and below
            side = (self.figure_size[0] * 72 - 16 - 9 * (across - 1)) / across - (45 if color_bar else 2)
            high = 16 + below * (min(side, 330) * ratio + 7 + (20 if words else 0)) + 9 * (below - 1) + (26 if title else 0)
            figure_size = self.figure_size[0], min(max(high / 72, 1.0), 60.0)
        return self._finish(panels, title, save_path, figure_size, across)

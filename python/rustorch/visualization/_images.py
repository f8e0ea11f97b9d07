"""Tensors as pixels."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import ColorMap, pack, scaled
from rustorch.visualization._data import array

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
        raise _C.ArgumentValueError(f"{what}: at most 32767 pixels a side can be drawn, not {tuple(values.shape[:2])}: choose a part or every n-th")
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
        raise _C.ArgumentValueError(f"{what}: images (N, H, W), (N, C, H, W) or (N, H, W, C) are needed, not the shape {tuple(values.shape)}")
    first, last = values.shape[1] in _CHANNELS and channels != "last", values.shape[3] in _CHANNELS and channels != "first"
    if not first and not last:  # feature maps: each channel is a picture
        return list(values.reshape(-1, *values.shape[2:])) if channels != "last" else list(np.moveaxis(values, 3, 1).reshape(-1, *values.shape[1:3]))
    return list(values)

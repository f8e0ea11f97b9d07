"""Curves side by side, in one call."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import rgba, style_of
from rustorch.visualization._data import not_finite, same_length, vector
from rustorch.visualization._drawing import MARKERS
from rustorch.visualization._figure import Description, Figure, Path, axis, mark, panel, style_part, text

_Curve = Union[Sequence[float], Tuple[Sequence[float], Sequence[float]]]


def _points(curve: Any, name: str) -> Tuple[np.ndarray, np.ndarray]:
    """(x, y) of a curve given as y alone (x counts from 1) or as a pair."""
    if isinstance(curve, tuple) and len(curve) == 2 and not isinstance(curve[0], (int, float)):
        x, y = vector(curve[0], f"plot_curves: x of {name}"), vector(curve[1], f"plot_curves: y of {name}")
        same_length(f"plot_curves: {name}", x=x, y=y)
        return x, y
    y = vector(curve, f"plot_curves: {name}")
    return np.arange(1.0, len(y) + 1), y


def plot_curves(
    panels: Mapping[str, Mapping[str, _Curve]],
    save_path: Path,
    *,
    title: str = "",
    x_label: str = "epoch",
    log_y: Sequence[str] = (),
    size: Optional[Tuple[float, float]] = None,
    scale: float = 2.0,
) -> Figure:
    """Draw curves, one panel for each entry of ``panels``, side by side.

    Parameters
    ----------
    panels : mapping of panel titles to mappings of names to curves
        A curve is a sequence of y values (x counts from 1) or a pair of sequences (x, y). NaN leaves a gap.
    save_path : path that ends in ``.png``, ``.svg`` or ``.pdf``
        The file appears whole or not at all.
    title : str, default ""
    x_label : str, default "epoch"
    log_y : names of panels with a logarithmic y axis
    size : pair of floats, optional
        Width and height in points (1/72 inch); by default 460 × 340 a panel.
    scale : float, default 2
        Pixels a point, for PNG.

    Raises
    ------
    PluginError
        Cairo and Pango are not there; the message names the packages.
    ValueError
        The ending of the path is none of the three, or there is nothing to draw.

    Example
    -------
    >>> from rustorch.visualization import plot_curves
    >>> plot_curves({"loss": {"train": [1.0, 0.5, 0.3], "test": [1.1, 0.7, 0.6]}}, "curves.png")
    Figure(6.38889 x 4.72222 in, 144 dpi, 'loss')
    """
    style = style_of(None)
    drawn: List[Description] = []
    for name, curves in panels.items():
        marks, ys = [], []
        for i, (label, curve) in enumerate(curves.items()):
            x, y = _points(curve, str(label))
            color = rgba(style["palette"][i % len(style["palette"])])
            marks.append(mark("line", label, x=x, y=y, colour=color, width=style["line_width"], marker=MARKERS[i % 5]))
            ys.append(y)
        log = name in log_y
        across = axis("linear", x_label, whole=all(np.array_equal(part["x"], np.rint(part["x"])) for part in marks))
        drawn.append(
            panel(across, axis("log" if log else "linear"), marks, name, not_finite(ys, ys if log else []), grid_y=style["grid"])
        )
    if not drawn:
        raise _C.ArgumentValueError("plot_curves: there is nothing to draw")
    width, height = size if size is not None else (460.0 * len(drawn), 340.0)
    description = {
        "title": text(title), "width": float(width), "height": float(height), "columns": len(drawn),
        "style": style_part(style), "panels": drawn,
    }  # fmt: skip
    figure = Figure(description, dpi=72 * scale)
    figure.save(save_path)
    return figure

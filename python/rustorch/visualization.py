"""Pictures of training: line charts drawn by Cairo and Pango into PNG, SVG or PDF."""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

from rustorch import _C

__all__ = ["plot_curves"]

_Curve = Union[Sequence[float], Tuple[Sequence[float], Sequence[float]]]


def _numbers(values: Any) -> List[float]:
    return [float(value) for value in values]


def _points(curve: _Curve) -> Tuple[List[float], List[float]]:
    """(x, y) of a curve given as y alone (x counts from 1) or as a pair."""
    if isinstance(curve, tuple) and len(curve) == 2 and not isinstance(curve[0], (int, float)):
        return _numbers(curve[0]), _numbers(curve[1])
    y = _numbers(curve)
    return [float(i + 1) for i in range(len(y))], y


def plot_curves(
    panels: Mapping[str, Mapping[str, _Curve]],
    save_path: Union[str, "os.PathLike[str]"],
    *,
    title: str = "",
    x_label: str = "epoch",
    log_y: Sequence[str] = (),
    size: Optional[Tuple[float, float]] = None,
    scale: float = 2.0,
) -> None:
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
    >>> plot_curves({"loss": {"train": [1.0, 0.5, 0.3], "test": [1.1, 0.7, 0.6]}}, "/tmp/rustorch-doc.png")
    """
    drawn: List[Tuple[str, str, str, bool, List[Any]]] = []
    for name, curves in panels.items():
        series = [(str(label), *_points(curve)) for label, curve in curves.items()]
        drawn.append((name, x_label, "", name in log_y, series))
    width, height = size if size is not None else (460.0 * max(1, len(drawn)), 340.0)
    _C._plot_lines(os.fspath(save_path), title, drawn, float(width), float(height), float(scale))

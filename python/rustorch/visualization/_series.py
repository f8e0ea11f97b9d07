"""Lines and points."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import ColorMap, create_colormap, pack, scaled
from rustorch.visualization._data import names_of, not_finite, same_length, several, vector
from rustorch.visualization._drawing import MARKERS, Drawing, Limits, Size, choice
from rustorch.visualization._figure import Description, Path, axis, mark, panel, text

_MARKER_NAMES = {"o": "circle", ".": "circle", "s": "square", "^": "triangle", "D": "diamond", "d": "diamond", "x": "cross", "": "none"}
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_DASH_NAMES = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dashdot"}


class SeriesPlots(Drawing):
    """The methods of Plotter that draw series of points."""

    def _xy(
        self, function: str, x_data: Any, y_data: Any, labels: Any
    ) -> Tuple[List[Tuple[str, np.ndarray, np.ndarray]], Optional[List[str]]]:
        """Series (name, x, y), and the names along x if x are texts."""
        if y_data is None:
            x_data, y_data = None, x_data
        parts = several(y_data, labels, f"{function}: y_data")
        ys = [vector(y, f"{function}: y_data") for _, y in parts]
        names = names_of(x_data)
        if x_data is None:
            xs = [np.arange(len(y), dtype=float) for y in ys]
        elif names is not None:
            xs = [np.arange(len(names), dtype=float)] * len(ys)
        else:
            many = several(x_data, None, f"{function}: x_data")
            if len(many) not in (1, len(ys)):
                raise _C.ArgumentValueError(
                    f"{function}: x_data has {len(many)} series and y_data {len(ys)}: one x for all, or one for each, is needed"
                )
            found = [vector(x, f"{function}: x_data") for _, x in many]
            xs = found if len(found) == len(ys) else found * len(ys)
        for x, y in zip(xs, ys):
            same_length(function, x_data=x, y_data=y)
        return [(name, x, y) for (name, _), x, y in zip(parts, xs, ys)], names

    def line_plot(
        self,
        x_data: Any,
        y_data: Any = None,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        *,
        labels: Any = None,
        x_label: str = "",
        y_label: str = "",
        log_x: bool = False,
        log_y: bool = False,
        x_limits: Limits = None,
        y_limits: Limits = None,
        color: Any = None,
        linestyle: Optional[str] = None,
        marker: Optional[str] = None,
        line_width: Optional[float] = None,
        figure_size: Optional[Size] = None,
    ) -> Any:
        """Lines through points (x, y). NaN and infinity leave gaps, which a note under the picture counts.

        Parameters
        ----------
        x_data : sequence of numbers or of str
            For all series, or a list with one for each. Without ``y_data`` these are the y values, and x counts from 0.
        y_data : sequence of numbers, list of sequences, array (n, series) or mapping of names to sequences
        title, save_path : optional
            The path ends in ``.png``, ``.svg`` or ``.pdf``.
        labels : sequence of str, optional
            Names of the series, for the legend; those of a mapping are its keys.
        x_label, y_label : str
        log_x, log_y : bool, default False
            Logarithmic axes; what is not above 0 leaves a gap.
        x_limits, y_limits : (low, high), optional
            What is shown; None for an end: as the data need it.
        color : colour or list of colours, optional
        linestyle : {"-", "--", ":", "-."}, optional
        marker : {"o", "s", "^", "D", "x", ""}, optional
            Lines of up to 40 points are marked.
        line_width : float, optional
            In points.
        figure_size : (width, height) in inches, optional

        Raises
        ------
        ArgumentValueError
            x and y are not equally many.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().line_plot([1, 2, 3], {"a": [1, 2, 3], "b": [3, 2, 1]}, title="two lines")
        Figure(10 x 6 in, 100 dpi, 'two lines')
        """
        series, names = self._xy("line_plot", x_data, y_data, labels)
        colors = self._colors("line_plot", color, len(series))
        width = float(self.style["line_width"] if line_width is None else line_width)
        cycle = len(self.style["palette"])
        marks = [
            mark(
                "line", name, x=x, y=y, colour=colors[i], width=width,
                dash=_DASHES[i // cycle % 4] if linestyle is None else choice("linestyle", linestyle, _DASH_NAMES, _DASHES),
                marker=MARKERS[i % 5] if marker is None else choice("marker", marker, _MARKER_NAMES, (*MARKERS, "none")),
            )
            for i, (name, x, y) in enumerate(series)
        ]  # fmt: skip
        return self._finish(
            [self._xy_panel(series, names, marks, x_label, y_label, log_x, log_y, x_limits, y_limits)], title, save_path, figure_size
        )

    def _xy_panel(
        self,
        series: Any,
        names: Any,
        marks: List[Description],
        x_label: Any,
        y_label: Any,
        log_x: bool,
        log_y: bool,
        x_limits: Limits,
        y_limits: Limits,
        shades: Any = None,
        **more: Any,
    ) -> Description:
        ys = [y for _, _, y in series]
        xs = [x for _, x, _ in series]
        whole = all(len(x) and bool(np.all(x == np.rint(x))) for x in xs if np.isfinite(x).all()) and all(
            np.isfinite(x).all() for x in xs
        )
        across = (
            axis("names", x_label, names=names)
            if names is not None
            else self._axis(x_label, log_x, x_limits, "x_limits", whole=whole and x_limits is None)
        )
        along = self._axis(y_label, log_y, y_limits, "y_limits")
        points = [np.where(np.isfinite(x), y, x) for x, y in zip(xs, ys)]
        if shades is not None:
            points = [np.where(np.isfinite(shades), points[0], shades)]
        note = not_finite(points, [*(ys if log_y else []), *(xs if log_x else [])])
        note = note or ("" if any(map(len, ys)) else "no values")
        return panel(across, along, marks, note=note, **{**self._grid(), **more})

    def scatter_plot(
        self,
        x_data: Any,
        y_data: Any,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        *,
        labels: Any = None,
        x_label: str = "",
        y_label: str = "",
        log_x: bool = False,
        log_y: bool = False,
        x_limits: Limits = None,
        y_limits: Limits = None,
        c: Any = None,
        color: Any = None,
        colormap: Union[str, ColorMap] = "viridis",
        color_label: str = "",
        size: float = 6.0,
        alpha: Optional[float] = None,
        marker: Optional[str] = None,
        figure_size: Optional[Size] = None,
    ) -> Any:
        """Points at (x, y); several series differ in colour and shape.

        Parameters
        ----------
        x_data, y_data, title, save_path, labels, x_label, y_label, log_x, log_y, x_limits, y_limits, figure_size
            As in :meth:`line_plot`.
        c : sequence of numbers, optional
            One for each point of a single series: drawn as colours, which a bar explains.
        color : colour or list of colours, optional
            One for all points of a series.
        colormap : str or ColorMap, default "viridis"
        color_label : str
            What ``c`` is.
        size : float, default 6
            Diameter in points.
        alpha : float, optional
            Opacity; by default 0.8, and less where there are many points.
        marker : {"o", "s", "^", "D", "x"}, optional

        Raises
        ------
        ArgumentValueError
            x, y and c are not equally many.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().scatter_plot([1, 2, 3], [1, 4, 9], c=[0.1, 0.5, 0.9], color_label="weight")
        Figure(10 x 6 in, 100 dpi, '')
        """
        series, names = self._xy("scatter_plot", x_data, y_data, labels)
        total = sum(len(x) for _, x, _ in series)
        if not size > 0:
            raise _C.ArgumentValueError(f"scatter_plot: size must be above 0, not {size!r}")
        opacity = (0.8 if total <= 2000 else 0.5 if total <= 20000 else 0.3) if alpha is None else alpha
        diameter = float(size) if total <= 2000 else min(float(size), 4.0) if total <= 20000 else min(float(size), 2.0)
        colors = self._colors("scatter_plot", color, len(series), opacity)
        marks, more = [], {}
        for i, (name, x, y) in enumerate(series):
            shape = MARKERS[i % 5] if marker is None else choice("marker", marker, _MARKER_NAMES, MARKERS)
            marks.append(mark("points", name, x=x, y=y, colour=colors[i], width=diameter, marker=shape))
        if c is not None:
            if len(series) != 1:
                raise _C.ArgumentValueError(f"scatter_plot: c colours the points of a single series, not of {len(series)}; use color")
            values = vector(c, "scatter_plot: c")
            same_length("scatter_plot", c=values, x_data=series[0][1])
            used = create_colormap(colormap)
            part, low, high = scaled(values, None, None)
            shades = used(part)
            shades[:, 3] = np.round(shades[:, 3] * opacity)
            marks[0]["colours"] = pack(shades)
            more["shades"] = values
            more["bar"] = {"label": text(color_label), "low": low, "high": high, "colours": used.packed}
        drawn = self._xy_panel(series, names, marks, x_label, y_label, log_x, log_y, x_limits, y_limits, **self._grid(x=True), **more)
        return self._finish([drawn], title, save_path, figure_size)

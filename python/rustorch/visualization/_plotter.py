"""Plotter: one method for each kind of picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from rustorch import _C
from rustorch.visualization import _history, _images
from rustorch.visualization._colors import Color, ColorMap, create_colormap, is_light, pack, rgba, scaled, set_plot_style, style_of
from rustorch.visualization._data import array, names_of, not_finite, same_length, several, vector
from rustorch.visualization._figure import Description, Figure, Path, axis, grid_columns, mark, panel, save_figure, style_part, text

Size = Tuple[float, float]
Limits = Optional[Tuple[Optional[float], Optional[float]]]

_MARKERS = ("circle", "square", "triangle", "diamond", "cross")
_MARKER_NAMES = {"o": "circle", ".": "circle", "s": "square", "^": "triangle", "D": "diamond", "d": "diamond", "x": "cross", "": "none"}
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_DASH_NAMES = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dashdot"}
_MANY_CELLS = 400  # of a matrix: more numbers than these cannot be read


def _choice(what: str, value: str, names: Mapping[str, str], allowed: Sequence[str]) -> str:
    found = names.get(value, value)
    if found not in allowed:
        raise _C.ArgumentValueError(f"{what} must be one of {', '.join(map(repr, [*allowed, *names]))}, not {value!r}")
    return found


def _number(value: float) -> str:
    """Four digits, as short as they can be; a minus as wide as a digit."""
    if value == int(value) and abs(value) < 1e6 if np.isfinite(value) else False:
        return str(int(value)).replace("-", "\u2212")
    return f"{value:.4g}".replace("-", "\u2212")


class Plotter:
    """Draws data, histories of training, tensors and models.

    Every method returns a :class:`Figure` (with ``backend="matplotlib"`` one of matplotlib's), and writes it as well if it is
    given a ``save_path`` that ends in ``.png``, ``.svg`` or ``.pdf``. Texts may be in any script.

    Parameters
    ----------
    backend : {"rustorch", "matplotlib"}, default "rustorch"
        Who draws: Cairo and Pango, or matplotlib where it is installed.
    style : str or mapping, default "default"
        See :func:`set_plot_style`.
    figure_size : pair of floats, default (10, 6)
        Width and height in inches.
    dpi : float, default 100
        Pixels an inch of PNG files.

    Raises
    ------
    ArgumentValueError
        There is no such backend, style or size.
    UnsupportedError
        matplotlib is asked for and not installed.

    Example
    -------
    >>> from rustorch.visualization import Plotter
    >>> plotter = Plotter(figure_size=(6, 4), dpi=150)
    >>> plotter.line_plot([0, 1, 2, 3], [0, 1, 4, 9], title="squares", save_path="squares.png")
    Figure(6 x 4 in, 150 dpi, 'squares')
    """

    def __init__(self, backend: str = "rustorch", style: Union[str, Mapping[str, Any]] = "default", figure_size: Size = (10, 6), dpi: float = 100) -> None:
        if backend not in ("rustorch", "matplotlib"):
            raise _C.ArgumentValueError(f'Plotter: backend must be "rustorch" or "matplotlib", not {backend!r}')
        if backend == "matplotlib":
            from rustorch.visualization import _matplotlib

            _matplotlib.require()
        self.backend = backend
        self.figure_size = self._size(figure_size)
        self.dpi = float(dpi)
        self._style_name: Union[str, Mapping[str, Any]] = style
        self._last: Any = None
        style_of(style)
        if not 1 <= self.dpi <= 4000:
            raise _C.ArgumentValueError(f"Plotter: dpi must be from 1 to 4000, not {dpi!r}")

    # What all pictures share -----------------------------------------------------------------------------------------

    @staticmethod
    def _size(size: Size) -> Size:
        try:
            width, height = (float(part) for part in size)
        except (TypeError, ValueError):
            raise _C.ArgumentValueError(f"figure_size must be a width and a height in inches, not {size!r}") from None
        if not (0.3 <= width <= 270 and 0.3 <= height <= 270):
            raise _C.ArgumentValueError(f"figure_size must be from 0.3 to 270 inches each way, not {size!r}")
        return width, height

    @property
    def style(self) -> Dict[str, Any]:
        """The settings of the style."""
        return style_of(self._style_name)

    def set_plot_style(self, style: Union[str, Mapping[str, Any]]) -> None:
        """Set the style of this plotter's figures; see the function of this name."""
        style_of(style)
        self._style_name = style

    def save_figure(self, path: Path, figure: Any = None, dpi: Optional[float] = None) -> str:
        """Write a figure, by default the last one drawn; see the function of this name."""
        figure = self._last if figure is None else figure
        if figure is None:
            raise _C.RusTorchError("save_figure: nothing has been drawn yet: call one of the plotter's methods first")
        return save_figure(figure, path, dpi)

    create_colormap = staticmethod(create_colormap)
    set_default_style = staticmethod(set_plot_style)

    def _color(self, i: int, color: Any = None, alpha: Optional[float] = None) -> int:
        palette = self.style["palette"]
        return rgba(palette[i % len(palette)] if color is None else color, alpha, palette)

    def _colors(self, what: str, color: Any, n: int, alpha: Optional[float] = None) -> List[int]:
        """One colour a series: of the palette, one for all, or one for each."""
        if color is None or isinstance(color, str) or (len(color) in (3, 4) and not isinstance(color[0], (str, list, tuple))):
            return [self._color(i, color, alpha) for i in range(n)]
        if len(color) != n:
            raise _C.ArgumentValueError(f"{what}: {len(color)} colors are given for {n} series")
        return [self._color(i, each, alpha) for i, each in enumerate(color)]

    def _finish(self, panels: List[Description], title: Any, save_path: Optional[Path], size: Optional[Size], columns: int = 1) -> Any:
        """The figure, drawn into a file if asked. The title of a lone panel is that of the figure."""
        style = self.style
        if len(panels) == 1 and title is not None:
            panels[0]["title"], title = text(title), None
        width, height = self._size(self.figure_size if size is None else size)
        description: Description = {
            "title": text(title), "width": width * 72, "height": height * 72, "columns": columns, "style": style_part(style), "panels": panels,
        }  # fmt: skip
        figure: Any
        if self.backend == "matplotlib":
            from rustorch.visualization import _matplotlib

            figure = _matplotlib.draw(description, self.dpi)
        else:
            figure = Figure(description, self.dpi)
        self._last = figure
        if save_path is not None:
            save_figure(figure, save_path)
        return figure

    def _grid_of(
        self, panels: List[Description], title: Any, save_path: Optional[Path], columns: Optional[int] = None, size: Optional[Size] = None
    ) -> Any:
        """Panels in a grid that grows with their number."""
        if columns is not None and columns < 1:
            raise _C.ArgumentValueError(f"columns must be at least 1, not {columns}")
        across = min(len(panels), columns or grid_columns(len(panels), 1.3))
        if size is None:
            down = -(-len(panels) // across)
            width, height = self.figure_size
            size = max(width, 3.4 * across), max(height * (0.75 if across > 1 and down == 1 else 1), 2.7 * down)
        return self._finish(panels, title, save_path, size, across)

    def _axis(self, label: Any, log: bool, limits: Limits, what: str, **more: Any) -> Description:
        low, high = (None, None) if limits is None else limits
        if low is not None and high is not None and not low < high:
            raise _C.ArgumentValueError(f"{what} must be (low, high) with low below high, not {limits!r}")
        if log and any(limit is not None and limit <= 0 for limit in (low, high)):
            raise _C.ArgumentValueError(f"{what} of a logarithmic axis must be above 0, not {limits!r}")
        nan = float("nan")
        return axis("log" if log else "linear", label, nan if low is None else low, nan if high is None else high, **more)

    def _grid(self, x: bool = False, y: bool = True) -> Dict[str, bool]:
        shown = bool(self.style["grid"])
        return {"grid_x": shown and x, "grid_y": shown and y}

    def _xy(self, function: str, x_data: Any, y_data: Any, labels: Any) -> Tuple[List[Tuple[str, np.ndarray, np.ndarray]], Optional[List[str]]]:
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
                raise _C.ArgumentValueError(f"{function}: x_data has {len(many)} series and y_data {len(ys)}: one x for all, or one for each, is needed")
            found = [vector(x, f"{function}: x_data") for _, x in many]
            xs = found if len(found) == len(ys) else found * len(ys)
        for x, y in zip(xs, ys):
            same_length(function, x_data=x, y_data=y)
        return [(name, x, y) for (name, _), x, y in zip(parts, xs, ys)], names

    # Series ----------------------------------------------------------------------------------------------------------

    def line_plot(
        self, x_data: Any, y_data: Any = None, title: Optional[str] = None, save_path: Optional[Path] = None, *, labels: Any = None,
        x_label: str = "", y_label: str = "", log_x: bool = False, log_y: bool = False, x_limits: Limits = None, y_limits: Limits = None,
        color: Any = None, linestyle: Optional[str] = None, marker: Optional[str] = None, line_width: Optional[float] = None,
        figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
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
                dash=_DASHES[i // cycle % 4] if linestyle is None else _choice("linestyle", linestyle, _DASH_NAMES, _DASHES),
                marker=_MARKERS[i % 5] if marker is None else _choice("marker", marker, _MARKER_NAMES, (*_MARKERS, "none")),
            )
            for i, (name, x, y) in enumerate(series)
        ]  # fmt: skip
        return self._finish([self._xy_panel(series, names, marks, x_label, y_label, log_x, log_y, x_limits, y_limits)], title, save_path, figure_size)

    def _xy_panel(
        self, series: Any, names: Any, marks: List[Description], x_label: Any, y_label: Any, log_x: bool, log_y: bool, x_limits: Limits, y_limits: Limits, **more: Any
    ) -> Description:
        ys = [y for _, _, y in series]
        xs = [x for _, x, _ in series]
        whole = all(len(x) and bool(np.all(x == np.rint(x))) for x in xs if np.isfinite(x).all()) and all(np.isfinite(x).all() for x in xs)
        across = axis("names", x_label, names=names) if names is not None else self._axis(x_label, log_x, x_limits, "x_limits", whole=whole)
        along = self._axis(y_label, log_y, y_limits, "y_limits")
        note = not_finite(ys, [*(ys if log_y else []), *(xs if log_x else [])])
        note = note or ("" if any(map(len, ys)) else "no values")
        return panel(across, along, marks, note=note, **{**self._grid(), **more})

    def scatter_plot(
        self, x_data: Any, y_data: Any, title: Optional[str] = None, save_path: Optional[Path] = None, *, labels: Any = None,
        x_label: str = "", y_label: str = "", log_x: bool = False, log_y: bool = False, x_limits: Limits = None, y_limits: Limits = None,
        c: Any = None, color: Any = None, colormap: Union[str, ColorMap] = "viridis", color_label: str = "", size: float = 6.0,
        alpha: Optional[float] = None, marker: Optional[str] = None, figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
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
        opacity = (0.8 if total <= 2000 else 0.5 if total <= 20000 else 1.0) if alpha is None else alpha
        diameter = float(size) if total <= 2000 else min(float(size), 4.0) if total <= 20000 else min(float(size), 2.0)
        colors = self._colors("scatter_plot", color, len(series), opacity)
        marks, more = [], {}
        for i, (name, x, y) in enumerate(series):
            shape = _MARKERS[i % 5] if marker is None else _choice("marker", marker, _MARKER_NAMES, _MARKERS)
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
            more["bar"] = {"label": text(color_label), "low": low, "high": high, "colours": used.packed}
        drawn = self._xy_panel(series, names, marks, x_label, y_label, log_x, log_y, x_limits, y_limits, **self._grid(x=True), **more)
        return self._finish([drawn], title, save_path, figure_size)

    # Counts and bars -------------------------------------------------------------------------------------------------

    def histogram(
        self, data: Any, bins: Any = 30, title: Optional[str] = None, save_path: Optional[Path] = None, *, labels: Any = None,
        density: bool = False, range: Optional[Tuple[float, float]] = None, log_y: bool = False, x_label: str = "", y_label: Optional[str] = None,
        color: Any = None, figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
        """How often values occur. Values that are not finite are left out and counted in a note.

        Parameters
        ----------
        data : tensor of any shape, or several as a list or mapping
            Several share their bins and are drawn over each other.
        bins : int, sequence of edges, or str, default 30
            As in ``numpy.histogram``: ``"auto"`` chooses.
        title, save_path : optional
        labels : sequence of str, optional
        density : bool, default False
            Areas of 1 instead of counts.
        range : (low, high), optional
            What is counted.
        log_y : bool, default False
        x_label, y_label : str
        color : colour or list of colours, optional
        figure_size : (width, height) in inches, optional

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().histogram(rustorch.arange(100.0), bins=10, title="flat")
        Figure(10 x 6 in, 100 dpi, 'flat')
        """
        return self._finish([self._histogram(data, bins, labels, density, range, log_y, x_label, y_label, color)], title, save_path, figure_size)

    def _histogram(
        self, data: Any, bins: Any, labels: Any = None, density: bool = False, limits: Any = None, log_y: bool = False, x_label: Any = "",
        y_label: Any = None, color: Any = None,
    ) -> Description:  # fmt: skip
        if isinstance(data, Mapping) or (isinstance(data, (list, tuple)) and len(data) and hasattr(data[0], "__len__") and getattr(data[0], "ndim", 1)):
            parts = several(data, labels, "histogram: data")
        else:
            parts = several(array(data, "histogram: data").reshape(-1), labels, "histogram: data")
        raw = [array(part, "histogram: data").reshape(-1).astype(np.float64) for _, part in parts]
        usable = [part[np.isfinite(part)] for part in raw]
        pooled = np.concatenate(usable)
        if isinstance(bins, (int, np.integer)) and not 1 <= bins <= 100000:
            raise _C.ArgumentValueError(f"histogram: bins must be from 1 to 100000, not {bins}")
        if isinstance(bins, (int, np.integer)) and limits is None and pooled.size and pooled.min() == pooled.max():
            limits = (pooled[0] - max(0.5, abs(pooled[0]) * 0.05), pooled[0] + max(0.5, abs(pooled[0]) * 0.05))
        try:
            edges = np.histogram_bin_edges(pooled, bins, limits).astype(np.float64)
        except (TypeError, ValueError, IndexError) as error:
            raise _C.ArgumentValueError(f"histogram: bins={bins!r}, range={limits!r}: {error}") from None
        colors = self._colors("histogram", color, len(parts), None if len(parts) == 1 else 0.6)
        marks = []
        for i, (name, _) in enumerate(parts):
            counts = np.histogram(usable[i], edges, density=density and usable[i].size > 0)[0].astype(np.float64)
            shown = counts > 0
            edge = rgba(self.style["frame"]) if len(parts) == 1 and len(edges) < 120 else 0
            base = np.zeros(int(shown.sum()))
            marks.append(mark("boxes", name, x=edges[:-1][shown], x2=edges[1:][shown], y=base, y2=counts[shown], colour=colors[i], edge=edge, width=0.6))
        unit = y_label if y_label is not None else "density" if density else "count"
        # of a logarithmic axis the smallest count is a visible bar
        low = 0.5 if log_y and not density else None
        note = not_finite(raw)
        margin = 0.03 * (edges[-1] - edges[0])
        across = self._axis(x_label, False, (edges[0] - margin, edges[-1] + margin), "range")
        along = self._axis(unit, log_y, (low, None) if pooled.size else (1, 10) if log_y else (0, 1), "y_limits", whole=not density)
        return panel(across, along, marks, note=note or ("" if pooled.size else "no values"), **self._grid())

    def bar_plot(
        self, labels: Any, values: Any = None, title: Optional[str] = None, save_path: Optional[Path] = None, *, series: Any = None,
        horizontal: bool = False, stacked: bool = False, show_values: bool = False, x_label: str = "", y_label: str = "", color: Any = None,
        figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
        """A bar for each label; several series side by side or stacked.

        Parameters
        ----------
        labels : sequence, or mapping of labels to values
        values : sequence of numbers, list of sequences, array (labels, series) or mapping of series' names to sequences
        title, save_path : optional
        series : sequence of str, optional
            Names of the series, for the legend; those of a mapping are its keys.
        horizontal : bool, default False
            Bars to the right, the first on top: for long labels.
        stacked : bool, default False
        show_values : bool, default False
            The numbers at the ends of the bars.
        x_label, y_label : str
            Of the axes as they are drawn.
        color : colour or list of colours, optional
        figure_size : (width, height) in inches, optional

        Raises
        ------
        ArgumentValueError
            Labels and values are not equally many.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().bar_plot({"cat": 3, "dog": 5}, title="pets", show_values=True)
        Figure(10 x 6 in, 100 dpi, 'pets')
        """
        if values is None:
            if not isinstance(labels, Mapping):
                raise _C.ArgumentTypeError("bar_plot: labels and values, or a mapping of labels to values, are needed")
            labels, values = list(labels), list(labels.values())
        names = [text(label) for label in (labels.tolist() if hasattr(labels, "tolist") else labels)]
        parts = [(name, vector(part, "bar_plot: values")) for name, part in several(values, series, "bar_plot: values")]
        for _, part in parts:
            same_length("bar_plot", labels=names, values=part)
        if not names:
            raise _C.ArgumentValueError("bar_plot: there are no labels")
        colors = self._colors("bar_plot", color, len(parts)) if color is None or isinstance(color, str) or len(parts) > 1 else [0]
        each = None if colors != [0] else np.array(self._colors("bar_plot", color, len(names)), np.uint32)
        place = np.arange(len(names), dtype=float)
        side_by_side = 1 if stacked else len(parts)
        thick = 0.8 / side_by_side
        marks, tips = [], []
        up, down = np.zeros(len(names)), np.zeros(len(names))
        for i, (name, part) in enumerate(parts):
            begin = place - 0.4 + (0 if stacked else i * thick)
            base = np.where(part >= 0, up, down) if stacked else np.zeros(len(names))
            tip = base + part
            if stacked:
                up, down = np.where(part > 0, tip, up), np.where(part < 0, tip, down)
            box = {"x": begin, "x2": begin + thick, "y": base, "y2": tip}
            marks.append(self._turned("boxes", name, horizontal, box, colour=colors[i], colours=each, edge=rgba(self.style["frame"]) if thick < 0.7 else 0, width=0.6))
            tips.append((begin, tip, part))
        if show_values:
            marks += self._bar_values(tips, thick, horizontal, stacked)
        across, along = axis("names", names=names, reversed=horizontal), axis()
        across["label"], along["label"] = (text(y_label), text(x_label)) if horizontal else (text(x_label), text(y_label))
        ends = [tip for _, tip, _ in tips]
        everything = np.concatenate([end[np.isfinite(end)] for end in ends])
        base_line = mark("rules", colour=rgba(self.style["muted"]), width=0.75, **{"x" if horizontal else "y": [0.0]})
        note = not_finite([part for _, part in parts])
        marks = marks + [base_line] if everything.size and everything.min() < 0 < everything.max() else marks
        drawn = panel(along if horizontal else across, across if horizontal else along, marks, note=note, **self._grid(x=horizontal, y=not horizontal))
        return self._finish([drawn], title, save_path, figure_size)

    @staticmethod
    def _turned(kind: str, name: str, turned: bool, corners: Dict[str, Any], **more: Any) -> Description:
        x, x2, y, y2 = (corners[key] for key in ("x", "x2", "y", "y2"))
        return mark(kind, name, **({"x": y, "x2": y2, "y": x, "y2": x2} if turned else {"x": x, "x2": x2, "y": y, "y2": y2}), **more)

    def _bar_values(self, tips: Any, thick: float, horizontal: bool, stacked: bool) -> List[Description]:
        """Numbers in boxes without colour, beyond the ends of the bars, or within stacked ones."""
        finite = np.concatenate([tip[np.isfinite(tip)] for _, tip, _ in tips] or [np.zeros(1)])
        reach = (max(finite.max(initial=0), 0) - min(finite.min(initial=0), 0)) or 1.0
        room = reach * (0.09 if horizontal else 0.065)
        out = []
        for i, (begin, tip, part) in enumerate(tips):
            far = tip - part if stacked else tip + np.where(part < 0, -room, room)
            shades = self._color(i)
            ink = rgba(self.style["ink"]) if not stacked else rgba("#21262e" if is_light(shades) else "#ffffff")
            words = [_number(value) if np.isfinite(value) else "" for value in part]
            side = "left" if horizontal and not stacked and (part[np.isfinite(part)] >= 0).all() else "center"
            wider = 0 if stacked else thick * 0.12
            out.append(
                self._turned(
                    "boxes", "", horizontal, {"x": begin - wider, "x2": begin + thick + wider, "y": tip, "y2": far},
                    texts=words, text_size=self.style["text"] * 0.9, text_colour=ink, align=side,
                )
            )  # fmt: skip
        return out

    # Matrices --------------------------------------------------------------------------------------------------------

    def heat_map(
        self, matrix: Any, title: Optional[str] = None, save_path: Optional[Path] = None, *, x_labels: Any = None, y_labels: Any = None,
        x_label: str = "", y_label: str = "", colormap: Union[str, ColorMap] = "viridis", low: Optional[float] = None,
        high: Optional[float] = None, log: bool = False, annotate: Optional[bool] = None, value_format: Union[str, Callable[[float], str], None] = None,
        color_bar: bool = True, color_label: str = "", square: Optional[bool] = None, figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
        """The numbers of a matrix as colours; row 0 is on top. NaN stays empty.

        Parameters
        ----------
        matrix : tensor (rows, columns)
        title, save_path : optional
        x_labels, y_labels : sequence, optional
            Names of columns and rows; without them, their numbers.
        x_label, y_label : str
        colormap : str or ColorMap, default "viridis"
        low, high : float, optional
            Values of the first and the last colour; by default the smallest and the largest.
        log : bool, default False
            Colours by the logarithm.
        annotate : bool, optional
            Numbers in the cells; by default up to 400 cells. They are left out where they would be too small to read.
        value_format : str or callable, optional
            ``".2f"`` or a function of the number.
        color_bar : bool, default True
        color_label : str
            What the numbers are.
        square : bool, optional
            Square cells; by default unless the matrix is far from square.
        figure_size : (width, height) in inches, optional

        Raises
        ------
        ArgumentValueError
            The matrix has not two dimensions, or labels are not as many as rows or columns.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().heat_map([[1, 2], [3, 4]], x_labels=["a", "b"], title="a matrix")
        Figure(10 x 6 in, 100 dpi, 'a matrix')
        """
        values = array(matrix, "heat_map: matrix").astype(np.float64)
        if values.ndim != 2 or 0 in values.shape:
            raise _C.ArgumentValueError(f"heat_map: a matrix (rows, columns) is needed, not the shape {tuple(values.shape)}")
        drawn = self._heat_map(values, x_labels, y_labels, x_label, y_label, create_colormap(colormap), low, high, log, annotate, value_format, color_bar, color_label, square)
        return self._finish([drawn], title, save_path, figure_size)

    def _heat_map(
        self, values: np.ndarray, x_labels: Any, y_labels: Any, x_label: Any, y_label: Any, colormap: ColorMap, low: Any, high: Any, log: bool,
        annotate: Optional[bool], value_format: Any, color_bar: bool, color_label: Any, square: Optional[bool],
    ) -> Description:  # fmt: skip
        rows, columns = values.shape
        part, least, most = scaled(values, low, high, log)
        shades = pack(colormap(part))
        marks = [mark("image", x=[-0.5], x2=[columns - 0.5], y=[-0.5], y2=[rows - 0.5], pixels=shades)]
        if annotate or (annotate is None and values.size <= _MANY_CELLS):
            write = self._writer(values, value_format)
            column, row = (part.reshape(-1).astype(float) for part in np.meshgrid(np.arange(columns), np.arange(rows)))
            paper = rgba(self.style["frame"])
            inks = [rgba("#21262e" if is_light(int(shade) if int(shade) & 255 else paper) else "#ffffff") for shade in shades.reshape(-1)]
            marks.append(
                mark(
                    "boxes", x=column - 0.5, x2=column + 0.5, y=row - 0.5, y2=row + 0.5, texts=[write(value) for value in values.reshape(-1)],
                    text_size=self.style["text"], text_colours=inks,
                )
            )  # fmt: skip
        sides = []
        for names, count, label, what in ((x_labels, columns, x_label, "x_labels"), (y_labels, rows, y_label, "y_labels")):
            if names is None:
                sides.append(axis("linear", label, -0.5, count - 0.5, whole=True))
                continue
            names = list(names.tolist() if hasattr(names, "tolist") else names)
            if len(names) != count:
                raise _C.ArgumentValueError(f"heat_map: {len(names)} {what} are given for {count} {'columns' if what == 'x_labels' else 'rows'}")
            sides.append(axis("names", label, names=names))
        sides[1]["reversed"] = True
        more: Description = {"square": 0.2 <= columns / rows <= 5 if square is None else bool(square), "boxed": True}
        if color_bar:
            more["bar"] = {"label": text(color_label), "low": least, "high": most, "colours": colormap.packed, "log": log}
        return panel(sides[0], sides[1], marks, note=not_finite([values], [values] if log else []), **more)

    @staticmethod
    def _writer(values: np.ndarray, value_format: Any) -> Callable[[float], str]:
        if callable(value_format):
            return lambda value: text(value_format(value))
        if value_format is not None:
            try:
                format(1.0, value_format)
            except ValueError as error:
                raise _C.ArgumentValueError(f"heat_map: value_format {value_format!r}: {error}") from None
            return lambda value: format(value, value_format).replace("-", "\u2212")
        finite = values[np.isfinite(values)]
        if finite.size and np.all(finite == np.rint(finite)) and np.abs(finite).max() < 1e7:
            return lambda value: _number(value) if np.isfinite(value) else text(value)
        return lambda value: (f"{value:.2f}" if 0.1 <= np.abs(finite).max(initial=0) < 1000 else f"{value:.2g}").replace("-", "\u2212")

    def confusion_matrix(
        self, matrix: Any, labels: Any = None, normalize: Union[None, bool, str] = None, title: Optional[str] = "Confusion matrix",
        save_path: Optional[Path] = None, *, colormap: Union[str, ColorMap] = "Blues", figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
        """Which classes are taken for which: true ones in rows, predicted ones in columns.

        Parameters
        ----------
        matrix : tensor (classes, classes) of counts, or a tuple (y_true, y_pred)
            The two hold class numbers, or labels where ``labels`` names them all; y_pred may be scores (n, classes), whose largest counts.
        labels : sequence, optional
            Names of the classes.
        normalize : {None, "true", "pred", "all"}, default None
            Parts of each row, of each column, or of all, instead of counts. True is "true".
        title, save_path : optional
        colormap : str or ColorMap, default "Blues"
        figure_size : (width, height) in inches, optional

        Raises
        ------
        ArgumentValueError
            The matrix is not square, the two are not equally many, or a class is out of range.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().confusion_matrix(([0, 0, 1, 1], [0, 1, 1, 1]), labels=["cat", "dog"])
        Figure(10 x 6 in, 100 dpi, 'Confusion matrix')
        """
        names = None if labels is None else list(labels.tolist() if hasattr(labels, "tolist") else labels)
        counts = self._confusion(matrix, names)
        if normalize is True:
            normalize = "true"
        over = {None: None, False: None, "true": 1, "pred": 0, "all": (0, 1)}
        if normalize not in over:
            raise _C.ArgumentValueError(f'confusion_matrix: normalize must be None, "true", "pred" or "all", not {normalize!r}')
        if normalize:
            total = counts.sum(axis=over[normalize], keepdims=True)
            counts = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
        drawn = self._heat_map(
            counts, names or range(len(counts)), names or range(len(counts)), "predicted", "true", create_colormap(colormap), 0.0, None if not normalize else 1.0,
            False, None, ".2f" if normalize else None, True, {"true": "part of the true class", "pred": "part of the predictions", "all": "part of all"}.get(str(normalize), "samples"), True,
        )  # fmt: skip
        return self._finish([drawn], title, save_path, figure_size)

    @staticmethod
    def _confusion(matrix: Any, names: Optional[List[Any]]) -> np.ndarray:
        if not (isinstance(matrix, tuple) and len(matrix) == 2):
            counts = array(matrix, "confusion_matrix").astype(np.float64)
            if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
                raise _C.ArgumentValueError(f"confusion_matrix: a square matrix or a tuple (y_true, y_pred) is needed, not the shape {tuple(counts.shape)}")
            if names is not None and len(names) != len(counts):
                raise _C.ArgumentValueError(f"confusion_matrix: {len(names)} labels are given for {len(counts)} classes")
            if not (counts >= 0).all():
                raise _C.ArgumentValueError("confusion_matrix: counts must not be negative or NaN")
            return counts
        found = []
        for part, what in zip(matrix, ("y_true", "y_pred")):
            if names_of(part) is not None:
                if names is None:
                    raise _C.ArgumentValueError(f"confusion_matrix: {what} holds texts: give all classes as labels=")
                unknown = sorted(set(map(str, part)) - set(map(str, names)))
                if unknown:
                    raise _C.ArgumentValueError(f"confusion_matrix: {what} holds {unknown[0]!r}, which is none of the labels")
                place = {str(name): i for i, name in enumerate(names)}
                found.append(np.array([place[str(value)] for value in part]))
                continue
            values = array(part, f"confusion_matrix: {what}")
            values = values.argmax(1) if values.ndim == 2 and values.shape[1] > 1 else values.reshape(-1)
            if not np.array_equal(values, np.rint(values)) or (values.size and values.min() < 0):
                raise _C.ArgumentValueError(f"confusion_matrix: {what} must hold class numbers 0, 1, …")
            found.append(values.astype(np.int64))
        same_length("confusion_matrix", y_true=found[0], y_pred=found[1])
        classes = len(names) if names is not None else int(max((part.max(initial=0) for part in found))) + 1
        highest = max(part.max(initial=0) for part in found)
        if highest >= classes:
            raise _C.ArgumentValueError(f"confusion_matrix: class {highest} is out of range: {classes} labels are given")
        if classes > 4096:
            raise _C.ArgumentValueError(f"confusion_matrix: {classes} classes: at most 4096 can be drawn")
        counts = np.zeros((classes, classes))
        np.add.at(counts, (found[0], found[1]), 1)
        return counts

    # Tensors as images -----------------------------------------------------------------------------------------------

    def _image_panel(self, tensor: Any, colormap: ColorMap, channels: Any, low: Any, high: Any, color_bar: bool, what: str) -> Description:
        found = _images.picture(tensor, colormap, channels, low, high, what)
        rows, columns = found.pixels.shape
        image = mark("image", x=[0], x2=[columns], y=[0], y2=[rows], pixels=found.pixels)
        more: Description = {"square": True, "boxed": True}
        if color_bar and found.low is not None:
            more["bar"] = {"low": found.low, "high": found.high, "colours": colormap.packed}
        note = f"{found.not_finite} of {found.pixels.size} values are not finite" if found.not_finite else ""
        return panel(axis("none", "", 0, columns), axis("none", "", 0, rows, reversed=True), [image], note=note, **more)

    def plot_tensor_as_image(
        self, tensor: Any, title: Optional[str] = None, save_path: Optional[Path] = None, colormap: Union[str, ColorMap] = "viridis", *,
        channels: Optional[str] = None, low: Optional[float] = None, high: Optional[float] = None, color_bar: bool = True,
        figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
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
        self, tensors: Any, titles: Any = None, save_path: Optional[Path] = None, *, title: Optional[str] = None, columns: Optional[int] = None,
        colormap: Union[str, ColorMap] = "viridis", channels: Optional[str] = None, low: Optional[float] = None, high: Optional[float] = None,
        color_bar: bool = False, figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
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
        images = _images.split(tensors, channels, "plot_multiple_tensors")
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
            # in points, as the plug-in lays them out: 8 around all, 14 between, 12 beside a picture, 7 above and below
            side = (self.figure_size[0] * 72 - 16 - 14 * (across - 1)) / across - (50 if color_bar else 12)
            high = 16 + below * (min(side, 330) * ratio + 7 + (20 if words else 0)) + 14 * (below - 1) + (26 if title else 0)
            figure_size = self.figure_size[0], min(max(high / 72, 1.0), 60.0)
        return self._finish(panels, title, save_path, figure_size, across)

    # Training --------------------------------------------------------------------------------------------------------

    def plot_training_history(
        self, history: Any, save_path: Optional[Path] = None, show_validation: bool = True, *, title: Optional[str] = None,
        log_y: Optional[bool] = None, mark_best: bool = True, x_label: str = "epoch", columns: Optional[int] = None,
        figure_size: Optional[Size] = None,
    ) -> Any:  # fmt: skip
        """The course of training: one panel a metric, training and validation together.

        Parameters
        ----------
        history : TrainingHistory, a history with a dict ``.history`` (Keras), or a dict of lists
            ``val_`` in front of a name means validation.
        save_path : optional
        show_validation : bool, default True
        title : str, optional
        log_y : bool, optional
            Logarithmic axes; by default where a loss or a learning rate spans two decades.
        mark_best : bool, default True
            A line at the best epoch of the validation (else of the training), for metrics whose better direction is known.
        x_label : str, default "epoch"
        columns : int, optional
            Panels in a row.
        figure_size : (width, height) in inches, optional
            By default the plotter's, and larger from five panels on.

        Raises
        ------
        ArgumentTypeError
            It is no history.
        ArgumentValueError
            It is empty.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> history = {"loss": [1.0, 0.5, 0.3], "val_loss": [1.1, 0.7, 0.8], "accuracy": [0.5, 0.7, 0.8]}
        >>> Plotter().plot_training_history(history, save_path="training.png", title="run 1")
        Figure(10 x 6 in, 100 dpi, 'run 1')
        """
        metrics = _history.metrics_of(history)
        if not show_validation:
            metrics = [metric._replace(validation=None) for metric in metrics if metric.train is not None] or metrics
        panels = [self._history_panel(metric, log_y, mark_best, x_label) for metric in metrics]
        if len(panels) == 1 and title is None:
            title = panels[0]["title"]
        return self._grid_of(panels, title, save_path, columns, figure_size)

    def _history_panel(self, metric: _history.Metric, log_y: Optional[bool], mark_best: bool, x_label: Any) -> Description:
        log = _history.spans_decades(metric) if log_y is None else bool(log_y)
        width = float(self.style["line_width"])
        curves = [("training", metric.train, "solid", "circle"), ("validation", metric.validation, "dashed", "square")]
        marks, shown = [], []
        for i, (name, curve, dash, marker) in enumerate(curves):
            if curve is None:
                continue
            marks.append(mark("line", name, x=curve.epochs, y=curve.values, colour=self._color(i), width=width, dash=dash, marker=marker))
            shown.append(curve)
        top = _history.best(metric) if mark_best else None
        if top is not None:
            label = f"best {_number(top[1])} at {text(x_label) or 'x'} {_number(top[0])}"
            marks.append(mark("rules", label, x=[top[0]], colour=rgba(self.style["muted"]), width=1.0, dash="dotted"))
        if _history.is_rate(metric.name) and len(marks) == 1:
            marks[0]["name"] = ""
        values = [curve.values for curve in shown]
        across = self._axis(x_label, False, None, "x_limits", whole=True)
        return panel(across, self._axis("", log, None, "y_limits"), marks, _history.spelled(metric.name), not_finite(values, values if log else []), **self._grid())

    # Models ----------------------------------------------------------------------------------------------------------

    def plot_model(
        self, model: Any, input: Any = None, title: Optional[str] = None, save_path: Optional[Path] = None, *, input_size: Any = None,
        depth: int = 8,
    ) -> Any:  # fmt: skip
        """A model's modules as boxes, from the input down to the output, with shapes and numbers of parameters.

        With an input the model is run once (in evaluation mode, without changing it) and the arrows show the way of the data,
        branches and skips included. Without one, arrows are drawn where the order is known: within a ``Sequential``. Several equal
        modules in a row are drawn once.

        Parameters
        ----------
        model : nn.Module
        input : Tensor or tuple of tensors, optional
        title, save_path : optional
            The title is the class of the model by default.
        input_size : tuple of int, optional
            The shape of a float32 input, with the batch, instead of ``input``.
        depth : int, default 8
            Modules deeper than this are drawn as one.

        Raises
        ------
        ArgumentTypeError
            It is no module.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> Plotter().plot_model(model, input_size=(1, 4)).title
        'Sequential'
        """
        from rustorch.visualization import _graph

        drawn, size, name = _graph.describe(model, input, input_size, depth, self.style)
        return self._finish([drawn], name if title is None else title, save_path, size)

"""Histograms and bars."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import is_light, rgba
from rustorch.visualization._data import array, not_finite, same_length, several, vector
from rustorch.visualization._drawing import Drawing, Size, number
from rustorch.visualization._figure import Description, Path, axis, mark, panel, text


class BarPlots(Drawing):
    """The methods of Plotter that draw bars."""

    def histogram(
        self,
        data: Any,
        bins: Any = 30,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        *,
        labels: Any = None,
        density: bool = False,
        range: Optional[Tuple[float, float]] = None,
        log_y: bool = False,
        x_label: str = "",
        y_label: Optional[str] = None,
        color: Any = None,
        figure_size: Optional[Size] = None,
    ) -> Any:
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
        return self._finish(
            [self._histogram(data, bins, labels, density, range, log_y, x_label, y_label, color)], title, save_path, figure_size
        )

    def _histogram(
        self,
        data: Any,
        bins: Any,
        labels: Any = None,
        density: bool = False,
        limits: Any = None,
        log_y: bool = False,
        x_label: Any = "",
        y_label: Any = None,
        color: Any = None,
    ) -> Description:
        if isinstance(data, Mapping) or (
            isinstance(data, (list, tuple)) and len(data) and hasattr(data[0], "__len__") and getattr(data[0], "ndim", 1)
        ):
            parts = several(data, labels, "histogram: data")
        else:
            parts = several(array(data, "histogram: data").reshape(-1), labels, "histogram: data")
        raw = [array(part, "histogram: data").reshape(-1).astype(np.float64) for _, part in parts]
        usable = [part[np.isfinite(part)] for part in raw]
        pooled = np.concatenate(usable)
        if isinstance(bins, (int, np.integer)) and not 1 <= bins <= 100000:
            raise _C.ArgumentValueError(f"histogram: bins must be from 1 to 100000, not {bins}")
        pooled = (
            pooled if pooled.size == 0 or np.ptp(pooled / 2) < 8e307 else pooled[np.abs(pooled) < 8e307]
        )  # NumPy's bins would overflow
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
            marks.append(
                mark(
                    "boxes",
                    name,
                    x=edges[:-1][shown],
                    x2=edges[1:][shown],
                    y=base,
                    y2=counts[shown],
                    colour=colors[i],
                    edge=edge,
                    width=0.6,
                )
            )
        unit = y_label if y_label is not None else "density" if density else "count"
        # of a logarithmic axis the smallest count is a visible bar
        low = 0.5 if log_y and not density else None
        note = not_finite(raw)
        margin = 0.03 * (edges[-1] - edges[0])
        across = self._axis(x_label, False, (edges[0] - margin, edges[-1] + margin), "range")
        along = self._axis(unit, log_y, (low, None) if pooled.size else (1, 10) if log_y else (0, 1), "y_limits", whole=not density)
        return panel(across, along, marks, note=note or ("" if pooled.size else "no values"), **self._grid())

    def bar_plot(
        self,
        labels: Any,
        values: Any = None,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        *,
        series: Any = None,
        horizontal: bool = False,
        stacked: bool = False,
        show_values: bool = False,
        x_label: str = "",
        y_label: str = "",
        color: Any = None,
        figure_size: Optional[Size] = None,
    ) -> Any:
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
            marks.append(
                self._turned(
                    "boxes",
                    name,
                    horizontal,
                    box,
                    colour=colors[i],
                    colours=each,
                    edge=rgba(self.style["frame"]) if thick < 0.7 else 0,
                    width=0.6,
                )
            )
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
        drawn = panel(
            along if horizontal else across,
            across if horizontal else along,
            marks,
            note=note,
            **self._grid(x=horizontal, y=not horizontal),
        )
        return self._finish([drawn], title, save_path, figure_size)

    @staticmethod
    def _turned(kind: str, name: str, turned: bool, corners: Dict[str, Any], **more: Any) -> Description:
        x, x2, y, y2 = (corners[key] for key in ("x", "x2", "y", "y2"))
        return mark(kind, name, **({"x": y, "x2": y2, "y": x, "y2": x2} if turned else {"x": x, "x2": x2, "y": y, "y2": y2}), **more)

    def _bar_values(self, tips: Any, thick: float, horizontal: bool, stacked: bool) -> List[Description]:
        """Numbers in boxes without colour, beyond the ends of the bars, or within stacked ones."""
        finite = np.concatenate([tip[np.isfinite(tip)] for _, tip, _ in tips] or [np.zeros(1)])
        with np.errstate(over="ignore"):
            reach = (max(finite.max(initial=0), 0) - min(finite.min(initial=0), 0)) or 1.0
        room = reach * (0.09 if horizontal else 0.065)
        out = []
        for i, (begin, tip, part) in enumerate(tips):
            with np.errstate(over="ignore"):
                far = tip - part if stacked else tip + np.where(part < 0, -room, room)
            shades = self._color(i)
            ink = rgba(self.style["ink"]) if not stacked else rgba("#21262e" if is_light(shades) else "#ffffff")
            words = [number(value) if np.isfinite(value) else "" for value in part]
            side = "left" if horizontal and not stacked and (part[np.isfinite(part)] >= 0).all() else "center"
            wider = 0 if stacked else thick * 0.12
            out.append(
                self._turned(
                    "boxes", "", horizontal, {"x": begin - wider, "x2": begin + thick + wider, "y": tip, "y2": far},
                    texts=words, text_size=self.style["text"] * 0.9, text_colour=ink, align=side,
                )
            )  # fmt: skip
        return out

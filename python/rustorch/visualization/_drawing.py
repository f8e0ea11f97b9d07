"""What the methods of Plotter share."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import create_colormap, rgba, style_of
from rustorch.visualization._figure import Description, Figure, Path, axis, grid_columns, save_figure, style_part, text

Size = Tuple[float, float]
Limits = Optional[Tuple[Optional[float], Optional[float]]]

MARKERS = ("circle", "square", "triangle", "diamond", "cross")


def choice(what: str, value: str, names: Mapping[str, str], allowed: Sequence[str]) -> str:
    found = names.get(value, value)
    if found not in allowed:
        raise _C.ArgumentValueError(f"{what} must be one of {', '.join(map(repr, [*allowed, *names]))}, not {value!r}")
    return found


def number(value: float) -> str:
    """Four digits, as short as they can be; a minus as wide as a digit."""
    if value == int(value) and abs(value) < 1e6 if np.isfinite(value) else False:
        return str(int(value)).replace("-", "\u2212")
    return f"{value:.4g}".replace("-", "\u2212")


class Drawing:
    """Sizes, colours and axes; puts panels together to figures."""

    def __init__(
        self, backend: str = "rustorch", style: Union[str, Mapping[str, Any]] = "default", figure_size: Size = (10, 6), dpi: float = 100
    ) -> None:
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
            "title": text(title), "width": width * 72, "height": height * 72, "columns": columns,
            "style": style_part(style), "panels": panels,
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
            size = max(width, 3.4 * across), max(height * (0.75 if across > 1 and down == 1 else 1), 3.2 * down)
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

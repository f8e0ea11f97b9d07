"""The same descriptions, drawn by matplotlib."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from rustorch import _C
from rustorch.visualization._figure import Description

_DASHES = {"solid": "-", "dashed": "--", "dotted": ":", "dashdot": "-."}
_MARKERS = {"none": "", "circle": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "X"}


def require() -> None:
    """An error unless matplotlib is installed."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise _C.UnsupportedError(
            'Plotter(backend="matplotlib"): matplotlib is not installed: pip install matplotlib, or use the default backend'
        )


def _color(value: int) -> Sequence[float]:
    return [(value >> shift & 255) / 255 for shift in (24, 16, 8, 0)]


def _colors(values: Any) -> np.ndarray:
    return np.stack([np.asarray(values) >> shift & 255 for shift in (24, 16, 8, 0)], -1) / 255.0


def draw(description: Description, dpi: float) -> Any:
    """A matplotlib Figure of a description."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style, panels = description["style"], description["panels"]
    figure = Figure(
        figsize=(description["width"] / 72, description["height"] / 72),
        dpi=dpi,
        facecolor=_color(style["background"]),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    columns = max(1, min(description["columns"], len(panels)))
    rows = -(-len(panels) // columns)
    for i, drawn in enumerate(panels):
        _panel(figure, figure.add_subplot(rows, columns, i + 1), drawn, style)
    if description["title"]:
        figure.suptitle(description["title"], color=_color(style["ink"]), fontweight="bold", fontsize=1.45 * style["text"])
    return figure


def _panel(figure: Any, axes: Any, drawn: Description, style: Description) -> None:
    axes.set_facecolor(_color(style["frame"]))
    axes.set_axisbelow(True)
    for which in ("x", "y"):
        if drawn.get(f"grid_{which}"):
            axes.grid(axis=which, color=_color(style["faint"]))
        _axis(axes, which, drawn[which], style)
    for each in drawn["marks"]:
        _MARKS[each["kind"]](axes, each)
    for which in ("x", "y"):  # after the marks, which would change them
        side, limits = drawn[which], getattr(axes, f"get_{which}lim")()
        low, high = (-0.5, len(side["names"]) - 0.5) if side["kind"] == "names" else (side["low"], side["high"])
        limits = (min(limits) if np.isnan(low) else low, max(limits) if np.isnan(high) else high)
        getattr(axes, f"set_{which}lim")(limits[::-1] if side.get("reversed") else limits)
    if drawn.get("square"):
        axes.set_aspect("equal")
    if drawn["title"]:
        axes.set_title(drawn["title"], color=_color(style["ink"]), fontweight="bold", fontsize=1.2 * style["text"])
    if drawn["note"]:
        axes.annotate(
            drawn["note"],
            (1, 0),
            (0, -32),
            "axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=_color(style["muted"]),
        )
    if any(each["name"] for each in drawn["marks"]):
        axes.legend(loc="best", frameon=False, labelcolor=_color(style["ink"]))
    bar = drawn.get("bar")
    if bar:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import ListedColormap, LogNorm, Normalize

        norm = (LogNorm if bar.get("log") else Normalize)(bar["low"], bar["high"])
        explained = figure.colorbar(
            ScalarMappable(norm, ListedColormap(_colors(bar["colours"]))), ax=axes, label=bar.get("label") or None
        )
        explained.ax.tick_params(colors=_color(style["muted"]))
        explained.ax.yaxis.label.set_color(_color(style["muted"]))
    if not drawn.get("boxed"):
        axes.spines[["top", "right"]].set_visible(False)


def _axis(axes: Any, which: str, side: Description, style: Description) -> None:
    if side["kind"] == "none":
        getattr(axes, f"{which}axis").set_visible(False)
        for place in ("left", "right") if which == "y" else ("top", "bottom"):
            axes.spines[place].set_visible(False)
        return
    getattr(axes, f"set_{which}label")(side["label"], color=_color(style["muted"]))
    axes.tick_params(axis=which, colors=_color(style["muted"]))
    if side["kind"] == "log":
        getattr(axes, f"set_{which}scale")("log")
    elif side["kind"] == "names":
        turned = {"rotation": 45, "ha": "right"} if which == "x" and sum(map(len, side["names"])) > 60 else {}
        getattr(axes, f"set_{which}ticks")(range(len(side["names"])), side["names"], **turned)
    elif side.get("whole"):
        from matplotlib.ticker import MaxNLocator

        getattr(axes, f"{which}axis").set_major_locator(MaxNLocator(integer=True))


def _line(axes: Any, each: Description) -> None:
    if each.get("arrow"):
        ends = np.flatnonzero(~np.isfinite(each["x"]))
        for first, last in zip([-1, *ends], ends):
            path = np.stack([each["x"][first + 1 : last], each["y"][first + 1 : last]], 1)
            axes.plot(path[:-1, 0], path[:-1, 1], color=_color(each["colour"]), lw=each["width"])
            axes.annotate(
                "",
                path[-1],
                path[-2],
                arrowprops={"arrowstyle": "-|>", "color": _color(each["colour"]), "lw": each["width"], "shrinkA": 0, "shrinkB": 0},
            )
        return
    marker = _MARKERS[each.get("marker", "none")] if np.isfinite(each["y"]).sum() <= 40 else ""
    axes.plot(
        each["x"],
        each["y"],
        _DASHES[each.get("dash", "solid")],
        color=_color(each["colour"]),
        lw=each["width"],
        marker=marker,
        ms=5,
        label=each["name"] or None,
    )


def _points(axes: Any, each: Description) -> None:
    colors = _color(each["colour"]) if each.get("colours") is None else None
    shades = None if colors is not None else _colors(each["colours"])
    axes.scatter(
        each["x"],
        each["y"],
        each["width"] ** 2,
        c=shades,
        color=colors,
        marker=_MARKERS[each["marker"]],
        linewidths=0,
        label=each["name"] or None,
    )


def _boxes(axes: Any, each: Description) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    x, y, width, height = each["x"], each["y"], each["x2"] - each["x"], each["y2"] - each["y"]
    fill = each.get("colour", 0) & 255 or each.get("colours") is not None
    if fill:
        colors = _colors(each["colours"]) if each.get("colours") is not None else [_color(each["colour"])]
        edge = _color(each["edge"]) if each.get("edge") else "none"
        patches = [Rectangle(corner, w, h) for *corner, w, h in zip(x, y, width, height)]
        drawn = PatchCollection(patches, facecolors=colors, edgecolors=[edge], linewidths=each.get("width", 0))
        drawn.sticky_edges.x.append(0)
        drawn.sticky_edges.y.append(0)
        axes.add_collection(drawn)
        if each["name"] and len(x):
            axes.add_patch(Rectangle((x[0], y[0]), 0, 0, facecolor=colors[0], label=each["name"]))  # for the legend
    axes.update_datalim(np.concatenate([np.stack([x, y], 1), np.stack([each["x2"], each["y2"]], 1)]) if len(x) else np.zeros((0, 2)))
    axes.autoscale_view()
    for i, words in enumerate(each.get("texts") or []):
        ink = each["text_colours"][i] if each.get("text_colours") is not None else each.get("text_colour", 255)
        if each.get("align") == "corner":
            axes.annotate(
                words,
                (min(x[i], each["x2"][i]), min(y[i], each["y2"][i])),
                (5, -4),
                textcoords="offset points",
                va="top",
                fontsize=each["text_size"],
                color=_color(int(ink)),
            )
        else:
            axes.text(
                x[i] + width[i] / 2,
                y[i] + height[i] / 2,
                words,
                ha="center",
                va="center",
                fontsize=each["text_size"],
                color=_color(int(ink)),
            )


def _image(axes: Any, each: Description) -> None:
    pixels = (_colors(each["pixels"]) * 255 + 0.5).astype(np.uint8)
    axes.imshow(pixels, extent=(each["x"][0], each["x2"][0], each["y2"][0], each["y"][0]), interpolation="nearest", aspect="auto")


def _rules(axes: Any, each: Description) -> None:
    look = {"color": _color(each["colour"]), "lw": each["width"], "ls": _DASHES[each.get("dash", "solid")]}
    for i, at in enumerate(each["x"] if each.get("x") is not None else each["y"]):
        (axes.axvline if each.get("x") is not None else axes.axhline)(at, label=(each["name"] or None) if i == 0 else None, **look)


_MARKS = {"line": _line, "points": _points, "boxes": _boxes, "image": _image, "rules": _rules}

"""A figure: its description, which C draws, and what can be done with it."""

from __future__ import annotations

import os
import sys
import tempfile
import unicodedata
import warnings
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple, Union

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import rgba

Path = Union[str, "os.PathLike[str]"]
Description = Dict[str, Any]
NAN = float("nan")

# The parts of a description: their keys are the fields of the structs in io/io.h -------------------------------------


def text(value: Any) -> str:
    """Any object as text that can be drawn: no NUL, no lone surrogate."""
    return "" if value is None else str(value).replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def axis(kind: str = "linear", label: Any = "", low: float = NAN, high: float = NAN, **more: Any) -> Description:
    """An axis; low and high NaN: as the marks need it."""
    if "names" in more:
        more["names"] = [text(name) for name in more["names"]]
    return {"kind": kind, "label": text(label), "low": float(low), "high": float(high), **more}


def mark(kind: str, name: Any = "", **more: Any) -> Description:
    """A mark; arrays as C wants them."""
    for key in ("x", "y", "x2", "y2"):
        if more.get(key) is not None:
            more[key] = np.ascontiguousarray(more[key], dtype=np.float64)
    for key in ("colours", "text_colours", "pixels"):
        if more.get(key) is not None:
            more[key] = np.ascontiguousarray(more[key], dtype=np.uint32)
    if more.get("texts") is not None:
        more["texts"] = [text(item) for item in more["texts"]]
    return {"kind": kind, "name": text(name), **more}


def panel(x: Description, y: Description, marks: List[Description], title: Any = "", note: Any = "", **more: Any) -> Description:
    """A panel of a figure."""
    return {"title": text(title), "note": text(note), "x": x, "y": y, "marks": marks, **more}


def style_part(style: Mapping[str, Any]) -> Description:
    """What C knows of a style."""
    part: Description = {key: rgba(style[key]) for key in ("background", "frame", "ink", "muted", "faint")}
    return {**part, "font": text(style["font"]), "text": float(style["text"])}


# Characters without a glyph -------------------------------------------------------------------------------------------

_CJK, _ARABIC = "fonts-noto-cjk", "fonts-hosny-amiri"
# First and last code point, what people call it, and a Debian package with such a font.
_SCRIPTS = (
    (0x1100, 0x11FF, "Korean", _CJK), (0x3130, 0x318F, "Korean", _CJK), (0xA960, 0xA97F, "Korean", _CJK), (0xAC00, 0xD7FF, "Korean", _CJK),
    (0x3040, 0x30FF, "Japanese", _CJK), (0x31F0, 0x31FF, "Japanese", _CJK), (0x2E80, 0x303F, "Chinese", _CJK),
    (0x3100, 0x312F, "Chinese", _CJK), (0x3400, 0x9FFF, "Chinese", _CJK), (0xF900, 0xFAFF, "Chinese", _CJK),
    (0xFF00, 0xFFEF, "Japanese", _CJK), (0x20000, 0x3FFFF, "Chinese", _CJK), (0x0600, 0x06FF, "Arabic", _ARABIC),
    (0x0750, 0x077F, "Arabic", _ARABIC), (0x08A0, 0x08FF, "Arabic", _ARABIC), (0xFB50, 0xFDFF, "Arabic", _ARABIC),
    (0xFE70, 0xFEFF, "Arabic", _ARABIC), (0x2600, 0x27BF, "emoji", "fonts-noto-color-emoji"),
    (0x2B00, 0x2BFF, "emoji", "fonts-noto-color-emoji"), (0x1F000, 0x1FAFF, "emoji", "fonts-noto-color-emoji"),
)  # fmt: skip
_warned: Set[str] = set()


def _callers_level() -> int:
    """The stack level of the line that is not ours, for warnings."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("rustorch.visualization"):
        level, frame = level + 1, frame.f_back
    return level


def _script(character: str) -> Tuple[str, str]:
    for first, last, script, package in _SCRIPTS:
        if first <= ord(character) <= last:
            return script, package
    return unicodedata.name(character, "unassigned").split()[0].title(), "fonts-noto-core"


def _warn_missing(characters: str) -> None:
    """Once for each script: no font has these characters."""
    found: Dict[Tuple[str, str], List[str]] = {}
    for character in characters:
        found.setdefault(_script(character), []).append(character)
    for (script, package), members in found.items():
        if script in _warned:
            continue
        _warned.add(script)
        warnings.warn(
            f"no installed font has the {script} characters {''.join(members)!r}: they are drawn as boxes. "
            f"Install one, on Debian and Ubuntu with: apt install {package}",
            UserWarning, stacklevel=_callers_level(),
        )  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------


def is_first_rank() -> bool:
    """Rank 0, or the only one; does not start MPI."""
    if os.environ.get("RUSTORCH_RANK"):
        return int(os.environ["RUSTORCH_RANK"]) == 0
    distributed = sys.modules.get("rustorch.distributed")
    return distributed is None or not distributed.is_initialized() or distributed.get_rank() == 0


class Figure:
    """A picture: what the methods of :class:`Plotter` return. It shows itself at the end of a notebook's cell.

    Example
    -------
    >>> from rustorch.visualization import Plotter
    >>> figure = Plotter().line_plot([1, 2, 3], [3.0, 1.0, 2.0], title="zigzag")
    >>> figure
    Figure(10 x 6 in, 100 dpi, 'zigzag')
    >>> figure.to_png()[:4]
    b'\\x89PNG'
    """

    def __init__(self, description: Description, dpi: float = 100.0) -> None:
        if not dpi > 0:
            raise _C.ArgumentValueError(f"dpi must be above 0, not {dpi!r}")
        self._description = description
        #: Pixels an inch of raster pictures.
        self.dpi = float(dpi)

    @property
    def size(self) -> Tuple[float, float]:
        """Width and height in inches."""
        return self._description["width"] / 72, self._description["height"] / 72

    @property
    def title(self) -> str:
        """The title of the figure, or of its first panel."""
        return self._description["title"] or self._description["panels"][0]["title"]

    def _scale(self, dpi: Optional[float], scale: float) -> float:
        dpi = self.dpi if dpi is None else float(dpi)
        if not dpi > 0 or not scale > 0:
            raise _C.ArgumentValueError(f"dpi and scale must be above 0, not {dpi!r} and {scale!r}")
        return dpi / 72 * scale

    def _draw(self, format: str, scale: float) -> bytes:
        data, missing = _C._figure_draw(self._description, format, scale)
        _warn_missing(missing)
        return data

    def to_png(self, dpi: Optional[float] = None, scale: float = 1.0) -> bytes:
        """The bytes of a PNG file: size × dpi × scale pixels."""
        return self._draw("png", self._scale(dpi, scale))

    def to_svg(self) -> str:
        """The text of an SVG file."""
        return self._draw("svg", 1.0).decode("utf-8")

    def to_pdf(self) -> bytes:
        """The bytes of a PDF file."""
        return self._draw("pdf", 1.0)

    def save(self, path: Path, dpi: Optional[float] = None, scale: float = 1.0, all_ranks: bool = False) -> str:
        """Write the picture; the file appears whole or not at all.

        Parameters
        ----------
        path : str or path
            Its ending says the format: ``.png``, ``.svg`` or ``.pdf``. The folder must exist.
        dpi : float, optional
            Pixels an inch of a PNG; by default the figure's.
        scale : float, default 1
            Multiplies the pixels of a PNG: 2 for screens with small pixels.
        all_ranks : bool, default False
            Under the launcher rank 0 alone writes. True: every rank does, for paths that differ.

        Returns
        -------
        str
            The path.

        Raises
        ------
        ArgumentValueError
            The ending is none of the three.
        SerializationError
            The file cannot be written.
        """
        path = os.fspath(path)
        factor = self._scale(dpi, scale)
        if all_ranks or is_first_rank():
            _warn_missing(_C._figure_save(self._description, path, factor))
        return path

    def show(self) -> Optional[str]:
        """Show the picture: in a notebook in the cell's output, else as a file.

        Without a notebook it is written as a PNG into the folder for temporary files and its path is printed; where there is a
        desktop, its viewer opens it. Returns the path, or None in a notebook.
        """
        if _in_notebook():
            from IPython.display import display  # type: ignore[import-not-found]

            display(self)
            return None
        if not is_first_rank():
            return None
        handle, path = tempfile.mkstemp(prefix="rustorch-", suffix=".png")
        os.close(handle)
        self.save(path)
        print(f"figure saved as {path}")
        _open_viewer(path)
        return path

    def _repr_png_(self) -> bytes:
        return self.to_png(scale=2.0)

    def _repr_svg_(self) -> Optional[str]:
        found = self.to_svg()
        return found if len(found) < 1_000_000 else None  # a notebook keeps what it shows

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Tuple[Dict[str, bytes], Dict[str, Any]]:
        """A PNG with two pixels for each one that it covers: sharp on every screen, and small whatever is drawn."""
        width, height = (round(inches * self.dpi) for inches in self.size)
        return {"image/png": self._repr_png_()}, {"image/png": {"width": width, "height": height}}

    def __repr__(self) -> str:
        return f"Figure({self.size[0]:g} x {self.size[1]:g} in, {self.dpi:g} dpi, {self.title!r})"


def _in_notebook() -> bool:
    """Is this a kernel that shows pictures?"""
    shell = sys.modules.get("IPython")
    current = shell.get_ipython() if shell is not None else None
    return current is not None and hasattr(current, "kernel")


def _open_viewer(path: str) -> None:
    import shutil
    import subprocess

    desktop = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    program = shutil.which("open" if sys.platform == "darwin" else "xdg-open") if desktop else None
    if program:
        subprocess.Popen([program, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def grid_columns(n: int, ratio: float) -> int:
    """Panels in a row: up to 3 in one, then about `ratio` times as many across as down, with few places left empty."""
    if n <= 3:
        return max(1, n)
    about = round((n * ratio) ** 0.5)
    return min((max(2, about + more) for more in (0, 1, -1)), key=lambda columns: -n % columns)


def save_figure(figure: Any, path: Path, dpi: Optional[float] = None, scale: float = 1.0) -> str:
    """Write a figure, ours or one of matplotlib, as PNG, SVG or PDF, by the ending of the path.

    Example
    -------
    >>> from rustorch.visualization import Plotter, save_figure
    >>> save_figure(Plotter().histogram([1, 2, 2, 3]), "counts.svg")
    'counts.svg'
    """
    if isinstance(figure, Figure):
        return figure.save(path, dpi, scale)
    if not hasattr(figure, "savefig"):
        raise _C.ArgumentTypeError(f"save_figure: a Figure is needed, not {type(figure).__name__}")
    if is_first_rank():
        figure.savefig(path, dpi=(dpi or figure.dpi) * scale)
    return os.fspath(path)

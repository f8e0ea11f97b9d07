"""Columns of text: widths as a terminal shows them, times and sizes with a unit."""

import unicodedata
from typing import List, Optional, Sequence


def width(text: str) -> int:
    """How many columns a terminal needs: two for a wide letter (Unicode Standard Annex 11), none for a combining mark.

    >>> from rustorch._columns import width
    >>> width("loss"), width("손실")
    (4, 4)
    """
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, columns: int, right: bool = False) -> str:
    """The text in so many columns, cut with "…" if it is longer."""
    if width(text) > columns:
        while text and width(text) > columns - 1:
            text = text[:-1]
        text += "…"
    gap = " " * (columns - width(text))
    return gap + text if right else text + gap


def duration(seconds: float) -> str:
    """Three digits and a unit.

    >>> from rustorch._columns import duration
    >>> duration(0.00123), duration(61.5)
    ('1.23 ms', '61.5 s')
    """
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale * 0.9995:
            return _digits(seconds / scale) + " " + unit
    return f"{seconds * 1e9:.0f} ns" if seconds else "0"


def size(count: float) -> str:
    """Three digits and a unit, of 1000.

    >>> from rustorch._columns import size
    >>> size(0), size(512), size(1.5e6)
    ('0', '512 B', '1.50 MB')
    """
    for scale, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= scale * 0.9995:
            return _digits(count / scale) + " " + unit
    return f"{count:.0f} B" if count else "0"


def _digits(value: float) -> str:
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}"


def table(titles: Sequence[str], rows: Sequence[Optional[Sequence[str]]], most: int = 48) -> List[str]:
    """Lines of a table: the first column to the left, at most so wide, the others to the right. A row that is None is a rule."""
    given = [row for row in rows if row is not None]
    columns = [min(most, max(map(width, column))) if i == 0 else max(map(width, column)) for i, column in enumerate(zip(titles, *given))]
    rule = "-" * (sum(columns) + 2 * (len(columns) - 1))

    def line(row: Sequence[str]) -> str:
        return "  ".join(fit(text, columns[i], i > 0) for i, text in enumerate(row)).rstrip()

    return [line(titles), rule] + [rule if row is None else line(row) for row in rows]

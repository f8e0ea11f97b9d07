"""The table that ``Model.summary`` shows, with columns that align for any script."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Callable, List, Optional, Sequence, Tuple

from rustorch._C import ArgumentValueError

__all__ = ["width", "summary"]


def width(text: str) -> int:
    """How many columns of a terminal a text takes: wide letters take two, those that combine with others none.

    >>> from rustorch.training.summary import width
    >>> width("abc"), width("분류")
    (3, 4)
    """
    total = 0
    for letter in text:
        if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Mn", "Me"):
            continue
        total += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
    return total


def fit(text: str, columns: int, right: bool = False) -> str:
    """A text in exactly so many columns, cut with … where it is longer."""
    if width(text) > columns:
        kept = ""
        for letter in text:
            if width(kept + letter) > columns - 1:
                break
            kept += letter
        text = kept + "…"
    space = " " * (columns - width(text))
    return space + text if right else text + space


class Summary(str):
    """The text of a summary, which :meth:`rustorch.Model.summary` has already printed; a notebook need not repeat it."""

    def __repr__(self) -> str:
        return f"<summary of {len(self.splitlines())} lines>"


def _size(bytes_: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if bytes_ < 1024 or unit == "TB":
            return f"{bytes_:.2f} {unit}"
        bytes_ /= 1024
    return ""


def _positioned(positions: Sequence[float], columns: int, line_length: int) -> List[int]:
    """The widths of columns that end at these places: columns of the text, or shares of the line."""
    ends = [float(end) for end in positions[:columns]]
    if ends and ends[-1] <= 1:
        ends = [line_length * end for end in ends]
    if len(ends) == 3 < columns:  # "Trainable" behind Keras's three
        ends.append(ends[-1] + 12)
    found = [round(end - before) - 3 for before, end in zip([0.0, *ends], ends)]
    if len(found) < columns or min(found) < 1:
        raise ArgumentValueError(
            f"summary: positions must say where each of {columns} columns ends, as shares of the line, such as [0.5, 0.8, 1.0], or in "
            f"letters, such as [40, 64, 80], not {positions!r}"
        )
    return found


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], line_length: Optional[int] = None,
    positions: Optional[Sequence[float]] = None,
) -> str:  # fmt: skip
    """Rows between lines, as Keras draws them; with ``line_length`` the first columns are widened or cut to it."""
    widths = [max([width(head[i])] + [width(row[i]) for row in rows]) for i in range(len(head))]
    if positions is not None:
        widths = _positioned(positions, len(head), line_length or 80)
    elif line_length is None:
        floor = (31, 22, 13)  # Keras's columns, so that small models look alike
        widths = [max(own, least) for own, least in zip(widths, floor)] + widths[len(floor) :]
    else:
        room = line_length - sum(widths[2:]) - 3 * len(widths) - 1  # for the first two columns
        if room < 12:
            raise ArgumentValueError(f"summary: line_length must be {line_length - room + 12} or more for this model, not {line_length}")
        widths[0] = max(6, min(room - 6, round(room * widths[0] / (widths[0] + widths[1]))))
        widths[1] = room - widths[0]

    def line(left: str, middle: str, end: str, bar: str) -> str:
        return left + middle.join(bar * (n + 2) for n in widths) + end

    def row(cells: Sequence[str], bar: str) -> str:
        return bar + bar.join(f" {fit(cell, n, to_right)} " for cell, n, to_right in zip(cells, widths, right)) + bar

    lines = [line("┏", "┳", "┓", "━"), row(head, "┃"), line("┡", "╇", "┩", "━")]
    for i, cells in enumerate(rows):
        if i:
            lines.append(line("├", "┼", "┤", "─"))
        lines.append(row(cells, "│"))
    return "\n".join([*lines, line("└", "┴", "┘", "─")])


def _counts(tensors: List[Any]) -> Tuple[int, int]:
    return sum(t.numel() for t in tensors), sum(t.numel() * t.element_size() for t in tensors)


def _rows(model: Any, nested: bool, depth: int = 0) -> List[Tuple[int, str, Any, Any]]:
    """Depth, name, layer and shape of the output of each layer; ``nested``: of models inside as well."""
    rows = []
    for name, layer in model._named_layers():
        rows.append((depth, name, layer, model._shape_of(layer)))
        if nested and hasattr(layer, "_named_layers"):
            rows += _rows(layer, nested, depth + 1)
    return rows


def _between(rows: List[Any], layer_range: Any) -> List[Any]:
    """The rows from a layer to another, whose names are the first ones that the patterns match."""
    try:
        patterns = [re.compile(each) for each in layer_range]
    except (TypeError, re.error):
        patterns = []
    if len(patterns) != 2:
        raise ArgumentValueError(f"summary: layer_range must be two names of layers (regular expressions), not {layer_range!r}")
    found = [next((i for i, row in enumerate(rows) if pattern.match(row[1])), None) for pattern in patterns]
    for pattern, at in zip(patterns, found):
        if at is None:
            known = ", ".join(row[1] for row in rows) or "none"
            raise ArgumentValueError(f"summary: no layer is called '{pattern.pattern}'; there are {known}")
    return rows[min(found) : max(found) + 1]  # type: ignore[type-var]


def summary(
    model: Any, line_length: Optional[int] = None, positions: Optional[Sequence[float]] = None,
    print_fn: Optional[Callable[[str], Any]] = None, expand_nested: bool = False, show_trainable: bool = False, layer_range: Any = None,
) -> Summary:  # fmt: skip
    """What :meth:`rustorch.Model.summary` prints and returns.

    >>> from rustorch.training.summary import summary
    >>> text = summary(rustorch.Model(["Input(4)", "Dense(8)"]), print_fn=lambda text: None)
    >>> text.splitlines()[-3]
    ' Total params: 40 (160.00 B)'
    """
    from rustorch.nn.parameter import is_lazy

    head, right = ["Layer (type)", "Output Shape", "Param #"], [False, False, True]
    if show_trainable:
        head.append("Trainable")
        right.append(False)
    layers = _rows(model, expand_nested)
    rows = []
    for depth, name, layer, shape in layers if layer_range is None else _between(layers, layer_range):
        tensors = [*layer.parameters(), *layer.buffers()]
        lazy = any(is_lazy(t) for t in tensors)
        cells = [
            "   " * (depth - 1) + ("└ " if depth else "") + f"{name} ({type(layer).__name__})",
            "?" if shape is None else str(shape),
            "0 (unbuilt)" if lazy else f"{sum(t.numel() for t in tensors):,}",
        ]
        if show_trainable:
            cells.append("Y" if any(p.requires_grad for p in layer.parameters()) else "N" if tensors else "-")
        rows.append(cells)
    ready = [p for p in model.parameters() if not is_lazy(p)]
    trained, frozen = [p for p in ready if p.requires_grad], [p for p in ready if not p.requires_grad]
    frozen += [b for b in model.buffers() if not is_lazy(b)]
    (n, n_bytes), (m, m_bytes) = _counts(trained), _counts(frozen)
    lines = [f'Model: "{model.name}"', table(head, rows, right, line_length, positions)]
    lines.append(f" Total params: {n + m:,} ({_size(n_bytes + m_bytes)})")
    lines.append(f" Trainable params: {n:,} ({_size(n_bytes)})")
    lines.append(f" Non-trainable params: {m:,} ({_size(m_bytes)})")
    text = "\n".join(lines)
    (print if print_fn is None else print_fn)(text)
    return Summary(text)

"""The table that ``Model.summary`` shows, with columns that align for any script."""

from __future__ import annotations

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


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], line_length: Optional[int] = None) -> str:
    """Rows between lines, as Keras draws them; with ``line_length`` the first columns are widened or cut to it."""
    widths = [max([width(head[i])] + [width(row[i]) for row in rows]) for i in range(len(head))]
    if line_length is None:
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


def summary(
    model: Any, line_length: Optional[int] = None, print_fn: Optional[Callable[[str], Any]] = None, show_trainable: bool = False
) -> Summary:
    """What :meth:`rustorch.Model.summary` prints and returns."""
    from rustorch.nn.parameter import is_lazy

    head, right = ["Layer (type)", "Output Shape", "Param #"], [False, False, True]
    if show_trainable:
        head.append("Trainable")
        right.append(False)
    rows = []
    for name, layer in model._named_layers():
        shape = model._shape_of(layer)
        tensors = [*layer.parameters(), *layer.buffers()]
        lazy = any(is_lazy(t) for t in tensors)
        cells = [
            f"{name} ({type(layer).__name__})",
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
    lines = [f'Model: "{model.name}"', table(head, rows, right, line_length)]
    lines.append(f" Total params: {n + m:,} ({_size(n_bytes + m_bytes)})")
    lines.append(f" Trainable params: {n:,} ({_size(n_bytes)})")
    lines.append(f" Non-trainable params: {m:,} ({_size(m_bytes)})")
    text = "\n".join(lines)
    (print if print_fn is None else print_fn)(text)
    return Summary(text)

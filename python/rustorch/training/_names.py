"""Names that people write: how they are compared, and what was probably meant."""

from __future__ import annotations

import difflib
from typing import Iterable, List

__all__ = ["plain", "nearest", "did_you_mean", "listed"]


def plain(name: str) -> str:
    """A name without case, underscores, hyphens and spaces: ``MaxPool2D``, ``max_pool2d`` and ``Max Pool 2D`` are one."""
    return "".join(letter for letter in name.casefold() if letter not in "_- ")


def nearest(name: str, known: Iterable[str], n: int = 1) -> List[str]:
    """The known names that are most like the given one, best first.

    >>> nearest("Danse", ["Dense", "Dropout"])
    ['Dense']
    """
    table = {}
    for each in known:
        table.setdefault(plain(each), each)
    wanted = plain(name)
    starts = [plain_name for plain_name in table if len(wanted) >= 3 and plain_name.startswith(wanted)]
    close = difflib.get_close_matches(wanted, table, n + 2, 0.6)
    order = list(dict.fromkeys(close + sorted(starts, key=len)))
    return [table[each] for each in order[:n]]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'Dense'?"`` or nothing."""
    found = nearest(name, known)
    return f"; did you mean '{found[0]}'?" if found else ""


def listed(names: Iterable[str], width: int = 100, indent: str = "  ") -> str:
    """Names in lines of at most ``width`` characters."""
    lines, line = [], ""
    for name in sorted(names, key=str.casefold):
        if line and len(line) + len(name) + 2 > width:
            lines.append(line)
            line = ""
        line += (", " if line else "") + name
    return "\n".join(indent + each for each in [*lines, line])

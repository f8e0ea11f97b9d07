"""Layouts of charts: TensorBoard's ``custom_scalar/layout.proto``."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from rustorch._C import ArgumentValueError
from rustorch.utils.tensorboard._record import message
from rustorch.utils.tensorboard._summary import _plugin, _tensor, _value


def custom_scalars(layout: Dict[str, Dict[str, Sequence[Any]]]) -> bytes:
    """A summary that tells TensorBoard which scalars share a chart."""
    categories: List[Any] = []
    for category, charts in layout.items():
        fields: List[Any] = [(1, "text", category)]
        for title, (kind, tags) in charts.items():
            if kind == "Multiline":
                content = (2, "bytes", message(*((1, "text", tag) for tag in tags)))
            elif kind == "Margin" and len(tags) == 3:
                series = message((1, "text", tags[0]), (2, "text", tags[1]), (3, "text", tags[2]))
                content = (3, "bytes", message((1, "bytes", series)))
            else:
                raise ArgumentValueError(
                    f"add_custom_scalars: the chart {title!r} is ['Multiline', [tags]] or ['Margin', [value, lower, upper]], not "
                    f"{[kind, list(tags)]!r}"
                )
            fields.append((2, "bytes", message((1, "text", title), content)))
        categories.append((2, "bytes", message(*fields)))
    data = message(*categories)
    return _value("custom_scalars__config__", _tensor(7, (), (8, "bytes", data)), _plugin("custom_scalars"))

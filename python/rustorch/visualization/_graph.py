"""The modules of a model as boxes and arrows.

1. A tree of parts: modules, cut at a depth; equal neighbours are one part.
2. With an input: one run finds out shapes, and by the tape which part's output each part reads.
3. Layout from the inside out: the parts of a container in rows by their longest way from its top; ways that skip rows run
   beside them.
"""

from __future__ import annotations

import re
import sys
import textwrap
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

import rustorch
from rustorch import _C, nn
from rustorch.visualization._colors import is_light, rgba
from rustorch.visualization._figure import Description, axis, mark, panel, text

_PAD, _ROW, _BESIDE, _LANE, _CAPTION = 12.0, 22.0, 16.0, 11.0, 20.0  # points
_TEXT = 9.0
_HIGHEST = 15000.0  # what would be higher is drawn in less depth


class _Part:
    """A module that is drawn, or several equal ones."""

    def __init__(self, module: Any, name: str, parent: Optional["_Part"]) -> None:
        self.module, self.name, self.parent = module, name, parent
        self.children: List["_Part"] = []
        self.repeats = 1
        self.shapes: Tuple[str, str] = ("", "")
        self.x = self.y = self.width = self.height = 0.0
        self.body = 0.0  # where the rows begin
        self.rows: List[List["_Part"]] = []
        self.lanes = 0

    def inside(self, other: Optional["_Part"]) -> bool:
        return other is self or (self.parent is not None and self.parent.inside(other))

    def lines(self) -> str:
        kind = type(self.module).__name__
        heading = f"{self.name} · {kind}" if self.name else kind
        if self.repeats > 1:
            heading += f"  ×{self.repeats}"
        if self.children:
            return heading
        found = [heading]
        written = re.fullmatch(r"\w+\((.*)\)", repr(self.module))  # in one line
        detail = written.group(1) if written else ""
        detail = re.sub(r"\((\d+(?:, \d+)+)\)", lambda match: match.group(1).replace(", ", "×"), detail)
        found += textwrap.wrap(detail, 40, max_lines=2, placeholder=" …")
        if self.shapes[1]:
            found.append(f"{self.shapes[0]} → {self.shapes[1]}")
        count = sum(parameter.numel() for parameter in _parameters(self.module))
        if count:
            found.append(f"{count:,} parameters")
        return "\n".join(found)


def _parameters(module: Any) -> List[Any]:
    lazy = getattr(nn.parameter, "UninitializedTensorMixin", ())
    return [parameter for parameter in module.parameters() if not isinstance(parameter, lazy)]


def _tree(module: Any, name: str, parent: Optional[_Part], depth: int, seen: Dict[int, _Part]) -> _Part:
    part = _Part(module, name, parent)
    seen.setdefault(id(module), part)
    if depth <= 0:
        for inner in module.modules():
            seen.setdefault(id(inner), part)
        return part
    last_text = None
    for child_name, child in module.named_children():
        as_text = repr(child)
        if as_text == last_text and next(iter(child.children()), None) is not None:
            previous = part.children[-1]
            previous.repeats += 1
            previous.name = f"{previous.name.split('–')[0]}–{child_name}"
            for inner, twin in zip(child.modules(), previous.module.modules()):
                seen.setdefault(id(inner), seen[id(twin)])
            continue
        last_text = as_text
        part.children.append(_tree(child, child_name, part, depth - 1, seen))
    return part


# 2. What a run shows --------------------------------------------------------------------------------------------------


def _tensors(value: Any) -> List[Any]:
    if isinstance(value, rustorch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [tensor for part in value for tensor in _tensors(part)] if isinstance(value, (list, tuple)) else []


def _shape(value: Any) -> str:
    found = ["×".join(map(str, tensor.shape)) or "scalar" for tensor in _tensors(value)]
    return ", ".join(found[:3]) + (" …" if len(found) > 3 else "")


class _Trace:
    """Which parts feed which: (None: the input) → part; and the shapes."""

    def __init__(self) -> None:
        self.edges: Dict[Tuple[Optional[_Part], _Part], None] = {}
        self.last: List[Optional[_Part]] = []
        self.order: Dict[_Part, int] = {}
        self.input, self.output = "", ""
        self._nodes: Dict[Any, Optional[_Part]] = {}  # of the tape → who made it
        self._alive: List[Any] = []

    def made(self, value: Any, part: Optional[_Part]) -> None:
        for tensor in _tensors(value):
            self._alive.append(tensor)
            if tensor.grad_fn is not None:
                self._nodes[tensor.grad_fn] = part

    def makers(self, value: Any) -> List[Optional[_Part]]:
        """The nearest parts on the tape from which the value comes."""
        found: Dict[Optional[_Part], None] = {}
        waiting = [tensor.grad_fn for tensor in _tensors(value)]
        seen: Set[Any] = set()
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if node in self._nodes:
                found[self._nodes[node]] = None
            else:
                waiting += [following for following, _ in node.next_functions]
        return list(found)


def _run(model: Any, given: Any, seen: Dict[int, _Part]) -> _Trace:
    """Calls the model once. A container none of whose parts is called computes by itself: it becomes a leaf."""
    trace = _Trace()
    handles, modes = [], [(module, module.training) for module in model.modules()]
    open_calls: List[Tuple[int, List[Optional[_Part]], str]] = []  # leaves called before, makers of the input, its shape
    calls = [0]

    def before(module: Any, args: Any) -> None:
        makers = trace.makers(args)
        if not makers and any(tensor is x for tensor in _tensors(args) for x in watched):
            makers = [None]  # integers, which the tape does not follow
        open_calls.append((calls[0], makers, _shape(args)))

    def after(module: Any, args: Any, output: Any) -> None:
        part = seen[id(module)]
        earlier, makers, shape = open_calls.pop()
        if part.children and (calls[0] > earlier or part.parent is None):
            return
        calls[0] += 1
        part.children = []
        trace.order.setdefault(part, len(trace.order))
        if part.module is module:
            part.shapes = (shape, _shape(output))
        trace.edges.update({(maker, part): None for maker in makers if maker is not part})
        trace.made(output, part)

    inputs = given if isinstance(given, tuple) else (given,)
    # numbers that the tape follows, so that the way of the input is known from the start
    with rustorch.enable_grad():
        watched = [x.detach().requires_grad_().clone() if isinstance(x, rustorch.Tensor) and x.is_floating_point() else x for x in inputs]
    trace.made(watched, None)
    try:
        for module in model.modules():
            handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
        model.eval()
        with rustorch.enable_grad():
            output = model(*watched)
        trace.last = trace.makers(output)
        trace.input, trace.output = _shape(inputs), _shape(output)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    return trace


# 3. Layout ------------------------------------------------------------------------------------------------------------


def _in_order(module: Any) -> bool:
    """Does it call its parts one after the other?"""
    training = sys.modules.get("rustorch.training.model")
    classes = (nn.Sequential,) if training is None else (nn.Sequential, training.Model)
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in classes)


def _branch(part: Optional[_Part], container: _Part) -> Optional[_Part]:
    """The child of the container that holds the part."""
    while part is not None and part.parent is not container:
        part = part.parent
    return part


class _Layout:
    def __init__(self, trace: Optional[_Trace], style: Mapping[str, Any]) -> None:
        self.trace, self.style = trace, style
        self.paths: List[List[Tuple[float, float]]] = []
        self.leaves: List[_Part] = []
        self.containers: List[_Part] = []
        self.edge = 0.0  # where the next way beside the boxes may run

    def measure(self, words: str, heading: bool = True) -> Tuple[float, float]:
        width, height = _C._figure_measure(text(words), text(self.style["font"]), _TEXT, heading)
        return width, height

    def links(self, container: _Part) -> Dict[Tuple[Optional[_Part], _Part], None]:
        """Arrows between the children of a container; from None: from its top."""
        found: Dict[Tuple[Optional[_Part], _Part], None] = {}
        if self.trace is None:
            if _in_order(container.module):
                for first, second in zip(container.children, container.children[1:]):
                    found[(first, second)] = None
            return found
        place = {child: i for i, child in enumerate(container.children)}
        for first, second in self.trace.edges:
            target = _branch(second, container)
            if target is None:
                continue
            source = _branch(first, container)
            if source is not target and (source is None or place[source] < place[target]):
                found[(source, target)] = None
        return found

    def lasts(self, part: _Part) -> List[_Part]:
        """The parts that make the output, if this is the model."""
        found = {} if self.trace is None or part.parent else {_branch(last, part): None for last in self.trace.last}
        return [child for child in found if child is not None]

    def arrange(self, part: _Part) -> None:
        """Rows and size of a part and all within it."""
        words = self.measure(part.lines())
        if not part.children:
            part.width, part.height = words[0] + 22, words[1] + 12
            return
        for child in part.children:
            self.arrange(child)
        if self.trace is not None:  # as they were called; those never called last
            part.children.sort(
                key=lambda child: min([self.trace.order[leaf] for leaf in self.trace.order if leaf.inside(child)], default=10**9)
            )
        links = self.links(part)
        level = {child: 0 for child in part.children}
        if links:
            for child in part.children:  # in an order in which sources come first
                above = [level[source] + 1 for source, target in links if target is child and source is not None]
                level[child] = max(above, default=0)
        else:
            level = {child: i for i, child in enumerate(part.children)}
        last = max(level.values())
        for child in part.children:  # not called
            if links and not any(child in link for link in links):
                level[child] = last + 1
        part.rows = [[child for child in part.children if level[child] == row] for row in range(max(level.values()) + 1)]
        widest = max((child.width for child in part.children if not child.children), default=0.0)
        for row in part.rows:
            if len(row) == 1 and not row[0].children:
                row[0].width = widest
        part.lanes = sum(1 for source, target in links if level[target] - (-1 if source is None else level[source]) > 1)
        part.lanes += sum(1 for child in self.lasts(part) if level[child] < len(part.rows) - 1)
        across = max(sum(child.width for child in row) + _BESIDE * (len(row) - 1) for row in part.rows)
        down = sum(max(child.height for child in row) for row in part.rows) + _ROW * (len(part.rows) - 1)
        # room on both sides, so that the boxes stay in the middle
        part.width = max(across + 2 * _PAD + 2 * _LANE * part.lanes, words[0] + 24 if part.parent else 0)
        part.body = (_CAPTION if part.parent else 0.0) + _PAD
        part.height = part.body + down + _PAD

    def place(self, part: _Part, x: float, y: float) -> None:
        part.x, part.y = x, y
        if not part.children:
            self.leaves.append(part)
            return
        if part.parent:
            self.containers.append(part)
        top = y + part.body
        for row in part.rows:
            high = max(child.height for child in row)
            left = x + part.width / 2 - (sum(child.width for child in row) + _BESIDE * (len(row) - 1)) / 2
            for child in row:
                self.place(child, left, top + (high - child.height) / 2)
                left += child.width + _BESIDE
            top += high + _ROW
        self.connect(part)

    def connect(self, part: _Part) -> None:
        level = {child: i for i, row in enumerate(part.rows) for child in row}
        self.edge = max(child.x + child.width for child in part.children) + _LANE
        for source, target in self.links(part):
            begin = -1 if source is None else level[source]
            if level[target] - begin > 1:
                start = (self.edge, part.y) if source is None else (source.x + source.width, source.y + source.height * 2 / 3)
                self.beside(start, target.x + target.width, target.y + target.height / 3)  # what comes in above what goes out
            elif source is not None:
                self.down(source.x + source.width / 2, source.y + source.height, target, part.rows[level[target]])
            elif part.parent is not None and len(part.rows[0]) > 1:
                self.down(part.x + part.width / 2, part.y, target, part.rows[0])

    def beside(self, start: Tuple[float, float], x: float, y: float) -> None:
        """A way around what lies between, to the right side of something."""
        self.paths.append([start, (self.edge, start[1]), (self.edge, y), (x, y)])
        self.edge += _LANE

    def down(self, x: float, y: float, target: _Part, row: List[_Part]) -> None:
        """A way to the top of a part, crossing to it above its whole row."""
        end = target.x + target.width / 2
        if abs(end - x) < 10:
            self.paths.append([(end, y), (end, target.y)])
            return
        middle = min(part.y for part in row) - _ROW / 2
        self.paths.append([(x, y), (x, middle), (end, middle), (end, target.y)])

    def ends(self, root: _Part, middle: float, begin: float, pill: Tuple[float, float, float, float]) -> None:
        """Arrows from the input (whose lower end is `begin`) and to the output."""
        assert self.trace is not None
        read = {_branch(target, root): None for source, target in self.trace.edges if source is None}
        firsts = [child for child in root.rows[0] if child in read] or (root.rows[0] if len(root.rows[0]) == 1 else [])
        for first in firsts:
            self.down(middle, begin, first, root.rows[0])
        for last in self.lasts(root):
            x, y = last.x + last.width / 2, last.y + last.height
            if last not in root.rows[-1]:
                self.beside((last.x + last.width, last.y + last.height * 2 / 3), pill[2], (pill[1] + pill[3]) / 2)
            elif abs(x - middle) < 10:
                self.paths.append([(middle, y), (middle, pill[1])])
            else:
                turn = pill[1] - _ROW / 2
                self.paths.append([(x, y), (x, turn), (middle, turn), (middle, pill[1])])


_KINDS = (
    (("conv", "linear", "dense", "bilinear"), 0), (("norm",), 2), (("lstm", "gru", "rnn", "attention", "transformer", "embedding"), 3),
    (("pool", "flatten", "upsample", "pad", "shuffle"), 5), (("dropout", "identity"), 6),
)  # fmt: skip


def _hue(module: Any) -> int:
    """The place in the palette of a kind of module."""
    kind = type(module).__name__.lower()
    for words, place in _KINDS:
        if any(word in kind for word in words):
            return place
    return 4 if type(module).__module__.endswith("activation") else 1 if next(iter(module.parameters()), None) is not None else 6


def _depth(part: _Part) -> int:
    return 1 + max(map(_depth, part.children)) if part.children else 0


def _mixed(color: int, paper: int, part: float) -> int:
    out = 255
    for shift in (8, 16, 24):
        out |= round((color >> shift & 255) * part + (paper >> shift & 255) * (1 - part)) << shift
    return out


def describe(
    model: Any, given: Any, input_size: Any, depth: int, style: Mapping[str, Any]
) -> Tuple[Description, Tuple[float, float], str]:
    """The panel of a model, its size in inches, and its name."""
    if not isinstance(model, nn.Module):
        raise _C.ArgumentTypeError(f"plot_model: an nn.Module is needed, not {type(model).__name__}")
    if depth < 1:
        raise _C.ArgumentValueError(f"plot_model: depth must be at least 1, not {depth}")
    if given is not None and input_size is not None:
        raise _C.ArgumentValueError("plot_model: give an input or an input_size, not both")
    if input_size is not None:
        given = rustorch.zeros(tuple(input_size))
    seen: Dict[int, _Part] = {}
    root = _tree(model, "", None, depth, seen)
    if not root.children:  # a single layer: as if it were alone in a model
        inner = root
        root = _Part(model, "", None)
        inner.parent, root.children = root, [inner]
    trace = None if given is None else _run(model, given, seen)
    layout = _Layout(trace, style)
    layout.arrange(root)
    ends = [] if trace is None else [f"input  {trace.input}", f"output  {trace.output}"]
    sizes = [layout.measure(words, False) for words in ends]
    width = max([root.width] + [size[0] + 40 for size in sizes])
    top = sizes[0][1] + 10 + _ROW - _PAD if ends else 0.0
    layout.place(root, (width - root.width) / 2, top)
    height = top + root.height + (_ROW - _PAD + sizes[1][1] + 10 if ends else 0.0)
    boxes: List[Tuple[float, float, float, float]] = []
    if trace is not None:
        for i, y in ((0, 0.0), (1, height - sizes[1][1] - 10)):
            boxes.append((width / 2 - sizes[i][0] / 2 - 14, y, width / 2 + sizes[i][0] / 2 + 14, y + sizes[i][1] + 10))
        layout.ends(root, width / 2, boxes[0][3], boxes[1])
    drawn_depth = min(depth, _depth(root))
    if height > _HIGHEST and drawn_depth > 1:
        return describe(model, given, None, drawn_depth - 1, style)
    drawn = panel(axis("none", "", 0, width), axis("none", "", 0, height, reversed=True), _marks(layout, ends, boxes, style), square=True)
    # room around it and for the title; what is larger than a figure can be becomes smaller as a whole
    size = min((width + 40) / 72, 269.0), min((height + 62) / 72, 269.0)
    name = getattr(model, "name", None)
    return drawn, size, name if isinstance(name, str) and name else type(model).__name__


def _marks(
    layout: _Layout, ends: List[str], boxes: List[Tuple[float, float, float, float]], style: Mapping[str, Any]
) -> List[Description]:
    palette, paper = style["palette"], rgba(style["background"])
    ink, muted = rgba(style["ink"]), rgba(style["muted"])

    def corners(parts: List[_Part]) -> Dict[str, List[float]]:
        return {
            "x": [part.x for part in parts], "y": [part.y for part in parts], "x2": [part.x + part.width for part in parts],
            "y2": [part.y + part.height for part in parts],
        }  # fmt: skip

    light = is_light(paper)
    marks = []
    if layout.containers:
        shade = _mixed(muted, paper, 0.08 if light else 0.16)
        marks.append(
            mark(
                "boxes", **corners(layout.containers), colour=shade, edge=_mixed(muted, paper, 0.35), width=0.8, radius=6,
                texts=[part.lines() for part in layout.containers], text_size=_TEXT, text_colour=muted, heading=True, align="corner",
            )
        )  # fmt: skip
    paths = [point for path in layout.paths for point in [*path, (float("nan"), float("nan"))]]
    marks.append(mark("line", x=[x for x, _ in paths], y=[y for _, y in paths], colour=muted, width=1.1, arrow=True))
    for hue in sorted({_hue(part.module) for part in layout.leaves}):
        parts = [part for part in layout.leaves if _hue(part.module) == hue]
        color = rgba(palette[hue % len(palette)])
        marks.append(
            mark(
                "boxes", **corners(parts), colour=_mixed(color, paper, 0.16 if light else 0.28), edge=_mixed(color, paper, 0.85),
                width=1.0, radius=5,
                texts=[part.lines() for part in parts], text_size=_TEXT, text_colour=ink, heading=True,
            )
        )  # fmt: skip
    if ends:
        x, y, x2, y2 = (list(side) for side in zip(*boxes))
        look = {"colour": paper, "edge": muted, "width": 1.0, "radius": 12, "text_size": _TEXT, "text_colour": ink}
        marks.append(mark("boxes", x=x, y=y, x2=x2, y2=y2, texts=ends, **look))
    return marks

"""Writes docs/reference: a page for each public package, made from signatures and docstrings.

``python -m rustorch._stubs`` calls :func:`pages` and writes them beside the other generated files. Nothing on a page depends on
the machine, the version of Python, or the order of imports.
"""

import enum
import importlib
import inspect
import re
import textwrap
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

# The page of a package, and what the index says about it. What several packages offer is described on the first page that has it.
PACKAGES = {
    "rustorch": "tensors, operations on them, settings",
    "rustorch.nn": "modules: layers, losses, containers, `DistributedDataParallel`",
    "rustorch.nn.functional": "the same as functions",
    "rustorch.nn.init": "starting values of parameters",
    "rustorch.nn.utils": "clipping, parametrizations, pruning, sequences of different lengths",
    "rustorch.nn.utils.rnn": "padded and packed sequences",
    "rustorch.nn.utils.prune": "pruning",
    "rustorch.nn.utils.parametrize": "parameters computed from others",
    "rustorch.nn.parallel": "modules on several ranks",
    "rustorch.optim": "optimisers",
    "rustorch.optim.lr_scheduler": "schedules of learning rates",
    "rustorch.optim.swa_utils": "averages of weights",
    "rustorch.autograd": "derivatives: `grad`, functions of your own, modes, anomaly detection",
    "rustorch.autograd.functional": "Jacobians, Hessians, products with them",
    "rustorch.autograd.graph": "the recorded graph: nodes, hooks, what is saved",
    "rustorch.autograd.profiler": "rows and tables of a profiler, and its older spelling",
    "rustorch.func": "derivatives of functions: `grad`, `vmap`, `jacrev`",
    "rustorch.amp": "mixed precision",
    "rustorch.data": "data sets, orders, batches",
    "rustorch.data.datasets": "data sets from local files",
    "rustorch.data.transforms": "transforms of images",
    "rustorch.data.transforms.functional": "the same as functions",
    "rustorch.training": "`Model`, `Trainer` and what belongs to them",
    "rustorch.training.layers": "layers of a `Model`",
    "rustorch.training.losses": "losses, as in Keras",
    "rustorch.training.metrics": "metrics",
    "rustorch.training.optimizers": "optimisers by Keras's formulas",
    "rustorch.training.callbacks": "callbacks",
    "rustorch.training.initializers": "starting values, as in Keras",
    "rustorch.training.regularizers": "penalties on weights",
    "rustorch.checkpoint": "everything a run needs to go on",
    "rustorch.serialization": "`save` and `load`",
    "rustorch.distributed": "process groups and collectives",
    "rustorch.multiprocessing": "processes that share tensors",
    "rustorch.visualization": "plots",
    "rustorch.profiler": "where the time goes, in PyTorch's spelling",
    "rustorch.utils": "models as files, comparing, settings, `Profiler`",
    "rustorch.utils.safetensors": "the safetensors format",
    "rustorch.utils.tensorboard": "event files",
    "rustorch.utils.checkpoint": "less memory by computing twice",
    "rustorch.distributions": "distributions and transforms of them",
    "rustorch.linalg": "decompositions, solvers, norms",
    "rustorch.special": "special functions",
    "rustorch.fft": "frequencies and shifts",
    "rustorch.random": "random numbers",
    "rustorch.vision.models": "networks for images",
    "rustorch.vision.datasets": "data sets under torchvision's names",
    "rustorch.vision.transforms": "transforms under torchvision's names",
    "rustorch.vision.utils": "grids of images, boxes",
    "rustorch.vision.io": "image files",
    "rustorch.cuda": "GPUs: whether there are any",
    "rustorch.accelerator": "the same without a make",
    "rustorch.backends": "what this build can do",
    "rustorch.compiler": "what scripts ask of a compiler",
    "rustorch.jit": "what scripts ask of TorchScript",
    "rustorch.hub": "models of local folders",
    "rustorch.compat": "scripts with `import torch`",
    "rustorch.testing": "comparing in tests",
}
_LISTS = ("Parameters", "Returns", "Yields", "Raises", "Warns", "Attributes", "Options", "Methods")  # sections whose lines are entries
_HIDDEN_METHODS = ("forward", "extra_repr", "reset_parameters")


class Entry(NamedTuple):
    """A public name, and the object."""

    name: str
    thing: Any


# ---------------------------------------------------------------------------------------------- signatures


def _value(value: Any) -> str:
    """A default, without addresses and without what differs between versions of Python."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if value is None or value is Ellipsis or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        inside = ", ".join(map(_value, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if isinstance(value, dict) and not value:
        return "{}"
    if type(value).__name__ in ("dtype", "device", "layout", "memory_format") and "0x" not in repr(value):
        return repr(value)
    return getattr(value, "__name__", "…")


def _made_by_init(kind: type) -> bool:
    """Does its __init__ say what it takes? Where there is a __new__ as well, versions of Python differ in which they show."""
    if not inspect.isfunction(kind.__init__) or type(kind).__call__ is not type.__call__:  # type: ignore[misc]
        return False
    taken = list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]
    return any(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in taken)


def _signature(name: str, thing: Any, method: bool = False) -> List[str]:
    """Lines of calls. Those of an op, and of some functions in C, stand in its docstring."""
    if type(thing).__name__ in ("op_function", "op_method"):
        return (thing.__doc__ or name).split("\n\n")[0].splitlines()
    if isinstance(thing, type) and issubclass(thing, (enum.Enum, BaseException)):
        return [f"class {name}"]
    made_by_init = isinstance(thing, type) and _made_by_init(thing)
    try:
        parameters = list(inspect.signature(thing.__init__ if made_by_init else thing).parameters.values())[int(made_by_init) :]
    except (ValueError, TypeError):
        return [f"class {name}" if isinstance(thing, type) else f"{name}(…)"]
    if method and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    parts, star = [], False
    for i, p in enumerate(parameters):
        if p.kind == p.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        star = star or p.kind == p.VAR_POSITIONAL
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        parts.append(mark + p.name + ("" if p.default is p.empty else f"={_value(p.default)}"))
        if p.kind == p.POSITIONAL_ONLY and (i + 1 == len(parameters) or parameters[i + 1].kind != p.POSITIONAL_ONLY):
            parts.append("/")
    return [f"{'class ' if isinstance(thing, type) else ''}{name}({', '.join(parts)})"]


def _wrapped(line: str) -> str:
    """A call over several lines where it is long."""
    start = line.find("(") + 1
    return "\n".join(textwrap.wrap(line, 110, subsequent_indent=" " * min(start, 20), break_long_words=False, break_on_hyphens=False))


# ---------------------------------------------------------------------------------------------- docstrings


def _inline(text: str) -> str:
    """One paragraph of a docstring as Markdown: roles and literals become code, what Markdown would read is escaped."""
    parts = re.split(r"(:(?:\w+:)?\w+:`[^`]+`|``.+?``|`[^`]+`_?)", text)
    for i, part in enumerate(parts):
        if i % 2:
            inside = part[part.index("`") :].rstrip("_").strip("`")
            named = re.match(r"(.+) <(.+)>$", inside)  # `text <target>`
            inside = named.group(1) if named else inside.lstrip("~") if part.startswith(":") else inside  # :class:`~a.B`, ``~/folder``
            parts[i] = f"`{inside}`"
        else:
            parts[i] = re.sub(r"([*<|\[\]])", r"\\\1", part)
    return "".join(parts)


def _fields(lines: List[str]) -> List[str]:
    """A section such as Parameters: lines, each with what is indented below it; and the paragraphs that may follow."""
    found: List[Tuple[str, List[str]]] = []
    rest: List[str] = []
    for i, line in enumerate(lines):
        if line and not line[0].isspace():
            if i and not lines[i - 1] and not re.match(r"\*{0,2}\w+(, \*{0,2}\w+)*( : .*)?$", line):
                rest = lines[i:]
                break
            name, _, kind = line.partition(" : ")
            plain = not kind and " " in name.replace(", ", "")
            found.append((f"- {_inline(name)}" if plain else f"- `{name.strip('`')}`" + (f" ({_inline(kind)})" if kind else ""), []))
        elif line.strip() and found:
            found[-1][1].append(line.strip())
    return [head + (f": {_inline(' '.join(below))}" if below else "") for head, below in found] + _body(rest)


def _blocks(lines: List[str]) -> Iterator[Tuple[str, List[str]]]:
    """("example" | "literal" | "text", lines): what runs, what is indented, and paragraphs."""
    kind, block = "text", []  # type: Tuple[str, List[str]]
    for line in [*lines, ""]:
        if kind == "example" and line.strip():
            block.append(line)
            continue
        starts = "example" if line.startswith(">>>") else "literal" if line.startswith("    ") else "text"
        if line.strip() and starts == kind:
            block.append(line)
            continue
        if block:
            yield kind, block
        kind, block = starts, [line] if line.strip() else []


def _body(lines: List[str]) -> List[str]:
    out: List[str] = []
    for kind, block in _blocks(lines):
        if kind == "example":
            if out and out[-1] == "```":
                out[-1:] = ["", *block, "```"]  # goes on with the example before it
            else:
                out += ["", "```pycon", *block, "```"]
        elif kind == "literal":
            out += ["", "```text", *textwrap.dedent("\n".join(block)).splitlines(), "```"]
        else:
            text = [_inline(line) for line in block]
            out += ["", *text[:-1], re.sub(r"::$", ":", text[-1])]
    return out


def _titles(lines: List[str]) -> List[int]:
    """Where a line of hyphens underlines a title."""
    plain = [i for i in range(1, len(lines)) if re.match(r"-{3,}$", lines[i])]
    return [i for i in plain if lines[i - 1].strip() and not lines[i - 1].startswith(" ")]


def _documented(text: Optional[str]) -> List[str]:
    """A NumPy-style docstring as Markdown."""
    lines = inspect.cleandoc(text or "").splitlines()
    out: List[str] = []
    title, begin = "", 0
    for mark in [*_titles(lines), len(lines) + 1]:
        part = lines[begin : mark - 1]
        if title:
            out += [] if title in ("Example", "Examples") else ["", f"**{title}**"]
            listed = title in _LISTS and part and not part[0].startswith((" ", ">>>"))
            out += ["", *_fields(part)] if listed else _body(part)
        else:
            out += _body(part)
        title, begin = (lines[mark - 1].strip() if mark <= len(lines) else ""), mark + 1
    return out


def _words(thing: Any) -> str:
    """The docstring, without the calls that one of the table of ops begins with; some functions in Python have taken theirs over."""
    return re.sub(r"\A(?:\w+\(.*\) -> .+\n)+\n", "", inspect.cleandoc(thing.__doc__ or "") + "\n")


def _sentence(thing: Any) -> str:
    """The first sentence of a docstring."""
    text = _words(thing)
    first = " ".join(text.split("\n\n")[0].split())
    return re.sub(r"(?<=[\w`)”\"]{2}[.?!]) [A-Z:`].*$", "", first)


# ---------------------------------------------------------------------------------------------- pages


def _is_op(thing: Any) -> bool:
    return type(thing).__name__ in ("op_function", "op_method")


def _names(module: Any) -> List[str]:
    if module.__name__ == "rustorch":
        return sorted(name for name in dir(module) if not name.startswith(("_", "Py")))
    return sorted(name for name in getattr(module, "__all__", ()) if not name.startswith("_"))


def _methods(cls: type, page: "Page") -> List[Entry]:
    """What a class, and bases of it that no page describes, define and document."""
    found: Dict[str, Any] = {}
    for base in cls.__mro__:
        if base is not cls and (id(base) in page.known or not base.__module__.startswith("rustorch") or base.__module__ == "rustorch._C"):
            break
        for name, thing in vars(base).items():
            function = thing.__func__ if isinstance(thing, (staticmethod, classmethod)) else thing
            doc = inspect.getdoc(thing.fget) if isinstance(thing, property) and thing.fget else getattr(function, "__doc__", None)
            if name.startswith("_") or name in found or name in _HIDDEN_METHODS or not doc:
                continue
            if isinstance(thing, property) or inspect.isroutine(function) or _is_op(function) or inspect.isgetsetdescriptor(function):
                found[name] = thing
    return [Entry(name, found[name]) for name in sorted(found)]


class Page:
    """The page of one package; ``known`` says where an object is described: its page and its name there."""

    def __init__(self, package: str, known: Dict[int, Tuple[str, str]]) -> None:
        self.module = importlib.import_module(package)
        self.name = package
        self.file = (package[len("rustorch.") :] or "rustorch") + ".md"
        self.known = known
        things = [Entry(name, getattr(self.module, name)) for name in _names(self.module)]
        self.entries = [e for e in things if not inspect.ismodule(e.thing) and _described(e.thing)]
        self.modules = [e for e in things if inspect.ismodule(e.thing)]
        self.constants = [e for e in things if not inspect.ismodule(e.thing) and not _described(e.thing)]
        for entry in sorted(self.entries, key=lambda e: e.name != getattr(e.thing, "__name__", None)):  # second names last
            known.setdefault(id(entry.thing), (self.file, entry.name))

    def text(self, note: str) -> str:
        """The whole page."""
        own = [e for e in self.entries if self.known[id(e.thing)] == (self.file, e.name)]
        ops = [e for e in own if _is_op(e.thing)]
        own = [e for e in own if not _is_op(e.thing)]
        others = [e for e in self.entries if self.known[id(e.thing)] != (self.file, e.name)]
        lines = [f"<!-- {note} -->", "", f"# {self.name}", *_documented(self.module.__doc__)]
        anchors = _anchors([self.name, *(e.name for e in own)])[1:]
        if own:
            lines += ["", "| name | |", "|---|---|"]
            lines += [f"| [`{e.name}`](#{anchor}) | {_inline(_sentence(e.thing))} |" for e, anchor in zip(own, anchors)]
        for said, here in (("Second names", True), ("Described elsewhere", False)):
            words = [self._elsewhere(e) for e in others if (self.known[id(e.thing)][0] == self.file) == here]
            lines += ["", f"{said}: {', '.join(words)}."] if words else []
        if self.constants:
            lines += ["", "Offered as well: " + ", ".join(f"`{e.name}`" for e in self.constants) + "."]
        for entry in own:
            lines += ["", *self._entry(entry)]
        if ops:
            lines += ["", "## Operations", "", "[ops.md](../ops.md) has all of them by family.", "", *_table(ops)]
        return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"

    def _elsewhere(self, entry: Entry) -> str:
        file, name = self.known[id(entry.thing)]
        said = f"`{entry.name}`" if name == entry.name else f"`{entry.name}` = `{name}`"
        return said if file == self.file else f"{said} in [{file[:-3]}]({file})"

    def _entry(self, entry: Entry) -> List[str]:
        calls = [_wrapped(line) for line in _signature(entry.name, entry.thing)]
        out = [f"## {entry.name}", "", "```text", *calls, "```"]
        if isinstance(entry.thing, type) and issubclass(entry.thing, BaseException):
            bases = ", ".join(f"`{base.__name__}`" for base in entry.thing.__bases__)
            return [*out, *_documented(entry.thing.__doc__), "", f"Is also: {bases}."]
        out += _documented(_words(entry.thing))
        if isinstance(entry.thing, type):
            if issubclass(entry.thing, enum.Enum):
                out += ["", "Members: " + ", ".join(f"`{member}`" for member in entry.thing.__members__) + "."]
            out += self._class(entry)
        return out

    def _class(self, entry: Entry) -> List[str]:
        methods = _methods(entry.thing, self)
        ops = [e for e in methods if _is_op(e.thing)]
        out: List[str] = []
        short = []
        for name, thing in (e for e in methods if e not in ops):
            if isinstance(thing, property) or inspect.isgetsetdescriptor(thing):
                short.append(f"- `{name}`: {_inline(_sentence(thing.fget if isinstance(thing, property) else thing))}")
                continue
            function = thing.__func__ if isinstance(thing, (staticmethod, classmethod)) else thing
            call = _signature(name, function, method=not isinstance(thing, staticmethod))[0]
            if "\n---" in inspect.cleandoc(function.__doc__) or ">>>" in function.__doc__:
                out += ["", f"### {entry.name}.{name}", "", "```text", _wrapped(call), "```", *_documented(function.__doc__)]
            else:
                short.append(f"- `{call}`: {_inline(_sentence(function))}")
        out = (["", *short] if short else []) + out
        for said, written in (("As the functions of these names", False), ("The same, written to the tensor itself", True)):
            names = [f"`{e.name}`" for e in ops if e.name.endswith("_") == written]
            out += ["", f"{said}: {', '.join(names)}."] if names else []
        return out


def _described(thing: Any) -> bool:
    """Functions and classes of ours; not constants, and not what comes from Python itself."""
    if not (getattr(thing, "__module__", None) or "rustorch").startswith("rustorch"):
        return False
    named = callable(thing) and bool(getattr(thing, "__name__", None))
    return inspect.isroutine(thing) or isinstance(thing, type) or _is_op(thing) or named


def _table(ops: List[Entry]) -> List[str]:
    lines = ["| operation | what it gives |", "|---|---|"]
    for name, thing in ops:
        calls = "<br>".join("`" + call.replace("|", "\\|") + "`" for call in _signature(name, thing))
        lines.append(f"| {calls} | {_inline(_sentence(thing))} |")
    return lines


def _anchors(titles: List[str]) -> List[str]:
    """The anchors that headings have on GitHub."""
    seen: Dict[str, int] = {}
    out = []
    for title in titles:
        plain = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = seen.get(plain, 0)
        seen[plain] = count + 1
        out.append(plain + (f"-{count}" if count else ""))
    return out


def pages(note: str) -> Dict[str, str]:
    """File name → text of every page, and of the index.

    Examples
    --------
    >>> from rustorch._reference import pages
    >>> sorted(pages("generated"))[:3]
    ['accelerator.md', 'amp.md', 'autograd.functional.md']
    """
    known: Dict[int, Tuple[str, str]] = {}
    made = [Page(package, known) for package in PACKAGES]
    index = [f"<!-- {note} -->", "", "# Reference", ""]
    index += ["Every public name, from its docstring. What is described in several packages stands on the first page that has it.", ""]
    index += ["| package | |", "|---|---|"]
    index += [f"| [`{page.name}`]({page.file}) | {PACKAGES[page.name]} |" for page in made]
    texts = {page.file: page.text(note) for page in made}
    texts["index.md"] = "\n".join(index) + "\n"
    return texts

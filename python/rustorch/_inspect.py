"""``python -m rustorch inspect FILE``: what a file of tensors holds, as a tree, and whether it is whole.

Files of rustorch (models, checkpoints, states), of safetensors, of PyTorch (``.pt``, ``.pth``) and of NumPy (``.npz``,
``.npy``) are told apart by their content. Nothing in them is run. Of a damaged file of rustorch's the tree is shown as far
as it can be read.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import stat
import struct
import sys
import time
import zipfile
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from . import _C, serialization
from ._C import SerializationError, Tensor
from ._columns import size, width
from ._commit import file_error

__all__ = ["Report", "inspect", "main"]

_MAGIC = b"\x89rustorch\r\n\x1a\n\0\0\0"
_FOOTER = struct.Struct("<16sIIQQ32s")
_RECORD = struct.Struct("<QQIHH8s")
_MOST = 60  # characters of a value


class Item(NamedTuple):
    """A line of the tree: what stands under a name. Of a tensor: dtype, shape and bytes; of anything else its text."""

    name: str
    text: str = ""
    dtype: str = ""
    shape: Optional[List[int]] = None
    bytes: int = 0
    children: Tuple["Item", ...] = ()


class Report(NamedTuple):
    """What :func:`inspect` found.

    ``status`` is "whole" (every byte was checked against a checksum), "sound" (the format has none; its structure was
    checked), "damaged" with a ``problem``, or "unreadable": it holds what is no data.
    """

    path: str
    kind: str
    bytes: int
    status: str
    problem: str
    facts: Dict[str, str]
    tree: Tuple[Item, ...]

    def tensors(self) -> Iterator[Tuple[str, Item]]:
        """The tensors with their paths, "/" between names."""
        todo = [(item.name, item) for item in reversed(self.tree)]
        while todo:
            path, item = todo.pop()
            if item.shape is not None:
                yield path, item
            todo.extend((f"{path}/{child.name}", child) for child in reversed(item.children))


# ---------------------------------------------------------------------------------------------- values as lines


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic, _C.dtype, _C.device))


def _item(name: str, value: Any) -> Item:
    """A Python value, with all that is in it."""
    if isinstance(value, Tensor):
        n = value.numel() * value.element_size()
        return Item(name, "", value.dtype(), list(value.shape), n)
    if isinstance(value, np.ndarray):
        return Item(name, "", value.dtype.name, list(value.shape), value.nbytes)
    if type(value).__name__ == "Namespace":
        value = vars(value)
    if isinstance(value, dict):
        return Item(name, _count(value, "entry", "entries"), children=tuple(_item(_key(k), v) for k, v in value.items()))
    if isinstance(value, (list, tuple, set, frozenset)):
        if all(map(_is_plain, value)):
            return Item(name, _short(repr(value)))
        return Item(name, _count(value, "entry", "entries"), children=tuple(_item(str(i), v) for i, v in enumerate(value)))
    return Item(name, _short(repr(value)))


def _count(value: Any, one: str, many: str) -> str:
    return f"{len(value)} {one if len(value) == 1 else many}"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)


# ---------------------------------------------------------------------------------------------- rustorch's own


class _Record(NamedTuple):
    dtype: str
    shape: List[int]
    offset: int
    bytes: int


def _records(file: Any, total: int) -> Tuple[Dict[str, _Record], str]:
    """The tensors of a file's trailer by name, and the digest; see docs/checkpoint-format.md."""
    if total < _FOOTER.size:
        raise ValueError("the file is too short")
    file.seek(total - _FOOTER.size)
    magic, version, n, hdf5_bytes, table_bytes, digest = _FOOTER.unpack(file.read(_FOOTER.size))
    if magic != _MAGIC or version != 1 or hdf5_bytes + table_bytes + _FOOTER.size != total:
        raise ValueError("there is no trailer")
    file.seek(hdf5_bytes)
    table, at, found = file.read(table_bytes), 0, {}
    for _ in range(n):
        offset, length, _, ndim, name_bytes, dtype = _RECORD.unpack_from(table, at)
        at += _RECORD.size
        shape = list(struct.unpack_from(f"<{ndim}q", table, at))
        at += 8 * ndim
        name = table[at : at + name_bytes].decode("utf-8", "surrogateescape")
        at += name_bytes
        if offset + length > total:
            raise ValueError(f"{name} lies beyond the end")
        found[name] = _Record(dtype.rstrip(b"\0").decode("ascii"), shape, offset, length)
    return found, digest.hex()


class _Tree:
    """The structure of a file as lines, without its tensors' values and without rebuilding anything."""

    def __init__(self, records: Dict[str, _Record]) -> None:
        self.records = records

    def tensor(self, name: str, node: Dict[str, Any]) -> Item:
        if "uninitialized" in node:
            return Item(name, f"{node['uninitialized']}, no shape yet")
        stored = node["tensor"][1:]
        record = self.records[stored]
        shape, bytes_, text = record.shape, record.bytes, ""
        if "array" in node:
            dtype, shape = np.dtype(node["array"][0]).name, node["array"][1]
            return Item(name, "NumPy", dtype, shape, bytes_)
        if "view" in node:
            shape, bytes_, text = node["view"][1], 0, f"shares the memory of {stored}"
        words = [text, "frozen" if node.get("parameter") and not node.get("requires_grad") else "", node.get("device", "")]
        return Item(name, ", ".join(filter(None, words)), record.dtype, shape, bytes_)

    def module(self, name: str, node: Dict[str, Any]) -> Item:
        if "class" not in node:
            return Item(name, f"the module number {node['module']} again")
        if "config" in node:
            lines = [self.item(k, v) for k, v in node["weights"].items()]
            lines += [self.item(k, node[k]) for k in ("config", "compile", "optimizer") if node.get(k) is not None]
            return Item(name, node["class"], children=tuple(lines))
        lines = [self.item(k, v) for word in ("parameters", "buffers") for k, v in node[word].items() if v is not None]
        lines += [self.module(k, v) for k, v in node["modules"].items() if v is not None]
        options = ", ".join(f"{k}={_text(v)}" for k, v in node["attributes"].items() if k != "training" and k[:1] != "_")
        return Item(name, _short(f"{node['class']}({options})"), children=tuple(lines))

    def item(self, name: str, node: Any) -> Item:
        if isinstance(node, dict):
            if "tensor" in node or "uninitialized" in node:
                return self.tensor(name, node)
            if "module" in node:
                return self.module(name, node)
            word = next(iter(node))
            if word == "dict" and {"module", "class"} <= set(node["dict"]):  # a description within a model's layers
                return Item(name, _text(node["dict"]["class"], bare=True))
            if word in ("dict", "ordered", "counter", "namespace"):
                return Item(
                    name, _count(node[word], "entry", "entries"), children=tuple(self.item(k, v) for k, v in node[word].items())
                )
            if word.endswith("_items"):
                pairs = tuple(self.item(_text(k, bare=True), v) for k, v in node[word])
                return Item(name, _count(pairs, "entry", "entries"), children=pairs)
            items = node[word] if word in ("tuple", "set", "frozenset") else None
        else:
            items = node if isinstance(node, list) else None
        if items is None or all(_is_leaf(x) for x in items):
            return Item(name, _short(_text(node)))
        return Item(name, _count(items, "entry", "entries"), children=tuple(self.item(str(i), x) for i, x in enumerate(items)))


def _is_leaf(node: Any) -> bool:
    return not isinstance(node, (dict, list)) or isinstance(node, dict) and next(iter(node)) in (
        "int", "float", "scalar", "complex", "bytes", "size", "dtype", "device", "function", "class", "opaque",
    )  # fmt: skip


def _text(node: Any, bare: bool = False) -> str:
    """A node without tensors as text."""
    if isinstance(node, str) and bare:
        return node
    if not isinstance(node, (dict, list)):
        return repr(node)
    if isinstance(node, list):
        return "[" + ", ".join(map(_text, node)) + "]"
    word, value = next(iter(node.items()))
    if word == "tuple":
        return "(" + ", ".join(map(_text, value)) + ("," if len(value) == 1 else "") + ")"
    if word in ("dict", "ordered", "namespace"):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
    if word == "scalar":
        return repr(serialization.from_plain(node))
    if word == "partial":
        return f"partial({', '.join(map(_text, value))})"
    if word == "opaque":
        return f"a {value}, which is no data"
    return str(value)


_FACTS = ("version", "class", "rustorch", "step", "epoch", "world_size", "time")
_SAID = {*_FACTS, "format", "machine", "given"}  # of models and checkpoints: above the tree, or of no use to a person


def _facts_of(root: Any, facts: Dict[str, str]) -> str:
    """What kind of file of ours the tree is; fills in the facts that a person asks first."""
    parts = root.get("dict", {}) if isinstance(root, dict) else {}
    if parts.get("format") != "rustorch.model" and not {"format", "rank", "given"} <= set(parts):
        return "state"
    for word in _FACTS:
        if word in parts and _is_leaf(parts[word]):
            facts[word] = _text(parts[word], bare=True)
    if "time" in facts:
        facts["time"] = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(facts["time"])))
    if parts.get("format") == "rustorch.model":
        return "model"
    machine = parts.get("machine", {}).get("dict", {})
    facts.update({word: _text(value, bare=True) for word, value in machine.items()})
    return "checkpoint"


def _inspect_own(path: str, length: int) -> Report:
    facts: Dict[str, str] = {}
    tree: Tuple[Item, ...] = ()
    kind, problem = "HDF5 file", ""
    try:
        _C._file_verify(path)
    except SerializationError as error:
        problem = str(error)
    try:
        with open(path, "rb") as file:
            records, digest = _records(file, length)
            facts["SHA-256"] = digest
            note = records.get(serialization.STRUCTURE)
            if note is None:
                raise ValueError("there is no structure")
            file.seek(note.offset)
            top = json.loads(file.read(note.bytes).decode("utf-8"))
        facts["rustorch"] = str(top["rustorch"])
        kind = f"{_facts_of(top['root'], facts)} of rustorch"
        item = _Tree(records).item("", top["root"])
        tree = item.children or (item._replace(name="value"),)
        if not kind.startswith("state"):
            tree = tuple(line for line in tree if line.name not in _SAID)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError) as error:
        problem = problem or f"{path}: its structure makes no sense: {type(error).__name__}: {error}"
    return Report(path, kind, length, "damaged" if problem else "whole", problem, facts, tree)


# ---------------------------------------------------------------------------------------------- other formats


def _inspect_safetensors(path: str, length: int) -> Report:
    from .utils import safetensors

    try:
        entries, metadata = safetensors.read_header(path)
    except SerializationError as error:
        return Report(path, "safetensors file", length, "damaged", str(error), {}, ())
    tree = tuple(
        Item(name, "", safetensors._DTYPES[entry.dtype], entry.shape, entry.end - entry.begin) for name, entry in entries.items()
    )
    return Report(path, "safetensors file", length, "sound", "", {k: _short(v) for k, v in (metadata or {}).items()}, tree)


def _inspect_torch(path: str, length: int, kind: str) -> Report:
    from . import _torch_file

    name = "PyTorch file" if kind == "zip" else "PyTorch file (from before 1.6)"
    try:
        value = _torch_file.read(path, lambda tensor, was: tensor, kind, mmap=True)
    except SerializationError as error:
        status = "unreadable" if isinstance(error, _torch_file.Refused) else "damaged"
        return Report(path, name, length, status, str(error), {}, ())
    item = _item("value", value)
    return Report(path, name, length, "whole" if kind == "zip" else "sound", "", {}, item.children or (item,))


def _array_header(file: Any) -> Tuple[str, List[int], int]:
    version = np.lib.format.read_magic(file)
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}.get(version[0])
    if read is None:
        raise ValueError(f"version {version[0]} of the format is not known here")
    shape, _, dtype = read(file)
    return dtype.name, list(shape), int(np.prod(shape, dtype=object)) * dtype.itemsize


def _inspect_numpy(path: str, length: int, kind: str) -> Report:
    tree: List[Item] = []
    problem = ""
    try:
        if kind == "npy":
            with open(path, "rb") as file:
                dtype, shape, n = _array_header(file)
                if file.tell() + n != length:
                    problem = f"{path} is cut: {n} bytes of values are announced, {length - file.tell()} are there"
            tree.append(Item("array", "", dtype, shape, n))
        else:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    with archive.open(info) as entry:
                        dtype, shape, n = _array_header(entry)
                    name = info.filename[:-4] if info.filename.endswith(".npy") else info.filename
                    tree.append(Item(name, "", dtype, shape, n))
                bad = archive.testzip()
            if bad is not None:
                problem = f"{path}: the bytes of {bad} do not fit their checksum"
    except (
        zipfile.BadZipFile,
        ValueError,
        EOFError,
        KeyError,
        struct.error,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        problem = f"{path}: {error}"
    status = "damaged" if problem else "whole" if kind == "npz" else "sound"
    return Report(path, f"NumPy file ({kind})", length, status, problem, {}, tuple(tree))


def inspect(path: Any) -> Report:
    """What a file of tensors holds, and whether it is whole; every byte is read where the format has checksums.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Report

    Raises
    ------
    SerializationError
        The file cannot be read, or is of no format known here. One that does not exist is a FileNotFoundError as well.

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch._inspect import inspect
    >>> path = os.path.join(tempfile.mkdtemp(), "state.h5")
    >>> rustorch.save({"x": rustorch.zeros(2, 3)}, path)
    >>> report = inspect(path)
    >>> report.status, [(name, item.dtype, item.shape) for name, item in report.tensors()]
    ('whole', [('x', 'float32', [2, 3])])
    """
    name = os.fsdecode(path)
    try:
        regular = stat.S_ISREG(os.stat(name).st_mode)
        if regular:
            with open(name, "rb") as file:
                length = os.fstat(file.fileno()).st_size
                head = file.read(6)
    except OSError as error:
        raise file_error(name, error) from error
    if not regular:
        raise SerializationError(f"{name} is not a file, but a folder, device or pipe")
    kind = serialization.kind_of(name)
    if kind == "hdf5":
        return _inspect_own(name, length)
    if kind == "safetensors":
        return _inspect_safetensors(name, length)
    if head == b"\x93NUMPY":
        return _inspect_numpy(name, length, "npy")
    if kind == "zip":
        try:
            with zipfile.ZipFile(name) as archive:
                arrays = any(entry.endswith(".npy") for entry in archive.namelist())
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            return Report(name, "zip archive", length, "damaged", f"{name}: {error}", {}, ())
        return _inspect_numpy(name, length, "npz") if arrays else _inspect_torch(name, length, kind)
    if kind == "legacy":
        return _inspect_torch(name, length, kind)
    raise SerializationError(f"{name} is no file of tensors known here (rustorch, safetensors, PyTorch, NumPy)")


# ---------------------------------------------------------------------------------------------- printing


def _lines(items: Tuple[Item, ...], lead: str = "") -> Iterator[Tuple[str, Item]]:
    for i, item in enumerate(items):
        last = i == len(items) - 1
        yield lead + ("└─ " if last else "├─ ") + item.name, item
        yield from _lines(item.children, lead + ("   " if last else "│  "))


def text(report: Report) -> str:
    """A report for people."""
    said = {
        "whole": "whole",
        "sound": "its structure is sound (the format has no checksums)",
        "damaged": "DAMAGED",
        "unreadable": "not read",
    }
    lines = [f"{report.path}: {report.kind}, {size(report.bytes)}, {said[report.status]}"]
    if report.problem:
        lines.append(f"  {report.problem}")
    lines += [f"  {word}: {value}" for word, value in report.facts.items()]
    rows = list(_lines(report.tree))
    wide = min(max((width(name) for name, _ in rows), default=0), 60)
    for name, item in rows:
        described = item.text
        if item.shape is not None:
            n = size(item.bytes) if item.bytes or not item.text else ""
            shape = "(" + ", ".join(map(str, item.shape)) + ("," if len(item.shape) == 1 else "") + ")"
            described = "  ".join(filter(None, (f"{item.dtype:<8} {shape:<18} {n:>8}".rstrip(), item.text)))
        lines.append(f"{name}{' ' * max(0, wide - width(name))}  {described}".rstrip())
    tensors = [item for _, item in report.tensors()]
    if tensors:
        total = sum(item.bytes for item in tensors)
        lines.append(f"{_count(tensors, 'tensor', 'tensors')}, {size(total)}")
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """A report for programs."""

    def values(items: Tuple[Item, ...], path: str = "") -> Iterator[Tuple[str, str]]:
        for item in items:
            if item.shape is None and not item.children:
                yield path + item.name, item.text
            yield from values(item.children, f"{path}{item.name}/")

    return json.dumps(
        {
            "path": report.path, "kind": report.kind, "bytes": report.bytes, "status": report.status, "problem": report.problem,
            "facts": report.facts,
            "tensors": [{"name": name, "dtype": item.dtype, "shape": item.shape, "bytes": item.bytes} for name, item in report.tensors()],
            "values": dict(values(report.tree)),
        },
        indent=2, ensure_ascii=False,
    )  # fmt: skip


def main(arguments: Optional[List[str]] = None) -> int:
    """The command. Returns 0 if the files are whole, 1 if one is damaged or cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m rustorch inspect",
        description="Show what files of tensors hold (rustorch, safetensors, PyTorch, NumPy), and whether they are whole.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object a file")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper) and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the letters of a name
    code = 0
    for path in options.files:
        try:
            report = inspect(path)
        except SerializationError as error:
            print(f"python -m rustorch inspect: {error}", file=sys.stderr)
            code = 1
            continue
        code = code or int(report.status in ("damaged", "unreadable"))
        try:
            print(as_json(report) if options.json else text(report), flush=True)
        except BrokenPipeError:  # whoever reads has seen enough, as head does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            break
    return code

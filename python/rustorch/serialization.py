"""save and load: nested states of tensors and plain data in HDF5 files, without pickle.

A file holds every tensor as a dataset of its own, and in the dataset ``rustorch.json`` how they hang together; h5py and
every other reader of HDF5 can look inside. docs/checkpoint-format.md describes the bytes.
"""

from __future__ import annotations

import base64
import json
import math
import os
from collections import Counter, OrderedDict, defaultdict
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

from . import _C
from ._C import SerializationError, Size, Tensor, device, dtype

__all__ = ["save", "load"]

STRUCTURE = "rustorch.json"
MAX_DEPTH = 100
_BIG = 2**63
_SAME_BITS = {"uint16": "int16", "uint32": "int32", "uint64": "int64"}
_OWN = frozenset("bool uint8 int8 int16 int32 int64 float16 float32 float64".split())

PathLike = Union[str, bytes, "os.PathLike[str]"]


def _component(key: Any) -> str:
    """A key as one component of a dataset's path."""
    text = key if isinstance(key, str) else str(key)
    if text in (".", ".."):
        return text.replace(".", "%2E")
    bytes_ = text.encode("utf-8", "surrogatepass")
    try:
        bytes_.decode("utf-8")
    except UnicodeDecodeError:  # half a pair of UTF-16: HDF5 names are UTF-8
        text = "".join("%" + bytes([b]).hex().upper() if b >= 128 else chr(b) for b in bytes_)
        return text.replace("/", "%2F").replace("\0", "%00") or "%00"
    return text.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")[:200] or "%00"


class _Encoder:
    """A state as a tree of JSON values; its tensors into a list of names and tensors, or into the tree itself."""

    def __init__(self, inline: bool = False) -> None:
        self.inline = inline
        self.names: List[str] = []
        self.tensors: List[Tensor] = []
        self.kept: List[Any] = []  # what is alive keeps its id and its address
        self.by_place: Dict[Any, str] = {}
        self.by_object: Dict[int, int] = {}
        self.open: set = set()
        self.children: Dict[str, set] = {"": {STRUCTURE}}

    def dataset(self, path: Tuple[str, str]) -> str:
        """A name that is free for (group, component)."""
        group, component = path
        taken = self.children.setdefault(group, set())
        name, number = component, 1
        while name in taken:
            number += 1
            name = f"{component}%7E{number}"
        taken.add(name)
        return f"{group}/{name}" if group else name

    def encode(self, value: Any, where: str, path: Tuple[str, str], depth: int = 0) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if -_BIG <= value < _BIG else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, Tensor):
            return self.tensor(value, where, path)
        if isinstance(value, (np.ndarray, np.generic)):
            return self.array(value, where, path)
        if kind is bytes:
            return {"bytes": base64.b64encode(value).decode("ascii")}
        if kind is complex:
            return {"complex": [self.encode(x, where, path) for x in (value.real, value.imag)]}
        if kind is Size:
            return {"size": list(value)}
        if isinstance(value, dtype):
            return {"dtype": value()}
        if isinstance(value, device):
            return {"device": str(value)}
        return self.container(value, kind, where, path, depth)

    def container(self, value: Any, kind: type, where: str, path: Tuple[str, str], depth: int) -> Any:
        if kind not in _CONTAINERS:
            raise SerializationError(f"{where}: {_refusal(value)}")
        if id(value) in self.open:
            raise SerializationError(f"{where}: a {kind.__name__} that contains itself cannot be saved")
        if depth >= MAX_DEPTH:
            raise SerializationError(f"{where[:200]}…: nested more than {MAX_DEPTH} deep")
        self.open.add(id(value))
        group = self.dataset(path) if path[1] else path[0]
        word = _CONTAINERS[kind]
        try:
            if kind in (list, tuple, set, frozenset):
                items = value if kind in (list, tuple) else sorted(value, key=repr)
                made = [self.encode(x, f"{where}[{i}]", (group, str(i)), depth + 1) for i, x in enumerate(items)]
                return made if kind is list else {word: made}
            if all(type(key) is str for key in value):
                return {word: {k: self.encode(v, f"{where}[{k!r}]", (group, _component(k)), depth + 1) for k, v in value.items()}}
            pairs = []
            for k, v in value.items():
                if type(k) not in (str, int, float, bool, bytes, tuple, type(None)) and not isinstance(k, np.generic):
                    raise SerializationError(f"{where}: a dict's key that is a {type(k).__name__} cannot be saved")
                key = self.encode(k, f"a key of {where}", (group, _component(k)), depth + 1)
                pairs.append([key, self.encode(v, f"{where}[{k!r}]", (group, _component(k)), depth + 1)])
            return {word + "_items": pairs}
        finally:
            self.open.discard(id(value))

    def tensor(self, value: Tensor, where: str, path: Tuple[str, str]) -> Any:
        plain = value.detach()
        node: Dict[str, Any] = {}
        if plain.device.type != "cpu":
            node["device"] = str(plain.device)
            plain = plain.cpu()
        if value.requires_grad:
            node["requires_grad"] = True
        if self.inline:
            values = plain.float() if plain.dtype == _C.bfloat16 else plain  # NumPy has no bfloat16; float32 is exact
            data = base64.b64encode(values.numpy().tobytes()).decode("ascii")
            node["inline"] = [plain.dtype(), list(plain.shape), data]
            return node
        place = (plain.data_ptr(), tuple(plain.shape), tuple(plain.stride()), plain.dtype()) if value.numel() else id(value)
        if place not in self.by_place:
            self.by_place[place] = self.dataset(path)
            self.names.append(self.by_place[place])
            self.tensors.append(plain)
        self.kept.append((value, plain))
        node["tensor"] = "/" + self.by_place[place]
        node["object"] = self.by_object.setdefault(id(value), len(self.by_object))
        return node

    def array(self, value: Any, where: str, path: Tuple[str, str]) -> Any:
        """NumPy's own: an array as a dataset of its elements, or of elements of the same bits, or of bytes."""
        if value.dtype.hasobject or value.dtype.kind == "V":
            raise SerializationError(f"{where}: a NumPy {type(value).__name__} of dtype {value.dtype} cannot be saved")
        if isinstance(value, np.generic):
            plain = np.asarray(value)
            return {"scalar": [plain.dtype.str, base64.b64encode(plain.tobytes()).decode("ascii")]}
        if type(value) is not np.ndarray:
            raise SerializationError(f"{where}: {_refusal(value)}: save numpy.asarray of it")
        plain = np.array(value, order="C")  # a copy: nothing is changed while it is written, and it can be written to
        name = plain.dtype.name
        if name in _OWN and plain.dtype.isnative and plain.ndim <= 8:
            tensor = _C.from_numpy(plain)
        elif name in _SAME_BITS and plain.dtype.isnative and plain.ndim <= 8:
            tensor = _C.from_numpy(plain.view(_SAME_BITS[name]))
        else:
            tensor = _C.from_numpy(np.frombuffer(bytearray(plain.tobytes()), np.uint8))
        node = self.tensor(tensor, where, path)
        node["array"] = [plain.dtype.str, list(plain.shape)]
        return node


_CONTAINERS = {
    list: "list", tuple: "tuple", dict: "dict", defaultdict: "dict", OrderedDict: "ordered", Counter: "counter", set: "set",
    frozenset: "frozenset",
}  # fmt: skip


def _refusal(value: Any) -> str:
    name = type(value).__name__
    article = "an" if name[:1] in "AEIOUaeiou" else "a"
    if callable(getattr(value, "state_dict", None)):
        return f"{article} {name} cannot be saved: save its state_dict()"
    if isinstance(value, (list, tuple, dict, set, int, float, str, bytes)):
        base = next(c.__name__ for c in (list, tuple, dict, set, int, float, str, bytes) if isinstance(value, c))
        return f"{article} {name} cannot be saved: make a plain {base} of it"
    return f"{article} {name} cannot be saved: a file holds tensors, arrays, numbers, text and containers of them"


class _Decoder:
    """The way back."""

    def __init__(self, tensors: Dict[str, Tensor], place: Callable[[Tensor, Optional[str]], Tensor]) -> None:
        self.tensors = tensors
        self.place = place
        self.placed: Dict[Any, Tensor] = {}
        self.objects: Dict[int, Tensor] = {}

    def decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.decode(x) for x in node]
        if not isinstance(node, dict):
            return node
        if "array" in node:
            return self.array(node)
        if "tensor" in node or "inline" in node:
            return self.tensor(node)
        ((word, value),) = node.items()
        return _DECODE[word](self, value)

    def pairs(self, value: List[Any]) -> Dict[Any, Any]:
        return {self.decode(key): self.decode(item) for key, item in value}

    def named(self, value: Dict[str, Any]) -> Dict[str, Any]:
        return {key: self.decode(item) for key, item in value.items()}

    def stored(self, node: Dict[str, Any]) -> Tensor:
        if "inline" in node:
            name, shape, data = node["inline"]
            values = np.frombuffer(bytearray(base64.b64decode(data)), "float32" if name == "bfloat16" else name)
            return _C.from_numpy(values.reshape(shape)).to(_dtype(name))
        return self.tensors[node["tensor"][1:]]

    def tensor(self, node: Dict[str, Any]) -> Tensor:
        number = node.get("object")
        if number is not None and number in self.objects:
            return self.objects[number]
        if "tensor" in node:
            key = (node["tensor"], node.get("device"))
            if key not in self.placed:
                self.placed[key] = self.place(self.stored(node), node.get("device"))
            tensor = self.placed[key].detach()  # a tensor of its own that shares the memory
        else:
            tensor = self.place(self.stored(node), node.get("device"))
        if node.get("requires_grad"):
            tensor.requires_grad_(True)
        if number is not None:
            self.objects[number] = tensor
        return tensor

    def array(self, node: Dict[str, Any]) -> np.ndarray:
        kind, shape = node["array"]
        values = np.ascontiguousarray(self.stored(node).numpy())
        if values.size == 0:
            return np.empty(shape, kind)
        return values.reshape(-1).view(kind).reshape(shape)


def _dtype(name: str) -> dtype:
    found = getattr(_C, name)
    if not isinstance(found, dtype):
        raise ValueError(f"{name} is no dtype")
    return found


_DECODE: Dict[str, Callable[[_Decoder, Any], Any]] = {
    "int": lambda d, v: int(v, 16),
    "float": lambda d, v: float(v),
    "complex": lambda d, v: complex(*d.decode(v)),
    "bytes": lambda d, v: base64.b64decode(v),
    "size": lambda d, v: Size(v),
    "dtype": lambda d, v: _dtype(v),
    "device": lambda d, v: device(v),
    "scalar": lambda d, v: np.frombuffer(base64.b64decode(v[1]), v[0])[0],
    "tuple": lambda d, v: tuple(d.decode(v)),
    "set": lambda d, v: set(d.decode(v)),
    "frozenset": lambda d, v: frozenset(d.decode(v)),
    "dict": _Decoder.named,
    "dict_items": _Decoder.pairs,
    "ordered": lambda d, v: OrderedDict(d.named(v)),
    "ordered_items": lambda d, v: OrderedDict(d.pairs(v)),
    "counter": lambda d, v: Counter(d.named(v)),
    "counter_items": lambda d, v: Counter(d.pairs(v)),
}


def to_plain(value: Any, where: str = "state") -> Any:
    """A state as JSON values with the tensors inside, for sending it to another rank."""
    return _Encoder(inline=True).encode(value, where, ("", "state"))


def from_plain(node: Any) -> Any:
    """What :func:`to_plain` was given."""
    return _Decoder({}, lambda tensor, _: tensor).decode(node)


def _check_path(function: str, path: Any) -> Any:
    if hasattr(path, "write") or hasattr(path, "read"):
        raise SerializationError(
            f"{function}: the path of a file is needed, not a {type(path).__name__}: a file must be written whole and renamed, "
            "which needs its name"
        )
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise _C.ArgumentTypeError(f"{function}: the path of a file is needed, not a {type(path).__name__}")
    path = os.fspath(path)
    if not path:
        raise _C.ArgumentValueError(f"{function}: the path is empty")
    if ("\0" if isinstance(path, str) else b"\0") in path:
        raise _C.ArgumentValueError(f"{function}: the path has a 0 character in it")
    return path


def write(obj: Any, path: Any, where: str = "state") -> None:
    """save, with the word that messages begin with."""
    encoder = _Encoder()
    # a state that is one tensor, or one list, has no name of its own
    root = encoder.encode(obj, where, ("", "tensor") if isinstance(obj, (Tensor, np.ndarray)) else ("", ""))
    text = json.dumps({"rustorch": _C.__version__, "structure": 1, "root": root}, separators=(",", ":"), allow_nan=False)
    note = _C.from_numpy(np.frombuffer(bytearray(text.encode("ascii")), np.uint8))
    _C._file_save(path, [STRUCTURE, *encoder.names], [note, *encoder.tensors])


def save(obj: Any, f: PathLike) -> None:
    """Write a state to a file.

    The file appears whole or not at all: it is written under another name in the same folder, synced to the disk, and
    renamed over what was there. An error leaves the earlier file as it was.

    Parameters
    ----------
    obj : object
        Tensors, parameters (saved as tensors), NumPy arrays and numbers, None, bool, int, float, complex, str, bytes,
        Size, dtype, device, and lists, tuples, dicts (also ordered ones and counters) and sets of them. A tensor that is
        there twice is stored once. Whether a tensor requires its gradient is kept. A ``defaultdict`` becomes a dict.
    f : str or path
        The file, by custom with the ending ``.h5``.

    Raises
    ------
    SerializationError
        Something in ``obj`` cannot be saved (the message names its place), or the file cannot be written; then it is an
        OSError as well.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "state.h5")
    >>> rustorch.save({"weight": rustorch.ones(2), "step": 3}, path)
    >>> rustorch.load(path)
    {'weight': tensor([1., 1.]), 'step': 3}
    """
    write(obj, _check_path("save", f))


def _placer(map_location: Any) -> Callable[[Tensor, Optional[str]], Tensor]:
    if callable(map_location) and not isinstance(map_location, (device, type)):
        raise _C.ArgumentTypeError("load: map_location must be a device, its name or a dict from names to names, not a function")
    if map_location is not None and not isinstance(map_location, (str, device, dict)):
        raise _C.ArgumentTypeError(f"load: map_location must be a device, its name or a dict, not {type(map_location).__name__}")
    if isinstance(map_location, dict):
        table = {str(key): str(value) for key, value in map_location.items()}
        return lambda tensor, was: tensor.to(device(table.get(was or "cpu", was or "cpu")))
    target = None if map_location is None else device(map_location)

    def place(tensor: Tensor, was: Optional[str]) -> Tensor:
        if target is None and was is None:
            return tensor
        return tensor.to(device(was) if target is None else target)

    return place


def read(path: Any, map_location: Any = None, mmap: bool = False) -> Any:
    """load, without its checks of arguments."""
    place = _placer(map_location)
    tensors = _C._file_load(path, bool(mmap))
    name = os.fsdecode(path)
    note = tensors.pop(STRUCTURE, None)
    if note is None:
        raise SerializationError(f"{name} holds tensors, but no structure that says how they hang together")
    try:
        tree = json.loads(bytes(note.numpy()).decode("utf-8"))
        if tree["structure"] != 1:
            raise SerializationError(f"{name} was written by rustorch {tree['rustorch']}, a newer one: use that to load it")
        return _Decoder(tensors, place).decode(tree["root"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        if isinstance(error, _C.RusTorchError):
            raise
        raise SerializationError(f"{name} has a structure that makes no sense: {type(error).__name__}: {error}") from error


def load(f: PathLike, map_location: Any = None, *, weights_only: bool = True, mmap: Optional[bool] = None) -> Any:
    """Read a state that :func:`save` wrote; the whole file is checked first.

    Nothing in a file is ever run: there is no pickle.

    Parameters
    ----------
    f : str or path
    map_location : device, str or dict, optional
        Where the tensors go. By default each goes where it was.
    weights_only : bool, default True
        As in PyTorch; only True is possible.
    mmap : bool, default False
        Large tensors share the file's pages instead of being read into memory of their own; what is written to them stays
        in memory.

    Returns
    -------
    object
        What was saved. Tensors that were one are one again.

    Raises
    ------
    SerializationError
        The file is damaged, or none of rustorch's. A file that does not exist is a FileNotFoundError as well.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "pair.h5")
    >>> rustorch.save((rustorch.zeros(2, dtype=rustorch.int64), "text"), path)
    >>> rustorch.load(path)
    (tensor([0, 0]), 'text')
    """
    if not weights_only:
        raise SerializationError(
            "load: weights_only=False is not possible: there is no pickle in rustorch's files, and none is ever loaded"
        )
    return read(_check_path("load", f), map_location, bool(mmap))

"""Nested states as trees of JSON values beside lists of tensors, and back: docs/checkpoint-format.md has the vocabulary."""

from __future__ import annotations

import base64
import functools
import math
import sys
from collections import Counter, OrderedDict, defaultdict
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np

from . import _C
from ._C import SerializationError, Size, Tensor, device, dtype

__all__ = ["Encoder", "InlineEncoder", "Decoder", "STRUCTURE", "MAX_DEPTH"]

STRUCTURE = "rustorch.json"
SHARED = "rustorch.shared"  # what several tensors lie in, none of which is all of it
MAX_DEPTH = 100
_BIG = 2**63
_SAME_BITS = {"uint16": "int16", "uint32": "int32", "uint64": "int64"}
_OWN = frozenset("bool uint8 int8 int16 int32 int64 float16 float32 float64".split())


def component(key: Any) -> str:
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


def is_uninitialized(value: Tensor) -> bool:
    """A parameter or buffer of a lazy layer, without a shape yet."""
    return callable(getattr(type(value), "materialize", None))


def _is_module(value: Any) -> bool:
    """A module, or a class of modules."""
    home = sys.modules.get("rustorch.nn.modules.module")  # not imported: no value can be one
    return home is not None and (issubclass(value, home.Module) if isinstance(value, type) else isinstance(value, home.Module))


def _span(tensor: Tensor) -> Tuple[int, int]:
    """Addresses of the first byte of a tensor and the one after its last."""
    low = high = 0
    for size, stride in zip(tensor.shape, tensor.stride()):
        low, high = low + min(0, (size - 1) * stride), high + max(0, (size - 1) * stride)
    item, start = tensor.element_size(), tensor.data_ptr()
    return start + low * item, start + (high + 1) * item


def overlapping(tensors: Sequence[Tensor]) -> List[List[int]]:
    """The numbers of the tensors that have elements, in groups that share memory, each in order."""
    groups: List[List[int]] = []
    end = 0
    for low, high, i in sorted((*_span(tensor), i) for i, tensor in enumerate(tensors) if tensor.numel()):
        if groups and low < end:
            groups[-1].append(i)
        else:
            groups.append([i])
        end = max(end, high)
    return [sorted(group) for group in groups]


class Encoder:
    """A state as a tree of JSON values; its tensors into a list of names and tensors.

    After the last ``encode``, ``finish`` makes views of the tensors that overlap; the tree is complete then.
    """

    with_values = True  # of modules: or only what they are made of

    def __init__(self) -> None:
        self.names: List[str] = []
        self.tensors: List[Tensor] = []
        self.kept: List[Any] = []  # what is alive keeps its id and its address
        self.by_place: Dict[Any, str] = {}
        self.by_object: Dict[int, int] = {}
        self.by_module: Dict[int, int] = {}
        self.nodes: Dict[str, List[Dict[str, Any]]] = {}  # the tensors' nodes by their dataset
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
        whole = _is_module(value) and not isinstance(value, type)
        namespace = kind.__name__ == "Namespace" and kind.__module__ == "argparse"
        if kind not in _CONTAINERS and not whole and not namespace:
            named = self.code(value, where, path, depth)
            if named is not None:
                return named
            raise SerializationError(f"{where}: {_refusal(value)}")
        if whole and id(value) in self.by_module:
            return {"module": self.by_module[id(value)]}
        if id(value) in self.open:
            raise SerializationError(f"{where}: a {kind.__name__} that contains itself cannot be saved")
        if depth >= MAX_DEPTH:
            raise SerializationError(f"{where[:200]}…: nested more than {MAX_DEPTH} deep")
        self.open.add(id(value))
        group = self.dataset(path) if path[1] else path[0]
        try:
            if whole:
                return self.module(value, where, group, "", depth)
            if namespace:
                return {"namespace": self.named(vars(value), where, group, depth)}
            word = _CONTAINERS[kind]
            if kind in (list, tuple, set, frozenset):
                items = value if kind in (list, tuple) else sorted(value, key=repr)
                made = [self.encode(x, f"{where}[{i}]", (group, str(i)), depth + 1) for i, x in enumerate(items)]
                return made if kind is list else {word: made}
            if all(type(key) is str for key in value):
                node = {word: self.named(value, where, group, depth)}
            else:
                node = {word + "_items": self.pairs(value, where, group, depth)}
            metadata = getattr(value, "_metadata", None) if kind is OrderedDict else None
            if metadata is not None:  # a state_dict of PyTorch: which version of each layer wrote it
                node["metadata"] = self.encode(metadata, f"{where}._metadata", (group, "_metadata"), depth + 1)
            return node
        finally:
            self.open.discard(id(value))

    def code(self, value: Any, where: str, path: Tuple[str, str], depth: int) -> Optional[Dict[str, Any]]:
        """What a file may name and no more: our functions, classes of modules, and both with arguments."""
        if isinstance(value, functools.partial):
            group = self.dataset(path) if path[1] else path[0]
            parts = [value.func, list(value.args), value.keywords]
            return {"partial": [self.encode(x, where, (group, str(i)), depth + 1) for i, x in enumerate(parts)]}
        if isinstance(value, type):
            from .nn import _describe

            return {"class": _describe.class_path(value)} if _is_module(value) else None
        name = function_name(value)
        return None if name is None else {"function": name}

    def named(self, value: Dict[str, Any], where: str, group: str, depth: int) -> Dict[str, Any]:
        return {k: self.encode(v, f"{where}[{k!r}]", (group, component(k)), depth + 1) for k, v in value.items()}

    def pairs(self, value: Dict[Any, Any], where: str, group: str, depth: int) -> List[Any]:
        pairs = []
        for k, v in value.items():
            if type(k) not in (str, int, float, bool, bytes, tuple, type(None)) and not isinstance(k, np.generic):
                raise SerializationError(f"{where}: a dict's key that is a {type(k).__name__} cannot be saved")
            key = self.encode(k, f"a key of {where}", (group, component(k)), depth + 1)
            pairs.append([key, self.encode(v, f"{where}[{k!r}]", (group, component(k)), depth + 1)])
        return pairs

    def module(self, value: Any, where: str, group: str, prefix: str, depth: int) -> Dict[str, Any]:
        """A module as its class, its tensors, its modules and its other attributes. Datasets are named as in state_dict."""
        from .nn import _describe

        if id(value) in self.by_module:
            return {"module": self.by_module[id(value)]}
        if depth >= MAX_DEPTH:
            raise SerializationError(f"{where[:200]}…: nested more than {MAX_DEPTH} deep")
        node: Dict[str, Any] = {"module": len(self.by_module)}
        self.by_module[id(value)] = node["module"]
        self.kept.append(value)
        place = where or "model"
        own = _describe.configuration(value)
        if own is not None:
            node["class"], weights = own.pop("class"), own.pop("weights")
            weights = weights if self.with_values else {}
            node["weights"] = {
                k: self.encode(v, f"{place}.{k}", (group, component(prefix + k)), depth + 1) for k, v in weights.items()
            }
            for k, v in own.items():
                kept = self.with_values or k != "optimizer"
                node[k] = self.encode(v, f"{place}.{k}", (group, component(prefix + k)), depth + 1) if kept else None
            return node
        parts = _describe.take_apart(value, where)
        node["class"] = parts.name
        for word, table in (("parameters", parts.parameters), ("buffers", parts.buffers)):
            node[word] = {k: v if v is None else self.member(v, word, k in parts.transient, value, f"{place}.{k}",
                                                             (group, component(prefix + k))) for k, v in table.items()}  # fmt: skip
        node["transient"] = sorted(parts.transient)
        node["modules"] = {k: v if v is None else self.module(v, f"{place}.{k}", group, f"{prefix}{k}.", depth + 1)
                           for k, v in parts.modules.items()}  # fmt: skip
        node["attributes"] = {}
        for k, v in parts.attributes.items():
            try:
                node["attributes"][k] = self.encode(v, f"{place}.{k}", (group, component(prefix + k)), depth + 1)
            except SerializationError:
                if parts.name.startswith("rustorch."):
                    raise
                node["attributes"][k] = {"opaque": type(v).__name__}  # the user's class knows, not we
        if parts.has_extra_state:
            node["extra_state"] = self.encode(value.get_extra_state(), f"{place}.get_extra_state()",
                                              (group, component(prefix + "_extra_state")), depth + 1)  # fmt: skip
        return node

    def member(self, value: Tensor, word: str, transient: bool, owner: Any, where: str, path: Tuple[str, str]) -> Any:
        """A parameter or buffer of a module."""
        return self.tensor(value, where, path)

    def facts(self, value: Tensor) -> Dict[str, Any]:
        """What a tensor's node says beside its values."""
        node: Dict[str, Any] = {}
        if value.device.type != "cpu":
            node["device"] = str(value.device)
        if value.requires_grad:
            node["requires_grad"] = True
        if _C._is_parameter(value):
            node["parameter"] = True
        return node

    def tensor(self, value: Tensor, where: str, path: Tuple[str, str]) -> Any:
        self.kept.append(value)
        if is_uninitialized(value):
            held = value.data
            return dict(self.facts(value), uninitialized=held.dtype(), object=self.number(value))
        return self.stored(value, where, path)

    def number(self, value: Tensor) -> int:
        return self.by_object.setdefault(id(value), len(self.by_object))

    def stored(self, value: Tensor, where: str, path: Tuple[str, str]) -> Dict[str, Any]:
        node, plain = self.facts(value), value.detach().cpu()
        self.kept.append(plain)
        place = (plain.data_ptr(), tuple(plain.shape), tuple(plain.stride()), plain.dtype()) if value.numel() else id(value)
        if place not in self.by_place:
            self.by_place[place] = self.dataset(path)
            self.names.append(self.by_place[place])
            self.tensors.append(plain)
        node["tensor"] = "/" + self.by_place[place]
        node["object"] = self.number(value)
        self.nodes.setdefault(self.by_place[place], []).append(node)
        return node

    def finish(self) -> None:
        """Tensors that overlap in memory become views of the one that holds them all, or of their memory as a whole."""
        gone = set()
        for group in overlapping(self.tensors):
            if len(group) > 1:
                gone |= self.share(group)
        self.names = [name for i, name in enumerate(self.names) if i not in gone]
        self.tensors = [tensor for i, tensor in enumerate(self.tensors) if i not in gone]

    def share(self, group: List[int]) -> set:
        """Makes views of all but one of these; the numbers of those that need no dataset any more."""
        spans = {i: _span(self.tensors[i]) for i in group}
        low, high = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
        first = next(self.tensors[i] for i in group if spans[i][0] == low)
        item = first.element_size()
        for i in group:
            tensor = self.tensors[i]
            if tensor.dtype != first.dtype or min(tensor.stride(), default=0) < 0 or (spans[i][0] - low) % item:
                return set()  # the same bytes as other dtypes, or backwards: each is stored on its own
        whole = next((i for i in group if spans[i] == (low, high) and self.tensors[i].is_contiguous()), None)
        if whole is None:
            try:
                span = first.as_strided([(high - low) // item], [1], first.storage_offset())
            except _C.RusTorchError:  # arrays of NumPy's that overlap, each a storage of its own
                return set()
            base = self.dataset(("", SHARED))
            self.names.append(base)
            self.tensors.append(span)
        else:
            base = self.names[whole]
        for i in group:
            if i != whole:
                view = [(spans[i][0] - low) // item, list(self.tensors[i].shape), list(self.tensors[i].stride())]
                for node in self.nodes[self.names[i]]:
                    node.update(tensor="/" + base, view=view)
        return set(group) - {whole}

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


class InlineEncoder(Encoder):
    """The tensors in the tree itself, in base64; nothing is shared. For what is small, or sent to another rank."""

    def stored(self, value: Tensor, where: str, path: Tuple[str, str]) -> Dict[str, Any]:
        plain = value.detach().cpu()
        values = plain.float() if plain.dtype == _C.bfloat16 else plain  # NumPy has no bfloat16; float32 is exact
        data = base64.b64encode(values.numpy().tobytes()).decode("ascii")
        return dict(self.facts(value), inline=[plain.dtype(), list(plain.shape), data])


_CONTAINERS = {
    list: "list", tuple: "tuple", dict: "dict", defaultdict: "dict", OrderedDict: "ordered", Counter: "counter", set: "set",
    frozenset: "frozenset",
}  # fmt: skip


def _refusal(value: Any) -> str:
    name = type(value).__name__
    article = "an" if name[:1] in "AEIOUaeiou" else "a"
    if callable(getattr(value, "state_dict", None)) and not isinstance(value, type):
        return f"{article} {name} cannot be saved: save its state_dict()"
    if isinstance(value, (list, tuple, dict, set, int, float, str, bytes)):
        base = next(c.__name__ for c in (list, tuple, dict, set, int, float, str, bytes) if isinstance(value, c))
        return f"{article} {name} cannot be saved: make a plain {base} of it"
    return f"{article} {name} cannot be saved: a file holds tensors, arrays, numbers, text and containers of them"


# ---------------------------------------------------------------------------------------------- functions

# Where functions are that a file may name, such as the activation of a layer: they compute, and do nothing else.
_FUNCTIONS = {"rustorch.nn.functional": "rustorch.nn.functional", "rustorch": "rustorch._C._ops"}


def _function(home: str, name: str) -> Any:
    module = sys.modules.get(_FUNCTIONS[home])
    found = None if module is None or name.startswith("_") else getattr(module, name, None)
    return found if callable(found) and not isinstance(found, type) else None


def function_name(value: Any) -> Optional[str]:
    """The dotted name of one of rustorch's own functions; None for anything else."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or not callable(value):
        return None
    return next((f"{home}.{name}" for home in _FUNCTIONS if _function(home, name) is value), None)


def _named_function(path: str) -> Callable[..., Any]:
    import rustorch.nn  # noqa: F401  (brings the functions along)

    home, _, name = path.rpartition(".")
    found = _function(home, name) if home in _FUNCTIONS else None
    if found is None:
        raise SerializationError(f"the file names a function {path}, which is none of rustorch.nn.functional")
    return found


# ---------------------------------------------------------------------------------------------- the way back


class Decoder:
    """The way back.

    ``place`` puts a tensor on its device. ``classes`` are classes of modules that the tree may name beside rustorch's own;
    ``search``: so are those that the program has already imported.
    """

    def __init__(
        self,
        tensors: Dict[str, Tensor],
        place: Callable[[Tensor, Optional[str]], Tensor],
        classes: Iterable[type] = (),
        search: bool = False,
    ) -> None:
        self.tensors = tensors
        self.place = place
        self.classes = tuple(classes)
        self.search = search
        self.placed: Dict[Any, Tensor] = {}
        self.objects: Dict[int, Tensor] = {}
        self.modules: Dict[int, Any] = {}

    def decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.decode(x) for x in node]
        if not isinstance(node, dict):
            return node
        if "array" in node:
            return self.array(node)
        if "tensor" in node or "inline" in node or "uninitialized" in node or "empty" in node:
            return self.tensor(node)
        if "module" in node:
            return self.module(node)
        if "metadata" in node:
            value = self.decode({word: item for word, item in node.items() if word != "metadata"})
            value._metadata = self.decode(node["metadata"])
            return value
        ((word, value),) = node.items()
        return _DECODE[word](self, value)

    def pairs(self, value: List[Any]) -> Dict[Any, Any]:
        return {self.decode(key): self.decode(item) for key, item in value}

    def named(self, value: Dict[str, Any]) -> Dict[str, Any]:
        return {key: self.decode(item) for key, item in value.items()}

    def namespace(self, value: Dict[str, Any]) -> Any:
        import argparse

        made = argparse.Namespace()
        vars(made).update(self.named(value))
        return made

    def raw(self, node: Dict[str, Any]) -> Tensor:
        """The values of a dataset, or of a node that holds them itself, on the CPU."""
        if "inline" not in node:
            return self.tensors[node["tensor"][1:]]
        name, shape, data = node["inline"]
        values = np.frombuffer(bytearray(base64.b64decode(data)), "float32" if name == "bfloat16" else name)
        return _C.from_numpy(values.reshape(shape)).to(_dtype(name))

    def values(self, node: Dict[str, Any]) -> Tensor:
        """A tensor of its own on its device, over memory that is shared as it was when it was saved."""
        if "inline" in node:
            return self.place(self.raw(node), node.get("device"))
        key = (node["tensor"], node.get("device"))
        if key not in self.placed:
            self.placed[key] = self.place(self.raw(node), node.get("device"))
        tensor = self.placed[key].detach()
        if "view" in node:
            offset, shape, stride = node["view"]
            try:
                tensor = tensor.as_strided(shape, stride, tensor.storage_offset() + offset)
            except _C.RusTorchError as error:
                raise SerializationError(f"the file has a view of {node['tensor']} that reaches beyond it") from error
        return tensor

    def tensor(self, node: Dict[str, Any]) -> Tensor:
        number = node.get("object")
        if number is not None and number in self.objects:
            return self.objects[number]
        wanted = bool(node.get("requires_grad"))
        if "uninitialized" in node:
            from .nn import UninitializedBuffer, UninitializedParameter

            kind = UninitializedParameter if node.get("parameter") else UninitializedBuffer
            tensor = kind(wanted, node.get("device"), _dtype(node["uninitialized"]))
        else:
            tensor = self.values(node)
            if node.get("parameter"):
                from .nn import Parameter

                tensor = Parameter(tensor, wanted)
            elif wanted:
                tensor.requires_grad_(True)
        if number is not None:
            self.objects[number] = tensor
        return tensor

    def module(self, node: Dict[str, Any]) -> Any:
        from .nn import _describe

        number = node["module"]
        if number in self.modules:
            return self.modules[number]
        cls = _describe.find_class(node["class"], self.classes, self.search)
        if "config" in node:
            own = {word: self.decode(item) for word, item in node.items() if word not in ("module", "class", "weights")}
            self.modules[number] = _describe.from_configuration(cls, own, self.named(node["weights"]))
            return self.modules[number]
        opaque = [f"{k} (a {v['opaque']})" for k, v in node["attributes"].items() if isinstance(v, dict) and "opaque" in v]
        if opaque:
            raise SerializationError(
                f"a {node['class']} cannot be rebuilt from data alone: it has {', '.join(opaque)}. Make one yourself and load "
                "the weights into it: load_model(path, model=…)"
            )
        made = self.modules[number] = cls.__new__(cls)  # known before its parts: they may hold it
        _describe.put_together(
            made, self.named(node["parameters"]), self.named(node["buffers"]), node["transient"], self.named(node["modules"]),
            self.named(node["attributes"]),
        )  # fmt: skip
        return made

    def state(self, node: Dict[str, Any]) -> "OrderedDict[str, Any]":
        """The state_dict of a module, without the module."""
        found: "OrderedDict[str, Any]" = OrderedDict()
        known: Dict[int, Dict[str, Any]] = {}

        def collect(node: Dict[str, Any], prefix: str) -> None:
            node = known.setdefault(node["module"], node)  # the second time a module comes it is its number only
            for name, item in node.get("weights", {}).items():
                value = self.decode(item)
                found[prefix + name] = value.detach() if isinstance(value, Tensor) and not is_uninitialized(value) else value
            if "weights" in node:
                return
            for word in ("parameters", "buffers"):
                for name, item in node[word].items():
                    if item is not None and (word == "parameters" or name not in node["transient"]):
                        found[prefix + name] = self.decode(item).detach()
            if "extra_state" in node:
                found[prefix + "_extra_state"] = self.decode(node["extra_state"])
            for name, child in node["modules"].items():
                if child is not None:
                    collect(child, f"{prefix}{name}.")

        collect(node, "")
        return found

    def array(self, node: Dict[str, Any]) -> np.ndarray:
        kind, shape = node["array"]
        values = np.ascontiguousarray(self.raw(node).numpy())
        if values.size == 0:
            return np.empty(shape, kind)
        return values.reshape(-1).view(kind).reshape(shape)


def _dtype(name: str) -> dtype:
    found = getattr(_C, name)
    if not isinstance(found, dtype):
        raise ValueError(f"{name} is no dtype")
    return found


def _partial(decoder: Decoder, parts: List[Any]) -> Any:
    function, args, keywords = (decoder.decode(part) for part in parts)
    if not callable(function):
        raise TypeError("a partial of something that is no function")
    return functools.partial(function, *args, **keywords)


def _class(decoder: Decoder, path: str) -> type:
    from .nn import _describe

    return _describe.find_class(path, decoder.classes, decoder.search)


_DECODE: Dict[str, Callable[[Decoder, Any], Any]] = {
    "int": lambda d, v: int(v, 16),
    "float": lambda d, v: float(v),
    "complex": lambda d, v: complex(*d.decode(v)),
    "bytes": lambda d, v: base64.b64decode(v),
    "size": lambda d, v: Size(v),
    "dtype": lambda d, v: _dtype(v),
    "device": lambda d, v: device(v),
    "function": lambda d, v: _named_function(v),
    "class": _class,
    "partial": _partial,
    "scalar": lambda d, v: np.frombuffer(base64.b64decode(v[1]), v[0])[0],
    "tuple": lambda d, v: tuple(d.decode(v)),
    "set": lambda d, v: set(d.decode(v)),
    "frozenset": lambda d, v: frozenset(d.decode(v)),
    "dict": Decoder.named,
    "dict_items": Decoder.pairs,
    "namespace": Decoder.namespace,
    "ordered": lambda d, v: OrderedDict(d.named(v)),
    "ordered_items": lambda d, v: OrderedDict(d.pairs(v)),
    "counter": lambda d, v: Counter(d.named(v)),
    "counter_items": lambda d, v: Counter(d.pairs(v)),
}

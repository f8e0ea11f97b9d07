"""Reading PyTorch's files (``torch.save``): tensors and plain data, without running what they hold.

Such a file is a pickle beside the bytes of storages: a zip archive, or before PyTorch 1.6 one after the other. A pickle is a
program. Python's pickle module is not used: :class:`_Machine` below knows the few instructions that build numbers, text,
containers and tensors, and calls nothing that a file names; a name that is not in ``_Reader.known`` is refused.
"""

from __future__ import annotations

import mmap as _mmap
import os
import re
import struct
import zipfile
import zlib
from collections import Counter, OrderedDict
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from . import _C
from ._bits import from_bytes
from ._C import SerializationError, Size, Tensor, device
from ._commit import file_error

__all__ = ["Refused", "read"]

Place = Callable[[Tensor, Optional[str]], Tensor]

_DTYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "UntypedStorage": "uint8",
}  # fmt: skip
_DTYPE_NAMES = {
    "float64", "double", "float32", "float", "float16", "half", "bfloat16", "int64", "long", "int32", "int", "int16", "short",
    "int8", "uint8", "bool",
}  # fmt: skip
_BROKEN = (
    zipfile.BadZipFile, struct.error, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
    NotImplementedError, EOFError, zlib.error,
)  # fmt: skip


class Refused(SerializationError):
    """The file is whole, but holds what is no data, or a dtype that rustorch does not have."""


class _Name:
    """What stands on the machine's stack for a name of Python's: something to call, or only a name."""

    __slots__ = ("name", "make")

    def __init__(self, name: str, make: Optional[Callable[..., Any]] = None) -> None:
        self.name = name
        self.make = make


class _Storage(NamedTuple):
    """Bytes on a device, as a tensor of one dimension."""

    values: Tensor


# ---------------------------------------------------------------------------------------------- the pickle


class _Machine:
    """Runs the data part of the pickle language (Python's ``pickletools`` describes it) over ``data`` from ``at`` on."""

    def __init__(self, data: Any, at: int, find: Callable[[str, str], Any], persistent: Callable[[Any], Any]) -> None:
        self.data = data
        self.at = at
        self.find = find
        self.persistent = persistent

    def take(self, n: int) -> bytes:
        if n < 0 or self.at + n > len(self.data):
            raise ValueError("it ends too early")
        self.at += n
        return bytes(self.data[self.at - n : self.at])

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 1000)
        if end < 0:
            raise ValueError("a name has no end")
        return self.take(end + 1 - self.at)[:-1].decode("utf-8")

    def run(self) -> Any:
        stack: List[Any] = []
        outer: List[List[Any]] = []  # stacks below the marks
        memo: Dict[int, Any] = {}

        def above() -> List[Any]:
            nonlocal stack
            items, stack = stack, outer.pop()
            return items

        while True:
            code = self.take(1)
            if code == b".":
                if outer or len(stack) != 1:
                    raise ValueError("it ends in the middle")
                return stack[0]
            if code in _CONSTANTS:
                stack.append(_CONSTANTS[code]())
            elif code in _NUMBERS:
                stack.append(self.number(_NUMBERS[code]))
            elif code in _BYTES:
                form, kind = _BYTES[code]
                stack.append(kind(self.take(self.number(form))))
            elif code == b"\x80":
                if self.number("<B") > 5:
                    raise ValueError("its protocol is newer than 5")
            elif code == b"\x95":
                self.number("<Q")  # FRAME
            elif code == b"(":
                outer.append(stack)
                stack = []
            elif code in _FROM_MARK:
                items = above()
                stack.append(_FROM_MARK[code](items))
            elif code in b"\x85\x86\x87":  # TUPLE1, TUPLE2, TUPLE3
                n = code[0] - 0x84
                if len(stack) < n:
                    raise ValueError("a tuple has too few items")
                stack[-n:] = [tuple(stack[-n:])]
            elif code == b"a":
                item = stack.pop()
                _only(stack[-1], list).append(item)
            elif code == b"e":
                items = above()
                _only(stack[-1], list).extend(items)
            elif code == b"s":
                items = [stack.pop(-2), stack.pop()]
                _filled(_only(stack[-1], dict), items)
            elif code == b"u":
                items = above()
                _filled(_only(stack[-1], dict), items)
            elif code == b"\x90":
                items = above()
                _only(stack[-1], set).update(map(_key, items))
            elif code in _TO_MEMO:
                place = len(memo) if _TO_MEMO[code] is None else self.number(_TO_MEMO[code])
                memo[place] = stack[-1]
                if type(stack[-1]) is _Array:
                    stack[-1].place = place
            elif code == b"h":
                stack.append(memo[self.number("<B")])
            elif code == b"j":
                stack.append(memo[self.number("<I")])
            elif code == b"c":
                stack.append(self.find(self.line(), self.line()))
            elif code == b"\x93":
                name, home = _only(stack.pop(), str), _only(stack.pop(), str)
                stack.append(self.find(home, name))
            elif code in (b"R", b"\x81"):
                arguments, callee = _only(stack.pop(), tuple), _only(stack.pop(), _Name)
                if callee.make is None:
                    raise SerializationError(f"it calls {callee.name}, which is no function")
                stack.append(callee.make(*arguments))
            elif code == b"b":
                state, target = stack.pop(), stack[-1]
                stack[-1] = _build(target, state)
                if type(target) is _Array and target.place is not None:
                    memo[target.place] = stack[-1]
            elif code == b"Q":
                stack.append(self.persistent(stack.pop()))
            else:
                raise Refused(f"it has the instruction {code!r}, which builds no data")


_CONSTANTS: Dict[bytes, Callable[[], Any]] = {
    b"N": lambda: None, b"\x88": lambda: True, b"\x89": lambda: False, b")": tuple, b"]": list, b"}": dict, b"\x8f": set,
}  # fmt: skip
_FROM_MARK: Dict[bytes, Callable[[List[Any]], Any]] = {
    b"t": tuple, b"l": list, b"d": lambda items: _filled({}, items), b"\x91": lambda items: frozenset(map(_key, items)),
}  # fmt: skip
_TO_MEMO = {b"q": "<B", b"r": "<I", b"\x94": None}
_NUMBERS = {b"J": "<i", b"K": "<B", b"M": "<H", b"G": ">d"}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _int(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


_BYTES: Dict[bytes, Tuple[str, Callable[[bytes], Any]]] = {
    b"\x8a": ("<B", _int), b"\x8b": ("<i", _int), b"X": ("<I", _text), b"\x8c": ("<B", _text), b"\x8d": ("<Q", _text),
    b"T": ("<i", lambda data: data.decode("latin1")), b"U": ("<B", lambda data: data.decode("latin1")),
    b"B": ("<I", bytes), b"C": ("<B", bytes), b"\x8e": ("<Q", bytes),
}  # fmt: skip


def _only(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} stands where a {kind.__name__} should")
    return value


def _key(key: Any) -> Any:
    """A key of a dict. Deep tuples may be small in a file and endless to hash."""
    for item in key if isinstance(key, tuple) else (key,):
        if not isinstance(item, (str, int, float, complex, bytes, type(None))):
            raise SerializationError(f"a dict has a {type(item).__name__} in a key")
    return key


def _filled(target: Dict[Any, Any], items: List[Any]) -> Dict[Any, Any]:
    for i in range(0, len(items), 2):
        target[_key(items[i])] = items[i + 1]
    return target


def _build(target: Any, state: Any) -> Any:
    """An object with the attributes that follow it: of few kinds, and only data."""
    if isinstance(target, OrderedDict) and isinstance(state, dict) and set(state) <= {"_metadata"}:
        vars(target).update(state)
        return target
    if type(target).__name__ == "Namespace" and isinstance(state, dict):
        vars(target).update({_only(key, str): value for key, value in state.items()})
        return target
    if isinstance(target, np.dtype) and isinstance(state, tuple) and state[1] in ("<", "|", "="):
        return target
    if type(target) is _Array and isinstance(state, tuple):
        _, shape, dtype, fortran, data = state
        order = "F" if fortran else "C"
        return np.frombuffer(_only(data, bytes), _plain(dtype)).copy().reshape(shape, order=order)
    raise SerializationError(f"it gives attributes to a {type(target).__name__}")


class _Array:
    """A NumPy array before its values are known, and where the memo has it."""

    place: Optional[int] = None


def _plain(dtype: Any) -> np.dtype:
    if _only(dtype, np.dtype).hasobject or dtype.kind == "V":
        raise SerializationError(f"a NumPy array has the dtype {dtype}")
    return dtype


# ---------------------------------------------------------------------------------------------- names


def _namespace() -> Any:
    import argparse

    return argparse.Namespace()


def _encoded(text: str, encoding: str) -> bytes:
    return _only(text, str).encode({"latin1": "latin1", "latin-1": "latin1"}[encoding])


def _parameter(data: Any, requires_grad: Any = True, hooks: Any = None, state: Any = None) -> Any:
    from .nn import Parameter

    return Parameter(_only(data, Tensor), bool(requires_grad))


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, dtype: Any = None) -> Tensor:
    values = _only(storage, _Storage).values
    if dtype is not None:
        values = values.view(dtype)
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
        raise ValueError("a tensor has a shape that makes no sense")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if 0 not in size and last >= values.numel():
        raise ValueError(f"a tensor of shape {tuple(size)} is larger than its storage of {values.numel()} elements")
    if 0 in size:
        offset = min(offset, values.numel())
    tensor = values.detach().as_strided(list(size), list(stride), values.storage_offset() + offset)
    return tensor.requires_grad_(True) if requires_grad else tensor


class _Reader:
    """The names that a file may use, and the storages they need. ``fetch`` gives the bytes of a key, in its dtype's size."""

    def __init__(self, name: str, place: Place, fetch: Callable[[str, int], np.ndarray]) -> None:
        self.name = name
        self.place = place
        self.fetch = fetch
        self.storages: Dict[Tuple[str, str], _Storage] = {}
        scalar = _Name("scalar", lambda dtype, data: np.frombuffer(_only(data, bytes), _plain(dtype))[0])
        array = _Name("_reconstruct", lambda *_: _Array())
        self.known: Dict[Tuple[str, str], _Name] = {
            ("torch._utils", "_rebuild_tensor_v2"): _Name("", lambda s, o, n, t, grad=False, *_: _tensor(s, o, n, t, grad)),
            ("torch._utils", "_rebuild_tensor"): _Name("", lambda s, o, n, t: _tensor(s, o, n, t, False)),
            ("torch._utils", "_rebuild_tensor_v3"): _Name("", lambda s, o, n, t, grad, h, d, *_: _tensor(s, o, n, t, grad, d)),
            ("torch._utils", "_rebuild_parameter"): _Name("", _parameter),
            ("torch._utils", "_rebuild_parameter_with_state"): _Name("", _parameter),
            ("torch", "Size"): _Name("", lambda sizes=(): Size(sizes)),
            ("torch", "device"): _Name("", lambda kind, *index: device(kind, *index)),
            ("collections", "OrderedDict"): _Name("", lambda pairs=(): OrderedDict((_key(k), v) for k, v in pairs)),
            ("collections", "Counter"): _Name("", lambda counts: Counter(_only(counts, dict))),
            ("collections", "defaultdict"): _Name("", lambda *_: {}),
            ("argparse", "Namespace"): _Name("", _namespace),
            ("_codecs", "encode"): _Name("", _encoded),
            ("numpy", "dtype"): _Name("", lambda kind, *_: np.dtype(_only(kind, str))),
            ("numpy", "ndarray"): _Name("numpy.ndarray"),
        }
        for core in ("numpy.core.multiarray", "numpy._core.multiarray"):
            self.known[core, "scalar"], self.known[core, "_reconstruct"] = scalar, array
        for home in ("builtins", "__builtin__"):
            for kind in (set, frozenset):
                self.known[home, kind.__name__] = _Name("", lambda items=(), kind=kind: kind(map(_key, items)))
            self.known[home, "complex"] = _Name("", complex)
            for factory in ("int", "float", "list", "dict"):  # of a defaultdict
                self.known[home, factory] = _Name(factory)

    def find(self, home: str, name: str) -> Any:
        if home in ("torch", "torch.cuda", "torch.storage") and name in _DTYPES:
            return _Name(name)
        if home == "torch" and name in _DTYPE_NAMES:
            return getattr(_C, name)
        found = self.known.get((home, name))
        if found is None:
            if name.endswith("Storage") or home == "torch" and re.fullmatch(r"[a-z]+\d+\w*|cfloat|cdouble", name):
                raise Refused(
                    f"{self.name} has a tensor of torch.{name.replace('Storage', '').lower()}, a dtype that rustorch does not have: "
                    "convert it in PyTorch before it is saved"
                )
            raise Refused(
                f"{self.name} holds {home}.{name}, which is neither a tensor nor plain data: nothing in a file is run. In "
                "PyTorch, save the weights alone: torch.save(model.state_dict(), path)"
            )
        return found

    def persistent(self, number: Any) -> _Storage:
        word, kind, key, location, _ = _only(number, tuple)[:5]
        if word != "storage" or not isinstance(kind, _Name) or kind.name not in _DTYPES:
            raise Refused(f"{self.name} holds a {word} that is no storage of tensors")
        if len(number) > 5 and number[5] is not None:
            raise SerializationError(
                f"{self.name} has storages that are views of others: save it again with PyTorch 1.6 or later"
            )
        name, key = _DTYPES[kind.name], _only(key, str)
        if (key, name) not in self.storages:
            where = _only(location, str)
            data = self.fetch(key, _itemsize(name))
            placed = self.place(from_bytes(data, name), None if where == "cpu" else where)
            self.storages[key, name] = _Storage(placed)
        return self.storages[key, name]


def _itemsize(name: str) -> int:
    return int(getattr(_C, name).itemsize)


# ---------------------------------------------------------------------------------------------- the file


class _Zip:
    """The entries of an archive, none of which is compressed, so that each is a stretch of the file."""

    def __init__(self, name: str, path: Any, file: Any, whole: Optional[np.ndarray]) -> None:
        self.name = name
        self.file = file
        self.whole = whole
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
        pickles = [info.filename for info in infos if info.filename.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise SerializationError(
                f"{name} is a zip archive, but none that torch.save wrote"
                + (": numpy.load reads .npz files" if any(info.filename.endswith(".npy") for info in infos) else "")
            )
        self.folder = pickles[0][: -len("data.pkl")]
        self.entries = {info.filename: info for info in infos}
        if self.folder + "constants.pkl" in self.entries:
            raise Refused(f"{name} is a TorchScript program, not a file of tensors: save its state_dict() with torch.save")
        self.size = os.fstat(file.fileno()).st_size
        if len(self.entries) != len(infos) or sum(info.file_size for info in infos) > self.size:
            raise SerializationError(f"{name} is damaged: its entries overlap")
        if self.folder + "byteorder" in self.entries and self.bytes("byteorder").tobytes() != b"little":
            raise SerializationError(f"{name} was written on a machine with another byte order")

    def bytes(self, entry: str) -> np.ndarray:
        """The bytes of an entry, after their checksum was compared."""
        info = self.entries.get(self.folder + entry)
        if info is None:
            raise SerializationError(f"{self.name} is damaged: it has no entry {entry}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise SerializationError(f"{self.name}: the entry {entry} is compressed, which torch.save never does")
        if info.header_offset < 0:
            raise SerializationError(f"{self.name} is damaged: the entry {entry} begins before the file")
        self.file.seek(info.header_offset)
        head = struct.unpack("<4s5H3L2H", self.file.read(30))
        start = info.header_offset + 30 + head[9] + head[10]
        if head[0] != b"PK\x03\x04" or start + info.file_size > self.size:
            raise SerializationError(f"{self.name} is damaged: the entry {entry} is not where it should be")
        data = _stretch(self.file, self.whole, start, info.file_size)
        if zlib.crc32(data) != info.CRC:
            raise SerializationError(f"{self.name} is damaged: the bytes of {entry} do not fit their checksum")
        return data


def _stretch(file: Any, whole: Optional[np.ndarray], start: int, n: int) -> np.ndarray:
    """Bytes of a file, in memory of their own or in the file's pages."""
    if whole is not None:
        return whole[start : start + n]
    data = np.empty(n, np.uint8)
    file.seek(start)
    if file.readinto(data) != n:
        raise ValueError("the file ends too early")
    return data


def _read_zip(name: str, path: Any, file: Any, whole: Optional[np.ndarray], place: Place) -> Any:
    archive = _Zip(name, path, file, whole)
    reader = _Reader(name, place, lambda key, item: archive.bytes(f"data/{key}"))
    return _Machine(archive.bytes("data.pkl").tobytes(), 0, reader.find, reader.persistent).run()


def _read_legacy(name: str, file: Any, whole: Optional[np.ndarray], place: Place) -> Any:
    """Magic number, version, facts about the machine, the state, the keys of storages; then each: its length and values."""
    sizes: Dict[str, int] = {}

    def note(key: str, item: int) -> np.ndarray:
        sizes[key] = item
        return np.empty(0, np.uint8)

    with _mmap.mmap(file.fileno(), 0, access=_mmap.ACCESS_READ) as data:
        blind = _Reader(name, lambda tensor, was: tensor, note)
        blind.known.update({key: _Name("", lambda *_: None) for key in blind.known if key[0] == "torch._utils"})
        machine = _Machine(data, 0, blind.find, blind.persistent)
        _, version, facts = machine.run(), machine.run(), machine.run()
        if version != 1001 or not facts["little_endian"]:
            raise SerializationError(f"{name} is of version {version} of PyTorch's old format: only 1001, little-endian, is read")
        start = machine.at
        machine.run()  # the state, to find out the storages' dtypes, and where it ends
        keys = machine.run()
        places, at = {}, machine.at
        for key in keys:
            n = struct.unpack("<q", data[at : at + 8])[0] * sizes[key]
            if n < 0 or at + 8 + n > len(data):
                raise ValueError("the file ends too early")
            places[key] = (at + 8, n)
            at += 8 + n
        reader = _Reader(name, place, lambda key, item: _stretch(file, whole, *places[key]))
        return _Machine(data, start, reader.find, reader.persistent).run()


def read(path: Any, place: Place, kind: str, mmap: bool = False) -> Any:
    """The tensors and plain data of a file by ``torch.save``: kind "zip", or "legacy" for PyTorch before 1.6."""
    name = os.fsdecode(path)
    with open(path, "rb") as file:
        try:
            whole = np.memmap(path, np.uint8, "c") if mmap else None
            whole = None if whole is None else whole.view(np.ndarray)
            return _read_zip(name, path, file, whole, place) if kind == "zip" else _read_legacy(name, file, whole, place)
        except SerializationError as error:
            if str(error).startswith(name):
                raise
            raise SerializationError(f"{name} is no file by torch.save that can be read: {error}") from error
        except OSError as error:
            raise file_error(name, error) from error
        except _BROKEN as error:
            if isinstance(error, _C.DeviceError):
                raise
            raise SerializationError(f"{name} is damaged, or no file by torch.save: {type(error).__name__}: {error}") from error

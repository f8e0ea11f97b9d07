"""safetensors files: named tensors behind a header of JSON, the format in which many models are published.

The names and arguments are those of ``safetensors.torch`` and ``safetensors.safe_open``. A file is 8 bytes with the length
of the header, the header, and the values of all tensors without gaps, little-endian. Everything in the header is checked
before a value is read. Source: https://github.com/huggingface/safetensors (format).

Examples
--------
>>> import os, tempfile
>>> from rustorch import nn
>>> from rustorch.utils.safetensors import load_file, save_file
>>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
>>> model = nn.Linear(3, 2)
>>> save_file(model.state_dict(), path, metadata={"format": "pt"})
>>> nn.Linear(3, 2).load_state_dict(load_file(path))
<All keys matched successfully>
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._bits import from_bytes, to_bytes
from rustorch._C import ArgumentTypeError, ArgumentValueError, SerializationError, UnsupportedError
from rustorch._commit import WholeFile, file_error
from rustorch._structure import overlapping

__all__ = ["load", "load_file", "load_model", "read_header", "safe_open", "save", "save_file", "save_model"]

MAX_HEADER = 100_000_000
# In the order in which the format's own library lays tensors out: what needs the largest alignment first.
_DTYPES = {
    "I64": "int64", "F64": "float64", "F32": "float32", "I32": "int32", "BF16": "bfloat16", "F16": "float16", "I16": "int16",
    "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_CODES = {name: code for code, name in _DTYPES.items()}
_FOREIGN = frozenset("U64 U32 U16 C64 F8_E4M3 F8_E5M2 F8_E8M0 F6_E2M3 F6_E3M2 F4".split())


class Entry(NamedTuple):
    """A tensor of a file: its dtype's code, its shape, and where its values begin and end, in bytes behind the header."""

    dtype: str
    shape: List[int]
    begin: int
    end: int


# ---------------------------------------------------------------------------------------------- header


def _no_twins(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise SerializationError(f"the name {next(n for n in names if names.count(n) > 1)!r} is there twice")
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise SerializationError(f"the entry of {name!r} must have dtype, shape and data_offsets")
    dtype, shape, place = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        known = dtype in _FOREIGN if isinstance(dtype, str) else False
        raise SerializationError(
            f"{name!r} has the dtype {dtype!r}, which " + ("rustorch does not have" if known else "is none of safetensors'")
        )
    if not isinstance(shape, list) or not all(map(_is_count, shape)):
        raise SerializationError(f"{name!r} has the shape {shape!r}, which is no list of sizes")
    if not isinstance(place, list) or len(place) != 2 or not all(map(_is_count, place)) or place[0] > place[1]:
        raise SerializationError(f"{name!r} lies at {place!r}, which is no beginning and end")
    n = getattr(rustorch, _DTYPES[dtype]).itemsize
    for size in shape:
        n *= size
    if place[1] - place[0] != n:
        raise SerializationError(f"{name!r} of dtype {dtype} and shape {shape} needs {n} bytes, but has {place[1] - place[0]}")
    return Entry(dtype, shape, place[0], place[1])


def _parse(head: bytes, data_bytes: int) -> Tuple[Dict[str, Entry], Optional[Dict[str, str]]]:
    """The tensors in order of their places, and the metadata, of a header in front of so many bytes of data."""
    if head[:1] != b"{":
        raise SerializationError("the header is no JSON object")
    try:
        table = json.loads(head.decode("utf-8"), object_pairs_hook=_no_twins)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SerializationError(f"the header is no JSON in UTF-8: {error}") from error
    metadata = table.pop("__metadata__", None)
    if metadata is not None and not (isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())):
        raise SerializationError("__metadata__ must map names to text")
    entries = {name: _entry(name, value) for name, value in table.items()}
    ordered = sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end))
    at = 0
    for name, entry in ordered:
        if entry.begin != at:
            problem = "overlaps what is before it" if entry.begin < at else f"leaves a gap of {entry.begin - at} bytes"
            raise SerializationError(f"{name!r} {problem}: it begins at byte {entry.begin}, {at} would be next")
        at = entry.end
    if at != data_bytes:
        raise SerializationError(f"the tensors have {at} bytes, but {data_bytes} follow the header")
    return dict(ordered), metadata


def _header_size(start: bytes, total: int) -> int:
    if len(start) < 8:
        raise SerializationError(f"a file of {total} bytes is too short")
    n = int.from_bytes(start, "little")
    if n > MAX_HEADER or 8 + n > total:
        raise SerializationError(f"its header would have {n} bytes, but {'the limit is' if n > MAX_HEADER else 'there are'} "
                                 f"{MAX_HEADER if n > MAX_HEADER else total - 8}")  # fmt: skip
    return n


def _failed(name: str, error: Exception) -> Exception:
    if isinstance(error, OSError) and not isinstance(error, SerializationError):
        return file_error(name, error)
    return SerializationError(f"{name} is damaged, or no safetensors file: {error}")


def _open_header(file: Any) -> Tuple[Dict[str, Entry], Optional[Dict[str, str]], int]:
    """Tensors, metadata, and where the data begin, of an open file."""
    total = os.fstat(file.fileno()).st_size
    n = _header_size(file.read(8), total)
    entries, metadata = _parse(file.read(n), total - 8 - n)
    return entries, metadata, 8 + n


def _path(function: str, filename: Any) -> str:
    if not isinstance(filename, (str, bytes, os.PathLike)):
        raise ArgumentTypeError(f"{function}: the path of a file is needed, not a {type(filename).__name__}")
    return os.fsdecode(filename)


def read_header(filename: Any) -> Tuple[Dict[str, Entry], Optional[Dict[str, str]]]:
    """What a file holds, without its values: entries (dtype, shape, begin, end) by name in order of place, and the metadata.

    Raises
    ------
    SerializationError
        The file is damaged, or none of safetensors.

    Examples
    --------
    >>> from rustorch.utils import safetensors
    >>> safetensors.save_file({"w": rustorch.ones(2, 3)}, "model.safetensors", metadata={"by": "me"})
    >>> entries, metadata = safetensors.read_header("model.safetensors")
    >>> entries["w"].shape, metadata
    ([2, 3], {'by': 'me'})
    """
    name = _path("read_header", filename)
    try:
        with open(name, "rb") as file:
            return _open_header(file)[:2]
    except (OSError, SerializationError) as error:
        raise _failed(name, error) from error


# ---------------------------------------------------------------------------------------------- writing


def _check_tensors(tensors: Any) -> None:
    if not isinstance(tensors, dict):
        raise ArgumentTypeError(f"a dict of tensors is expected, not a {type(tensors).__name__}")
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise ArgumentTypeError(f"the names of tensors must be str, not {type(name).__name__}")
        if name == "__metadata__":
            raise ArgumentValueError("__metadata__ is no name for a tensor: the format uses it")
        if not isinstance(tensor, Tensor):
            raise ArgumentTypeError(f"{name!r} is a {type(tensor).__name__}, a tensor is expected")
    names = list(tensors)
    for group in overlapping([tensors[name] for name in names]):
        if len(group) > 1:
            shared = ", ".join(repr(names[i]) for i in group)
            raise SerializationError(
                f"{shared} share memory: the format cannot say so, and each would be stored in full. save_model leaves "
                "doubles out; or clone() them"
            )


def _head(tensors: Dict[str, Tensor], metadata: Optional[Dict[str, str]]) -> Tuple[bytes, List[Tensor]]:
    """The file up to the data, and the tensors in the order in which they follow."""
    _check_tensors(tensors)
    table: Dict[str, Any] = {}
    if metadata is not None:
        if not isinstance(metadata, dict) or not all(isinstance(x, str) for item in metadata.items() for x in item):
            raise ArgumentTypeError("metadata must be a dict from str to str")
        table["__metadata__"] = metadata
    codes = list(_DTYPES)
    order = sorted(tensors, key=lambda name: (codes.index(_CODES[tensors[name].dtype()]), name))
    at = 0
    for name in order:
        tensor = tensors[name]
        end = at + tensor.numel() * tensor.element_size()
        table[name] = {"dtype": _CODES[tensor.dtype()], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    try:
        head = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentValueError(f"a name or the metadata cannot be written as UTF-8: {error}") from error
    head += b" " * (-len(head) % 8)
    if len(head) > MAX_HEADER:
        raise SerializationError(f"the header would have {len(head)} bytes, the format allows {MAX_HEADER}")
    return len(head).to_bytes(8, "little") + head, [tensors[name] for name in order]


def save_file(tensors: Dict[str, Tensor], filename: Any, metadata: Optional[Dict[str, str]] = None) -> None:
    """Write tensors to a file. It appears whole or not at all.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Of any dtype and device; strided ones are stored contiguous.
    filename : str or path
    metadata : dict of str to str, optional
        PyTorch programs of Hugging Face expect ``{"format": "pt"}``.

    Raises
    ------
    SerializationError
        Two tensors share memory, or the file cannot be written.

    >>> from rustorch.utils import safetensors
    >>> safetensors.save_file({"a": rustorch.ones(2)}, "a.safetensors")
    >>> safetensors.load_file("a.safetensors")
    {'a': tensor([1., 1.])}
    """
    name = _path("save_file", filename)
    head, ordered = _head(tensors, metadata)
    with WholeFile(name) as file:
        file.write(head)
        for tensor in ordered:
            file.write(to_bytes(tensor))


def save(tensors: Dict[str, Tensor], metadata: Optional[Dict[str, str]] = None) -> bytes:
    """The bytes of the file that :func:`save_file` would write.

    Examples
    --------
    >>> from rustorch.utils import safetensors
    >>> safetensors.load(safetensors.save({"x": rustorch.arange(3)}))
    {'x': tensor([0, 1, 2])}
    """
    head, ordered = _head(tensors, metadata)
    return b"".join([head, *map(to_bytes, ordered)])


def save_model(model: Any, filename: Any, metadata: Optional[Dict[str, str]] = None, force_contiguous: bool = True) -> None:
    """Write the state of a module to a file; of tensors that are one, such as tied weights, the first name is stored.

    Parameters
    ----------
    model : Module
    filename : str or path
    metadata : dict of str to str, optional
        The names left out are added to it, each with the name that stands for it.
    force_contiguous : bool, default True
        False: a strided tensor is an error.

    >>> from rustorch.utils import safetensors
    >>> safetensors.save_model(nn.Linear(1, 1), "m.safetensors")
    """
    state = model.state_dict()
    names = list(state)
    kept, aliases = dict(state), dict(metadata or {})
    for group in overlapping([state[name] for name in names]):
        first = state[names[group[0]]]
        for i in group[1:]:
            other = state[names[i]]
            if (other.shape, other.stride(), other.data_ptr()) != (first.shape, first.stride(), first.data_ptr()):
                raise SerializationError(f"{names[i]!r} is a part of {names[group[0]]!r}: the format cannot say so; clone() one")
            aliases[names[i]] = names[group[0]]
            del kept[names[i]]
    if not force_contiguous:
        strided = [name for name, tensor in kept.items() if not tensor.is_contiguous()]
        if strided:
            raise ArgumentValueError(f"{strided[0]!r} is not contiguous: call contiguous(), or give force_contiguous=True")
    save_file(kept, filename, aliases or None)


# ---------------------------------------------------------------------------------------------- reading


def _tensor(entry: Entry, data: np.ndarray, device: Any) -> Tensor:
    tensor = from_bytes(data, _DTYPES[entry.dtype]).reshape(entry.shape)
    return tensor if str(device) == "cpu" else tensor.to(device)


def load_file(filename: Any, device: Any = "cpu") -> Dict[str, Tensor]:
    """All tensors of a file, by name.

    Parameters
    ----------
    filename : str or path
    device : device or its name, default "cpu"

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    SerializationError
        The file is damaged, none of safetensors, or has a dtype that rustorch does not have. A file that does not exist is
        a FileNotFoundError as well.

    >>> from rustorch.utils import safetensors
    >>> safetensors.save_file({"a": rustorch.ones(2)}, "a.safetensors")
    >>> safetensors.load_file("a.safetensors")
    {'a': tensor([1., 1.])}
    """
    name = _path("load_file", filename)
    device = rustorch.device(device)
    found = {}
    try:
        with open(name, "rb") as file:
            entries, _, _ = _open_header(file)
            for key, entry in entries.items():  # in order of their places: the file is read from front to end
                data = np.empty(entry.end - entry.begin, np.uint8)
                if file.readinto(data) != data.size:  # type: ignore[attr-defined]
                    raise SerializationError("it ends while it is read")
                found[key] = _tensor(entry, data, device)
    except (OSError, SerializationError) as error:
        raise _failed(name, error) from error
    return found


def load(data: bytes) -> Dict[str, Tensor]:
    """All tensors in the bytes of a file. They have memory of their own.

    >>> from rustorch.utils import safetensors
    >>> safetensors.load(safetensors.save({"a": rustorch.ones(1)}))
    {'a': tensor([1.])}
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ArgumentTypeError(f"load: bytes are expected, not a {type(data).__name__}: load_file reads a file")
    data = memoryview(data)
    try:
        n = _header_size(bytes(data[:8]), len(data))
        entries, _ = _parse(bytes(data[8 : 8 + n]), len(data) - 8 - n)
        values = np.frombuffer(data, np.uint8)[8 + n :]
        return {name: _tensor(entry, values[entry.begin : entry.end].copy(), "cpu") for name, entry in entries.items()}
    except SerializationError as error:
        raise _failed("the data", error) from error


def load_model(model: Any, filename: Any, strict: bool = True, device: Any = "cpu") -> Tuple[List[str], List[str]]:
    """Load the file of :func:`save_model` into a module.

    Returns
    -------
    (missing, unexpected) : names of the module that the file lacks, and the other way round

    Raises
    ------
    RuntimeError
        With ``strict``, when there are any.

    >>> from rustorch.utils import safetensors
    >>> safetensors.save_model(nn.Linear(1, 1), "m.safetensors")
    >>> found = safetensors.load_model(nn.Linear(1, 1), "m.safetensors")
    """
    entries, metadata = read_header(filename)
    state: Dict[str, Tensor] = load_file(filename, device)
    for alias, name in (metadata or {}).items():
        if name in entries and alias not in entries:
            state[alias] = state[name]
    own = model.state_dict()
    for group in overlapping(list(own.values())):  # written by others: one name of several that are one
        names = [list(own)[i] for i in group]
        there = [name for name in names if name in state]
        state.update({name: state[there[0]] for name in names if there and name not in state})
    missing, unexpected = model.load_state_dict(state, strict=strict)
    return missing, unexpected


class _Slice:
    """One tensor of an open file: indexing it reads only what is asked for."""

    def __init__(self, entry: Entry, data: np.ndarray, owner: "safe_open") -> None:
        self._entry = entry
        self._data = data
        self._owner = owner

    def get_shape(self) -> List[int]:
        """Its shape, as a list."""
        return list(self._entry.shape)

    def get_dtype(self) -> str:
        """Its dtype as the format writes it, such as ``"F32"``."""
        return self._entry.dtype

    def __getitem__(self, index: Any) -> Any:
        return self._owner._given(_tensor(self._entry, self._data, "cpu")[index].clone())


class safe_open:
    """A file whose tensors are read when they are asked for, out of its mapped pages.

    Parameters
    ----------
    filename : str or path
    framework : {"pt", "np"}, default "pt"
        Whether tensors are rustorch's ("pytorch", "torch" and "rustorch" are the same as "pt") or NumPy's.
    device : device or its name, default "cpu"

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch.utils.safetensors import safe_open, save_file
    >>> path = os.path.join(tempfile.mkdtemp(), "x.safetensors")
    >>> save_file({"x": rustorch.arange(6).reshape(2, 3)}, path, {"note": "small"})
    >>> with safe_open(path, framework="pt") as file:
    ...     print(file.keys(), file.metadata(), file.get_slice("x")[:, 1:])
    ['x'] {'note': 'small'} tensor([[1, 2],
            [4, 5]])
    """

    def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu") -> None:
        if framework not in ("pt", "pytorch", "torch", "rustorch", "np", "numpy"):
            raise UnsupportedError(f"safe_open: framework must be 'pt' (rustorch's tensors) or 'np' (NumPy's), not {framework!r}")
        self._name = _path("safe_open", filename)
        self._numpy = framework in ("np", "numpy")
        self._device = rustorch.device(device)
        try:
            with open(self._name, "rb") as file:
                self._entries, self._metadata, start = _open_header(file)
                self._data: Optional[np.ndarray] = np.memmap(file, np.uint8, "c").view(np.ndarray)[start:]
        except (OSError, SerializationError) as error:
            raise _failed(self._name, error) from error

    def __enter__(self) -> "safe_open":
        return self

    def __exit__(self, *error: Any) -> None:
        self._data = None  # tensors that were given keep the pages

    def _find(self, name: str) -> Tuple[Entry, np.ndarray]:
        if self._data is None:
            raise SerializationError(f"{self._name} is closed")
        if name not in self._entries:
            raise SerializationError(f"{self._name} has no tensor {name!r}")
        entry = self._entries[name]
        return entry, self._data[entry.begin : entry.end]

    def _given(self, tensor: Tensor) -> Any:
        return tensor.numpy() if self._numpy else tensor.to(self._device)

    def keys(self) -> List[str]:
        """The names of the tensors, sorted."""
        return sorted(self._entries)

    def offset_keys(self) -> List[str]:
        """The names of the tensors in order of their places."""
        return list(self._entries)

    def metadata(self) -> Optional[Dict[str, str]]:
        """What the writer said about the file."""
        return self._metadata

    def get_tensor(self, name: str) -> Any:
        """A tensor. Its memory is the file's: pages are read when they are used; what is written to it stays in memory."""
        return self._given(_tensor(*self._find(name), "cpu"))

    def get_slice(self, name: str) -> _Slice:
        """A tensor that is not read yet: ``[index]`` gives a copy of that part."""
        return _Slice(*self._find(name), self)

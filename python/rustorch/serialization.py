"""save and load: nested states of tensors and plain data in HDF5 files, without pickle.

A file holds every tensor as a dataset of its own, and in the dataset ``rustorch.json`` how they hang together; h5py and
every other reader of HDF5 can look inside. docs/checkpoint-format.md describes the bytes, docs/files.md what is kept.
``load`` also reads the tensors of a PyTorch file: see docs/files.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from typing import IO, Any, Callable, Iterable, Iterator, List, Optional, Union

import numpy as np

from . import _C
from ._C import SerializationError, Tensor, device
from ._structure import STRUCTURE, Decoder, Encoder, InlineEncoder

__all__ = [
    "save", "load", "describe_module", "build_module", "add_safe_globals", "clear_safe_globals", "get_safe_globals",
    "remove_safe_globals", "safe_globals",
]  # fmt: skip

PathLike = Union[str, bytes, "os.PathLike[str]"]
FileLike = Union[str, bytes, "os.PathLike[str]", IO[bytes]]


def __getattr__(name: str) -> Any:
    if name in ("describe_module", "build_module"):  # bring the layers along
        from .nn import _describe

        return getattr(_describe, name)
    raise AttributeError(f"module 'rustorch.serialization' has no attribute '{name}'")


def to_plain(value: Any, where: str = "state") -> Any:
    """A state as JSON values with the tensors inside, for sending it to another rank."""
    return InlineEncoder().encode(value, where, ("", "state"))


def from_plain(node: Any) -> Any:
    """What :func:`to_plain` was given."""
    return Decoder({}, lambda tensor, _: tensor).decode(node)


# ---------------------------------------------------------------------------------------------- classes of the user

_safe: List[type] = []


def add_safe_globals(safe_globals: Iterable[type]) -> None:
    """Name classes of modules that :func:`load` may rebuild beside rustorch's own.

    Parameters
    ----------
    safe_globals : list of classes

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch import nn, serialization
    >>> class Net(nn.Linear):
    ...     pass
    >>> path = os.path.join(tempfile.mkdtemp(), "net.h5")
    >>> rustorch.save(Net(2, 1), path)
    >>> with serialization.safe_globals([Net]):
    ...     rustorch.load(path)
    Net(in_features=2, out_features=1, bias=True)
    """
    for cls in safe_globals:
        if not isinstance(cls, type):
            raise _C.ArgumentTypeError(f"add_safe_globals: classes are expected, not a {type(cls).__name__}")
        if cls not in _safe:
            _safe.append(cls)


def get_safe_globals() -> List[type]:
    """The classes given to :func:`add_safe_globals`.

    >>> rustorch.serialization.get_safe_globals()
    []
    """
    return list(_safe)


def clear_safe_globals() -> None:
    """Forget all classes given to :func:`add_safe_globals`.

    >>> rustorch.serialization.clear_safe_globals()
    """
    _safe.clear()


def remove_safe_globals(safe_globals: Iterable[type]) -> None:
    """Forget some classes given to :func:`add_safe_globals`.

    Examples
    --------
    >>> from rustorch import nn, serialization
    >>> class Net(nn.Linear):
    ...     pass
    >>> serialization.add_safe_globals([Net])
    >>> serialization.remove_safe_globals([Net])
    >>> serialization.get_safe_globals()
    []
    """
    for cls in safe_globals:
        if cls in _safe:
            _safe.remove(cls)


class safe_globals:
    """:func:`add_safe_globals` within a ``with`` block.

    Examples
    --------
    >>> from rustorch import nn, serialization
    >>> class Net(nn.Linear):
    ...     pass
    >>> rustorch.save(Net(2, 1), "net.h5")
    >>> with serialization.safe_globals([Net]):
    ...     rustorch.load("net.h5")
    Net(in_features=2, out_features=1, bias=True)
    """

    def __init__(self, safe_globals: Iterable[type]) -> None:
        self.added = [cls for cls in safe_globals if cls not in _safe]

    def __enter__(self) -> "safe_globals":
        add_safe_globals(self.added)
        return self

    def __exit__(self, *error: Any) -> None:
        remove_safe_globals(self.added)


# ---------------------------------------------------------------------------------------------- saving


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
    encoder = Encoder()
    # a state that is one tensor, or one list, has no name of its own
    root = encoder.encode(obj, where, ("", "tensor") if isinstance(obj, (Tensor, np.ndarray)) else ("", ""))
    encoder.finish()
    text = json.dumps({"rustorch": _C.__version__, "structure": 1, "root": root}, separators=(",", ":"), allow_nan=False)
    note = _C.from_numpy(np.frombuffer(bytearray(text.encode("ascii")), np.uint8))
    _C._file_save(path, [STRUCTURE, *encoder.names], [note, *encoder.tensors])


def save(obj: Any, f: FileLike, *, _use_new_zipfile_serialization: bool = True) -> None:
    """Write a state to a file.

    The file appears whole or not at all: it is written under another name in the same folder, synced to the disk, and
    renamed over what was there. An error leaves the earlier file as it was.

    Parameters
    ----------
    obj : object
        Tensors, parameters, NumPy arrays and numbers, None, bool, int, float, complex, str, bytes, Size, dtype, device,
        modules, functions of ``nn.functional``, and lists, tuples, dicts (also ordered ones and counters), sets and
        ``argparse.Namespace`` of them. A tensor that is there twice is stored once, and tensors that share memory share
        it again when they are loaded. Whether a tensor requires its gradient is kept. A ``defaultdict`` becomes a dict.
        A module is saved as data: its class (by name), attributes, parameters and buffers.
    f : str, path or file
        By custom with the ending ``.h5``, ``.rustorch`` or ``.pt``. An open file, or a ``BytesIO``, gets the bytes at its
        position; what is promised above about names does not apply to it.
    _use_new_zipfile_serialization : bool
        Chooses between two formats of PyTorch; here there is one, so both values are right.

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
    if not callable(getattr(f, "write", None)):
        write(obj, _check_path("save", f))
        return
    with tempfile.TemporaryDirectory(prefix="rustorch-") as folder:
        whole = os.path.join(folder, "state.h5")
        write(obj, whole)
        with open(whole, "rb") as source:
            shutil.copyfileobj(source, f, 1 << 20)


# ---------------------------------------------------------------------------------------------- loading


def _placer(map_location: Any) -> Callable[[Tensor, Optional[str]], Tensor]:
    """What puts a tensor, which was on a device (None: the CPU), where it belongs."""

    def move(tensor: Tensor, target: Any) -> Tensor:
        try:
            return tensor.to(device(target))
        except _C.DeviceError as error:
            raise _C.DeviceError(
                f"a tensor was saved on {target}: load(…, map_location='cpu') loads it here ({error})"
            ) from error

    if isinstance(map_location, (str, device)):
        target = device(map_location)
        return lambda tensor, was: tensor.to(target)
    if map_location is None:
        return lambda tensor, was: tensor if was is None else move(tensor, was)
    if isinstance(map_location, dict):
        table = {str(key): str(value) for key, value in map_location.items()}
        return lambda tensor, was: move(tensor, table.get(was or "cpu", was or "cpu"))
    if not callable(map_location) or isinstance(map_location, type):
        raise _C.ArgumentTypeError(
            f"load: map_location must be a device, its name, a dict or a function, not {type(map_location).__name__}"
        )

    def ask(tensor: Tensor, was: Optional[str]) -> Tensor:
        found = map_location(tensor, was or "cpu")
        if found is None:
            return tensor if was is None else move(tensor, was)
        if not isinstance(found, Tensor):
            raise _C.ArgumentTypeError(f"load: map_location returned a {type(found).__name__}, not the tensor or a copy of it")
        return found

    return ask


@contextlib.contextmanager
def _readable(function: str, f: Any) -> Iterator[Any]:
    """The path of a file; what comes from an open one is read into a file in memory first."""
    if not callable(getattr(f, "read", None)):
        yield _check_path(function, f)
        return
    handle = os.memfd_create("rustorch-load")
    try:
        with os.fdopen(os.dup(handle), "wb") as copy:
            shutil.copyfileobj(f, copy, 1 << 20)
        yield f"/proc/self/fd/{handle}"
    except TypeError as error:
        raise _C.ArgumentTypeError(f"{function}: a file opened for reading bytes is needed ('rb')") from error
    finally:
        os.close(handle)


def kind_of(path: Any) -> str:
    """What a file looks like by its first bytes: "hdf5", "zip", "legacy" (PyTorch before 1.6), "safetensors" or ""."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""  # a pipe would be waited for
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError:
        return ""  # whoever opens it next says what is wrong
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head[:1] == b"\x80" and b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" in head:
        return "legacy"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= 100_000_000:
        return "safetensors"
    return ""


def read(
    path: Any,
    map_location: Any = None,
    mmap: bool = False,
    classes: Iterable[type] = (),
    search: bool = False,
    take: Callable[[Decoder, Any], Any] = Decoder.decode,
) -> Any:
    """load, without its checks of arguments.

    ``classes`` and ``search`` are those of :class:`rustorch._structure.Decoder`; ``take`` makes the result of a decoder and
    the tree.
    """
    place = _placer(map_location)
    kind = kind_of(path)
    if kind in ("zip", "legacy"):
        from . import _torch_file

        return _torch_file.read(path, place, kind, mmap)
    if kind == "safetensors":
        raise SerializationError(
            f"{os.fsdecode(path)} is a safetensors file: rustorch.utils.safetensors.load_file reads it as a dict of tensors"
        )
    tensors = _C._file_load(path, bool(mmap))
    name = os.fsdecode(path)
    note = tensors.pop(STRUCTURE, None)
    if note is None:
        raise SerializationError(f"{name} holds tensors, but no structure that says how they hang together")
    try:
        tree = json.loads(bytes(note.numpy()).decode("utf-8"))
        if tree["structure"] != 1:
            raise SerializationError(f"{name} was written by rustorch {tree['rustorch']}, a newer one: use that to load it")
        return take(Decoder(tensors, place, [*classes, *_safe], search), tree["root"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        if isinstance(error, _C.RusTorchError):
            raise
        raise SerializationError(f"{name} has a structure that makes no sense: {type(error).__name__}: {error}") from error


def load(
    f: FileLike,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: Optional[bool] = None,
    mmap: Optional[bool] = None,
) -> Any:
    """Read a state that :func:`save` wrote, or the tensors of a file of PyTorch's; the whole file is checked first.

    Nothing in a file is ever run: there is no pickle. Of a PyTorch file (``.pt``, ``.pth``) tensors and plain data in
    lists, tuples and dicts are read, such as a ``state_dict``; anything else in it is refused by its name.

    Parameters
    ----------
    f : str, path or file
        A file must be opened for reading bytes; it is read from its position to its end.
    map_location : device, str, dict or function, optional
        Where the tensors go: a device, a dict from the names of devices to others, or a function that gets a tensor on
        the CPU and the name of its device, and returns the tensor, a copy elsewhere, or None. By default each tensor goes
        where it was.
    pickle_module : None
        As in PyTorch; there is no pickle, so that None is the only choice.
    weights_only : bool, default True
        A module of a class of the user's is rebuilt if the class was named with :func:`add_safe_globals`. With False any
        class of modules that the program has imported already will do. Neither imports or runs anything.
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
        The file is damaged, or none that can be read. A file that does not exist is a FileNotFoundError as well.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "pair.h5")
    >>> rustorch.save((rustorch.zeros(2, dtype=rustorch.int64), "text"), path)
    >>> rustorch.load(path)
    (tensor([0, 0]), 'text')
    """
    if pickle_module is not None:
        raise SerializationError(
            "load: pickle_module is not possible: there is no pickle in rustorch's files, and none is ever loaded"
        )
    with _readable("load", f) as path:
        return read(path, map_location, bool(mmap), search=weights_only is False)

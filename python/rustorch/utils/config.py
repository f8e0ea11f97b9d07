"""Config: the settings of a program under one roof, and in a file."""

from __future__ import annotations

import difflib
import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from .. import _C
from .._commit import WholeFile, file_error

__all__ = ["Config"]

# Unit → power of two; a bare number counts MiB.
_UNITS = {"": 20, "b": 0}
_UNITS.update({letter + rest: power for letter, power in zip("kmgt", (10, 20, 30, 40)) for rest in ("", "b", "ib")})


def _get_device() -> str:
    from .. import get_default_device

    return str(get_default_device())


def _set_device(value: Any) -> None:
    from .. import set_default_device

    set_default_device(value)


def _set_dtype(value: Any) -> None:
    found = value
    if isinstance(value, str):
        found = getattr(_C, value.replace("rustorch.", "").replace("torch.", ""), None)
    if not isinstance(found, _C.dtype):
        raise _C.ArgumentValueError(f"Config: dtype must be a floating-point dtype such as float32 or float64, not {value!r}")
    _C.set_default_dtype(found)


def _set_backend(value: Any) -> None:
    if value not in ("native", "cpu"):
        raise _C.UnsupportedError(f"Config: there is no backend {value!r} here, the only one is 'native' (also called 'cpu')")


def _whole(key: str, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*\d+\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _C.ArgumentTypeError(f"Config: {key} must be an int, not {value!r}")
    return value


def _set_threads(value: Any) -> None:
    _C.set_num_threads(_whole("num_threads", value))


def _get_limit() -> Optional[Union[int, float]]:
    limit = _C.get_memory_limit()
    if limit is None:
        return None
    return limit >> 20 if limit % (1 << 20) == 0 else limit / (1 << 20)


def _set_limit(value: Any) -> None:
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "none")):
        _C.set_memory_limit(None)
        return
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-zA-Z]*)\s*", str(value))
    if isinstance(value, bool) or not match or match[2].lower() not in _UNITS:
        raise _C.ArgumentValueError(f"Config: memory_limit must be a number of MiB, a text such as '2 GiB', or None, not {value!r}")
    _C.set_memory_limit(int(float(match[1]) * 2 ** _UNITS[match[2].lower()]))


class _Key(NamedTuple):
    """A setting: how it is read and set, and what it is at the start."""

    get: Callable[[], Any]
    set: Callable[[Any], None]
    default: Callable[[], Any]


_KEYS = {
    "device": _Key(_get_device, _set_device, lambda: "cpu"),
    "dtype": _Key(lambda: _C.get_default_dtype()(), _set_dtype, lambda: "float32"),
    "backend": _Key(lambda: "native", _set_backend, lambda: "native"),
    "num_threads": _Key(_C.get_num_threads, _set_threads, _C._default_num_threads),
    "memory_limit": _Key(_get_limit, _set_limit, lambda: None),
}


def _key(name: str) -> _Key:
    if isinstance(name, str) and name in _KEYS:
        return _KEYS[name]
    near = difflib.get_close_matches(str(name), _KEYS, 1, 0.5)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    raise _C.ArgumentValueError(f"Config: there is no key {name!r}{meant}; the keys are {', '.join(_KEYS)}")


class Config:
    """The settings of this program. They act at once and for the whole process: all Config objects show the same ones.

    ================  =====================================================  =========================
    key               what it is                                             at the start
    ================  =====================================================  =========================
    ``device``        where tensors are made, e.g. ``"cpu"``                 ``"cpu"``
    ``dtype``         of new floating-point tensors, e.g. ``"float64"``      ``"float32"``
    ``backend``       what computes: ``"native"``                            ``"native"``
    ``num_threads``   threads inside operations                              the cores allowed
    ``memory_limit``  the most that tensors may take: MiB, a text such as    ``None``: no limit
                      ``"2 GiB"``, or None
    ================  =====================================================  =========================

    Examples
    --------
    >>> config = rustorch.utils.Config()
    >>> config.set("dtype", "float64")
    >>> config.get("dtype"), rustorch.zeros(1).dtype
    ('float64', rustorch.float64)
    >>> config.reset()
    >>> config.get("dtype")
    'float32'
    """

    def __repr__(self) -> str:
        return "Config(" + ", ".join(f"{name}={value!r}" for name, value in self.all().items()) + ")"

    def set(self, key: str, value: Any) -> None:
        """Change a setting.

        Raises
        ------
        ValueError, TypeError, DeviceError, UnsupportedError
            There is no such key, the value is none it can have, or the device or backend is not there. Nothing changes then.
        """
        _key(key).set(value)

    def get(self, key: str) -> Any:
        """A setting as it is now."""
        return _key(key).get()

    def all(self) -> Dict[str, Any]:
        """All settings as they are now."""
        return {name: key.get() for name, key in _KEYS.items()}

    def reset(self) -> None:
        """All settings as they were at the start."""
        for key in _KEYS.values():
            key.set(key.default())

    def save_to_file(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write all settings to a text file, a line ``key=value`` each."""
        text = "".join(f"{name}={'none' if value is None else value}\n" for name, value in self.all().items())
        with WholeFile(path) as file:
            file.write(text.encode())

    def load_from_file(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Change the settings that a text file names: lines ``key=value``; empty ones and those that begin with ``#`` do not count.

        Raises
        ------
        SerializationError
            The file cannot be read, or a line is wrong: the message has its number. Nothing has changed then.
        """
        pairs = _read(path)
        before = self.all()
        for number, name, value in pairs:
            try:
                self.set(name, value)
            except (_C.RusTorchError, ValueError, TypeError) as error:
                for old, was in before.items():
                    self.set(old, was)
                raise _C.SerializationError(f"{os.fspath(path)}, line {number}: {error}") from error


def _read(path: Union[str, "os.PathLike[str]"]) -> List[Tuple[int, str, str]]:
    """Line number, key and value."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise file_error(path, error) from error
    except UnicodeDecodeError as error:
        raise _C.SerializationError(f"{os.fspath(path)} is no text in UTF-8: {error}") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise _C.SerializationError(f"{os.fspath(path)}, line {number}: `key=value` is needed, not {line.strip()!r}")
        pairs.append((number, name.strip(), value.strip()))
    return pairs

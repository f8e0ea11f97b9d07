"""Code of the user's that a file names: losses, metrics, activations, layers, found in ``custom_objects`` while a model is loaded."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Optional

from rustorch._C import ArgumentTypeError, SerializationError

__all__ = ["find", "missing", "scope"]

_scopes: List[Dict[str, Any]] = []


@contextlib.contextmanager
def scope(objects: Optional[Mapping[str, Any]]) -> Iterator[None]:
    """Within the block files may name these objects."""
    if objects is not None and not (isinstance(objects, Mapping) and all(isinstance(name, str) for name in objects)):
        raise ArgumentTypeError(f"custom_objects is a dictionary of names and functions or classes, not {objects!r:.60}")
    _scopes.append(dict(objects or {}))
    try:
        yield
    finally:
        _scopes.pop()


def find(name: str) -> Any:
    """The object of this name; None where none was given."""
    return next((objects[name] for objects in reversed(_scopes) if name in objects), None)


def missing(kind: str, name: str) -> NoReturn:
    """Raise for a loss or metric of the user's that was not given."""
    raise SerializationError(
        f"the model was compiled with the {kind} '{name}', which is code of the user's, and a file holds no code: give it, "
        f"load_model(path, custom_objects={{'{name}': …}}), or load the model without what it was compiled with, compile=False"
    )

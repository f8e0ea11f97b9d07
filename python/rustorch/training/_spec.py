"""Things named by text with arguments: initialisers, regularisers, activations."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Callable, Dict, Optional

from rustorch._C import ArgumentTypeError
from rustorch.training import parser
from rustorch.training._names import did_you_mean

__all__ = ["Spec"]

_EXAMPLES = {
    "activation": " such as 'relu', or a callable,", "initializer": " such as 'zeros', or a callable,", "optimizer": " such as 'adam'",
    "regularizer": " such as 'l2(0.01)', or a callable,",
}  # fmt: skip


class Spec:
    """A name with arguments, and what was made of it. It writes itself as text that is read back."""

    def __init__(self, kind: str, name: str, args: Any = (), kwargs: Optional[Dict[str, Any]] = None) -> None:
        self.kind = kind
        self.name = name
        self.args = tuple(args)
        self.kwargs = dict(kwargs or {})
        self.made: Any = None

    @classmethod
    def of(cls, kind: str, identifier: Any) -> "Spec":
        """From text (``"l2(0.01)"``), a parsed call, a dictionary with ``name`` or ``class_name``, or another Spec."""
        if isinstance(identifier, Spec):
            return identifier
        if isinstance(identifier, str):
            identifier = parser.parse(identifier)
        if isinstance(identifier, parser.Call):
            return cls(kind, identifier.name, identifier.args, identifier.kwargs)
        if isinstance(identifier, dict):
            options = dict(identifier)
            options.update(options.pop("config", None) or {})
            named = options.pop("class_name", None)
            name = options.pop("name", named) if named is None else named
            if isinstance(name, str):
                return cls(kind, name, (), options)
        raise ArgumentTypeError(f"{kind}: a name{_EXAMPLES.get(kind, '')} is expected, not {identifier!r}")

    def bind(self, name: str, maker: Callable) -> "Spec":
        """Make the thing, after a check of the arguments."""
        try:
            inspect.signature(maker).bind(*self.args, **self.kwargs)
        except TypeError as error:
            known = list(inspect.signature(maker).parameters)
            wrong = [key for key in self.kwargs if key not in known]
            hint = did_you_mean(wrong[0], known) if wrong else ""
            said = f"its arguments are {', '.join(known)}" if known else "it takes no arguments"
            raise ArgumentTypeError(f"{self.kind} {name}: {error}{hint}; {said}") from None
        self.made = maker(*self.args, **self.kwargs)
        return self

    def __call__(self, *args: Any) -> Any:
        return self.made(*args)

    def text(self) -> str:
        """As a layer's text has it."""
        if not self.args and not self.kwargs:
            return self.name
        return parser.write(parser.Call(self.name, self.args, self.kwargs))

    def __repr__(self) -> str:
        return self.text()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Spec) and self.text() == other.text()

    def __hash__(self) -> int:
        return hash(self.text())

    def __deepcopy__(self, memo: Any) -> "Spec":
        return self  # never changed after it was made

    def __reduce__(self) -> Any:
        return _rebuild, (self.kind, self.text())


def _rebuild(kind: str, text: str) -> Any:
    return importlib.import_module(f"rustorch.training.{kind}s").get(text)

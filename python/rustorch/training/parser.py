"""The text of a layer, such as ``Dense(64, activation=relu)``, as a name and its arguments.

The grammar, which ``docs/text-layers.md`` explains with examples::

    layer     = name [ "(" [ argument { "," argument } [ "," ] ] ")" ]
    argument  = [ name "=" ] value
    value     = number | text | "True" | "False" | "None" | list | call
    call      = name [ "(" [ argument { "," argument } [ "," ] ] ")" ]
    list      = ( "(" | "[" ) [ value { "," value } [ "," ] ] ( ")" | "]" )
    name      = letter { letter | digit | "_" | "." }

Text is read by this parser and never evaluated: a layer's text cannot run code.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Tuple

from rustorch._C import ArgumentTypeError, ArgumentValueError

__all__ = ["Call", "parse", "write", "write_value"]

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>[+-]?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<name>[^\W\d][\w.]*)
  | (?P<sign>[()\[\],=])
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_CLOSING = {"(": ")", "[": "]"}
_MAX_DEPTH = 20


class Call(NamedTuple):
    """A name with arguments, and where each stands in the text (for messages).

    >>> from rustorch.training import parser
    >>> call = parser.parse("Dense(8, activation=relu)")
    >>> call.name, call.where("activation")
    ('Dense', 9)
    """

    name: str
    args: Tuple[Any, ...] = ()
    kwargs: Dict[str, Any] = {}
    source: str = ""
    position: int = 0
    places: Dict[Any, int] = {}
    names: Dict[str, int] = {}

    def where(self, argument: Any = None) -> int:
        """The column of an argument: by its number, or by its name."""
        if argument is None:
            return self.position
        return self.names.get(argument, self.places.get(argument, self.position))


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def marked(source: str, position: int) -> str:
    """The text with a caret below a position."""
    from rustorch.training.summary import width

    start = source.rfind("\n", 0, position) + 1
    end = source.find("\n", position)
    line = source[start : len(source) if end < 0 else end]
    before = re.sub(r"\t", " ", source[start:position])
    return "    " + line.replace("\t", " ") + "\n    " + " " * width(before) + "^"


def complain(message: str, source: str, position: int, kind: type = ArgumentValueError, after: str = "") -> NoReturn:
    """Raise with the place in the text marked."""
    raise kind(f"{message}\n{marked(source, position)}" + (f"\n{after}" if after else ""))


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = self._cut()
        self.next = 0

    def _cut(self) -> List[_Token]:
        tokens, position = [], 0
        while position < len(self.source):
            match = _TOKEN.match(self.source, position)
            if match is None:
                letter = self.source[position]
                if letter in "'\"":
                    complain("a quoted text is not closed", self.source, position)
                hint = "; arguments are given as key=value" if letter in ":{}" else ""
                complain(f"'{letter}' does not belong into the text of a layer{hint}", self.source, position)
            kind = match.lastgroup or ""
            if kind != "space":
                tokens.append(_Token(kind, match.group(), position))
            position = match.end()
        tokens.append(_Token("end", "", len(self.source)))
        return tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def take(self, sign: str) -> bool:
        if self.token.kind == "sign" and self.token.text == sign:
            self.next += 1
            return True
        return False

    def expected(self, what: str) -> NoReturn:
        token = self.token
        found = "the text ends" if token.kind == "end" else f"'{token.text}' stands"
        complain(f"{what} is expected where {found}", self.source, token.position)

    def layer(self) -> Call:
        if self.token.kind != "name":
            self.expected("the name of a layer")
        result = self.call(0)
        if self.token.kind != "end":
            self.expected("the end of the text (one text is one layer)")
        return result

    def call(self, depth: int) -> Call:
        token = self.token
        self.next += 1
        args: List[Any] = []
        kwargs: Dict[str, Any] = {}
        places: Dict[Any, int] = {}
        names: Dict[str, int] = {}
        if self.take("("):
            while not self.take(")"):
                key, place = self.key()
                if key is not None:
                    names[key] = place
                    if key in kwargs:
                        complain(f"{token.text}: the argument '{key}' is given twice", self.source, place)
                place = self.token.position
                value = self.value(depth + 1)
                if key is None:
                    if kwargs:
                        complain(f"{token.text}: a value without a name stands after one with a name", self.source, place)
                    places[len(args)] = place
                    args.append(value)
                else:
                    kwargs[key], places[key] = value, place
                if not self.take(","):
                    if self.take(")"):
                        break
                    self.expected("',' or ')'")
        return Call(token.text, tuple(args), kwargs, self.source, token.position, places, names)

    def key(self) -> Tuple[Optional[str], int]:
        token, after = self.token, self.tokens[min(self.next + 1, len(self.tokens) - 1)]
        if token.kind == "name" and after.kind == "sign" and after.text == "=":
            self.next += 2
            return token.text, token.position
        return None, token.position

    def value(self, depth: int) -> Any:
        token = self.token
        if depth > _MAX_DEPTH:
            complain(f"values are nested more than {_MAX_DEPTH} deep", self.source, token.position)
        if token.kind == "number":
            self.next += 1
            return _number(token.text)
        if token.kind == "text":
            self.next += 1
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "name":
            word = token.text.casefold()
            if word in _WORDS and not self._opens_next():
                self.next += 1
                return _WORDS[word]
            found = self.call(depth)
            return found if found.args or found.kwargs or self._was_called() else found.name
        if token.kind == "sign" and token.text in _CLOSING:
            return self.sequence(depth)
        self.expected("a value")

    def _opens_next(self) -> bool:
        after = self.tokens[min(self.next + 1, len(self.tokens) - 1)]
        return after.kind == "sign" and after.text == "("

    def _was_called(self) -> bool:
        before = self.tokens[self.next - 1]
        return before.kind == "sign" and before.text == ")"

    def sequence(self, depth: int) -> Any:
        opening = self.token
        closing = _CLOSING[opening.text]
        self.next += 1
        values: List[Any] = []
        comma = False
        while not self.take(closing):
            values.append(self.value(depth + 1))
            comma = self.take(",")
            if not comma:
                if self.take(closing):
                    break
                self.expected(f"',' or '{closing}'")
        if opening.text == "[":
            return values
        return values[0] if len(values) == 1 and not comma else tuple(values)


def _number(text: str) -> Any:
    text = text.replace("_", "")
    return float(text) if any(letter in text for letter in ".eE") else int(text)


def parse(text: str) -> Call:
    """The name and arguments that a layer's text says.

    Parameters
    ----------
    text : str
        See the module's description, or docs/text-layers.md.

    Returns
    -------
    Call
        ``name``, ``args`` and ``kwargs``; a name with arguments among the values is a Call as well.

    Raises
    ------
    ValueError
        The text does not follow the grammar; the place is marked.

    Example
    -------
    >>> from rustorch.training.parser import parse
    >>> call = parse("Conv2D( 8, (3, 3), padding='same', activation=relu )")
    >>> call.name, call.args, call.kwargs
    ('Conv2D', (8, (3, 3)), {'padding': 'same', 'activation': 'relu'})
    """
    if not isinstance(text, str):
        raise ArgumentTypeError(f"a layer's text must be a str, not {type(text).__name__}")
    if not text.strip():
        raise ArgumentValueError("a layer's text is empty: write its name and arguments, such as Dense(64, activation=relu)")
    return _Parser(text).layer()


_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*\Z")


def write_value(value: Any) -> str:
    """A value as :func:`parse` reads it.

    >>> from rustorch.training.parser import write_value
    >>> write_value((3, True, "last layer"))
    "(3, True, 'last layer')"
    """
    if isinstance(value, Call):
        return write(value)
    if isinstance(value, str):
        if _PLAIN_NAME.match(value) and value.casefold() not in _WORDS:
            return value
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(write_value, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if hasattr(value, "text"):  # an initialiser or a regulariser
        return value.text()
    raise ArgumentTypeError(f"a {type(value).__name__} cannot be written as the text of a layer")


def write(call: Call) -> str:
    """The text of a call: what :func:`parse` reads back.

    >>> from rustorch.training.parser import parse, write
    >>> write(parse("dense(64,activation='relu')"))
    'dense(64, activation=relu)'
    """
    words = [write_value(value) for value in call.args]
    words += [f"{key}={write_value(value)}" for key, value in call.kwargs.items()]
    return f"{call.name}({', '.join(words)})"

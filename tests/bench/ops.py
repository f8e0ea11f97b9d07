"""A benchmark line for every op: its right call in tests/python/calls.py, on the small inputs given there and on large ones.

Nothing is listed here: an op of the table has a call there (a test sees to it), and so a line. On large inputs only those calls
are timed that work when the matrices of two rows and three columns in them have a million elements.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python"))

import calls  # noqa: E402

SIZES = {"small": None, "large": (1024, 1024)}


def families():
    """{public name: family}, by asking the extension for the table."""
    import rustorch

    found = {}
    for row in rustorch._C._table():
        for signature in row["signatures"].split(";"):
            found.setdefault(signature.strip().partition("(")[0], row["family"])
    return found


def lines(family):
    """The calls of the ops of a family; of all for ""."""
    known = families()
    if family and family not in known.values():
        raise SystemExit(f"bench: there is no family {family!r}; there are {', '.join(sorted(set(known.values())))}")
    for call in calls.right_calls() + calls.our_calls():
        name = calls.parse(call)[0]
        if not family or known.get(name, known.get(name + "_")) == family:
            yield call


def values(torch, size):
    """What the names in a call stand for."""
    names = calls.values(torch)
    if SIZES[size]:
        ramp = torch.arange(SIZES[size][0] * SIZES[size][1]).reshape(SIZES[size]) % 6
        names.update(x=ramp * 0.25 - 0.5, y=ramp * 0.5 + 1, u=ramp * 0.125 + 0.125, i=ramp % 3, b=ramp > 2)
    return names


def timed(torch, size, call):
    """The function to be timed, or None where the library has no such op or the call does not fit large inputs."""
    name, arguments = calls.parse(call)
    if torch.__name__ == "torch":
        function = calls.peer_function(torch, name)
    else:
        function = getattr(torch._C._ops, name, None) or getattr(torch.Tensor, name)
    names = values(torch, size)
    if function is None or (size == "large" and not {text for _, text in arguments} & set("xyuib")):
        return None
    given = [(keyword, eval(text, {}, names)) for keyword, text in arguments]
    args = [value for keyword, value in given if keyword is None]
    kwargs = {keyword: value for keyword, value in given if keyword is not None}
    try:
        function(*args, **kwargs)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError):
        if size == "small":
            raise
        return None
    return lambda: function(*args, **kwargs)

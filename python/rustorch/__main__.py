"""``python -m rustorch COMMAND …``: what can be done from the command line.

Examples
--------
>>> from rustorch.__main__ import main
>>> main(["--help"])  # doctest: +ELLIPSIS
usage: python -m rustorch COMMAND ...
"""

import difflib
import importlib
import sys
from typing import List, Optional

# Command → (module of this package and a function in it, what it does). The function gets the arguments after the command,
# a list of str, and returns the exit code.
COMMANDS = {
    "compat": ("compat._check:compat", "list the names of torch that a script uses and rustorch lacks"),
    "doctor": ("_doctor:main", "find out what is installed and what works, and say what to install"),
    "inspect": ("_inspect:main", "show what a file of tensors holds, and whether it is whole"),
    "info": ("_doctor:info", "print versions, instruction set, BLAS, plug-ins and settings"),
    "run-torch": ("compat._run:run_torch", "run a script with its import torch resolved to rustorch"),
}


def usage() -> str:
    """The help text: one line a command."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in sorted(COMMANDS.items())]
    return "\n".join(["usage: python -m rustorch COMMAND [arguments]", "", *lines, "", "python -m rustorch COMMAND --help says more."])


def main(arguments: Optional[List[str]] = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        The command and what follows it; those of the process if not given.

    Returns
    -------
    int
        The exit code: 0 if all went well, 2 if there is no such command.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(usage(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1, 0.5)
        meant = f" (did you mean {near[0]}?)" if near else ""
        print(f"python -m rustorch: there is no command {name!r}{meant}\n\n{usage()}", file=sys.stderr)
        return 2
    module, function = COMMANDS[name][0].split(":")
    return getattr(importlib.import_module("." + module, __package__), function)(rest)


if __name__ == "__main__":
    sys.exit(main())

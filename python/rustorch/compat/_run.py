"""`python -m rustorch run-torch`: becomes `python SCRIPT.py` with `import torch` resolved to rustorch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import List

from rustorch.compat._alias import FOLDER, path_for_children

USAGE = """usage: python -m rustorch run-torch SCRIPT.py [arguments]
       python -m rustorch run-torch -m MODULE [arguments]
       python -m rustorch run-torch --path
Runs a script (or a module) as python does, with `import torch` and `import torchvision` resolved to rustorch and
rustorch.vision, in it and in every process that it starts. The options of python that stand before -m rustorch hold.
--path prints the folder that, in front of PYTHONPATH, does the same for any program.
On several ranks: rustorch-launch -n N --as-torch SCRIPT.py"""


def _fail(text: str) -> int:
    print(f"python -m rustorch run-torch: {text}", file=sys.stderr)
    return 2


def run_torch(arguments: List[str]) -> int:
    """Run a script in place of this process; returns only if it cannot be started.

    Parameters
    ----------
    arguments : list of str
        The script and its arguments, or ``-m``, a module and its arguments.

    Returns
    -------
    int
        The exit code: 0 after ``--help``, 2 if there is nothing to run.
    """
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    if arguments[:1] == ["--path"]:
        print(FOLDER)
        return 0
    if not arguments:
        print(USAGE, file=sys.stderr)
        return 2
    module = arguments[0] == "-m"
    if module and len(arguments) == 1:
        return _fail("-m needs the name of a module")
    if not module and arguments[0].startswith("-"):
        return _fail(f"unknown option {arguments[0]}; --help lists them")
    if not module and not os.path.exists(arguments[0]):
        return _fail(f"there is no script {arguments[0]}")
    if sys.flags.ignore_environment:
        return _fail("python -E and -I ignore PYTHONPATH, by which the script finds rustorch as torch: leave them out")
    os.environ["PYTHONPATH"] = path_for_children()
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, *subprocess._args_from_interpreter_flags(), *arguments]  # type: ignore[attr-defined]
    try:
        os.execv(sys.executable, command)
    except OSError as error:
        return _fail(f"{sys.executable} cannot be started: {error.strerror}")

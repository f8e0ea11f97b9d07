"""What is installed and what works: ``python -m rustorch doctor`` and ``info``."""

import argparse
from typing import List

from . import _C


def info(arguments: List[str]) -> int:
    """``python -m rustorch info``: print what :func:`rustorch.show_config` prints."""
    argparse.ArgumentParser(prog="python -m rustorch info", description="Versions, instruction set, BLAS, plug-ins and settings.").parse_args(arguments)
    print(_C.config_text(), end="")
    return 0

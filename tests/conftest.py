"""What the tests of the package share, wherever it is installed."""

import os
import shutil
import sys
from pathlib import Path

import pytest

# The launcher to test: that of the build tree says CTest; where the package is installed, the one installed with it.
if not os.environ.get("RUSTORCH_LAUNCH"):
    places = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    os.environ["RUSTORCH_LAUNCH"] = shutil.which("rustorch-launch", path=places) or ""


@pytest.fixture
def whole_package():
    """The folder of the package, for tests that need a copy of it. ``pip install -e`` has it in two places: Python finds the
    sources before any copy, so there such a test is skipped."""
    import rustorch

    folder = Path(rustorch.__file__).parent  # not resolved: the build tree links into the source tree
    if Path(rustorch._C.__file__).parent != folder:
        pytest.skip("the package is installed with -e: its libraries lie apart from its sources")
    return folder

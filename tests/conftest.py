"""What the tests of the package share, wherever it is installed."""

from pathlib import Path

import pytest


@pytest.fixture
def whole_package():
    """The folder of the package, for tests that need a copy of it. ``pip install -e`` has it in two places: Python finds the
    sources before any copy, so there such a test is skipped."""
    import rustorch

    folder = Path(rustorch.__file__).parent  # not resolved: the build tree links into the source tree
    if Path(rustorch._C.__file__).parent != folder:
        pytest.skip("the package is installed with -e: its libraries lie apart from its sources")
    return folder

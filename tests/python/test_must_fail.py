"""A failing test is reported as one: by pytest with the settings of this suite, and by the checks that its files share."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from calls import MUTANTS, parse, run

import rustorch as rt

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FAILING = """
import rustorch as rt

def test_must_fail():
    assert rt.ones(2).sum().item() == 3

def test_passes():
    assert rt.ones(2).sum().item() == 2
"""


def test_pytest_reports_it(tmp_path):
    path = tmp_path / "test_failing.py"
    path.write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfp", "-c", os.path.join(ROOT, "pyproject.toml"), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"FAILED .*test_must_fail", done.stdout)


def test_wrong_gradients_are_reported():
    class Wrong(rt.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2.1

    x = rt.ones(3, dtype=rt.float64, requires_grad=True)
    assert not rt.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False)


def test_mutants_reach_the_op():
    """run() really replaces the argument: a recording function sees each mutant."""
    name, arguments = parse('scatter_reduce(x, 1, i, y, "sum", include_self=True)')
    assert name == "scatter_reduce" and [keyword for keyword, _ in arguments] == [None] * 5 + ["include_self"]
    for at in range(len(arguments)):
        args, kwargs = run(lambda *args, **kwargs: (args, kwargs), rt, arguments, at, "text")
        assert ([*args, *kwargs.values()][at]) == "nonsense"
    assert len(MUTANTS) > 30


def test_comparisons_see_one_bit():
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(rt.tensor([1.0]).numpy(), np.nextafter(np.float32(1), np.float32(2)))
    assert not rt.equal(rt.tensor([1.0]), rt.tensor([1.0000001]))

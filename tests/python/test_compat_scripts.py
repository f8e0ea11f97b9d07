"""The scripts of tests/compat: they say `import torch`, and run-torch gives PyTorch's losses.

The table expected.txt holds what PyTorch printed. RUSTORCH_PEER may name an interpreter with PyTorch, to ask it anew.
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "compat"))
import expected  # noqa: E402

STORED = expected.table()
# Relative; GANs feed small differences back.
TOLERANCE = {"dcgan": 5e-3, "reinforce": 1e-3, "resnet": 1e-3}


def compare(script, got, wanted):
    assert set(got) == set(wanted)
    for name, value in wanted.items():
        assert got[name] == pytest.approx(value, rel=TOLERANCE.get(script, 1e-4), abs=1e-5), (script, name)


@pytest.mark.parametrize("script", expected.SCRIPTS)
def test_script(script):
    compare(script, expected.run([sys.executable, "-m", "rustorch", "run-torch"], script), STORED[script])


@pytest.mark.skipif("RUSTORCH_PEER" not in os.environ, reason="RUSTORCH_PEER names no interpreter with PyTorch")
@pytest.mark.parametrize("script", expected.SCRIPTS)
def test_pytorch_itself(script):
    compare(script, expected.run([os.environ["RUSTORCH_PEER"]], script), STORED[script])


def test_all_are_there():
    here = {name[:-3] for name in os.listdir(expected.HERE) if name.endswith(".py")} - {"common", "expected"}
    assert here == set(expected.SCRIPTS) == set(STORED)


def test_a_wrong_loss_is_found():
    wrong = dict(STORED["mlp"])
    wrong["loss 0"] *= 1.001
    with pytest.raises(AssertionError):
        compare("mlp", wrong, STORED["mlp"])

"""Runs the scripts of this folder with an interpreter that has PyTorch and prints what they print, as a table.

    python tests/compat/expected.py /path/to/python > tests/compat/expected.txt

The interpreter needs PyTorch and NumPy, nothing of rustorch.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = [
    "mlp", "cnn", "resnet", "vae", "dcgan", "word_lstm", "transformer_lm", "reinforce", "time_series", "super_resolution", "ddp",
]  # fmt: skip


def run(command, script, **environment):
    """What a script printed: {"loss 0": value, …}."""
    path = os.path.join(HERE, script + ".py")
    job = subprocess.run(
        [*command, path], capture_output=True, text=True, timeout=120, env=dict(os.environ, OMP_NUM_THREADS="1", **environment)
    )
    assert job.returncode == 0, f"{script}: exit code {job.returncode}\n{job.stderr}"
    rows = (line.rsplit(" ", 1) for line in job.stdout.splitlines())
    return {name: float(value) for name, value in rows}


def table():
    """The stored table: {script: {"loss 0": value, …}}."""
    stored = {}
    with open(os.path.join(HERE, "expected.txt")) as file:
        for line in file:
            if not line.startswith("#"):
                script, name, step, value = line.split()
                stored.setdefault(script, {})[f"{name} {step}"] = float(value)
    return stored


if __name__ == "__main__":
    python = sys.argv[1]
    version = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"# PyTorch {version}: python tests/compat/expected.py PYTHON > tests/compat/expected.txt")
    for script in SCRIPTS:
        for name, value in run([python], script).items():
            print(script, name, f"{value:.8g}")

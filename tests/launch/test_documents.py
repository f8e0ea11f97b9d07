"""What the documents show is run as it stands there: README's lines, the examples, the reader of checkpoints."""

import gzip
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def code_of(document):
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.S)


def write_images(folder, n, train):
    """IDX files as Fashion-MNIST has them, of n images whose class can be seen: a bright row at its height."""
    labels = np.arange(n) % 10
    images = np.random.default_rng(n).integers(0, 60, (n, 28, 28)).astype(np.uint8)
    images[np.arange(n), 2 * labels + 4] = 250
    stem = "train" if train else "t10k"
    for name, array in (("images-idx3", images), ("labels-idx1", labels.astype(np.uint8))):
        head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(">%dI" % array.ndim, *array.shape)
        with gzip.open(folder / ("%s-%s-ubyte.gz" % (stem, name)), "wb") as file:
            file.write(head + array.tobytes())


@pytest.mark.parametrize("ranks", [1, 2])
def test_readme(launch_mpi, ranks):
    (code,) = code_of("README.md")
    assert 25 <= len(code.splitlines()) <= 35
    launch_mpi.script("")
    (launch_mpi.folder / "train.py").write_text(code)
    job = launch_mpi.run("-n", ranks, "train.py")
    assert job.code == 0 and job.err == "", job.err
    for rank in range(ranks):
        losses = [float(x) for x in re.findall(r"rank %d, epoch \d: loss (\S+)" % rank, job.out)]
        assert len(losses) == 5 and losses[-1] < losses[0]
    again = launch_mpi.run("-n", ranks, "train.py")  # it has been trained
    assert again.code == 0 and again.out == ""


def test_fashion_mnist(launch_mpi):
    for n, train in ((640, True), (200, False)):
        write_images(launch_mpi.folder, n, train)
    script = str(ROOT / "docs/examples/fashion_mnist.py")
    words = ["-n", 2, script, "--data", ".", "--batch-size", 32, "--every", 15, "--lr", "5e-3"]
    job = launch_mpi.run(*words, "--epochs", 2)
    assert job.code == 0 and job.err == "", job.err
    assert float(re.search(r"^test accuracy: (0\.\d{4}|1\.0000)$", job.out, re.M).group(1)) > 0.9, job.out
    assert (launch_mpi.folder / "training.png").read_bytes().startswith(b"\x89PNG\r\n")
    names = sorted(path.name for path in (launch_mpi.folder / "checkpoints").iterdir())
    assert names == ["checkpoint-00000030.h5", "checkpoint-00000040.h5"]
    more = launch_mpi.run(*words, "--epochs", 3)
    assert more.code == 0 and "going on from checkpoints/checkpoint-00000040.h5: epoch 3, step 40" in more.out
    assert "epoch 3: test loss" in more.out and "epoch 2: test loss" not in more.out
    wrong = launch_mpi.run("-n", 2, script, "--data", "/no/data")
    assert wrong.code == 1 and wrong.err.count("Traceback") == 1 and "is in none of /no/data" in wrong.err


def test_regression(launch):
    job = launch.run(ROOT / "docs/examples/regression.py")
    slope, level = map(float, re.search(r"y = (\S+) x \+ (\S+)", job.out).groups())
    assert job.code == 0 and abs(slope - 2) < 0.1 and abs(level - 1) < 0.1


def test_reading_without_rustorch(launch):
    pytest.importorskip("h5py")
    launch.script(
        """
        import rustorch as rt
        rt.save({"model": rt.nn.Sequential(rt.nn.Linear(2, 3)).state_dict()}, "state.h5")
        """
    )
    assert launch.run("train.py").code == 0
    code = code_of("docs/checkpoint-format.md")[-1]
    check = "\nassert weight.shape == (3, 2) and structure['rustorch'] and 'rustorch' not in sys.modules\n"
    (launch.folder / "read.py").write_text("import sys\n" + code + check)
    job = launch.run("--python", sys.executable, "read.py")
    assert job.code == 0, job.err


def test_links():
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = document.read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (document.parent / link).exists(), (document.name, link)
        for path in re.findall(r"`((?:engine|comm|io|python|launcher|worker|tests|docs|scripts)/[\w./]+)`", text):
            if "FAMILY" not in path:
                assert (ROOT / path).exists(), (document.name, path)

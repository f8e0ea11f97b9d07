"""What the documents show is run as it stands there: README's lines, the examples, the reader of checkpoints."""

import gzip
import json
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
    (code,) = [code for code in code_of("README.md") if "init_process_group" in code]
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


def guides():
    """The documents with programs: blocks that begin with the name of a file."""
    return sorted(path.name for path in (ROOT / "docs").glob("*.md") if re.search(r"^```python\n# [\w-]+\.py\n", path.read_text(), re.M))


def test_there_are_programs():
    assert {"quick-start.md", "distributed.md"} <= set(guides())


@pytest.mark.parametrize("guide", guides())
def test_programs(launch_mpi, guide):
    """Each program of a guide is started as the guide says, in one folder, one after the other."""
    text = (ROOT / "docs" / guide).read_text()
    programs = dict(re.findall(r"^```python\n# ([\w-]+\.py)\n(.*?)^```", text, re.S | re.M))
    lines = [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M) for line in block.splitlines()]
    commands = [line.split()[1:] for line in lines if line.startswith("rustorch-launch ")]
    assert sorted(words[-1] for words in commands) == sorted(programs)  # each of them, once
    for words in commands:
        launch_mpi.script(programs[words[-1]], words[-1])
        job = launch_mpi.run(*words)
        assert job.code == 0, job.err
        if "SIGKILL" in programs[words[-1]]:
            assert "starting the job again (restart 1 of" in job.err, job.err
            assert "Traceback" not in job.err, job.err
        else:
            assert job.err == ""


def headings(text):
    """The anchors of a document, as GitHub makes them of its headings."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    titles = re.findall(r"^#+ +(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def documents():
    """(path, text): README, everything below docs/, and what the notebooks say."""
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        yield path, path.read_text()
    for path in (ROOT / "docs").rglob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        yield path, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_links():
    seen = 0
    for document, text in documents():
        plain = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
        for link in re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`\n]*`", "`", plain)):
            if re.match(r"\w+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = document.parent / name if name else document
            assert target.exists(), (document.name, link)
            assert not anchor or anchor in headings(target.read_text()), (document.name, link)
            seen += 1
        for path in re.findall(r"`((?:engine|comm|io|python|launcher|worker|tests|docs|scripts)/[\w./]+)`", text):
            if "FAMILY" not in path:
                assert (ROOT / path).exists(), (document.name, path)
    assert seen > 100


def test_every_document_is_on_the_map():
    """docs/index.md leads to every guide, example and notebook; README to the map."""
    index = (ROOT / "docs/index.md").read_text()
    for path in [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb"), *(ROOT / "docs/examples").glob("*.py")]:
        name = path.relative_to(ROOT / "docs").as_posix()
        if name != "index.md" and (not name.startswith("reference/") or name == "reference/index.md"):
            assert "(%s)" % name in index, name
    assert "(docs/index.md)" in (ROOT / "README.md").read_text()

"""The notebooks of docs/notebooks: valid, small, and every cell runs. No Jupyter is needed."""

import copy
import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import notebooks  # noqa: E402

FILES = sorted(path.name for path in notebooks.FOLDER.glob("*.ipynb"))
NEEDS = {"fashion-mnist.ipynb": "/usr/share/datasets/fashion-mnist"}


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """An empty folder, and the launcher of this build on PATH."""
    launcher = os.environ["RUSTORCH_LAUNCH"]  # tests/conftest.py found it
    monkeypatch.chdir(tmp_path)
    if launcher:
        folders = [os.path.dirname(launcher), os.path.dirname(sys.executable), os.environ["PATH"]]
        monkeypatch.setenv("PATH", os.pathsep.join(folders))
    monkeypatch.setenv("RUSTORCH_PYTHON", sys.executable)
    for name in [name for name in os.environ if name.startswith(("OMPI_", "PMIX_", "RUSTORCH_RANK"))]:
        monkeypatch.delenv(name)
    return launcher


def check_need(file, launcher):
    if file in NEEDS and not os.path.isdir(NEEDS[file]):
        pytest.skip(f"{NEEDS[file]} is not installed")
    if file == "ddp.ipynb" and not (launcher and (shutil.which("mpirun") or shutil.which("mpirun.openmpi"))):
        pytest.skip("rustorch-launch, or Open MPI's mpirun, is not there")


def test_there_are_three():
    assert FILES == ["ddp.ipynb", "fashion-mnist.ipynb", "tensors-and-autograd.ipynb"]


@pytest.mark.parametrize("file", FILES)
def test_cells_run(file, ready):
    check_need(file, ready)
    stored = notebooks.read(notebooks.FOLDER / file)
    # in a process of its own, as a notebook is; and with no module of the tests loaded
    command = f"import sys; sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r}); import json, notebooks\n"
    command += f"notebook = notebooks.run(notebooks.read(notebooks.FOLDER / {file!r}), {file!r})\n"
    command += "json.dump(notebook, open('outputs.json', 'w'))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # the stored outputs are of these cells: as many, and of the same kinds
    for now, then in zip(notebooks.read("outputs.json")["cells"], stored["cells"]):
        kinds = [[(each["output_type"], sorted(each.get("data", ()))) for each in cell.get("outputs", ())] for cell in (now, then)]
        assert kinds[0] == kinds[1], notebooks.source(now)


@pytest.mark.parametrize("file", FILES)
def test_format(file):
    """nbformat 4.5: what the schema asks for of each cell, without the package."""
    path = notebooks.FOLDER / file
    assert path.stat().st_size < 150_000
    notebook = notebooks.read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names) and all(name and len(name) <= 64 for name in names)
    for count, cell in enumerate((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), 1):
        assert set(cell) == {"cell_type", "id", "metadata", "source", "outputs", "execution_count"}
        assert cell["execution_count"] == count
        assert all(output["output_type"] in ("stream", "execute_result") for output in cell["outputs"])
    assert any(cell["cell_type"] == "markdown" for cell in notebook["cells"])
    assert str(notebooks.FOLDER.parents[1]) not in path.read_text(encoding="utf-8")


def test_with_nbformat():
    nbformat = pytest.importorskip("nbformat")
    for file in FILES:
        nbformat.validate(nbformat.read(notebooks.FOLDER / file, as_version=4))


def test_pictures_are_stored():
    cells = notebooks.read(notebooks.FOLDER / "fashion-mnist.ipynb")["cells"]
    assert sum("image/png" in output.get("data", ()) for cell in cells for output in cell.get("outputs", ())) >= 2


def test_a_wrong_cell_is_found(tmp_path):
    notebook = copy.deepcopy(notebooks.read(notebooks.FOLDER / FILES[-1]))
    notebook["cells"] = [{"cell_type": "code", "source": ["1 + 1\n", "assert False, 'wrong'"]}]
    with pytest.raises(AssertionError, match="wrong"):
        notebooks.run(notebook)
    notebook["cells"][0]["source"] = ["print('x')\n", "[1, 2]"]
    outputs = notebooks.run(notebook)["cells"][0]["outputs"]
    assert outputs[0]["text"] == ["x\n"] and outputs[1]["data"] == {"text/plain": ["[1, 2]"]}

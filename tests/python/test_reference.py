"""docs/reference is what the generator writes, and says what a reader needs."""

import importlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rustorch import _reference, _stubs

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def pages():
    began = time.process_time()
    found = _reference.pages(_stubs.NOTE)
    assert time.process_time() - began < 10
    return found


def test_committed_pages_are_generated(pages):
    """scripts/gen writes them; here it would change nothing."""
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert sorted(on_disk) == sorted(pages)
    assert [name for name in pages if on_disk[name] != pages[name]] == []
    assert sum(len(text.encode()) for text in pages.values()) < 1_500_000


def test_pages_do_not_depend_on_what_was_imported_before(pages, tmp_path):
    code = "import sys, rustorch.vision, rustorch.training.metrics, rustorch.distributions as d, rustorch.nn.utils.prune\n"
    code += "import rustorch; rustorch.compile, rustorch.PyTensor; from rustorch import _reference, _stubs\n"
    code += "for name, text in _reference.pages(_stubs.NOTE).items(): open(name, 'w', encoding='utf-8').write(text)"
    environment = dict(os.environ, PYTHONHASHSEED="7")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [name for name in pages if (tmp_path / name).read_text(encoding="utf-8") != pages[name]] == []


@pytest.mark.parametrize("package", sorted(_reference.PACKAGES))
def test_every_public_name_is_on_its_page(pages, package):
    module = importlib.import_module(package)
    text = pages[(package[len("rustorch.") :] or "rustorch") + ".md"]
    said = set(re.findall(r"`(\w+)", text))
    missing = [name for name in _reference._names(module) if name not in said and type(getattr(module, name)).__name__ != "module"]
    assert not missing


def test_no_address_and_no_path_of_this_machine(pages):
    for name, text in pages.items():
        assert not re.search(r" at 0x[0-9a-f]+", text), name
        assert str(ROOT) not in text and os.path.expanduser("~/") not in text, name


def test_links_lead_somewhere(pages):
    for name, text in pages.items():
        anchors = set(_reference._anchors(re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)))
        for link in re.findall(r"\]\(#([^)]+)\)", text):
            assert link in anchors, (name, link)
        for link in re.findall(r"\]\(([\w.]+\.md)\)", text):
            assert link in pages or (FOLDER / link).exists(), (name, link)


def test_an_entry(pages):
    page = pages["optim.md"]
    entry = page[page.index("\n## SGD\n") :].split("\n## ")[1]
    assert "class SGD(params, lr=0.001, momentum=0" in entry
    assert "**Parameters**" in entry and "- `params`" in entry and "```pycon\n>>> " in entry


def test_docstrings_become_markdown():
    text = """Adds :class:`~rustorch.Tensor`s: ``a`` * b, ``~/c``.

    Parameters
    ----------
    a, b : Tensor
        The two; ``b`` may be

        a number.
    *rest : int

    More is said here, in a paragraph.

    Raises
    ------
    ShapeError
        They do not fit.

    Example
    -------
    >>> 1 + 1
    2
    """
    assert "\n".join(_reference._documented(text)).strip().splitlines() == [
        "Adds `rustorch.Tensor`s: `a` \\* b, `~/c`.",
        "",
        "**Parameters**",
        "",
        "- `a, b` (Tensor): The two; `b` may be a number.",
        "- `*rest` (int)",
        "",
        "More is said here, in a paragraph.",
        "",
        "**Raises**",
        "",
        "- `ShapeError`: They do not fit.",
        "",
        "```pycon",
        ">>> 1 + 1",
        "2",
        "```",
    ]


def test_the_check_finds_a_stale_page(tmp_path, capsys):
    """--check fails for a page that is gone, and writing removes it."""
    folder = tmp_path / "docs" / "reference"
    folder.mkdir(parents=True)
    (folder / "gone.md").write_text("old")
    assert _stubs.main(["--check", "--root", str(tmp_path)]) == 1
    assert "stale: docs/reference/gone.md" in capsys.readouterr().out and (folder / "gone.md").exists()
    assert _stubs.main(["--root", str(tmp_path)]) == 0
    assert not (folder / "gone.md").exists() and (folder / "index.md").exists()
    assert _stubs.main(["--check", "--root", str(tmp_path)]) == 0

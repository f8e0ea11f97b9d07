"""The examples in docstrings, in what the table of ops generates, and in the guides run and give what they say."""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys

import pytest

import rustorch

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    yield "rustorch"
    for found in pkgutil.walk_packages(rustorch.__path__, "rustorch."):
        source = getattr(found.module_finder.find_spec(found.name.rpartition(".")[2]), "origin", None) or ""
        if source.endswith(".py") and not found.name.startswith("rustorch._C") and found.name != "rustorch._stubs":
            yield found.name


def run_examples(examples):
    """The failures' texts."""
    texts = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for example in examples:
        rustorch.distributed.cleanup_distributed()  # what an example began
        runner.run(example, out=texts.append, clear_globs=True)
    return "".join(texts), runner.tries


def names():
    return {"rustorch": rustorch, "torch": rustorch, "rt": rustorch, "nn": rustorch.nn, "F": rustorch.nn.functional, "optim": rustorch.optim}


@pytest.mark.parametrize("name", list(modules()))
def test_modules(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    rustorch.manual_seed(0)
    failures, _ = run_examples(doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names()))
    assert not failures, failures


def test_extension(tmp_path, monkeypatch):
    """What is written in C: functions, types and the ops that follow from the table."""
    monkeypatch.chdir(tmp_path)
    parser = doctest.DocTestParser()
    things = {**vars(rustorch._C), **vars(rustorch._C._ops)}
    things.update({f"Tensor.{name}": value for name, value in vars(rustorch.Tensor).items()})
    examples = []
    for name, thing in things.items():
        text = getattr(thing, "__doc__", None)
        if isinstance(text, str) and ">>>" in text:
            examples.append(parser.get_doctest(text, names(), name, None, None))
    failures, tries = run_examples(examples)
    assert not failures, failures
    assert tries or not examples


def test_enough_examples():
    """An example in every public module of layers, optimisers and data, and the finder finds them."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = sum(len(test.examples) for name in modules() for test in finder.find(importlib.import_module(name)))
    assert found > 50


def blocks():
    """The Python in README.md and docs/: (file, line, text). A block may lean on the ones before it in its file."""
    files = [os.path.join(ROOT, "README.md")]
    for folder, _, inside in os.walk(os.path.join(ROOT, "docs")):
        files += [os.path.join(folder, file) for file in sorted(inside) if file.endswith(".md")]
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for match in re.finditer(r"^```python\n(.*?)^```", text, re.S | re.M):
            yield os.path.relpath(path, ROOT), text[: match.start()].count("\n") + 1, match.group(1)


def test_there_are_guides():
    assert any(file == "README.md" for file, _, _ in blocks())


def is_program(text):
    """A block that begins with the name of a file is a script of its own: tests/launch/test_documents.py starts it on ranks."""
    return re.match(r"# [\w-]+\.py\n", text) is not None


# What a guide takes as given.
BEFORE = {
    "docs/checkpoint-format.md": """
import rustorch
model = rustorch.nn.Sequential(rustorch.nn.Linear(2, 3))
rustorch.save({"model": model.state_dict(), "names": ["a"]}, "state.h5")
""",
}


@pytest.mark.parametrize("file", sorted({file for file, _, _ in blocks()}))
def test_guides(file, tmp_path):
    """All blocks of a file, one after the other, in an empty folder."""
    source = BEFORE.get(file, "") + "\n".join(text for name, _, text in blocks() if name == file and not is_program(text))
    needed = re.findall(r"/usr/share/datasets/[\w-]+", source)
    missing = [path for path in needed if not os.path.isdir(path)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    (tmp_path / "guide.py").write_text(source, encoding="utf-8")
    done = subprocess.run([sys.executable, "guide.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def in_fences(path):
    """(language, text) of every block, in order."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return re.findall(r"^```(\w*)\n(.*?)^```", file.read(), re.S | re.M)


def test_the_translation_has_the_blocks_of_its_original():
    theirs, ours = in_fences("docs/ko/quick-start.md"), in_fences("docs/quick-start.md")
    assert theirs == ours and len(ours) > 8


def test_a_wrong_example_is_found():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert "Expected" in run_examples([wrong])[0]

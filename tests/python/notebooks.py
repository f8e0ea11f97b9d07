"""Runs the notebooks of docs/notebooks without Jupyter.

The code cells of a notebook run one after the other in one namespace; what they print and the value of a cell's last expression
become its outputs, as Jupyter would store them. ``python tests/python/notebooks.py`` runs all of them and writes the outputs into
the files; the tests run them and write nothing.
"""

import ast
import base64
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def lines(text):
    return text.splitlines(keepends=True)


def shown(value):
    """The representations of a value, by their types: text, and a picture where the value draws itself.

    Jupyter stores what ``_repr_png_`` gives, which has twice the pixels; here it must be possible, and the smaller one is stored.
    """
    found = {"text/plain": lines(repr(value))}
    if hasattr(value, "_repr_png_"):
        assert value._repr_png_().startswith(b"\x89PNG")
        found["image/png"] = base64.b64encode(value.to_png()).decode()
    return found


def run_cell(code, space, name):
    """Runs one cell; its outputs. An exception is left to the caller."""
    tree = ast.parse(code, name)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, outputs, value = io.StringIO(), [], None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), space)
        if last is not None:
            value = eval(compile(last, name, "eval"), space)
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())})
    if value is not None and not code.rstrip().endswith(";"):
        outputs.append({"output_type": "execute_result", "metadata": {}, "data": shown(value)})
    return outputs


def run(notebook, name="notebook"):
    """Runs all cells; the notebook with the outputs they have now."""
    space, count = {"__name__": "__main__"}, 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        outputs = run_cell(source(cell), space, "%s, cell %d" % (name, count))
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        cell["execution_count"], cell["outputs"] = count, outputs
    return notebook


def main():
    for path in sorted(FOLDER.glob("*.ipynb")):
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                notebook = run(read(path), path.name)
            finally:
                os.chdir(before)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print("wrote", path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    sys.exit(main())

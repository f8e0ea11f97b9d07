"""`python -m rustorch compat`: the names of torch and torchvision that a script uses and rustorch lacks.

The script is parsed, never run. Names are followed through imports (``import torch.nn as nn``, ``from torch import optim``),
assignments of names to names (``F = torch.nn.functional``) and chains of attributes, and looked up in rustorch itself.
Members of tensors are told by names that nothing but a tensor has.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
import tokenize
from types import ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from rustorch.compat._alias import ROOTS, _real
from rustorch.compat._lacks import hint

USAGE = """usage: python -m rustorch compat [--json] FILE_OR_FOLDER ...
Lists, with their lines, the names of torch and torchvision that scripts use and rustorch lacks. Nothing is run.
Folders are searched for *.py and *.ipynb. A name that the script itself is prepared to miss (in a try that catches
ImportError or AttributeError, or behind hasattr) is marked "optional".
exit code: 0 nothing is lacking but optional names, 1 something is, 2 a file cannot be read or is no Python"""

# Members of PyTorch's tensors which nothing else has that scripts use: those that rustorch has are found by asking it.
TENSOR_MEMBERS = frozenset(
    """
    as_strided_scatter ccol_indices cdouble cfloat chalf cholesky_inverse cholesky_solve coalesce col_indices crow_indices
    dense_dim dequantize eig geqrf grad_dtype hash_tensor igamma igamma_ igammac igammac_ int_repr is_coalesced is_ipu is_maia
    is_mkldnn is_mps is_mtia is_sparse_csr is_vulkan is_xla is_xpu istft lstsq lu_solve map2_ matrix_exp nonzero_static
    orgqr ormqr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme record_stream
    resize_as_sparse_ row_indices share_memory_ slice_inverse smm sparse_dim sparse_mask sparse_resize_
    sparse_resize_and_clear_ sspaddmm stft storage_type symeig to_dense to_mkldnn to_padded_tensor to_sparse to_sparse_bsc
    to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr triangular_solve unsafe_chunk unsafe_split
    unsafe_split_with_sizes untyped_storage
    """.split()
)


class Missing(NamedTuple):
    """A name that a script uses and rustorch lacks."""

    path: str
    line: int
    name: str
    hint: str
    optional: bool


class Unreadable(Exception):
    """A file that is no Python, or cannot be read."""


_absent = object()


def _member(value: Any, path: str, name: str) -> Any:
    """The attribute or submodule `name` of what rustorch has under the dotted path."""
    try:
        return getattr(value, name)
    except AttributeError:
        if not isinstance(value, ModuleType):
            return _absent
    try:
        return importlib.import_module(f"{_real(path)}.{name}")
    except ImportError:
        return _absent


def find(full: str) -> Tuple[Any, str, Any]:
    """What rustorch has under a dotted name: (value, "", …), or (absent, the first part that is missing, where it is missing).

    Below a class or an object nothing is missing: what instances hold is known when they are made.
    """
    parts = full.split(".")
    value: Any = importlib.import_module(ROOTS[parts[0]])
    path = parts[0]
    for name in parts[1:]:
        if not isinstance(value, (ModuleType, type)):
            return value, "", None
        inner = _member(value, path, name)
        if inner is _absent:
            return _absent, f"{path}.{name}", value
        value, path = inner, f"{path}.{name}"
    return value, "", None


def _chain(node: ast.AST) -> Optional[List[str]]:
    """["torch", "nn", "Linear"] for torch.nn.Linear."""
    names: List[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *names[::-1]] if isinstance(node, ast.Name) else None


class _Script(ast.NodeVisitor):
    """Walks through a script and notes what is missing."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.known: Dict[str, str] = {}  # names of the script → dotted names of torch
        self.guards = 0  # how many tries around that catch what is missing
        self.spared: List[str] = []  # names that hasattr asked for
        self.found: Dict[Tuple[int, str], Missing] = {}

    def note(self, node: ast.AST, full: str) -> None:
        value, missing, home = find(full)
        if value is not _absent:
            return
        optional = self.guards > 0 or any(missing == name or missing.startswith(name + ".") for name in self.spared)
        key = (getattr(node, "lineno", 0), missing)
        text = hint(missing, home if isinstance(home, ModuleType) else None)
        self.found.setdefault(key, Missing(self.path, key[0], missing, text, optional))

    # -- where names come from

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in ROOTS:
                self.note(node, alias.name)
                self.known[alias.asname or root] = alias.name if alias.asname else root

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or not node.module or node.module.partition(".")[0] not in ROOTS:
            return
        for alias in node.names:
            full = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
            self.note(node, full)
            if alias.name == "*":
                self.learn_all(node.module)
            else:
                self.known[alias.asname or alias.name] = full

    def learn_all(self, module: str) -> None:
        value = find(module)[0]
        if isinstance(value, ModuleType):
            for name in getattr(value, "__all__", [name for name in vars(value) if not name.startswith("_")]):
                self.known[name] = f"{module}.{name}"

    def resolve(self, node: ast.AST) -> Optional[str]:
        names = _chain(node)
        if names is None or names[0] not in self.known:
            return None
        return ".".join([self.known[names[0]], *names[1:]])

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        full = self.resolve(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                if full is None:
                    self.known.pop(target.id, None)
                else:
                    self.known[target.id] = full
            else:
                self.visit(target)

    # -- where they are used

    def visit_Attribute(self, node: ast.Attribute) -> None:
        full = self.resolve(node)
        if full is not None:
            if not isinstance(node.ctx, ast.Store):
                self.note(node, full)
            return
        if node.attr in TENSOR_MEMBERS and not hasattr(_tensor_class(), node.attr):
            key = (node.lineno, f"Tensor.{node.attr}")
            full = f"torch.{node.attr}"
            text = "there are no sparse tensors" if "sparse" in full or "dense" in full else hint(full)
            self.found.setdefault(key, Missing(self.path, node.lineno, key[1], text, self.guards > 0))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "hasattr" and len(node.args) == 2:
            full, name = self.resolve(node.args[0]), node.args[1]
            if full is not None and isinstance(name, ast.Constant) and isinstance(name.value, str):
                self.spared.append(f"{full}.{name.value}")
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = {name for handler in node.handlers for name in _caught(handler)}
        guard = bool(caught & {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"})
        self.guards += guard
        for child in node.body:
            self.visit(child)
        self.guards -= guard
        for child in [*node.handlers, *node.orelse, *node.finalbody]:
            self.visit(child)

    def visit_FunctionDef(self, node: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]) -> None:
        """Parameters hide names of the same spelling; what the body binds is forgotten at its end."""
        outer = dict(self.known)
        arguments = node.args
        for default in [*arguments.defaults, *filter(None, arguments.kw_defaults), *getattr(node, "decorator_list", [])]:
            self.visit(default)
        everyone = [*getattr(arguments, "posonlyargs", []), *arguments.args, *arguments.kwonlyargs]
        everyone += [each for each in (arguments.vararg, arguments.kwarg) if each]
        for each in everyone:
            if each.annotation is not None:
                self.visit(each.annotation)
        if getattr(node, "returns", None) is not None:
            self.visit(node.returns)  # type: ignore[union-attr,arg-type]
        for each in everyone:
            self.known.pop(each.arg, None)
        for child in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(child)
        self.known = outer

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef


def _caught(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "BaseException"
    for each in handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]:
        if isinstance(each, ast.Name):
            yield each.id


def _tensor_class() -> type:
    import rustorch

    return rustorch.Tensor


def _source(path: str) -> str:
    """The text of a script; of a notebook its code, one cell after the other."""
    if not path.endswith(".ipynb"):
        with tokenize.open(path) as file:
            return file.read()
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").split("\n")
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) and line == line.lstrip() else line for line in lines)


def check_script(path: str) -> List[Missing]:
    """What one file lacks, in the order of its lines.

    Parameters
    ----------
    path : str
        A Python file or a notebook. Lines of a notebook are counted over all its code.

    Raises
    ------
    Unreadable
        The file cannot be read, or is no Python.
    """
    try:
        tree = ast.parse(_source(path), path)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except (SyntaxError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{path}: this is no Python: {error}") from error
    script = _Script(path)
    script.visit(tree)
    return sorted(script.found.values(), key=lambda each: (each.line, each.name))


def _scripts(path: str) -> List[str]:
    if not os.path.isdir(path):
        return [path]
    found = []
    for folder, inner, files in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__pycache__")
        found += [os.path.join(folder, name) for name in sorted(files) if name.endswith((".py", ".ipynb"))]
    return found


def _table(files: Dict[str, List[Missing]]) -> str:
    lines = []
    for path, missing in files.items():
        for each in missing:
            tail = f": {each.hint}" if each.hint else ""
            lines.append(f"{path}:{each.line}: {'optional: ' if each.optional else ''}rustorch has no {each.name}{tail}")
    names = {each.name for missing in files.values() for each in missing if not each.optional}
    clean = sum(not any(not each.optional for each in missing) for missing in files.values())
    lines.append(f"{clean} of {len(files)} file{'s' * (len(files) != 1)}: every name is there" if len(files) != 1 or not names else "")
    if names:
        lines.append(f"lacking: {', '.join(sorted(names))}")
    return "\n".join(filter(None, lines))


def compat(arguments: List[str]) -> int:
    """List what scripts use and rustorch lacks.

    Parameters
    ----------
    arguments : list of str
        Files and folders; ``--json``.

    Returns
    -------
    int
        0: nothing is lacking; 1: something is; 2: a file cannot be read.
    """
    if set(arguments) & {"-h", "--help"}:
        print(USAGE)
        return 0
    unknown = [each for each in arguments if each.startswith("-") and each != "--json"]
    paths = [each for each in arguments if not each.startswith("-")]
    if unknown or not paths:
        print(f"python -m rustorch compat: unknown option {unknown[0]}" if unknown else USAGE, file=sys.stderr)
        return 2
    files: Dict[str, List[Missing]] = {}
    failed: List[str] = []
    for path in (script for each in paths for script in _scripts(each)):
        try:
            files[path] = check_script(path)
        except Unreadable as error:
            failed.append(str(error))
    lacking = any(not each.optional for missing in files.values() for each in missing)
    if "--json" in arguments:
        rows = {path: [{k: v for k, v in each._asdict().items() if k != "path"} for each in missing] for path, missing in files.items()}
        print(json.dumps({"files": rows, "failed": failed}, indent=2))
    elif files:
        print(_table(files))
    for text in failed:
        print(f"python -m rustorch compat: {text}", file=sys.stderr)
    return 2 if failed else int(lacking)

"""`import torch…` and `import torchvision…` as names of rustorch's own modules.

A finder in front of `sys.meta_path` answers for both names with the modules of rustorch themselves, so that
`torch.nn.Linear is rustorch.nn.Linear`. Children (multiprocessing's, DataLoader's, whatever the script starts) inherit a
folder on PYTHONPATH whose torch.py installs the same finder.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import re
import sys
from types import ModuleType
from typing import Any, Callable, List, Optional, Sequence

from rustorch.compat._lacks import hint

ROOTS = {"torch": "rustorch", "torchvision": "rustorch.vision"}
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "path")
_NOT_TORCH = ("rustorch.vision", "rustorch.compat")  # no modules of torch, although they lie in the package


class TorchVersion(str):
    """A version that compares as a version: with another, a string or a tuple of numbers, as PyTorch's does.

    >>> from rustorch.compat import TorchVersion
    >>> TorchVersion("2.10.0") > "2.9", TorchVersion("2.10.0") >= (2, 11)
    (True, False)
    """

    @staticmethod
    def _key(version: Any) -> List[int]:
        if not isinstance(version, str):
            version = ".".join(map(str, version))
        key = [int(digits) for digits in re.findall(r"\d+", version.partition("+")[0])]
        while key and key[-1] == 0:
            key.pop()
        return key

    def _compare(self, other: Any, how: Callable[[Any, Any], bool]) -> Any:
        return how(self._key(self), self._key(other)) if isinstance(other, (str, tuple, list)) else NotImplemented

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a >= b)

    def __eq__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a == b)

    def __ne__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a != b)

    __hash__ = str.__hash__


TORCH_VERSION = "2.10.0"  # whose names and behaviour rustorch follows


class _Loader(importlib.abc.Loader):
    """Gives out a module that is there already."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put ours there
        _watch(module)
        _mirror()


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Optional[Sequence[Any]] = None, target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        root = fullname.partition(".")[0]
        if root not in ROOTS:
            return None
        real = _real(fullname)
        try:
            if real.startswith(_NOT_TORCH) and root == "torch":
                raise ModuleNotFoundError(name=real)
            module = importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name != real:
                raise
            parent = sys.modules.get(_real(fullname.rpartition(".")[0]))
            raise ModuleNotFoundError(_sentence(fullname, parent), name=fullname) from None
        # The name must not be in sys.modules when this returns: the import system would take the module's own spec and run it again.
        return importlib.machinery.ModuleSpec(fullname, _Loader(module), is_package=hasattr(module, "__path__"))


def _real(name: str) -> str:
    root, dot, rest = name.partition(".")
    return ROOTS.get(root, root) + dot + rest


def _torch_name(real: str) -> str:
    """The name by which scripts know a module of rustorch."""
    for alias, ours in sorted(ROOTS.items(), key=lambda pair: -len(pair[1])):
        if real == ours or real.startswith(ours + "."):
            return alias + real[len(ours) :]
    return real


def _sentence(full: str, home: Optional[ModuleType]) -> str:
    more = hint(full, home)
    return f"rustorch has no {full}" + (f": {more}" if more else "")


def _watch(module: ModuleType) -> None:
    """Lets the module say what it lacks by the name that the script uses."""
    names = vars(module)
    before = names.get("__getattr__")
    if getattr(before, "_of_compat", False):
        return

    def __getattr__(name: str) -> Any:
        if before is not None:
            try:
                found = before(name)
            except AttributeError:
                pass
            else:
                if isinstance(found, ModuleType):
                    _mirror()  # it may have been loaded just now
                return found
        if name.startswith("__"):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        raise AttributeError(_sentence(f"{_torch_name(module.__name__)}.{name}", module))

    __getattr__._of_compat = True  # type: ignore[attr-defined]
    __getattr__._before = before  # type: ignore[attr-defined]
    names["__getattr__"] = __getattr__


def _mirror() -> None:
    """Every module of rustorch that is loaded gets its second name, so that nothing is ever imported twice."""
    for name, module in list(sys.modules.items()):
        if module is None or not (name == "rustorch" or name.startswith("rustorch.")):
            continue
        alias = _torch_name(name)
        if alias.startswith("torch.") and name.startswith(_NOT_TORCH) or alias in sys.modules:
            continue
        if isinstance(module, ModuleType) and not getattr(module.__spec__, "_initializing", False):
            sys.modules[alias] = module
            _watch(module)


_finder = _Finder()
_path_before: Optional[str] = None


def installed() -> bool:
    """Whether ``import torch`` gives rustorch in this process.

    Examples
    --------
    >>> import rustorch.compat
    >>> rustorch.compat.installed()
    False
    """
    return _finder in sys.meta_path


def install() -> None:
    """Let ``import torch…`` and ``import torchvision…`` give rustorch, in this process and in those it starts.

    ``torch.__version__`` then is the version of PyTorch whose names rustorch follows, with ``+rustorch`` behind it, and
    ``torch.autograd.Variable`` gives plain tensors.

    Raises
    ------
    RusTorchError
        PyTorch itself has been imported in this process.

    Examples
    --------
    >>> import rustorch, rustorch.compat
    >>> rustorch.compat.install()
    >>> from torch.nn import functional as F
    >>> F is rustorch.nn.functional
    True
    >>> rustorch.compat.uninstall()
    """
    import rustorch

    for root, ours in ROOTS.items():
        found = sys.modules.get(root)
        file = os.path.realpath(getattr(found, "__file__", None) or "")
        own = found is None or found.__name__ == ours or file == os.path.realpath(os.path.join(FOLDER, root + ".py"))
        if not own:
            raise rustorch.RusTorchError(
                f"rustorch.compat.install: {root} has been imported already, from {getattr(found, '__file__', '?')}: install before that"
            )
    if installed():
        return
    sys.meta_path.insert(0, _finder)
    if FOLDER not in sys.path:
        sys.path.insert(min(1, len(sys.path)), FOLDER)  # multiprocessing hands sys.path on
    global _path_before
    _path_before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = path_for_children()
    sys.modules["torch"] = rustorch
    _watch(rustorch)
    rustorch.__version__ = TorchVersion(f"{TORCH_VERSION}+rustorch{rustorch._C.__version__}")
    type(rustorch.autograd.Variable).of_torch = True
    _mirror()


def uninstall() -> None:
    """Take back what :func:`install` did in this process; modules that were imported stay what they are.

    Examples
    --------
    >>> import rustorch.compat
    >>> rustorch.compat.install()
    >>> import torch
    >>> rustorch.compat.uninstall()
    >>> torch is rustorch, rustorch.compat.installed()
    (True, False)
    """
    import rustorch

    if not installed():
        return
    sys.meta_path.remove(_finder)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ROOTS:
            del sys.modules[name]
            watch = vars(module).get("__getattr__")
            if getattr(watch, "_of_compat", False):
                del module.__getattr__
                if watch._before is not None:
                    module.__getattr__ = watch._before
    if FOLDER in sys.path:
        sys.path.remove(FOLDER)
    if _path_before is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = _path_before
    rustorch.__version__ = rustorch._C.__version__
    type(rustorch.autograd.Variable).of_torch = False


def path_for_children() -> str:
    """PYTHONPATH with the folder in front; and with rustorch's own place behind, where only this process knows of it."""
    path = os.environ.get("PYTHONPATH", "")
    left = [each for each in path.split(os.pathsep) if each != FOLDER] if path else []
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    known = os.path.basename(package) in ("site-packages", "dist-packages") or package in map(os.path.abspath, left)
    return os.pathsep.join([FOLDER, *left, *([] if known else [package])])

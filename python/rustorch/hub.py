"""torch.hub without a network: models of local folders, and errors that say where a file is expected.

What is only for downloads may be given and has nothing to do: ``trust_repo``, ``force_reload``, ``skip_validation``,
``verbose``, ``progress`` and ``check_hash``.

Examples
--------
>>> import rustorch
>>> rustorch.hub.load("pytorch/vision", "resnet18")
Traceback (most recent call last):
    ...
rustorch.UnsupportedError: hub.load: nothing is downloaded; clone pytorch/vision and use load(FOLDER, 'resnet18', source='local')
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from typing import Any, List, NoReturn, Optional, Union
from urllib.parse import urlparse

from rustorch._C import ArgumentValueError, UnsupportedError
from rustorch._commit import file_absent

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # the digest that the names of files of weights end with
_dir: Optional[str] = None


def get_dir() -> str:
    """The folder for what others made: ``$TORCH_HOME/hub``, else ``~/.cache/torch/hub``, or what :func:`set_dir` said.

    Examples
    --------
    >>> import os
    >>> os.path.basename(rustorch.hub.get_dir())
    'hub'
    """
    if _dir is not None:
        return _dir
    return os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join(os.path.expanduser("~"), ".cache"))
    return os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))


def set_dir(d: "Union[str, os.PathLike[str]]") -> None:
    """Choose the folder that :func:`get_dir` names.

    Parameters
    ----------
    d : str or path
        ``~`` stands for the user's folder.

    Examples
    --------
    >>> before = rustorch.hub.get_dir()
    >>> rustorch.hub.set_dir("models")
    >>> rustorch.hub.get_dir()
    'models'
    >>> rustorch.hub.set_dir(before)
    """
    global _dir
    _dir = os.path.expanduser(d)


def _no_network(call: str, repo: str, tail: str) -> NoReturn:
    raise UnsupportedError(f"hub.{call}: nothing is downloaded; clone {repo} and use {tail}")


def _hubconf(folder: str) -> Any:
    path = os.path.join(folder, "hubconf.py")
    if not os.path.isfile(path):
        raise file_absent(folder, "there is no hubconf.py in the folder")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    finally:
        sys.path.remove(folder)
    return module


def _entries(module: Any) -> List[str]:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def _entry(module: Any, name: str) -> Any:
    if name not in _entries(module):
        raise UnsupportedError(f"hub: there is no entry point {name!r}; there are {', '.join(_entries(module)) or 'none'}")
    return getattr(module, name)


def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """Call an entry point of the ``hubconf.py`` of a local folder.

    Parameters
    ----------
    repo_or_dir : str
        The folder.
    model : str
        The name of the entry point.
    *args, **kwargs
        Its arguments, without those for downloads.
    source : str
        Must be ``"local"``.

    Raises
    ------
    UnsupportedError
        ``source`` is not local, or there is no such entry point.

    Examples
    --------
    >>> with open("hubconf.py", "w") as file:
    ...     _ = file.write("import rustorch\\ndef tiny(n=1):\\n    'A layer.'\\n    return rustorch.nn.Linear(n, n)\\n")
    >>> rustorch.hub.load(".", "tiny", source="local", n=3)
    Linear(in_features=3, out_features=3, bias=True)
    """
    if source not in ("github", "local"):
        raise ArgumentValueError(f'hub.load: source must be "local", or "github" in PyTorch, not {source!r}')
    if source != "local":
        _no_network("load", repo_or_dir, f"load(FOLDER, {model!r}, source='local')")
    for name in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(name, None)
    return _entry(_hubconf(repo_or_dir), model)(*args, **kwargs)


def list(github: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None, verbose: bool = True) -> List[str]:
    """The entry points of the ``hubconf.py`` of a local folder.

    Parameters
    ----------
    github : str
        The folder.

    Examples
    --------
    >>> with open("hubconf.py", "w") as file:
    ...     _ = file.write("import rustorch\\ndef tiny(n=1):\\n    'A layer.'\\n    return rustorch.nn.Linear(n, n)\\n")
    >>> rustorch.hub.list(".")
    ['tiny']
    """
    if not os.path.isdir(github):
        _no_network("list", github, "list(FOLDER)")
    return _entries(_hubconf(github))


def help(github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None) -> Optional[str]:
    """The docstring of an entry point of a local folder.

    Parameters
    ----------
    github : str
        The folder.
    model : str
        The name of the entry point.

    Examples
    --------
    >>> with open("hubconf.py", "w") as file:
    ...     _ = file.write("import rustorch\\ndef tiny(n=1):\\n    'A layer.'\\n    return rustorch.nn.Linear(n, n)\\n")
    >>> rustorch.hub.help(".", "tiny")
    'A layer.'
    """
    if not os.path.isdir(github):
        _no_network("help", github, "help(FOLDER, name)")
    return _entry(_hubconf(github), model).__doc__


def load_state_dict_from_url(
    url: str, model_dir: Optional[str] = None, map_location: Any = None, progress: bool = True, check_hash: bool = False,
    file_name: Optional[str] = None, weights_only: bool = False,
) -> Any:
    """Load the file of that name from ``model_dir`` (default: ``get_dir()/checkpoints``), into which you have put it.

    Parameters
    ----------
    url : str
        Its last part is the name of the file.
    model_dir, file_name : str, optional
    map_location : device, optional
    progress, check_hash : bool
        For downloads, of which there are none.
    weights_only : bool
        As in :func:`rustorch.load`, which never runs what is in a file.

    Raises
    ------
    FileNotFoundError
        It is not there; the message names the place. Also a SerializationError.

    Examples
    --------
    >>> rustorch.save({"weight": rustorch.ones(2)}, "tiny-1234.pth")
    >>> rustorch.hub.load_state_dict_from_url("https://example.org/models/tiny-1234.pth", model_dir=".")
    {'weight': tensor([1., 1.])}
    """
    from rustorch import load as load_file

    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(model_dir or os.path.join(get_dir(), "checkpoints"), name)
    if not os.path.isfile(path):
        raise file_absent(path, f"nothing is downloaded; fetch {url} and put it here")
    return load_file(path, map_location=map_location, weights_only=weights_only)


def download_url_to_file(url: str, dst: str, hash_prefix: Optional[str] = None, progress: bool = True) -> None:
    """An UnsupportedError: nothing is downloaded.

    Examples
    --------
    >>> rustorch.hub.download_url_to_file("https://example.org/faces.zip", "faces.zip")
    Traceback (most recent call last):
        ...
    rustorch.UnsupportedError: hub.download_url_to_file: nothing is downloaded; fetch https://example.org/faces.zip...
    """
    raise UnsupportedError(f"hub.download_url_to_file: nothing is downloaded; fetch {url} yourself and put it at {dst}")

"""Checkpoints: everything that a training run needs to go on as if it had never stopped.

A checkpoint holds models, optimizers, schedulers, loaders with their position, and the state of all random numbers. A run
that is resumed from it ends in the same bits as one that was not interrupted. In a process group rank 0 writes one file for
all ranks, and every rank finds its own random numbers and data position in it.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
import warnings
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np

from . import _C, serialization
from ._C import ArgumentTypeError, ArgumentValueError, SerializationError

__all__ = ["save", "load", "latest", "Checkpoint"]

FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{8,})\.h5\Z")
_SHARED = ("model", "optimizer", "scheduler")  # the same on every rank
_OWN = ("loader", "sampler", "generators")  # each rank's own


class Checkpoint:
    """What :func:`load` found: ``step``, ``epoch``, ``extra``, ``path``, ``world_size``, and all of it in ``state``.

    Examples
    --------
    >>> from rustorch import checkpoint, nn
    >>> model = nn.Linear(2, 1)
    >>> path = checkpoint.save("step7.h5", model=model, step=7, extra={"loss": 0.5})
    >>> found = checkpoint.load("step7.h5", model=model)
    >>> found.step, found.extra, found.world_size
    (7, {'loss': 0.5}, 1)
    """

    def __init__(self, path: str, state: Dict[str, Any]) -> None:
        self.path = path
        self.state = state
        self.step: int = state["step"]
        self.epoch: int = state["epoch"]
        self.extra: Any = state["extra"]
        self.world_size: int = state["world_size"]

    def __repr__(self) -> str:
        return f"Checkpoint(step={self.step}, epoch={self.epoch}, world_size={self.world_size}, path={self.path!r})"


# ---------------------------------------------------------------------------------------------- ranks


def _group() -> Tuple[int, int, Any]:
    """Rank, world size and the module of the process group; a run without one is rank 0 of 1."""
    module = sys.modules.get("rustorch.distributed")
    if module is None or not module.is_initialized() or module.get_world_size() == 1:
        return 0, 1, None
    return module.get_rank(), module.get_world_size(), module


def _together(work: Callable[[], Any]) -> List[Any]:
    """The results of ``work`` on every rank, in order of rank. If it fails on one, it fails on all."""
    rank, world_size, module = _group()
    if module is None:
        return [work()]
    result: Any = None
    problem: Optional[BaseException] = None
    try:
        result = work()
    except Exception as error:
        problem = error
    answers: List[Any] = [None] * world_size
    module.all_gather_object(answers, [None if problem is None else f"{type(problem).__name__}: {problem}", result])
    if problem is not None:
        raise problem
    for other, (message, _) in enumerate(answers):
        if message is not None:
            raise SerializationError(f"on rank {other}: {message}")
    return [answer for _, answer in answers]


def _on_rank_0(work: Callable[[], Any]) -> Any:
    """The result of ``work`` on rank 0, on every rank; the others wait. If it fails, it fails on all."""
    rank, _, module = _group()
    if module is None:
        return work()
    answer: List[Any] = [None, None]
    problem: Optional[BaseException] = None
    if rank == 0:
        try:
            answer[1] = work()
        except Exception as error:
            problem, answer[0] = error, f"{type(error).__name__}: {error}"
    module.broadcast_object_list(answer, src=0)
    if problem is not None:
        raise problem
    if answer[0] is not None:
        raise SerializationError(f"on rank 0: {answer[0]}")
    return answer[1]


# ---------------------------------------------------------------------------------------------- states


def _states(word: str, objects: Any) -> Any:
    """The state of one object, or of each in a dict."""
    if isinstance(objects, Mapping):
        return {str(name): _states(f"{word}[{name!r}]", one) for name, one in objects.items()}
    if word.startswith("generators"):
        if not isinstance(objects, _C.Generator):
            raise ArgumentTypeError(f"checkpoint.save: {word} is a {type(objects).__name__}, a Generator is expected")
        return objects.get_state()
    if not callable(getattr(objects, "state_dict", None)):
        raise ArgumentTypeError(f"checkpoint.save: {word} is a {type(objects).__name__}, which has no state_dict()")
    return objects.state_dict()


def _names(objects: Any) -> Optional[List[str]]:
    return [str(name) for name in objects] if isinstance(objects, Mapping) else None


def _numbered(generators: Any) -> Any:
    """Generators are named by their numbers when they come in a list."""
    return {str(i): one for i, one in enumerate(generators)} if isinstance(generators, (list, tuple)) else generators


def _random_state() -> Dict[str, Any]:
    version, words, gauss = random.getstate()
    array = np.random.get_state(legacy=False)
    return {
        "python": {"version": version, "words": np.array(words, np.uint32), "gauss": gauss},
        "numpy": array,
        "default": _C.default_generator.get_state(),
    }


def _set_random_state(state: Dict[str, Any]) -> None:
    python = state["python"]
    random.setstate((python["version"], tuple(int(word) for word in python["words"]), python["gauss"]))
    np.random.set_state(state["numpy"])
    _C.default_generator.set_state(state["default"])


def _machine() -> Dict[str, Any]:
    """What decides about the last bits of results."""
    facts = dict(line.split(": ", 1) for line in _C.config_text().splitlines() if ": " in line)
    return {
        "instruction set": facts.get("instruction set", ""),
        "BLAS core": facts.get("BLAS core", ""),
        "number of threads": _C.get_num_threads(),
    }


# ---------------------------------------------------------------------------------------------- saving


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) or path.endswith(os.sep) or not path.endswith((".h5", ".hdf5"))


def _numbers_in(folder: str) -> List[Tuple[int, str]]:
    """(step, path) of the files named as checkpoints, newest first."""
    found = []
    for name in os.listdir(folder):
        match = _NAME.match(name)
        if match:
            found.append((int(match.group(1)), os.path.join(folder, name)))
    return sorted(found, reverse=True)


def _prune(folder: str, keep: int, written: str) -> None:
    """Delete all but the newest ``keep`` checkpoints; what does not open as ours stays, and does not count."""
    left = keep
    for _, path in _numbers_in(folder):
        if path == written:
            left -= 1
            continue
        try:
            _C._file_verify(path, False)
        except SerializationError:
            continue
        left -= 1
        if left < 0:
            os.remove(path)


def _write(path: str, state: Dict[str, Any], keep: Optional[int], folder: Optional[bool] = None) -> str:
    if not (_is_folder(path) if folder is None else folder):
        serialization.write(state, path, "checkpoint")
        return path
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        problem = _C.SerializationOSError(f"the folder {path} for checkpoints cannot be made: {error.strerror}")
        problem.errno = error.errno
        raise problem from error
    whole = os.path.join(path, f"checkpoint-{state['step']:08d}.h5")
    serialization.write(state, whole, "checkpoint")
    if keep is not None:
        try:
            _prune(path, keep, whole)
        except OSError as error:
            warnings.warn(f"old checkpoints in {path} could not be deleted: {error}", stacklevel=4)
    return whole


def _count(word: str, value: Any) -> int:
    try:
        number = value.__index__()
    except AttributeError:
        raise ArgumentTypeError(f"checkpoint.save: {word} must be an int, not a {type(value).__name__}") from None
    if number < 0:
        raise ArgumentValueError(f"checkpoint.save: {word} must be 0 or more, not {number}")
    return number


def save(
    path: Any, *, model: Any = None, optimizer: Any = None, scheduler: Any = None, loader: Any = None, sampler: Any = None,
    step: int = 0, epoch: int = 0, generators: Any = None, extra: Any = None, keep: Optional[int] = 2,
) -> str:
    """Write a checkpoint. In a process group every rank must call it; rank 0 writes.

    Parameters
    ----------
    path : str or path
        A folder (one that exists, or a name without the ending ``.h5``): the file is ``checkpoint-00000123.h5`` in it, by
        the step. Or a file's name.
    model, optimizer, scheduler : object or dict of objects, optional
        Anything with a ``state_dict()``. Rank 0's are saved.
    loader, sampler : object or dict of objects, optional
        As above; each rank's own are saved.
    step, epoch : int, default 0
        Where the run is.
    generators : Generator, or list or dict of them, optional
        Beside the default one, which is always saved, as are Python's ``random`` and NumPy's global state.
    extra : object, optional
        Anything that :func:`rustorch.save` takes. Rank 0's is saved.
    keep : int or None, default 2
        How many checkpoints to leave in a folder: the one just written and the newest others, by step. At least 2, so that
        one is left when the newest turns out to be damaged; None deletes nothing. Only files of the name above that are
        checkpoints are deleted, and only after the new one is safe on the disk.

    Returns
    -------
    str
        The file that was written.

    Raises
    ------
    SerializationError
        Something cannot be saved, or the file cannot be written: on every rank. Earlier checkpoints stay.

    Examples
    --------
    >>> import tempfile
    >>> from rustorch import checkpoint, nn
    >>> folder = tempfile.mkdtemp()
    >>> model = nn.Linear(2, 1)
    >>> path = checkpoint.save(folder, model=model, step=10)
    >>> checkpoint.latest(folder) == path
    True
    >>> checkpoint.load(folder, model=model).step
    10
    """
    name = os.fsdecode(serialization._check_path("checkpoint.save", path))
    if keep is not None and _count("keep", keep) < 2:
        raise ArgumentValueError(f"checkpoint.save: keep must be 2 or more, or None to keep all, not {keep}")
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader, "sampler": sampler,
             "generators": generators}  # fmt: skip
    return save_objects(name, given, step, epoch, extra, keep)


def save_objects(
    path: str, given: Dict[str, Any], step: int, epoch: int, extra: Any, keep: Optional[int] = None, folder: Optional[bool] = None
) -> str:
    """:func:`save` of objects by their words; ``folder`` says what the path is, None: by its ending."""
    given = {word: objects for word, objects in given.items() if objects is not None}
    if "generators" in given:
        given["generators"] = _numbered(given["generators"])
    _, world_size, _ = _group()

    def own() -> Dict[str, Any]:
        state = {word: _states(word, given[word]) for word in _OWN if word in given}
        return dict(state, random=_random_state())

    if world_size == 1:
        ranks = [own()]
    else:
        ranks = [serialization.from_plain(x) for x in _together(lambda: serialization.to_plain(own(), "checkpoint"))]

    def write() -> str:
        state: Dict[str, Any] = {
            "format": FORMAT, "step": _count("step", step), "epoch": _count("epoch", epoch), "world_size": world_size,
            "time": time.time(), "rustorch": _C.__version__, "machine": _machine(), "extra": extra,
            "given": {word: _names(objects) for word, objects in given.items()},
        }  # fmt: skip
        state.update({word: _states(word, given[word]) for word in _SHARED if word in given})
        state["rank"] = {str(rank): one for rank, one in enumerate(ranks)}
        return _write(path, state, keep, folder)

    return _on_rank_0(write)


# ---------------------------------------------------------------------------------------------- loading


def latest(folder: Any) -> Optional[str]:
    """The newest checkpoint of a folder that is whole.

    Every byte of it is checked; damaged ones are left out, with a warning that says what is wrong with them.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    str or None
        The file with the largest step; None if there is none, or no such folder.

    Examples
    --------
    >>> import tempfile
    >>> from rustorch import checkpoint
    >>> folder = tempfile.mkdtemp()
    >>> checkpoint.latest(folder) is None
    True
    >>> for step in (1, 2, 3):
    ...     path = checkpoint.save(folder, step=step)
    >>> import os
    >>> os.path.basename(checkpoint.latest(folder)), len(os.listdir(folder))
    ('checkpoint-00000003.h5', 2)
    """
    name = os.fsdecode(serialization._check_path("checkpoint.latest", folder))
    try:
        found = _numbers_in(name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _C.SerializationOSError(f"checkpoint.latest: {error}") from error
    for _, path in found:
        try:
            _C._file_verify(path)
        except _C.SerializationFileNotFoundError:
            continue  # deleted since it was listed
        except SerializationError as error:
            warnings.warn(f"a checkpoint is left out: {error}", stacklevel=2)
            continue
        return path
    return None


def _find(name: str) -> str:
    if not os.path.isdir(name):
        return name
    path = latest(name)
    if path is None:
        raise _C.SerializationFileNotFoundError(f"{name} has no checkpoint that can be used")
    return path


def _read(path: str, map_location: Any = None) -> Dict[str, Any]:
    state = serialization.read(path, map_location)
    if not isinstance(state, dict) or "format" not in state or "rank" not in state:
        raise SerializationError(f"{path} is no checkpoint: it was written by rustorch.save, use rustorch.load")
    if state["format"] != FORMAT:
        raise SerializationError(
            f"{path} is a checkpoint of format {state['format']}, written by rustorch {state['rustorch']}; this one reads {FORMAT}"
        )
    return state


def _check_given(path: str, state: Dict[str, Any], word: str, objects: Any) -> None:
    """The file must have a state for each object that was given."""
    if word not in state["given"]:
        there = ", ".join(sorted(state["given"])) or "nothing but random numbers"
        raise SerializationError(f"{path} has no state for {word}: it was saved with {there}")
    names, wanted = state["given"][word], _names(objects)
    if (names is None) != (wanted is None):
        said = "a dict of them" if wanted is not None else "one object"
        raise SerializationError(f"{path}: {word} was saved as {'one object' if names is None else 'a dict'}, but {said} was given")
    for name in wanted or []:
        if name not in (names or []):
            raise SerializationError(f"{path} has no state for {word}[{name!r}]: it has {', '.join(map(repr, names or []))}")
    for one in objects.values() if isinstance(objects, Mapping) else [objects]:
        method = "set_state" if word == "generators" else "load_state_dict"
        if not callable(getattr(one, method, None)):
            raise ArgumentTypeError(f"checkpoint.load: {word} is a {type(one).__name__}, which has no {method}()")


def _restore(word: str, objects: Any, state: Any, strict: bool) -> None:
    if isinstance(objects, Mapping):
        for name, one in objects.items():
            _restore(word, one, state[str(name)], strict)
    elif word == "generators":
        objects.set_state(state)
    elif word == "model":
        objects.load_state_dict(state, strict=strict)
    else:
        objects.load_state_dict(state)


def _warn_of_differences(path: str, state: Dict[str, Any]) -> None:
    now = _machine()
    changed = [f"{word} {was} then, {now[word]} now" for word, was in state["machine"].items() if word in now and now[word] != was]
    if changed:
        warnings.warn(
            f"{path} comes from another setting ({'; '.join(changed)}): results may differ in their last bits from those of a "
            "run that was not interrupted",
            stacklevel=3,
        )


def load(
    path: Any, *, model: Any = None, optimizer: Any = None, scheduler: Any = None, loader: Any = None, sampler: Any = None,
    generators: Any = None, strict: bool = True, map_location: Any = None,
) -> Checkpoint:
    """Go on from a checkpoint: restores the objects given, and the state of all random numbers.

    The file is read and checked as a whole, on every rank, before anything is changed. In a process group every rank must
    call it.

    Parameters
    ----------
    path : str or path
        A checkpoint, or a folder of them: then its newest whole one.
    model, optimizer, scheduler, loader, sampler : object or dict of objects, optional
        Anything with a ``load_state_dict()``. A checkpoint may hold more than is asked for.
    generators : Generator, or list or dict of them, optional
    strict : bool, default True
        For models: the names in the file and in the model must be the same.
    map_location : optional
        As in :func:`rustorch.load`: where tensors that were on another device go.

    Returns
    -------
    Checkpoint
        With ``step``, ``epoch``, ``extra``, ``path``, ``world_size`` and ``state``.

    Raises
    ------
    SerializationError
        The file is damaged, or has no state for an object that was given. Nothing has been changed then. A FileNotFoundError
        as well if there is no such file, or no checkpoint in the folder.

    Warns
    -----
    UserWarning
        The instruction set, BLAS core or number of threads differ from those of the run that saved: results may differ in the
        last bits. Or the number of ranks differs: each rank's random numbers, loader and sampler then begin anew.

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch import checkpoint, nn
    >>> path = os.path.join(tempfile.mkdtemp(), "run.h5")
    >>> model = nn.Linear(2, 1)
    >>> _ = checkpoint.save(path, model=model, step=7, extra={"best": 0.5})
    >>> found = checkpoint.load(path, model=model)
    >>> found.step, found.extra
    (7, {'best': 0.5})
    """
    name = os.fsdecode(serialization._check_path("checkpoint.load", path))
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader, "sampler": sampler,
             "generators": _numbered(generators)}  # fmt: skip
    given = {word: objects for word, objects in given.items() if objects is not None}
    rank, world_size, _ = _group()
    whole = _on_rank_0(lambda: _find(name))
    state: Dict[str, Any] = {}

    def check() -> None:
        state.update(_read(whole, map_location))
        for word, objects in given.items():
            _check_given(whole, state, word, objects)

    _together(check)
    if rank == 0:  # one voice for all
        _warn_of_differences(whole, state)
    for word in _SHARED:
        if word in given:
            _restore(word, given[word], state[word], strict)
    if state["world_size"] != world_size:
        if rank == 0:
            warnings.warn(
                f"{whole} was saved with a world size of {state['world_size']}, now it is {world_size}: random numbers, loaders and "
                "samplers are left as they are",
                stacklevel=2,
            )
        return Checkpoint(whole, state)
    own = state["rank"][str(rank)]
    for word in _OWN:
        if word in given:
            _restore(word, given[word], own[word], strict)
    _set_random_state(own["random"])  # last: restoring may draw numbers
    return Checkpoint(whole, state)

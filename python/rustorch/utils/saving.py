"""Models and runs as files: ``save_model`` and ``load_model``, ``save_checkpoint`` and ``load_checkpoint``.

The files are those of :func:`rustorch.save` (HDF5, whole or not at all, no code): docs/files.md says what is kept.
"""

from __future__ import annotations

import difflib
import inspect
import os
import zipfile
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np

import rustorch
from rustorch import Tensor, checkpoint, serialization
from rustorch._C import ArgumentTypeError, ArgumentValueError, SerializationError, UnsupportedError
from rustorch._commit import WholeFile
from rustorch.nn import Module
from rustorch.nn._describe import class_path, load_optimizer

__all__ = ["ModelSerializer", "load_checkpoint", "load_model", "save_checkpoint", "save_model"]

FORMAT = "rustorch.model"


# ---------------------------------------------------------------------------------------------- models


def save_model(model: Any, path: Any) -> None:
    """Write a model to a file: what it is made of and its weights, so that :func:`load_model` gives it back.

    Parameters
    ----------
    model : training.Model or Module
        Of a ``Model``: its layers as text, how it was compiled, and the optimizer's state, so that training goes on. Of a
        module: its class by name, its attributes, parameters and buffers. No code: see :func:`load_model`.
    path : str or path
        By custom with the ending ``.rustorch``. The file appears whole or not at all.

    Raises
    ------
    SerializationError
        Part of the model is no data (the message says which), or the file cannot be written; then it is an OSError as well.

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch import nn, utils
    >>> path = os.path.join(tempfile.mkdtemp(), "model.rustorch")
    >>> utils.save_model(nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1)), path)
    >>> utils.load_model(path)
    Sequential(
      (0): Linear(in_features=4, out_features=2, bias=True)
      (1): Softmax(dim=1)
    )
    """
    path = serialization._check_path("save_model", path)
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"save_model: a Model or an nn.Module is expected, not a {type(model).__name__}")
    serialization.write({"format": FORMAT, "version": 1, "class": class_path(type(model)), "model": model}, path)


def _load_into(model: Module, weights: Mapping[str, Tensor], said: str, path: str, strict: bool) -> Module:
    try:
        model.load_state_dict(weights, strict=strict)
    except rustorch.RusTorchError as error:
        raise SerializationError(f"{path} holds {said}, which does not fit the {type(model).__name__} given: {error}") from error
    return model


def _classes(model: Any) -> Optional[List[type]]:
    """The classes in load_model's argument; None if it is an object."""
    given = list(model) if isinstance(model, (list, tuple, set)) else [] if model is None else [model]
    if all(inspect.isclass(one) and issubclass(one, Module) for one in given):
        return given
    if isinstance(model, Module):
        return None
    raise ArgumentTypeError(
        f"load_model: model must be an nn.Module, the class of one, or a list of classes, not {type(model).__name__}"
    )


def load_model(
    path: Any, model: Any = None, *, map_location: Any = None, compile: bool = True, strict: bool = True, mmap: bool = False
) -> Any:
    """The model that :func:`save_model` wrote.

    Nothing in the file is run, and nothing but rustorch imported. Models of rustorch's own layers and containers come back
    wholly. The classes of the user's must be given.

    Parameters
    ----------
    path : str or path
    model : Module, class or list of classes, optional
        A module: the weights are loaded into it (those of a file with a ``state_dict`` too). Classes: those of the user's
        own that the file names; objects of them are rebuilt from their attributes, without a call of ``__init__``.
    map_location : optional
        Where tensors go, as in :func:`rustorch.load`.
    compile : bool, default True
        Whether a ``Model`` is compiled again and gets its optimizer's state.
    strict : bool, default True
        Of a module given: its names must be those in the file.
    mmap : bool, default False
        Large parameters share the file's pages until they are written to.

    Returns
    -------
    training.Model or Module
        In training or evaluation mode as it was saved.

    Raises
    ------
    SerializationError
        The file is damaged, holds a class that was not given (the message names it), or does not fit the model given. A file
        that does not exist is a FileNotFoundError as well.

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch import nn, utils
    >>> class Net(nn.Module):
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.width, self.layer = width, nn.Linear(width, 1)
    ...     def forward(self, x):
    ...         return self.layer(x) / self.width
    >>> path = os.path.join(tempfile.mkdtemp(), "net.rustorch")
    >>> net = Net(3)
    >>> utils.save_model(net, path)
    >>> loaded = utils.load_model(path, model=Net)
    >>> loaded.width, rustorch.equal(loaded(rustorch.ones(3)), net(rustorch.ones(3)))
    (3, True)
    """
    path = serialization._check_path("load_model", path)
    name = os.fsdecode(path)
    classes = _classes(model)

    def take(decoder: Any, root: Any) -> Any:
        parts = root.get("dict", {}) if isinstance(root, dict) else {}
        if parts.get("format") == FORMAT:
            if parts["version"] != 1:
                raise SerializationError(f"{name} is a model file of version {parts['version']}: a newer rustorch wrote it")
            root = parts["model"]
        if not isinstance(root, dict) or "module" not in root:
            return decoder.decode(root)
        node = root if compile else {**root, "compile": None, "optimizer": None}
        if classes is not None:
            return decoder.decode(node)
        _load_into(model, decoder.state(node), f"a {node['class']}", name, strict)
        if compile and "compile" in node:
            load_optimizer(model, {"optimizer": decoder.decode(node["optimizer"])})
        return model

    state = serialization.read(path, map_location, mmap, classes or (), take=take)
    if isinstance(state, Module):  # rebuilt, or the one given
        return state
    if isinstance(state, dict) and classes is None and state and all(isinstance(value, Tensor) for value in state.values()):
        return _load_into(model, state, "a state_dict", name, strict)
    raise SerializationError(
        f"{name} holds no model by save_model, but a {type(state).__name__}: rustorch.load reads it"
        + (", and load_model(path, model=an object) takes a state_dict" if isinstance(state, dict) else "")
    )


# ---------------------------------------------------------------------------------------------- checkpoints

_OBJECTS = ("scheduler", "loader", "sampler", "generators")  # what rustorch.checkpoint saves beside model and optimizer
_TAKEN = frozenset("epoch loss step model_state_dict optimizer_state_dict scheduler_state_dict path world_size".split())


def save_checkpoint(model: Any, optimizer: Any, epoch: int, loss: Any, path: Any, **extra: Any) -> str:
    """Write where a training run is: model, optimizer, epoch, loss, and the state of all random numbers.

    :func:`rustorch.checkpoint.save` in PyTorch's usual words. In a process group every rank must call it; rank 0 writes.

    Parameters
    ----------
    model : Module
    optimizer : Optimizer or None
    epoch : int
    loss : number or tensor of one element
    path : str or path
        The file, by whatever ending.
    **extra
        ``scheduler``, ``loader``, ``sampler``, ``generators`` and ``step`` are those of :func:`rustorch.checkpoint.save`.
        Anything else that :func:`rustorch.save` takes comes back from :func:`load_checkpoint` under its name.

    Returns
    -------
    str
        The file that was written.

    Raises
    ------
    SerializationError
        Something cannot be saved, or the file cannot be written. An earlier file stays.

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch import nn, optim, utils
    >>> path = os.path.join(tempfile.mkdtemp(), "run.h5")
    >>> model = nn.Linear(2, 1)
    >>> optimizer = optim.SGD(model.parameters(), 0.1)
    >>> _ = utils.save_checkpoint(model, optimizer, epoch=3, loss=0.25, path=path, best=0.2)
    >>> found = utils.load_checkpoint(path, model=model, optimizer=optimizer)
    >>> found["epoch"], found["loss"], found["best"]
    (3, 0.25, 0.2)
    """
    name = os.fsdecode(serialization._check_path("save_checkpoint", path))
    wrong = sorted(_TAKEN.intersection(extra) - {"step"})
    if wrong:
        raise ArgumentValueError(f"save_checkpoint: {', '.join(wrong)} is what load_checkpoint itself returns: use another name")
    objects = {word: extra.pop(word) for word in _OBJECTS if word in extra}
    step = extra.pop("step", 0)
    if isinstance(loss, Tensor) and loss.numel() == 1:
        loss = loss.item()
    given = dict(objects, model=model, optimizer=optimizer)
    return checkpoint.save_objects(name, given, step, epoch, {"loss": loss, "extra": extra}, folder=False)


def load_checkpoint(
    path: Any,
    model: Any = None,
    optimizer: Any = None,
    *,
    scheduler: Any = None,
    loader: Any = None,
    sampler: Any = None,
    generators: Any = None,
    strict: bool = True,
    map_location: Any = None,
) -> Dict[str, Any]:
    """Read a checkpoint, and go on from it with the objects given.

    Parameters
    ----------
    path : str or path
        A file by :func:`save_checkpoint` or :func:`rustorch.checkpoint.save`, or a folder of them: then its newest.
    model, optimizer, scheduler, loader, sampler, generators : optional
        What gets its state back. If anything is given, the state of all random numbers is restored as well, so that the run
        goes on as if it had never stopped; in a process group every rank must call it then.
    strict : bool, default True
        The names in the file and in the model must be the same.
    map_location : optional
        As in :func:`rustorch.load`.

    Returns
    -------
    dict
        ``epoch``, ``loss`` (None if none was given), ``step``, ``model_state_dict``, ``optimizer_state_dict`` and
        ``scheduler_state_dict`` (None where there is none), ``path``, ``world_size``, and what was given to
        :func:`save_checkpoint` under names of its own.

    Raises
    ------
    SerializationError
        The file is damaged, or lacks a state for an object given; nothing has been changed then.

    Examples
    --------
    >>> from rustorch import nn, optim, utils
    >>> model = nn.Linear(2, 1)
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> path = utils.save_checkpoint(model, optimizer, 3, 0.25, "run.h5")
    >>> found = utils.load_checkpoint(path, model, optimizer)
    >>> found["epoch"], found["loss"]
    (3, 0.25)
    """
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader, "sampler": sampler,
             "generators": generators}  # fmt: skip
    given = {word: one for word, one in given.items() if one is not None}
    if given:
        found = checkpoint.load(path, strict=strict, map_location=map_location, **given)
        name, state = found.path, found.state
    else:
        name = checkpoint._find(os.fsdecode(serialization._check_path("load_checkpoint", path)))
        state = checkpoint._read(name, map_location)
    extra = state["extra"]
    ours = isinstance(extra, dict) and set(extra) == {"loss", "extra"}
    result = {"epoch": state["epoch"], "loss": extra["loss"] if ours else None, "step": state["step"]}
    result.update({f"{word}_state_dict": state.get(word) for word in ("model", "optimizer", "scheduler")})
    result.update(path=name, world_size=state["world_size"])
    result.update(extra["extra"] if ours else {} if extra is None else {"extra": extra})
    return result


# ---------------------------------------------------------------------------------------------- other formats


def _export_safetensors(model: Any, path: Any) -> None:
    from rustorch.utils import safetensors

    safetensors.save_model(model, path, {"format": "pt"})


def _export_numpy(model: Any, path: Any) -> None:
    state = model.state_dict()
    with WholeFile(path) as file, zipfile.ZipFile(file, "w") as archive:  # type: ignore[call-overload]
        for name, tensor in state.items():
            plain = tensor.detach().cpu()
            values = (plain.float() if plain.dtype == rustorch.bfloat16 else plain).numpy()
            with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)


_EXPORTS: Dict[str, Callable[[Any, Any], None]] = {
    "rustorch": save_model,
    "safetensors": _export_safetensors,
    "state_dict": lambda model, path: rustorch.save(model.state_dict(), path),
    "numpy": _export_numpy,
    "npz": _export_numpy,
}
_ABSENT = {
    "onnx": "there is no writer of ONNX graphs: 'safetensors' holds the weights for other programs",
    "pytorch": "a file of PyTorch's is a pickle, which rustorch does not write: export as 'safetensors', and in PyTorch call "
    "model.load_state_dict(safetensors.torch.load_file(path))",
}


class ModelSerializer:
    """Models into files of several formats. All its functions are static.

    Examples
    --------
    >>> import os, tempfile
    >>> from rustorch import nn
    >>> from rustorch.utils import ModelSerializer
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> ModelSerializer.export(nn.Linear(2, 1), path, format="numpy")
    >>> import numpy
    >>> sorted(numpy.load(path))
    ['bias', 'weight']
    """

    @staticmethod
    def save(model: Any, path: Any) -> None:
        """:func:`save_model`."""
        save_model(model, path)

    @staticmethod
    def load(path: Any, model: Any = None, **options: Any) -> Any:
        """:func:`load_model`."""
        return load_model(path, model, **options)

    @staticmethod
    def formats() -> Tuple[str, ...]:
        """What :meth:`export` writes."""
        return tuple(_EXPORTS)

    @staticmethod
    def export(model: Any, path: Any, format: str = "rustorch") -> None:
        """Write a model for other programs. The file appears whole or not at all.

        Parameters
        ----------
        model : training.Model or Module
        path : str or path
        format : str, default "rustorch"
            ``"rustorch"`` (:func:`save_model`), ``"safetensors"`` (weights, for PyTorch and Hugging Face's libraries),
            ``"state_dict"`` (weights, for :func:`rustorch.load` and h5py), ``"numpy"`` or ``"npz"`` (weights, for
            ``numpy.load``; bfloat16 as float32).

        Raises
        ------
        UnsupportedError
            ``"onnx"`` and ``"pytorch"``; the message names the way round.
        ValueError
            No such format.
        """
        path = serialization._check_path("export", path)
        if not callable(getattr(model, "state_dict", None)):
            raise ArgumentTypeError(f"export: a Model or an nn.Module is expected, not a {type(model).__name__}")
        if format in _ABSENT:
            raise UnsupportedError(f"export: format {format!r}: {_ABSENT[format]}")
        if format not in _EXPORTS:
            near = difflib.get_close_matches(str(format), [*_EXPORTS, *_ABSENT], 1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise ArgumentValueError(f"export: there is no format {format!r}{meant}: {', '.join(_EXPORTS)} are written")
        _EXPORTS[format](model, path)

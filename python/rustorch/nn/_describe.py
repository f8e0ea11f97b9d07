"""Modules as data: what one is made of, and the way back, without its constructor and without any code from a file.

A module is its class (by name), its parameters, buffers and modules, and its other attributes as far as they are data.
Rebuilding makes an object of the class and gives it these: layers that were changed after they were constructed come back
as they were, nothing is drawn at random, and no constructor has to be guessed. A class with attributes that are no data
defines ``__getstate__`` and ``__setstate__``, as for copying.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set, Type

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, RusTorchError, SerializationError
from rustorch._structure import Decoder, InlineEncoder, is_uninitialized
from rustorch.nn.modules.lazy import LazyModuleMixin, _initialize, _keep_uninitialized
from rustorch.nn.modules.module import _TABLES, Module
from rustorch.nn.parameter import Parameter

# Where a class may be that a file names and rustorch imports.
_HOMES = ("rustorch.nn", "rustorch.training", "rustorch.vision")
_HOOKS = tuple(table for table in _TABLES if table.endswith("_hooks"))
_OWN = frozenset(_TABLES) | {"_non_persistent_buffers", "_hooks_with_kwargs", "_hooks_always_called", "_hooks_full_backward"}


class Parts(NamedTuple):
    """What a module is made of."""

    name: str
    parameters: Dict[str, Any]
    buffers: Dict[str, Any]
    transient: Set[str]  # buffers that a state_dict leaves out
    modules: Dict[str, Any]
    attributes: Dict[str, Any]
    has_extra_state: bool


def class_path(cls: type) -> str:
    """The dotted name of a class; of rustorch's own the shortest one, so that a file outlives moves of the source."""
    home = cls.__module__.split(".")
    if home[0] == "rustorch":
        for n in range(2, len(home) + 1):
            package = ".".join(home[:n])
            if getattr(sys.modules.get(package), cls.__name__, None) is cls:
                return f"{package}.{cls.__name__}"
    return f"{cls.__module__}.{cls.__qualname__}"


def _check_hooks(module: Module, where: str) -> None:
    for table in _HOOKS:
        for hook in vars(module)[table].values():
            if hook in (_initialize, _keep_uninitialized):
                continue
            home = getattr(hook, "__module__", "")
            if home.startswith("rustorch.nn.utils"):
                raise SerializationError(
                    f"{where}: the {type(module).__name__} has a hook of {home}: remove it first (remove_weight_norm, "
                    "remove_spectral_norm, prune.remove, …), or save the state_dict()"
                )
            warnings.warn(f"{where}: a {type(module).__name__} has hooks, which are code: they are not saved", stacklevel=2)


def take_apart(module: Module, where: str) -> Parts:
    """What a module is made of; `where` it is found, for messages."""
    where = where or "model"
    if "parametrizations" in module._modules:
        raise SerializationError(
            f"{where}: the {type(module).__name__} has parametrizations, which are code: call "
            "nn.utils.parametrize.remove_parametrizations first, or save the state_dict()"
        )
    if type(module).__module__ == "rustorch.nn.parallel.distributed":
        raise SerializationError(f"{where}: a {type(module).__name__} belongs to a run of several ranks: save its .module")
    _check_hooks(module, where)
    state = module.__getstate__()
    if not isinstance(state, dict):
        raise SerializationError(f"{where}: {type(module).__name__}.__getstate__ returned a {type(state).__name__}, not a dict")
    attributes = {name: value for name, value in state.items() if name not in _OWN}
    tables = (state.get(table, {}) for table in ("_parameters", "_buffers", "_non_persistent_buffers", "_modules"))
    has_extra_state = type(module).get_extra_state is not Module.get_extra_state
    return Parts(class_path(type(module)), *tables, attributes, has_extra_state)


def configuration(module: Module) -> Optional[Dict[str, Any]]:
    """What a module says that describes itself by ``get_config`` and ``from_config``, as ``training.Model`` does; else None."""
    if not callable(getattr(module, "get_config", None)) or not callable(getattr(type(module), "from_config", None)):
        return None
    found = {"class": class_path(type(module)), "config": module.get_config(), "training": module.training}
    found["weights"] = module.state_dict(keep_vars=True)
    if hasattr(module, "get_compile_config"):
        optimizer = module.optimizer
        found["compile"] = module.get_compile_config()
        found["optimizer"] = None if optimizer is None else optimizer.state_dict()
    return found


def from_configuration(cls: Any, own: Dict[str, Any], weights: Dict[str, Any]) -> Module:
    """The module that ``configuration`` described; without weights, with new ones."""
    before = rustorch.get_rng_state()
    try:
        module = cls.from_config(own["config"])
        if weights:
            module.load_state_dict(weights)
    except RusTorchError as error:
        raise SerializationError(f"the {cls.__name__} in the file cannot be made again: {error}") from error
    if weights:
        rustorch.set_rng_state(before)  # what was drawn for nothing does not count
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(weights[name].requires_grad)
    if own.get("compile") is not None:
        module.compile(**own["compile"])
        load_optimizer(module, own)
    return module.train(own["training"])


def load_optimizer(model: Any, own: Dict[str, Any]) -> None:
    """Gives the optimizer of a compiled model its state."""
    if own.get("optimizer") is not None and model.optimizer is not None:
        model.optimizer.load_state_dict(own["optimizer"])


def put_together(
    module: Module,
    parameters: Dict[str, Any],
    buffers: Dict[str, Any],
    transient: List[str],
    modules: Dict[str, Any],
    attributes: Dict[str, Any],
) -> None:
    """Gives a new object of a module's class its parts."""
    Module.__init__(module)
    state = dict(vars(module))
    if not _OWN.isdisjoint(attributes):
        raise SerializationError(f"the file sets {', '.join(sorted(_OWN & set(attributes)))} of a {type(module).__name__}")
    for table, kind, values in (("_parameters", Parameter, parameters), ("_modules", Module, modules)):
        wrong = [name for name, value in values.items() if value is not None and not isinstance(value, kind)]
        if wrong:
            raise SerializationError(
                f"the file gives a {type(module).__name__} as {wrong[0]!r} something that is no {kind.__name__}"
            )
        state[table].update(values)
    state["_buffers"].update(buffers)
    state["_non_persistent_buffers"].update(transient)
    module.__setstate__({**state, **attributes})
    if isinstance(module, LazyModuleMixin):
        module._watch()


def find_class(path: str, classes: Iterable[type] = (), search: bool = False) -> Type[Module]:
    """The class of a module that a file names.

    Parameters
    ----------
    path : its dotted name
    classes : the user's, found by their dotted name, or by their name alone where the module is another one now
    search : whether classes of modules that are already imported will do; nothing but rustorch is ever imported
    """
    known = list(classes)
    found = next((cls for cls in known if class_path(cls) == path), None)
    found = found or next((cls for cls in known if path.endswith("." + cls.__qualname__)), None)
    home, _, name = path.rpartition(".")
    if found is None and any(home == start or home.startswith(start + ".") for start in _HOMES):
        try:
            found = getattr(importlib.import_module(home), name, None)
        except ModuleNotFoundError:
            found = None
        if not (inspect.isclass(found) and issubclass(found, Module)):
            raise SerializationError(f"the file holds a {path}, which this version of rustorch does not have")
    if found is None and search:
        found = getattr(sys.modules.get(home), name, None)
    if found is None:
        raise SerializationError(
            f"the file holds a module of the class {path}, which is none of rustorch's: a file holds no code. Give the class or "
            f"an object of it: load_model(path, model={name}), or serialization.add_safe_globals([{name}]) before load"
        )
    if not (inspect.isclass(found) and issubclass(found, Module)):
        raise SerializationError(f"the file holds a module of the class {path}, but {path} is no nn.Module here")
    return found


class _Describer(InlineEncoder):
    """Parameters without their values; buffers with them, where the layer could not set them itself."""

    with_values = False

    def member(self, value: Any, word: str, transient: bool, owner: Any, where: str, path: Any) -> Any:
        if is_uninitialized(value) or (word == "buffers" and (transient or _resetter(owner) is None)):
            return self.tensor(value, where, path)
        self.kept.append(value)
        return dict(self.facts(value), empty=[value.dtype(), list(value.shape)], object=self.number(value))


class _Builder(Decoder):
    """Knows parameters without values: in a description, never in a file, where they would be free to be huge."""

    def values(self, node: Dict[str, Any]) -> Tensor:
        if "empty" not in node:
            return super().values(node)
        name, shape = node["empty"]
        return self.place(rustorch.zeros(shape, dtype=name), node.get("device"))


def _resetter(module: Module) -> Any:
    """The method that draws a module's parameters anew, if it has one."""
    for name in ("reset_parameters", "_reset_parameters"):
        method = getattr(module, name, None)
        if callable(method) and all(p.default is not p.empty for p in inspect.signature(method).parameters.values()):
            return method
    return None


def describe_module(module: Module) -> Dict[str, Any]:
    """A module as data for JSON: its class, and how it is made; the values of parameters are left out.

    Parameters
    ----------
    module : Module
        Containers and layers of rustorch, nested at will, and the user's own classes.

    Returns
    -------
    dict
        Of str, numbers, bool, None, lists and dicts: for :func:`build_module`. docs/checkpoint-format.md has the vocabulary.

    Raises
    ------
    SerializationError
        Part of a layer is code: a function of the user's, a parametrization, a hook of weight_norm.

    Examples
    --------
    >>> from rustorch import nn, serialization
    >>> found = serialization.describe_module(nn.Sequential(nn.Linear(3, 2), nn.ReLU()))
    >>> found["class"], found["modules"]["0"]["attributes"]["in_features"]
    ('rustorch.nn.Sequential', 3)
    """
    if not isinstance(module, Module):
        raise ArgumentTypeError(f"describe_module: an nn.Module is expected, not a {type(module).__name__}")
    return _Describer().module(module, "", "", "", 0)


def build_module(description: Dict[str, Any], classes: Iterable[type] = ()) -> Module:
    """The module that :func:`describe_module` described, with new parameters.

    Nothing but data is read, and nothing but rustorch imported. Parameters are drawn anew by the layers'
    ``reset_parameters``; those of a class without one are zero until a state is loaded.

    Parameters
    ----------
    description : dict
    classes : iterable of classes
        The user's own classes of modules in it.

    Returns
    -------
    Module

    Raises
    ------
    SerializationError
        It names a class that was not given, or makes no sense.

    Examples
    --------
    >>> from rustorch import nn, serialization
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding="same"), nn.BatchNorm2d(8))
    >>> serialization.build_module(serialization.describe_module(model))
    Sequential(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=same)
      (1): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    )
    """
    if not isinstance(description, dict) or "class" not in description:
        raise ArgumentTypeError("build_module: a description by describe_module is expected")
    decoder = _Builder({}, lambda tensor, was: tensor if was is None else tensor.to(was), classes)
    try:
        module = decoder.decode(description)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, RusTorchError):
            raise
        raise SerializationError(f"the description makes no sense: {type(error).__name__}: {error}") from error

    def reset(part: Module) -> None:
        method = _resetter(part)
        if method is not None:
            method()

    return module.apply(reset)

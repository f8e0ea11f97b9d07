"""Calling a module with other parameters than its own."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any, Dict, Iterator, List, Optional, Tuple

from rustorch import Tensor
from rustorch._C import ArgumentValueError, RusTorchError
from rustorch.nn.modules.module import Module

__all__ = ["functional_call"]

_Place = Tuple[Any, str]  # a table of a module (its parameters or its buffers) and a name in it


def _places(module: Module) -> Dict[str, _Place]:
    """Where each parameter and buffer is, by its full name; shared modules under each of their names."""
    places: Dict[str, _Place] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for name in table:
                places[f"{prefix}.{name}" if prefix else name] = (table, name)
    return places


def _with_tied(places: Dict[str, _Place], given: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Give every name of a tied tensor the value that one of its names was given."""
    tied: Dict[int, List[str]] = {}
    for name, (table, key) in places.items():
        if table[key] is not None:
            tied.setdefault(id(table[key]), []).append(name)
    result = dict(given)
    for names in tied.values():
        values = {id(given[name]): given[name] for name in names if name in given}
        if len(values) > 1:
            raise ArgumentValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        for value in values.values():
            result.update((name, value) for name in names)
    return result


@contextlib.contextmanager
def _replaced(module: Module, given: Dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    places = _places(module)
    values = _with_tied(places, given) if tie_weights else dict(given)
    problems = []
    unexpected = [name for name in values if name not in places]
    missing = [name for name, (table, key) in places.items() if name not in values and table[key] is not None]
    if strict and unexpected:
        problems.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
    if strict and missing:
        problems.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
    if problems:
        raise RusTorchError("Error(s) in reparametrizing for {}:\n\t{}".format(type(module).__name__, "\n\t".join(problems)))
    own: Dict[Tuple[int, str], Tuple[_Place, Any]] = {}
    try:
        for name, value in values.items():
            if name not in places:
                continue
            table, key = places[name]
            own.setdefault((id(table), key), ((table, key), table[key]))
            table[key] = value
        yield
    finally:
        written = {name: places[name][0][places[name][1]] for name in given if name in places}
        for (table, key), value in own.values():
            table[key] = value
        given.update(written)  # a buffer that the call replaced is handed back, as PyTorch does


def call_with(
    module: Module, parameters_and_buffers: Dict[str, Tensor], args: Any = None, kwargs: Optional[Dict[str, Any]] = None,
    *, tie_weights: bool = True, strict: bool = False,
) -> Any:
    """Call a module with some of its parameters and buffers replaced, for this call.

    Parameters
    ----------
    module : Module
    parameters_and_buffers : dict of tensors, by their full names
        Where the call assigns a new buffer, the dictionary has it afterwards.
    args : arguments of the call: a tuple, or a single one
    kwargs : dict, optional
    tie_weights : bool, default True
        Replace a tensor that the module has under several names under all of them.
    strict : bool, default False
        Raise when names are missing or unexpected.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.nn.utils.stateless import call_with
    >>> layer = torch.nn.Linear(1, 1)
    >>> call_with(layer, {"weight": torch.full((1, 1), 2.0), "bias": torch.ones(1)}, torch.ones(1, 1)).item()
    3.0
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Module, parameters_and_buffers: Dict[str, Tensor], args: Any = None, kwargs: Optional[Dict[str, Any]] = None,
    *, tie_weights: bool = True, strict: bool = False,
) -> Any:
    """:func:`call_with` under its deprecated place: PyTorch has it as ``func.functional_call`` now.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> nn.utils.stateless.functional_call(layer, {"weight": rustorch.tensor([[2.0]])}, rustorch.ones(1, 1)).item()
    2.0
    """
    warnings.warn(
        "`nn.utils.stateless.functional_call` is deprecated; `func.functional_call` is a drop-in replacement.",
        FutureWarning, stacklevel=2,
    )  # fmt: skip
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)

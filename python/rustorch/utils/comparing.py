"""What differs between two models, and what one is made of."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError
from rustorch._structure import is_uninitialized
from rustorch.nn import Module

__all__ = ["Comparison", "ModelComparator", "get_stats"]


def _module(function: str, model: Any) -> Module:
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"{function}: a Model or an nn.Module is expected, not a {type(model).__name__}")
    return model


def get_stats(model: Any) -> Dict[str, Any]:
    """The size of a model.

    Parameters
    ----------
    model : training.Model or Module

    Returns
    -------
    dict
        ``name`` (its class), ``layers`` (modules without modules of their own), ``kinds`` (how many of each class),
        ``parameters`` and ``trainable`` and ``buffers`` (elements; shared ones once), ``uninitialized`` (parameters without
        a shape yet), ``bytes`` (of parameters and buffers), ``dtypes`` (elements of parameters by dtype).

    Examples
    --------
    >>> from rustorch import nn, utils
    >>> stats = utils.get_stats(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)))
    >>> stats["parameters"], stats["layers"], stats["kinds"]
    (11, 3, {'Linear': 2, 'ReLU': 1})
    """
    leaves = [module for module in _module("get_stats", model).modules() if not any(True for _ in module.children())]
    parameters, buffers = list(model.parameters()), list(model.buffers())
    known = [p for p in parameters if not is_uninitialized(p)]
    there = [b for b in buffers if not is_uninitialized(b)]
    dtypes: Dict[str, int] = {}
    for parameter in known:
        dtypes[parameter.dtype()] = dtypes.get(parameter.dtype(), 0) + parameter.numel()
    return {
        "name": type(model).__name__,
        "layers": len(leaves),
        "kinds": dict(Counter(type(module).__name__ for module in leaves)),
        "parameters": sum(p.numel() for p in known),
        "trainable": sum(p.numel() for p in known if p.requires_grad),
        "buffers": sum(b.numel() for b in there),
        "uninitialized": len(parameters) - len(known),
        "bytes": sum(t.numel() * t.element_size() for t in [*known, *there]),
        "dtypes": dtypes,
    }


class Comparison(Dict[str, Any]):
    """What :meth:`ModelComparator.compare` found: a dict that prints itself as a table.

    Examples
    --------
    >>> a, b = rustorch.nn.Linear(1, 1, bias=False), rustorch.nn.Linear(1, 1, bias=False)
    >>> with rustorch.no_grad():
    ...     _ = a.weight.fill_(1.0), b.weight.fill_(1.5)
    >>> found = rustorch.utils.ModelComparator().compare(a, b)
    >>> found["equal"], found["parameters"]["weight"]["max"]
    (False, 0.5)
    """

    def __str__(self) -> str:
        lines = [("equal" if self["equal"] else "different") + f": {self['first']} and {self['second']}"]
        lines += [f"  structure: {text}" for text in self["structure"]]
        wide = max((len(name) for name in self["parameters"]), default=0)
        for name, found in self["parameters"].items():
            if found["max"] is None:
                lines.append(f"  {name:<{wide}}  {found['problem']}")
            elif found["max"] > 0:
                lines.append(f"  {name:<{wide}}  max {found['max']:.3g}  mean {found['mean']:.3g}  relative {found['rel']:.3g}")
        found = self["outputs"]
        if found is not None and found["max"] != 0:
            text = found["problem"] or f"max {found['max']:.3g}  mean {found['mean']:.3g}  relative {found['rel']:.3g}"
            lines.append(f"  outputs: {text}")
        return "\n".join(lines)


def _difference(a: Tensor, b: Tensor) -> Dict[str, Any]:
    """max and mean of |a − b|, and ‖a − b‖ / ‖b‖; computed in float64. Equal NaN do not differ."""
    found: Dict[str, Any] = {"max": None, "mean": None, "rel": None, "problem": None}
    if a.shape != b.shape or a.dtype != b.dtype:
        found["problem"] = f"{a.dtype()} {tuple(a.shape)} and {b.dtype()} {tuple(b.shape)}"
        return found
    x, y = a.detach().cpu().double(), b.detach().cpu().double()
    apart = (x - y).abs()
    apart = rustorch.where((x == y) | (x.isnan() & y.isnan()), rustorch.zeros_like(apart), apart)
    if not apart.numel():
        return dict(found, max=0.0, mean=0.0, rel=0.0)
    norm = float(y.norm())
    far = float(apart.norm())
    return dict(
        found, max=float(apart.max()), mean=float(apart.mean()), rel=far / norm if norm else (0.0 if far == 0 else float("inf"))
    )


def _tree(model: Module) -> Dict[str, str]:
    return {name: f"{type(module).__name__}({module.extra_repr()})" for name, module in model.named_modules()}


def _first_tensor(value: Any) -> List[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _first_tensor(item)] if isinstance(value, (list, tuple)) else []


def _run(model: Module, input: Any) -> List[Tensor]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with rustorch.no_grad():
            return _first_tensor(model(*input) if isinstance(input, tuple) else model(input))
    finally:
        for module in training:
            module.training = True


class ModelComparator:
    """Compares models. All its functions are static.

    Examples
    --------
    >>> from rustorch import nn
    >>> from rustorch.utils import ModelComparator
    >>> a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    >>> for parameter in [*a.parameters(), *b.parameters()]:
    ...     _ = nn.init.zeros_(parameter)
    >>> ModelComparator.compare(a, b)["equal"]
    True
    >>> _ = nn.init.constant_(b.bias, 0.5)
    >>> found = ModelComparator.compare(a, b, input=rustorch.ones(4, 2))
    >>> found["parameters"]["bias"]["max"], found["outputs"]["max"]
    (0.5, 0.5)
    """

    @staticmethod
    def compare(a: Any, b: Any, input: Any = None) -> Comparison:
        """What differs between two models.

        Parameters
        ----------
        a, b : training.Model or Module
        input : Tensor, or tuple of arguments, optional
            Both compute their outputs of it, in evaluation mode and without gradients.

        Returns
        -------
        Comparison
            A dict, which prints itself as a table: ``equal`` (same layers, and parameters and buffers of the same values, and
            outputs where there are any), ``first`` and ``second`` (the classes), ``structure`` (list of differences in
            text), ``parameters`` (by name, parameters and buffers: ``max`` and ``mean`` of the absolute difference, ``rel``
            the norm of the difference over the norm of b's; None with a ``problem`` where shape or dtype differ, or one model
            lacks it), ``max_difference`` over all of them, ``outputs`` (the same of the outputs; None without an input).
        """
        first, second = _module("compare", a), _module("compare", b)
        one, two = _tree(first), _tree(second)
        structure = [f"{name or 'the model'}: only in the first: {one[name]}" for name in one if name not in two]
        structure += [f"{name or 'the model'}: only in the second: {two[name]}" for name in two if name not in one]
        structure += [f"{n or 'the model'}: {one[n]} and {two[n]}" for n in one if n in two and one[n] != two[n]]
        mine, yours = first.state_dict(), second.state_dict()
        parameters: Dict[str, Any] = {}
        for name in [*mine, *(name for name in yours if name not in mine)]:
            if name in mine and name in yours:
                x, y = mine[name], yours[name]
                known = isinstance(x, Tensor) and isinstance(y, Tensor) and not is_uninitialized(x) and not is_uninitialized(y)
                if known:
                    parameters[name] = _difference(x, y)
                else:
                    parameters[name] = {"max": None, "mean": None, "rel": None, "problem": "has no values yet"}
            else:
                side = "first" if name in mine else "second"
                parameters[name] = {"max": None, "mean": None, "rel": None, "problem": f"only in the {side}"}
        outputs = None
        if input is not None:
            outputs = ModelComparator._outputs(_run(first, input), _run(second, input))
        found = [*parameters.values(), *([outputs] if outputs else [])]
        return Comparison(
            equal=not structure and all(item["max"] == 0 for item in found),
            first=type(a).__name__,
            second=type(b).__name__,
            structure=structure,
            parameters=parameters,
            max_difference=max((item["max"] for item in parameters.values() if item["max"] is not None), default=0.0),
            outputs=outputs,
        )

    @staticmethod
    def _outputs(ours: List[Tensor], theirs: List[Tensor]) -> Dict[str, Any]:
        if len(ours) != len(theirs):
            problem = f"{len(ours)} tensors and {len(theirs)}"
            return {"max": None, "mean": None, "rel": None, "problem": problem}
        found = [_difference(x, y) for x, y in zip(ours, theirs)]
        wrong = next((item for item in found if item["problem"]), None)
        return wrong or max(found, key=lambda item: item["max"], default={"max": 0.0, "mean": 0.0, "rel": 0.0, "problem": None})

    @staticmethod
    def get_stats(model: Any) -> Dict[str, Any]:
        """:func:`get_stats`."""
        return get_stats(model)

"""Modules that hold modules."""

from __future__ import annotations

import operator
from collections import OrderedDict
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Union

from rustorch._C import ArgumentTypeError, IndexOutOfRangeError
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter, is_lazy

__all__ = ["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"]


def _wrapped(index: Any, n: int) -> str:
    index = operator.index(index)
    if not -n <= index < n:
        raise IndexOutOfRangeError(f"index {index} is out of range")
    return str(index % n)


class _Numbered(Module):
    """What Sequential and ModuleList share: children under the names "0", "1", …"""

    def _keys(self) -> list:
        return list(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._modules.values()))

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return self._of(list(self._modules.items())[index])
        return self._modules[self._keys()[int(_wrapped(index, len(self)))]]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._keys()[int(_wrapped(index, len(self)))], module)

    def __delitem__(self, index: Union[int, slice]) -> None:
        keys = self._keys()
        for key in keys[index] if isinstance(index, slice) else [keys[int(_wrapped(index, len(self)))]]:
            delattr(self, key)
        self._renumber(list(self._modules.values()))

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._modules.clear()
        for i, module in enumerate(modules):
            self._modules[str(i)] = module

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before position ``index``."""
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, key: int) -> Module:
        """Take out the module at place ``key`` and return it."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules applied one after the other: each gets what the one before returned.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model(torch.zeros(3, 4)).shape
    rustorch.Size([3, 2])
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def _of(self, items: Iterable[Tuple[str, Module]]) -> "Sequential":
        return type(self)(OrderedDict(items))

    def _renumber(self, modules: Iterable[Module]) -> None:
        if all(key.isdigit() for key in self._modules):  # names that somebody gave stay
            super()._renumber(modules)

    def __add__(self, other: "Sequential") -> "Sequential":
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules that are found as children.

    >>> layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Optional[Iterable[Module]] = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _of(self, items: Iterable[Tuple[str, Module]]) -> "ModuleList":
        return type(self)(module for _, module in items)

    def __iadd__(self, modules: Iterable[Module]) -> "ModuleList":
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList([*self, *other])


class ModuleDict(Module):
    """A dictionary of modules that are found as children.

    >>> layers = nn.ModuleDict({"act": nn.ReLU(), "out": nn.Linear(2, 1)})
    >>> list(layers)
    ['act', 'out']
    """

    def __init__(self, modules: Optional[Mapping[str, Module]] = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take one module out and return it."""
        return self._modules.pop(key)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> Iterable[Tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or from pairs."""
        for key, module in modules.items() if hasattr(modules, "items") else modules:
            self[key] = module


class ParameterList(Module):
    """A list of parameters that are found as the module's own.

    >>> weights = nn.ParameterList([nn.Parameter(rustorch.zeros(2)) for _ in range(3)])
    >>> len(weights)
    3
    """

    def __init__(self, values: Optional[Iterable[Any]] = None) -> None:
        super().__init__()
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(list(self._parameters.values()))

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._parameters[_wrapped(index, len(self))]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, _wrapped(index, len(self)), _as_parameter(value))

    def append(self, value: Any) -> "ParameterList":
        """Add a parameter (a tensor becomes one) at the end."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> "ParameterList":
        """Add several parameters at the end."""
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> "ParameterList":
        return self.extend(values)

    def extra_repr(self) -> str:
        return _listed(enumerate(self))


class ParameterDict(Module):
    """A dictionary of parameters that are found as the module's own.

    >>> weights = nn.ParameterDict({"left": nn.Parameter(rustorch.zeros(2))})
    >>> list(weights)
    ['left']
    >>> weights
    ParameterDict(  (left): Parameter containing: [rustorch.float32 of size 2])
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Parameter:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: str) -> bool:
        return key in self._parameters

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._parameters))

    def __or__(self, other: "ParameterDict") -> "ParameterDict":
        both = self.copy()
        both.update(other)
        return both

    def __ior__(self, other: "ParameterDict") -> "ParameterDict":
        self.update(other)
        return self

    def copy(self) -> "ParameterDict":
        """Another dictionary of the same parameters."""
        return ParameterDict(self._parameters)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> "ParameterDict":
        """Another dictionary, with one value for all names."""
        return ParameterDict((key, default) for key in keys)

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, else ``default``."""
        return self._parameters.get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, which becomes ``default`` where there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Parameter:
        """Take one parameter out and return it."""
        return self._parameters.pop(key)

    def popitem(self) -> Tuple[str, Parameter]:
        """Take the newest parameter out and return its name and itself."""
        return self._parameters.popitem()

    def clear(self) -> None:
        """Take all parameters out."""
        self._parameters.clear()

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._parameters.keys()

    def items(self) -> Iterable[Tuple[str, Parameter]]:
        """Names and parameters."""
        return self._parameters.items()

    def values(self) -> Iterable[Parameter]:
        """The parameters."""
        return self._parameters.values()

    def update(self, parameters: Any) -> None:
        """Add parameters from a mapping or from pairs."""
        pairs: Dict[str, Any] = parameters.items() if hasattr(parameters, "items") else parameters
        for key, value in pairs:
            self[key] = value

    def extra_repr(self) -> str:
        return _listed(self.items())


def _listed(parameters: Iterable[Tuple[Any, Any]]) -> str:
    """A line for each parameter, as PyTorch prints them."""
    lines = []
    for name, each in parameters:
        if each is not None:
            kind = "" if is_lazy(each) else f" of size {'x'.join(map(str, each.shape))}"
            lines.append(f"  ({name}): Parameter containing: [{each.dtype}{kind}]")
    return "\n".join(lines)


def _as_parameter(value: Any) -> Any:
    return value if value is None or isinstance(value, Parameter) else Parameter(value)

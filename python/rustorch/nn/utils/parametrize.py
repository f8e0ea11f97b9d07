"""Parameters that are computed from others: any module can stand between what is trained and what is used.

``register_parametrization(layer, "weight", Symmetric())`` makes ``layer.weight`` the value of ``Symmetric()`` for the
trained tensor, which moves to ``layer.parametrizations.weight.original``. The layer gets a class of its own, in which the
name is a property.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, RusTorchError
from rustorch.nn.modules.container import ModuleDict, ModuleList
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_cache_depth = 0
_cache: Dict[Tuple[int, str], Tensor] = {}


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Within the block each parametrized tensor is computed once, when it is first used.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.nn.utils import parametrize
    >>> class Positive(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    >>> layer = parametrize.register_parametrization(torch.nn.Linear(2, 2), "weight", Positive())
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cache_depth, _cache
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache = {}


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _inverse_or_same(module: Module, value: Any) -> Any:
    """``right_inverse``, or the value itself where there is none: then that is where training starts."""
    if not hasattr(module, "right_inverse"):
        return value
    try:
        return module.right_inverse(value)
    except NotImplementedError:
        return value


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, with the trained tensor ``original`` (or ``original0``, …).

    Parameters
    ----------
    modules : list of Module
    original : Tensor or Parameter
        The value of the tensor now; passed backwards through the modules' ``right_inverse``, where they have it.
    unsafe : bool, default False
        Allow shape and dtype to change.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> type(layer.parametrizations.weight).__name__
    'ParametrizationList'
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ArgumentValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new: Any = original
        with rustorch.no_grad():
            for module in reversed(list(self)):
                new = _inverse_or_same(module, new)
        if not isinstance(new, (Tensor, list, tuple)):
            raise ArgumentValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if new.dtype != dtype:
                raise ArgumentValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            original.data = new.detach()  # the same object, which an optimizer may hold
            _register(self, "original", original)
        else:
            self._register_several(original, new)
        if not unsafe:
            _check_value(self(), shape, dtype, "the tensor", "unparametrized", "parametrized")

    def _register_several(self, original: Tensor, new: Sequence[Any]) -> None:
        for i, tensor in enumerate(new):
            if not isinstance(tensor, Tensor):
                raise ArgumentValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(tensor).__name__}."
                )
            tensor = tensor.detach()
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            _register(self, f"original{i}", tensor)

    def _originals(self) -> List[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    @rustorch.no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes ``value``; called on assignment to it."""
        new: Any = value
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RusTorchError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            new = module.right_inverse(new)
        if self.is_tensor:
            if not isinstance(new, Tensor):
                raise ArgumentValueError(f"`right_inverse` should return a tensor. Got {type(new).__name__}")
            new = [new]
        elif not isinstance(new, (list, tuple)) or len(new) != self.ntensors:
            raise ArgumentValueError(f"'right_inverse' must return a sequence of {self.ntensors} tensors, got {type(new).__name__}")
        for i, (own, tensor) in enumerate(zip(self._originals(), new)):
            if not isinstance(tensor, Tensor) or tensor.dtype != own.dtype:
                got = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
                raise ArgumentValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {got} while the original has dtype {own.dtype}"
                )
            own.data = tensor.detach()

    def forward(self) -> Tensor:
        first, *rest = self
        value = first(*self._originals())
        for module in rest:
            value = module(value)
        return value


def _check_value(value: Any, shape: Any, dtype: Any, what: str, before: str, after: str) -> None:
    if not isinstance(value, Tensor):
        raise ArgumentValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for kind, old, new in (("dtype", dtype, value.dtype), ("shape", tuple(shape), tuple(value.shape))):
        if old != new:
            raise ArgumentValueError(
                f"Registering a parametrization may not change the {kind} of {what}, unless `unsafe` flag is enabled.\n"
                f"{before} {kind}: {old}\n{after} {kind}: {new}"
            )


def _refuse_state(self: Module) -> None:
    raise RusTorchError("Serialization of parametrized modules is only supported through state_dict().")


def _copy_deeply(self: Module, memo: Dict[int, Any]) -> Module:
    if id(self) in memo:
        return memo[id(self)]
    replica = self.__new__(type(self))
    memo[id(self)] = replica
    replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return replica


def _give_class(module: Module) -> None:
    cls = type(module)
    names: Dict[str, Any] = {"__getstate__": _refuse_state, "__module__": cls.__module__}
    if not hasattr(cls, "__deepcopy__"):
        names["__deepcopy__"] = _copy_deeply
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), names)


def _give_property(module: Module, tensor_name: str) -> None:
    def get(self: Module) -> Tensor:
        parametrization = self.parametrizations[tensor_name]
        if not _cache_depth:
            return parametrization()
        key = (id(self), tensor_name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def set_(self: Module, value: Tensor) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(get, set_))


def register_parametrization(module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Module:
    """Make a parameter or buffer of a module the value of a function of it.

    Parameters
    ----------
    module : Module
    tensor_name : str
        Name of a parameter or buffer. If it is parametrized already, the functions are applied one after another.
    parametrization : Module
        Its ``forward`` computes the tensor; its ``right_inverse``, if there is one, computes what is trained from a value
        that is assigned, and may return several tensors, which ``forward`` then takes.
    unsafe : bool, default False
        Allow it to change shape or dtype; nothing is checked.

    Returns
    -------
    The module.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.nn.utils import parametrize
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).t()
    >>> layer = parametrize.register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.t()).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            now = getattr(module, tensor_name)
            value = parametrization(now)
            what = f"module.{tensor_name}"
            _check_value(value, now.shape, now.dtype, what, what, f"parametrization({what})")
            back = _inverse_or_same(parametrization, value)
            _check_value(back, now.shape, now.dtype, what, what, "right_inverse's")
        chain = module.parametrizations[tensor_name]
        chain.append(parametrization)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        chain = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_class(module)
            module.parametrizations = ModuleDict()
        _give_property(module, tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ArgumentValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: Optional[str] = None) -> bool:
    """Has the module parametrizations (of that tensor)?

    >>> nn.utils.parametrize.is_parametrized(nn.Linear(2, 3))
    False
    """
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a tensor an ordinary parameter or buffer again.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool, default True
        Keep the computed value; False keeps the trained one, which must be one tensor.

    Returns
    -------
    The module.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> layer = nn.utils.parametrize.remove_parametrizations(layer, "weight")
    >>> nn.utils.parametrize.is_parametrized(layer)
    False
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            with rustorch.no_grad():
                value = getattr(module, tensor_name).detach()
            if value.dtype != original.dtype:
                raise ArgumentValueError(f"the parametrized tensor has dtype {value.dtype}, the original {original.dtype}")
            original.data = value
    elif leave_parametrized:
        value = getattr(module, tensor_name).detach()
        original = Parameter(value) if value.is_floating_point() and chain.original0.requires_grad else value
    else:
        raise ArgumentValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before its first parametrization.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> nn.utils.parametrize.type_before_parametrizations(layer) is nn.Linear
    True
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: Optional[str] = None
) -> Module:
    """Give ``to_module`` the parametrizations of ``from_module`` (all, or of one tensor), with what is trained.

    Returns
    -------
    ``to_module``.

    >>> a, b = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), nn.Linear(2, 3)
    >>> b = nn.utils.parametrize.transfer_parametrizations_and_params(a, b)
    >>> nn.utils.parametrize.is_parametrized(b, "weight")
    True
    """
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not is_parametrized(from_module, name):
            raise ArgumentValueError(f"Module {from_module} does not have a parametrization on {name}")
        if not hasattr(to_module, name):
            to_module.register_parameter(name, Parameter(getattr(from_module, name).detach().clone()))
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=source.unsafe)
        for own, given in zip(to_module.parametrizations[name]._originals(), source._originals()):
            own.data = given.detach()
    return to_module

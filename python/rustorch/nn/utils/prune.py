"""Pruning: a parameter becomes itself times a mask.

``weight`` is computed before each forward from the trained ``weight_orig`` and the buffer ``weight_mask``; :func:`remove`
makes it permanent. Pruning what is pruned prunes further.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, ShapeError
from rustorch.nn.modules.module import Module
from rustorch.nn.utils.convert import parameters_to_vector

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip

_Amount = Union[int, float]


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ArgumentValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount: _Amount, size: int) -> int:
    """How many of ``size`` to prune."""
    n = int(amount) if isinstance(amount, numbers.Integral) else round(amount * size)
    if n > size:
        raise ArgumentValueError(f"amount={n} should be smaller than the number of parameters to prune={size}")
    return n


def _check_structured(t: Tensor, dim: int) -> None:
    if t.dim() <= 1:
        raise ArgumentValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{tuple(t.shape)} with {t.dim()} dims"
        )
    if not -t.dim() <= dim < t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {tuple(t.shape)}")


def _channels(t: Tensor, dim: int, indices: Tensor) -> Tensor:
    """A mask of ``t``'s shape that is 1 at some indices of a dimension."""
    rows = rustorch.zeros(t.shape[dim], dtype=t.dtype)
    rows[indices] = 1
    shape = [1] * t.dim()
    shape[dim] = -1
    return rows.view(shape).expand(t.shape).clone()


class BasePruningMethod(ABC):
    """Base class: a method defines ``compute_mask`` and ``PRUNING_TYPE``, and calls ``apply`` with its options.

    ``PRUNING_TYPE`` says what a second pruning sees: "unstructured" only the elements that are left, "structured" the
    channels that are left along ``dim``, "global" everything.

    >>> from rustorch.nn.utils import prune
    >>> class Odd(prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[1::2] = 0
    ...         return mask
    ... 
    >>> layer = nn.Linear(2, 1)
    >>> Odd.apply(layer, "weight").__class__.__name__
    'Odd'
    >>> layer.weight_mask
    tensor([[1., 0.]])
    """

    PRUNING_TYPE = ""
    _tensor_name: Optional[str] = None

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for the scores ``t``, where ``default_mask`` is the mask so far."""

    def apply_mask(self, module: Module) -> Tensor:
        """The masked tensor, through which gradients flow to the trained one."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Optional[Tensor] = None, **kwargs: Any
    ) -> "BasePruningMethod":
        """Prune a parameter of a module with this method, further if it is pruned already.

        ``importance_scores``, of the parameter's shape, are used in the place of its values.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        before = [(key, hook) for key, hook in module._forward_pre_hooks.items() if _prunes(hook, name)]
        if len(before) > 1:
            raise AssertionError(f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}.")
        values = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != values.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {tuple(importance_scores.shape)} vs {tuple(values.shape)}"
            )
        scores = (values if importance_scores is None else importance_scores).detach()
        if before:
            old = before[0][1]
            container = old if isinstance(old, PruningContainer) else PruningContainer(old)
            mask = container._extended(method).compute_mask(scores, getattr(module, name + "_mask").detach().clone())
            container.add_pruning_method(method)
            del module._forward_pre_hooks[before[0][0]]
            method = container
            setattr(module, name + "_mask", mask)
        else:  # nothing changes unless the mask could be computed
            mask = method.compute_mask(scores, rustorch.ones_like(values.detach()))
            module.register_parameter(name + "_orig", values)
            del module._parameters[name]
            module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Optional[Tensor] = None, importance_scores: Optional[Tensor] = None) -> Tensor:
        """A tensor times this method's mask for it."""
        if importance_scores is not None and importance_scores.shape != t.shape:
            raise AssertionError(
                "importance_scores should have the same shape as tensor t, "
                f"got {tuple(importance_scores.shape)} vs {tuple(t.shape)}"
            )
        scores = (t if importance_scores is None else importance_scores).detach()
        return t * self.compute_mask(scores, rustorch.ones_like(t.detach()) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the masked values the parameter; called by :func:`remove`."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        values = self.apply_mask(module).detach()
        delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        original.data = values
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _prunes(hook: Any, name: str) -> bool:
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


class PruningContainer(BasePruningMethod):
    """Several methods one after another on one tensor.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.l1_unstructured(nn.Linear(4, 2), "weight", 2)
    >>> layer = prune.l1_unstructured(layer, "weight", 2)
    >>> int(layer.weight_mask.sum())
    4
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: Tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method for the same tensor."""
        if not isinstance(method, BasePruningMethod):
            raise ArgumentTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ArgumentValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def _extended(self, method: BasePruningMethod) -> "PruningContainer":
        return PruningContainer(*self._pruning_methods, method)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far with the last method's added, which sees only what the ones before it left."""
        method, mask = self._pruning_methods[-1], default_mask
        if method.PRUNING_TYPE == "unstructured":
            left: Any = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            left = [slice(None)] * t.dim()
            left[dim] = (mask.sum([d for d in range(t.dim()) if d != dim]) != 0).nonzero().view(-1)
            left = tuple(left)
        elif method.PRUNING_TYPE == "global":
            left = (slice(None),) * t.dim()
        else:
            raise ArgumentValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        result = mask.to(t.dtype).clone()
        result[left] = method.compute_mask(t[left], mask[left]).to(t.dtype)
        return result


class Identity(BasePruningMethod):
    """Prunes nothing; makes the mask.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.identity(nn.Linear(2, 1), "weight")
    >>> layer.weight_mask
    tensor([[1., 1.]])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Unstructured(BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: _Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        n = _count(self.amount, t.numel())
        mask = default_mask.clone().reshape(-1)
        if n:
            mask[self._scores(t).reshape(-1).topk(n, largest=False).indices] = 0
        return mask.view(default_mask.shape)


class RandomUnstructured(_Unstructured):
    """Prunes elements at random: a share (float) or a number (int) of them.

    >>> from rustorch.nn.utils import prune
    >>> int(prune.RandomUnstructured(3).prune(rustorch.ones(6)).sum())
    3
    """

    def _scores(self, t: Tensor) -> Tensor:
        return rustorch.rand(t.shape)


class L1Unstructured(_Unstructured):
    """Prunes the elements of smallest magnitude: a share (float) or a number (int) of them.

    >>> from rustorch.nn.utils import prune
    >>> prune.L1Unstructured(1).prune(rustorch.tensor([3.0, -0.5, 2.0]))
    tensor([3., -0., 2.])
    """

    def _scores(self, t: Tensor) -> Tensor:
        return t.abs()


class _Structured(BasePruningMethod):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: _Amount, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _check_structured(t, self.dim)
        size = t.shape[self.dim]
        n = _count(self.amount, size)
        if not n:
            return default_mask
        kept = self._scores(t).topk(size - n, largest=True).indices
        return _channels(t, self.dim, kept) * default_mask.to(t.dtype)


class RandomStructured(_Structured):
    """Prunes channels along a dimension at random: a share (float) or a number (int) of them.

    >>> from rustorch.nn.utils import prune
    >>> int(prune.RandomStructured(1, dim=0).prune(rustorch.ones(3, 2)).sum())
    4
    """

    def _scores(self, t: Tensor) -> Tensor:
        return rustorch.rand(t.shape[self.dim])


class LnStructured(_Structured):
    """Prunes the channels of smallest n-norm along a dimension: a share (float) or a number (int) of them.

    >>> from rustorch.nn.utils import prune
    >>> prune.LnStructured(1, n=2, dim=0).prune(rustorch.tensor([[1.0, 1.0], [3.0, 3.0]]))
    tensor([[0., 0.],
            [3., 3.]])
    """

    def __init__(self, amount: _Amount, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor) -> Tensor:
        if self.n == "nuc":
            if t.dim() != 3:
                raise ShapeError(f"LnStructured: the nuclear norm is one of matrices: channels of a weight {tuple(t.shape)} are none")
            return rustorch.linalg.matrix_norm(t.movedim(self.dim, 0), "nuc")
        rows = t.movedim(self.dim, 0).reshape(t.shape[self.dim], -1).abs()
        n = 2.0 if self.n == "fro" else float(self.n)
        if n == float("inf"):
            return rows.amax(1)
        if n == -float("inf"):
            return rows.amin(1)
        return (rows != 0).to(t.dtype).sum(1) if n == 0 else rows.pow(n).sum(1).pow(1 / n)


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is 0.

    >>> from rustorch.nn.utils import prune
    >>> prune.CustomFromMask(rustorch.tensor([1.0, 0.0])).mask
    tensor([1., 0.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"the mask has shape {tuple(self.mask.shape)}, the parameter {tuple(default_mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Give a parameter a mask of ones; returns the module.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.identity(nn.Linear(2, 1), "weight")
    >>> layer.weight_mask
    tensor([[1., 1.]])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: _Amount) -> Module:
    """Prune a share (float) or a number (int) of a parameter's elements at random; returns the module.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.random_unstructured(nn.Linear(4, 2), "weight", amount=3)
    >>> int(layer.weight_mask.sum())
    5
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(
    module: Module, name: str, amount: _Amount, importance_scores: Optional[Tensor] = None
) -> Module:
    """Prune a share (float) or a number (int) of a parameter's elements, those of smallest magnitude.

    Returns the module.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.nn.utils import prune
    >>> layer = torch.nn.Linear(3, 1)
    >>> _ = torch.nn.init.constant_(layer.weight, 2.0)
    >>> with torch.no_grad():
    ...     layer.weight[0, 1] = 0.5
    >>> prune.l1_unstructured(layer, "weight", amount=1).weight_mask
    tensor([[1., 0., 1.]])
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: _Amount, dim: int) -> Module:
    """Prune a share (float) or a number (int) of a parameter's channels along ``dim`` at random; returns the module.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.random_structured(nn.Linear(4, 2), "weight", amount=1, dim=0)
    >>> int(layer.weight_mask.sum())
    4
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: Module, name: str, amount: _Amount, n: Any, dim: int, importance_scores: Optional[Tensor] = None
) -> Module:
    """Prune the channels of smallest n-norm along ``dim``, a share (float) or a number (int); returns the module.

    ``n`` is a number, inf, -inf, "fro", or for weights of three dimensions "nuc".

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.ln_structured(nn.Linear(4, 2), "weight", amount=1, n=2, dim=0)
    >>> int(layer.weight_mask.sum())
    4
    """
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune a parameter where ``mask``, of its shape, is 0; returns the module.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.custom_from_mask(nn.Linear(2, 1), "weight", rustorch.tensor([[1.0, 0.0]]))
    >>> layer.weight_mask
    tensor([[1., 0.]])
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(
    parameters: Iterable[Tuple[Module, str]], pruning_method: Any,
    importance_scores: Optional[Dict[Tuple[Module, str], Tensor]] = None, **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one: the smallest of all of them go.

    Parameters
    ----------
    parameters : pairs of a module and a name
    pruning_method : class of a method whose ``PRUNING_TYPE`` is "unstructured"
    importance_scores : dict from such pairs to tensors, optional
    kwargs : the method's options, as ``amount=0.2``

    >>> from rustorch.nn.utils import prune
    >>> a, b = nn.Linear(4, 2), nn.Linear(2, 2)
    >>> prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, amount=0.5)
    >>> int(a.weight_mask.sum() + b.weight_mask.sum())
    6
    """
    if not isinstance(parameters, Iterable):
        raise ArgumentTypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise ArgumentTypeError("global_unstructured(): importance_scores must be of type dict")
    pairs: List[Tuple[Module, str]] = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    values = [getattr(module, name).detach() for module, name in pairs]
    scores = [(importance_scores or {}).get(pair, value) for pair, value in zip(pairs, values)]
    masks = [getattr(module, name + "_mask", rustorch.ones_like(v)) for (module, name), v in zip(pairs, values)]
    container = PruningContainer(method)
    whole = container.compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    at = 0
    for (module, name), value in zip(pairs, values):
        custom_from_mask(module, name, whole[at : at + value.numel()].view(value.shape))
        at += value.numel()


def remove(module: Module, name: str) -> Module:
    """Make a parameter's pruning permanent: the masked values become the parameter. Returns the module.

    >>> from rustorch.nn.utils import prune
    >>> layer = prune.remove(prune.identity(nn.Linear(2, 1), "weight"), "weight")
    >>> prune.is_pruned(layer)
    False
    """
    for key, hook in list(module._forward_pre_hooks.items()):
        if _prunes(hook, name):
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ArgumentValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Is a parameter of the module, or of one below it, pruned?

    >>> from rustorch.nn.utils import prune
    >>> prune.is_pruned(nn.Linear(2, 1))
    False
    """
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )

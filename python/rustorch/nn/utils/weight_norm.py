"""Weight normalisation by a hook before forward; :func:`rustorch.nn.utils.parametrizations.weight_norm` is newer."""

from __future__ import annotations

import warnings
from typing import Any, Optional

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter
from rustorch.nn.utils import _hooks

__all__ = ["WeightNorm", "norm_except_dim", "remove_weight_norm", "weight_norm"]


def norm_except_dim(v: Tensor, pow: int = 2, dim: Optional[int] = 0) -> Tensor:
    """The norms of a tensor's slices along ``dim`` (of the whole, without dimensions, if it is −1 or None).

    >>> from rustorch.nn.utils.weight_norm import norm_except_dim
    >>> norm_except_dim(rustorch.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0)
    tensor([[5.],
            [1.]])
    """
    if pow != 2:
        raise ArgumentValueError(f"norm_except_dim: the 2-norm is supported, not pow={pow}")
    if dim is None or dim == -1:
        return (v * v).sum().sqrt()
    dims = [d for d in range(v.dim()) if d != dim % v.dim()]
    return ((v * v).sum(dims, keepdim=True) if dims else v * v).sqrt()


def scaled_direction(v: Tensor, g: Tensor, dim: Optional[int]) -> Tensor:
    """The slices of ``v`` along ``dim`` scaled to norms ``g``.

    >>> from rustorch.nn.utils.weight_norm import scaled_direction
    >>> scaled_direction(rustorch.tensor([[3.0, 4.0]]), rustorch.tensor([[10.0]]), 0)
    tensor([[6., 8.]])
    """
    return v * (g / norm_except_dim(v, 2, dim))


class WeightNorm:
    """The hook of :func:`weight_norm`.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = nn.utils.weight_norm(nn.Linear(3, 2))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (rustorch.Size([2, 1]), rustorch.Size([2, 3]))
    """

    def __init__(self, name: str, dim: Optional[int]) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight from its norm and its direction."""
        return scaled_direction(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: Optional[int]) -> "WeightNorm":
        """Replace the weight by its norm and its direction."""
        _hooks.refuse_second(module, WeightNorm, name, "weight_norm")
        fn = WeightNorm(name, dim)
        weight = getattr(module, name)
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), 2, fn.dim)))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, fn.compute_weight(module))
        module.register_forward_pre_hook(fn)
        return fn

    def remove(self, module: Module) -> None:
        """Put the weight back."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: Optional[int] = 0) -> Module:
    """Train the norm (``weight_g``) and the direction (``weight_v``) of a weight apart; deprecated as in PyTorch.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        One norm for each index of that dimension; None: one for the whole.

    Returns
    -------
    The module.

    Source: Salimans and Kingma, NeurIPS 2016.

    Example
    -------
    >>> import rustorch as torch
    >>> import warnings; warnings.simplefilter("ignore", FutureWarning)
    >>> layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40), name="weight")
    >>> layer.weight_g.shape, layer.weight_v.shape
    (rustorch.Size([40, 1]), rustorch.Size([40, 20]))
    """
    warnings.warn(
        "`nn.utils.weight_norm` is deprecated in favor of `nn.utils.parametrizations.weight_norm`.",
        FutureWarning, stacklevel=2,
    )  # fmt: skip
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo :func:`weight_norm`; returns the module.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(3, 2)))
    >>> hasattr(layer, "weight_g")
    False
    """
    return _hooks.remove(module, WeightNorm, name, "weight_norm")

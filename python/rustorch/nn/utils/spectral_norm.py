"""Spectral normalisation by a hook before forward; :func:`rustorch.nn.utils.parametrizations.spectral_norm` is newer."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import rustorch
import rustorch.nn.functional as F
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter
from rustorch.nn.utils import _hooks

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight with ``dim`` as rows and everything else as columns."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.shape[0], -1)


def start_vectors(matrix: Tensor, eps: float) -> Tuple[Tensor, Tensor]:
    """Random unit vectors: u for the rows, v for the columns."""
    with rustorch.no_grad():
        sizes = matrix.shape
        u, v = (F.normalize(matrix.new_empty(n).normal_(0, 1), dim=0, eps=eps) for n in sizes)
    return u, v


def default_dim(module: Module) -> int:
    """The dimension of the outputs: 1 in transposed convolutions, else 0."""
    return 1 if any("ConvTranspose" in cls.__name__ for cls in type(module).__mro__) else 0


def check_iterations(n_power_iterations: int) -> None:
    """Raise unless there is one at least."""
    if n_power_iterations <= 0:
        raise ArgumentValueError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
        )


class SpectralNorm:
    """The hook of :func:`spectral_norm`.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2))
    >>> [type(hook).__name__ for hook in layer._forward_pre_hooks.values()]
    ['SpectralNorm']
    """

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        check_iterations(n_power_iterations)
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest singular value, as far as the power iteration has found it."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with rustorch.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
                # The buffers are written again at the next forward, perhaps before this one's backward.
                u, v = u.clone(), v.clone()
        return weight / u.dot(matrix.mv(v))

    def remove(self, module: Module) -> None:
        """Make the normalised weight an ordinary parameter."""
        with rustorch.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> "SpectralNorm":
        """Replace the weight by ``name_orig`` and the two vectors of the power iteration."""
        _hooks.refuse_second(module, SpectralNorm, name, "spectral_norm")
        fn = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ArgumentValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        u, v = start_vectors(as_matrix(weight.detach(), dim), eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.detach())
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(fn)
        return fn


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: Optional[int] = None
) -> Module:
    """Divide a weight by its largest singular value, found by power iteration along with training.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        Iterations at each forward in training mode.
    eps : float, default 1e-12
    dim : int, default 0, in transposed convolutions 1
        The dimension of the outputs.

    Returns
    -------
    The module; the trained tensor is ``weight_orig``.

    Source: Miyato et al., ICLR 2018.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2))
    >>> layer.weight_orig.shape
    rustorch.Size([2, 3])
    """
    SpectralNorm.apply(module, name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo :func:`spectral_norm`, keeping the normalised weight; returns the module.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(3, 2)))
    >>> hasattr(layer, "weight_orig")
    False
    """
    return _hooks.remove(module, SpectralNorm, name, "spectral_norm")

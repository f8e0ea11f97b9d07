"""Parametrizations for :mod:`rustorch.nn.utils.parametrize`: weight and spectral normalisation, orthogonal weights."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import rustorch
import rustorch.nn.functional as F
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError, UnsupportedError
from rustorch.nn.modules.module import Module
from rustorch.nn.utils import parametrize
from rustorch.nn.utils.spectral_norm import as_matrix, check_iterations, default_dim, start_vectors
from rustorch.nn.utils.weight_norm import norm_except_dim, scaled_direction

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: Optional[int] = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return scaled_direction(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> Tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: Optional[int] = 0) -> Module:
    """Train the norm and the direction of a weight apart.

    The norm is ``parametrizations.weight.original0``, the direction ``original1``. States of the older
    :func:`rustorch.nn.utils.weight_norm` load as well.

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
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    rustorch.Size([40, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(_: Module, state_dict: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        n = weight.dim()
        if dim >= n or dim < -n:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{n}, {n - 1}] but got {dim})")
        check_iterations(n_power_iterations)
        self.dim = dim % n
        self.eps = eps
        if n > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            u, v = start_vectors(matrix, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._power_method(matrix, 15)

    @rustorch.no_grad()
    def _power_method(self, matrix: Tensor, n: int) -> None:
        for _ in range(n):
            self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        # Copies: the buffers are written again at the next use, perhaps before this one's backward.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # the direction is kept; the value is normalised when it is used


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: Optional[int] = None
) -> Module:
    """Divide a weight by its largest singular value, found by power iteration along with training.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        Iterations at each use in training mode; 15 are made at once.
    eps : float, default 1e-12
    dim : int, default 0, in transposed convolutions 1
        The dimension of the outputs.

    Returns
    -------
    The module.

    Source: Miyato et al., ICLR 2018.

    Example
    -------
    >>> import rustorch as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original.shape
    rustorch.Size([40, 20])
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = default_dim(module) if dim is None else dim
    return parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def _orthogonal_factor(A: Tensor) -> Tensor:
    """Q of A = Q R with a diagonal of R that is not negative: A itself, where its columns are orthonormal."""
    Q, R = rustorch.linalg.qr(A)
    return Q * rustorch.where(R.diagonal(0, -2, -1) < 0, -1.0, 1.0).to(A.dtype).unsqueeze(-2)


class _Orthogonal(Module):
    base: Optional[Tensor]

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.trivial = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        X = X.mT if wide else X
        n, k = X.shape[-2:]
        A = X.tril(-1)
        if self.orthogonal_map == "householder":
            # The diagonal holds signs: neither trained nor differentiated.
            Q = rustorch.linalg.householder_product(A, 2 / (1 + A.square().sum(-2))) * X.diagonal(0, -2, -1).int().unsqueeze(-2)
        else:
            if n != k:
                A = rustorch.cat([A, A.new_zeros(A.shape[:-1] + (n - k,))], -1)
            A = A - A.mT
            if self.orthogonal_map == "matrix_exp":
                Q = rustorch.linalg.matrix_exp(A)[..., :k]
            else:
                one = rustorch.eye(n, dtype=A.dtype)
                Q = rustorch.linalg.solve(one - A / 2, one + A / 2)[..., :k]
        if self.trivial:
            Q = self.base @ Q
        return Q.mT if wide else Q

    @rustorch.no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ShapeError(f"Expected a matrix or batch of matrices of shape {tuple(self.shape)}. Got a tensor of shape {tuple(Q.shape)}.")
        wide = Q.shape[-2] < Q.shape[-1]
        tall = Q.mT if wide else Q
        n, k = tall.shape[-2:]
        if self.trivial:  # the base is the weight, completed to a square; what is trained begins with nothing
            if n != k:
                tall = rustorch.cat([tall, rustorch.randn(tall.shape[:-1] + (n - k,), dtype=Q.dtype)], -1)
            self.base = _orthogonal_factor(tall)
            return rustorch.zeros_like(Q) - rustorch.eye(Q.shape[-2], Q.shape[-1], dtype=Q.dtype)
        if self.orthogonal_map != "householder":
            raise UnsupportedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when use_trivialization=False."
            )
        A, tau = rustorch.geqrf(tall)
        # A reflection that was left out (tau = 0) comes back as one along an axis, which the sign undoes.
        A.diagonal(0, -2, -1).sign_().mul_(rustorch.where(tau == 0, -1.0, 1.0).to(A.dtype))
        return A.mT if wide else A


def orthogonal(module: Module, name: str = "weight", orthogonal_map: Optional[str] = None, *, use_trivialization: bool = True) -> Module:
    """Keep a weight orthogonal: its columns (rows, if there are fewer of them) stay orthonormal.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
        A weight (…, n, m) of two or more dimensions.
    orthogonal_map : {"matrix_exp", "cayley", "householder"}, optional
        How a free matrix becomes an orthogonal one: exponential or Cayley transform of its skew part, or a product of
        reflections. By default "matrix_exp" for square weights, else "householder".
    use_trivialization : bool, default True
        Train the way from the weight as it is; it takes an n × n buffer where n is the larger size.

    Returns
    -------
    The module.

    Source: Lezcano-Casado, NeurIPS 2019.

    Example
    -------
    >>> import rustorch as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(20, 40))
    >>> torch.dist(layer.weight.T @ layer.weight, torch.eye(20)) < 1e-4
    tensor(True)
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.dim() < 2:
        raise ArgumentValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ArgumentValueError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}')
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)

"""Normalisation."""

from __future__ import annotations

import numbers
import warnings
from typing import Any, Dict, List, Optional

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm",
    "GroupNorm", "RMSNorm", "LocalResponseNorm",
]  # fmt: skip


class _NormBase(Module):
    """Parameters and running statistics of a channel each."""

    def __init__(
        self, num_features: int, eps: float, momentum: Optional[float], affine: bool, track_running_stats: bool, device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        options = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(rustorch.ones(num_features, **options)) if affine else None)
        self.register_parameter("bias", Parameter(rustorch.zeros(num_features, **options)) if affine else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", rustorch.zeros(num_features, **options) if tracked else None)
        self.register_buffer("running_var", rustorch.ones(num_features, **options) if tracked else None)
        self.register_buffer("num_batches_tracked", rustorch.tensor(0, dtype=rustorch.int64) if tracked else None)

    def reset_running_stats(self) -> None:
        """Running mean 0, running variance 1, no batch seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and no statistics."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *args: Any) -> None:
        if self.num_batches_tracked is not None:  # files from before PyTorch 0.4.1, some of torchvision's among them, have none
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    _ndims = ()

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)

    def _check_input(self, input: Tensor) -> None:
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(f"{type(self).__name__}: the input must be a Tensor, not {type(input).__name__}")
        if input.dim() not in self._ndims:
            words = " or ".join(f"{n}D" for n in self._ndims)
            raise ArgumentValueError(f"expected {words} input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a cumulative mean
                momentum = 1.0 / float(self.num_batches_tracked)
        use_batch = self.training or not self.track_running_stats
        tracked = not self.training or self.track_running_stats
        running = [self.running_mean, self.running_var] if tracked else [None, None]
        return self._normalize(input, running, use_batch, momentum)

    def _normalize(self, input: Tensor, means: List[Optional[Tensor]], use_batch: bool, momentum: float) -> Tensor:
        return F.batch_norm(input, means[0], means[1], self.weight, self.bias, use_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (B, C) or (B, C, T). Source: Ioffe and Szegedy, ICML 2015.

    >>> nn.BatchNorm1d(3)(rustorch.rand(4, 3)).mean(0).abs() < 1e-5
    tensor([True, True, True])
    """

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (B, C, H, W): each channel to mean 0 and variance 1 over the batch, then weight and bias.

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float, default 1e-5
    momentum : float or None, default 0.1
        Weight of the newest batch in the running statistics; None for their plain mean.
    affine, track_running_stats : bool, default True

    Source: Ioffe and Szegedy, ICML 2015.

    >>> nn.BatchNorm2d(3)(rustorch.rand(4, 3, 2, 2)).shape
    rustorch.Size([4, 3, 2, 2])
    """

    _ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (B, C, D, H, W).

    >>> nn.BatchNorm3d(3)(rustorch.rand(4, 3, 2, 2, 2)).shape
    rustorch.Size([4, 3, 2, 2, 2])
    """

    _ndims = (5,)


class _InstanceNorm(_NormBase):
    _n = 0

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        n = self._n
        if input.dim() not in (n + 1, n + 2):
            raise ArgumentValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
        batch = input if input.dim() == n + 2 else input.unsqueeze(0)
        if batch.shape[1] != self.num_features:
            if self.affine:
                raise ArgumentValueError(
                    f"expected input's size at dim={input.dim() - n - 1} to match num_features ({self.num_features}), "
                    f"but got: {batch.shape[1]}."
                )
            warnings.warn(
                f"input's size at dim={input.dim() - n - 1} does not match num_features. You can silence this warning by not "
                "passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        result = F.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, 0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return result if batch is input else result.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample of (B, C, T) or (C, T) to mean 0 and variance 1.

    Source: Ulyanov et al., arXiv 1607.08022.

    >>> nn.InstanceNorm1d(3)(rustorch.rand(4, 3, 5)).shape
    rustorch.Size([4, 3, 5])
    """

    _n = 1


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample of (B, C, H, W) or (C, H, W) to mean 0 and variance 1.

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float, default 1e-5
    momentum : float, default 0.1
    affine, track_running_stats : bool, default False

    Source: Ulyanov et al., arXiv 1607.08022.

    >>> nn.InstanceNorm2d(3)(rustorch.rand(4, 3, 5, 5)).shape
    rustorch.Size([4, 3, 5, 5])
    """

    _n = 2


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each sample of (B, C, D, H, W) or (C, D, H, W) to mean 0 and variance 1.

    >>> nn.InstanceNorm3d(3)(rustorch.rand(4, 3, 5, 5, 5)).shape
    rustorch.Size([4, 3, 5, 5, 5])
    """

    _n = 3


class LayerNorm(Module):
    """The last dimensions, of sizes ``normalized_shape``, to mean 0 and variance 1, then weight and bias.

    Source: Ba et al., arXiv 1607.06450.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.LayerNorm(4)(torch.zeros(2, 4)).shape
    rustorch.Size([2, 4])
    """

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(normalized_shape, numbers.Integral):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(int(size) for size in normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        options = {"device": device, "dtype": dtype}
        weight = Parameter(rustorch.ones(self.normalized_shape, **options)) if elementwise_affine else None
        shift = Parameter(rustorch.zeros(self.normalized_shape, **options)) if elementwise_affine and bias else None
        self.register_parameter("weight", weight)
        self.register_parameter("bias", shift)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Groups of channels of each sample to mean 0 and variance 1. Source: Wu and He, ECCV 2018.

    >>> nn.GroupNorm(2, 4)(rustorch.rand(3, 4, 5)).shape
    rustorch.Size([3, 4, 5])
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentValueError("num_channels must be divisible by num_groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        options = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(rustorch.ones(num_channels, **options)) if affine else None)
        self.register_parameter("bias", Parameter(rustorch.zeros(num_channels, **options)) if affine else None)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.affine:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class RMSNorm(Module):
    """The last dimensions, of sizes ``normalized_shape``, divided by their root mean square, times weight.

    Parameters
    ----------
    normalized_shape : int or ints
    eps : float, default the machine epsilon of the input's dtype
    elementwise_affine : bool, default True

    Source: Zhang and Sennrich, NeurIPS 2019.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.RMSNorm(2)(torch.tensor([2.0, 2.0])).detach()
    tensor([1., 1.])
    """

    def __init__(
        self, normalized_shape: Any, eps: Optional[float] = None, elementwise_affine: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(normalized_shape, numbers.Integral):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(int(size) for size in normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(rustorch.ones(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """Each channel of (B, C, …) divided by a power of its neighbours' mean square: see
    :func:`rustorch.nn.functional.local_response_norm`.

    >>> nn.LocalResponseNorm(2)(rustorch.rand(3, 4, 5)).shape
    rustorch.Size([3, 4, 5])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"

"""Batch normalisation over the batches of all ranks."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.autograd import Function
from rustorch.autograd.function import once_differentiable
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.norm import _BatchNorm

__all__ = ["SyncBatchNorm"]


def _all_sum(tensor: Tensor, group: Any) -> Tensor:
    from rustorch import distributed

    distributed.all_reduce(tensor, group=group)
    return tensor


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape([1, -1] + [1] * (like.dim() - 2))


class _SyncNormalize(Function):
    """Normalises by the statistics of all ranks' batches; gives (y, mean, biased variance, number of elements).

    The gradient flows through the statistics of all ranks: with g the gradient of y and x̂ the normalised input,
    dx = w rstd (g − mean(g) − x̂ mean(g x̂)), where both means are over all ranks. Those of weight and bias are each
    rank's own, as DistributedDataParallel expects.
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Optional[Tensor], bias: Optional[Tensor], eps: float, group: Any) -> Any:
        dims = [0] + list(range(2, input.dim()))
        dtype = rustorch.float64 if input.dtype == rustorch.float64 else rustorch.float32
        wide, C = input.to(dtype), input.shape[1]
        n = float(input.numel() // C) if C else 0.0
        sums = _all_sum(rustorch.cat([wide.sum(dims), rustorch.full((1,), n, dtype=dtype)]), group)
        total = float(sums[C])
        if total <= 1:
            raise ArgumentValueError(f"Expected more than 1 value per channel when training, got input size {tuple(input.shape)}")
        mean = sums[:C] / total
        # squares of what is left, in a second round: the difference of two large sums would lose them
        var = _all_sum((wide - _per_channel(mean, input)).square().sum(dims), group) / total
        ctx.save_for_backward(input, weight, mean, (var + eps).rsqrt())
        ctx.dims, ctx.total, ctx.group = dims, total, group
        y = F.batch_norm(input, mean, var, weight, bias, False, 0.0, eps)
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var, total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *unused: Any) -> Tuple[Optional[Tensor], ...]:
        input, weight, mean, rstd = ctx.saved_tensors
        wide = grad.to(mean.dtype)
        normal = (input.to(mean.dtype) - _per_channel(mean, input)) * _per_channel(rstd, input)
        own_bias, own_weight = wide.sum(ctx.dims), (wide * normal).sum(ctx.dims)
        dx = None
        if ctx.needs_input_grad[0]:
            C = mean.numel()
            sums = _all_sum(rustorch.cat([own_bias, own_weight]), ctx.group) / ctx.total
            scale = rstd if weight is None else rstd * weight.to(rstd.dtype)
            dx = wide - _per_channel(sums[:C], input) - normal * _per_channel(sums[C:], input)
            dx = (dx * _per_channel(scale, input)).to(input.dtype)
        dweight = own_weight.to(weight.dtype) if ctx.needs_input_grad[1] else None
        return dx, dweight, own_bias if ctx.needs_input_grad[2] else None, None, None


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation of (B, C, …) by the statistics of all ranks' batches.

    In evaluation, and where no process group is up or it has one rank, this is plain batch normalisation. All ranks must
    run the layer together, forward and backward.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, bias : as :class:`BatchNorm2d`
    process_group : ProcessGroup, default all ranks

    Source: Ioffe and Szegedy, ICML 2015; statistics over ranks: Peng et al., CVPR 2018 (MegDet).

    Example
    -------
    >>> import rustorch as torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]
    SyncBatchNorm(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True,
        track_running_stats: bool = True, process_group: Any = None, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ArgumentValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def _is_alone(self) -> bool:
        from rustorch import distributed

        return not distributed.is_initialized() or distributed.get_world_size(self.process_group) <= 1

    def _normalize(self, input: Tensor, means: List[Optional[Tensor]], use_batch: bool, momentum: float) -> Tensor:
        if not use_batch or not self.training or self._is_alone():
            return super()._normalize(input, means, use_batch, momentum)
        y, mean, var, total = _SyncNormalize.apply(input, self.weight, self.bias, self.eps, self.process_group)
        if means[0] is not None:
            with rustorch.no_grad():
                means[0].mul_(1 - momentum).add_(mean.to(means[0].dtype), alpha=momentum)
                means[1].mul_(1 - momentum).add_((var * (total / (total - 1))).to(means[1].dtype), alpha=momentum)
        return y

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """``module`` with every batch normalisation in it replaced by a SyncBatchNorm that has its parameters and state."""
        result = module
        if isinstance(module, _BatchNorm) and not isinstance(module, SyncBatchNorm):
            result = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats, process_group
            )
            for table in ("_parameters", "_buffers"):
                getattr(result, table).update(getattr(module, table))
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result

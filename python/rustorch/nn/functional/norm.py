"""Normalisation and dropout."""

from __future__ import annotations

import warnings
from typing import Any, Optional, Sequence

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentValueError, RusTorchError

_ops = _C._ops

__all__ = [
    "batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm", "local_response_norm",
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
]  # fmt: skip

layer_norm = _ops.layer_norm
group_norm = _ops.group_norm


def batch_norm(
    input: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], weight: Optional[Tensor] = None,
    bias: Optional[Tensor] = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) to mean 0 and variance 1, by the batch's statistics in training, else the running ones.

    In training ``running_mean`` and ``running_var`` are updated: (1 − momentum) · old + momentum · batch's.

    Source: Ioffe and Szegedy, ICML 2015.

    >>> F.batch_norm(rustorch.rand(4, 3), None, None, training=True).shape
    rustorch.Size([4, 3])
    """
    if training:
        per_channel = input.numel() // input.shape[1] if input.dim() > 1 and input.shape[1] else 0
        if per_channel == 1:
            raise ArgumentValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    return _ops.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(
    input: Tensor, running_mean: Optional[Tensor] = None, running_var: Optional[Tensor] = None,
    weight: Optional[Tensor] = None, bias: Optional[Tensor] = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample to mean 0 and variance 1: :func:`batch_norm` with every sample a batch of its own.

    Parameters
    ----------
    input : (B, C, …)
    running_mean, running_var : (C,), optional
        Moved towards the mean over the batch of the samples' statistics; needed where ``use_input_stats`` is False,
        when they are used instead.
    weight, bias : (C,), optional
    use_input_stats : bool, default True
    momentum : float, default 0.1
    eps : float, default 1e-5

    Source: Ulyanov et al., arXiv 1607.08022.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if input.dim() < 2:
        raise rustorch.ShapeError(f"instance_norm: input has shape {tuple(input.shape)}, (B, C, ...) is needed")
    B, C = input.shape[:2]
    if use_input_stats and input.numel() == B * C:
        raise ArgumentValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    if (running_mean is None) != (running_var is None):
        raise ArgumentValueError("instance_norm: running_mean and running_var must both be given, or none of them")
    if not use_input_stats and running_mean is None:
        raise ArgumentValueError("Expected running_mean and running_var to be defined when use_input_stats=False")
    each = [None if value is None else value.repeat(B) for value in (running_mean, running_var)]
    parameters = [None if value is None else value.repeat(B) for value in (weight, bias)]
    flat = input.reshape(1, B * C, *input.shape[2:])
    result = _ops.batch_norm(flat, *parameters, *each, use_input_stats, momentum, eps)
    if use_input_stats and running_mean is not None and B:
        with rustorch.no_grad():
            running_mean.copy_(each[0].reshape(B, C).mean(0))
            running_var.copy_(each[1].reshape(B, C).mean(0))
    return result.reshape(input.shape)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Optional[Tensor] = None, eps: Optional[float] = None
) -> Tensor:
    """The last dimensions, of sizes ``normalized_shape``, divided by their root mean square, times ``weight``.

    ``eps`` (by default the dtype's machine epsilon) is added to the mean of the squares.

    Source: Zhang and Sennrich, NeurIPS 2019.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.rms_norm(torch.tensor([3.0, 3.0]), (2,))
    tensor([1., 1.])
    """
    return _ops.rms_norm(input, normalized_shape, weight, eps)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha · m)^beta, where m is the mean of squares over ``size`` neighbouring channels (zeros outside).

    ``input`` is (B, C, …). Source: Krizhevsky et al., NeurIPS 2012.

    >>> F.local_response_norm(rustorch.rand(2, 4, 5), 2).shape
    rustorch.Size([2, 4, 5])
    """
    if input.dim() < 3:
        raise ArgumentValueError(f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)")
    if input.numel() == 0:
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    squares = _ops.pad(squares, [0, 0, size // 2, (size - 1) // 2])
    mean = _ops.avg_pool2d(squares, [size, 1], 1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


# ---------------------------------------------------------------------------------------------- dropout


def _dropout(op: Any, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ArgumentValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    result = op(input, p, training)
    return input.copy_(result) if inplace else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element is zero with probability ``p``, the others are scaled by 1 / (1 − p).

    Source: Hinton et al., arXiv 1207.0580.

    >>> F.dropout(rustorch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    return _dropout(_ops.dropout, input, p, training, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of self-normalising networks. Source: Klambauer et al., NeurIPS 2017.

    >>> F.alpha_dropout(rustorch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    return _dropout(_ops.alpha_dropout, input, p, training, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """:func:`alpha_dropout` of whole channels: the first two dimensions are drawn, the others follow.

    >>> F.feature_alpha_dropout(rustorch.ones(1, 3, 2), training=False).shape
    rustorch.Size([1, 3, 2])
    """
    return _dropout(_ops.feature_alpha_dropout, input, p, training, inplace)


def _channel_dropout(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    """Dropout of whole channels, which without a batch are dimension 0."""
    if batched:
        return _dropout(_ops.feature_dropout, input, p, training, inplace)
    result = _dropout(_ops.feature_dropout, input.unsqueeze(0), p, training, False).squeeze(0)
    return input.copy_(result) if inplace else result


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of (B, C, T) or (C, T).

    >>> F.dropout1d(rustorch.ones(1, 3, 2), training=False).shape
    rustorch.Size([1, 3, 2])
    """
    if input.dim() not in (2, 3):
        raise RusTorchError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input.")
    return _channel_dropout(input, p, training, inplace, input.dim() == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of (B, C, H, W); three dimensions are taken as (B, C, T).

    >>> F.dropout2d(rustorch.ones(1, 3, 2, 2), training=False).shape
    rustorch.Size([1, 3, 2, 2])
    """
    if input.dim() not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead.",
            stacklevel=2,
        )
    elif input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input "
            "is interpreted as shape (N, C, L). To silence this warning, use dropout1d.",
            stacklevel=2,
        )
    return _channel_dropout(input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of (B, C, D, H, W) or (C, D, H, W).

    >>> F.dropout3d(rustorch.ones(1, 3, 2, 2, 2), training=False).shape
    rustorch.Size([1, 3, 2, 2, 2])
    """
    if input.dim() not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {input.dim()}-D input to dropout3d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead.",
            stacklevel=2,
        )
    return _channel_dropout(input, p, training, inplace, input.dim() != 4)

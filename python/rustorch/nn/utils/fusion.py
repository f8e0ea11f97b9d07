"""Folding a batch norm into the layer before it, for inference."""

from __future__ import annotations

import copy
from typing import Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _check(layer: Module, bn: Module) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """A convolution that computes what ``bn(conv(x))`` does in evaluation mode.

    Parameters
    ----------
    conv, bn : Module
        Both in evaluation mode; they stay as they are.
    transpose : bool, default False
        Is it a transposed convolution?

    Example
    -------
    >>> import rustorch as torch
    >>> conv, bn = torch.nn.Conv2d(3, 4, 3).eval(), torch.nn.BatchNorm2d(4).eval()
    >>> x = torch.ones(1, 3, 5, 5)
    >>> fused = torch.nn.utils.fuse_conv_bn_eval(conv, bn)
    >>> bool(((fused(x) - bn(conv(x))).abs() < 1e-5).all())
    True
    """
    _check(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def _fold(
    weight: Tensor, bias: Optional[Tensor], mean: Tensor, var: Tensor, eps: float, scale: Optional[Tensor],
    shift: Optional[Tensor], shape: Tuple[int, ...],
) -> Tuple[Parameter, Parameter]:  # fmt: skip
    with rustorch.no_grad():
        grad = weight.requires_grad, True if bias is None else bias.requires_grad
        bias_dtype = weight.dtype if bias is None else bias.dtype
        factor = (var + eps).rsqrt()
        if scale is not None:
            factor = factor * scale
        new_bias = ((0.0 if bias is None else bias) - mean) * factor
        if shift is not None:
            new_bias = new_bias + shift
        new_weight = weight * factor.reshape(shape)
        return Parameter(new_weight.to(weight.dtype), grad[0]), Parameter(new_bias.to(bias_dtype), grad[1])


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Optional[Tensor], bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Optional[Tensor],
    bn_b: Optional[Tensor], transpose: bool = False,
) -> Tuple[Parameter, Parameter]:
    """Weight and bias of the fused convolution, from those of the two and the running mean and variance.

    >>> conv, bn = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
    >>> w, b = nn.utils.fuse_conv_bn_weights(
    ...     conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    >>> w.shape
    rustorch.Size([2, 1, 3, 3])
    """
    shape = ((1, -1) if transpose else (-1, 1)) + (1,) * (conv_w.dim() - 2)
    return _fold(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """A linear layer that computes what ``bn(linear(x))`` does in evaluation mode; both stay as they are.

    >>> fused = nn.utils.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3).eval())
    >>> fused(rustorch.zeros(4, 2)).shape
    rustorch.Size([4, 3])
    """
    _check(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Optional[Tensor], bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Optional[Tensor],
    bn_b: Optional[Tensor],
) -> Tuple[Parameter, Parameter]:
    """Weight and bias of the fused linear layer, from those of the two and the running mean and variance.

    >>> layer, bn = nn.Linear(2, 3), nn.BatchNorm1d(3)
    >>> w, b = nn.utils.fuse_linear_bn_weights(
    ...     layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    >>> w.shape
    rustorch.Size([3, 2])
    """
    return _fold(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))

"""Functions of layers and losses, under PyTorch's names and with its arguments.

Most are ops of the table as they are; what stands here as Python adds the old spellings (``inplace``,
``size_average``), padding by word, and results of several shapes.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor, _C

_ops = _C._ops
_Ints = Union[int, Sequence[int]]

# Ops that need nothing around them.
linear = _ops.linear
conv_transpose1d = _ops.conv_transpose1d
conv_transpose2d = _ops.conv_transpose2d
avg_pool1d = _ops.avg_pool1d
avg_pool2d = _ops.avg_pool2d
adaptive_avg_pool1d = _ops.adaptive_avg_pool1d
gelu = _ops.gelu
logsigmoid = _ops.logsigmoid
softsign = _ops.softsign
tanhshrink = _ops.tanhshrink
softshrink = _ops.softshrink
hardshrink = _ops.hardshrink
softplus = _ops.softplus
tanh = _ops.tanh
sigmoid = _ops.sigmoid
layer_norm = _ops.layer_norm
group_norm = _ops.group_norm
one_hot = _ops.one_hot


def _written_into(name: str) -> Any:
    """NAME_(input, …): the function with inplace=True, which older code calls."""

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return globals()[name](input, *args, inplace=True, **kwargs)

    function.__name__ = function.__qualname__ = name + "_"
    function.__doc__ = f":func:`{name}` in place."
    return function


celu_ = _written_into("celu")
elu_ = _written_into("elu")
hardtanh_ = _written_into("hardtanh")
leaky_relu_ = _written_into("leaky_relu")
rrelu_ = _written_into("rrelu")
selu_ = _written_into("selu")
threshold_ = _written_into("threshold")


def _in_place(name: str, op: Any) -> Any:
    """op(input, …, inplace=False): with inplace the result replaces the input's values."""

    def function(input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        result = op(input, *args, **kwargs)
        return input.copy_(result) if inplace else result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{op.__doc__}\n\n``inplace=True`` writes the result into ``input``."
    return function


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x), element by element; ``inplace=True`` writes into ``input``."""
    return input.relu_() if inplace else _ops.relu(input)


def relu_(input: Tensor) -> Tensor:
    """:func:`relu` in place."""
    return input.relu_()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else ``negative_slope`` · x."""
    result = _ops.leaky_relu(input, negative_slope)
    return input.copy_(result) if inplace else result


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else ``alpha`` · (exp(x) − 1). Source: Clevert et al., ICLR 2016."""
    result = _ops.elu(input, alpha)
    return input.copy_(result) if inplace else result


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, ``alpha`` · (exp(x / ``alpha``) − 1)). Source: Barron, arXiv 1704.07483."""
    result = _ops.celu(input, alpha)
    return input.copy_(result) if inplace else result


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x cut to [``min_val``, ``max_val``]."""
    result = _ops.hardtanh(input, min_val, max_val)
    return input.copy_(result) if inplace else result


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above ``threshold``, else ``value``."""
    result = _ops.threshold(input, threshold, value)
    return input.copy_(result) if inplace else result


selu = _in_place("selu", _ops.selu)
silu = _in_place("silu", _ops.silu)
mish = _in_place("mish", _ops.mish)
relu6 = _in_place("relu6", _ops.relu6)
hardsigmoid = _in_place("hardsigmoid", _ops.hardsigmoid)
hardswish = _in_place("hardswish", _ops.hardswish)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along ``dim`` times the sigmoid of the second. Source: Dauphin et al., ICML 2017."""
    if input.shape[dim] % 2:
        raise rustorch.ShapeError(f"glu: dimension {dim} has size {input.shape[dim]}, an even size is needed")
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else weight · x; one weight, or one a channel (dimension 1)."""
    if weight.numel() > 1:
        weight = weight.reshape([1, -1] + [1] * (input.dim() - 2))
    return rustorch.where(input > 0, input, weight * input)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where positive, else a slope · x: random from [``lower``, ``upper``) in training, else their mean.

    Source: Xu et al., arXiv 1505.00853.
    """
    if lower > upper:
        raise ValueError(f"Lower bound should be less than or equal to the upper bound, but they are {lower} and {upper}")
    slope: Any = (lower + upper) / 2
    if training:
        slope = rustorch.empty_like(input.detach()).uniform_(lower, upper)
    result = rustorch.where(input > 0, input, slope * input)
    return input.copy_(result) if inplace else result


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution: softmax of (``logits`` + Gumbel noise) / ``tau`` along ``dim``.

    With ``hard`` the result is one-hot, but its gradient is that of the soft sample. ``eps`` has no effect, as in
    PyTorch. Source: Jang et al., ICLR 2017.
    """
    noise = -rustorch.empty_like(logits.detach()).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return rustorch.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """x1ᵀ W x2 + b: input1 (…, n), input2 (…, m), weight (out, n, m), bias (out)."""
    result = rustorch.einsum("...n,onm,...m->...o", input1, weight, input2)
    return result if bias is None else result + bias


def _softmax_dim(name: str, dim: Optional[int], ndim: int) -> int:
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Pass dim=X.", stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x) along ``dim``."""
    return _ops.softmax(input, _softmax_dim("softmax", dim, input.dim()), dtype=dtype)


def softmin(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """:func:`softmax` of −x."""
    return _ops.softmax(-input, _softmax_dim("softmin", dim, input.dim()), dtype=dtype)


def log_softmax(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of :func:`softmax`, computed stably."""
    return _ops.log_softmax(input, _softmax_dim("log_softmax", dim, input.dim()), dtype=dtype)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Optional[Tensor] = None) -> Tensor:
    """x divided by its p-norm along ``dim`` (at least ``eps``)."""
    result = input / input.norm(p, dim, keepdim=True).clamp_min(eps)
    return result if out is None else out.copy_(result)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (‖x1‖ ‖x2‖) along ``dim``, norms at least ``eps``."""
    return (x1 * x2).sum(dim) / (x1.norm(2, dim).clamp_min(eps) * x2.norm(2, dim).clamp_min(eps))


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 − x2 + ``eps`` along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


# ---------------------------------------------------------------------------------------------- convolution


def _pair(value: _Ints, n: int) -> List[int]:
    return [value] * n if isinstance(value, int) else list(value)


def _resolve_padding(input: Tensor, weight: Tensor, padding: Any, stride: Any, dilation: Any, n: int) -> Tuple[Tensor, Any]:
    """``"same"`` and ``"valid"`` as numbers; an uneven "same" pads the input first."""
    if not isinstance(padding, str):
        return input, padding
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise ValueError(f"padding must be a number, numbers, 'same' or 'valid', not '{padding}'")
    if any(step != 1 for step in _pair(stride, n)):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(_pair(dilation, n), weight.shape[-n:])]
    if all(total % 2 == 0 for total in totals):
        return input, [total // 2 for total in totals]
    sides: List[int] = []
    for total in reversed(totals):  # the last dimension comes first
        sides += [total // 2, total - total // 2]
    return pad(input, sides), 0


def conv1d(
    input: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: _Ints = 1, padding: Any = 0,
    dilation: _Ints = 1, groups: int = 1,
) -> Tensor:
    """Convolution of signals: input (B, C, T) or (C, T), weight (K, C / groups, k)."""
    input, padding = _resolve_padding(input, weight, padding, stride, dilation, 1)
    return _ops.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: _Ints = 1, padding: Any = 0,
    dilation: _Ints = 1, groups: int = 1,
) -> Tensor:
    """Convolution of images.

    Parameters
    ----------
    input : (B, C, H, W) or (C, H, W)
    weight : (K, C / groups, kh, kw)
    bias : (K,), optional
    stride, dilation : int or pair, default 1
    padding : int, pair, ``"same"`` or ``"valid"``, default 0
    groups : int, default 1

    Returns
    -------
    (B, K, H', W') with H' = (H + 2·padding − dilation·(kh − 1) − 1) // stride + 1, W' likewise.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    rustorch.Size([1, 1, 2, 2])
    """
    if isinstance(padding, str):
        input, padding = _resolve_padding(input, weight, padding, stride, dilation, 2)
    return _ops.conv2d(input, weight, bias, stride, padding, dilation, groups)


# ---------------------------------------------------------------------------------------------- pooling


def max_pool1d(
    input: Tensor, kernel_size: _Ints, stride: Optional[_Ints] = None, padding: _Ints = 0, dilation: _Ints = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest element of each window of a signal; with ``return_indices`` also where it was."""
    op = _ops.max_pool1d_with_indices if return_indices else _ops.max_pool1d
    return op(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor, kernel_size: _Ints, stride: Optional[_Ints] = None, padding: _Ints = 0, dilation: _Ints = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest element of each window of an image; with ``return_indices`` also where it was."""
    op = _ops.max_pool2d_with_indices if return_indices else _ops.max_pool2d
    return op(input, kernel_size, stride, padding, dilation, ceil_mode)


def _full_size(output_size: Any, input: Tensor, n: int) -> List[int]:
    """None in an output size keeps the input's."""
    sizes = [output_size] * n if output_size is None or isinstance(output_size, int) else list(output_size)
    return [input.shape[i - n] if size is None else size for i, size in enumerate(sizes)]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen so that the result has the given height and width (None keeps the input's)."""
    return _ops.adaptive_avg_pool2d(input, _full_size(output_size, input, 2))


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows chosen so that the result has the given height and width."""
    op = _ops.adaptive_max_pool2d_with_indices if return_indices else _ops.adaptive_max_pool2d
    return op(input, _full_size(output_size, input, 2))


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows chosen so that the result has the given length."""
    op = _ops.adaptive_max_pool1d_with_indices if return_indices else _ops.adaptive_max_pool1d
    return op(input, _full_size(output_size, input, 1))


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Optional[float] = None) -> Tensor:
    """Add elements at the borders: ``pad`` is (left, right, top, bottom, …), the last dimension first.

    ``mode`` is ``"constant"`` (``value``, 0 by default), ``"reflect"``, ``"replicate"`` or ``"circular"``.
    """
    if value is not None and mode != "constant" and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    return _ops.pad(input, pad, mode, 0 if value is None else value)


# ---------------------------------------------------------------------------------------------- normalisation, dropout


def batch_norm(
    input: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], weight: Optional[Tensor] = None,
    bias: Optional[Tensor] = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) to mean 0 and variance 1, by the batch's statistics in training, else the running ones.

    In training ``running_mean`` and ``running_var`` are updated: (1 − momentum) · old + momentum · batch's.

    Source: Ioffe and Szegedy, ICML 2015.
    """
    if training:
        per_channel = input.numel() // input.shape[1] if input.dim() > 1 and input.shape[1] else 0
        if per_channel == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    return _ops.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(
    input: Tensor, running_mean: Optional[Tensor] = None, running_var: Optional[Tensor] = None,
    weight: Optional[Tensor] = None, bias: Optional[Tensor] = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample to mean 0 and variance 1. Source: Ulyanov et al., arXiv 1607.08022."""
    if not use_input_stats or running_mean is not None or running_var is not None:
        raise NotImplementedError("instance_norm: running statistics are not supported, only those of the input")
    return _ops.group_norm(input, input.shape[1], weight, bias, eps)


def _dropout(name: str, op: Any, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    result = op(input, p, training)
    return input.copy_(result) if inplace else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element is zero with probability ``p``, the others are scaled by 1 / (1 − p).

    Source: Hinton et al., arXiv 1207.0580.
    """
    return _dropout("dropout", _ops.dropout, input, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of (B, C, T)."""
    return _dropout("dropout1d", _ops.feature_dropout, input, p, training, inplace)


dropout2d = feature_dropout = dropout1d


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of self-normalising networks. Source: Klambauer et al., NeurIPS 2017."""
    return _dropout("alpha_dropout", _ops.alpha_dropout, input, p, training, inplace)


def embedding(
    input: Tensor, weight: Tensor, padding_idx: Optional[int] = None, max_norm: Optional[float] = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` (V, D) that ``input`` (any shape, integers) names; row ``padding_idx`` gets no gradient."""
    if scale_grad_by_freq or sparse:
        raise NotImplementedError("embedding: scale_grad_by_freq and sparse gradients are not supported")
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise ValueError(f"padding_idx {padding_idx} must be within num_embeddings {weight.shape[0]}")
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    if max_norm is not None:  # rows that are used are scaled down in place, as PyTorch does
        with rustorch.no_grad():
            rows = input.reshape(-1)
            used = weight[rows]
            norms = used.norm(norm_type, 1, keepdim=True)
            weight[rows] = rustorch.where(norms > max_norm, used * (max_norm / (norms + 1e-7)), used)
    return _ops.embedding(input, weight, padding_idx)


# ---------------------------------------------------------------------------------------------- losses


def _reduction(size_average: Optional[bool], reduce: Optional[bool], reduction: str) -> str:
    """The old pair of arguments as the new word."""
    if size_average is None and reduce is None:
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"{reduction} is not a valid value for reduction")
        return reduction
    if reduce is not None and not reduce:
        word = "none"
    else:
        word = "mean" if size_average is None or size_average else "sum"
    warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.", stacklevel=3)
    return word


def _warn_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) in {name}. "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def mse_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", weight: Optional[Tensor] = None,
) -> Tensor:
    """The mean (or sum, or each) of (input − target)²."""
    reduction = _reduction(size_average, reduce, reduction)
    _warn_broadcast("mse_loss", input, target)
    if weight is None:
        return _ops.mse_loss(input, target, reduction)
    squares = _ops.mse_loss(input, target, "none") * weight
    return squares if reduction == "none" else squares.sum() if reduction == "sum" else squares.sum() / weight.sum()


def l1_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean (or sum, or each) of |input − target|."""
    _warn_broadcast("l1_loss", input, target)
    return _ops.l1_loss(input, target, _reduction(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:
    """Squared below ``beta``, absolute above. Source: Girshick, ICCV 2015."""
    _warn_broadcast("smooth_l1_loss", input, target)
    return _ops.smooth_l1_loss(input, target, _reduction(size_average, reduce, reduction), beta)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """½ d² below ``delta``, ``delta`` · (|d| − ½ ``delta``) above. Source: Huber, 1964."""
    _warn_broadcast("huber_loss", input, target)
    return _ops.huber_loss(input, target, reduction, delta)


def nll_loss(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    ignore_index: int = -100, reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability at the target class: input (B, C, …) of log-probabilities, target (B, …) of classes."""
    return _ops.nll_loss(input, target, weight, ignore_index, _reduction(size_average, reduce, reduction))


def cross_entropy(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    ignore_index: int = -100, reduce: Optional[bool] = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax and negative log-likelihood in one.

    Parameters
    ----------
    input : (B, C), (B, C, d1, …) or (C,)
        Scores, not probabilities.
    target : (B,), (B, d1, …) or () of class numbers, or probabilities of input's shape
    weight : (C,), optional
    ignore_index : int, default −100
        A class number that counts for nothing.
    reduction : ``"mean"``, ``"sum"`` or ``"none"``
    label_smoothing : float in [0, 1], default 0

    Raises
    ------
    IndexError
        A target is not a class number.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(1, 4), torch.tensor([2]))
    tensor(1.3863)
    """
    reduction = _reduction(size_average, reduce, reduction)
    return _ops.cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """−(t log x + (1 − t) log(1 − x)) for probabilities x; logarithms are at least −100."""
    return _ops.binary_cross_entropy(input, target, weight, _reduction(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean", pos_weight: Optional[Tensor] = None,
) -> Tensor:
    """:func:`binary_cross_entropy` of sigmoid(x), computed stably."""
    reduction = _reduction(size_average, reduce, reduction)
    return _ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:
    """Σ t (log t − x) for log-probabilities x; ``"batchmean"`` divides the sum by the batch size."""
    if reduction == "batchmean":
        return _ops.kl_div(input, target, "sum", log_target) / (input.shape[0] if input.dim() else 1)
    return _ops.kl_div(input, target, _reduction(size_average, reduce, reduction), log_target)


# ---------------------------------------------------------------------------------------------- losses by margins


def _reduced(each: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return each
    if reduction == "mean":
        return each.mean()
    if reduction == "sum":
        return each.sum()
    raise ValueError(f"{reduction} is not valid")


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """max(0, −t (x1 − x2) + ``margin``): x1 is to rank above x2 where t = 1, below where t = −1."""
    if not input1.dim() == input2.dim() == target.dim():
        raise rustorch.ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    each = (-target * (input1 - input2) + margin).clamp_min(0)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean",
) -> Tensor:
    """x where the target is 1, max(0, ``margin`` − x) where it is −1."""
    zero = rustorch.zeros_like(input.detach())
    each = rustorch.where(target != 1, (margin - input).clamp_min(0), zero) + rustorch.where(target != -1, input, zero)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(−t x)) for targets 1 and −1."""
    each = -_ops.logsigmoid(target * input)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """1 − cos(x1, x2) where the target is 1, max(0, cos(x1, x2) − ``margin``) where it is −1.

    Vectors (D) with a target (), or (N, D) with targets (N).
    """
    if not (target.dim() in (0, 1) and input1.dim() == input2.dim() == target.dim() + 1):
        raise rustorch.ShapeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.size())} and {list(input2.size())}."
        )
    tiny = 1e-12
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    zero = rustorch.zeros_like(cosine.detach())
    each = rustorch.where(target == 1, 1 - cosine, zero) + rustorch.where(target == -1, (cosine - margin).clamp_min(0), zero)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Optional[Tensor] = None,
    size_average: Optional[bool] = None, reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """Σ max(0, ``margin`` − x[t] + x[j])^``p`` / C over the classes j other than t, times the weight of t.

    input (N, C) or (C), target (N) or ().
    """
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    scores, index = (input.unsqueeze(0), target.reshape(1)) if input.dim() < 2 else (input, target)
    chosen = scores.gather(1, index.unsqueeze(1))
    gaps = (margin - chosen + scores).clamp_min(0)
    gaps = gaps.scatter(1, index.unsqueeze(1), 0.0)
    if p == 2:
        gaps = gaps * gaps
    if weight is not None:
        gaps = gaps * weight[index].unsqueeze(1)
    each = gaps.sum(1) / scores.shape[1]
    return _reduced(each.reshape(target.shape), _reduction(size_average, reduce, reduction))


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None, reduction: str = "mean"
) -> Tensor:
    """Σ max(0, 1 − (x[t] − x[j])) / C over the target classes t and the classes j that are none.

    input (N, C) or (C); target of the same shape lists classes, up to the first −1.
    """
    if input.shape != target.shape:
        raise rustorch.ShapeError(f"inconsistent target size: {target.size()} for size: {input.size()}")
    scores, classes = (input.reshape(1, -1), target.reshape(1, -1)) if input.dim() < 2 else (input, target)
    listed = (classes >= 0).cumprod(1).bool()
    places = rustorch.where(listed, classes, 0)
    is_target = rustorch.zeros_like(scores.detach()).scatter_add_(1, places, listed.to(scores.dtype)) > 0
    gaps = (1 - scores.gather(1, places).unsqueeze(2) + scores.unsqueeze(1)).clamp_min(0)  # (N, target, class)
    gaps = gaps * (listed.unsqueeze(2) & ~is_target.unsqueeze(1))
    each = gaps.sum((1, 2)) / scores.shape[1]
    return _reduced(each if input.dim() == 2 else each.reshape(()), _reduction(size_average, reduce, reduction))


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """The mean over the classes (last dimension) of :func:`binary_cross_entropy_with_logits`."""
    each = -(target * _ops.logsigmoid(input) + (1 - target) * _ops.logsigmoid(-input))
    if weight is not None:
        each = each * weight
    return _reduced(each.mean(-1), _reduction(size_average, reduce, reduction))


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False,
    size_average: Optional[bool] = None, reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """max(0, ‖anchor − positive‖ − ‖anchor − negative‖ + ``margin``), norms of order ``p`` along the last dimension.

    ``swap`` takes ‖positive − negative‖ where that is smaller. Source: Balntas et al., BMVC 2016.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplets(anchor, positive, negative, distance, margin, swap, _reduction(size_average, reduce, reduction))


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with a distance of one's own: a function of two tensors; default the Euclidean one."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplets(anchor, positive, negative, distance, margin, swap, reduction)


def _triplets(anchor: Tensor, positive: Tensor, negative: Tensor, distance: Any, margin: float, swap: bool, reduction: str) -> Tensor:
    far = distance(anchor, negative)
    if swap:
        far = rustorch.minimum(far, distance(positive, negative))
    return _reduced((distance(anchor, positive) - far + margin).clamp_min(0), reduction)


# ---------------------------------------------------------------------------------------------- likelihoods


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Optional[bool] = None,
    eps: float = 1e-8, reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood of counts under Poisson's distribution with the rates (or their logarithms) in input.

    ``full`` adds Stirling's approximation of log(target!); without ``log_input``, ``eps`` keeps log(0) away.
    """
    each = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        each = each + stirling.masked_fill(target <= 1, 0)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Union[Tensor, float], full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-likelihood of targets under normal distributions: ½ (log v + (x − t)² / v), v = max(``var``, ``eps``).

    ``var`` is of input's shape, has one dimension less or a last one of size 1, or is a number; no gradient goes
    through its lower bound. ``full`` adds ½ log 2π.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = rustorch.full((), float(var), dtype=input.dtype).expand(input.shape)
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not (input.shape[:-1] == var.shape[:-1] and var.shape[-1] == 1):
            raise ValueError("var is of incorrect size")
    if bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    floor = (var.detach().clamp(min=eps) - var.detach()) if var.requires_grad else None
    bounded = var.clamp(min=eps) if floor is None else var + floor
    each = 0.5 * (bounded.log() + (input - target) ** 2 / bounded)
    if full:
        each = each + 0.5 * math.log(2 * math.pi)
    return _reduced(each, reduction)


def _lengths(lengths: Any) -> Tensor:
    return (lengths if isinstance(lengths, Tensor) else rustorch.tensor(lengths)).to(rustorch.int64).reshape(-1)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability of all paths that give the targets when repetitions and blanks are taken out.

    Parameters
    ----------
    log_probs : (T, N, C) or (T, C)
        Logarithms of probabilities over the classes, as of :func:`log_softmax`.
    targets : (N, S), or (sum of target_lengths) one after the other
        Class numbers, none of them ``blank``.
    input_lengths, target_lengths : tensors or sequences of N integers
    reduction : ``"mean"`` (of losses divided by the lengths of their targets), ``"sum"`` or ``"none"``
    zero_infinity : bool
        Take 0, with gradient 0, for the loss of targets too long for their input, which is infinite.

    Source: Graves et al., ICML 2006.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.zeros(2, 1, 2).log_softmax(2)
    >>> torch.nn.functional.ctc_loss(x, torch.tensor([[1]]), [2], [1], reduction="sum")
    tensor(0.2877)
    """
    single = log_probs.dim() == 2
    if single:
        log_probs = log_probs.unsqueeze(1)
    steps, sizes = _lengths(input_lengths), _lengths(target_lengths)
    if targets.dim() == 1 and single:
        targets = targets.unsqueeze(0)
    elif targets.dim() == 1:  # one after the other: a row for each
        width = int(sizes.max()) if sizes.numel() else 0
        if int(sizes.sum()) > targets.numel():
            raise rustorch.ShapeError(f"Expected tensor to have size at least {int(sizes.sum())}, but got size {targets.numel()} for targets")
        place = (sizes.cumsum(0) - sizes).unsqueeze(1) + rustorch.arange(width)
        targets = targets[place.clamp(max=max(targets.numel() - 1, 0))] if targets.numel() else targets.new_zeros(sizes.shape[0], 0)
    loss = _ops.ctc_loss_each(log_probs, targets.to(rustorch.int64), steps, sizes, blank, zero_infinity)
    if reduction == "mean":
        return (loss / sizes.clamp(min=1).to(loss.dtype)).mean()
    return _reduced(loss.squeeze(0) if single else loss, reduction)


__all__ = sorted(
    name
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and name not in ("Tensor", "Any", "List", "Optional", "Sequence", "Tuple", "Union")
)

"""Functions of layers and losses, under PyTorch's names and with its arguments.

Most are ops of the table as they are; what stands here as Python adds the old spellings (``inplace``,
``size_average``), padding by word, and results of several shapes. Convolution, pooling, normalisation with dropout, and
what resamples images have files of their own.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Optional

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentValueError
from rustorch.functional import _need_tensors
from rustorch.nn._attention import (  # noqa: F401  (the last two: subclasses of PyTorch's layers call them)
    multi_head_attention_forward, scaled_dot_product_attention, _canonical_mask, _none_or_dtype,
)  # fmt: skip
from rustorch.nn._embedding import _check_sparse, _renorm, embedding_bag
from rustorch.nn.functional.conv import *  # noqa: F401,F403
from rustorch.nn.functional.norm import *  # noqa: F401,F403
from rustorch.nn.functional.pool import *  # noqa: F401,F403
from rustorch.nn.functional.spatial import *  # noqa: F401,F403

_ops = _C._ops

# Ops that need nothing around them.
linear = _ops.linear
gelu = _ops.gelu
logsigmoid = _ops.logsigmoid
softsign = _ops.softsign
tanhshrink = _ops.tanhshrink
softshrink = _ops.softshrink
hardshrink = _ops.hardshrink
softplus = _ops.softplus
tanh = _ops.tanh
sigmoid = _ops.sigmoid
one_hot = _ops.one_hot
pdist = _ops.pdist


def _written_into(name: str) -> Any:
    """NAME_(input, …): the function with inplace=True, which older code calls."""

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return globals()[name](input, *args, inplace=True, **kwargs)

    function.__name__ = function.__qualname__ = name + "_"
    numbers = ", 0.5, 9.0" if name == "threshold" else ""
    function.__doc__ = f":func:`{name}` in place.\n\n>>> F.{name}_(rustorch.tensor([1.0, 2.0]){numbers}).shape\nrustorch.Size([2])\n"
    return function


celu_ = _written_into("celu")
elu_ = _written_into("elu")
hardtanh_ = _written_into("hardtanh")
leaky_relu_ = _written_into("leaky_relu")
rrelu_ = _written_into("rrelu")
selu_ = _written_into("selu")
threshold_ = _written_into("threshold")


def _run(op: Any, inplace: bool, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """op(input, …); with inplace the result replaces the input's values, of which the gradient keeps a copy."""
    if not inplace:
        return op(input, *args, **kwargs)
    source = input.clone() if input.requires_grad and rustorch.is_grad_enabled() else input
    return input.copy_(op(source, *args, **kwargs))


def _in_place(name: str, op: Any) -> Any:
    """op(input, …, inplace=False): with inplace the result replaces the input's values."""

    def function(input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        return _run(op, inplace, input, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    example = f">>> F.{name}(rustorch.tensor([1.0, 2.0]), inplace=True).shape\nrustorch.Size([2])\n"
    function.__doc__ = f"{op.__doc__}\n\n``inplace=True`` writes the result into ``input``.\n\n{example}"
    return function


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x), element by element; ``inplace=True`` writes into ``input``.

    >>> F.relu(rustorch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else _ops.relu(input)


def relu_(input: Tensor) -> Tensor:
    """:func:`relu` in place.

    >>> F.relu_(rustorch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else ``negative_slope`` · x.

    >>> F.leaky_relu(rustorch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return _run(_ops.leaky_relu, inplace, input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else ``alpha`` · (exp(x) − 1). Source: Clevert et al., ICLR 2016.

    >>> F.elu(rustorch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _run(_ops.elu, inplace, input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, ``alpha`` · (exp(x / ``alpha``) − 1)). Source: Barron, arXiv 1704.07483.

    >>> F.celu(rustorch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _run(_ops.celu, inplace, input, alpha)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x cut to [``min_val``, ``max_val``].

    >>> F.hardtanh(rustorch.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    return _run(_ops.hardtanh, inplace, input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above ``threshold``, else ``value``.

    >>> F.threshold(rustorch.tensor([0.2, 0.7]), 0.5, 9.0)
    tensor([9.0000, 0.7000])
    """
    return _run(_ops.threshold, inplace, input, threshold, value)


selu = _in_place("selu", _ops.selu)
silu = swish = _in_place("silu", _ops.silu)
mish = _in_place("mish", _ops.mish)
relu6 = _in_place("relu6", _ops.relu6)
hardsigmoid = _in_place("hardsigmoid", _ops.hardsigmoid)
hardswish = _in_place("hardswish", _ops.hardswish)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along ``dim`` times the sigmoid of the second. Source: Dauphin et al., ICML 2017.

    >>> F.glu(rustorch.tensor([2.0, 0.0]))
    tensor([1.])
    """
    if input.shape[dim] % 2:
        raise rustorch.ShapeError(f"glu: dimension {dim} has size {input.shape[dim]}, an even size is needed")
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else weight · x; one weight, or one a channel (dimension 1).

    >>> F.prelu(rustorch.tensor([-1.0, 2.0]), rustorch.tensor([0.5]))
    tensor([-0.5000,  2.0000])
    """
    _need_tensors("prelu", (input, weight))
    if weight.numel() > 1:
        weight = weight.reshape([1, -1] + [1] * (input.dim() - 2))
    return rustorch.where(input > 0, input, weight * input)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where positive, else a slope · x: random from [``lower``, ``upper``) in training, else their mean.

    Source: Xu et al., arXiv 1505.00853.

    >>> F.rrelu(rustorch.tensor([-12.0, 1.0]))
    tensor([-2.7500,  1.0000])
    """
    if lower > upper:
        raise ArgumentValueError(f"Lower bound should be less than or equal to the upper bound, but they are {lower} and {upper}")
    slope: Any = (lower + upper) / 2
    if training:
        slope = rustorch.empty_like(input.detach()).uniform_(lower, upper)
    result = rustorch.where(input > 0, input, slope * input)
    return input.copy_(result) if inplace else result


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution: softmax of (``logits`` + Gumbel noise) / ``tau`` along ``dim``.

    With ``hard`` the result is one-hot, but its gradient is that of the soft sample. ``eps`` has no effect, as in
    PyTorch. Source: Jang et al., ICLR 2017.

    >>> F.gumbel_softmax(rustorch.zeros(2, 3), hard=True).sum(1)
    tensor([1., 1.])
    """
    noise = -rustorch.empty_like(logits.detach()).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return rustorch.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft


def _softmax_dim(name: str, dim: Optional[int], input: Any) -> int:
    if dim is not None:
        return dim
    ndim = input.dim() if isinstance(input, Tensor) else 0  # the op says what is wrong
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Pass dim=X.", stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x) along ``dim``.

    >>> F.softmax(rustorch.zeros(1, 4), dim=1)
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return _ops.softmax(input, _softmax_dim("softmax", dim, input), dtype=dtype)


def softmin(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """:func:`softmax` of −x.

    >>> F.softmin(rustorch.zeros(1, 4), dim=1)
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return _ops.softmin(input, _softmax_dim("softmin", dim, input), dtype=dtype)


def log_softmax(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of :func:`softmax`, computed stably.

    >>> F.log_softmax(rustorch.zeros(1, 2), dim=1)
    tensor([[-0.6931, -0.6931]])
    """
    return _ops.log_softmax(input, _softmax_dim("log_softmax", dim, input), dtype=dtype)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Optional[Tensor] = None) -> Tensor:
    """x divided by its p-norm along ``dim`` (at least ``eps``).

    >>> F.normalize(rustorch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    result = input / input.norm(p, dim, keepdim=True).clamp_min(eps)
    return result if out is None else out.copy_(result)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (‖x1‖ ‖x2‖) along ``dim`` of both broadcast, norms at least ``eps``.

    >>> F.cosine_similarity(rustorch.tensor([[1.0, 0.0]]), rustorch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    x1, x2 = rustorch.broadcast_tensors(x1, x2)
    return (x1 * x2).sum(dim) / (x1.norm(2, dim).clamp_min(eps) * x2.norm(2, dim).clamp_min(eps))


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 − x2 + ``eps`` along the last dimension.

    >>> F.pairwise_distance(rustorch.tensor([[0.0, 0.0]]), rustorch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """y_k = input1ᵀ A_k input2 + b_k: inputs (…, n) and (…, m), weight (out, n, m), bias (out,), result (…, out).

    >>> F.bilinear(rustorch.ones(1, 2), rustorch.ones(1, 3), rustorch.ones(1, 2, 3))
    tensor([[6.]])
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise rustorch.ShapeError(f"bilinear: batch dimensions of inputs must match: got {input1.shape} and {input2.shape}")
    out, n, m = weight.shape
    for name, x, size in (("input1", input1, n), ("input2", input2, m)):
        if x.shape[-1] != size:
            raise rustorch.ShapeError(f"bilinear: {name} size does not match weight size: got {x.shape[-1]} but expected {size}")
    left = input1.matmul(weight.permute(1, 0, 2).reshape(n, out * m))  # (…, out · m)
    result = (left.reshape(*input1.shape[:-1], out, m) @ input2.unsqueeze(-1)).squeeze(-1)
    return result if bias is None else result + bias


# ---------------------------------------------------------------------------------------------- embedding


def embedding(
    input: Tensor, weight: Tensor, padding_idx: Optional[int] = None, max_norm: Optional[float] = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` (V, D) that ``input`` (any shape, integers) names; row ``padding_idx`` gets no gradient.

    ``max_norm`` scales the rows that are used down to this ``norm_type``-norm, in place; ``scale_grad_by_freq`` divides the
    gradient of a row by how often it is named. There are no sparse gradients: ``sparse=True`` is a NotImplementedError.

    >>> F.embedding(rustorch.tensor([2, 0]), rustorch.tensor([[1.0], [2.0], [3.0]]))
    tensor([[3.],
            [1.]])
    """
    _check_sparse(sparse)
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise ArgumentValueError(f"padding_idx {padding_idx} must be within num_embeddings {weight.shape[0]}")
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    if max_norm is not None:  # rows that are used are scaled down in place, as PyTorch does
        _renorm(weight, input, max_norm, norm_type)
    return _ops.embedding(input, weight, padding_idx, scale_grad_by_freq)


# ---------------------------------------------------------------------------------------------- losses


def _reduction(size_average: Optional[bool], reduce: Optional[bool], reduction: str) -> str:
    """The old pair of arguments as the new word."""
    if size_average is None and reduce is None:
        if reduction not in ("none", "mean", "sum"):
            raise ArgumentValueError(f"{reduction} is not a valid value for reduction")
        return reduction
    if reduce is not None and not reduce:
        word = "none"
    else:
        word = "mean" if size_average is None or size_average else "sum"
    warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.", stacklevel=3)
    return word


def _warn_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    if isinstance(input, Tensor) and isinstance(target, Tensor) and input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) in {name}. "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def mse_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", weight: Optional[Tensor] = None,
) -> Tensor:
    """The mean (or sum, or each) of (input − target)².

    >>> F.mse_loss(rustorch.tensor([1.0, 2.0]), rustorch.tensor([1.0, 4.0]))
    tensor(2.)
    """
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
    """The mean (or sum, or each) of |input − target|.

    >>> F.l1_loss(rustorch.tensor([1.0, 2.0]), rustorch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    _warn_broadcast("l1_loss", input, target)
    return _ops.l1_loss(input, target, _reduction(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:
    """Squared below ``beta``, absolute above. Source: Girshick, ICCV 2015.

    >>> F.smooth_l1_loss(rustorch.tensor([1.0, 2.0]), rustorch.tensor([1.0, 4.0]))
    tensor(0.7500)
    """
    _warn_broadcast("smooth_l1_loss", input, target)
    return _ops.smooth_l1_loss(input, target, _reduction(size_average, reduce, reduction), beta)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """½ d² below ``delta``, ``delta`` · (|d| − ½ ``delta``) above. Source: Huber, 1964.

    >>> F.huber_loss(rustorch.tensor([1.0, 2.0]), rustorch.tensor([1.0, 4.0]), delta=0.5)
    tensor(0.4375)
    """
    _warn_broadcast("huber_loss", input, target)
    return _ops.huber_loss(input, target, reduction, delta)


def nll_loss(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    ignore_index: int = -100, reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability at the target class: input (B, C, …) of log-probabilities, target (B, …) of classes.

    >>> F.nll_loss(rustorch.tensor([[-0.5, -1.0]]), rustorch.tensor([1]))
    tensor(1.)
    """
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
    """−(t log x + (1 − t) log(1 − x)) for probabilities x; logarithms are at least −100.

    >>> F.binary_cross_entropy(rustorch.tensor([0.5]), rustorch.tensor([1.0]))
    tensor(0.6931)
    """
    return _ops.binary_cross_entropy(input, target, weight, _reduction(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean", pos_weight: Optional[Tensor] = None,
) -> Tensor:
    """:func:`binary_cross_entropy` of sigmoid(x), computed stably.

    >>> F.binary_cross_entropy_with_logits(rustorch.zeros(2), rustorch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    reduction = _reduction(size_average, reduce, reduction)
    return _ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:
    """Σ t (log t − x) for log-probabilities x; ``"batchmean"`` divides the sum by the batch size.

    >>> F.kl_div(rustorch.tensor([[0.5, 0.5]]).log(), rustorch.tensor([[0.25, 0.75]]), reduction="batchmean")
    tensor(0.1308)
    """
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
    raise ArgumentValueError(f"{reduction} is not valid")


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """max(0, −t (x1 − x2) + ``margin``): x1 is to rank above x2 where t = 1, below where t = −1.

    >>> F.margin_ranking_loss(rustorch.tensor([1.0]), rustorch.tensor([2.0]), rustorch.tensor([1.0]))
    tensor(1.)
    """
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
    """x where the target is 1, max(0, ``margin`` − x) where it is −1.

    >>> F.hinge_embedding_loss(rustorch.tensor([0.5, 0.5]), rustorch.tensor([1, -1]))
    tensor(0.5000)
    """
    zero = rustorch.zeros_like(input.detach())
    each = rustorch.where(target != 1, (margin - input).clamp_min(0), zero) + rustorch.where(target != -1, input, zero)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(−t x)) for targets 1 and −1.

    >>> F.soft_margin_loss(rustorch.zeros(2), rustorch.tensor([1, -1]))
    tensor(0.6931)
    """
    each = -_ops.logsigmoid(target * input)
    return _reduced(each, _reduction(size_average, reduce, reduction))


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:
    """1 − cos(x1, x2) where the target is 1, max(0, cos(x1, x2) − ``margin``) where it is −1.

    Vectors (D) with a target (), or (N, D) with targets (N).

    >>> F.cosine_embedding_loss(rustorch.ones(1, 2), rustorch.ones(1, 2), rustorch.tensor([-1]))
    tensor(1.)
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

    >>> F.multi_margin_loss(rustorch.tensor([[0.5, 1.0]]), rustorch.tensor([1]))
    tensor(0.2500)
    """
    if p not in (1, 2):
        raise ArgumentValueError("only p == 1 and p == 2 supported")
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

    >>> F.multilabel_margin_loss(rustorch.tensor([[0.5, 1.0]]), rustorch.tensor([[1, -1]]))
    tensor(0.2500)
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
    """The mean over the classes (last dimension) of :func:`binary_cross_entropy_with_logits`.

    >>> F.multilabel_soft_margin_loss(rustorch.zeros(1, 2), rustorch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
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

    >>> F.triplet_margin_loss(rustorch.zeros(1, 2), rustorch.zeros(1, 2), rustorch.ones(1, 2))
    tensor(0.)
    """
    if margin <= 0:
        raise ArgumentValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplets(anchor, positive, negative, distance, margin, swap, _reduction(size_average, reduce, reduction))


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with a distance of one's own: a function of two tensors; default the Euclidean one.

    >>> F.triplet_margin_with_distance_loss(rustorch.zeros(1, 2), rustorch.zeros(1, 2), rustorch.ones(1, 2)).shape
    rustorch.Size([])
    """
    if margin <= 0:
        raise ArgumentValueError(f"margin must be greater than 0, got {margin}")
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

    >>> F.poisson_nll_loss(rustorch.zeros(2), rustorch.ones(2))
    tensor(1.)
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

    >>> F.gaussian_nll_loss(rustorch.zeros(2), rustorch.ones(2), rustorch.ones(2))
    tensor(0.5000)
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ArgumentValueError("var has negative entry/entries")
        var = rustorch.full((), float(var), dtype=input.dtype).expand(input.shape)
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not (input.shape[:-1] == var.shape[:-1] and var.shape[-1] == 1):
            raise ArgumentValueError("var is of incorrect size")
    if bool((var < 0).any()):
        raise ArgumentValueError("var has negative entry/entries")
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
    loss = _ops._ctc_loss_each(log_probs, targets.to(rustorch.int64), steps, sizes, blank, zero_infinity)
    if reduction == "mean":
        return (loss / sizes.clamp(min=1).to(loss.dtype)).mean()
    return _reduced(loss.squeeze(0) if single else loss, reduction)


__all__ = sorted(
    name
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and name not in ("Tensor", "Any", "Optional")
)

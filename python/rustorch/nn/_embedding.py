"""Bags of embeddings: :mod:`rustorch.nn.functional` hands this on."""

from __future__ import annotations

import warnings
from typing import Optional

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentValueError, RusTorchError, UnsupportedError

_ops = _C._ops


def _renorm(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scales the rows that are used down to max_norm, in place."""
    with rustorch.no_grad():
        rows = input.reshape(-1)
        used = weight[rows]
        norms = used.norm(norm_type, 1, keepdim=True)
        weight[rows] = rustorch.where(norms > max_norm, used * (max_norm / (norms + 1e-7)), used)


def _ends_of(input: Tensor, offsets: Tensor, include_last_offset: bool) -> Tensor:
    """Behind which element each bag ends."""
    starts, n = offsets.to(rustorch.int64), input.shape[0]
    if include_last_offset:
        if not starts.numel():
            raise RusTorchError("include_last_offset: number of offsets should be at least 1")
        ends = starts[1:]
        if ends.numel() and ends[-1].item() != n:
            raise RusTorchError(f"include_last_offset: the last offset must be the number of indices, {n}, but got {ends[-1].item()}")
    else:
        ends = rustorch.cat([starts[1:], starts.new_full((1,), n)]) if starts.numel() else starts
    starts = starts[: ends.shape[0]]
    if starts.numel() and starts[0].item() != 0:
        raise RusTorchError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {starts[0].item()}"
        )
    if bool((starts > ends).any()):
        raise RusTorchError(f"offsets must ascend and be at most the number of indices, {n}; got {offsets.tolist()}")
    return ends


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Optional[Tensor] = None, max_norm: Optional[float] = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Optional[Tensor] = None,
    include_last_offset: bool = False, padding_idx: Optional[int] = None,
) -> Tensor:
    """Sums, means or maxima of groups ("bags") of rows of a table.

    Parameters
    ----------
    input : (B, L) of indices: B bags of L; or (N,), cut into bags by ``offsets``
    weight : (V, D)
    offsets : (B,), ascending from 0
        Where each bag begins; with ``include_last_offset`` also where the last one ends.
    max_norm : float, optional
        Rows that are used are scaled down to this ``norm_type``-norm, in place.
    scale_grad_by_freq : bool, default False
        Gradients are divided by how often an index occurs. Not with ``"max"``.
    mode : ``"mean"``, ``"sum"`` or ``"max"``
    sparse : bool, default False
        Gradients are dense in any case, of the same numbers. Not with ``"max"``.
    per_sample_weights : shape of input, optional
        Factors of the rows, with ``"sum"``.
    padding_idx : int, optional
        Elements that count for nothing.

    Returns
    -------
    (B, D); zeros for empty bags.

    Raises
    ------
    ValueError, RuntimeError
        Shapes, offsets or options do not fit.
    NotImplementedError
        ``per_sample_weights`` without ``"sum"``.

    Example
    -------
    >>> import rustorch as torch
    >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> torch.nn.functional.embedding_bag(torch.tensor([0, 1, 2]), table, torch.tensor([0, 2]), mode="sum")
    tensor([[4., 6.],
            [5., 6.]])
    """
    if weight.dtype == rustorch.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ArgumentValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same shape "
            f"as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ArgumentValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ArgumentValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
                f"However, found offsets of type {type(offsets)}"
            )
        ends = rustorch.arange(1, input.shape[0] + 1) * input.shape[1]
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ArgumentValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ArgumentValueError("offsets has to be a 1D Tensor")
        ends = _ends_of(input, offsets, include_last_offset)
    else:
        raise ArgumentValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if mode not in ("sum", "mean", "max"):
        raise ArgumentValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ArgumentValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise UnsupportedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}')."
        )
    if max_norm is not None:
        _renorm(weight, input, max_norm, norm_type)
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise RusTorchError(f"padding_idx must be within the number of embeddings, 0 through {weight.shape[0] - 1}, but got {padding_idx}")
    if per_sample_weights is not None and per_sample_weights.dtype != weight.dtype:
        raise RusTorchError(
            f"expected weight and per_sample_weights to have the same dtype, got {weight.dtype} and {per_sample_weights.dtype}"
        )
    input, dtype = input.to(rustorch.int64), weight.dtype
    if weight.element_size() == 2:  # halves are added up in float
        weight = weight.float()
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.float()
    if mode == "max":
        return _ops._embedding_max(weight, input, ends, padding_idx)[0].to(dtype)
    total = _ops._embedding_sum(weight, input, ends, per_sample_weights, padding_idx, scale_grad_by_freq)
    if mode == "mean":
        if padding_idx is None:
            sizes = ends.diff(prepend=ends.new_zeros(1)).to(total.dtype).unsqueeze(1)
        else:
            sizes = _ops._embedding_sum(weight.new_ones(weight.shape[0], 1), input, ends, None, padding_idx)
        total = total / sizes.clamp_min(1)
    return total.to(dtype)

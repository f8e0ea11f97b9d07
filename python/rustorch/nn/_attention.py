"""Attention: :mod:`rustorch.nn.functional` hands these on."""

from __future__ import annotations

import math
import warnings
from typing import Any, List, Optional, Tuple

import rustorch
from rustorch import Tensor, _C
from rustorch._C import RusTorchError

_ops = _C._ops


class _Backends:
    """Which ways of computing attention are allowed: see :func:`rustorch.nn.attention.sdpa_kernel`."""

    allowed = ("FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "OVERRIDEABLE", "MATH")


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Optional[Tensor] = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Optional[float] = None, enable_gqa: bool = False,
) -> Tensor:
    """softmax(query · keyᵀ · scale + mask) · value, computed in tiles: memory grows with T + S, not with T · S.

    Parameters
    ----------
    query : (…, H, T, D)
    key : (…, H, S, D)
    value : (…, H, S, V)
    attn_mask : broadcasts to (…, H, T, S), optional
        bool: True where a query may look; floating: added to the scores.
    dropout_p : float in [0, 1], default 0
        Applied whenever it is positive: pass 0 in evaluation.
    is_causal : bool, default False
        Query i sees keys 0 … i. Not together with a mask.
    scale : float, default 1/√D
    enable_gqa : bool, default False
        Key and value may have fewer heads, each shared by a group of consecutive heads of the query.

    Returns
    -------
    (…, H, T, V). A query that may look nowhere gets zeros.

    Raises
    ------
    RuntimeError
        Shapes or dtypes do not fit, or both a mask and ``is_causal`` are given.

    Source: Vaswani et al., NeurIPS 2017; the tiles: Dao et al., NeurIPS 2022.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.ones(2, 4, 8, 16)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
    rustorch.Size([2, 4, 8, 16])
    """
    allowed = _Backends.allowed
    if "FLASH_ATTENTION" in allowed or "EFFICIENT_ATTENTION" in allowed:
        op = _ops.scaled_dot_product_attention
    elif "MATH" in allowed:
        op = _ops._scaled_dot_product_attention_math
    else:
        raise RusTorchError(
            f"No available kernel. Aborting execution. On the CPU there are FLASH_ATTENTION, EFFICIENT_ATTENTION (the same) and "
            f"MATH; sdpa_kernel allows only {', '.join(allowed) or 'none'}."
        )
    return op(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)


def _none_or_dtype(input: Optional[Tensor]) -> Any:
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Optional[Tensor], mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Optional[Tensor]:
    """A bool mask (True: do not look) as one that is added; a floating one as it is."""
    if mask is None:
        return None
    floating = mask.is_floating_point()
    if mask.dtype != rustorch.bool and not floating:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.", stacklevel=3
        )
    if floating:
        return mask
    return rustorch.zeros(mask.shape, dtype=target_type, device=mask.device).masked_fill(mask, float("-inf"))


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Optional[Tensor], attn_mask: Optional[Tensor], num_heads: int
) -> bool:
    """Whether there is a batch dimension."""
    if query.dim() not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor")
    batched = query.dim() == 3
    kind, n = ("batched (3-D)", 3) if batched else ("unbatched (2-D)", 2)
    if key.dim() != n or value.dim() != n:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {n}-D but found {key.dim()}-D and {value.dim()}-D tensors "
            "respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != n - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {n - 1}-D but found {key_padding_mask.dim()}-D "
            "tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead"
        )
    if not batched and attn_mask is not None and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}")
    return batched


def _in_projection_packed(q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Optional[Tensor]) -> List[Tensor]:
    """One weight (3 E, E) for all three; what is the same tensor is multiplied once."""
    E = q.shape[-1]
    if q is k and k is v:
        return list(_ops.linear(q, w, b).chunk(3, -1))
    if k is v:
        w_q, w_kv = w[:E], w[E:]
        b_q, b_kv = (None, None) if b is None else (b[:E], b[E:])
        return [_ops.linear(q, w_q, b_q)] + list(_ops.linear(k, w_kv, b_kv).chunk(2, -1))
    biases = (None, None, None) if b is None else b.chunk(3)
    return [_ops.linear(x, weight, bias) for x, weight, bias in zip((q, k, v), w.chunk(3), biases)]


def _in_projection(
    inputs: Tuple[Tensor, Tensor, Tensor], weights: Tuple[Tensor, Tensor, Tensor], bias: Optional[Tensor]
) -> List[Tensor]:
    biases = (None, None, None) if bias is None else bias.chunk(3)
    E = inputs[0].shape[-1]
    for name, x, weight in zip(("query", "key", "value"), inputs, weights):
        if tuple(weight.shape) != (E, x.shape[-1]):
            raise AssertionError(f"expecting {name} weights shape of {(E, x.shape[-1])}, but got {tuple(weight.shape)}")
    return [_ops.linear(x, weight, b) for x, weight, b in zip(inputs, weights, biases)]


def _merged_mask(
    attn_mask: Optional[Tensor], key_padding_mask: Optional[Tensor], bsz: int, num_heads: int, tgt_len: int, src_len: int
) -> Optional[Tensor]:
    """Both as one that is added to scores (B, H, T, S)."""
    if attn_mask is not None:
        attn_mask = attn_mask.reshape(-1, num_heads, tgt_len, src_len) if attn_mask.shape[0] != 1 else attn_mask.unsqueeze(0)
    if key_padding_mask is None:
        return attn_mask
    for dim, size in enumerate((bsz, src_len)):
        if key_padding_mask.shape[dim] != size:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{dim}] to be {size}, but got {key_padding_mask.shape[dim]}"
            )
    key_padding_mask = key_padding_mask.reshape(bsz, 1, 1, src_len)
    return key_padding_mask if attn_mask is None else attn_mask + key_padding_mask


def _checked_static(name: str, static: Tensor, heads: int, head_dim: int) -> Tensor:
    if static.shape[0] != heads:
        raise AssertionError(f"expecting {name}.size(0) of {heads}, but got {static.shape[0]}")
    if static.shape[2] != head_dim:
        raise AssertionError(f"expecting {name}.size(2) of {head_dim}, but got {static.shape[2]}")
    return static


def _padded(mask: Optional[Tensor]) -> Optional[Tensor]:
    """One more key that all may look at."""
    return None if mask is None else _ops.pad(mask, [0, 1])


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Optional[Tensor],
    in_proj_bias: Optional[Tensor], bias_k: Optional[Tensor], bias_v: Optional[Tensor], add_zero_attn: bool, dropout_p: float,
    out_proj_weight: Tensor, out_proj_bias: Optional[Tensor], training: bool = True, key_padding_mask: Optional[Tensor] = None,
    need_weights: bool = True, attn_mask: Optional[Tensor] = None, use_separate_proj_weight: bool = False,
    q_proj_weight: Optional[Tensor] = None, k_proj_weight: Optional[Tensor] = None, v_proj_weight: Optional[Tensor] = None,
    static_k: Optional[Tensor] = None, static_v: Optional[Tensor] = None, average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Tuple[Tensor, Optional[Tensor]]:
    """What :class:`rustorch.nn.MultiheadAttention` computes, from its parameters.

    Parameters
    ----------
    query : (T, B, E) or (T, E)
    key, value : (S, B, …) or (S, …)
    embed_dim_to_check, num_heads : int
        E, and the heads that share it.
    in_proj_weight : (3 E, E); or, with ``use_separate_proj_weight``, q_proj_weight (E, E), k_proj_weight (E, kdim) and
        v_proj_weight (E, vdim)
    in_proj_bias : (3 E,), optional
    bias_k, bias_v : (1, 1, E), optional
        One more key and value, learned.
    add_zero_attn : bool
        One more key and value, zeros.
    dropout_p : float
        Of the weights, in ``training``.
    key_padding_mask : (B, S) or (S,), optional
        True: nobody looks at this key; floating: added to the scores.
    need_weights, average_attn_weights : bool
        Whether the weights are returned, and their mean over the heads. Without them attention is computed in tiles.
    attn_mask : (T, S) or (B · num_heads, T, S), optional
        True: this query does not look there (the other way round than in :func:`scaled_dot_product_attention`).
    static_k, static_v : (B · num_heads, S, E / num_heads), optional
        Keys and values as they are, without a projection.
    is_causal : bool
        A hint that ``attn_mask`` is causal; the mask must be there.

    Returns
    -------
    (output, weights) : (T, B, E), and (B, T, S) or (B, num_heads, T, S), or None.

    Raises
    ------
    AssertionError, RuntimeError
        Shapes do not fit.

    Source: Vaswani et al., NeurIPS 2017.

    >>> x, w = rustorch.rand(5, 2, 4), rustorch.rand(12, 4)
    >>> out, weights = F.multi_head_attention_forward(
    ...     x, x, x, 4, 2, w, None, None, None, False, 0.0, rustorch.eye(4), None)
    >>> out.shape, weights.shape
    (rustorch.Size([5, 2, 4]), rustorch.Size([2, 5, 5]))
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same = (query is key, key is value)
        query = query.unsqueeze(1)
        key = query if same[0] else key.unsqueeze(1)
        value = key if same[1] else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    tgt_len, bsz, embed_dim = query.shape
    src_len = key.shape[0]
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RusTorchError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        is_causal = False
    if embed_dim != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}")
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        for name, weight in zip("qkv", weights):
            if weight is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        q, k, v = _in_projection((query, key, value), weights, in_proj_bias)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        full = (tgt_len, src_len) if attn_mask.dim() == 2 else (bsz * num_heads, tgt_len, src_len)
        if tuple(attn_mask.shape) != full:
            raise RusTorchError(
                f"The shape of the {attn_mask.dim()}D attn_mask is {tuple(attn_mask.shape)}, but should be {full}."
            )
        attn_mask = attn_mask.unsqueeze(0) if attn_mask.dim() == 2 else attn_mask
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k is set but bias_v is None" if bias_v is None else "bias_v is set but bias_k is None")
    if bias_k is not None:
        for name, static in (("key", static_k), ("value", static_v)):
            if static is not None:
                raise AssertionError(f"bias cannot be added to static {name}.")
        k = rustorch.cat([k, bias_k.repeat(1, bsz, 1)])
        v = rustorch.cat([v, bias_v.repeat(1, bsz, 1)])
        attn_mask, key_padding_mask = _padded(attn_mask), _padded(key_padding_mask)

    def heads(x: Tensor) -> Tensor:  # (L, B, E) as (B, H, L, E / H)
        return x.reshape(x.shape[0], bsz, num_heads, head_dim).permute(1, 2, 0, 3)

    q, k, v = heads(q), heads(k), heads(v)
    if static_k is not None:
        k = _checked_static("static_k", static_k, bsz * num_heads, head_dim).reshape(bsz, num_heads, -1, head_dim)
    if static_v is not None:
        v = _checked_static("static_v", static_v, bsz * num_heads, head_dim).reshape(bsz, num_heads, -1, head_dim)
    if add_zero_attn:
        k, v = (rustorch.cat([x, rustorch.zeros(bsz, num_heads, 1, head_dim, dtype=x.dtype, device=x.device)], 2) for x in (k, v))
        attn_mask, key_padding_mask = _padded(attn_mask), _padded(key_padding_mask)
    mask = _merged_mask(attn_mask, key_padding_mask, bsz, num_heads, tgt_len, k.shape[2])
    if not training:
        dropout_p = 0.0
    weights = None
    if need_weights:
        scores = (q * math.sqrt(1.0 / float(head_dim))) @ k.transpose(-2, -1)
        weights = _ops.softmax(scores if mask is None else scores + mask, -1)
        if dropout_p > 0.0:
            weights = _ops.dropout(weights, dropout_p, True)
        output = weights @ v
    else:
        output = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    output = output.permute(2, 0, 1, 3).reshape(tgt_len, bsz, embed_dim)
    output = _ops.linear(output, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if not batched:
        output = output.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)
    return output, weights

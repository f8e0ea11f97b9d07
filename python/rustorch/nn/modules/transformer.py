"""Multi-head attention and the Transformer. Source: Vaswani et al., "Attention is all you need", NeurIPS 2017."""

from __future__ import annotations

import copy
from typing import Any, Callable, Optional, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, RusTorchError
from rustorch.nn import functional as F
from rustorch.nn import init
from rustorch.nn._attention import _canonical_mask, _none_or_dtype
from rustorch.nn.modules.container import ModuleList
from rustorch.nn.modules.dropout import Dropout
from rustorch.nn.modules.linear import Linear
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.norm import LayerNorm
from rustorch.nn.parameter import Parameter

__all__ = [
    "MultiheadAttention", "Transformer", "TransformerEncoder", "TransformerDecoder", "TransformerEncoderLayer",
    "TransformerDecoderLayer",
]  # fmt: skip

_Activation = Union[str, Callable[[Tensor], Tensor]]


class MultiheadAttention(Module):
    """Attention in ``num_heads`` subspaces at once: concat(head_1 … head_h) W_out, head_i = attention(Q W_i, K W_i, V W_i).

    Parameters
    ----------
    embed_dim : int
        E, of query and output; divisible by ``num_heads``.
    num_heads : int
    dropout : float, default 0
        Of the attention weights, in training.
    bias : bool, default True
        Of the projections.
    add_bias_kv, add_zero_attn : bool, default False
        One more key and value: learned, or zeros.
    kdim, vdim : int, default E
    batch_first : bool, default False
        (B, T, E) instead of (T, B, E).

    Source: Vaswani et al., NeurIPS 2017.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.ones(5, 2, 8)
    >>> output, weights = torch.nn.MultiheadAttention(8, 4)(x, x, x)
    >>> output.shape, weights.shape
    (rustorch.Size([5, 2, 8]), rustorch.Size([2, 5, 5]))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: Optional[int] = None, vdim: Optional[int] = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        options = {"device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        separate = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(rustorch.empty(3 * embed_dim, embed_dim, **options))
            for name in separate:
                self.register_parameter(name, None)
        else:
            for name, width in separate.items():
                self.register_parameter(name, Parameter(rustorch.empty(embed_dim, width, **options)))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", Parameter(rustorch.empty(3 * embed_dim, **options)) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, **options)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(rustorch.empty(1, 1, embed_dim, **options)) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Optional[Tensor] = None, need_weights: bool = True,
        attn_mask: Optional[Tensor] = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> Tuple[Tensor, Optional[Tensor]]:
        """The output and, with ``need_weights``, the weights: see :func:`rustorch.nn.functional.multi_head_attention_forward`."""
        turned = self.batch_first and query.dim() == 3
        key_padding_mask = _canonical_mask(
            key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
        )
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        if turned:  # what is one tensor stays one: its projections are then one product
            same = (query is key, key is value)
            query = query.transpose(0, 1)
            key = query if same[0] else key.transpose(0, 1)
            value = key if same[1] else value.transpose(0, 1)
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim, q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight, v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if turned else output), weights


def _activation_of(activation: _Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation in ("relu", "gelu"):
        return getattr(F, activation)
    raise RusTorchError(f"activation should be relu/gelu, not {activation}")


class _Layer(Module):
    """What both kinds of layers are made of; with ``_has_memory`` there is attention over the encoder's output too."""

    _has_memory = False

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: _Activation = F.relu,
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options = {"bias": bias, "device": device, "dtype": dtype}
        heads = {"dropout": dropout, "batch_first": batch_first, **options}
        self.self_attn = MultiheadAttention(d_model, nhead, **heads)
        if self._has_memory:
            self.multihead_attn = MultiheadAttention(d_model, nhead, **heads)
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first = norm_first
        parts = ("1", "2", "3") if self._has_memory else ("1", "2")  # attention once or twice, then the feed-forward network
        for part in parts:
            setattr(self, "norm" + part, LayerNorm(d_model, eps=layer_norm_eps, **options))
        for part in parts:
            setattr(self, "dropout" + part, Dropout(dropout))
        self.activation = _activation_of(activation)

    def _attend(self, x: Tensor, mask: Optional[Tensor], padding: Optional[Tensor], is_causal: bool) -> Tensor:
        x = self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal)[0]
        return self.dropout1(x)

    def _hidden(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with dropout, a residual connection and layer normalisation.

    Parameters
    ----------
    d_model, nhead : int
        Width and heads.
    dim_feedforward : int, default 2048
    dropout : float, default 0.1
    activation : ``"relu"``, ``"gelu"`` or a function, default relu
    layer_norm_eps : float, default 1e-5
    batch_first : bool, default False
    norm_first : bool, default False
        Normalise before attention and feed-forward network, not behind (Xiong et al., ICML 2020).
    bias : bool, default True
        Of linear layers and normalisations.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.TransformerEncoderLayer(16, 4, 32)(torch.ones(5, 2, 16)).shape
    rustorch.Size([5, 2, 16])
    """

    def forward(
        self, src: Tensor, src_mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None, is_causal: bool = False
    ) -> Tensor:
        src_key_padding_mask = _canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", _none_or_dtype(src_mask), "src_mask", src.dtype
        )
        src_mask = _canonical_mask(src_mask, "src_mask", None, "", src.dtype, check_other=False)
        if self.norm_first:
            x = src + self._attend(self.norm1(src), src_mask, src_key_padding_mask, is_causal)
            return x + self._feed(self.norm2(x))
        x = self.norm1(src + self._attend(src, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._feed(x))

    def _feed(self, x: Tensor) -> Tensor:
        return self.dropout2(self._hidden(x))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention over the encoder's output, and a feed-forward network: parameters as in
    :class:`TransformerEncoderLayer`.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.TransformerDecoderLayer(16, 4, 32)(torch.ones(3, 2, 16), torch.ones(5, 2, 16)).shape
    rustorch.Size([3, 2, 16])
    """

    _has_memory = True

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Optional[Tensor] = None, memory_mask: Optional[Tensor] = None,
        tgt_key_padding_mask: Optional[Tensor] = None, memory_key_padding_mask: Optional[Tensor] = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        across = (memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = tgt + self._attend(self.norm1(tgt), *own)
            x = x + self._attend_memory(self.norm2(x), *across)
            return x + self._feed(self.norm3(x))
        x = self.norm1(tgt + self._attend(tgt, *own))
        x = self.norm2(x + self._attend_memory(x, *across))
        return self.norm3(x + self._feed(x))

    def _attend_memory(
        self, x: Tensor, memory: Tensor, mask: Optional[Tensor], padding: Optional[Tensor], is_causal: bool
    ) -> Tensor:
        x = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )[0]
        return self.dropout2(x)

    def _feed(self, x: Tensor) -> Tensor:
        return self.dropout3(self._hidden(x))


def _clones(module: Module, n: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


def _subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
    return rustorch.triu(rustorch.full((sz, sz), float("-inf"), dtype=dtype, device=device), 1)


def _is_causal(mask: Optional[Tensor], is_causal: Optional[bool], x: Tensor, batch_first: bool) -> bool:
    """What was said, or else whether the mask is the causal one."""
    if is_causal is not None or mask is None:
        return is_causal is True
    size = x.shape[1 if batch_first and x.dim() == 3 else 0]
    if tuple(mask.shape) != (size, size):
        return False
    return bool((mask == _subsequent_mask(size, mask.device, mask.dtype)).all())


class TransformerEncoder(Module):
    """``num_layers`` copies of an encoder layer, one behind the other, and a normalisation at the end.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
    num_layers : int
    norm : Module, optional
    enable_nested_tensor, mask_check : bool
        Kept for scripts that give them: padding is masked, not taken out, so that they have nothing to change.

    >>> layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)
    >>> nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)(rustorch.zeros(1, 5, 8)).shape
    rustorch.Size([1, 5, 8])
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Optional[Module] = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self, src: Tensor, mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None,
        is_causal: Optional[bool] = None,
    ) -> Tensor:
        src_key_padding_mask = _canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", _none_or_dtype(mask), "mask", src.dtype
        )
        mask = _canonical_mask(mask, "mask", None, "", src.dtype, check_other=False)
        causal = _is_causal(mask, is_causal, src, self.layers[0].self_attn.batch_first)
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=src_key_padding_mask)
        return output if self.norm is None else self.norm(output)


class TransformerDecoder(Module):
    """``num_layers`` copies of a decoder layer, one behind the other, and a normalisation at the end.

    >>> layer = nn.TransformerDecoderLayer(8, 2, batch_first=True)
    >>> nn.TransformerDecoder(layer, 2)(rustorch.zeros(1, 5, 8), rustorch.zeros(1, 3, 8)).shape
    rustorch.Size([1, 5, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Optional[Module] = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Optional[Tensor] = None, memory_mask: Optional[Tensor] = None,
        tgt_key_padding_mask: Optional[Tensor] = None, memory_key_padding_mask: Optional[Tensor] = None,
        tgt_is_causal: Optional[bool] = None, memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, self.layers[0].self_attn.batch_first)
        output = tgt
        for layer in self.layers:
            output = layer(
                output, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal, memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """Encoder and decoder of "Attention is all you need": sources (S, B, d_model) and targets (T, B, d_model) give (T, B, d_model).

    Parameters
    ----------
    d_model : int, default 512
    nhead : int, default 8
    num_encoder_layers, num_decoder_layers : int, default 6
    dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias : see :class:`TransformerEncoderLayer`
    custom_encoder, custom_decoder : Module, optional
        Instead of those that would be made.

    Raises
    ------
    RuntimeError
        Batch or width of source and target do not fit.

    Source: Vaswani et al., NeurIPS 2017.

    Example
    -------
    >>> import rustorch as torch
    >>> model = torch.nn.Transformer(16, 4, 1, 1, 32)
    >>> model(torch.ones(5, 2, 16), torch.ones(3, 2, 16)).shape
    rustorch.Size([3, 2, 16])
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: _Activation = F.relu,
        custom_encoder: Optional[Any] = None, custom_decoder: Optional[Any] = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__()
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype)
        options = {"eps": layer_norm_eps, "bias": bias, "device": device, "dtype": dtype}
        if custom_encoder is None:
            custom_encoder = TransformerEncoder(
                TransformerEncoderLayer(*layer), num_encoder_layers, LayerNorm(d_model, **options)
            )
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(
                TransformerDecoderLayer(*layer), num_decoder_layers, LayerNorm(d_model, **options)
            )
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Optional[Tensor] = None, tgt_mask: Optional[Tensor] = None,
        memory_mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None,
        tgt_key_padding_mask: Optional[Tensor] = None, memory_key_padding_mask: Optional[Tensor] = None,
        src_is_causal: Optional[bool] = None, tgt_is_causal: Optional[bool] = None, memory_is_causal: bool = False,
    ) -> Tensor:
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch_dim] != tgt.shape[batch_dim]:
            raise RusTorchError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RusTorchError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask (sz, sz): 0 on and below the diagonal, −inf above."""
        return _subsequent_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

"""Attention and the Transformer layers against NumPy, and against PyTorch where it is installed."""

import math

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.autograd import gradcheck, gradgradcheck
from rustorch.nn import functional as F
from rustorch.nn.attention import SDPBackend, sdpa_kernel

rng = np.random.default_rng(3)


def draw(*shape):
    return rng.standard_normal(shape)


def tensor(x, grad=False):
    return torch.tensor(x).requires_grad_(grad)


def softmax(scores):
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = weights.sum(-1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), 0)


def attend(q, k, v, mask=None, causal=False, scale=None):
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if causal:
        mask = np.tril(np.ones(scores.shape[-2:], bool))
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    return softmax(scores) @ v


def check(got, want, tolerance=1e-12):
    assert got.shape == want.shape
    np.testing.assert_allclose(got.detach().double().numpy(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("kind", ["plain", "causal", "bool", "float", "scale"])
def test_values(lead, kind):
    q, k, v = draw(*lead, 6, 8), draw(*lead, 7, 8), draw(*lead, 7, 5)
    mask, kwargs = None, {}
    if kind == "bool":
        mask = rng.random((6, 7)) < 0.6
        mask[2] = False  # a query that may look nowhere
    if kind == "float":
        mask = draw(*lead, 6, 7)
    if kind == "causal":
        kwargs["is_causal"] = True
    if kind == "scale":
        kwargs["scale"] = 0.3
    want = attend(q, k, v, mask, kind == "causal", kwargs.get("scale"))
    arguments = (tensor(q), tensor(k), tensor(v), None if mask is None else tensor(mask))
    check(F.scaled_dot_product_attention(*arguments, **kwargs), want)
    with sdpa_kernel(SDPBackend.MATH):
        check(F.scaled_dot_product_attention(*arguments, **kwargs), want)


def test_leading_dimensions_and_masks_broadcast():
    q, k, v = draw(2, 3, 4, 5), draw(1, 3, 6, 5), draw(3, 6, 5)
    mask = rng.random((2, 1, 1, 6)) < 0.7
    mask[..., 0] = True
    got = F.scaled_dot_product_attention(*[tensor(x) for x in (q, k)], tensor(v[None]), tensor(mask))
    check(got, attend(q, k, v, mask))
    five = draw(2, 2, 3, 4, 5)
    mask = rng.random((2, 1, 1, 4, 4)) < 0.7
    mask[..., 0] = True
    check(F.scaled_dot_product_attention(*[tensor(five)] * 3, tensor(mask)), attend(five, five, five, mask))


def test_grouped_queries():
    q, k, v = draw(2, 6, 4, 5), draw(2, 2, 7, 5), draw(2, 2, 7, 3)
    want = attend(q, k.repeat(3, 1), v.repeat(3, 1))
    inputs = [tensor(x, True) for x in (q, k, v)]
    check(F.scaled_dot_product_attention(*inputs, enable_gqa=True), want)
    assert gradcheck(lambda *x: F.scaled_dot_product_attention(*x, enable_gqa=True), inputs)
    with pytest.raises(RuntimeError, match="do not broadcast"):
        F.scaled_dot_product_attention(*inputs)
    with pytest.raises(ValueError, match="must divide the number of heads"):
        F.scaled_dot_product_attention(tensor(draw(2, 5, 4, 5)), *inputs[1:], enable_gqa=True)


def test_gradients_of_a_blind_query_are_zero():
    q, k, v = (tensor(draw(1, 1, 3, 4), True) for _ in range(3))
    mask = torch.tensor([[True, True, False], [False, False, False], [True, False, True]])

    def run(*x):
        return F.scaled_dot_product_attention(*x, mask)

    assert gradcheck(run, (q, k, v)) and gradgradcheck(run, (q, k, v))
    run(q, k, v).sum().backward()
    assert (q.grad[0, 0, 1] == 0).all() and not q.grad.isnan().any()


def test_one_tensor_as_query_key_and_value():
    x = tensor(draw(1, 2, 5, 4), True)
    assert gradcheck(lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), (x,))
    assert gradgradcheck(lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), (x,))


def test_gradient_of_the_mask():
    inputs = [tensor(draw(2, 2, 3, 4), True) for _ in range(3)] + [tensor(draw(2, 1, 3, 3), True)]
    assert gradcheck(F.scaled_dot_product_attention, inputs)
    assert gradgradcheck(F.scaled_dot_product_attention, inputs)


def test_dropout():
    torch.manual_seed(5)
    q, k = torch.zeros(2, 3, 64, 8), torch.zeros(2, 3, 100, 8)
    v = torch.eye(100).expand(2, 3, 100, 100)
    weights = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25)  # 0 or 1 / 100 / 0.75
    kept = weights.numpy() > 0
    assert 0.73 < kept.mean() < 0.77
    np.testing.assert_allclose(weights.numpy()[kept], 1 / 75, rtol=1e-5)
    assert not (kept[0, 0] == kept[1, 2]).all()
    torch.manual_seed(5)
    assert (F.scaled_dot_product_attention(q, k, v, dropout_p=0.25) == weights).all()
    assert (F.scaled_dot_product_attention(q, k, v, dropout_p=1.0) == 0).all()
    with sdpa_kernel([SDPBackend.MATH]):
        torch.manual_seed(5)
        np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v, dropout_p=0.25).numpy(), weights.numpy(), rtol=1e-5)


def test_dropout_is_the_same_in_backward():
    inputs = [tensor(draw(1, 2, 5, 4), True) for _ in range(3)]

    def run(*x):
        torch.manual_seed(1)  # position 0 of the stream: the first that there is
        return F.scaled_dot_product_attention(*x, dropout_p=0.5)

    assert gradcheck(run, inputs) and gradgradcheck(run, inputs)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-5), (torch.float16, 4e-3), (torch.bfloat16, 3e-2)])
def test_dtypes(dtype, tolerance):
    """Tiles of 64 queries and 512 keys are crossed; value and gradients against float64."""
    q, k, v = draw(1, 2, 130, 16), draw(1, 2, 600, 16), draw(1, 2, 600, 16)
    g = draw(1, 2, 130, 16)
    results = []
    for use in (torch.float64, dtype):
        inputs = [tensor(x).to(dtype).to(use).requires_grad_() for x in (q, k, v)]
        out = F.scaled_dot_product_attention(*inputs, is_causal=True)
        assert out.dtype == use
        out.backward(tensor(g).to(dtype).to(use))
        results.append([out] + [x.grad for x in inputs])
    for want, got in zip(*results):
        assert got.dtype == dtype
        np.testing.assert_allclose(got.detach().double().numpy(), want.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_nan_is_not_taken_for_a_masked_score():
    x = torch.ones(1, 1, 3, 4)
    bad = x.clone()
    bad[0, 0, 1, 0] = math.nan
    assert F.scaled_dot_product_attention(bad, x, x).isnan()[0, 0, :, 0].tolist() == [False, True, False]
    assert F.scaled_dot_product_attention(x, bad, x, is_causal=True).isnan()[0, 0, :, 0].tolist() == [False, True, True]


def test_threads_do_not_change_the_result():
    x = torch.randn(1, 1, 300, 16)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 4, 4):
            torch.set_num_threads(threads)
            leaf = x.clone().requires_grad_()
            F.scaled_dot_product_attention(leaf, leaf, leaf).sum().backward()
            results.append(leaf.grad.numpy())
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-5)
    assert (results[1] == results[2]).all()


def test_errors():
    x = torch.zeros(1, 2, 3, 4)
    mask = torch.ones(3, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="Explicit attn_mask should not be set when is_causal=True"):
        F.scaled_dot_product_attention(x, x, x, mask, is_causal=True)
    with pytest.raises(TypeError, match="to have the same dtype, but got query.dtype: float32 key.dtype: float64"):
        F.scaled_dot_product_attention(x, x.double(), x)
    with pytest.raises(TypeError, match="Expected attn_mask dtype to be bool or float"):
        F.scaled_dot_product_attention(x, x, x, mask.long())
    with pytest.raises(RuntimeError, match="at least 2 dimensional"):
        F.scaled_dot_product_attention(x[0, 0, 0], x, x)
    with pytest.raises(RuntimeError, match="must agree"):
        F.scaled_dot_product_attention(x, x[..., :3], x)
    with pytest.raises(RuntimeError, match="does not broadcast to the scores"):
        F.scaled_dot_product_attention(x, x, x, mask[:2])
    with pytest.raises(ValueError, match="dropout probability"):
        F.scaled_dot_product_attention(x, x, x, dropout_p=1.5)


def test_backends():
    x = torch.zeros(1, 2, 3, 4)
    with pytest.raises(RuntimeError, match="No available kernel"):
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            F.scaled_dot_product_attention(x, x, x)
    with pytest.raises(AssertionError, match="Backend must be an instance of SDPBackend"):
        with sdpa_kernel("math"):
            pass
    y = x.clone().requires_grad_()
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION], set_priority=True):
        written_out = F.scaled_dot_product_attention(y, y, y)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        tiles = F.scaled_dot_product_attention(y, y, y)
    assert "Matmul" in written_out.grad_fn.name() and "Transpose" in tiles.grad_fn.name()


# ---------------------------------------------------------------------------------------------- multi-head attention


def project(x, weight, bias):
    return x @ weight.T + (0 if bias is None else bias)


def multihead(m, q, k, v, mask=None, padding=None):
    """(T, B, E) in NumPy: output, and weights (B, H, T, S)."""
    p = {name: value.detach().numpy() for name, value in m.named_parameters()}
    E, H = m.embed_dim, m.num_heads
    if m._qkv_same_embed_dim:
        weights = np.split(p["in_proj_weight"], 3)
    else:
        weights = [p[f"{name}_proj_weight"] for name in "qkv"]
    biases = np.split(p["in_proj_bias"], 3) if "in_proj_bias" in p else [None] * 3
    q, k, v = (project(x, w, b) for x, w, b in zip((q, k, v), weights, biases))
    extra = 0
    if "bias_k" in p:
        k, v = (np.concatenate([x, np.repeat(p[name], x.shape[1], 1)]) for x, name in ((k, "bias_k"), (v, "bias_v")))
        extra += 1
    heads = [x.reshape(len(x), x.shape[1], H, E // H).transpose(1, 2, 0, 3) for x in (q, k, v)]
    if m.add_zero_attn:
        heads[1:] = [np.concatenate([x, np.zeros_like(x[:, :, :1])], 2) for x in heads[1:]]
        extra += 1
    scores = heads[0] @ heads[1].swapaxes(-1, -2) / math.sqrt(E // H)
    for hidden, shape in ((mask, (1, 1)), (padding, None)):
        if hidden is not None:
            hidden = np.concatenate([hidden, np.zeros(hidden.shape[:-1] + (extra,), hidden.dtype)], -1)
            hidden = hidden[:, None, None] if shape is None else hidden.reshape(shape + hidden.shape) if hidden.ndim == 2 else hidden.reshape(len(q[0]), H, *hidden.shape[1:])
            scores = np.where(hidden, -np.inf, scores) if hidden.dtype == bool else scores + hidden
    weights = softmax(scores)
    out = (weights @ heads[2]).transpose(2, 0, 1, 3).reshape(q.shape)
    return project(out, p["out_proj.weight"], p.get("out_proj.bias")), weights


@pytest.mark.parametrize("options", [
    {}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 5, "vdim": 7}, {"batch_first": True},
])  # fmt: skip
@pytest.mark.parametrize("masks", ["", "bool", "float", "padding", "both"])
def test_multihead(options, masks):
    torch.manual_seed(0)
    m = nn.MultiheadAttention(8, 2, dtype=torch.float64, **options)
    for p in m.parameters():
        nn.init.normal_(p, std=0.5)
    q, k, v = draw(4, 3, 8), draw(6, 3, m.kdim), draw(6, 3, m.vdim)
    mask = padding = None
    if masks in ("bool", "both"):
        mask = rng.random((3 * 2, 4, 6) if masks == "both" else (4, 6)) < 0.3
        mask[..., 0] = False
    if masks == "float":
        mask = draw(4, 6)
    if masks in ("padding", "both"):
        padding = np.arange(6) >= np.array([6, 4, 5])[:, None]
    want, weights = multihead(m, q, k, v, mask, padding)
    turn = (lambda x: x.swapaxes(0, 1)) if m.batch_first else (lambda x: x)
    arguments = [tensor(turn(x).copy()) for x in (q, k, v)]
    kwargs = {
        "attn_mask": None if mask is None else tensor(mask),
        "key_padding_mask": None if padding is None else tensor(padding),
    }
    for need in (True, False):
        out, got = m(*arguments, need_weights=need, **kwargs)
        check(out, turn(want))
        assert need or got is None
        if need:
            check(got, weights.mean(1))
    check(m(*arguments, average_attn_weights=False, **kwargs)[1], weights)


def test_multihead_without_batch():
    m = nn.MultiheadAttention(8, 4, dtype=torch.float64)
    x = tensor(draw(5, 8))
    out, weights = m(x, x, x)
    want, all_weights = multihead(m, *[x.numpy()[:, None]] * 3)
    check(out, want[:, 0])
    check(weights, all_weights.mean(1)[0])
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    check(m(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0], m(x, x, x, attn_mask=mask)[0].detach().numpy())


def test_multihead_dropout_and_static_keys():
    m = nn.MultiheadAttention(8, 2, dropout=0.5, dtype=torch.float64)
    x = tensor(draw(5, 3, 8))
    for need in (True, False):
        torch.manual_seed(1)
        a = m(x, x, x, need_weights=need)[0]
        b = m(x, x, x, need_weights=need)[0]
        assert (a != b).any()
        assert (m.eval()(x, x, x, need_weights=need)[0] == m(x, x, x, need_weights=need)[0]).all()
        m.train()
    static = tensor(draw(6, 4, 4))
    args = (x, x, x, 8, 2, m.in_proj_weight, m.in_proj_bias, None, None, False, 0.0, m.out_proj.weight, m.out_proj.bias)
    out = F.multi_head_attention_forward(*args, static_k=static, static_v=static, need_weights=False)[0]
    q = F.linear(x, m.in_proj_weight[:8], m.in_proj_bias[:8]).detach().numpy().reshape(5, 3, 2, 4).transpose(1, 2, 0, 3)
    s = static.numpy().reshape(3, 2, 4, 4)
    want = attend(q, s, s).transpose(2, 0, 1, 3).reshape(5, 3, 8)
    check(out, project(want, m.out_proj.weight.detach().numpy(), m.out_proj.bias.detach().numpy()))
    with pytest.raises(AssertionError, match=r"expecting static_k.size\(0\) of 6, but got 5"):
        F.multi_head_attention_forward(*args, static_k=static[:5], static_v=static)


def test_multihead_errors():
    with pytest.raises(ValueError, match="must be greater than 0, got embed_dim=0"):
        nn.MultiheadAttention(0, 1)
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads"):
        nn.MultiheadAttention(7, 2)
    m = nn.MultiheadAttention(8, 2)
    x = torch.zeros(5, 3, 8)
    with pytest.raises(RuntimeError, match=r"The shape of the 2D attn_mask is \(4, 5\), but should be \(5, 5\)"):
        m(x, x, x, attn_mask=torch.zeros(4, 5))
    with pytest.raises(AssertionError, match="For batched .3-D. `query`, expected `key_padding_mask`"):
        m(x, x, x, key_padding_mask=torch.zeros(5))
    with pytest.raises(RuntimeError, match="Need attn_mask if specifying the is_causal hint"):
        m(x, x, x, is_causal=True)
    with pytest.raises(AssertionError, match="only bool and floating types of attn_mask"):
        m(x, x, x, attn_mask=torch.zeros(5, 5, dtype=torch.int64))
    with pytest.raises(AssertionError, match="was expecting embedding dimension of 8, but got 6"):
        m(x[..., :6], x[..., :6], x[..., :6])
    with pytest.raises(AssertionError, match="query should be unbatched 2D or batched 3D"):
        m(x[None], x, x)
    with pytest.warns(UserWarning, match="mismatched key_padding_mask and attn_mask"):
        m(x, x, x, key_padding_mask=torch.zeros(3, 5), attn_mask=torch.zeros(5, 5, dtype=torch.bool))


# ---------------------------------------------------------------------------------------------- layers


def layer_norm(x, m):
    centred = x - x.mean(-1, keepdims=True)
    y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + m.eps) * m.weight.detach().numpy()
    return y if m.bias is None else y + m.bias.detach().numpy()


def affine(x, m):
    return project(x, m.weight.detach().numpy(), None if m.bias is None else m.bias.detach().numpy())


def encoder_layer(m, x, mask=None, padding=None):
    def attended(y):
        return multihead(m.self_attn, y, y, y, mask, padding)[0]

    def fed(y):
        return affine(np.maximum(affine(y, m.linear1), 0), m.linear2)

    if m.norm_first:
        x = x + attended(layer_norm(x, m.norm1))
        return x + fed(layer_norm(x, m.norm2))
    x = layer_norm(x + attended(x), m.norm1)
    return layer_norm(x + fed(x), m.norm2)


def decoder_layer(m, x, memory, mask=None):
    def own(y):
        return multihead(m.self_attn, y, y, y, mask)[0]

    def across(y):
        return multihead(m.multihead_attn, y, memory, memory)[0]

    def fed(y):
        return affine(np.maximum(affine(y, m.linear1), 0), m.linear2)

    if m.norm_first:
        x = x + own(layer_norm(x, m.norm1))
        x = x + across(layer_norm(x, m.norm2))
        return x + fed(layer_norm(x, m.norm3))
    x = layer_norm(x + own(x), m.norm1)
    x = layer_norm(x + across(x), m.norm2)
    return layer_norm(x + fed(x), m.norm3)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_transformer(norm_first, bias, batch_first):
    torch.manual_seed(2)
    m = nn.Transformer(
        8, 2, 2, 2, 16, dropout=0.0, norm_first=norm_first, bias=bias, batch_first=batch_first, layer_norm_eps=1e-3,
        dtype=torch.float64,
    )  # fmt: skip
    for name, p in m.named_parameters():
        if p.dim() == 1:
            nn.init.uniform_(p, 0.5, 1.5)
    src, tgt = draw(5, 3, 8), draw(4, 3, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    assert mask.tolist()[1] == [0, 0, -math.inf, -math.inf]
    memory = src
    padding = np.arange(5) >= np.array([5, 3, 4])[:, None]
    for layer in m.encoder.layers:
        memory = encoder_layer(layer, memory, padding=padding)
    memory = layer_norm(memory, m.encoder.norm)
    want = tgt
    for layer in m.decoder.layers:
        want = decoder_layer(layer, want, memory, mask.numpy())
    want = layer_norm(want, m.decoder.norm)
    turn = (lambda x: x.swapaxes(0, 1)) if batch_first else (lambda x: x)
    inputs = [tensor(turn(x).copy()) for x in (src, tgt)]
    for causal in (None, True):
        got = m(*inputs, tgt_mask=mask, src_key_padding_mask=tensor(padding), tgt_is_causal=causal)
        check(got, turn(want), 1e-11)


def test_transformer_layers_train_and_drop():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu")
    encoder = nn.TransformerEncoder(layer, 2)
    assert encoder.layers[0].linear1.weight is not encoder.layers[1].linear1.weight
    assert (encoder.layers[0].linear1.weight == encoder.layers[1].linear1.weight).all()
    x = torch.randn(5, 2, 16)
    assert (encoder(x) != encoder(x)).any()
    encoder(x).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    encoder.eval()
    assert (encoder(x) == encoder(x)).all()
    with pytest.raises(RuntimeError, match="activation should be relu/gelu, not swish"):
        nn.TransformerEncoderLayer(16, 4, activation="swish")
    model = nn.Transformer(16, 4, 1, 1, 32)
    with pytest.raises(RuntimeError, match="the batch number of src and tgt must be equal"):
        model(torch.zeros(5, 2, 16), torch.zeros(5, 3, 16))
    with pytest.raises(RuntimeError, match="feature number of src and tgt must be equal to d_model"):
        model(torch.zeros(5, 2, 8), torch.zeros(5, 2, 16))


# ---------------------------------------------------------------------------------------------- PyTorch


def copied(theirs, ours):
    """The same parameters in both; names and shapes must be the same."""
    state = theirs.state_dict()
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict({name: torch.tensor(value.numpy()) for name, value in state.items()})


@pytest.mark.parametrize("name, args, kwargs, shapes", [
    ("MultiheadAttention", (8, 2), {"add_bias_kv": True}, [(4, 3, 8), (6, 3, 8), (6, 3, 8)]),
    ("MultiheadAttention", (8, 2), {"kdim": 3, "vdim": 5, "batch_first": True}, [(3, 4, 8), (3, 6, 3), (3, 6, 5)]),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0, "activation": "gelu"}, [(4, 3, 8)]),
    ("TransformerDecoderLayer", (8, 2, 16), {"dropout": 0.0, "norm_first": True}, [(4, 3, 8), (6, 3, 8)]),
    ("Transformer", (8, 2, 2, 2, 16), {"dropout": 0.0}, [(4, 3, 8), (6, 3, 8)]),
])  # fmt: skip
def test_like_pytorch(name, args, kwargs, shapes):
    pytorch = pytest.importorskip("torch")
    theirs, ours = getattr(pytorch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    copied(theirs, ours)
    inputs = [draw(*shape).astype("float32") for shape in shapes]
    results = []
    for library, m in ((pytorch, theirs), (torch, ours)):
        leaves = [library.tensor(x).requires_grad_() for x in inputs]
        out = m(*leaves)
        out = out[0] if isinstance(out, tuple) else out
        (out * out).sum().backward()
        grads = [x.grad for x in leaves] + [p.grad for p in m.parameters()]
        results.append([out.detach().numpy()] + [g.numpy() for g in grads])
    for want, got in zip(*results):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)

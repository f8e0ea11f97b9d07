"""One right call of every op that Python has, and what to put in the place of an argument to make it a wrong one.

A call is written with names that `values(module)` gives, so that the same text runs in rustorch and in PyTorch. Methods are
written as functions of their tensor.
"""

import ast

import numpy as np

UNARY = """
abs absolute acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil cos cosh erf erfc erfinv exp
exp2 expm1 fix floor frac hardsigmoid hardswish isfinite isinf isnan log log10 log1p log2 logical_not logsigmoid mish neg
negative reciprocal relu relu6 round rsqrt selu sigmoid sign silu sin sinh softsign sqrt square tan tanh tanhshrink trunc
nan_to_num gelu celu elu leaky_relu softplus hardtanh softshrink hardshrink t adjoint fliplr flipud squeeze ravel clone
contiguous argwhere empty_like zeros_like ones_like rand_like randn_like zero_ random_ uniform_ normal_
exponential_ bernoulli_ flatten tril triu diag sum mean prod amax amin max min aminmax argmax argmin var std var_mean std_mean
norm linalg_vector_norm all any count_nonzero nansum sort argsort unbind
angle deg2rad rad2deg digamma lgamma frexp i0 isneginf isposinf isreal logit positive sgn signbit sinc special_entr special_erfcx
special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 special_modified_bessel_k0 special_modified_bessel_k1
special_scaled_modified_bessel_k0 special_scaled_modified_bessel_k1 special_ndtri special_i0e special_i1 special_i1e
special_log_ndtr special_ndtr mode msort median nanmedian nanmean diagflat trace rot90 pdist
cauchy_ log_normal_
"""
BINARY = """
add sub subtract rsub mul multiply div divide true_divide floor_divide remainder fmod pow maximum minimum fmax fmin hypot
copysign eq ne not_equal lt less le less_equal gt greater ge greater_equal logical_and logical_or logical_xor atan2 arctan2 max
min expand_as view_as reshape_as copy_ logaddexp logaddexp2 heaviside nextafter xlogy special_xlog1py float_power dist kron inner igamma igammac special_zeta
"""
BITS = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm"
LOSSES = "mse_loss l1_loss smooth_l1_loss huber_loss kl_div binary_cross_entropy_with_logits binary_cross_entropy"
OTHERS = """
empty((2, 3)); zeros((2, 3)); ones((2, 3)); rand((2, 3)); randn((2, 3)); full((2, 3), 1.5); scalar_tensor(1.5); arange(1, 9, 2)
linspace(0, 1, 5); logspace(0, 1, 5, 2.0); eye(3, 4); full_like(x, 2); new_empty(x, (2, 2)); new_zeros(x, (2, 2))
new_ones(x, (2, 2)); new_full(x, (2, 2), 3); randint(2, 9, (2, 3)); randperm(5); normal(0.5, 1.5, (2, 3)); normal(x, 1.5)
normal(x, y); normal(0.5, y); randint_like(x, 2, 9); uniform_(x, 1.0, 2.0); normal_(x, 1.0, 2.0); exponential_(x, 2.0)
bernoulli_(x, 0.5); bernoulli_(x, u); random_(x, 2, 9); bernoulli(x, 0.5); bernoulli(u); multinomial(u, 2, True); fill_(x, 2)
add(x, y, alpha=2); add(x, 2); div(x, y, rounding_mode="floor"); pow(x, 2); pow(2, x); addcmul(x, y, y, value=2)
addcdiv(x, y, y, value=2); lerp(x, y, 0.5); lerp(x, y, u); round(x, decimals=1); clamp(x, 0, 1); clip(x, 0, 1); clamp(x, u, y)
clip(x, u, y); clamp_min(x, 0); clamp_max(x, 0); nan_to_num(x, 0, 1, 2); bitwise_not(i); where(b, x, y); leaky_relu(x, 0.1)
elu(x, 0.5); celu(x, 0.5); gelu(x, approximate="tanh"); softplus(x, 1.0, 20.0); hardtanh(x, -1.0, 1.0); threshold(x, 0.5, 2)
softshrink(x, 0.5); hardshrink(x, 0.5); sum(x, 1, True); mean(x, (0, 1)); prod(x, 1, True); amax(x, 1, True); amin(x, (0, 1))
max(x, 1, True); min(x, 1, True); aminmax(x, dim=1, keepdim=True); argmax(x, 1, True); argmin(x, 1, True); var(x, 1, True, True)
std(x, (0, 1), correction=0); var_mean(x, 1, correction=0); std_mean(x, 1, False); norm(x, 2, 1, True)
linalg_vector_norm(x, 3, 1); all(x, 1); any(x, 1, True); count_nonzero(x, 1); nansum(x, 1); cumsum(x, 1); cumprod(x, 1)
softmax(x, 1); log_softmax(x, 1); softmin(x, 1); logsumexp(x, 1, True); view(x, 3, 2); view(x, (6,))
as_strided(x, (2, 2), (1, 1), 1); expand(x, 4, 2, 3); broadcast_to(x, (4, 2, 3)); broadcast_tensors([x, y]); permute(x, (1, 0))
transpose(x, 0, 1); swapaxes(x, 0, 1); swapdims(x, 0, 1); movedim(x, 0, 1); moveaxis(x, (0, 1), (1, 0)); squeeze(x, 0)
unsqueeze(x, 1); select(x, 1, 2); narrow(x, 1, 1, 2); diagonal(x, 0, 0, 1); unfold(x, 1, 2, 1); reshape(x, (3, 2))
flatten(x, 0, 1); unflatten(x, 1, (3, 1)); unbind(x, 1); split(x, 2, 1); split(x, (1, 2), 1); split_with_sizes(x, (1, 2), 1)
chunk(x, 2, 1); tensor_split(x, 2, 1); tensor_split(x, (1, 2), 1); hsplit(x, 3); hsplit(x, (1, 2)); vsplit(x, 2)
vsplit(x, (1,)); cat([x, y], 1); concat([x, y], 1); concatenate([x, y], 1); stack([x, y], 1); hstack([x, y]); vstack([x, y])
row_stack([x, y]); repeat(x, 2, 1); tile(x, (2, 1)); repeat_interleave(v3); repeat_interleave(x, 2, 1)
repeat_interleave(x, v3, 1); flip(x, (0, 1)); roll(x, (1,), (1,)); pad(x, (1, 1), "constant", 2)
pad(img, (1, 1, 1, 1), "reflect"); meshgrid([f3, f3], indexing="ij"); diag_embed(x, 0, 0, 1); diag(x, 1); one_hot(v3, 5)
index_put(x, [v2, v2], f2, True); index_select(x, 1, v2); index_add(x, 1, v2, m22, alpha=2); index_copy(x, 1, v2, m22)
index_fill(x, 1, v2, 5); gather(x, 1, i); take_along_dim(x, i, 1); scatter(x, 1, i, y); scatter(x, 1, i, 5)
scatter_add(x, 1, i, y); scatter_reduce(x, 1, i, y, "sum"); take(x, v2); masked_fill(x, b, 5); masked_select(x, b)
masked_scatter(x, b, y); embedding(v3, w); embedding(v3, w, 1); sort(x, 1, True); argsort(x, 1, True); topk(x, 2, 1, True, True)
bincount(v3, f3, 4); mm(x, m32); bmm(t3, t3); mv(x, f3); dot(f3, f3); vdot(f3, f3); addmm(m22, x, m32, beta=2, alpha=3)
linear(x, w3, f2); matmul(x, m32); addmv(f2, x, f3); baddbmm(t3, t3, t3); addbmm(m22, t3, t3); outer(f2, f3); ger(f2, f3)
conv2d(img, ker, f3, 1, 1, 1, 1); conv1d(sig, kern1, f3, 1, 1, 1, 1); conv_transpose2d(img, kert, f3, 1, 1, 0, 1, 1)
conv_transpose1d(sig, kert1, f3, 1, 1, 0, 1, 1); max_pool2d(img, 2, 2, 1, 1, False)
max_pool2d_with_indices(img, 2, 2, 1, 1, False); avg_pool2d(img, 2, 2, 1, False, True, 3); adaptive_avg_pool2d(img, (2, 2))
adaptive_max_pool2d(img, (2, 2)); adaptive_max_pool2d_with_indices(img, (2, 2)); max_pool1d(sig, 2, 2, 1, 1, False)
max_pool1d_with_indices(sig, 2, 2, 1, 1, False); avg_pool1d(sig, 2, 2, 1); adaptive_avg_pool1d(sig, 2)
adaptive_max_pool1d(sig, 2); adaptive_max_pool1d_with_indices(sig, 2)
batch_norm(img, weight=f2, bias=f2, running_mean=z2, running_var=o2, training=True, momentum=0.1, eps=1e-5)
batch_norm(img, weight=f2, bias=f2, running_mean=z2, running_var=o2, training=False, momentum=0.1, eps=1e-5)
layer_norm(x, (3,), f3, f3, 1e-5); group_norm(img, 2, f2, f2, 1e-5); native_dropout(x, 0.5, True); dropout(x, 0.5, True)
feature_dropout(img, 0.5, True); alpha_dropout(x, 0.5, True); nll_loss(x, c2, f3, ignore_index=1, reduction="sum")
cross_entropy(x, c2, f3, ignore_index=1, reduction="mean", label_smoothing=0.1); cross_entropy(x, u, reduction="none")
binary_cross_entropy(u, u, u, reduction="sum"); binary_cross_entropy_with_logits(x, u, u, pos_weight=f3, reduction="sum")
smooth_l1_loss(x, y, reduction="mean", beta=0.5); huber_loss(x, y, reduction="mean", delta=0.5)
kl_div(x, u, reduction="sum", log_target=True)
addr(x, f2, f3, beta=2, alpha=3); ldexp(x, i); logit(x, 0.25); mvlgamma(y, 2); polygamma(1, x); xlogy(2, x); xlogy(x, 2)
special_xlog1py(x, 2); float_power(2, x); float_power(x, 2); dist(x, y, 3); cdist(x, y, 2.0); pdist(x, 3.0)
cdist(x, y, 1.5, "donot_use_mm_for_euclid_dist"); cross(x, y, 1); det(sq); inverse(sq); logdet(sq); slogdet(sq)
linalg_cholesky(sq); linalg_eigh(sq); linalg_qr(x); linalg_solve(sq, m32); linalg_svd(x); diagflat(x, 1)
cummax(x, 1); cummin(x, 1); logcumsumexp(x, 1); diff(x, 1, 1, prepend=x, append=y); kthvalue(x, 2, 1, True); mode(x, 1, True)
median(x, 1, True); nanmedian(x, 1, True); nanmean(x, 1, True, dtype=f32); bucketize(x, f3, out_int32=True, right=True)
bucketize(1.0, f3); searchsorted(f3, x, out_int32=True, right=True); searchsorted(f3, f3, side="right", sorter=v3)
searchsorted(f3, 1.0); put(x, v2, f2, True); index_reduce(x, 1, v2, m22, "prod", include_self=False)
select_scatter(x, f2, 1, 0); slice_scatter(x, y, 0, 0, 2, 1); diagonal_scatter(x, f2, 0, 0, 1); rot90(x, 1, (0, 1))
column_stack([x, y]); dstack([x, y]); dsplit(t3, 2); dsplit(t3, (1,)); binomial(y, u); poisson(u); cauchy_(x, 0.5, 1.5)
geometric_(x, 0.5); log_normal_(x, 1.0, 2.0); feature_alpha_dropout(img, 0.5, True); rms_norm(x, (3,), f3, 1e-5)
conv3d(vol, ker3, f3, 1, 1, 1, 1); conv_transpose3d(vol, kert3, f3, 1, 1, 0, 1, 1); max_pool3d(vol, 2, 2, 1, 1, False)
max_pool3d_with_indices(vol, 2, 2, 1, 1, False); avg_pool3d(vol, 2, 2, 1, False, True, 3); adaptive_avg_pool3d(vol, (2, 2, 2))
adaptive_max_pool3d(vol, (2, 2, 2)); adaptive_max_pool3d_with_indices(vol, (2, 2, 2)); pixel_shuffle(quad, 2)
pixel_unshuffle(quad, 2); channel_shuffle(quad, 2); _im2col(img, 2, 1, 0, 1); _col2im(cols, 5, 2, 1, 0, 1)
_interpolate(sig, (7,), mode="linear", align_corners=True); _interpolate(img, (7, 7))
_interpolate(vol, (3, 3, 3), mode="nearest-exact"); scaled_dot_product_attention(q4, q4, q4, None, 0.0, True, scale=0.5)
scaled_dot_product_attention(q4, q4, q4, m33, 0.5, False, enable_gqa=True)
_scaled_dot_product_attention_math(q4, q4, q4, m33, 0.0, False, scale=0.5)
_ctc_loss_each(logs, labels, in2, out2, 0, False); special_zeta(2, y); special_zeta(x, 2); _standard_gamma(u)
linalg_solve_triangular(sq, m32, upper=True, unitriangular=True); linalg_lu_factor(x)
"""
# Without a counterpart in PyTorch.
OURS = """
_rnn_layer(t3, m22, m22, m82, m82, f8, f8, None, None, mode="lstm", reverse=True)
_rnn_layer(pack, m22, None, m62, m62, mode="gru", batch_sizes=v21); _sample_gather(sig, taps, ones); _sample_taps(t3, (4, 5))
_sample_taps(t3, (4, 5), "nearest", "border", True); _sample_taps_backward(ones4, t3, (4, 5), "bilinear", "zeros", False)
_interpolate(img, (7, 7), "linear", False, True, 0, 2.0, 2.0); _lu_order(p3, 4); _embedding_sum(w, v3, v23); _standard_gamma_grad(y, u)
_embedding_sum(w, v3, v23, f3, 1); _embedding_max(w, v3, v23)
"""


def separate(text):
    return [call.strip() for line in text.strip().splitlines() for call in line.split(";")]


def right_calls():
    """The text of every call that PyTorch has too."""
    calls = [f"{name}(x)" for name in UNARY.split()] + [f"{name}(x, y)" for name in BINARY.split()]
    calls += [f"{name}(i, i)" for name in BITS.split()] + [f'{name}(u, u, reduction="mean")' for name in LOSSES.split()]
    return calls + separate(OTHERS)


def our_calls():
    """The text of those that PyTorch does not have."""
    return separate(OURS)


def values(m):
    """What the names in a call stand for, in rustorch or in PyTorch: new tensors at each call."""
    ramp = m.arange(6).reshape(2, 3)
    return {
        "x": ramp * 0.25 - 0.5, "y": ramp * 0.5 + 1, "u": ramp * 0.125 + 0.125, "i": ramp % 3, "b": ramp > 2,
        "v2": m.tensor([0, 1]), "v3": m.tensor([2, 0, 1]), "c2": m.tensor([0, 2]), "f2": m.tensor([0.5, 1.5]),
        "f3": m.tensor([0.5, 1.5, 2.5]), "z2": m.zeros(2), "o2": m.ones(2), "w": m.ones(4, 3), "w3": m.ones(2, 3),
        "m22": m.ones(2, 2), "m32": m.ones(3, 2), "t3": m.ones(2, 2, 2), "img": m.arange(50.0).reshape(1, 2, 5, 5),
        "sig": m.arange(10.0).reshape(1, 2, 5), "ker": m.ones(3, 2, 3, 3), "kern1": m.ones(3, 2, 3),
        "kert": m.ones(2, 3, 3, 3), "kert1": m.ones(2, 3, 3),
        "vol": m.arange(128.0).reshape(1, 2, 4, 4, 4), "ker3": m.ones(3, 2, 2, 2, 2), "kert3": m.ones(2, 3, 2, 2, 2),
        "quad": m.arange(64.0).reshape(1, 4, 4, 4), "cols": m.ones(1, 8, 16), "q4": m.arange(24.0).reshape(1, 2, 3, 4) * 0.125,
        "m33": m.ones(3, 3), "sq": m.eye(3) * 2 + 0.5, "f32": m.float32, "logs": (m.arange(24.0) * 0.125).reshape(4, 2, 3),
        "labels": m.tensor([[1, 2], [2, 1]]), "in2": m.tensor([4, 3]), "out2": m.tensor([2, 1]),
        "m82": m.ones(8, 2), "m62": m.ones(6, 2), "f8": m.ones(8), "pack": m.ones(3, 2), "v21": m.tensor([2, 1]),
        "v23": m.tensor([2, 3]), "p3": m.tensor([2, 3, 3], dtype=m.int32), "taps": m.tensor([[[0, 4], [-1, 2]]]), "ones": m.ones(1, 2, 2), "ones4": m.ones(2, 2, 4),
    }  # fmt: skip


# What takes an argument's place. Sizes that PyTorch would try to allocate stay small; 10¹⁵ elements have a test of their own.
MUTANTS = {
    "None": lambda m: None, "text": lambda m: "nonsense", "list": lambda m: [], "dict": lambda m: {}, "object": lambda m: object(),
    "int": lambda m: 7, "minus": lambda m: -7, "one": lambda m: -1, "zero": lambda m: 0, "long": lambda m: 2**70, "float": lambda m: 1.5,
    "nan": lambda m: float("nan"), "negative": lambda m: -2.5, "above": lambda m: 40, "ints": lambda m: (5, 5, 5),
    "minuses": lambda m: (-5, -1), "far": lambda m: (9, -9), "zeros": lambda m: (0, 0), "words": lambda m: ("a",),
    "deep": lambda m: (1,) * 20, "nested": lambda m: [[1, 2]],
    "scalar": lambda m: m.tensor(2.0), "empty": lambda m: m.zeros(0), "vector": lambda m: m.ones(7), "cube": lambda m: m.ones(5, 4, 7),
    "five": lambda m: m.ones(2, 3, 1, 2, 3), "doubles": lambda m: m.ones(2, 3, dtype=m.float64), "halves": lambda m: m.ones(2, 3, dtype=m.float16),
    "integers": lambda m: m.ones(2, 3, dtype=m.int64), "bytes": lambda m: m.ones(2, 3, dtype=m.uint8),
    "bools": lambda m: m.ones(2, 3, dtype=m.bool), "far index": lambda m: m.full((2, 3), 99), "minus index": lambda m: m.full((2,), -9),
    "array": lambda m: np.ones((2, 3)), "tensors": lambda m: [m.ones(2, 3), m.ones(4)], "kinds": lambda m: [m.ones(2, 3), 1],
    "type": lambda m: m.float32,
}  # fmt: skip


def parse(call):
    """The name of the op, and its arguments as [keyword or None, text]."""
    tree = ast.parse(call, mode="eval").body
    arguments = [[None, ast.get_source_segment(call, node)] for node in tree.args]
    return tree.func.id, arguments + [[k.arg, ast.get_source_segment(call, k.value)] for k in tree.keywords]


def run(function, module, arguments, at=None, mutant=None):
    """The call with argument `at` replaced."""
    names = values(module)
    args, kwargs = [], {}
    for k, (keyword, text) in enumerate(arguments):
        value = MUTANTS[mutant](module) if k == at else eval(text, {}, names)
        if keyword is None:
            args.append(value)
        else:
            kwargs[keyword] = value
    return function(*args, **kwargs)


# ------------------------------------------------------------------------------------------ what PyTorch refuses


def read_refused(path):
    """{(call, argument): {mutants}} from the file that `write_refused` wrote."""
    refused, mutants = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("#"):
                continue
            if not line.startswith("    "):
                mutants = frozenset(line.split(", ")) - {""}
                continue
            call, at = line.strip().rsplit(" @ ", 1)
            refused[call, int(at)] = mutants
    return refused


def peer_function(torch, name):
    """What PyTorch has under the name of an op; None: nothing."""
    special = {
        "unfold": torch.Tensor.unfold,
        "broadcast_tensors": lambda tensors: torch.broadcast_tensors(*tensors),
        "_im2col": torch.nn.functional.unfold,
        "_interpolate": torch.nn.functional.interpolate,
        "_col2im": torch.nn.functional.fold,
        "_ctc_loss_each": lambda a, b, c, d, blank, infinity: torch.nn.functional.ctc_loss(a, b, c, d, blank, "none", infinity),
    }
    family, _, rest = name.partition("_")
    if family in ("linalg", "special"):
        return getattr(getattr(torch, family), rest, None)
    homes = (torch.nn.functional, torch, torch.Tensor)
    return special.get(name) or next((getattr(home, name) for home in homes if hasattr(home, name)), None)


def write_refused(path):
    """Ask the PyTorch of this interpreter."""
    import collections
    import warnings

    import torch

    warnings.simplefilter("ignore")
    groups = collections.OrderedDict()
    for call in right_calls():
        name, arguments = parse(call)
        function = peer_function(torch, name)
        run(function, torch, arguments)
        for at in range(len(arguments)):
            refused = []
            for mutant in MUTANTS:
                try:
                    run(function, torch, arguments, at, mutant)
                except Exception:
                    refused.append(mutant)
            groups.setdefault(", ".join(refused), []).append(f"    {call} @ {at}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# What PyTorch {torch.__version__.split('+')[0]} refuses in the place of an argument: mutants, then calls @ argument.\n")
        file.write("# Written by `python tests/python/calls.py` where PyTorch is installed; do not edit.\n")
        for mutants, calls in groups.items():
            file.write("\n".join([mutants, *calls]) + "\n")


if __name__ == "__main__":
    import os

    write_refused(os.path.join(os.path.dirname(os.path.abspath(__file__)), "refused.txt"))

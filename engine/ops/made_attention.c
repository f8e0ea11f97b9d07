// Attention as the user calls it: any number of leading dimensions, masks, dropout.
#include "ops/made.h"

#include <math.h>
#include <string.h>

#include "tensor/random.h"

// Query, key, value and mask as ops/attention.def describes them.
typedef struct Heads {
    RtTensor *q, *k, *v, *mask;
    RtAttrs_attention attrs; // scale and the place of the dropout are settled
    RtInts lead;             // of the result
} Heads;

static RtTensor *number(double value, const RtTensor *like) {
    return rt_tensor_scalar(rt_float(value), (RtDtype)like->dtype, true);
}
static RtTensor *unsqueezed(RtTensor *x, int64_t dim) {
    return rt_unsqueeze(x, WITH(slice, .dim = dim));
}
static Status check_arguments(const OpCall *call) {
    const RtTensor *q = call->in[0], *k = call->in[1], *v = call->in[2], *mask = call->in[3];
    const RtAttrs_attention *attrs = ATTRS_OF(call, attention);
    if (q->dtype != k->dtype || q->dtype != v->dtype)
        return fail(ERR_DTYPE,
                    "Expected query, key, and value to have the same dtype, but got query.dtype: "
                    "%s key.dtype: %s and value.dtype: %s instead.",
                    rt_dtype_name((RtDtype)q->dtype), rt_dtype_name((RtDtype)k->dtype),
                    rt_dtype_name((RtDtype)v->dtype));
    if (rt_dtype_kind((RtDtype)q->dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "the query has dtype %s, a floating-point dtype is needed: convert it "
                         "with .float()",
                         rt_dtype_name((RtDtype)q->dtype));
    if (q->ndim < 2 || k->ndim < 2 || v->ndim < 2)
        return fail(ERR_SHAPE,
                    "Expected query, key, and value to all be at least 2 dimensional, but got "
                    "query.dim: %d, key.dim: %d and value.dim: %d instead.",
                    q->ndim, k->ndim, v->ndim);
    if (PRESENT(mask) && mask->dtype != RT_BOOL && mask->dtype != RT_F32 && mask->dtype != q->dtype)
        return fail(ERR_DTYPE,
                    "Expected attn_mask dtype to be bool or float or to match query dtype, but "
                    "got attn_mask.dtype: %s and query.dtype: %s instead.",
                    rt_dtype_name((RtDtype)mask->dtype), rt_dtype_name((RtDtype)q->dtype));
    if (PRESENT(mask) && attrs->is_causal)
        return fail(ERR_VALUE, "_scaled_dot_product_attention: Explicit attn_mask should not be "
                               "set when is_causal=True");
    if (!(attrs->dropout_p >= 0 && attrs->dropout_p <= 1))
        return fail(ERR_VALUE, "dropout probability has to be between 0 and 1, but got %g",
                    attrs->dropout_p);
    if (q->shape[q->ndim - 1] != k->shape[k->ndim - 1] ||
        k->shape[k->ndim - 2] != v->shape[v->ndim - 2])
        return call_fail(call, ERR_SHAPE,
                         "query (%s), key (%s), value (%s): query and key must agree in their "
                         "last dimension, key and value in the one before it",
                         shape_words(q), shape_words(k), shape_words(v));
    return OK;
}

// Leading dimensions: those of x without the last two, and without the heads if these are shared.
static Status widen(const OpCall *call, RtShape *lead, const RtTensor *x, int skip) {
    RtTensor like = {.ndim = (int8_t)(x->ndim - skip)};
    memcpy(like.shape, x->shape, (size_t)like.ndim * sizeof *x->shape);
    return shape_broadcast(call, lead, &like);
}

static RtTensor *expanded(RtTensor *x, const RtShape *lead, int own) {
    RtAttrs_size size = rt_defaults_size();
    size.size.n = lead->n + own;
    memcpy(size.size.v, lead->dim, (size_t)lead->n * sizeof(int64_t));
    memcpy(size.size.v + lead->n, x->shape + x->ndim - own, (size_t)own * sizeof(int64_t));
    RtShape shape = {.n = size.size.n};
    memcpy(shape.dim, size.size.v, (size_t)shape.n * sizeof(int64_t));
    return shape_is(x, &shape) ? x : rt_expand(x, size);
}

// (…, own dimensions) with lead.n leading ones as 4 dimensions.
static RtTensor *four(RtTensor *x, int lead) {
    if (!x || lead == 2) return x;
    if (lead == 0) return unsqueezed(unsqueezed(x, 0), 0);
    if (lead == 1) return unsqueezed(x, 1);
    RtInts shape = RT_INTS(1, x->shape[lead - 1], x->shape[lead], x->shape[lead + 1]);
    for (int i = 0; i < lead - 1; i++) shape.v[0] *= x->shape[i];
    return shaped(x, shape);
}

static RtTensor *four_mask(RtTensor *mask, const RtShape *lead) {
    if (!PRESENT(mask) || lead->n == 2) return mask;
    if (lead->n == 1) return mask->ndim < 3 ? mask : unsqueezed(mask, 1);
    if (lead->n < 1 || mask->ndim <= 3) return mask;
    return four(expanded(mask, lead, 2), lead->n);
}

static RtTensor *repeated(RtTensor *x, int64_t heads) { // each head for its group of queries
    int64_t own = x->shape[x->ndim - 3];
    if (own == heads) return x;
    return rt_repeat_interleave(x, WITH(interleave, .repeats = heads / own, .dim = -3));
}

static Status heads_of(const OpCall *call, Heads *out) {
    TRY(check_arguments(call));
    RtTensor *q = call->in[0], *k = call->in[1], *v = call->in[2];
    out->attrs = *ATTRS_OF(call, attention);
    int own = 2; // dimensions that do not broadcast
    if (out->attrs.enable_gqa) {
        own = 3;
        if (q->ndim < 3 || k->ndim < 3 || v->ndim < 3)
            return call_fail(call, ERR_SHAPE,
                             "enable_gqa needs at least 3 dimensions, got %d, %d and %d", q->ndim,
                             k->ndim, v->ndim);
        int64_t heads = q->shape[q->ndim - 3], of_k = k->shape[k->ndim - 3],
                of_v = v->shape[v->ndim - 3];
        bool fits = heads == 0 ? of_k == 0 && of_v == 0
                               : of_k && of_v && heads % of_k == 0 && heads % of_v == 0;
        if (!fits)
            return fail(ERR_VALUE,
                        "Number of heads in key and value must divide the number of heads in "
                        "query, but got %lld, %lld and %lld",
                        (long long)of_k, (long long)of_v, (long long)heads);
        if (of_k != of_v) {
            k = repeated(k, heads);
            v = repeated(v, heads);
            if (!k || !v) return error_code();
        }
    }
    RtShape lead = {.n = 0};
    TRY(widen(call, &lead, q, own));
    TRY(widen(call, &lead, k, own));
    TRY(widen(call, &lead, v, own));
    q = expanded(q, &lead, own);
    k = expanded(k, &lead, own);
    v = expanded(v, &lead, own);
    if (!q || !k || !v) return error_code();
    if (own == 3) lead.dim[lead.n++] = q->shape[q->ndim - 3];
    if (PRESENT(call->in[3]) && call->in[3]->ndim > lead.n + 2)
        return call_fail(call, ERR_SHAPE, "the mask (%s) has more dimensions than the query (%s)",
                         shape_words(call->in[3]), shape_words(q));
    out->q = four(q, lead.n);
    out->k = four(k, lead.n);
    out->v = four(v, lead.n);
    out->mask = four_mask(call->in[3], &lead);
    if (!out->q || !out->k || !out->v || !out->mask) return error_code();
    out->lead.n = lead.n;
    memcpy(out->lead.v, lead.dim, sizeof lead.dim);
    if (out->attrs.scale.kind == RT_SCALAR_NONE) {
        int64_t width = q->shape[q->ndim - 1];
        out->attrs.scale = rt_float(width ? 1 / sqrt((double)width) : 1);
    }
    if (out->attrs.dropout_p > 0 && out->attrs.position < 0) {
        int64_t rows = out->q->shape[0] * out->q->shape[1] * out->q->shape[2];
        uint64_t seed, n = (uint64_t)rows * RANDOM_BLOCKS(out->k->shape[2], 1);
        out->attrs.position = (int64_t)generator_take(NULL, n, &seed);
        out->attrs.seed = (int64_t)seed;
    }
    return OK;
}

static Status give_heads(OpCall *call, const Heads *heads, RtTensor *result) {
    if (result && heads->lead.n != 2) {
        RtInts shape = heads->lead;
        shape.v[shape.n++] = result->shape[2];
        shape.v[shape.n++] = result->shape[3];
        result = shaped(result, shape);
    }
    call->out[0] = result;
    return result ? OK : error_code();
}

Status made_scaled_dot_product_attention(OpCall *call) {
    Heads heads;
    TRY(heads_of(call, &heads));
    RtTensor *out, *lse;
    TRY(rt_flash_attention(heads.q, heads.k, heads.v, heads.mask, heads.attrs, &out, &lse));
    return give_heads(call, &heads, rt_transpose(out, WITH(dims, .dim0 = 1, .dim1 = 2)));
}

static RtTensor *causal_mask(int64_t rows, int64_t columns, RtDevice device) {
    RtTensor *ones =
        rt_ones(WITH(factory, .size = RT_INTS(rows, columns), .dtype = RT_BOOL, .device = device));
    return rt_tril(ones, rt_defaults_diagonal());
}

// A query that may look nowhere gets zeros, as in PyTorch: its scores are made finite for the
// softmax, so that its gradients are zeros as well, and its weights are taken out behind it.
Status made_scaled_dot_product_attention_math(OpCall *call) {
    Heads heads;
    TRY(heads_of(call, &heads));
    RtTensor *q = heads.q, *mask = heads.mask;
    RtTensor *k = repeated(heads.k, q->shape[1]), *v = repeated(heads.v, q->shape[1]);
    if (!k || !v) return error_code();
    RtTensor *scores = rt_batch_matmul(q, k, WITH(matmul, .transpose_b = true));
    if (!scores) return error_code();
    scores = rt_mul(scores, number(rt_scalar_double(heads.attrs.scale), scores));
    if (heads.attrs.is_causal) mask = causal_mask(q->shape[2], k->shape[2], q->device);
    if (mask && PRESENT(mask)) {
        RtTensor *least = number(-INFINITY, q);
        scores = mask->dtype == RT_BOOL
                     ? rt_masked_fill(scores, rt_logical_not(mask), least)
                     : rt_add(scores, rt_cast(mask, WITH(cast, .dtype = (RtDtype)q->dtype)),
                              rt_defaults_alpha());
        RtTensor *blind = rt_all(rt_eq(rt_detach(scores), least),
                                 WITH(reduce, .dim = RT_INTS(-1), .keepdim = true));
        scores = rt_masked_fill(scores, blind, number(0, q));
        scores = rt_softmax(scores, WITH(dim, .dim = -1));
        scores = rt_masked_fill(scores, blind, number(0, q));
    } else {
        if (!mask) return error_code();
        scores = rt_softmax(scores, WITH(dim, .dim = -1));
    }
    if (heads.attrs.dropout_p > 0) scores = rt_mul(scores, rt_attention_keep(q, k, heads.attrs));
    return give_heads(call, &heads, rt_batch_matmul(scores, v, rt_defaults_matmul()));
}

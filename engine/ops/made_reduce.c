// Reductions that are written in others.
#include "ops/call.h"

static Status give2(OpCall *call, RtTensor *first, RtTensor *second) {
    if (!first || !second) return error_code();
    call->out[0] = first;
    call->out[1] = second;
    return OK;
}

Status made_aminmax(OpCall *call) {
    const RtAttrs_dim *attrs = ATTRS_OF(call, dim);
    RtAttrs_reduce reduce = WITH(reduce, .keepdim = attrs->keepdim);
    if (attrs->dim != RT_INT_NONE) reduce.dim = RT_INTS(attrs->dim);
    return give2(call, rt_amin(call->in[0], reduce), rt_amax(call->in[0], reduce));
}

Status made_var_mean(OpCall *call) {
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    return give2(call, rt_var(call->in[0], *attrs), rt_mean(call->in[0], *attrs));
}

Status made_std_mean(OpCall *call) {
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    return give2(call, rt_std(call->in[0], *attrs), rt_mean(call->in[0], *attrs));
}

Status made_nansum(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    RtDtype sum = (RtDtype)attrs->dtype;
    bool floats = rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT;
    if (floats && (sum == RT_DTYPE_NONE || rt_dtype_kind(sum) == RT_KIND_FLOAT)) {
        call->out[0] = rt_nansum_floats(x, *attrs);
        return call->out[0] ? OK : error_code();
    }
    if (floats) // before they are cut to whole numbers, of which none is nan
        x = rt_masked_fill(x, rt_isnan(x), rt_tensor_scalar(rt_int(0), (RtDtype)x->dtype, true));
    call->out[0] = rt_sum(x, *attrs);
    return call->out[0] ? OK : error_code();
}

// Both words mean the 2-norm: of matrices it is Frobenius'.
Status made_norm_word(OpCall *call) {
    const RtAttrs_norm_word *attrs = ATTRS_OF(call, norm_word);
    call->out[0] = rt_norm(call->in[0], WITH(reduce, .dim = attrs->dim, .keepdim = attrs->keepdim,
                                             .dtype = attrs->dtype));
    return call->out[0] ? OK : error_code();
}

Status made_dist(OpCall *call) {
    RtTensor *gap = rt_sub(call->in[0], call->in[1], rt_defaults_alpha());
    call->out[0] = rt_norm(gap, *ATTRS_OF(call, reduce));
    return call->out[0] ? OK : error_code();
}

Status made_nanmean(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    if (rt_dtype_kind((RtDtype)x->dtype) != RT_KIND_FLOAT)
        return call_fail(
            call, ERR_DTYPE,
            "the input has dtype %s, a floating-point dtype is needed: convert it with "
            ".float()",
            rt_dtype_name((RtDtype)x->dtype));
    RtTensor *there = rt_logical_not(rt_isnan(x));
    RtTensor *count = rt_sum(there, WITH(reduce, .dim = attrs->dim, .keepdim = attrs->keepdim));
    call->out[0] = rt_div(rt_nansum(x, *attrs), count, rt_defaults_divide());
    return call->out[0] ? OK : error_code();
}

Status made_trace(OpCall *call) {
    RtTensor *x = call->in[0];
    if (x->ndim != 2)
        return call_fail(call, ERR_SHAPE, "a matrix is needed, but the shape is (%s)",
                         shape_words(x));
    call->out[0] = rt_sum(rt_diagonal(x, rt_defaults_diagonal()), rt_defaults_reduce());
    return call->out[0] ? OK : error_code();
}

static RtTensor *difference(RtTensor *x, int dim) {
    int64_t n = x->shape[dim];
    RtTensor *later =
        rt_narrow(x, WITH(slice, .dim = dim, .start = n ? 1 : 0, .length = n ? n - 1 : 0));
    RtTensor *before = rt_narrow(x, WITH(slice, .dim = dim, .start = 0, .length = n ? n - 1 : 0));
    return x->dtype == RT_BOOL ? rt_logical_xor(later, before)
                               : rt_sub(later, before, rt_defaults_alpha());
}

Status made_diff(OpCall *call) {
    const RtAttrs_diff *attrs = ATTRS_OF(call, diff);
    RtTensor *parts[3], *x = call->in[0];
    int n = 0, dim;
    if (x->ndim == 0)
        return call_fail(call, ERR_SHAPE, "at least 1 dimension is needed, but there is none");
    if (attrs->n < 0)
        return call_fail(call, ERR_VALUE, "n must not be negative, but it is %lld",
                         (long long)attrs->n);
    TRY(dim_wrap(call, attrs->dim, x->ndim, &dim));
    for (int i = 1; i < 3; i++) // cat would take an empty vector with anything
        if (PRESENT(call->in[i]) && call->in[i]->ndim != x->ndim)
            return call_fail(call, ERR_SHAPE, "%s has %d dimensions, but input has %d",
                             i == 1 ? "prepend" : "append", call->in[i]->ndim, x->ndim);
    if (PRESENT(call->in[1])) parts[n++] = call->in[1];
    parts[n++] = x;
    if (PRESENT(call->in[2])) parts[n++] = call->in[2];
    if (n > 1) x = rt_cat(parts, n, WITH(slice, .dim = dim));
    for (int64_t i = 0; i < attrs->n && x && (i == 0 || x->shape[dim]); i++) x = difference(x, dim);
    call->out[0] = attrs->n == 0 ? rt_clone(x) : x;
    return call->out[0] ? OK : error_code();
}

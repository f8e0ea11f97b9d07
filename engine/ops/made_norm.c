// Normalisations and dropouts that are written in others.
#include "ops/made.h"

#include <math.h>

// torch.finfo(dtype).eps
static double epsilon_of(RtDtype dtype) {
    switch (dtype) {
    case RT_F64: return 0x1p-52;
    case RT_F16: return 0x1p-10;
    case RT_BF16: return 0x1p-7;
    default: return 0x1p-23;
    }
}

Status made_rms_norm(OpCall *call) {
    const RtAttrs_rms *attrs = ATTRS_OF(call, rms);
    RtTensor *x = call->in[0], *mean, *rstd;
    double eps = attrs->eps.kind == RT_SCALAR_NONE ? epsilon_of((RtDtype)x->dtype)
                                                   : rt_scalar_double(attrs->eps);
    return rt_layer_norm(
        x, call->in[1], RT_NONE,
        WITH(norm, .normalized_shape = attrs->normalized_shape, .eps = eps, .rms = true),
        &call->out[0], &mean, &rstd);
}

static Status check_probability(const RtAttrs_dropout *attrs) {
    if (attrs->p >= 0 && attrs->p <= 1) return OK;
    return fail(ERR_VALUE, "dropout probability has to be between 0 and 1, but got %g", attrs->p);
}

static bool is_identity(const RtAttrs_dropout *attrs) { return !attrs->training || attrs->p == 0; }

Status made_dropout(OpCall *call) {
    const RtAttrs_dropout *attrs = ATTRS_OF(call, dropout);
    TRY(check_probability(attrs));
    call->out[0] = call->in[0];
    if (is_identity(attrs)) return OK;
    RtTensor *mask;
    return rt_native_dropout(call->in[0], *attrs, &call->out[0], &mask);
}

// Ones, one for each position of the first two dimensions.
static RtTensor *one_a_channel(RtTensor *x) {
    RtInts size = {.n = x->ndim};
    for (int i = 0; i < x->ndim; i++) size.v[i] = i < 2 ? x->shape[i] : 1;
    return rt_ones(WITH(factory, .size = size, .dtype = (RtDtype)x->dtype, .device = x->device));
}

static Status need_channels(const OpCall *call) {
    if (call->in[0]->ndim >= 2) return OK;
    return call_fail(call, ERR_SHAPE, "the input has shape (%s), at least 2 dimensions are needed",
                     shape_words(call->in[0]));
}

Status made_feature_dropout(OpCall *call) {
    const RtAttrs_dropout *attrs = ATTRS_OF(call, dropout);
    RtTensor *x = call->in[0], *noise, *mask;
    TRY(check_probability(attrs));
    TRY(need_channels(call));
    call->out[0] = x;
    if (is_identity(attrs)) return OK;
    TRY(rt_native_dropout(one_a_channel(x), *attrs, &noise, &mask)); // 1 / (1 - p) or 0
    return give(call, rt_mul(x, noise));
}

// Klambauer et al. (2017): dropped elements become -λα, then a x + b restores mean 0 and
// variance 1. What `drawn` has is what is dropped together.
static Status drop_alpha(OpCall *call, RtTensor *drawn) {
    const RtAttrs_dropout *attrs = ATTRS_OF(call, dropout);
    const double low = -1.7580993408473766;
    RtTensor *x = call->in[0], *zeros, *mask;
    RtDtype dtype = (RtDtype)x->dtype;
    double keep = 1 - attrs->p;
    if (keep == 0) return give(call, rt_mul(x, rt_tensor_scalar(rt_int(0), dtype, true)));
    TRY(rt_native_dropout(drawn, *attrs, &zeros, &mask));
    double a = 1 / sqrt(keep * (1 + attrs->p * low * low)), b = -a * low * attrs->p;
    RtTensor *kept = rt_where(mask, x, rt_tensor_scalar(rt_float(low), dtype, true));
    return give(call, rt_add(rt_mul(kept, rt_tensor_scalar(rt_float(a), dtype, true)),
                             rt_tensor_scalar(rt_float(b), dtype, true), rt_defaults_alpha()));
}

Status made_alpha_dropout(OpCall *call) {
    const RtAttrs_dropout *attrs = ATTRS_OF(call, dropout);
    TRY(check_probability(attrs));
    call->out[0] = call->in[0];
    if (is_identity(attrs)) return OK;
    return drop_alpha(call, rt_zeros_like(call->in[0], rt_defaults_factory()));
}

Status made_feature_alpha_dropout(OpCall *call) {
    const RtAttrs_dropout *attrs = ATTRS_OF(call, dropout);
    TRY(check_probability(attrs));
    TRY(need_channels(call));
    call->out[0] = call->in[0];
    return is_identity(attrs) ? OK : drop_alpha(call, one_a_channel(call->in[0]));
}

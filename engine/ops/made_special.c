// Special functions that are written in other ops.
#include "ops/made.h"

#include <math.h>

// Numbers that promote as Python's do.
static RtTensor *real(double value) { return rt_tensor_scalar(rt_float(value), RT_F64, true); }
static RtTensor *whole(int64_t value) { return rt_tensor_scalar(rt_int(value), RT_I64, true); }
static RtTensor *times(RtTensor *x, double factor) { return rt_mul(x, real(factor)); }
static RtTensor *plus(RtTensor *a, RtTensor *b) { return rt_add(a, b, rt_defaults_alpha()); }
static RtTensor *minus(RtTensor *a, RtTensor *b) { return rt_sub(a, b, rt_defaults_alpha()); }
static RtKind kind_of(const RtTensor *x) { return rt_dtype_kind((RtDtype)x->dtype); }
static RtTensor *as_dtype(RtTensor *x, RtDtype dtype) {
    return x && x->dtype != (int8_t)dtype ? rt_cast(x, WITH(cast, .dtype = dtype)) : x;
}
static RtDtype float_dtype(const RtTensor *x) {
    return kind_of(x) == RT_KIND_FLOAT ? (RtDtype)x->dtype : rt_default_dtype();
}

Status made_polygamma_of(OpCall *call) {
    return give(call, rt_polygamma(call->in[0], *ATTRS_OF(call, polygamma)));
}

// p (p - 1) / 4 log π + Σ lgamma(x - j / 2), j from 0 to p - 1
Status made_mvlgamma(OpCall *call) {
    int64_t p = ATTRS_OF(call, mvlgamma)->p;
    if (p < 1 || p > 1 << 16) // one term each
        return call_fail(call, ERR_VALUE, "p must be at least 1 and at most 65536, but it is %lld",
                         (long long)p);
    RtTensor *x = as_dtype(call->in[0], float_dtype(call->in[0]));
    RtTensor *sum = rt_lgamma(x);
    for (int64_t j = 1; j < p && sum; j++)
        sum = plus(sum, rt_lgamma(minus(x, real((double)j / 2))));
    return give(call, plus(sum, real((double)(p * (p - 1)) / 4 * log(M_PI))));
}

Status made_ndtr(OpCall *call) {
    return give(call, times(rt_erfc(times(call->in[0], -M_SQRT1_2)), 0.5));
}

Status made_entr(OpCall *call) {
    RtTensor *x = as_dtype(call->in[0], float_dtype(call->in[0]));
    RtTensor *below = rt_lt(x, whole(0));
    RtTensor *value = rt_neg(rt_xlogy(x, rt_masked_fill(x, below, whole(1))));
    return give(call, rt_where(below, real(-INFINITY), value));
}

Status made_ldexp(OpCall *call) {
    return give(call, rt_mul(call->in[0], rt_pow(real(2), call->in[1])));
}

// A step: no gradient goes through it.
Status made_heaviside(OpCall *call) {
    RtTensor *x = rt_detach(call->in[0]), *values = rt_detach(call->in[1]);
    if (!x || !values) return error_code();
    if (x->dtype != values->dtype)
        return call_fail(call, ERR_DTYPE,
                         "values have dtype %s, but self has %s: one dtype is needed",
                         rt_dtype_name((RtDtype)values->dtype), rt_dtype_name((RtDtype)x->dtype));
    RtTensor *above = as_dtype(rt_gt(x, whole(0)), (RtDtype)x->dtype);
    return give(call, rt_where(rt_eq(x, whole(0)), values, above));
}

Status made_isposinf(OpCall *call) { return give(call, rt_eq(call->in[0], real(INFINITY))); }
Status made_isneginf(OpCall *call) { return give(call, rt_eq(call->in[0], real(-INFINITY))); }
Status made_isreal(OpCall *call) {
    return give(call, rt_ones_like(call->in[0], WITH(factory, .dtype = RT_BOOL)));
}

Status made_angle(OpCall *call) {
    RtTensor *x = rt_detach(call->in[0]);
    if (!x) return error_code();
    RtTensor *zero = rt_zeros_like(x, WITH(factory, .dtype = float_dtype(x)));
    RtTensor *angle = rt_masked_fill(zero, rt_lt(x, whole(0)), real(M_PI));
    return give(call, rt_where(rt_isnan(x), x, angle));
}

Status made_positive(OpCall *call) {
    if (call->in[0]->dtype == RT_BOOL)
        return call_fail(call, ERR_DTYPE, "the unary + operator is not supported on a bool tensor");
    return give(call, call->in[0]);
}

Status made_deg2rad(OpCall *call) { return give(call, times(call->in[0], M_PI / 180)); }
Status made_rad2deg(OpCall *call) { return give(call, times(call->in[0], 180 / M_PI)); }

Status made_float_power(OpCall *call) {
    RtTensor *pair[2];
    for (int i = 0; i < 2; i++) {
        RtTensor *x = call->in[i];
        pair[i] = x->wrapped ? rt_tensor_scalar(rt_tensor_item(x, 0), RT_F64, false)
                             : as_dtype(x, RT_F64);
    }
    return give(call, pair[0] && pair[1] ? rt_pow(pair[0], pair[1]) : NULL);
}

Status made_bessel_k0(OpCall *call) {
    return give(call, rt_mul(rt_bessel_k0e(call->in[0]), rt_exp(rt_neg(call->in[0]))));
}
Status made_bessel_k1(OpCall *call) {
    return give(call, rt_mul(rt_bessel_k1e(call->in[0]), rt_exp(rt_neg(call->in[0]))));
}

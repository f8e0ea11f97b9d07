// The rules of random numbers.
#include "ops/call.h"

static Status needs_float(const OpCall *call, RtDtype dtype) {
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(
            call, ERR_DTYPE,
            "there is no such distribution of %s values: a floating-point dtype is needed",
            rt_dtype_name(dtype));
    return OK;
}

Status dtype_FLOAT_FACTORY(OpCall *call) {
    TRY(dtype_FACTORY(call));
    return needs_float(call, call->dtype[0]);
}

Status dtype_INT_FACTORY(OpCall *call) {
    TRY(dtype_FACTORY(call));
    call->dtype[0] = dtype_or(ATTRS_OF(call, random)->dtype, RT_I64);
    return OK;
}

Status dtype_FLOAT_SELF(OpCall *call) {
    TRY(dtype_KEEP(call));
    return needs_float(call, call->dtype[0]);
}

Status infer_RANDPERM(OpCall *call) {
    int64_t n = ATTRS_OF(call, random)->n;
    if (n < 0)
        return call_fail(call, ERR_VALUE, "n must not be negative, but it is %lld", (long long)n);
    call->shape[0] = (RtShape){.n = 1, .dim = {n}};
    return OK;
}

Status infer_MULTINOMIAL(OpCall *call) {
    const RtTensor *weights = call->in[0];
    const RtAttrs_random *attrs = ATTRS_OF(call, random);
    if (weights->ndim < 1 || weights->ndim > 2)
        return call_fail(call, ERR_SHAPE,
                         "the weights must be a vector or a matrix, but they have shape (%s)",
                         shape_words(weights));
    if (rt_dtype_kind((RtDtype)weights->dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "the weights must have a floating-point dtype, but they have %s",
                         rt_dtype_name((RtDtype)weights->dtype));
    int64_t categories = weights->shape[weights->ndim - 1];
    if (attrs->num_samples < 1)
        return call_fail(call, ERR_VALUE, "num_samples must be at least 1, but it is %lld",
                         (long long)attrs->num_samples);
    if (!attrs->replacement && attrs->num_samples > categories)
        return call_fail(call, ERR_VALUE,
                         "cannot sample %lld of %lld categories without replacement",
                         (long long)attrs->num_samples, (long long)categories);
    call->shape[0] = shape_of(weights);
    call->shape[0].dim[weights->ndim - 1] = attrs->num_samples;
    return OK;
}

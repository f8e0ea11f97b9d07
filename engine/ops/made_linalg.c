// Linear algebra that is written in factorisations.
#include "ops/call.h"

#include <math.h>
#include <string.h>

static Status give(OpCall *call, RtTensor *result) {
    call->out[0] = result;
    return result ? OK : error_code();
}

Status made_inverse(OpCall *call) {
    RtTensor *x = call->in[0];
    if (x->ndim < 2)
        return call_fail(call, ERR_SHAPE,
                         "the input must have at least 2 dimensions, but its shape is (%s)",
                         shape_words(x));
    RtAttrs_size size = rt_defaults_size();
    size.size.n = x->ndim;
    memcpy(size.size.v, x->shape, (size_t)x->ndim * sizeof(int64_t));
    RtTensor *one = rt_eye(WITH(range, .n = x->shape[x->ndim - 2], .m = x->shape[x->ndim - 1],
                                .dtype = (RtDtype)x->dtype, .device = x->device));
    return give(call, rt_linalg_solve(x, rt_expand(one, size)));
}

Status made_det(OpCall *call) {
    RtTensor *sign, *logs;
    TRY(rt_slogdet(call->in[0], &sign, &logs));
    return give(call, rt_mul(sign, rt_exp(logs)));
}

Status made_logdet(OpCall *call) {
    RtTensor *sign, *logs;
    TRY(rt_slogdet(call->in[0], &sign, &logs));
    RtTensor *zero = rt_tensor_scalar(rt_int(0), RT_I64, true);
    return give(call, rt_masked_fill(logs, rt_lt(sign, zero),
                                     rt_tensor_scalar(rt_float(NAN), RT_F64, true)));
}

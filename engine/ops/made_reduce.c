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
    if (rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT)
        x = rt_masked_fill(x, rt_isnan(x), rt_tensor_scalar(rt_int(0), (RtDtype)x->dtype, true));
    call->out[0] = rt_sum(x, *ATTRS_OF(call, reduce));
    return call->out[0] ? OK : error_code();
}

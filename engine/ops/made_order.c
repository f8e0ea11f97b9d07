// Ops of the order family that are written in others.
#include "ops/made.h"

#include <math.h>

static Status middle(OpCall *call,
                     Status (*along)(RtTensor *, RtAttrs_dim, RtTensor **, RtTensor **)) {
    RtTensor *x = rt_ravel(call->in[0]), *value, *index;
    if (!x) return error_code();
    if (x->numel == 0)
        return give(call,
                    rt_full(WITH(factory, .dtype = (RtDtype)x->dtype, .fill_value = rt_float(NAN),
                                 .size = (RtInts){.n = 0}, .device = x->device)));
    TRY((*along)(x, WITH(dim, .dim = 0), &value, &index));
    return give(call, value);
}

Status made_median(OpCall *call) { return middle(call, rt_median_dim); }
Status made_nanmedian(OpCall *call) { return middle(call, rt_nanmedian_dim); }

Status made_msort(OpCall *call) {
    RtTensor *values, *indices;
    TRY(rt_sort(call->in[0], WITH(dim, .dim = 0), &values, &indices));
    return give(call, values);
}

Status made_bucketize(OpCall *call) {
    if (call->in[1]->ndim != 1)
        return call_fail(call, ERR_SHAPE, "boundaries must be a vector, but they have shape (%s)",
                         shape_words(call->in[1]));
    return give(call, rt_searchsorted(call->in[1], call->in[0], RT_NONE, *ATTRS_OF(call, search)));
}

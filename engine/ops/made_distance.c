// Distances that are written in others.
#include "ops/call.h"

#include <string.h>

Status made_cdist(OpCall *call) {
    RtTensor *x[2] = {call->in[0], call->in[1]};
    RtShape lead = {.n = 0};
    for (int i = 0; i < 2; i++) {
        if (x[i]->ndim < 2)
            return call_fail(call, ERR_SHAPE, "only supports at least 2D tensors, X%d got: %dD",
                             i + 1, x[i]->ndim);
        RtTensor like = {.ndim = (int8_t)(x[i]->ndim - 2)};
        memcpy(like.shape, x[i]->shape, (size_t)like.ndim * sizeof *like.shape);
        TRY(shape_broadcast(call, &lead, &like));
    }
    for (int i = 0; i < 2; i++) {
        RtAttrs_size size = rt_defaults_size();
        size.size.n = lead.n + 2;
        memcpy(size.size.v, lead.dim, (size_t)lead.n * sizeof *lead.dim);
        memcpy(size.size.v + lead.n, x[i]->shape + x[i]->ndim - 2, 2 * sizeof(int64_t));
        if (!(x[i] = rt_expand(x[i], size))) return error_code();
    }
    call->out[0] = rt_cdist_pairs(x[0], x[1], *ATTRS_OF(call, distance));
    return call->out[0] ? OK : error_code();
}

// The pairs i < j, row by row, as positions in a flattened (n, n).
static RtTensor *pairs(int64_t n, RtDevice device) {
    RtTensor *index = rt_tensor_new(1, &(int64_t){n * (n - 1) / 2}, RT_I64, device);
    if (!index) return NULL;
    int64_t *at = rt_tensor_data(index);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) *at++ = i * n + j;
    return index;
}

Status made_pdist(OpCall *call) {
    RtTensor *x = call->in[0];
    if (x->ndim != 2)
        return call_fail(call, ERR_SHAPE, "only supports 2D tensors, got: %dD", x->ndim);
    int64_t n = x->shape[0];
    RtTensor *index = pairs(n, x->device);
    RtTensor *all = index ? rt_cdist_pairs(x, x, *ATTRS_OF(call, distance)) : NULL;
    call->out[0] = all ? rt_index_select(rt_ravel(all), index, rt_defaults_gather()) : NULL;
    return call->out[0] ? OK : error_code();
}

// Index ops that are written in others.
#include "ops/index_plan.h"
#include "ops/layout.h"

static Status give(OpCall *call, RtTensor *result) {
    call->out[0] = result;
    return result ? OK : error_code();
}

static RtTensor *flat(RtTensor *x) { return rt_ravel(x); }

// self, one index a dimension (or none), values
Status made_index_put_list(OpCall *call) {
    RtTensor *tensors[RT_MAX_IN];
    RtInts dims = {.n = 0};
    if (call->nin < 3)
        return call_fail(call, ERR_VALUE,
                         "a tensor, at least one index tensor and values are needed");
    int n = 2, dim = 0;
    tensors[0] = call->in[0];
    tensors[1] = call->in[call->nin - 1];
    for (int i = 1; i < call->nin - 1; i++) {
        RtTensor *index = call->in[i];
        if (PRESENT(index)) {
            if (n == RT_MAX_IN)
                return call_fail(call, ERR_VALUE, "more than %d index tensors", RT_MAX_IN - 2);
            tensors[n++] = index;
            dims.v[dims.n++] = dim;
        }
        dim += PRESENT(index) && index->dtype == RT_BOOL ? index->ndim : 1;
    }
    return give(call, rt_index_put(tensors, n,
                                   WITH(index, .dims = dims,
                                        .accumulate = ATTRS_OF(call, index)->accumulate)));
}

Status made_take(OpCall *call) {
    RtTensor *list[2] = {flat(call->in[0]), call->in[1]};
    if (list[1]->dtype == RT_BOOL)
        return call_fail(call, ERR_DTYPE,
                         "the index tensor has dtype bool, an integer dtype is needed");
    return give(call, list[0] ? rt_index(list, 2, WITH(index, .dims = RT_INTS(0))) : NULL);
}

Status made_take_along_dim(OpCall *call) {
    RtTensor *x = call->in[0], *index = call->in[1];
    int dim = 0;
    if (ATTRS_OF(call, dim)->dim == RT_INT_NONE) {
        x = flat(x);
        index = flat(index);
        return give(call, x && index ? rt_gather(x, index, WITH(gather, .dim = 0)) : NULL);
    }
    TRY(dim_wrap(call, ATTRS_OF(call, dim)->dim, x->ndim, &dim));
    if (x->ndim != index->ndim)
        return call_fail(call, ERR_SHAPE,
                         "indices of shape (%s) must have as many dimensions as self of shape (%s)",
                         shape_words(index), shape_words(x));
    RtShape wide = shape_of(x);
    if (x->ndim) wide.dim[dim] = 1;
    RtTensor line = *index; // only its shape is looked at
    if (x->ndim) line.shape[dim] = 1;
    TRY(shape_broadcast(call, &wide, &line));
    RtShape x_shape = wide, index_shape = wide;
    if (x->ndim) {
        x_shape.dim[dim] = x->shape[dim];
        index_shape.dim[dim] = index->shape[dim];
    }
    x = rt_expand(x, WITH(size, .size = ints_of(&x_shape)));
    index = rt_expand(index, WITH(size, .size = ints_of(&index_shape)));
    return give(call, rt_gather(x, index, WITH(gather, .dim = dim)));
}

Status made_argsort(OpCall *call) {
    RtTensor *values, *indices;
    RtTensor *x = rt_detach(call->in[0]);
    if (!x) return error_code();
    TRY(rt_sort(x, *ATTRS_OF(call, dim), &values, &indices));
    return give(call, indices);
}

// Shape and dtype rules of resampling.
#include "ops/call.h"

Status infer_RESAMPLE(OpCall *call) {
    const RtAttrs_resample *attrs = ATTRS_OF(call, resample);
    const RtTensor *x = call->in[0];
    int dim;
    TRY(dim_wrap(call, attrs->dim, x->ndim, &dim));
    if (x->ndim == 0 || x->shape[dim] < 1 || attrs->length < 1)
        return call_fail(call, ERR_SHAPE,
                         "input (%s) has no positions in dimension %d to resample to %lld",
                         shape_words(x), dim, (long long)attrs->length);
    call->shape[0] = shape_of(x);
    call->shape[0].dim[dim] = attrs->length;
    return OK;
}

// Input 1 holds positions; the others are of one floating point dtype.
Status dtype_SAMPLE(OpCall *call) {
    const RtTensor *x = call->in[0], *y = call->in[2];
    if (call->in[1]->dtype != RT_I64)
        return call_fail(call, ERR_DTYPE, "index must be int64, not %s",
                         rt_dtype_name((RtDtype)call->in[1]->dtype));
    if (rt_dtype_kind((RtDtype)x->dtype) != RT_KIND_FLOAT || x->dtype != y->dtype)
        return call_fail(call, ERR_DTYPE,
                         "two tensors of one floating point dtype are needed, not %s and %s",
                         rt_dtype_name((RtDtype)x->dtype), rt_dtype_name((RtDtype)y->dtype));
    call->keep_dtype = 1 << 1;
    call->compute = call->dtype[0] = (RtDtype)x->dtype;
    return OK;
}

static bool is_volume(const RtTensor *x) { return x->ndim == 3; }

static Status does_not_fit(const OpCall *call, const char *words) {
    return call_fail(call, ERR_SHAPE, "(%s), (%s) and (%s) do not belong together: %s are needed",
                     shape_words(call->in[0]), shape_words(call->in[1]), shape_words(call->in[2]),
                     words);
}

Status infer_SAMPLE_GATHER(OpCall *call) {
    const RtTensor *x = call->in[0], *index = call->in[1], *weight = call->in[2];
    if (!is_volume(x) || !is_volume(index) || !shape_same(index, weight) ||
        x->shape[0] != index->shape[0])
        return does_not_fit(call, "self (N, C, S), index (N, P, T) and weight (N, P, T)");
    call->shape[0] = (RtShape){.n = 3, .dim = {x->shape[0], x->shape[1], index->shape[1]}};
    return OK;
}

Status infer_SAMPLE_SCATTER(OpCall *call) {
    const RtTensor *g = call->in[0], *index = call->in[1], *weight = call->in[2];
    int64_t size = ATTRS_OF(call, sample)->size;
    if (!is_volume(g) || !is_volume(index) || !shape_same(index, weight) ||
        g->shape[0] != index->shape[0] || g->shape[2] != index->shape[1] || size < 0)
        return does_not_fit(call, "grad (N, C, P), index (N, P, T) and weight (N, P, T)");
    call->shape[0] = (RtShape){.n = 3, .dim = {g->shape[0], g->shape[1], size}};
    return OK;
}

Status infer_SAMPLE_WEIGHTS(OpCall *call) {
    const RtTensor *g = call->in[0], *index = call->in[1], *x = call->in[2];
    if (!is_volume(g) || !is_volume(index) || !is_volume(x) || g->shape[0] != index->shape[0] ||
        g->shape[2] != index->shape[1] || g->shape[0] != x->shape[0] || g->shape[1] != x->shape[1])
        return does_not_fit(call, "grad (N, C, P), index (N, P, T) and self (N, C, S)");
    call->shape[0] = shape_of(index);
    return OK;
}

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
    // A mirror has all but its first position once, a circle all of them.
    int64_t size = call->row->op == OP_resample ? x->shape[dim] : attrs->length,
            length = call->row->op == OP_resample ? attrs->length : x->shape[dim],
            after = length - size - attrs->before;
    enum { REFLECT = 4 }; // of choices.def
    if (attrs->mode == REFLECT && (attrs->before >= size || after >= size))
        return call_fail(call, ERR_SHAPE,
                         "a mirror of %lld positions cannot be padded by (%lld, %lld)",
                         (long long)size, (long long)attrs->before, (long long)after);
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

// Positions are int64; the rest has the places' dtype, float32 or float64.
Status dtype_SAMPLE_TAPS(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[call->nin - 1]->dtype;
    bool one = call->in[0]->dtype == (int8_t)dtype;
    if ((dtype != RT_F32 && dtype != RT_F64) || !one)
        return call_fail(call, ERR_DTYPE, "float32 or float64 is needed, not %s",
                         rt_dtype_name((RtDtype)call->in[0]->dtype));
    call->compute = dtype;
    call->dtype[0] = call->nout == 2 ? RT_I64 : dtype;
    call->dtype[1] = dtype;
    return OK;
}

static Status take_places(OpCall *call, const RtTensor *place, RtShape *taps) {
    const RtAttrs_sample *attrs = ATTRS_OF(call, sample);
    int n = attrs->sizes.n;
    if ((n != 2 && n != 3) || place->ndim != 3 || place->shape[2] != n)
        return call_fail(
            call, ERR_SHAPE,
            "places (%s) must be (N, P, 2 or 3), with as many sizes of the image, not %d",
            shape_words(place), n < 0 ? 0 : n);
    for (int i = 0; i < n; i++)
        if (attrs->sizes.v[i] < 1)
            return call_fail(call, ERR_SHAPE, "an image without pixels cannot be sampled");
    if (attrs->mode == 2 && n == 3)
        return call_fail(call, ERR_VALUE, "bicubic is for images, not for volumes");
    int64_t each = attrs->mode == 0 ? 2 : attrs->mode == 1 ? 1 : 4, all = each * each;
    *taps = (RtShape){.n = 3, .dim = {place->shape[0], place->shape[1], n == 3 ? all * each : all}};
    return OK;
}

Status infer_SAMPLE_TAPS(OpCall *call) {
    TRY(take_places(call, call->in[0], &call->shape[0]));
    call->shape[1] = call->shape[0];
    return OK;
}

Status infer_SAMPLE_TAPS_BACKWARD(OpCall *call) {
    RtShape taps;
    TRY(take_places(call, call->in[1], &taps));
    if (!shape_is(call->in[0], &taps))
        return call_fail(call, ERR_SHAPE, "grad (%s) does not fit the places (%s)",
                         shape_words(call->in[0]), shape_words(call->in[1]));
    call->shape[0] = shape_of(call->in[1]);
    return OK;
}

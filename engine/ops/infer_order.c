// Rules of the order family.
#include "ops/dims.h"

// One of a dimension: it goes, or stays with size 1. A dimension of no elements has none.
static Status one_of_dim(OpCall *call, int64_t *size) {
    const RtAttrs_dim *attrs = ATTRS_OF(call, dim);
    const RtTensor *x = call->in[0];
    int dim;
    if (attrs->dim == RT_INT_NONE) return call_fail(call, ERR_VALUE, "a dimension must be given");
    TRY(dim_wrap(call, attrs->dim, x->ndim, &dim));
    *size = x->ndim ? x->shape[dim] : 1;
    if (*size == 0)
        return call_fail(
            call, ERR_INDEX,
            "expected reduction dim %d to have non-zero size, the input has shape (%s)", dim,
            shape_words(x));
    RtShape shape = shape_of(x);
    call->shape[0] = call->shape[1] = shape_reduced(&shape, 1u << dim, attrs->keepdim);
    return OK;
}

Status infer_MIDDLE(OpCall *call) {
    int64_t size;
    return one_of_dim(call, &size);
}

Status infer_KTH(OpCall *call) {
    int64_t size, k = ATTRS_OF(call, dim)->k;
    TRY(one_of_dim(call, &size));
    if (k < 1 || k > size)
        return call_fail(
            call, ERR_INDEX,
            "selected number k out of range for dimension %lld: k is %lld, its size is %lld",
            (long long)ATTRS_OF(call, dim)->dim, (long long)k, (long long)size);
    return OK;
}

Status infer_RUNNING_PAIR(OpCall *call) {
    int dim;
    if (ATTRS_OF(call, dim)->dim == RT_INT_NONE)
        return call_fail(call, ERR_VALUE, "a dimension must be given");
    TRY(dim_wrap(call, ATTRS_OF(call, dim)->dim, call->in[0]->ndim, &dim));
    call->shape[0] = call->shape[1] = shape_of(call->in[0]);
    return OK;
}

Status infer_SEARCHSORTED(OpCall *call) {
    const RtTensor *sequence = call->in[0], *input = call->in[1], *sorter = call->in[2];
    const RtAttrs_search *attrs = ATTRS_OF(call, search);
    if (attrs->right && attrs->side == 1)
        return call_fail(call, ERR_VALUE,
                         "side and right can't be set to opposites, got side of left while right "
                         "was True");
    if (sequence->ndim == 0)
        return call_fail(call, ERR_SHAPE,
                         "the boundaries must have at least 1 dimension, but have none");
    bool fits = sequence->ndim == 1 || sequence->ndim == input->ndim;
    for (int i = 0; fits && sequence->ndim > 1 && i < sequence->ndim - 1; i++)
        fits = sequence->shape[i] == input->shape[i];
    if (!fits)
        return call_fail(
            call, ERR_SHAPE,
            "the boundaries must be 1 dimensional, or their first dimensions and those "
            "of the input must match: the shapes are (%s) and (%s)",
            shape_words(sequence), shape_words(input));
    if (PRESENT(sorter) && !shape_same(sorter, sequence))
        return call_fail(call, ERR_SHAPE, "the boundaries (%s) and sorter (%s) must have one shape",
                         shape_words(sequence), shape_words(sorter));
    call->shape[0] = shape_of(input);
    return OK;
}

// Narrow types are compared as int32 and float.
Status dtype_SEARCH(OpCall *call) {
    const RtTensor *sorter = call->in[2];
    if (PRESENT(sorter) && sorter->dtype != RT_I64)
        return call_fail(call, ERR_DTYPE, "sorter must have dtype int64, but it has %s",
                         rt_dtype_name((RtDtype)sorter->dtype));
    OpCall pair = *call;
    pair.nin = 2;
    TRY(dtype_PROMOTE(&pair));
    switch (pair.compute) {
    case RT_I64:
    case RT_F32:
    case RT_F64: call->compute = pair.compute; break;
    default: call->compute = rt_dtype_kind(pair.compute) == RT_KIND_FLOAT ? RT_F32 : RT_I32;
    }
    call->keep_dtype = 1 << 2;
    call->dtype[0] = ATTRS_OF(call, search)->out_int32 ? RT_I32 : RT_I64;
    return OK;
}

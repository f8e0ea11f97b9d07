// Copies that rearrange. The gradients of views, which are geometry too, are in strided.c.
#include "cpu/copy.h"

#include <string.h>

#include "cpu/index_work.h"
#include "ops/layout.h"

Status cpu_clone(OpCall *call) {
    copy_tensor(call->out[0], call->in[0]);
    return OK;
}

// Copies x to where the positions from `start` of dimension `dim` of `out` are.
static void copy_into(RtTensor *out, int dim, int64_t start, const RtTensor *x) {
    size_t bytes = rt_dtype_bytes((RtDtype)out->dtype);
    CopyPlan plan = copy_plan(bytes, out->ndim, x->shape, out->stride, x->stride);
    copy_run_parallel(&plan,
                      (char *)rt_tensor_data(out) + start * out->stride[dim] * (int64_t)bytes,
                      rt_tensor_data(x));
}

Status cpu_cat(OpCall *call) {
    RtTensor *out = call->out[0];
    int64_t asked = ATTRS_OF(call, slice)->dim, start = 0;
    int dim = (int)(asked < 0 ? asked + out->ndim : asked);
    for (int i = 0; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (x->numel == 0) continue;
        copy_into(out, dim, start, x);
        start += x->shape[dim];
    }
    return OK;
}

Status cpu_stack(OpCall *call) {
    RtTensor *out = call->out[0];
    int64_t asked = ATTRS_OF(call, slice)->dim, stride[RT_MAX_DIMS];
    int dim = (int)(asked < 0 ? asked + out->ndim : asked), n = out->ndim - 1;
    size_t bytes = rt_dtype_bytes((RtDtype)out->dtype);
    for (int i = 0; i < n; i++) stride[i] = out->stride[i < dim ? i : i + 1];
    for (int i = 0; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        CopyPlan plan = copy_plan(bytes, n, x->shape, stride, x->stride);
        copy_run_parallel(&plan,
                          (char *)rt_tensor_data(out) + i * out->stride[dim] * (int64_t)bytes,
                          rt_tensor_data(x));
    }
    return OK;
}

Status cpu_flip(OpCall *call) {
    RtTensor *x = call->in[0], *out = call->out[0];
    const RtInts *dims = &ATTRS_OF(call, axes)->dims;
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype), stride[RT_MAX_DIMS], last = 0;
    if (x->numel == 0) return OK;
    memcpy(stride, x->stride, (size_t)x->ndim * sizeof *stride);
    for (int i = 0; i < dims->n && x->ndim; i++) {
        int64_t dim = dims->v[i] < 0 ? dims->v[i] + x->ndim : dims->v[i];
        last += (x->shape[dim] - 1) * stride[dim];
        stride[dim] = -stride[dim];
    }
    CopyPlan plan = copy_plan((size_t)bytes, x->ndim, x->shape, out->stride, stride);
    copy_run_parallel(&plan, rt_tensor_data(out), (char *)rt_tensor_data(x) + last * bytes);
    return OK;
}

// Fills what lies before and behind the inner box: for each dimension two slabs, that span the
// inner box in the dimensions before it and everything in those after it.
static void fill_around(RtTensor *out, const int64_t *begin, const RtShape *inner,
                        const void *value) {
    static const int64_t still[RT_MAX_DIMS];
    size_t bytes = rt_dtype_bytes((RtDtype)out->dtype);
    RtShape slab = shape_of(out);
    int64_t offset = 0;
    for (int d = 0; d < out->ndim; d++) {
        int64_t behind = begin[d] + inner->dim[d];
        for (int side = 0; side < 2; side++) {
            slab.dim[d] = side ? out->shape[d] - behind : begin[d];
            CopyPlan fill = copy_plan(bytes, out->ndim, slab.dim, out->stride, still);
            int64_t at = offset + (side ? behind * out->stride[d] : 0);
            copy_run_parallel(&fill, (char *)rt_tensor_data(out) + at * (int64_t)bytes, value);
        }
        slab.dim[d] = inner->dim[d];
        offset += begin[d] * out->stride[d];
    }
}

Status cpu_pad_constant(OpCall *call) {
    RtTensor *x = call->in[0], *out = call->out[0];
    const RtAttrs_pad *a = ATTRS_OF(call, pad);
    size_t bytes = rt_dtype_bytes((RtDtype)x->dtype);
    RtTensor *value = rt_tensor_scalar(a->value, (RtDtype)x->dtype, false);
    if (!value) return error_code();
    RtShape inner = shape_of(x);
    int64_t from = 0, to = 0, begin[RT_MAX_DIMS] = {0};
    for (int i = 0; i < a->pad.n; i += 2) {
        int dim = x->ndim - 1 - i / 2;
        int64_t before = a->pad.v[i], after = a->pad.v[i + 1];
        begin[dim] = before > 0 ? before : 0;
        from += before < 0 ? -before * x->stride[dim] : 0;
        to += begin[dim] * out->stride[dim];
        inner.dim[dim] += (before < 0 ? before : 0) + (after < 0 ? after : 0);
        if (inner.dim[dim] < 0) { // cropped away on one side, padded on the other
            inner.dim[dim] = 0;
            if (begin[dim] > out->shape[dim]) begin[dim] = out->shape[dim];
        }
    }
    if (out->numel) fill_around(out, begin, &inner, rt_tensor_data(value));
    if (shape_numel(&inner) == 0) return OK;
    CopyPlan plan = copy_plan(bytes, x->ndim, inner.dim, out->stride, x->stride);
    copy_run_parallel(&plan, (char *)rt_tensor_data(out) + to * (int64_t)bytes,
                      (const char *)rt_tensor_data(x) + from * (int64_t)bytes);
    return OK;
}

Status cpu_diag_embed(OpCall *call) {
    RtTensor *x = call->in[0], *out = call->out[0];
    Layout to = layout_of(out);
    size_t bytes = rt_dtype_bytes((RtDtype)x->dtype);
    int dim1, dim2;
    TRY(diagonal_resolve(call, out->ndim, &dim1, &dim2));
    tensor_zero(out);
    layout_diagonal(&to, ATTRS_OF(call, diagonal)->offset, dim1, dim2);
    CopyPlan plan = copy_plan(bytes, x->ndim, x->shape, to.stride, x->stride);
    copy_run_parallel(&plan, (char *)out->storage->data + to.offset * (int64_t)bytes,
                      rt_tensor_data(x));
    return OK;
}

Status cpu_one_hot(OpCall *call) {
    RtTensor *x = call->in[0], *out = call->out[0];
    const int64_t *classes;
    TRY(index_load(call, x, &classes));
    tensor_zero(out);
    int64_t *row = rt_tensor_data(out), width = out->shape[out->ndim - 1];
    for (int64_t i = 0; i < x->numel; i++, row += width) row[classes[i]] = 1;
    return OK;
}

Status cpu_repeat_index(OpCall *call) {
    RtTensor *x = call->in[0];
    const int64_t *repeats;
    TRY(index_load(call, x, &repeats));
    int64_t *out = rt_tensor_data(call->out[0]);
    for (int64_t i = 0; i < x->numel; i++)
        for (int64_t k = 0; k < repeats[i]; k++) *out++ = i;
    return OK;
}

// The VIEW rows: each describes the same elements by another layout.
#include "ops/layout.h"

#include <string.h>

// -------------------------------------------------------------------------------- the whole layout

static Status give_view(OpCall *call, const Layout *layout) {
    RtShape shape = {.n = layout->n};
    memcpy(shape.dim, layout->dim, (size_t)layout->n * sizeof *shape.dim);
    if (shape_numel(&shape) < 0) // stride 0 makes it possible
        return call_fail(call, ERR_SHAPE, "the view would have more elements than fit in 63 bits");
    call->out[0] = layout_view(call->in[0], layout);
    return call->out[0] ? OK : error_code();
}

Status view_view(OpCall *call) {
    RtTensor *x = call->in[0];
    Layout from = layout_of(x), to = {.offset = x->offset};
    RtShape shape;
    TRY(size_resolve(call, &ATTRS_OF(call, size)->size, x, &shape));
    if (!layout_reshape(&from, &shape, to.stride))
        return call_fail(call, ERR_SHAPE,
                         "the elements of this tensor of shape (%s) do not lie in memory so that "
                         "they could be viewed "
                         "under the new shape: use reshape(), or contiguous() before view()",
                         shape_words(x));
    to.n = shape.n;
    memcpy(to.dim, shape.dim, (size_t)shape.n * sizeof *to.dim);
    return give_view(call, &to);
}

Status view_as_strided_view(OpCall *call) {
    RtTensor *x = call->in[0];
    RtShape shape = shape_of(x);
    Layout to, self;
    TRY(geometry_layouts(call, &shape, &to, &self));
    if (ATTRS_OF(call, geometry)->storage_offset == RT_INT_NONE) to.offset = x->offset;
    int64_t first = to.offset, last = to.offset,
            room = (int64_t)(x->storage->asked / rt_dtype_bytes((RtDtype)x->dtype));
    bool empty = false, overflow = false;
    for (int i = 0; i < to.n; i++) {
        int64_t reach;
        empty |= to.dim[i] == 0;
        overflow |= __builtin_mul_overflow(to.dim[i] - 1, to.stride[i], &reach);
        overflow |=
            __builtin_add_overflow(reach < 0 ? first : last, reach, reach < 0 ? &first : &last);
    }
    if (to.offset < 0)
        return call_fail(call, ERR_VALUE, "storage_offset %lld is negative", (long long)to.offset);
    for (int i = 0; i < to.n; i++)
        if (to.stride[i] < 0)
            return call_fail(call, ERR_VALUE, "stride %lld is negative", (long long)to.stride[i]);
    if (!empty && (overflow || first < 0 || last >= room))
        return call_fail(call, ERR_VALUE,
                         "the geometry reaches element %lld of a storage of %lld elements",
                         (long long)last, (long long)room);
    return give_view(call, &to);
}

Status view_expand(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtInts *size = &ATTRS_OF(call, size)->size;
    int added = size->n - x->ndim;
    if (added < 0)
        return call_fail(
            call, ERR_SHAPE,
            "%d sizes were given for a tensor of %d dimensions: at least as many are needed",
            size->n < 0 ? 0 : size->n, x->ndim);
    Layout to = {.n = size->n, .offset = x->offset};
    for (int i = 0; i < to.n; i++) {
        int64_t asked = size->v[i], old = i < added ? 1 : x->shape[i - added];
        if (asked == -1 && i >= added) asked = old;
        if (asked < 0)
            return call_fail(
                call, ERR_SHAPE,
                "size %lld at position %d: sizes must be 0 or more, or -1 for a dimension "
                "that is there already",
                (long long)asked, i);
        if (old != asked && old != 1)
            return call_fail(call, ERR_SHAPE,
                             "dimension %d of the tensor of shape (%s) has size %lld and cannot "
                             "become %lld: only "
                             "dimensions of size 1 expand",
                             i - added, shape_words(x), (long long)old, (long long)asked);
        to.dim[i] = asked;
        to.stride[i] = i >= added && old == asked ? x->stride[i - added] : 0;
    }
    return give_view(call, &to);
}

Status view_permute(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtInts *dims = &ATTRS_OF(call, axes)->dims;
    uint32_t seen;
    if (dims->n != x->ndim)
        return call_fail(call, ERR_SHAPE,
                         "%d dimensions were named, but the tensor of shape (%s) has %d",
                         dims->n < 0 ? 0 : dims->n, shape_words(x), x->ndim);
    TRY(dims_named(call, dims, x->ndim, &seen));
    Layout to = {.n = x->ndim, .offset = x->offset};
    for (int i = 0; i < to.n; i++) {
        int64_t dim = dims->v[i] < 0 ? dims->v[i] + x->ndim : dims->v[i];
        to.dim[i] = x->shape[dim];
        to.stride[i] = x->stride[dim];
    }
    return give_view(call, &to);
}

Status view_transpose(OpCall *call) {
    RtTensor *x = call->in[0];
    int dim0, dim1;
    TRY(dim_wrap(call, ATTRS_OF(call, dims)->dim0, x->ndim, &dim0));
    TRY(dim_wrap(call, ATTRS_OF(call, dims)->dim1, x->ndim, &dim1));
    Layout to = layout_of(x);
    if (x->ndim) {
        to.dim[dim0] = x->shape[dim1], to.dim[dim1] = x->shape[dim0];
        to.stride[dim0] = x->stride[dim1], to.stride[dim1] = x->stride[dim0];
    }
    return give_view(call, &to);
}

Status view_squeeze(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtInts *dims = &ATTRS_OF(call, squeeze)->dim;
    uint32_t named = UINT32_MAX;
    if (dims->n >= 0) TRY(dims_named(call, dims, x->ndim, &named));
    Layout to = {.offset = x->offset};
    for (int i = 0; i < x->ndim; i++) {
        if (x->shape[i] == 1 && (named >> i & 1)) continue;
        to.dim[to.n] = x->shape[i];
        to.stride[to.n++] = x->stride[i];
    }
    return give_view(call, &to);
}

Status view_unsqueeze(OpCall *call) {
    RtTensor *x = call->in[0];
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, slice)->dim, x->ndim + 1, &dim));
    if (x->ndim == RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the tensor has %d dimensions already: more are not possible",
                         RT_MAX_DIMS);
    Layout to = layout_of(x);
    size_t rest = (size_t)(x->ndim - dim) * sizeof(int64_t);
    memmove(to.dim + dim + 1, to.dim + dim, rest);
    memmove(to.stride + dim + 1, to.stride + dim, rest);
    to.dim[dim] = 1;
    to.stride[dim] = dim < x->ndim ? x->shape[dim] * x->stride[dim] : 1;
    to.n++;
    return give_view(call, &to);
}

// ------------------------------------------------------------------------------------ a part of it

Status view_select(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_slice *a = ATTRS_OF(call, slice);
    int dim;
    if (x->ndim == 0)
        return call_fail(call, ERR_INDEX, "a tensor of no dimensions has no positions to select");
    TRY(dim_wrap(call, a->dim, x->ndim, &dim));
    int64_t size = x->shape[dim], index = a->index < 0 ? a->index + size : a->index;
    if (index < 0 || index >= size)
        return call_fail(call, ERR_INDEX,
                         "index %lld is out of bounds for dimension %d with size %lld",
                         (long long)a->index, dim, (long long)size);
    Layout to = layout_of(x);
    layout_select(&to, dim, index);
    return give_view(call, &to);
}

Status view_slice(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_slice *a = ATTRS_OF(call, slice);
    int dim;
    int64_t start, length;
    if (x->ndim == 0)
        return call_fail(call, ERR_INDEX, "a tensor of no dimensions cannot be sliced");
    TRY(dim_wrap(call, a->dim, x->ndim, &dim));
    if (a->step < 1)
        return call_fail(call, ERR_VALUE, "the step must be 1 or more, not %lld: flip() reverses",
                         (long long)a->step);
    slice_resolve(x->shape[dim], a->start, a->end, a->step, &start, &length);
    Layout to = layout_of(x);
    layout_slice(&to, dim, start, length, a->step);
    return give_view(call, &to);
}

Status view_diagonal(OpCall *call) {
    Layout to = layout_of(call->in[0]);
    int dim1, dim2;
    if (to.n < 2)
        return call_fail(call, ERR_SHAPE, "at least two dimensions are needed, but there are %d",
                         to.n);
    TRY(diagonal_resolve(call, to.n, &dim1, &dim2));
    layout_diagonal(&to, ATTRS_OF(call, diagonal)->offset, dim1, dim2);
    return give_view(call, &to);
}

Status view_unfold(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_unfold *a = ATTRS_OF(call, unfold);
    int dim;
    TRY(dim_wrap(call, a->dimension, x->ndim, &dim));
    int64_t room = x->ndim ? x->shape[dim] : 1;
    if (a->size < 0 || a->size > room)
        return call_fail(call, ERR_VALUE,
                         "windows of size %lld do not fit dimension %d with size %lld",
                         (long long)a->size, dim, (long long)room);
    if (a->step < 1)
        return call_fail(call, ERR_VALUE, "the step must be 1 or more, not %lld",
                         (long long)a->step);
    if (x->ndim == RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the tensor has %d dimensions already: more are not possible",
                         RT_MAX_DIMS);
    Layout to = layout_of(x);
    layout_unfold(&to, dim, a->size, a->step);
    return give_view(call, &to);
}

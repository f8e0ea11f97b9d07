// Shape ops that are written in views and copies.
#include "ops/made.h"

#include <string.h>

#include "tensor/tensor.h"

// A view where the layout allows it, else a copy.
static RtTensor *reshape_to(RtTensor *x, const RtShape *shape) {
    Layout from = layout_of(x);
    int64_t stride[RT_MAX_DIMS];
    if (layout_reshape(&from, shape, stride)) return view_as_shape(x, shape);
    RtTensor *copy = rt_clone(x);
    return copy ? view_as_shape(copy, shape) : NULL;
}

// ------------------------------------------------------------------------------------ other shapes

Status made_as_strided(OpCall *call) {
    RtTensor *x = call->in[0];
    RtAttrs_geometry geometry = *ATTRS_OF(call, geometry);
    RtShape shape = shape_of(x);
    geometry.self_size = geometry.self_stride = ints_of(&shape);
    memcpy(geometry.self_stride.v, x->stride, (size_t)x->ndim * sizeof(int64_t));
    geometry.self_offset = x->offset;
    return give(call, rt_as_strided_view(x, geometry));
}

Status made_expand_as(OpCall *call) {
    RtShape shape = shape_of(call->in[1]);
    return give(call, expand_to(call->in[0], &shape));
}

Status made_broadcast_to(OpCall *call) {
    return give(call, rt_expand(call->in[0], *ATTRS_OF(call, size)));
}

Status made_broadcast_tensors(OpCall *call) {
    RtShape shape = {.n = 0};
    for (int i = 0; i < call->nin; i++) TRY(shape_broadcast(call, &shape, call->in[i]));
    TRY(call_outputs(call, call->nin));
    for (int i = 0; i < call->nin; i++) {
        call->out[i] = expand_to(call->in[i], &shape);
        if (!call->out[i]) return error_code();
    }
    return OK;
}

Status made_t(OpCall *call) {
    RtTensor *x = call->in[0];
    if (x->ndim > 2)
        return call_fail(
            call, ERR_SHAPE,
            "a tensor of at most 2 dimensions is needed, but the shape is (%s): use transpose()",
            shape_words(x));
    return give(call, x->ndim == 2 ? rt_transpose(x, WITH(dims, .dim0 = 0, .dim1 = 1)) : x);
}

Status made_adjoint(OpCall *call) {
    RtTensor *x = call->in[0];
    if (x->ndim < 2)
        return call_fail(call, ERR_SHAPE, "at least 2 dimensions are needed, but the shape is (%s)",
                         shape_words(x));
    return give(call, rt_transpose(x, WITH(dims, .dim0 = -2, .dim1 = -1)));
}

Status made_movedim(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_movedim *a = ATTRS_OF(call, movedim);
    if (a->source.n != a->destination.n)
        return call_fail(call, ERR_SHAPE, "%d dimensions cannot move to %d places", a->source.n,
                         a->destination.n);
    uint32_t moved, taken;
    TRY(dims_named(call, &a->source, x->ndim, &moved));
    TRY(dims_named(call, &a->destination, x->ndim, &taken));
    RtInts dims = {.n = x->ndim};
    for (int i = 0; i < a->source.n && x->ndim; i++) {
        int64_t from = a->source.v[i], to = a->destination.v[i];
        dims.v[to < 0 ? to + x->ndim : to] = from < 0 ? from + x->ndim : from;
    }
    for (int to = 0, from = 0; to < x->ndim; to++) {
        if (taken >> to & 1) continue;
        while (moved >> from & 1) from++;
        dims.v[to] = from++;
    }
    return give(call, rt_permute(x, WITH(axes, .dims = dims)));
}

Status made_narrow(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtAttrs_slice *a = ATTRS_OF(call, slice);
    int dim;
    if (x->ndim == 0)
        return call_fail(call, ERR_SHAPE, "a tensor of no dimensions cannot be narrowed");
    TRY(dim_wrap(call, a->dim, x->ndim, &dim));
    int64_t size = x->shape[dim], start = a->start == RT_INT_NONE ? 0 : a->start;
    if (start < -size || start > size)
        return call_fail(call, ERR_INDEX,
                         "start %lld is out of bounds for dimension %d with size %lld",
                         (long long)start, dim, (long long)size);
    if (start < 0) start += size;
    if (a->length < 0)
        return call_fail(call, ERR_VALUE, "length %lld is negative", (long long)a->length);
    if (a->length > size - start)
        return call_fail(call, ERR_INDEX,
                         "start %lld and length %lld reach beyond dimension %d with size %lld",
                         (long long)start, (long long)a->length, dim, (long long)size);
    return give(call,
                rt_slice(x, WITH(slice, .dim = dim, .start = start, .end = start + a->length)));
}

Status made_view_as(OpCall *call) {
    RtShape shape = shape_of(call->in[1]);
    return give(call, view_as_shape(call->in[0], &shape));
}

// The new sizes and strides count elements of `to` bytes.
Status made_view_dtype(OpCall *call) {
    RtTensor *x = call->in[0];
    RtDtype dtype = ATTRS_OF(call, cast)->dtype;
    int64_t from = (int64_t)rt_dtype_bytes((RtDtype)x->dtype), to = (int64_t)rt_dtype_bytes(dtype);
    RtShape shape = shape_of(x);
    int64_t stride[RT_MAX_DIMS], offset = x->offset;
    memcpy(stride, x->stride, (size_t)x->ndim * sizeof *stride);
    int last = x->ndim - 1;
    bool fits = from == to || (x->ndim > 0 && x->stride[last] == 1);
    if (from > to && fits) {
        for (int i = 0; i < last; i++) stride[i] *= from / to;
        shape.dim[last] *= from / to;
        offset *= from / to;
    } else if (from < to && fits) {
        int64_t ratio = to / from;
        fits = shape.dim[last] % ratio == 0 && offset % ratio == 0;
        for (int i = 0; i < last; i++) {
            fits = fits && stride[i] % ratio == 0;
            stride[i] /= ratio;
        }
        shape.dim[last] /= ratio;
        offset /= ratio;
    }
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "elements of dtype %s in shape (%s) cannot be seen as %s: the last "
                         "dimension must lie without "
                         "gaps, and its size, the offset and the other strides be divisible",
                         rt_dtype_name((RtDtype)x->dtype), shape_words(x), rt_dtype_name(dtype));
    return give(call,
                tensor_make(storage_keep(x->storage), shape.n, shape.dim, stride, offset, dtype));
}

Status made_reshape(OpCall *call) {
    RtShape shape;
    TRY(size_resolve(call, &ATTRS_OF(call, shape)->shape, call->in[0], &shape));
    return give(call, reshape_to(call->in[0], &shape));
}

Status made_reshape_as(OpCall *call) {
    RtShape shape = shape_of(call->in[1]);
    RtInts size = ints_of(&shape);
    TRY(size_resolve(call, &size, call->in[0], &shape));
    return give(call, reshape_to(call->in[0], &shape));
}

Status made_flatten(OpCall *call) {
    RtTensor *x = call->in[0];
    int start, end;
    TRY(dim_wrap(call, ATTRS_OF(call, dims)->start_dim, x->ndim, &start));
    TRY(dim_wrap(call, ATTRS_OF(call, dims)->end_dim, x->ndim, &end));
    if (start > end)
        return call_fail(call, ERR_VALUE, "start_dim %d comes after end_dim %d", start, end);
    if (x->ndim > 0 && start == end) return give(call, x);
    RtShape shape = {.n = 0};
    int64_t merged = 1;
    for (int i = 0; i < start; i++) shape.dim[shape.n++] = x->shape[i];
    for (int i = start; i <= end && x->ndim; i++) merged *= x->shape[i];
    shape.dim[shape.n++] = merged;
    for (int i = end + 1; i < x->ndim; i++) shape.dim[shape.n++] = x->shape[i];
    return give(call, reshape_to(x, &shape));
}

Status made_unflatten(OpCall *call) {
    RtTensor *x = call->in[0];
    const RtInts *sizes = &ATTRS_OF(call, unflatten)->sizes;
    int dim, free_at = -1;
    int64_t known = 1;
    if (x->ndim == 0)
        return call_fail(call, ERR_SHAPE, "a tensor of no dimensions has none to split");
    TRY(dim_wrap(call, ATTRS_OF(call, unflatten)->dim, x->ndim, &dim));
    if (sizes->n < 1) return call_fail(call, ERR_VALUE, "sizes must not be empty");
    if (x->ndim - 1 + sizes->n > RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the result would have %d dimensions: at most %d are possible",
                         x->ndim - 1 + sizes->n, RT_MAX_DIMS);
    RtShape shape = {.n = dim};
    memcpy(shape.dim, x->shape, (size_t)dim * sizeof *shape.dim);
    bool wrong = false;
    for (int i = 0; i < sizes->n; i++) {
        shape.dim[shape.n++] = sizes->v[i];
        if (sizes->v[i] == -1 && free_at < 0)
            free_at = dim + i;
        else
            wrong |= sizes->v[i] < 0 || __builtin_mul_overflow(known, sizes->v[i], &known);
    }
    int64_t size = x->shape[dim];
    if (!wrong && free_at >= 0 && known > 0 && size % known == 0)
        shape.dim[free_at] = size / known;
    else if (wrong || free_at >= 0 || known != size) {
        Text text = {0};
        shape_text(&text, sizes->v, sizes->n);
        Status status = call_fail(call, ERR_SHAPE,
                                  "sizes (%s) do not multiply up to the size %lld of dimension %d",
                                  text_chars(&text), (long long)size, dim);
        text_clear(&text);
        return status;
    }
    for (int i = dim + 1; i < x->ndim; i++) shape.dim[shape.n++] = x->shape[i];
    return give(call, reshape_to(x, &shape));
}

Status made_ravel(OpCall *call) {
    RtShape shape = {.n = 1, .dim = {call->in[0]->numel}};
    return give(call, reshape_to(call->in[0], &shape));
}

Status made_contiguous(OpCall *call) {
    RtTensor *x = call->in[0];
    return give(call, rt_tensor_is_contiguous(x) ? x : rt_clone(x));
}

#include "ops/layout.h"

#include <string.h>

// ----------------------------------------------------------------------------------------- layouts

Layout layout_of(const RtTensor *tensor) {
    Layout layout = {.n = tensor->ndim, .offset = tensor->offset};
    memcpy(layout.dim, tensor->shape, (size_t)tensor->ndim * sizeof *layout.dim);
    memcpy(layout.stride, tensor->stride, (size_t)tensor->ndim * sizeof *layout.stride);
    return layout;
}

Layout layout_contiguous(const RtShape *shape) {
    Layout layout = {.n = shape->n};
    int64_t stride = 1;
    for (int i = shape->n - 1; i >= 0; i--) {
        layout.dim[i] = shape->dim[i];
        layout.stride[i] = stride;
        stride *= shape->dim[i] ? shape->dim[i] : 1;
    }
    return layout;
}

RtTensor *layout_view(RtTensor *tensor, const Layout *layout) {
    return view_new(tensor, layout->n, layout->dim, layout->stride, layout->offset);
}

// Runs of old dimensions that follow each other without gaps in memory are one long dimension; the
// new dimensions must divide each run exactly.
bool layout_reshape(const Layout *from, const RtShape *shape, int64_t *out_stride) {
    int64_t numel = 1;
    for (int i = 0; i < from->n; i++) numel *= from->dim[i];
    if (numel == 0) {
        memcpy(out_stride, layout_contiguous(shape).stride, (size_t)shape->n * sizeof *out_stride);
        return true;
    }
    int to = shape->n - 1;
    int64_t run = 1, base = from->n ? from->stride[from->n - 1] : 1, made = 1;
    for (int i = from->n - 1; i >= 0; i--) {
        run *= from->dim[i];
        bool last = i == 0 || (from->dim[i - 1] != 1 && from->stride[i - 1] != run * base);
        if (!last) continue;
        while (to >= 0 && (made < run || shape->dim[to] == 1)) {
            out_stride[to] = made * base;
            made *= shape->dim[to--];
        }
        if (made != run) return false;
        if (i > 0) base = from->stride[i - 1];
        run = made = 1;
    }
    for (; to >= 0; to--)
        out_stride[to] = 1; // only sizes of one are left: a tensor without dimensions
    return true;
}

void layout_select(Layout *layout, int dim, int64_t index) {
    layout->offset += index * layout->stride[dim];
    layout->n--;
    size_t rest = (size_t)(layout->n - dim) * sizeof(int64_t);
    memmove(layout->dim + dim, layout->dim + dim + 1, rest);
    memmove(layout->stride + dim, layout->stride + dim + 1, rest);
}

void layout_slice(Layout *layout, int dim, int64_t start, int64_t length, int64_t step) {
    layout->offset += start * layout->stride[dim];
    layout->dim[dim] = length;
    layout->stride[dim] *= step;
}

void layout_diagonal(Layout *layout, int64_t offset, int dim1, int dim2) {
    int64_t rows = layout->dim[dim1], columns = layout->dim[dim2],
            step = layout->stride[dim1] + layout->stride[dim2];
    int64_t length = offset >= 0 ? (rows < columns - offset ? rows : columns - offset)
                                 : (rows + offset < columns ? rows + offset : columns);
    if (length > 0)
        layout->offset +=
            offset >= 0 ? offset * layout->stride[dim2] : -offset * layout->stride[dim1];
    else
        length = 0;
    int n = 0;
    for (int i = 0; i < layout->n; i++) {
        if (i == dim1 || i == dim2) continue;
        layout->dim[n] = layout->dim[i];
        layout->stride[n++] = layout->stride[i];
    }
    layout->dim[n] = length;
    layout->stride[n] = step;
    layout->n = n + 1;
}

void layout_unfold(Layout *layout, int dim, int64_t size, int64_t step) {
    layout->dim[layout->n] = size;
    layout->stride[layout->n] = layout->n ? layout->stride[dim] : 1;
    if (layout->n) {
        layout->dim[dim] = (layout->dim[dim] - size) / step + 1;
        layout->stride[dim] *= step;
    }
    layout->n++;
}

// -------------------------------------------------------------------------------------- attributes

RtInts ints_of(const RtShape *shape) {
    RtInts ints = {.n = shape->n};
    memcpy(ints.v, shape->dim, (size_t)shape->n * sizeof *ints.v);
    return ints;
}

RtShape shape_ints(const RtInts *ints) {
    RtShape shape = {.n = ints->n > 0 ? ints->n : 0};
    memcpy(shape.dim, ints->v, (size_t)shape.n * sizeof *shape.dim);
    return shape;
}

static Status size_misfit(const OpCall *call, const RtShape *size, const RtTensor *tensor) {
    Text text = {0};
    shape_text(&text, size->dim, size->n);
    Status status = call_fail(call, ERR_SHAPE,
                              "shape (%s) does not fit a tensor of shape (%s) with %lld elements",
                              text_chars(&text), shape_words(tensor), (long long)tensor->numel);
    text_clear(&text);
    return status;
}

Status size_resolve(const OpCall *call, const RtInts *size, const RtTensor *tensor, RtShape *out) {
    int free_dim = -1;
    int64_t known = 1;
    bool overflow = false;
    *out = shape_ints(size);
    for (int i = 0; i < out->n; i++) {
        if (out->dim[i] < -1)
            return call_fail(call, ERR_SHAPE,
                             "size %lld at position %d: sizes must be 0 or more, one may be -1",
                             (long long)out->dim[i], i);
        if (out->dim[i] == -1) {
            if (free_dim >= 0) return call_fail(call, ERR_SHAPE, "only one size may be -1");
            free_dim = i;
        } else {
            overflow |= __builtin_mul_overflow(known, out->dim[i], &known);
        }
    }
    if (free_dim >= 0 && known == 0)
        return call_fail(call, ERR_SHAPE,
                         "the size -1 cannot be worked out beside a size of 0: name it");
    if (free_dim >= 0 && !overflow && tensor->numel % known == 0) {
        out->dim[free_dim] = tensor->numel / known;
        return OK;
    }
    return overflow || free_dim >= 0 || known != tensor->numel ? size_misfit(call, out, tensor)
                                                               : OK;
}

void slice_resolve(int64_t size, int64_t start, int64_t end, int64_t step, int64_t *out_start,
                   int64_t *out_length) {
    if (start == RT_INT_NONE) start = 0;
    if (end == RT_INT_NONE) end = size;
    if (start < 0) start = start + size < 0 ? 0 : start + size;
    if (end < 0) end = end + size < 0 ? 0 : end + size;
    if (start > size) start = size;
    if (end > size) end = size;
    *out_start = start;
    *out_length = end > start ? (end - start - 1) / step + 1 : 0;
}

Status dims_named(const OpCall *call, const RtInts *dims, int ndim, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < dims->n; i++) {
        int dim;
        TRY(dim_wrap(call, dims->v[i], ndim, &dim));
        if (*out >> dim & 1) return call_fail(call, ERR_VALUE, "dimension %d is named twice", dim);
        *out |= 1u << dim;
    }
    return OK;
}

Status diagonal_resolve(const OpCall *call, int ndim, int *out_dim1, int *out_dim2) {
    const RtAttrs_diagonal *a = ATTRS_OF(call, diagonal);
    TRY(dim_wrap(call, a->dim1, ndim, out_dim1));
    TRY(dim_wrap(call, a->dim2, ndim, out_dim2));
    if (*out_dim1 == *out_dim2)
        return call_fail(call, ERR_VALUE,
                         "the two dimensions of a diagonal must differ, but both are %d",
                         *out_dim1);
    return OK;
}

Status pad_resolve(const OpCall *call, const RtTensor *tensor, RtShape *out) {
    const RtInts *pad = &ATTRS_OF(call, pad)->pad;
    if (pad->n < 0 || pad->n % 2 || pad->n / 2 > tensor->ndim)
        return call_fail(call, ERR_SHAPE,
                         "%d paddings for a tensor of shape (%s): one pair a dimension is needed, "
                         "for at most %d dimensions",
                         pad->n < 0 ? 0 : pad->n, shape_words(tensor), tensor->ndim);
    *out = shape_of(tensor);
    for (int i = 0; i < pad->n; i += 2) {
        int dim = tensor->ndim - 1 - i / 2;
        int64_t size = out->dim[dim], before = pad->v[i], after = pad->v[i + 1];
        if (__builtin_add_overflow(size, before, &out->dim[dim]) ||
            __builtin_add_overflow(out->dim[dim], after, &out->dim[dim]) || out->dim[dim] < 0)
            return call_fail(call, ERR_SHAPE,
                             "padding (%lld, %lld) does not fit dimension %d with size %lld",
                             (long long)before, (long long)after, dim, (long long)size);
    }
    return OK;
}

Status geometry_layouts(const OpCall *call, const RtShape *self, Layout *out_view,
                        Layout *out_self) {
    const RtAttrs_geometry *a = ATTRS_OF(call, geometry);
    RtShape shape = a->self_size.n >= 0 ? shape_ints(&a->self_size) : *self;
    *out_self = layout_contiguous(&shape);
    if (a->self_stride.n >= 0) {
        if (a->self_stride.n != shape.n)
            return call_fail(call, ERR_SHAPE, "%d strides for a tensor of %d dimensions",
                             a->self_stride.n, shape.n);
        memcpy(out_self->stride, a->self_stride.v, (size_t)shape.n * sizeof(int64_t));
        out_self->offset = a->self_offset;
    }
    if (a->size.n < 0 || a->size.n != a->stride.n)
        return call_fail(call, ERR_SHAPE,
                         "%d sizes and %d strides: as many of one as of the other are needed",
                         a->size.n < 0 ? 0 : a->size.n, a->stride.n < 0 ? 0 : a->stride.n);
    *out_view =
        (Layout){.n = a->size.n,
                 .offset = a->storage_offset == RT_INT_NONE ? out_self->offset : a->storage_offset};
    memcpy(out_view->dim, a->size.v, (size_t)a->size.n * sizeof(int64_t));
    memcpy(out_view->stride, a->stride.v, (size_t)a->size.n * sizeof(int64_t));
    for (int i = 0; i < out_view->n; i++)
        if (out_view->dim[i] < 0)
            return call_fail(call, ERR_SHAPE, "size %lld at position %d: sizes must be 0 or more",
                             (long long)out_view->dim[i], i);
    return OK;
}

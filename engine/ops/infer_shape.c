// Shape rules of the shape family.
#include "ops/layout.h"

#include <string.h>

#include "ops/scan.h"

// cat takes empty vectors among tensors of any shape and leaves them out, as PyTorch does.
static bool is_empty_vector(const RtTensor *x) { return x->ndim == 1 && x->shape[0] == 0; }

Status infer_CAT(OpCall *call) {
    if (call->nin == 0) return call_fail(call, ERR_VALUE, "at least one tensor is needed");
    int first = -1, dim = 0;
    RtShape *shape = &call->shape[0];
    *shape = (RtShape){.n = 1};
    for (int i = 0; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (x->ndim == 0)
            return call_fail(call, ERR_SHAPE, "tensor %d has no dimensions: use stack()", i);
        if (is_empty_vector(x)) continue;
        if (first < 0) {
            first = i;
            *shape = shape_of(x);
            TRY(dim_wrap(call, ATTRS_OF(call, slice)->dim, x->ndim, &dim));
            continue;
        }
        bool fits = x->ndim == shape->n;
        for (int k = 0; fits && k < x->ndim; k++) fits = k == dim || x->shape[k] == shape->dim[k];
        if (!fits)
            return call_fail(call, ERR_SHAPE,
                             "tensor %d of shape (%s) does not fit tensor %d of shape (%s): all "
                             "sizes but that of dimension "
                             "%d must be equal",
                             i, shape_words(x), first, shape_words(call->in[first]), dim);
        if (__builtin_add_overflow(shape->dim[dim], x->shape[dim], &shape->dim[dim]))
            return call_fail(call, ERR_SHAPE, "the size of dimension %d does not fit in 63 bits",
                             dim);
    }
    if (first < 0) TRY(dim_wrap(call, ATTRS_OF(call, slice)->dim, 1, &dim));
    return OK;
}

Status infer_STACK(OpCall *call) {
    if (call->nin == 0) return call_fail(call, ERR_VALUE, "at least one tensor is needed");
    const RtTensor *first = call->in[0];
    int dim;
    TRY(dim_wrap(call, ATTRS_OF(call, slice)->dim, first->ndim + 1, &dim));
    for (int i = 1; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (x->ndim != first->ndim ||
            memcmp(x->shape, first->shape, (size_t)x->ndim * sizeof *x->shape) != 0)
            return call_fail(call, ERR_SHAPE,
                             "tensor %d has shape (%s), tensor 0 has (%s): all must have one shape",
                             i, shape_words(x), shape_words(first));
    }
    if (first->ndim == RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the tensors have %d dimensions already: more are not possible",
                         RT_MAX_DIMS);
    RtShape *shape = &call->shape[0];
    *shape = shape_of(first);
    memmove(shape->dim + dim + 1, shape->dim + dim, (size_t)(shape->n - dim) * sizeof *shape->dim);
    shape->dim[dim] = call->nin;
    shape->n++;
    return OK;
}

Status infer_REPEAT_INDEX(OpCall *call) {
    const RtTensor *repeats = call->in[0];
    int64_t asked = ATTRS_OF(call, interleave)->output_size;
    IntRange range;
    if (repeats->ndim != 1)
        return call_fail(call, ERR_SHAPE, "repeats must be a vector, but has shape (%s)",
                         shape_words(repeats));
    TRY(scan_ints(call, repeats, &range));
    if (repeats->numel && range.min < 0)
        return call_fail(call, ERR_VALUE, "repeats holds %lld: it must not be negative",
                         (long long)range.min);
    if (range.overflow)
        return call_fail(call, ERR_VALUE, "the sum of repeats does not fit in 63 bits");
    if (asked != RT_INT_NONE && asked != range.sum)
        return call_fail(call, ERR_VALUE, "output_size is %lld, but repeats sums to %lld",
                         (long long)asked, (long long)range.sum);
    call->shape[0] = (RtShape){.n = 1, .dim = {range.sum}};
    return OK;
}

Status infer_FLIP(OpCall *call) {
    const RtTensor *x = call->in[0];
    uint32_t mask;
    TRY(dims_named(call, &ATTRS_OF(call, axes)->dims, x->ndim, &mask));
    call->shape[0] = shape_of(x);
    return OK;
}

Status infer_PAD_CONSTANT(OpCall *call) { return pad_resolve(call, call->in[0], &call->shape[0]); }

Status infer_DIAG_EMBED(OpCall *call) {
    const RtTensor *x = call->in[0];
    int dim1, dim2;
    if (x->ndim == 0)
        return call_fail(call, ERR_SHAPE, "a tensor without dimensions has no diagonal to give");
    if (x->ndim == RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the tensor has %d dimensions already: more are not possible",
                         RT_MAX_DIMS);
    TRY(diagonal_resolve(call, x->ndim + 1, &dim1, &dim2));
    int64_t offset = ATTRS_OF(call, diagonal)->offset, size;
    if (offset == INT64_MIN ||
        __builtin_add_overflow(x->shape[x->ndim - 1], offset < 0 ? -offset : offset, &size))
        return call_fail(call, ERR_VALUE, "offset %lld is too large", (long long)offset);
    RtShape *shape = &call->shape[0];
    shape->n = x->ndim + 1;
    for (int i = 0, from = 0; i < shape->n; i++)
        shape->dim[i] = i == dim1 || i == dim2 ? size : x->shape[from++];
    return OK;
}

Status infer_ONE_HOT(OpCall *call) {
    const RtTensor *x = call->in[0];
    int64_t classes = ATTRS_OF(call, one_hot)->num_classes;
    IntRange range;
    TRY(scan_ints(call, x, &range));
    if (classes < -1 || classes == 0)
        return call_fail(call, ERR_VALUE,
                         "num_classes must be positive, or -1 for as many as needed, not %lld",
                         (long long)classes);
    if (classes < 0 && x->numel == 0)
        return call_fail(
            call, ERR_VALUE,
            "the number of classes cannot be told from an empty tensor: give num_classes");
    if (classes < 0) classes = range.max + (range.max < INT64_MAX);
    if (x->numel && range.min < 0)
        return call_fail(call, ERR_INDEX, "class %lld: classes are counted from 0",
                         (long long)range.min);
    if (x->numel && range.max >= classes)
        return call_fail(call, ERR_INDEX, "class %lld is out of bounds for %lld classes",
                         (long long)range.max, (long long)classes);
    if (x->ndim == RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the tensor has %d dimensions already: more are not possible",
                         RT_MAX_DIMS);
    call->shape[0] = shape_of(x);
    call->shape[0].dim[call->shape[0].n++] = classes;
    return OK;
}

// The lowest and highest position that a layout names; false if it names none.
static bool layout_range(const Layout *layout, int64_t *low, int64_t *high) {
    *low = *high = layout->offset;
    for (int i = 0; i < layout->n; i++) {
        if (layout->dim[i] == 0) return false;
        int64_t reach = (layout->dim[i] - 1) * layout->stride[i];
        *(reach < 0 ? low : high) += reach;
    }
    return true;
}

// Positions of the view outside of what self spans would have no element to read.
static Status check_inside(const OpCall *call, const Layout *view, const Layout *self) {
    int64_t low, high, first, last;
    if (!layout_range(view, &low, &high)) return OK;
    bool some = layout_range(self, &first, &last);
    if (!some || low < first || high > last)
        return call_fail(call, ERR_VALUE,
                         "the geometry reaches positions %lld to %lld, the tensor has %lld to %lld",
                         (long long)low, (long long)high, some ? (long long)first : 0,
                         some ? (long long)last : -1);
    return OK;
}

Status infer_GEOMETRY(OpCall *call) {
    RtShape self = shape_of(call->in[0]);
    Layout view, from;
    TRY(geometry_layouts(call, &self, &view, &from));
    call->shape[0].n = view.n;
    memcpy(call->shape[0].dim, view.dim, (size_t)view.n * sizeof *view.dim);
    return OK;
}

Status infer_GEOMETRY_SELF(OpCall *call) {
    const RtTensor *gradient = call->in[0];
    RtShape self = shape_ints(&ATTRS_OF(call, geometry)->self_size);
    Layout view, from;
    TRY(geometry_layouts(call, &self, &view, &from));
    if (gradient->ndim != view.n ||
        memcmp(gradient->shape, view.dim, (size_t)view.n * sizeof *view.dim) != 0)
        return call_fail(call, ERR_SHAPE,
                         "the gradient of shape (%s) does not have the shape of the geometry",
                         shape_words(gradient));
    call->shape[0] = self;
    return OK;
}

Status infer_AS_STRIDED_SCATTER(OpCall *call) {
    RtShape self = shape_of(call->in[0]);
    const RtTensor *source = call->in[1];
    Layout view, from;
    TRY(geometry_layouts(call, &self, &view, &from));
    TRY(check_inside(call, &view, &from));
    if (source->ndim != view.n ||
        memcmp(source->shape, view.dim, (size_t)view.n * sizeof *view.dim) != 0)
        return call_fail(call, ERR_SHAPE,
                         "src of shape (%s) does not have the shape of the geometry",
                         shape_words(source));
    call->shape[0] = self;
    return OK;
}

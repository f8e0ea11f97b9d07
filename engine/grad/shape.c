// Gradients of the shape family: what moved elements moves their gradients back.
#include "grad/formula.h"

#include <string.h>

#include "ops/layout.h"

static RtTensor *reshaped(RtTensor *gradient, const RtShape *shape) {
    return rt_reshape(gradient, WITH(shape, .shape = ints_of(shape)));
}

// Zeros of `shape` with the gradient added where a view of a contiguous tensor of that shape has
// its elements.
static RtTensor *spread(RtTensor *gradient, const Layout *view, const RtShape *shape) {
    RtAttrs_geometry geometry = rt_defaults_geometry();
    geometry.size.n = geometry.stride.n = view->n;
    memcpy(geometry.size.v, view->dim, (size_t)view->n * sizeof(int64_t));
    memcpy(geometry.stride.v, view->stride, (size_t)view->n * sizeof(int64_t));
    geometry.storage_offset = view->offset;
    geometry.self_size = ints_of(shape);
    return rt_as_strided_backward(gradient, geometry);
}

static int wrapped(int64_t dim, int n) { return (int)(dim < 0 ? dim + n : dim); }

// The geometry with the shape of self written out, which the gradient no longer has before it.
static RtAttrs_geometry geometry_of(const GradCall *call) {
    RtAttrs_geometry geometry = *A(geometry);
    geometry.self_size = ints_of(X_SHAPE(0));
    return geometry;
}

GRAD(view) {
    GIVE(0, reshaped(G(0), X_SHAPE(0)));
    return OK;
}

GRAD(as_strided_view) {
    GIVE(0, rt_as_strided_backward(G(0), geometry_of(call)));
    return OK;
}

GRAD(expand) { // the tape sums over what was expanded
    GIVE(0, G(0));
    return OK;
}

GRAD(permute) {
    int n = X_SHAPE(0)->n;
    RtInts back = {.n = n};
    for (int i = 0; i < n; i++) back.v[wrapped(A(axes)->dims.v[i], n)] = i;
    GIVE(0, rt_permute(G(0), WITH(axes, .dims = back)));
    return OK;
}

GRAD(transpose) {
    GIVE(0, rt_transpose(G(0), *A(dims)));
    return OK;
}

GRAD(squeeze) {
    GIVE(0, reshaped(G(0), X_SHAPE(0)));
    return OK;
}

GRAD(unsqueeze) {
    GIVE(0, reshaped(G(0), X_SHAPE(0)));
    return OK;
}

GRAD(select) {
    Layout view = layout_contiguous(X_SHAPE(0));
    int dim = wrapped(A(slice)->dim, view.n);
    int64_t index = A(slice)->index;
    layout_select(&view, dim, index < 0 ? index + X_SHAPE(0)->dim[dim] : index);
    GIVE(0, spread(G(0), &view, X_SHAPE(0)));
    return OK;
}

GRAD(slice) {
    Layout view = layout_contiguous(X_SHAPE(0));
    int dim = wrapped(A(slice)->dim, view.n);
    int64_t start, length;
    slice_resolve(view.dim[dim], A(slice)->start, A(slice)->end, A(slice)->step, &start, &length);
    layout_slice(&view, dim, start, length, A(slice)->step);
    GIVE(0, spread(G(0), &view, X_SHAPE(0)));
    return OK;
}

// What lies side by side in the input is joined again: every part is written once.
static Status join_parts(GradCall *call, int dim, bool stacked) {
    RtTensor *zeros = NULL; // of parts that nothing depends on
    for (int i = 0; i < call->nout; i++) {
        if (HAS_G(i)) continue;
        if (!zeros || !shape_is(zeros, Y_SHAPE(i)))
            zeros = grad_zeros(Y_SHAPE(i), Y_DTYPE(i), call->device);
        if (!zeros) return error_code();
        G(i) = zeros;
    }
    RtAttrs_slice along = WITH(slice, .dim = dim);
    GIVE(0, stacked ? rt_stack(call->g, call->nout, along) : rt_cat(call->g, call->nout, along));
    return OK;
}

GRAD(unbind) { return join_parts(call, wrapped(A(slice)->dim, X_SHAPE(0)->n), true); }
GRAD(split) { return join_parts(call, wrapped(A(split)->dim, X_SHAPE(0)->n), false); }

GRAD(diagonal) {
    Layout view = layout_contiguous(X_SHAPE(0));
    layout_diagonal(&view, A(diagonal)->offset, wrapped(A(diagonal)->dim1, view.n),
                    wrapped(A(diagonal)->dim2, view.n));
    GIVE(0, spread(G(0), &view, X_SHAPE(0)));
    return OK;
}

GRAD(unfold) {
    Layout view = layout_contiguous(X_SHAPE(0));
    layout_unfold(&view, wrapped(A(unfold)->dimension, view.n ? view.n : 1), A(unfold)->size,
                  A(unfold)->step);
    GIVE(0, spread(G(0), &view, X_SHAPE(0)));
    return OK;
}

GRAD(clone) {
    GIVE(0, G(0));
    return OK;
}

GRAD(cat) {
    int n = call->y_shape[0].n, dim = wrapped(A(slice)->dim, n);
    int64_t start = 0;
    for (int i = 0; i < NIN; i++) {
        if (X_SHAPE(i)->n == 1 && X_SHAPE(i)->dim[0] == 0)
            continue; // an empty vector takes no part
        int64_t end = start + X_SHAPE(i)->dim[dim];
        GIVE(i, rt_slice(G(0), WITH(slice, .dim = dim, .start = start, .end = end)));
        start = end;
    }
    return OK;
}

GRAD(stack) {
    for (int i = 0; i < NIN; i++)
        GIVE(i, rt_select(G(0), WITH(slice, .dim = A(slice)->dim, .index = i)));
    return OK;
}

GRAD(flip) {
    GIVE(0, rt_flip(G(0), *A(axes)));
    return OK;
}

GRAD(pad_constant) {
    RtInts back = A(pad)->pad;
    for (int i = 0; i < back.n; i++) back.v[i] = -back.v[i];
    GIVE(0, rt_pad_constant(G(0), WITH(pad, .pad = back)));
    return OK;
}

GRAD(diag_embed) {
    GIVE(0, rt_diagonal(G(0), *A(diagonal)));
    return OK;
}

GRAD(as_strided_copy) {
    GIVE(0, rt_as_strided_backward(G(0), geometry_of(call)));
    return OK;
}

GRAD(as_strided_scatter) {
    RtAttrs_geometry geometry = geometry_of(call);
    GIVE(0, rt_as_strided_scatter(G(0), grad_zeros(X_SHAPE(1), (RtDtype)G(0)->dtype, call->device),
                                  geometry));
    GIVE(1, rt_as_strided_copy(G(0), geometry));
    return OK;
}

GRAD(as_strided_backward) {
    GIVE(0, rt_as_strided_copy(G(0), *A(geometry)));
    return OK;
}

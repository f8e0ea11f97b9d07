// layout.h: the arithmetic of layouts, shared by views, made ops, gradients and kernels of the
// shape family.
//
// A Layout is a shape with strides and an offset, in elements. Nothing here allocates or touches
// data.
#pragma once

#include "ops/call.h"

typedef struct Layout {
    int n;
    int64_t dim[RT_MAX_DIMS], stride[RT_MAX_DIMS], offset;
} Layout;

Layout layout_of(const RtTensor *tensor);
Layout layout_contiguous(const RtShape *shape); // row-major, from offset 0
RtTensor *layout_view(RtTensor *tensor, const Layout *layout);

// Strides under which the elements of `from` appear as `shape` without a copy; false if there are
// none.
bool layout_reshape(const Layout *from, const RtShape *shape, int64_t *out_stride);

// Each turns `layout` into that of the view; the checks are done and the dimensions wrapped.
void layout_select(Layout *layout, int dim, int64_t index);
void layout_slice(Layout *layout, int dim, int64_t start, int64_t length, int64_t step);
void layout_diagonal(Layout *layout, int64_t offset, int dim1, int dim2); // dim1 ≠ dim2
void layout_unfold(Layout *layout, int dim, int64_t size, int64_t step);

// Resolves a requested size with at most one -1 against the elements of tensor.
Status size_resolve(const OpCall *call, const RtInts *size, const RtTensor *tensor, RtShape *out);
// Where a Python slice of a dimension of `size` positions begins and how many positions it has.
void slice_resolve(int64_t size, int64_t start, int64_t end, int64_t step, int64_t *out_start,
                   int64_t *out_length);
// A list of dimensions as a bit mask; each at most once.
Status dims_named(const OpCall *call, const RtInts *dims, int ndim, uint32_t *out);
Status diagonal_resolve(const OpCall *call, int ndim, int *out_dim1,
                        int *out_dim2); // of the attribute struct diagonal
Status pad_resolve(const OpCall *call, const RtTensor *tensor,
                   RtShape *out); // of the attribute struct pad: the new shape
RtInts ints_of(const RtShape *shape);
RtShape shape_ints(const RtInts *ints);
// The layout that the attribute struct geometry describes, and that of self in it (self_size n =
// -1: given by `self`).
Status geometry_layouts(const OpCall *call, const RtShape *self, Layout *out_view,
                        Layout *out_self);

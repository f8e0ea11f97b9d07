// Geometry written out: as_strided_copy, as_strided_scatter, as_strided_backward.
//
// `self` is seen as if it lay in a storage under its virtual layout; `view` names positions in that
// storage. Where the virtual layout is contiguous the output's or input's own memory is that
// storage; otherwise one is made that spans both layouts. Several elements of self may share a
// position (self was expanded): their mean is what stands there, and what flows back to the
// position is divided among them.
#include <stdlib.h>
#include <string.h>

#include "cpu/convert.h"
#include "cpu/copy.h"
#include "cpu/index_work.h"
#include "cpu/loops.h"
#include "ops/layout.h"

static void span_of(const Layout *layout, int64_t *low, int64_t *high) {
    int64_t first = layout->offset, last = layout->offset;
    for (int i = 0; i < layout->n; i++) {
        if (layout->dim[i] == 0) return;
        int64_t reach = (layout->dim[i] - 1) * layout->stride[i];
        *(reach < 0 ? &first : &last) += reach;
    }
    if (first < *low) *low = first;
    if (last > *high) *high = last;
}

// May two of its indices share a position? Never, if each stride steps over all that the smaller
// ones reach.
static bool may_overlap(const Layout *layout) {
    int64_t stride[RT_MAX_DIMS], reach[RT_MAX_DIMS], total = 0;
    int n = 0;
    for (int i = 0; i < layout->n; i++) {
        if (layout->dim[i] < 2) continue;
        int at = n++;
        int64_t step = llabs(layout->stride[i]);
        for (; at > 0 && stride[at - 1] > step; at--)
            stride[at] = stride[at - 1], reach[at] = reach[at - 1];
        stride[at] = step;
        reach[at] = (layout->dim[i] - 1) * step;
    }
    for (int i = 0; i < n; i++) {
        if (stride[i] <= total) return true;
        total += reach[i];
    }
    return false;
}

static bool is_contiguous(const Layout *layout) {
    int64_t expected = 1;
    for (int i = layout->n - 1; i >= 0; i--) {
        if (layout->dim[i] != 1 && layout->stride[i] != expected) return false;
        expected *= layout->dim[i];
    }
    return true;
}

// Moves elements between a tensor and the positions of a layout in a storage whose position `low`
// is at `data`.
static void put_at(const Layout *layout, char *data, int64_t low, const RtTensor *x) {
    size_t bytes = rt_dtype_bytes((RtDtype)x->dtype);
    CopyPlan plan = copy_plan(bytes, layout->n, layout->dim, layout->stride, x->stride);
    copy_run_parallel(&plan, data + (layout->offset - low) * (int64_t)bytes, rt_tensor_data(x));
}

static void take_from(const Layout *layout, const char *data, int64_t low, RtTensor *out) {
    size_t bytes = rt_dtype_bytes((RtDtype)out->dtype);
    CopyPlan plan = copy_plan(bytes, layout->n, layout->dim, out->stride, layout->stride);
    copy_run_parallel(&plan, rt_tensor_data(out), data + (layout->offset - low) * (int64_t)bytes);
}

static void add_at(const Layout *layout, char *data, int64_t low, const RtTensor *x) {
    AddLine add = add_line((RtDtype)x->dtype);
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype), at[RT_MAX_DIMS] = {0},
            offsets[2] = {layout->offset - low, 0};
    const int64_t *const strides[2] = {layout->stride, x->stride};
    const char *source = rt_tensor_data(x);
    if (x->numel == 0) return;
    if (layout->n == 0) {
        add(data + offsets[0] * bytes, bytes, source, bytes, 1);
        return;
    }
    int last = layout->n - 1;
    do
        add(data + offsets[0] * bytes, layout->stride[last] * bytes, source + offsets[1] * bytes,
            x->stride[last] * bytes, layout->dim[last]);
    while (box_next(last, layout->dim, at, 2, offsets, strides));
}

typedef struct Stage {
    Layout view, self;
    int64_t low, high; // positions that a storage for both must hold
    bool direct;       // self's own row-major memory is the storage, and the view stays inside it
    bool shared;       // elements of self share positions
} Stage;

static Status stage_set(const OpCall *call, const RtShape *self, Stage *stage) {
    TRY(geometry_layouts(call, self, &stage->view, &stage->self));
    stage->low = INT64_MAX;
    stage->high = INT64_MIN;
    span_of(&stage->self, &stage->low, &stage->high);
    int64_t low = stage->low, high = stage->high;
    span_of(&stage->view, &stage->low, &stage->high);
    stage->direct = low == stage->low && high == stage->high && is_contiguous(&stage->self);
    stage->shared = may_overlap(&stage->self);
    return OK;
}

static RtTensor *stage_room(const Stage *stage, RtDtype dtype, RtDevice device) {
    int64_t size = stage->high < stage->low ? 0 : stage->high - stage->low + 1;
    RtTensor *room = rt_tensor_new(1, &size, dtype, device);
    if (room) tensor_zero(room);
    return room;
}

// How many elements of self stand at each position, in the dtype of the sums.
static Status share_out(const Stage *stage, RtTensor *room) {
    if (!stage->shared || rt_dtype_kind((RtDtype)room->dtype) != RT_KIND_FLOAT) return OK;
    RtTensor *count = stage_room(stage, (RtDtype)room->dtype, room->device);
    RtTensor *one = rt_tensor_scalar(rt_int(1), (RtDtype)room->dtype, false);
    if (!count || !one) return ERR_MEMORY;
    RtTensor ones = *one;
    ones.ndim = (int8_t)stage->self.n;
    ones.numel = 1; // strides of 0: one element read again and again
    memcpy(ones.shape, stage->self.dim, sizeof ones.shape);
    memset(ones.stride, 0, sizeof ones.stride);
    add_at(&stage->self, rt_tensor_data(count), stage->low, &ones);
    for (int64_t i = 0; i < room->numel; i++) {
        if (room->dtype == RT_F64 && ((double *)rt_tensor_data(count))[i] > 1)
            ((double *)rt_tensor_data(room))[i] /= ((double *)rt_tensor_data(count))[i];
        if (room->dtype == RT_F32 && ((float *)rt_tensor_data(count))[i] > 1)
            ((float *)rt_tensor_data(room))[i] /= ((float *)rt_tensor_data(count))[i];
    }
    return OK;
}

Status cpu_as_strided_copy(OpCall *call) {
    RtTensor *x = call->in[0], *out = call->out[0];
    RtShape shape = shape_of(x);
    Stage stage;
    TRY(stage_set(call, &shape, &stage));
    if (out->numel == 0) return OK;
    if (stage.direct) {
        RtTensor *dense = tensor_dense(x);
        if (!dense) return error_code();
        take_from(&stage.view, rt_tensor_data(dense), stage.low, out);
        return OK;
    }
    bool mean = stage.shared && rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT;
    RtDtype work = mean ? dtype_work((RtDtype)x->dtype) : (RtDtype)x->dtype;
    RtTensor *room = stage_room(&stage, work, x->device), *source = mean ? tensor_as(x, work) : x;
    if (!room || !source) return error_code();
    if (mean) {
        add_at(&stage.self, rt_tensor_data(room), stage.low, source);
        TRY(share_out(&stage, room));
    } else {
        put_at(&stage.self, rt_tensor_data(room), stage.low, source);
    }
    RtTensor *narrow = tensor_as(room, (RtDtype)x->dtype);
    if (!narrow) return error_code();
    take_from(&stage.view, rt_tensor_data(narrow), stage.low, out);
    return OK;
}

Status cpu_as_strided_scatter(OpCall *call) {
    RtTensor *x = call->in[0], *source = call->in[1], *out = call->out[0];
    RtShape shape = shape_of(x);
    Stage stage;
    TRY(stage_set(call, &shape, &stage));
    if (stage.direct) {
        copy_tensor(out, x);
        if (source->numel) put_at(&stage.view, rt_tensor_data(out), stage.low, source);
        return OK;
    }
    RtTensor *room = stage_room(&stage, (RtDtype)x->dtype, x->device);
    if (!room) return error_code();
    if (x->numel == 0) return OK;
    put_at(&stage.self, rt_tensor_data(room), stage.low, x);
    if (source->numel) put_at(&stage.view, rt_tensor_data(room), stage.low, source);
    take_from(&stage.self, rt_tensor_data(room), stage.low, out);
    return OK;
}

Status cpu_as_strided_backward(OpCall *call) {
    RtTensor *gradient = call->in[0], *out = call->out[0];
    RtShape shape = shape_of(out);
    Stage stage;
    TRY(stage_set(call, &shape, &stage));
    if (out->numel == 0) return OK;
    if (gradient->numel == 0) {
        tensor_zero(out);
        return OK;
    }
    bool overlaps = may_overlap(&stage.view);
    if (stage.direct && !overlaps) {
        if (gradient->numel < out->numel) tensor_zero(out);
        put_at(&stage.view, rt_tensor_data(out), stage.low, gradient);
        return OK;
    }
    RtDtype work = dtype_work((RtDtype)out->dtype);
    RtTensor *wide = tensor_as(gradient, work), *room = stage_room(&stage, work, out->device);
    if (!wide || !room) return error_code();
    add_at(&stage.view, rt_tensor_data(room), stage.low, wide);
    TRY(share_out(&stage, room));
    RtTensor *narrow = tensor_as(room, (RtDtype)out->dtype);
    if (!narrow) return error_code();
    take_from(&stage.self, rt_tensor_data(narrow), stage.low, out);
    return OK;
}

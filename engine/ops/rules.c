// The general rules of the table's shape and dtype columns, and what rules, views and made ops share.
// A family's own rules are in infer_FAMILY.c.
#include "ops/call.h"

#include <stdio.h>
#include <string.h>

#include "base/room.h"
#include "ops/door.h"
#include "tensor/tensor.h"

// Helpers ------------------------------------------------------------------------------------------------------

RtShape shape_of(const RtTensor *tensor) {
    RtShape shape = {.n = tensor->ndim};
    memcpy(shape.dim, tensor->shape, (size_t)tensor->ndim * sizeof *shape.dim);
    return shape;
}

bool shape_is(const RtTensor *tensor, const RtShape *shape) {
    return tensor->ndim == shape->n &&
           memcmp(tensor->shape, shape->dim, (size_t)shape->n * sizeof *shape->dim) == 0;
}

bool shape_same(const RtTensor *a, const RtTensor *b) {
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

int64_t shape_numel(const RtShape *shape) { return numel_checked(shape->n, shape->dim, 1); }

void shape_text(Text *text, const int64_t *dim, int n) {
    for (int i = 0; i < n; i++) text_addf(text, i ? ", %lld" : "%lld", (long long)dim[i]);
    if (n == 1) text_add(text, ",");
}

const char *shape_words(const RtTensor *tensor) {
    const size_t bytes = 360; // 16 sizes of 20 digits
    char *room = thread_words();
    int used = 0;
    room[0] = 0;
    for (int i = 0; i < tensor->ndim; i++)
        used += snprintf(room + used, bytes - (size_t)used, i ? ", %lld" : "%lld", (long long)tensor->shape[i]);
    if (tensor->ndim == 1) snprintf(room + used, bytes - (size_t)used, ",");
    return room;
}

Status dim_wrap(const OpCall *call, int64_t dim, int ndim, int *out) {
    int64_t n = ndim ? ndim : 1; // a 0-dimensional tensor takes 0 and -1
    if (dim < -n || dim >= n)
        return call_fail(call, ERR_INDEX, "dimension out of range (expected to be in range of [%lld, %lld], but got %lld)",
                         (long long)-n, (long long)(n - 1), (long long)dim);
    *out = (int)(dim < 0 ? dim + n : dim);
    return OK;
}

Status shape_broadcast(const OpCall *call, RtShape *shape, const RtTensor *tensor) {
    int n = shape->n > tensor->ndim ? shape->n : tensor->ndim;
    RtShape wide = {.n = n};
    for (int i = 1; i <= n; i++) { // from the last dimension
        int64_t a = i <= shape->n ? shape->dim[shape->n - i] : 1;
        int64_t b = i <= tensor->ndim ? tensor->shape[tensor->ndim - i] : 1;
        if (a != b && a != 1 && b != 1) {
            Text text = {0};
            shape_text(&text, shape->dim, shape->n);
            Status status = call_fail(call, ERR_SHAPE,
                                      "shapes (%s) and (%s) do not broadcast: the sizes %lld and %lld in dimension %d must be "
                                      "equal, or one of them 1",
                                      text_chars(&text), shape_words(tensor), (long long)a, (long long)b, n - i);
            text_clear(&text);
            return status;
        }
        wide.dim[n - i] = a == 1 ? b : a;
    }
    *shape = wide;
    return OK;
}

RtTensor *view_new(RtTensor *tensor, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset) {
    if (ndim > RT_MAX_DIMS) {
        fail(ERR_SHAPE, "a view of %d dimensions was asked for: at most %d are possible", ndim, RT_MAX_DIMS);
        return NULL;
    }
    RtTensor *view = tensor_make(storage_keep(tensor->storage), ndim, shape, stride, offset, (RtDtype)tensor->dtype);
    if (!view) return NULL;
    view->base = rt_tensor_keep(tensor->base ? tensor->base : tensor);
    view->inference = tensor->inference;
    return view;
}

// Shape rules --------------------------------------------------------------------------------------------------

static Status all_outputs(OpCall *call, const RtShape *shape) {
    for (int i = 0; i < call->nout; i++) {
        call->shape[i].n = shape->n;
        memcpy(call->shape[i].dim, shape->dim, (size_t)shape->n * sizeof *shape->dim);
    }
    return OK;
}

Status infer_SAME(OpCall *call) {
    RtShape shape = shape_of(call->in[0]);
    return all_outputs(call, &shape);
}

Status infer_BROADCAST(OpCall *call) {
    const RtTensor *first = call->in[0];
    RtShape shape = {.n = first->ndim};
    memcpy(shape.dim, first->shape, (size_t)first->ndim * sizeof *shape.dim);
    for (int i = 1; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (!PRESENT(x) || x->ndim == 0) continue;
        if (shape_is(x, &shape)) continue;
        TRY(shape_broadcast(call, &shape, x));
    }
    return all_outputs(call, &shape);
}

static const void *attribute(const OpCall *call, const char *name) {
    for (int i = 0; i < call->row->attrs->nfields; i++)
        if (!strcmp(call->row->attrs->fields[i].name, name))
            return (const char *)call->attrs + call->row->attrs->fields[i].offset;
    return NULL;
}

Status infer_FACTORY(OpCall *call) {
    const RtInts *size = attribute(call, "size");
    RtShape shape = {.n = size && size->n > 0 ? size->n : 0};
    if (size) memcpy(shape.dim, size->v, sizeof shape.dim);
    return all_outputs(call, &shape);
}

// Dtype rules --------------------------------------------------------------------------------------------------

static Status all_dtypes(OpCall *call, RtDtype dtype) {
    for (int i = 0; i < call->nout; i++) call->dtype[i] = dtype;
    return OK;
}

static Status compute_in(OpCall *call, RtDtype dtype) {
    call->compute = dtype;
    return all_dtypes(call, dtype);
}

// PyTorch's result type: tensors with dimensions first; 0-dimensional ones count only if of a higher kind than those,
// Python numbers only if of a higher kind than both (and then as the default dtype of their kind).
static RtDtype promote_inputs(const OpCall *call) {
    RtDtype best[3] = {RT_DTYPE_NONE, RT_DTYPE_NONE, RT_DTYPE_NONE}; // with dimensions, 0-dimensional, numbers
    for (int i = 0; i < call->nin; i++) {
        const RtTensor *x = call->in[i];
        if (!PRESENT(x)) continue;
        int group = x->wrapped ? 2 : x->ndim == 0 ? 1 : 0;
        RtDtype dtype = (RtDtype)x->dtype;
        if (x->wrapped && rt_dtype_kind(dtype) == RT_KIND_FLOAT) dtype = rt_default_dtype();
        best[group] = best[group] == RT_DTYPE_NONE ? dtype : rt_dtype_promote(best[group], dtype);
    }
    RtDtype result = best[0];
    for (int group = 1; group < 3; group++) {
        if (best[group] == RT_DTYPE_NONE) continue;
        if (result == RT_DTYPE_NONE || rt_dtype_kind(best[group]) > rt_dtype_kind(result)) result = best[group];
    }
    return result;
}

static RtDtype to_float(RtDtype dtype) { return rt_dtype_kind(dtype) == RT_KIND_FLOAT ? dtype : rt_default_dtype(); }

static RtDtype promoted(const OpCall *call) { // one tensor, or equal dtypes: nothing to work out
    RtDtype first = (RtDtype)call->in[0]->dtype;
    if (call->in[0]->wrapped) return promote_inputs(call);
    for (int i = 1; i < call->nin; i++)
        if (call->in[i]->dtype != (int8_t)first || call->in[i]->wrapped) return promote_inputs(call);
    return first;
}

Status dtype_PROMOTE(OpCall *call) { return compute_in(call, promoted(call)); }
Status dtype_FLOAT(OpCall *call) { return compute_in(call, to_float(promoted(call))); }

Status dtype_BOOL(OpCall *call) {
    call->compute = promoted(call);
    return all_dtypes(call, RT_BOOL);
}

Status dtype_SAME(OpCall *call) { return compute_in(call, (RtDtype)call->in[0]->dtype); }
Status dtype_KEEP(OpCall *call) { return all_dtypes(call, (RtDtype)call->in[0]->dtype); }
Status dtype_INT64(OpCall *call) { return all_dtypes(call, RT_I64); }

static RtDtype asked_dtype(const OpCall *call) {
    const RtDtype *asked = attribute(call, "dtype");
    return asked ? *asked : RT_DTYPE_NONE;
}

Status dtype_FACTORY(OpCall *call) {
    const RtDevice *device = attribute(call, "device");
    if (device && device->type != RT_DEVICE_NONE) call->device = *device;
    return all_dtypes(call, dtype_or(asked_dtype(call), rt_default_dtype()));
}

Status dtype_LIKE(OpCall *call) {
    const RtDevice *device = attribute(call, "device");
    if (device && device->type != RT_DEVICE_NONE) call->device = *device;
    return all_dtypes(call, dtype_or(asked_dtype(call), (RtDtype)call->in[0]->dtype));
}

Status dtype_FLOAT_KEEP(OpCall *call) {
    RtDtype dtype = promote_inputs(call);
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE, "the input has dtype %s, a floating-point dtype is needed: convert it with .float()",
                         rt_dtype_name(dtype));
    return compute_in(call, dtype);
}

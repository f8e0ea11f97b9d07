// A dimension cut into parts, each a view: unbind, split, chunk, tensor_split and their relatives.
//
// All parts are outputs of one call, and so of one node of the tape: its gradient writes each part
// once, where a node a part would write the whole input for each.
#include "ops/layout.h"

static Status split_dim(OpCall *call, int64_t dim, int *out) {
    if (call->in[0]->ndim == 0)
        return call_fail(call, ERR_SHAPE, "a tensor of no dimensions cannot be cut");
    return dim_wrap(call, dim, call->in[0]->ndim, out);
}

static Status part(OpCall *call, int i, int dim, int64_t start, int64_t end) {
    Layout to = layout_of(call->in[0]);
    int64_t from, length;
    slice_resolve(to.dim[dim], start, end, 1, &from, &length);
    layout_slice(&to, dim, from, length, 1);
    call->out[i] = layout_view(call->in[0], &to);
    return call->out[i] ? OK : error_code();
}

Status view_unbind(OpCall *call) {
    RtTensor *x = call->in[0];
    int dim;
    TRY(split_dim(call, ATTRS_OF(call, slice)->dim, &dim));
    if (x->shape[dim] > INT32_MAX)
        return call_fail(call, ERR_VALUE, "%lld tensors are too many for one list",
                         (long long)x->shape[dim]);
    TRY(call_outputs(call, (int)x->shape[dim]));
    for (int i = 0; i < call->nout; i++) {
        Layout to = layout_of(x);
        layout_select(&to, dim, i);
        call->out[i] = layout_view(x, &to);
        if (!call->out[i]) return error_code();
    }
    return OK;
}

static Status split_sizes(OpCall *call, int dim, const RtSizes *sizes) {
    int64_t size = call->in[0]->shape[dim], sum = 0;
    if (sizes->n > INT32_MAX)
        return call_fail(call, ERR_VALUE, "%lld tensors are too many for one list",
                         (long long)sizes->n);
    for (int i = 0; i < (int)sizes->n; i++)
        if (sizes->v[i] < 0 || __builtin_add_overflow(sum, sizes->v[i], &sum))
            return call_fail(call, ERR_VALUE, "size %lld at position %d: sizes must be 0 or more",
                             (long long)sizes->v[i], i);
    if (sum != size)
        return call_fail(call, ERR_SHAPE, "the sizes sum to %lld, but dimension %d has size %lld",
                         (long long)sum, dim, (long long)size);
    TRY(call_outputs(call, (int)sizes->n));
    int64_t start = 0;
    for (int i = 0; i < (int)sizes->n; i++) {
        TRY(part(call, i, dim, start, start + sizes->v[i]));
        start += sizes->v[i];
    }
    return OK;
}

static Status split_even(OpCall *call, int dim, int64_t length, int64_t count) {
    int64_t size = call->in[0]->shape[dim];
    if (count > INT32_MAX)
        return call_fail(call, ERR_VALUE, "%lld tensors are too many for one list",
                         (long long)count);
    TRY(call_outputs(call, (int)count));
    for (int64_t i = 0; i < count; i++)
        TRY(part(call, (int)i, dim, i * length,
                 size - i * length < length ? size : (i + 1) * length));
    return OK;
}

Status view_split(OpCall *call) {
    const RtAttrs_split *a = ATTRS_OF(call, split);
    int dim;
    TRY(split_dim(call, a->dim, &dim));
    if (a->split_sizes.n >= 0) return split_sizes(call, dim, &a->split_sizes);
    int64_t size = call->in[0]->shape[dim], length = a->split_size;
    if (length < 0 || (length == 0 && size > 0))
        return call_fail(call, ERR_VALUE, "split_size %lld: it must be positive",
                         (long long)length);
    return split_even(call, dim, length, size == 0 ? 1 : (size - 1) / length + 1);
}

// ---------------------------------------------------------------------------- made of the above

static Status cut(OpCall *call, const RtAttrs_split *attrs) {
    RtTensor **parts;
    int n;
    TRY(rt_apply_list(OP_split, call->in, 1, attrs, &parts, &n));
    TRY(call_outputs(call, n));
    for (int i = 0; i < n; i++) call->out[i] = parts[i];
    return OK;
}

// In front of the indices and between them. Where they do not rise parts overlap or leave gaps, and
// each is a slice of its own.
static Status cut_at(OpCall *call, int dim, int64_t n, const int64_t *end_of) {
    RtTensor *room = n < INT32_MAX ? rt_tensor_new(1, &n, RT_I64, (RtDevice){RT_CPU, 0}) : NULL;
    if (n >= INT32_MAX)
        return call_fail(call, ERR_VALUE, "%lld tensors are too many for one list", (long long)n);
    if (!room) return error_code();
    int64_t size = call->in[0]->shape[dim], *sizes = rt_tensor_data(room), begin = 0, reached = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t end = i + 1 < n ? end_of[i] : size, from;
        slice_resolve(size, begin, end, 1, &from, &sizes[i]);
        if (from == reached)
            reached += sizes[i];
        else
            reached = -1;
        begin = end;
    }
    if (reached == size) return cut(call, &(RtAttrs_split){.dim = dim, .split_sizes = {n, sizes}});
    TRY(call_outputs(call, (int)n));
    for (int64_t i = 0; i < n; i++) {
        int64_t from = i ? end_of[i - 1] : 0, end = i + 1 < n ? end_of[i] : size;
        call->out[i] = rt_slice(call->in[0], WITH(slice, .dim = dim, .start = from, .end = end));
        if (!call->out[i]) return error_code();
    }
    return OK;
}

static Status cut_into(OpCall *call, int dim, int64_t n) {
    if (n < 1 || n > INT32_MAX)
        return call_fail(call, ERR_VALUE, "sections must be positive, not %lld", (long long)n);
    RtTensor *room = rt_tensor_new(1, &n, RT_I64, (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    int64_t size = call->in[0]->shape[dim], *sizes = rt_tensor_data(room);
    for (int64_t i = 0; i < n; i++) sizes[i] = size / n + (i < size % n);
    return cut(call, &(RtAttrs_split){.dim = dim, .split_sizes = {n, sizes}});
}

static Status cut_by(OpCall *call, int dim) {
    const RtAttrs_split *a = ATTRS_OF(call, split);
    return a->indices.n >= 0 ? cut_at(call, dim, a->indices.n + 1, a->indices.v)
                             : cut_into(call, dim, a->sections);
}

Status made_split_at(OpCall *call) {
    int dim;
    TRY(split_dim(call, ATTRS_OF(call, split)->dim, &dim));
    return cut_by(call, dim);
}

Status made_chunk(OpCall *call) {
    RtAttrs_split a = *ATTRS_OF(call, split);
    int dim;
    TRY(split_dim(call, a.dim, &dim));
    if (a.chunks < 1)
        return call_fail(call, ERR_VALUE, "chunks must be positive, not %lld", (long long)a.chunks);
    int64_t size = call->in[0]->shape[dim];
    if (size == 0) return cut_into(call, dim, a.chunks); // as many empty parts as were asked for
    a.split_size = (size - 1) / a.chunks + 1;
    return cut(call, &a);
}

static Status split_equally(OpCall *call, int dim, int least) {
    RtTensor *x = call->in[0];
    const RtAttrs_split *a = ATTRS_OF(call, split);
    if (x->ndim < least)
        return call_fail(call, ERR_SHAPE,
                         "at least %d dimensions are needed, but the shape is (%s)", least,
                         shape_words(x));
    if (a->indices.n < 0 && (a->sections < 1 || x->shape[dim] % a->sections != 0))
        return call_fail(call, ERR_VALUE,
                         "dimension %d with size %lld cannot be cut into %lld equal parts", dim,
                         (long long)x->shape[dim], (long long)a->sections);
    return cut_by(call, dim);
}

Status made_hsplit(OpCall *call) { return split_equally(call, call->in[0]->ndim == 1 ? 0 : 1, 1); }
Status made_vsplit(OpCall *call) { return split_equally(call, 0, 2); }

Status made_dsplit(OpCall *call) { return split_equally(call, 2, 3); }

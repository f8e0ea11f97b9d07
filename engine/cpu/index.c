// Reading and writing at positions that are data: x[…], along one dimension, and tables of vectors.
#include "cpu/index_move.h"

#include <string.h>

#include "cpu/bag.h"
#include "cpu/copy.h"
#include "cpu/index_work.h"
#include "cpu/loops.h"

// What is added up: in f32 for f16 and bf16.
static RtTensor *summands(RtTensor *values) {
    RtDtype work = dtype_work((RtDtype)values->dtype);
    return work == (RtDtype)values->dtype ? values : tensor_as(values, work);
}

static Status write_sum(OpCall *call, const IndexPlan *plan, RtTensor *start, RtTensor *values,
                        RtTensor *out) {
    RtTensor *sum = sum_begin(out, start), *wide = summands(values);
    if (!sum || !wide) return error_code();
    TRY(index_write(call, plan, sum, wide, true));
    return result_end(sum, out);
}

// -------------------------------------------------------------------------------------------- x[…]

Status cpu_index(OpCall *call) {
    RtShape shape = shape_of(call->in[0]);
    IndexPlan plan;
    TRY(index_plan(call, &shape, 1, &plan));
    if (call->nin == 2 && call->in[1]->dtype == RT_BOOL &&
        call->in[1]->ndim == shape.n) { // one mask over everything
        masked_read(call->in[0], call->in[1], call->out[0]);
        return OK;
    }
    return index_read(call, &plan, call->in[0], call->out[0]);
}

Status cpu_index_put(OpCall *call) {
    RtTensor *self = call->in[0], *values = call->in[1], *out = call->out[0];
    RtShape shape = shape_of(self);
    IndexPlan plan;
    TRY(index_plan(call, &shape, 2, &plan));
    if (ATTRS_OF(call, index)->accumulate) return write_sum(call, &plan, self, values, out);
    if (out != self) copy_tensor(out, self);
    return index_write(call, &plan, out, values, false);
}

Status cpu_index_backward(OpCall *call) {
    RtShape shape = shape_of(call->out[0]);
    IndexPlan plan;
    TRY(index_plan(call, &shape, 1, &plan));
    return write_sum(call, &plan, NULL, call->in[0], call->out[0]);
}

// ----------------------------------------------------------------------------- along one dimension

// A tensor of no dimensions as a vector of one element: a header on the stack over the same memory.
static RtTensor as_vector(const RtTensor *x) {
    RtTensor line = *x;
    if (x->ndim == 0) {
        line.ndim = 1;
        line.shape[0] = line.stride[0] = 1;
    }
    return line;
}

// The plan of an index vector, which is input `first`, along a dimension of self; positions must be
// 0…size-1.
static Status along(const OpCall *call, const RtTensor *self, int64_t asked, int first,
                    IndexPlan *out) {
    RtTensor *index = call->in[first];
    int dim = (int)(asked < 0 ? asked + self->ndim : asked);
    const int64_t *at;
    TRY(index_load(call, index, &at));
    TRY(index_check(call, at, index->numel, self->shape[dim], dim));
    *out = (IndexPlan){.first = first, .count = 1, .dim = {dim}, .covered = 1u << dim, .at = dim};
    out->where = shape_of(index);
    if (index->ndim == 0) out->where = (RtShape){.n = 1, .dim = {1}};
    for (int i = 0; i < self->ndim; i++) {
        if (i != dim) {
            out->result.dim[out->result.n++] = self->shape[i];
            continue;
        }
        for (int k = 0; k < out->where.n; k++) out->result.dim[out->result.n++] = out->where.dim[k];
    }
    return OK;
}

Status cpu_index_select(OpCall *call) {
    RtTensor self = as_vector(call->in[0]), out = as_vector(call->out[0]);
    IndexPlan plan;
    TRY(along(call, &self, ATTRS_OF(call, gather)->dim, 1, &plan));
    return index_read(call, &plan, &self, &out);
}

static Status write_along(OpCall *call, RtTensor *target, RtTensor *values, bool add) {
    RtTensor self = as_vector(target);
    IndexPlan plan;
    TRY(along(call, &self, ATTRS_OF(call, gather)->dim, 1, &plan));
    return index_write(call, &plan, &self, values, add);
}

#define SCALE(type_, alpha_)                                                                       \
    for (int64_t i = 0; i < n; i++)                                                                \
    ((type_ *)to)[i] = (type_)(((const type_ *)from)[i] * (type_)(alpha_))

static RtTensor *scaled(RtTensor *x, RtScalar alpha) {
    RtTensor *dense = tensor_dense(x),
             *y = dense ? rt_tensor_new(x->ndim, x->shape, (RtDtype)x->dtype, x->device) : NULL;
    if (!y) return NULL;
    void *to = rt_tensor_data(y);
    const void *from = rt_tensor_data(dense);
    int64_t n = x->numel;
    switch ((RtDtype)x->dtype) {
    case RT_F32: SCALE(float, rt_scalar_double(alpha)); break;
    case RT_F64: SCALE(double, rt_scalar_double(alpha)); break;
    case RT_BOOL: // as a truth value
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)to)[i] = ((const uint8_t *)from)[i] && rt_scalar_double(alpha) != 0;
        break;
    default: // unsigned, so that integers wrap around
        switch (rt_dtype_bytes((RtDtype)x->dtype)) {
        case 1: SCALE(uint8_t, rt_scalar_int(alpha)); break;
        case 2: SCALE(uint16_t, rt_scalar_int(alpha)); break;
        case 4: SCALE(uint32_t, rt_scalar_int(alpha)); break;
        default: SCALE(uint64_t, rt_scalar_int(alpha)); break;
        }
    }
    return y;
}

Status cpu_index_add(OpCall *call) {
    RtTensor *self = call->in[0], *out = call->out[0], *source = summands(call->in[2]);
    RtScalar alpha = ATTRS_OF(call, gather)->alpha;
    if (source && rt_scalar_double(alpha) != 1) source = scaled(source, alpha);
    RtTensor *sum = sum_begin(out, self);
    if (!sum || !source) return error_code();
    TRY(write_along(call, sum, source, true));
    return result_end(sum, out);
}

static Status overwrite_along(OpCall *call) {
    RtTensor *self = call->in[0], *out = call->out[0];
    if (out != self) copy_tensor(out, self);
    return write_along(call, out, call->in[2], false);
}

Status cpu_index_copy(OpCall *call) { return overwrite_along(call); }
Status cpu_index_fill(OpCall *call) { return overwrite_along(call); }

// ------------------------------------------------------------------------------- tables of vectors

Status cpu_embedding(OpCall *call) {
    RtTensor *weight = call->in[1];
    RtTensor out = as_vector(call->out[0]);
    IndexPlan plan;
    TRY(along(call, weight, 0, 0, &plan));
    if (call->in[0]->ndim == 0) { // the block of positions has one dimension more than the input
        out.ndim = 2;
        out.shape[1] = out.shape[0];
        out.stride[1] = out.stride[0];
        out.shape[0] = 1;
    }
    return index_read(call, &plan, weight, &out);
}

// Bags are divided among threads.
typedef struct Bags {
    const BagLoops *loops;
    Bag bag; // all of them
    const int64_t *ends;
    char *out;
    int64_t *rows; // of maxima, or NULL: sums
    size_t bytes;
} Bags;

static void run_bags(void *context, int64_t begin, int64_t end, int chunk) {
    const Bags *b = context;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) {
        Bag bag = b->bag;
        int64_t first = i ? b->ends[i - 1] : 0, at = i * bag.width;
        bag.index += first;
        bag.n = b->ends[i] - first;
        if (bag.factor) bag.factor = (const char *)bag.factor + (size_t)first * b->bytes;
        if (b->rows)
            b->loops->most(&bag, b->out + (size_t)at * b->bytes, b->rows + at);
        else
            b->loops->sum(&bag, b->out + (size_t)at * b->bytes);
    }
}

static Status run_embedding_bag(OpCall *call, const void *factor, int64_t *of_rows) {
    const RtTensor *weight = call->in[0];
    int64_t n = call->in[1]->numel, bags = call->in[2]->numel, rows = weight->shape[0], last = 0,
            padding = ATTRS_OF(call, embedding)->padding_idx;
    const int64_t *index = rt_tensor_data(call->in[1]), *ends = rt_tensor_data(call->in[2]);
    Bags b = {.loops = &ISA_PICK(bag_table)->of[weight->dtype == RT_F64],
              .bag = {.index = index,
                      .factor = factor,
                      .skip = padding == RT_INT_NONE ? -1
                              : padding < 0          ? padding + rows
                                                     : padding,
                      .table = rt_tensor_data(call->in[0]),
                      .width = weight->shape[1]},
              .ends = ends,
              .out = rt_tensor_data(call->out[0]),
              .rows = of_rows,
              .bytes = rt_dtype_bytes((RtDtype)weight->dtype)};
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= rows)
            return call_fail(call, ERR_INDEX, "index %lld is out of bounds for %lld rows",
                             (long long)index[i], (long long)rows);
    for (int64_t i = 0; i < bags; last = ends[i++])
        if (ends[i] < last || ends[i] > n)
            return call_fail(call, ERR_VALUE,
                             "bag %lld would end at %lld, which is not from %lld to %lld",
                             (long long)i, (long long)ends[i], (long long)last, (long long)n);
    if (last != n)
        return call_fail(call, ERR_VALUE, "the last bag ends at %lld, but there are %lld elements",
                         (long long)last, (long long)n);
    if (of_rows && n > INT32_MAX)
        return call_fail(call, ERR_VALUE, "%lld elements are too many for maxima", (long long)n);
    int64_t work = bags ? n * b.bag.width / bags + 1 : 1;
    parallel_run(bags, PARALLEL_GRAIN / work + 1, run_bags, &b);
    return OK;
}

Status cpu_embedding_sum(OpCall *call) {
    RtTensor *factors = call->in[3];
    return run_embedding_bag(call, PRESENT(factors) ? rt_tensor_data(factors) : NULL, NULL);
}
Status cpu_embedding_max(OpCall *call) {
    return run_embedding_bag(call, NULL, rt_tensor_data(call->out[1]));
}

Status cpu_embedding_backward(OpCall *call) {
    RtTensor *out = call->out[0], gradient = *call->in[0];
    int64_t padding = ATTRS_OF(call, embedding)->padding_idx, rows = out->shape[0];
    IndexPlan plan;
    TRY(along(call, out, 0, 1, &plan));
    if (call->in[1]->ndim == 0) {
        gradient.ndim = 2;
        gradient.shape[1] = gradient.shape[0];
        gradient.stride[1] = gradient.stride[0];
        gradient.shape[0] = 1;
    }
    TRY(write_sum(call, &plan, NULL, &gradient, out));
    if (padding == RT_INT_NONE || out->numel == 0) return OK;
    size_t row = (size_t)out->shape[1] * rt_dtype_bytes((RtDtype)out->dtype);
    memset((char *)rt_tensor_data(out) + (size_t)(padding < 0 ? padding + rows : padding) * row, 0,
           row);
    return OK;
}

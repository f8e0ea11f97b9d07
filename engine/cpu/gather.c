// gather, scatter and their relatives: each element of an index names its place along one
// dimension.
#include "cpu/backend.h"

#include <math.h>
#include <string.h>

#include "cpu/copy.h"
#include "cpu/index_work.h"
#include "cpu/loops.h"

// other[i] ↔ self[index[i] · along + i · self_step]; steps in bytes, that of the index in elements.
typedef void (*PickLine)(char *self, int64_t along, int64_t self_step, const int64_t *index,
                         int64_t index_step, char *other, int64_t other_step, int64_t n);

#define NUMBER_SUM(a_, b_) ((a_) + (b_))
#define NUMBER_PRODUCT(a_, b_) ((a_) * (b_))
#define T uint8_t
#define NAME(word_) word_##_bool
#define SUM(a_, b_) ((a_) | (b_))
#define PRODUCT(a_, b_) ((a_) & (b_))
#include "cpu/gather.inc"
#define T uint8_t
#define NAME(word_) word_##_u8
#define MOVES
#define SUM NUMBER_SUM
#define PRODUCT NUMBER_PRODUCT
#include "cpu/gather.inc"
#define T int8_t
#define NAME(word_) word_##_i8
#define SUM NUMBER_SUM
#define PRODUCT NUMBER_PRODUCT
#include "cpu/gather.inc"
#define T int16_t
#define NAME(word_) word_##_i16
#define MOVES
#define SUM NUMBER_SUM
#define PRODUCT NUMBER_PRODUCT
#include "cpu/gather.inc"
// Sums and products of integers wrap around: unsigned arithmetic.
#define T int32_t
#define NAME(word_) word_##_i32
#define MOVES
#define SUM(a_, b_) ((uint32_t)(a_) + (uint32_t)(b_))
#define PRODUCT(a_, b_) ((uint32_t)(a_) * (uint32_t)(b_))
#include "cpu/gather.inc"
#define T int64_t
#define NAME(word_) word_##_i64
#define MOVES
#define SUM(a_, b_) ((uint64_t)(a_) + (uint64_t)(b_))
#define PRODUCT(a_, b_) ((uint64_t)(a_) * (uint64_t)(b_))
#include "cpu/gather.inc"
#define T float
#define NAME(word_) word_##_f32
#define SUM NUMBER_SUM
#define PRODUCT NUMBER_PRODUCT
#include "cpu/gather.inc"
#define T double
#define NAME(word_) word_##_f64
#define SUM NUMBER_SUM
#define PRODUCT NUMBER_PRODUCT
#include "cpu/gather.inc"

#define NUMBERS(word_)                                                                             \
    {                                                                                              \
        [RT_BOOL] = word_##_bool, [RT_U8] = word_##_u8, [RT_I8] = word_##_i8,                      \
        [RT_I16] = word_##_i16, [RT_I32] = word_##_i32, [RT_I64] = word_##_i64,                    \
        [RT_F32] = word_##_f32, [RT_F64] = word_##_f64                                             \
    }
static const PickLine sums[RT_DTYPE_COUNT] = NUMBERS(sum);
static const PickLine products[RT_DTYPE_COUNT] = NUMBERS(product);
static const PickLine largest[RT_DTYPE_COUNT] = NUMBERS(larger);
static const PickLine smallest[RT_DTYPE_COUNT] = NUMBERS(smaller);

// Moving needs the size alone.
static PickLine mover(const RtTensor *x, bool put) {
    switch (rt_dtype_bytes((RtDtype)x->dtype)) {
    case 1: return put ? put_u8 : gather_u8;
    case 2: return put ? put_i16 : gather_i16;
    case 4: return put ? put_i32 : gather_i32;
    default: return put ? put_i64 : gather_i64;
    }
}

typedef struct Pick {
    int n, dim;
    int64_t shape[RT_MAX_DIMS]; // of the index
    const int64_t *index;
    int64_t index_step[RT_MAX_DIMS];                         // in elements
    int64_t self_step[RT_MAX_DIMS], other_step[RT_MAX_DIMS]; // in bytes; self_step[dim] is 0
    int64_t along;                                           // self's step along dim
    char *self, *other;
    PickLine line;
} Pick;

static void pick_part(void *context, int axis, int64_t begin, int64_t end) {
    const Pick *pick = context;
    int64_t dim[RT_MAX_DIMS], at[RT_MAX_DIMS] = {0};
    memcpy(dim, pick->shape, sizeof dim);
    dim[axis] = end - begin;
    int64_t offsets[3] = {begin * pick->self_step[axis], begin * pick->index_step[axis],
                          begin * pick->other_step[axis]};
    const int64_t *const strides[3] = {pick->self_step, pick->index_step, pick->other_step};
    int last = pick->n - 1;
    do
        pick->line(pick->self + offsets[0], pick->along, pick->self_step[last],
                   pick->index + offsets[1], pick->index_step[last], pick->other + offsets[2],
                   pick->other_step[last], dim[last]);
    while (box_next(last, dim, at, 3, offsets, strides));
}

// Everything but what is moved to or from: the index read and checked.
static Status pick_set(const OpCall *call, RtTensor *self, Pick *pick) {
    RtTensor *index = call->in[1];
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)self->dtype),
            dim = ATTRS_OF(call, gather)->dim;
    *pick = (Pick){.n = index->ndim ? index->ndim : 1, .shape = {1}};
    pick->dim = (int)(dim < 0 ? dim + pick->n : dim);
    if (index->dtype != RT_I64 && !(index = tensor_as(index, RT_I64))) return error_code();
    pick->index = rt_tensor_data(index);
    if (index->numel == 0) return OK;
    // An index expanded over a dimension is looked at once.
    int64_t distinct[RT_MAX_DIMS] = {1}, at[RT_MAX_DIMS] = {0}, offset = 0,
            size = self->ndim ? self->shape[pick->dim] : 1;
    for (int i = 0; i < index->ndim; i++) {
        pick->shape[i] = index->shape[i];
        pick->index_step[i] = index->stride[i];
        distinct[i] = index->stride[i] == 0 ? 1 : index->shape[i];
        if (i < self->ndim) pick->self_step[i] = i == pick->dim ? 0 : self->stride[i] * bytes;
    }
    const int64_t *const strides[1] = {pick->index_step};
    int last = pick->n - 1;
    bool dense = distinct[last] == 1 || pick->index_step[last] == 1;
    if (!dense) last++; // one by one
    do TRY(index_check(call, pick->index + offset, dense ? distinct[last] : 1, size, pick->dim));
    while (box_next(last, distinct, at, 1, &offset, strides));
    pick->along = self->ndim ? self->stride[pick->dim] * bytes : bytes;
    pick->self = rt_tensor_data(self);
    return OK;
}

// other: a tensor with the dimensions of the index (as large or larger), or one element for all.
static void pick_run(Pick *pick, const RtTensor *self, const RtTensor *other, PickLine line,
                     bool write) {
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)self->dtype);
    pick->other = rt_tensor_data(other);
    pick->line = line;
    for (int i = 0; i < pick->n; i++)
        pick->other_step[i] = i < other->ndim ? other->stride[i] * bytes : 0;
    box_run(pick->n, pick->shape, write ? pick->dim : -1, 1, pick_part, pick);
}

Status cpu_gather(OpCall *call) {
    Pick pick;
    TRY(pick_set(call, call->in[0], &pick));
    if (call->out[0]->numel)
        pick_run(&pick, call->in[0], call->out[0], mover(call->in[0], false), false);
    return OK;
}

Status cpu_scatter(OpCall *call) {
    RtTensor *self = call->in[0], *out = call->out[0];
    Pick pick;
    TRY(pick_set(call, out, &pick));
    if (out != self) copy_tensor(out, self);
    if (call->in[1]->numel) pick_run(&pick, out, call->in[2], mover(out, true), true);
    return OK;
}

// --------------------------------------------------------------------------------------- combining

static RtTensor *in_work_dtype(RtTensor *x) {
    RtDtype work = dtype_work((RtDtype)x->dtype);
    return work == (RtDtype)x->dtype ? x : tensor_as(x, work);
}

static RtScalar start_of(int reduce, RtDtype dtype) { // what changes nothing
    enum { NONE, SUM, PROD, MEAN, AMAX, AMIN };
    bool real = rt_dtype_kind(dtype) == RT_KIND_FLOAT;
    int bits = (int)rt_dtype_bytes(dtype) * 8;
    int64_t most = dtype == RT_BOOL ? 1
                   : dtype == RT_U8 ? UINT8_MAX
                                    : (int64_t)(UINT64_MAX >> (65 - bits));
    int64_t least = dtype == RT_BOOL || dtype == RT_U8 ? 0 : -most - 1;
    switch (reduce) {
    case PROD: return rt_int(1);
    case AMAX: return real ? rt_float(-INFINITY) : rt_int(least);
    case AMIN: return real ? rt_float(INFINITY) : rt_int(most);
    default: return rt_int(0);
    }
}

static int64_t floor_quotient(int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); }

#define DIVIDE(type_, quotient_)                                                                   \
    for (int64_t i = 0; i < sum->numel; i++) {                                                     \
        type_ a = ((type_ *)rt_tensor_data(sum))[i];                                               \
        if (counts[i] > 1) ((type_ *)rt_tensor_data(sum))[i] = (type_)(quotient_);                 \
    }

// Sums become means; those of integers are rounded down. `sum` is contiguous.
static Status divide_by_counts(OpCall *call, RtTensor *sum, bool with_self) {
    RtTensor *count = rt_tensor_new(sum->ndim, sum->shape, RT_I64, sum->device);
    RtTensor *one = rt_tensor_scalar(rt_int(1), RT_I64, false),
             *start = rt_tensor_scalar(rt_int(with_self), RT_I64, false);
    if (!count || !one || !start) return ERR_MEMORY;
    const int64_t still[RT_MAX_DIMS] = {0};
    CopyPlan fill = copy_plan(sizeof(int64_t), count->ndim, count->shape, count->stride, still);
    copy_run_parallel(&fill, rt_tensor_data(count), rt_tensor_data(start));
    Pick pick;
    TRY(pick_set(call, count, &pick));
    pick_run(&pick, count, one, sum_i64, true);
    const int64_t *counts = rt_tensor_data(count);
    switch ((RtDtype)sum->dtype) {
    case RT_F32: DIVIDE(float, a / (float)counts[i]) break;
    case RT_F64: DIVIDE(double, a / (double)counts[i]) break;
    case RT_U8: DIVIDE(uint8_t, a / counts[i]) break;
    case RT_I8: DIVIDE(int8_t, floor_quotient(a, counts[i])) break;
    case RT_I16: DIVIDE(int16_t, floor_quotient(a, counts[i])) break;
    case RT_I32: DIVIDE(int32_t, floor_quotient(a, counts[i])) break;
    case RT_I64: DIVIDE(int64_t, floor_quotient(a, counts[i])) break;
    default: break; // bool: sum is or, and so is the mean
    }
    return OK;
}

static Status combine(OpCall *call, int reduce, bool with_self) {
    enum { NONE, SUM, PROD, MEAN, AMAX, AMIN };
    RtTensor *self = call->in[0], *out = call->out[0], *source = in_work_dtype(call->in[2]);
    RtTensor *target = reduce == MEAN && !rt_tensor_is_contiguous(out)
                           ? rt_tensor_new(out->ndim, out->shape, (RtDtype)out->dtype, out->device)
                           : out;
    if (!source || !target) return error_code();
    Pick pick;
    TRY(pick_set(call, self, &pick)); // before anything is written
    RtTensor *sum = sum_begin(target, self);
    if (!sum) return error_code();
    if (call->in[1]->numel) {
        RtDtype dtype = (RtDtype)sum->dtype;
        TRY(pick_set(call, sum, &pick));
        if (!with_self) {
            RtTensor *start = rt_tensor_scalar(start_of(reduce, dtype), dtype, false);
            if (!start) return ERR_MEMORY;
            pick_run(&pick, sum, start, mover(sum, true), true);
        }
        PickLine line = reduce == PROD   ? products[dtype]
                        : reduce == AMAX ? largest[dtype]
                        : reduce == AMIN ? smallest[dtype]
                                         : sums[dtype];
        pick_run(&pick, sum, source, line, true);
        if (reduce == MEAN) TRY(divide_by_counts(call, sum, with_self));
    }
    if (sum != target) tensor_write(target, sum);
    if (target != out) copy_tensor(out, target);
    return OK;
}

Status cpu_scatter_add(OpCall *call) { return combine(call, 1, true); }

Status cpu_scatter_reduce(OpCall *call) {
    const RtAttrs_gather *a = ATTRS_OF(call, gather);
    return combine(call, a->reduce, a->include_self);
}

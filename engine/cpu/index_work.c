#include "cpu/index_work.h"

#include <string.h>

#include "cpu/convert.h"
#include "cpu/copy.h"
#include "cpu/loops.h"

static RtTensor *like(const RtTensor *x, RtDtype dtype) {
    return rt_tensor_new(x->ndim, x->shape, dtype, x->device);
}

RtTensor *tensor_dense(RtTensor *x) {
    if (rt_tensor_is_contiguous(x)) return x;
    RtTensor *dense = like(x, (RtDtype)x->dtype);
    if (dense) copy_tensor(dense, x);
    return dense;
}

RtTensor *tensor_as(RtTensor *x, RtDtype dtype) {
    x = tensor_dense(x);
    if (!x || x->dtype == (int8_t)dtype) return x;
    RtTensor *other = like(x, dtype);
    if (other)
        convert_run(rt_tensor_data(other), dtype, rt_tensor_data(x), (RtDtype)x->dtype, x->numel);
    return other;
}

void tensor_zero(RtTensor *x) {
    if (x->numel)
        memset(rt_tensor_data(x), 0, (size_t)x->numel * rt_dtype_bytes((RtDtype)x->dtype));
}

void tensor_write(RtTensor *to, RtTensor *from) {
    if (to->dtype == from->dtype) {
        copy_tensor(to, from);
        return;
    }
    if (rt_tensor_is_contiguous(to)) {
        convert_run(rt_tensor_data(to), (RtDtype)to->dtype, rt_tensor_data(from),
                    (RtDtype)from->dtype, from->numel);
        return;
    }
    // Strided and of another dtype: the last dimension, line by line.
    int64_t at[RT_MAX_DIMS] = {0}, offset = 0, bytes = (int64_t)rt_dtype_bytes((RtDtype)to->dtype),
            n = to->shape[to->ndim - 1];
    const int64_t *const strides[1] = {to->stride};
    const char *source = rt_tensor_data(from);
    if (to->numel == 0) return;
    do {
        convert_scatter((char *)rt_tensor_data(to) + offset * bytes, (RtDtype)to->dtype,
                        to->stride[to->ndim - 1], source, (RtDtype)from->dtype, n);
        source += n * (int64_t)rt_dtype_bytes((RtDtype)from->dtype);
    } while (box_next(to->ndim - 1, to->shape, at, 1, &offset, strides));
}

// ----------------------------------------------------------------------------------- index tensors

Status index_load(const OpCall *call, RtTensor *index, const int64_t **out) {
    if (rt_dtype_kind((RtDtype)index->dtype) != RT_KIND_INT)
        return call_fail(call, ERR_DTYPE,
                         "the index tensor has dtype %s, an integer dtype is needed",
                         rt_dtype_name((RtDtype)index->dtype));
    RtTensor *dense = tensor_as(index, RT_I64);
    if (!dense) return error_code();
    *out = rt_tensor_data(dense);
    return OK;
}

Status index_fail(const OpCall *call, int64_t value, int64_t size, int dim) {
    return call_fail(call, ERR_INDEX, "index %lld is out of bounds for dimension %d with size %lld",
                     (long long)value, dim, (long long)size);
}

Status index_check(const OpCall *call, const int64_t *index, int64_t n, int64_t size, int dim) {
    uint64_t signs =
        0; // of the position and of its distance from the last: both are 0 or more inside
#pragma omp simd reduction(| : signs)
    for (int64_t i = 0; i < n; i++)
        signs |= (uint64_t)index[i] | ((uint64_t)size - 1 - (uint64_t)index[i]);
    if (!(signs >> 63)) return OK;
    for (int64_t i = 0; i < n; i++)
        if ((uint64_t)index[i] >= (uint64_t)size) return index_fail(call, index[i], size, dim);
    return OK;
}

// -------------------------------------------------------------------------------------------- sums

// Unsigned: integers wrap around.
#define ADD(name_, type_, operator_)                                                               \
    static void add_##name_(char *to, int64_t to_step, const char *from, int64_t from_step,        \
                            int64_t n) {                                                           \
        if (to_step == (int64_t)sizeof(type_) && from_step == (int64_t)sizeof(type_))              \
            _Pragma("omp simd") for (int64_t i = 0; i < n; i++)((type_ *)to)[i] =                  \
                (type_)(((type_ *)to)[i] operator_((const type_ *)from)[i]);                       \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++, to += to_step, from += from_step)                      \
                *(type_ *)to = (type_)(*(type_ *)to operator_ * (const type_ *)from);              \
    }
ADD(bool, uint8_t, |)
ADD(1, uint8_t, +)
ADD(2, uint16_t, +)
ADD(4, uint32_t, +)
ADD(8, uint64_t, +)
ADD(f32, float, +)
ADD(f64, double, +)

AddLine add_line(RtDtype dtype) {
    static const AddLine lines[RT_DTYPE_COUNT] = {
        [RT_BOOL] = add_bool, [RT_U8] = add_1,  [RT_I8] = add_1,    [RT_I16] = add_2,
        [RT_I32] = add_4,     [RT_I64] = add_8, [RT_F32] = add_f32, [RT_F64] = add_f64};
    return lines[dtype];
}

RtTensor *sum_begin(RtTensor *out, RtTensor *start) {
    RtDtype work = dtype_work((RtDtype)out->dtype);
    RtTensor *sum = work == (RtDtype)out->dtype && (start == out || rt_tensor_is_contiguous(out))
                        ? out
                        : like(out, work);
    if (!sum || start == sum) return sum;
    if (!start) {
        tensor_zero(sum);
        return sum;
    }
    RtTensor *dense = tensor_dense(start);
    if (!dense) return NULL;
    tensor_write(sum, dense);
    return sum;
}

RtTensor *result_begin(RtTensor *out, RtDtype work) {
    return out->dtype == (int8_t)work ? out : like(out, work);
}

Status result_end(RtTensor *result, RtTensor *out) {
    if (result != out) tensor_write(out, result);
    return OK;
}

#include "ops/scan.h"

#include <string.h>

// Calls run(address, stride in bytes, n) for each row of the last dimension.
typedef void (*ScanRun)(void *context, const char *data, int64_t step, int64_t n);

static Status scan_rows(const OpCall *call, const RtTensor *x, ScanRun run, void *context) {
    if (x->device.type != RT_CPU)
        return call_fail(call, ERR_UNSUPPORTED,
                         "the size of the result depends on data that is not on the CPU");
    if (x->numel == 0) return OK;
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype), at[RT_MAX_DIMS] = {0};
    const char *data = rt_tensor_data(x);
    int last = x->ndim - 1;
    if (rt_tensor_is_contiguous(x)) {
        run(context, data, bytes, x->numel);
        return OK;
    }
    for (;;) {
        run(context, data, x->stride[last] * bytes, x->shape[last]);
        int dim = last - 1;
        for (; dim >= 0; dim--) {
            data += x->stride[dim] * bytes;
            if (++at[dim] < x->shape[dim]) break;
            data -= x->stride[dim] * bytes * x->shape[dim];
            at[dim] = 0;
        }
        if (dim < 0) return OK;
    }
}

#define RANGE(name_, type_)                                                                        \
    static void range_##name_(void *context, const char *data, int64_t step, int64_t n) {          \
        IntRange *range = context;                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            int64_t value = *(const type_ *)(data + i * step);                                     \
            if (value < range->min) range->min = value;                                            \
            if (value > range->max) range->max = value;                                            \
            range->overflow |= __builtin_add_overflow(range->sum, value, &range->sum);             \
        }                                                                                          \
    }
RANGE(u8, uint8_t)
RANGE(i8, int8_t)
RANGE(i16, int16_t)
RANGE(i32, int32_t)
RANGE(i64, int64_t)

Status scan_ints(const OpCall *call, const RtTensor *tensor, IntRange *out) {
    static const ScanRun runs[RT_DTYPE_COUNT] = {[RT_U8] = range_u8,
                                                 [RT_I8] = range_i8,
                                                 [RT_I16] = range_i16,
                                                 [RT_I32] = range_i32,
                                                 [RT_I64] = range_i64};
    *out = (IntRange){.min = INT64_MAX, .max = INT64_MIN};
    if (!runs[tensor->dtype])
        return call_fail(call, ERR_DTYPE, "the tensor has dtype %s, an integer dtype is needed",
                         rt_dtype_name((RtDtype)tensor->dtype));
    return scan_rows(call, tensor, runs[tensor->dtype], out);
}

// Halves count as their bits without the sign.
#define COUNT(name_, type_, test_)                                                                 \
    static void count_##name_(void *context, const char *data, int64_t step, int64_t n) {          \
        int64_t count = 0;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            type_ value = *(const type_ *)(data + i * step);                                       \
            count += (test_) != 0;                                                                 \
        }                                                                                          \
        *(int64_t *)context += count;                                                              \
    }
COUNT(1, uint8_t, value)
COUNT(2, uint16_t, value)
COUNT(4, uint32_t, value)
COUNT(8, uint64_t, value)
COUNT(half, uint16_t, value & 0x7fff)
COUNT(f32, float, value)
COUNT(f64, double, value)

Status scan_count_nonzero(const OpCall *call, const RtTensor *tensor, int64_t *out) {
    static const ScanRun runs[RT_DTYPE_COUNT] = {
        [RT_BOOL] = count_1,  [RT_U8] = count_1,   [RT_I8] = count_1,     [RT_I16] = count_2,
        [RT_I32] = count_4,   [RT_I64] = count_8,  [RT_F16] = count_half, [RT_BF16] = count_half,
        [RT_F32] = count_f32, [RT_F64] = count_f64};
    *out = 0;
    return scan_rows(call, tensor, runs[tensor->dtype], out);
}

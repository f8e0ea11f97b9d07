// cpu/convert.h: runs of elements from one dtype to another.
//
// Every pair of dtypes is there. float → integer truncates; NaN and what lies outside the range of
// int64 (for int64) or int32 (for the others) become the smallest value of that range, and narrower
// integers take its low bits, as the CPU's own conversion does. Anything → bool is "not zero".
// float → f16 and bf16 round to nearest even; double → f16 goes through float. The same values on
// every instruction set.
#pragma once

#include "rustorch.h"

typedef void (*ConvertRun)(void *to, const void *from, int64_t n);

typedef struct ConvertLoops {
    ConvertRun run[RT_DTYPE_COUNT][RT_DTYPE_COUNT]; // [from][to]
} ConvertLoops;

// n contiguous elements; to and from must not overlap. With equal dtypes a plain copy.
void convert_run(void *to, RtDtype to_dtype, const void *from, RtDtype from_dtype, int64_t n);
// One of both strided (in elements); the other is contiguous.
void convert_gather(void *to, RtDtype to_dtype, const void *from, RtDtype from_dtype,
                    int64_t stride, int64_t n);
void convert_scatter(void *to, RtDtype to_dtype, int64_t stride, const void *from,
                     RtDtype from_dtype, int64_t n);
// Copies n elements of `bytes` bytes (1, 2, 4 or 8), strides in bytes.
void copy_strided(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t n,
                  size_t bytes);
// n copies of one element of `bytes` bytes.
void fill_run(void *to, const void *element, size_t bytes, int64_t n);

static inline float f32_of_bf16(RtBf16 x) {
    union {
        uint32_t bits;
        float value;
    } u = {.bits = (uint32_t)x.bits << 16};
    return u.value;
}
static inline RtBf16 bf16_of_f32(float x) {
    union {
        float value;
        uint32_t bits;
    } u = {.value = x};
    if (x != x) return (RtBf16){0x7fc0};
    return (RtBf16){(uint16_t)((u.bits + 0x7fff + (u.bits >> 16 & 1)) >> 16)};
}
// One element; for long runs convert_run is faster.
float f32_of_f16(RtF16 x);
RtF16 f16_of_f32(float x);

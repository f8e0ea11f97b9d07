// cpu/pool.h: pooling of one plane (H × W), compiled once for each instruction set.
//
// Each function reads and writes whole contiguous planes of one type; cpu/pool.c walks over planes,
// converts f16 and bf16, and divides the work. Maxima: the first of equals wins, NaN wins over
// numbers; index is y · W + x.
#pragma once

#include "cpu/isa.h"
#include "ops/infer_pool.h"

typedef struct PoolKernels {
    void (*max)(const Pooling *p, const void *in, void *out, int64_t *index);
    void (*adaptive_max)(const Pooling *p, const void *in, void *out, int64_t *index);
    void (*average)(const Pooling *p, const void *in, void *out);
    void (*adaptive_average)(const Pooling *p, const void *in, void *out);
    // From the gradient of the result, in the shape p->out, to that of the input, in the shape
    // p->size.
    void (*average_backward)(const Pooling *p, const void *grad, void *to);
    void (*adaptive_average_backward)(const Pooling *p, const void *grad, void *to);
    // False if an index lies outside the plane; the others are done.
    bool (*max_backward)(const Pooling *p, const void *grad, const int64_t *index, void *to);
} PoolKernels;

typedef struct PoolLoops {
    PoolKernels f32, f64, i64; // i64: maxima alone
} PoolLoops;
ISA_DECLARE(PoolLoops, pool_loops);

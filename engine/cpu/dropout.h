// cpu/dropout.h: which elements dropout keeps, and what becomes of them.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

typedef struct DropoutLoops {
    // keep[4 b + w] = word w of the Philox block position + b is at least `threshold`; `blocks`
    // blocks.
    void (*draw)(uint64_t seed, uint64_t position, int64_t blocks, uint32_t threshold, bool *keep);
    // y = keep ? x · scale : 0; y is not x
    void (*apply_f32)(const float *x, const bool *keep, float *y, int64_t n, double scale);
    void (*apply_f64)(const double *x, const bool *keep, double *y, int64_t n, double scale);
} DropoutLoops;
ISA_DECLARE(DropoutLoops, dropout_loops);

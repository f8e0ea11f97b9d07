// cpu/softmax.h: softmax and what is made of it, line by line.
//
// A line is the n elements along one dimension, contiguous, in float or double (the index of a
// table). Sums are doubles. A nan, or a line of nothing but -inf, gives nan, as 0 / 0 does.
#pragma once

#include "cpu/isa.h"
#include "ops/dims.h"

typedef struct SoftmaxLoops {
    // y may be x.
    void (*softmax)(const void *x, void *y, int64_t n);
    void (*log_softmax)(const void *x, void *y, int64_t n);
    // y: the output of the forward op; out may be g or y.
    void (*softmax_backward)(const void *g, const void *y, void *out, int64_t n);
    void (*log_softmax_backward)(const void *g, const void *y, void *out, int64_t n);
    // The logarithm of Σ e^x, and out = e^(x - lse) · scale.
    double (*logsumexp)(const void *x, int64_t n);
    void (*exp_scaled)(const void *x, double lse, double scale, void *out, int64_t n);
    double (*sum)(const void *x, int64_t n);
} SoftmaxLoops;

typedef struct SoftmaxTable {
    SoftmaxLoops of[2]; // float, double
} SoftmaxTable;
ISA_DECLARE(SoftmaxTable, softmax_table);

// Calls `line` for each of the O·I lines of tensors of shape (O, D, I), all contiguous and of one
// floating dtype. Lines that are strided, f16 or bf16 pass through buffers. number = o · I + i.
typedef struct Lines Lines;
struct Lines {
    void (*line)(const Lines *lines, int64_t number, const void *const *in, void *out);
    const SoftmaxLoops *loops; // set by lines_run
    const void *context;
    Along along;
    int nin;
    const RtTensor *in[2];
    const RtTensor *out; // NULL: none
};
Status lines_run(Lines *lines);

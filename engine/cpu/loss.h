// cpu/loss.h: the inner loops of losses between two tensors of one shape, in float or double (the
// index of a table).
//
// x, t: n elements; d = x - t. smooth: d² / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere;
// beta 0: |d|.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

typedef enum PairLoss { PAIR_SQUARED, PAIR_SMOOTH, PAIR_BCE, PAIR_COUNT } PairLoss;

typedef struct PairLoops {
    double (*sum[PAIR_COUNT])(const void *x, const void *t, int64_t n,
                              double beta); // NULL for PAIR_BCE
    void (*each[PAIR_COUNT])(const void *x, const void *t, void *out, int64_t n, double beta);
    // out = h g f'(d), or h f'(d) if g is NULL; NULL for PAIR_BCE
    void (*grad[PAIR_COUNT])(const void *x, const void *t, const void *g, void *out, int64_t n,
                             double h, double beta);
} PairLoops;

typedef struct PairTable {
    PairLoops of[2]; // float, double
} PairTable;
ISA_DECLARE(PairTable, pair_table);

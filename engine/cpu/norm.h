// cpu/norm.h: the inner loops of batch_norm and layer_norm, in float or double (the index of a
// table).
//
// x, g, y, out: n elements in a row; what is written overlaps nothing that is read. Statistics are
// doubles where they are sums, else of the element type. Names as in Ioffe and Szegedy (2015), Ba
// et al. (2016): x̂ = (x - mean) · rstd.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

typedef struct NormLoops {
    void (*moments)(const void *x, int64_t n, double *out_mean,
                    double *out_squares); // squares: Σ (x - mean)²
    // y = (x - mean) · scale · weight + bias; weight and bias have n elements, or are NULL.
    void (*normalize)(const void *x, void *y, int64_t n, double mean, double scale,
                      const void *weight, const void *bias);
    // y = (x - mean) · scale + shift, all of n elements, or all of one.
    void (*affine)(const void *x, void *y, int64_t n, const void *mean, const void *scale,
                   const void *shift);
    void (*affine_one)(const void *x, void *y, int64_t n, double mean, double scale, double shift);
    // Σ g w and Σ g w (x - mean); w may be NULL.
    void (*sums)(const void *g, const void *x, const void *weight, int64_t n, double mean,
                 double *out_g, double *out_gx);
    // sum_g[i] += g[i], sum_gx[i] += g[i] (x[i] - mean[i])
    void (*add_sums)(const void *g, const void *x, int64_t n, const void *mean, double *sum_g,
                     double *sum_gx);
    // out = (g w - a) · rstd - x̂ · c; and if sums are given sum_g += g, sum_gx += g x̂, of n
    // elements in the element type: flush empties them into doubles before many rows have gone in.
    void (*layer_grad)(const void *g, const void *x, const void *weight, void *out, int64_t n,
                       double mean, double rstd, double a, double c, void *sum_g, void *sum_gx);
    void (*flush)(void *from, double *to, int64_t n); // to += from, from = 0
    // out = g k1 + (x - mean) k2 + k3, each of n elements, or of one.
    void (*batch_grad)(const void *g, const void *x, void *out, int64_t n, const void *mean,
                       const void *const *k);
    void (*batch_grad_one)(const void *g, const void *x, void *out, int64_t n, double mean,
                           const double *k);
} NormLoops;

typedef struct NormTable {
    NormLoops of[2]; // float, double
} NormTable;
ISA_DECLARE(NormTable, norm_table);

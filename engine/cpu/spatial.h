// cpu/spatial.h: inner loops of resampling, compiled once for each instruction set.
//
// A TapTable says what each of n results is a weighted sum of: taps begin[j] … begin[j + 1] − 1, of
// which tap t reads position at[t] with weight[t] (of the loops' own type). each: the number of
// taps of every result where that is one number, else 0. Results copied … copied_end − 1 are copies
// of positions side by side: the inside of what is padded.
#pragma once

#include "cpu/isa.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct TapTable {
    int64_t n, each, copied, copied_end;
    const int64_t *begin, *at;
    const void *weight;
} TapTable;

// sample_gather of n ≤ GATHER_PLACES places with `taps` taps each, in all channels of a sample, of
// which one begins x_step elements after the other, and in the result out_step. x_step < 2³¹.
enum { GATHER_PLACES = 128 };
typedef struct Gathering {
    const void *x, *weight;
    const int64_t *at;
    void *out;
    int64_t n, taps, channels, x_step, out_step;
} Gathering;

typedef struct SpatialLoops {
    // Neighbours in memory: results of a row of x.
    void (*row)(const TapTable *taps, const void *x, void *out);
    // Lines of `width` elements: result j is a weighted sum of lines of x.
    void (*line)(const TapTable *taps, int64_t j, const void *x, int64_t width, void *out);
    void (*gather)(const Gathering *gathering);
    // sample_scatter and sample_weights of one channel: P results of T taps. Scatter adds to x,
    // weights to weight.
    void (*scatter)(const void *g, const int64_t *at, const void *weight, int64_t P, int64_t T,
                    void *x);
    void (*weights)(const void *g, const int64_t *at, const void *x, int64_t P, int64_t T,
                    void *weight);
} SpatialLoops;

// The commonest grids: bilinear and nearest, in images of height H and width W, of which n places (x, y) in
// float are read. at = place · scale + (size − 1) / 2, kept in the image if `border` is set.
typedef struct PlaneGrid {
    int64_t H, W;    // below 2³¹
    double scale[2]; // of y and of x
    bool border;
} PlaneGrid;

typedef struct SpatialTable {
    SpatialLoops of[2]; // float, double
    void (*plane_taps)(const PlaneGrid *grid, const float *place, int64_t n, int64_t *index,
                       float *weight);
    // The nearest pixels, with weights 1.
    void (*plane_nearest)(const PlaneGrid *grid, const float *place, int64_t n, int64_t *index,
                          float *weight);
    // From gradients of the weights to those of the places.
    void (*plane_slopes)(const PlaneGrid *grid, const float *place, const float *grad, int64_t n,
                         float *to);
} SpatialTable;
ISA_DECLARE(SpatialTable, spatial_table);

// cpu/conv.h: the inner loops of convolutions that are compiled once for each instruction set.
#pragma once

#include "cpu/gemm.h"

// A tile's columns are positions in a grid, of which only some are results: runs of n columns go to
// where they belong. Row i of a run goes from tile + i · tile_step + from on to
// to + i · to_plane + to, to_column apart.
typedef struct Spread {
    const void *tile;
    int64_t tile_step;
    int rows, nruns;
    struct {
        int64_t from, to, n; // n ≥ 1
    } run[GEMM_MAX_COLUMNS];
    void *to;
    int64_t to_plane, to_column;
} Spread;

typedef struct ConvLoops {
    void (*spread_f32)(const Spread *spread);
    void (*spread_f64)(const Spread *spread);
} ConvLoops;
ISA_DECLARE(ConvLoops, conv_loops);

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

// The results of some images, one column of a matrix each, image after image and row after row, and
// where they lie: (image, y, x) at origin + image · apart + y · row_step + x · step.
typedef struct Grid {
    char *origin;
    int64_t images, apart, rows, row_step, width, step;
} Grid;

typedef struct ConvLoops {
    void (*spread_f32)(const Spread *spread);
    void (*spread_f64)(const Spread *spread);
    // to (depth, columns): row k is the grid moved by table[k].
    void (*gather_f32)(const Grid *grid, const int64_t *table, int64_t depth, void *to);
    void (*gather_f64)(const Grid *grid, const int64_t *table, int64_t depth, void *to);
    // The rows of from (depth, columns) go to grids that lie `plane` apart.
    void (*scatter_f32)(const Grid *grid, int64_t depth, int64_t plane, const void *from);
    void (*scatter_f64)(const Grid *grid, int64_t depth, int64_t plane, const void *from);
} ConvLoops;
ISA_DECLARE(ConvLoops, conv_loops);

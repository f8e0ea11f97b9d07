// cpu/reduce.h: one walk for every reduction.
//
// A reduction folds elements into a cell. Elements come as float, double or int64 (the class; f16
// and bf16 as float, integers and bool as int64); a cell is up to three numbers, doubles or int64s,
// so that sums of floats are exact to the last bit in nearly all cases, whatever the order of
// folding. reduce_run brings any strided input into one of two forms:
//
//   rows      the reduced elements of one output lie together: row() folds runs of at most
//   REDUCE_RUN of them columns   the outputs lie together: column() folds a tile of rows into as
//   many cells as a row has elements
//
// Where neither lies together, or the dtype is not one of the three, elements are gathered into a
// tile first. How the reduced elements are cut into parts depends on shapes alone, never on the
// number of threads; parts are merged in order.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

typedef enum FoldKind {
    FOLD_SUM,
    FOLD_NUMBERS, // Σ x without nan
    FOLD_SQUARES, // Σ x²
    FOLD_ABS,     // Σ |x|
    FOLD_POWERS,  // Σ |x|^p
    FOLD_COUNT,   // of x ≠ 0
    FOLD_PRODUCT,
    FOLD_MAX, // nan if there is one
    FOLD_MIN,
    FOLD_MAXABS,
    FOLD_MINABS,
    FOLD_ARGMAX, // cell: value, index; the first of equals, nan before all others
    FOLD_ARGMIN,
    FOLD_MOMENTS,   // cell: mean, Σ (x - mean)², count
    FOLD_LOGSUMEXP, // cell: maximum m, Σ e^(x - m)
    FOLD_COUNT_OF_KINDS
} FoldKind;

typedef enum FoldClass { CLASS_F32, CLASS_F64, CLASS_I64, CLASS_COUNT } FoldClass;

typedef union Cell {
    double f;
    int64_t i;
} Cell;

#define REDUCE_RUN 1024    // elements of a run in the rows form
#define REDUCE_COLUMNS 256 // cells of a tile in the columns form
#define FOLD_PLANES 3

// Number k of cell j is at cells[k * width + j].
typedef void (*FoldRow)(const void *x, int64_t n, Cell *cell, int64_t first, double p); // width 1
typedef void (*FoldColumns)(const void *x, int64_t rows, int64_t stride, int64_t n, Cell *cells,
                            int64_t width, int64_t first, double p);

typedef struct FoldLoops {
    FoldRow row[2][FOLD_COUNT_OF_KINDS]; // by class: F32, F64
    FoldColumns columns[2][FOLD_COUNT_OF_KINDS];
} FoldLoops;
ISA_DECLARE(FoldLoops, fold_loops);

// What becomes of n cells: writes to outputs at element offset `at` and steps `stride` (in
// elements, by output).
typedef struct Reduction Reduction;
typedef void (*FoldFinish)(const Reduction *reduction, const Cell *cells, int64_t width, int64_t n,
                           const int64_t *at, const int64_t *stride);

struct Reduction {
    FoldKind kind;
    FoldClass class;
    double p;
    FoldFinish finish;
    double scale; // for finish
    const RtTensor *x;
    uint32_t dims; // bit d: dimension d of x is reduced
    int nout;
    RtTensor
        *out[2];   // x's kept dimensions in order; size-1 dimensions may stand for the reduced ones
    bool in_order; // reduced elements are counted in the logical order (FOLD_ARGMAX)
    int64_t length; // set by reduce_run: number of elements folded into an output
};

Status reduce_run(Reduction *reduction);
FoldClass fold_class(RtDtype dtype);

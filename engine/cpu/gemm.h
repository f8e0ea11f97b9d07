// cpu/gemm.h: products of matrices on the CPU, for matmul, linear, convolutions and whoever needs
// one.
//
// gemm_run computes C = init + A B for every dtype, with operands of any strides, and divides work
// among threads by itself. For f32 and f64 it uses kernels of our own where the CPU has AVX2 or
// AVX-512, and BLAS where it has neither; f16 and bf16 are multiplied in f32; integers have plain
// loops. How it chooses is said in gemm.c.
//
// The kernels (cpu/isa/gemm.inc, once per instruction set) work on one tile of C: up to `rows` rows
// by `columns` columns, held in registers while k runs. The elements of A are broadcast, the rows
// of B are read as vectors. No operand has to be packed: rows of A may lie anywhere (a pointer
// each), and so may rows of B (a table of offsets); that is how cpu/conv.c multiplies images by
// weights without laying out a matrix first. In large products both are packed, in blocks that the
// caches hold. Each element of C is summed in the order of k, whatever the tile, so it depends on
// neither the cut into tiles nor the number of threads.
#pragma once

#include "cpu/isa.h"
#include "ops/call.h"

#define GEMM_MAX_ROWS 12
#define GEMM_MAX_COLUMNS 64 // of a tile, in elements, for every type and instruction set

// What is added to the sums. It is added last, so that long sums that come in runs of k are sums of
// sums, which round less than one running sum would.
typedef enum GemmInit {
    GEMM_ZERO,
    GEMM_ADD,         // C as it is
    GEMM_BIAS_COLUMN, // bias[j]
    GEMM_BIAS_ROW,    // bias[i]
} GemmInit;

// C[i][j] = init + Σ_outer Σ_inner a[i][index] · b_row[j], where for each step of inner index grows
// by a_step and the row of b by b_step (or is b + b_table[step]), and after each inner run index
// grows by a_jump besides.
typedef struct GemmTile {
    const void *a[GEMM_MAX_ROWS]; // where the rows of A begin
    const void *b;
    const int64_t *b_table; // inner offsets of the rows of B, or NULL
    int64_t a_step, a_jump, b_step;
    int64_t inner, outer;
    void *c;
    int64_t c_step; // from row to row of C
    int rows, columns;
    GemmInit init;
    const void *bias; // of this tile
} GemmTile;

// k is cut into runs of this length, and columns into blocks: a block of B stays in the second-level
// cache.
#define GEMM_DEPTH 384
#define GEMM_BLOCK 512

// C (m, n) = init + A (m, k) B (k, n), strides in elements; rows of C are contiguous, ldc apart.
typedef struct GemmProduct {
    int64_t m, n, k;
    const void *a, *b;
    int64_t a_row, a_column, b_row, b_column;
    void *c;
    int64_t ldc;
    GemmInit init;
    const void *bias;
    bool pack; // both operands; without, b_column must be 1
    // With pack: B lies packed already, in slivers of two vectors, k times as long; n ≤ GEMM_BLOCK, a
    // multiple of a sliver. b_row and b_column do not count.
    bool b_packed;
} GemmProduct;

// One type's kernels for one instruction set.
typedef struct GemmKernels {
    int lanes, columns; // of a vector, and of the widest tile
    int rows_at[5];     // the tallest tile that is so many vectors wide
    void (*tile)(const GemmTile *tile);
    // room: GEMM_ROOM elements for what is packed, or NULL
    void (*product)(const GemmProduct *product, void *room);
    // C = init + A Bᵀ for A (m, k), B (n, k) with contiguous rows, k ≥ 1; meant for few rows of A.
    void (*dots)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
                 int64_t ldb, void *c, int64_t c_row, int64_t c_column, GemmInit init,
                 const void *bias);
    // to[i · to_step + j] = from[j · from_step + i] for i < rows, j < columns.
    void (*transpose)(int64_t rows, int64_t columns, const void *from, int64_t from_step, void *to,
                      int64_t to_step);
} GemmKernels;

// Elements of the room that packing takes: for slivers of A, and for a block of B.
#define GEMM_A_ROOM (8 * GEMM_MAX_ROWS * GEMM_DEPTH)
#define GEMM_ROOM (GEMM_A_ROOM + GEMM_DEPTH * GEMM_BLOCK)

typedef struct GemmLoops {
    GemmKernels f32, f64;
} GemmLoops;
ISA_DECLARE(GemmLoops, gemm_loops);

// A matrix operand: element (i, j) at data + i · row + j · column, in elements of the dtype.
typedef struct Matrix {
    void *data;
    int64_t row, column;
} Matrix;

// A stack of products: ndim dimensions of sizes dim, in which A, B and C lie so many elements
// apart.
typedef struct GemmBatch {
    int ndim;
    int64_t dim[RT_MAX_DIMS], a[RT_MAX_DIMS], b[RT_MAX_DIMS], c[RT_MAX_DIMS];
} GemmBatch;

// C (m, n) = init + A (m, k) B (k, n), every dtype, for each element of batch (NULL: once). init:
// GEMM_ZERO, GEMM_ADD or GEMM_BIAS_COLUMN with bias of n contiguous elements of the dtype. Rows or
// columns of C must be contiguous; C must not overlap A or B. Workspace belongs to the open scope.
// Integers wrap; bool is "any of the pairs are both true". Fails for want of memory alone.
Status gemm_run(RtDtype dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c,
                GemmInit init, const void *bias, const GemmBatch *batch);

// The kernels for f32 or f64 on this CPU.
const GemmKernels *gemm_kernels(RtDtype dtype);

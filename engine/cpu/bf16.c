// A tile is ROWS × VECTORS · 16 of C in registers. A lies as rows of pairs along k, B as rows of
// pairs: element (pair, j) holds B[2 pair][j] and B[2 pair + 1][j] side by side. An odd k ends in a
// pair with a zero.
//
// A test compiles this file with BF16_EMULATED: the instruction in terms of AVX-512F, for CPUs that
// do not have it.
#include "cpu/bf16.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/isa.h"

enum {
    ROWS = 8,
    VECTORS = 3,
    LANES = 16,
    DEPTH = 512 /* pairs of k at a time: a stripe of B stays in cache */
};

typedef float Vector __attribute__((vector_size(64)));

#ifdef BF16_EMULATED
static inline Vector dot(Vector sum, __m512i a, __m512i b) {
    __m512i high = _mm512_set1_epi32((int)0xFFFF0000);
    __m512 a1 = _mm512_castsi512_ps(_mm512_and_si512(a, high)),
           b1 = _mm512_castsi512_ps(_mm512_and_si512(b, high));
    __m512 a0 = _mm512_castsi512_ps(_mm512_slli_epi32(a, 16)),
           b0 = _mm512_castsi512_ps(_mm512_slli_epi32(b, 16));
    return (Vector)_mm512_fmadd_ps(a1, b1, _mm512_fmadd_ps(a0, b0, (__m512)sum));
}
bool bf16_dots(void) { return true; }
#else
static inline Vector dot(Vector sum, __m512i a, __m512i b) {
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
bool bf16_dots(void) {
    return isa_level() == ISA_LEVEL_AVX512 && __builtin_cpu_supports("avx512bf16");
}
#endif

static int64_t pairs_of(int64_t k) { return (k + 1) / 2; }
static int64_t rounded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

size_t bf16_room(int64_t m, int64_t n, int64_t k) {
    int64_t pairs = pairs_of(k) < DEPTH ? pairs_of(k) : DEPTH;
    return (size_t)(pairs * (rounded(m) + rounded(n))) * sizeof(uint32_t);
}

static uint32_t pair_at(const uint16_t *x, int64_t step, bool whole) {
    return x[0] | (whole ? (uint32_t)x[step] << 16 : 0);
}

// to[i · pairs + p]: elements 2p and 2p + 1 of row i.
static void pack_rows(int64_t m, int64_t k, const uint16_t *a, int64_t row, int64_t column,
                      uint32_t *to) {
    int64_t pairs = pairs_of(k);
    for (int64_t i = 0; i < m; i++, a += row, to += pairs) {
        if (column == 1) {
            memcpy(to, a, (size_t)(k / 2) * sizeof *to);
            if (k % 2) to[k / 2] = a[k - 1];
        } else {
            for (int64_t p = 0; p < pairs; p++)
                to[p] = pair_at(a + 2 * p * column, column, 2 * p + 1 < k);
        }
    }
}

// to[p · wide + j]: elements (2p, j) and (2p + 1, j); zeros from n to wide.
static void pack_columns(int64_t n, int64_t k, const uint16_t *b, int64_t row, int64_t column,
                         uint32_t *to) {
    int64_t pairs = pairs_of(k), wide = rounded(n);
    if (row == 1 && column != 1) { // B is stored by columns: read it along k
        for (int64_t j = 0; j < n; j++, b += column)
            for (int64_t p = 0; p < pairs; p++)
                to[p * wide + j] = pair_at(b + 2 * p, 1, 2 * p + 1 < k);
    } else {
        for (int64_t p = 0; p < pairs; p++) {
            const uint16_t *from = b + 2 * p * row;
            for (int64_t j = 0; j < n; j++)
                to[p * wide + j] = pair_at(from + j * column, row, 2 * p + 1 < k);
        }
    }
    for (int64_t p = 0; p < pairs; p++)
        for (int64_t j = n; j < wide; j++) to[p * wide + j] = 0;
}

static inline __attribute__((always_inline)) void tile(int64_t pairs, const uint32_t *a,
                                                       int64_t a_row, const uint32_t *b,
                                                       int64_t b_row, float *c, int64_t ldc,
                                                       int64_t columns, int rows, int vectors) {
    Vector sum[ROWS][VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) sum[i][v] = (Vector){0};
    for (int64_t p = 0; p < pairs; p++, b += b_row) {
        __m512i right[VECTORS];
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) right[v] = _mm512_loadu_si512(b + v * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            __m512i left = _mm512_set1_epi32((int)a[i * a_row + p]);
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++) sum[i][v] = dot(sum[i][v], left, right[v]);
        }
    }
    __mmask16 last = (__mmask16)((1u << (columns - (vectors - 1) * LANES)) - 1);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            __mmask16 mask = v == vectors - 1 ? last : 0xFFFF;
            float *to = c + i * ldc + v * LANES;
            _mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, to) + (__m512)sum[i][v]);
        }
}

#define TILE(rows_, vectors_)                                                                      \
    case rows_ * 4 + vectors_:                                                                     \
        tile(pairs, a, a_row, b, b_row, c, ldc, columns, rows_, vectors_);                         \
        break;
#define TILES(rows_) TILE(rows_, 1) TILE(rows_, 2) TILE(rows_, 3)

static void run_tile(int64_t pairs, const uint32_t *a, int64_t a_row, const uint32_t *b,
                     int64_t b_row, float *c, int64_t ldc, int64_t columns, int64_t rows) {
    switch (rows * 4 + (columns + LANES - 1) / LANES) {
        TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)
    }
}

void bf16_product(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t a_row,
                  int64_t a_column, const uint16_t *b, int64_t b_row, int64_t b_column, float *c,
                  int64_t ldc, void *room) {
    int64_t wide = rounded(n);
    for (int64_t from = 0; from < k; from += 2 * DEPTH) {
        int64_t depth = k - from < 2 * DEPTH ? k - from : 2 * DEPTH, pairs = pairs_of(depth);
        uint32_t *rows = room, *columns = rows + rounded(m) * pairs;
        pack_rows(m, depth, a + from * a_column, a_row, a_column, rows);
        pack_columns(n, depth, b + from * b_row, b_row, b_column, columns);
        for (int64_t j = 0; j < n; j += VECTORS * LANES) {
            int64_t width = n - j < VECTORS * LANES ? n - j : VECTORS * LANES;
            for (int64_t i = 0; i < m; i += ROWS) {
                int64_t height = m - i < ROWS ? m - i : ROWS;
                run_tile(pairs, rows + i * pairs, pairs, columns + j, wide, c + i * ldc + j, ldc,
                         width, height);
            }
        }
    }
}

// Tiles of matrix products in registers: see cpu/gemm.h.
#include "cpu/gemm.h"

#if defined(ISA_avx512) || defined(ISA_avx2)
#include <immintrin.h>
#endif

// Registers hold the tile, one row of B, and a broadcast: 32 of 64 bytes, 16 of 32 bytes, 16 of 16
// bytes.
#if defined(ISA_avx512)
#define VECTOR_BYTES 64
#define ACCUMULATORS 24
#define MOST_PACKED_ROWS 12
#define MOST_VECTORS 4
#define MOST_ROWS_AT(vectors_) ((vectors_) == 4 ? 6 : 8)
#elif defined(ISA_avx2)
#define VECTOR_BYTES 32
#define ACCUMULATORS 12
#define MOST_PACKED_ROWS 6
#define MOST_VECTORS 2
#define MOST_ROWS_AT(vectors_) 6
#else
#define VECTOR_BYTES 16
#define ACCUMULATORS 8
#define MOST_PACKED_ROWS 4
#define MOST_VECTORS 2
#define MOST_ROWS_AT(vectors_) 4
#endif

#define CAT_(a_, b_) a_##_##b_
#define CAT(a_, b_) CAT_(a_, b_)

#define T float
#define INDEX int32_t
#define NAME(name_) CAT(name_, f32)
#include "cpu/isa/gemm.inc"
#undef T
#undef INDEX
#undef NAME

#define T double
#define INDEX int64_t
#define NAME(name_) CAT(name_, f64)
#include "cpu/isa/gemm.inc"
#undef T
#undef INDEX
#undef NAME

#define KERNELS(type_)                                                                             \
    {                                                                                              \
        LANES_##type_, COLUMNS_##type_,                                                            \
            {0, MOST_ROWS_AT(1), MOST_ROWS_AT(2), MOST_ROWS_AT(3), MOST_ROWS_AT(4)}, tile_##type_, \
            product_##type_, dots_##type_, transpose_##type_                                       \
    }
const GemmLoops ISA_NAME(gemm_loops) = {.f32 = KERNELS(f32), .f64 = KERNELS(f64)};

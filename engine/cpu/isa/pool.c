// Pooling of one plane: see cpu/pool.h.
#include "cpu/pool.h"

#include <math.h>
#include <string.h>

#define MAX_BLOCK 128 // results of a row that are worked on together

#define CAT_(a_, b_) a_##_##b_
#define CAT(a_, b_) CAT_(a_, b_)

#define T float
#define INDEX int32_t
#define LOWEST (-INFINITY)
#define IS_NAN(value_) ((value_) != (value_)) // only NaN differs from itself
#define NAME(name_) CAT(name_, f32)
#include "cpu/isa/pool_average.inc"
#include "cpu/isa/pool_max.inc"
#undef T
#undef INDEX
#undef LOWEST
#undef NAME

#define T double
#define INDEX int64_t
#define LOWEST (-INFINITY)
#define NAME(name_) CAT(name_, f64)
#include "cpu/isa/pool_average.inc"
#include "cpu/isa/pool_max.inc"
#undef T
#undef INDEX
#undef LOWEST
#undef IS_NAN
#undef NAME

#define T int64_t
#define INDEX int64_t
#define LOWEST INT64_MIN
#define IS_NAN(value_) false
#define NAME(name_) CAT(name_, i64)
#include "cpu/isa/pool_max.inc"
#undef T
#undef INDEX
#undef LOWEST
#undef IS_NAN
#undef NAME

#define KERNELS(type_)                                                                             \
    {                                                                                              \
        max_##type_, adaptive_max_##type_, average_##type_, adaptive_average_##type_,              \
            average_backward_##type_, adaptive_average_backward_##type_, max_backward_##type_      \
    }
const PoolLoops ISA_NAME(pool_loops) = {
    .f32 = KERNELS(f32),
    .f64 = KERNELS(f64),
    .i64 = {.max = max_i64, .adaptive_max = adaptive_max_i64, .max_backward = max_backward_i64},
};

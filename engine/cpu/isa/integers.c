// The integer loops of the elementwise kernels, for one instruction set: see cpu/elementwise.h.
// bool runs as u8.
#include "cpu/elementwise.h"

#ifndef ISA_avx512 // AVX-512 takes those of AVX2

#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" // some loops (powers, fmod) stay scalar
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep") // output and inputs are equal or apart
#endif

#define T uint8_t
#define U uint32_t
#define BITS 8
#define NAMED(name_) name_##_u8
#include "cpu/isa/integers_loops.inc"
#undef T
#undef BITS
#undef NAMED

#define T int8_t
#define BITS 8
#define NAMED(name_) name_##_i8
#include "cpu/isa/integers_loops.inc"
#undef T
#undef BITS
#undef NAMED

#define T int16_t
#define BITS 16
#define NAMED(name_) name_##_i16
#include "cpu/isa/integers_loops.inc"
#undef T
#undef BITS
#undef NAMED

#define T int32_t
#define BITS 32
#define NAMED(name_) name_##_i32
#include "cpu/isa/integers_loops.inc"
#undef T
#undef U
#undef BITS
#undef NAMED

#define T int64_t
#define U uint64_t
#define BITS 64
#define NAMED(name_) name_##_i64
#include "cpu/isa/integers_loops.inc"

#define LOOP1(name_, ...) [INT_##name_] = SLOT(name_),
#define LOOP2 LOOP1
#define LOOP3 LOOP1
#define TEST1 LOOP1
#define TEST2 LOOP1
#define WHERE LOOP1
const IntLoops ISA_NAME(integer_loops) = {
    .u8 =
        {
#define SLOT(name_) name_##_u8
#include "cpu/isa/integers.inc"
#undef SLOT
        },
    .i8 =
        {
#define SLOT(name_) name_##_i8
#include "cpu/isa/integers.inc"
#undef SLOT
        },
    .i16 =
        {
#define SLOT(name_) name_##_i16
#include "cpu/isa/integers.inc"
#undef SLOT
        },
    .i32 =
        {
#define SLOT(name_) name_##_i32
#include "cpu/isa/integers.inc"
#undef SLOT
        },
    .i64 =
        {
#define SLOT(name_) name_##_i64
#include "cpu/isa/integers.inc"
        },
};

#else
typedef int integers_nothing_to_compile; // ISO C wants a declaration
#endif

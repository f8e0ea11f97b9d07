// The integer loops of the elementwise kernels, for one instruction set: see cpu/elementwise.h.
// bool runs as u8.
#include "cpu/elementwise.h"

#ifndef ISA_avx512 // AVX-512 takes those of AVX2

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

const IntLoops ISA_NAME(integer_loops) = {loops_u8, loops_i8, loops_i16, loops_i32, loops_i64};

#else
typedef int integers_nothing_to_compile; // ISO C wants a declaration
#endif

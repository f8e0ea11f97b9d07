// cpu/elementwise.h: the inner loops of the elementwise kernels, one function a loop, dtype and
// instruction set.
//
// The lists are in cpu/isa/elementwise.inc (floats) and cpu/isa/integers.inc. All are LoopInner
// functions whose context is a LoopNumbers, never NULL. Float loops keep to IEEE operations in the
// order written (no contraction), so that arithmetic gives the same bits on every instruction set;
// the mathematical functions are libmvec's and do not.
#pragma once

#include "cpu/isa.h"
#include "cpu/loops.h"

// The numbers of an op: alpha, bounds, slopes. A float loop reads f, an integer loop i.
typedef struct LoopNumbers {
    double f[4];
    int64_t i[4];
} LoopNumbers;

typedef enum FloatLoop {
    FLOAT_NONE,
#define LOOP1(name_, ...) FLOAT_##name_,
#define LOOP2 LOOP1
#define LOOP3 LOOP1
#define TEST1 LOOP1
#define TEST2 LOOP1
#define MATH1 LOOP1
#define MATH2 LOOP1
#include "cpu/isa/elementwise.inc"
    FLOAT_COUNT
} FloatLoop;

typedef enum IntLoop {
    INT_NONE,
#undef LOOP1
#define LOOP1(name_, ...) INT_##name_,
#define WHERE LOOP1
#include "cpu/isa/integers.inc"
    INT_COUNT
} IntLoop;
#undef LOOP1
#undef WHERE
#undef LOOP2
#undef LOOP3
#undef TEST1
#undef TEST2
#undef MATH1
#undef MATH2

typedef struct FloatLoops {
    LoopInner f32[FLOAT_COUNT], f64[FLOAT_COUNT];
} FloatLoops;
typedef struct IntLoops {
    LoopInner u8[INT_COUNT], i8[INT_COUNT], i16[INT_COUNT], i32[INT_COUNT], i64[INT_COUNT];
} IntLoops;

ISA_DECLARE(FloatLoops, float_loops);
extern const IntLoops integer_loops_baseline, integer_loops_avx2; // AVX-512 has nothing to add

// dtype: a working dtype (no halves). NULL: there is no such loop.
LoopInner float_loop(FloatLoop loop, RtDtype work);
LoopInner integer_loop(IntLoop loop, RtDtype dtype); // bool is taken as u8

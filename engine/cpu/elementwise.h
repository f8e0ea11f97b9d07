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
#define ENTRY(name_) FLOAT_##name_,
#define WIDE_ENTRY ENTRY
#define LIST "cpu/isa/elementwise.inc"
#include "cpu/isa/entries.inc"
    FLOAT_COUNT
} FloatLoop;

typedef enum IntLoop {
    INT_NONE,
#define ENTRY(name_) INT_##name_,
#define LIST "cpu/isa/integers.inc"
#include "cpu/isa/entries.inc"
    INT_COUNT
} IntLoop;

typedef struct FloatLoops {
    const LoopInner *f32, *f64;
} FloatLoops;
typedef struct IntLoops {
    const LoopInner *u8, *i8, *i16, *i32, *i64;
} IntLoops;

ISA_DECLARE(FloatLoops, float_loops);
extern const IntLoops integer_loops_baseline, integer_loops_avx2; // AVX-512 has nothing to add

// dtype: a working dtype (no halves). NULL: there is no such loop.
LoopInner float_loop(FloatLoop loop, RtDtype work);
LoopInner integer_loop(IntLoop loop, RtDtype dtype); // bool is taken as u8

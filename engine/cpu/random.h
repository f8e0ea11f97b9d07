// cpu/random.h: runs of random numbers, one instruction set's version a function.
//
// n is a number of Philox blocks (four words of 32 bits), unless said otherwise. All results are
// made of IEEE operations in a fixed order, without contraction and without libm, so that they are
// the same bits on every instruction set.
#pragma once

#include "cpu/isa.h"
#include "rustorch.h"

typedef struct RandomLoops {
    void (*words)(uint32_t *out, uint64_t seed, uint64_t position, int64_t n);
    // low + word × scale, at most limit, from the high `bits` bits of one word each: 4 n of them.
    void (*uniforms32)(float *out, const uint32_t *words, int64_t n, int bits, double low,
                       double scale, double limit);
    // 4 n standard normals from one word each, by pairs (Box and Muller); 2 n from two words each.
    void (*normals32)(double *out, const uint32_t *words, int64_t n);
    void (*normals64)(double *out, const uint32_t *words, int64_t n);
    // -log of a uniform number in (0, 1): 4 n from one word each, 2 n from two words each.
    void (*exponentials32)(double *out, const uint32_t *words, int64_t n);
    void (*exponentials64)(double *out, const uint32_t *words, int64_t n);
    // a + b × value, for n values.
    void (*affine32)(float *out, const double *values, int64_t n, double a, double b);
    void (*affine64)(double *out, const double *values, int64_t n, double a, double b);
} RandomLoops;

ISA_DECLARE(RandomLoops, random_loops);

// tensor/random.h: counted random numbers for kernels.
//
// A generator is a seed and a position in the stream of that seed. One position is one block of
// Philox 4x32-10: four words of 32 bits, a function of (seed, position) alone. An op takes as many
// positions as it needs in one atomic step and computes element i from its own word or words, so
// that the values depend neither on the number of threads nor on the instruction set nor on the
// device:
//
//   uint64_t seed, position = generator_take(generator, RANDOM_BLOCKS(n, 1), &seed);
//   … word i % 4 of block position + i / 4 is that of element i …
//
// Thread-safe, without locks (a forked child may draw). Two threads that draw from one generator
// get ranges that do not overlap, in the order in which they came.
#pragma once

#include "rustorch.h"

// Positions for n elements of `words` words each.
#define RANDOM_BLOCKS(n_, words_) (((uint64_t)(n_) * (uint64_t)(words_) + 3) / 4)

// Returns the first of n positions that now belong to the caller. NULL: the default generator.
uint64_t generator_take(RtGenerator *generator, uint64_t n, uint64_t *out_seed);

// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), with the
// position as counter.
static inline void philox_block(uint64_t seed, uint64_t position, uint32_t out[4]) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)position, c1 = (uint32_t)(position >> 32), c2 = 0, c3 = 0;
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

#include "cpu/dropout.h"

#include <string.h>

#include <immintrin.h>

#include "tensor/random.h"

// A Philox block a lane: each of its four words in the low half of 64 bits. What is in the high
// halves does not matter: the product is that of the low ones.
#ifdef ISA_avx512
#define LANES 8
#define PRODUCT(a_, b_) ((Words)_mm512_mul_epu32((__m512i)(a_), (__m512i)(b_)))
#elif defined(ISA_avx2)
#define LANES 4
#define PRODUCT(a_, b_) ((Words)_mm256_mul_epu32((__m256i)(a_), (__m256i)(b_)))
#else
#define LANES 2
#define PRODUCT(a_, b_) ((Words)_mm_mul_epu32((__m128i)(a_), (__m128i)(b_)))
#endif
typedef uint64_t Words __attribute__((vector_size(8 * LANES)));
typedef uint32_t Pairs __attribute__((vector_size(8 * LANES)));
typedef uint32_t Bytes __attribute__((vector_size(4 * LANES)));

// Words a and b of each lane against the threshold: 1 or 0 in bytes 0 and 1.
static inline Words at_least(Words a, Words b, uint32_t threshold) {
    Pairs words = (Pairs)((a & UINT32_MAX) | b << 32);
    Words kept = (Words)(words >= threshold) & 0x0000000100000001u;
    return (kept | kept >> 24) & 0x0101u;
}

static void draw(uint64_t seed, uint64_t position, int64_t blocks, uint32_t threshold, bool *keep) {
    int64_t b = 0;
    Words lane;
    for (int i = 0; i < LANES; i++) lane[i] = (uint64_t)i;
    const Words m0 = (Words){0} + 0xD2511F53u, m1 = (Words){0} + 0xCD9E8D57u;
    for (; b + LANES <= blocks; b += LANES) { // philox_block of tensor/random.h
        Words c0 = lane + (position + (uint64_t)b), c1 = c0 >> 32, c2 = {0}, c3 = {0};
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++) {
            Words p = PRODUCT(m0, c0), q = PRODUCT(m1, c2);
            c0 = (q >> 32) ^ c1 ^ k0;
            c2 = (p >> 32) ^ c3 ^ k1;
            c1 = q;
            c3 = p;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        Words kept = at_least(c0, c1, threshold) | at_least(c2, c3, threshold) << 16;
        Bytes bytes = __builtin_convertvector(kept, Bytes);
        memcpy(keep + 4 * b, &bytes, sizeof bytes);
    }
    for (; b < blocks; b++) {
        uint32_t words[4];
        philox_block(seed, position + (uint64_t)b, words);
        for (int w = 0; w < 4; w++) keep[4 * b + w] = words[w] >= threshold;
    }
}

#define APPLY(name_, T_)                                                                           \
    static void name_(const T_ *x, const bool *keep, T_ *restrict y, int64_t n, double scale) {    \
        T_ factor = (T_)scale;                                                                     \
        const uint8_t *kept = (const uint8_t *)keep; /* bool has no vectors */                     \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T_ value = x[i] * factor;                                                              \
            y[i] = kept[i] ? value : 0;                                                            \
        }                                                                                          \
    }
APPLY(apply_f32, float)
APPLY(apply_f64, double)

const DropoutLoops ISA_NAME(dropout_loops) = {draw, apply_f32, apply_f64};

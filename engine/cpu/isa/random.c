// Random words, normal and exponential numbers, for one instruction set: see cpu/random.h. Compiled
// without contraction.
//
// The logarithm and the circle functions are the classic polynomials of fdlibm (Sun, 1993; errors
// below 1 ulp), written without branches so that they become vector code.
#include "cpu/random.h"

#include <immintrin.h>
#include <string.h>

#include "tensor/random.h"

// LANES blocks at once. The four words of a block stand in four vectors of 64-bit lanes, whose
// upper halves may hold anything: the multiplication reads the lower halves only.
#if defined(ISA_avx512)
#define LANES 8
#define MULTIPLY(a_, b_) (Lanes) _mm512_mul_epu32((__m512i)(a_), (__m512i)(b_))
#elif defined(ISA_avx2)
#define LANES 4
#define MULTIPLY(a_, b_) (Lanes) _mm256_mul_epu32((__m256i)(a_), (__m256i)(b_))
#else
#define LANES 2
#define MULTIPLY(a_, b_) (Lanes) _mm_mul_epu32((__m128i)(a_), (__m128i)(b_))
#endif
typedef uint64_t Lanes __attribute__((vector_size(LANES * 8)));

static void block_lanes(uint32_t *out, uint64_t seed, uint64_t position) {
    Lanes c0, c1, c2 = {0}, c3 = {0}, zero = {0};
    for (int i = 0; i < LANES; i++) {
        c0[i] = position + (uint64_t)i;
        c1[i] = (position + (uint64_t)i) >> 32;
    }
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) { // as philox_block
        Lanes a = MULTIPLY(c0, zero + 0xD2511F53u), b = MULTIPLY(c2, zero + 0xCD9E8D57u);
        c0 = (b >> 32) ^ c1 ^ k0;
        c2 = (a >> 32) ^ c3 ^ k1;
        c1 = b;
        c3 = a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    Lanes first = (c0 & 0xffffffffu) | c1 << 32, second = (c2 & 0xffffffffu) | c3 << 32;
    for (int i = 0; i < LANES; i++) {
        memcpy(out + 4 * i, &(uint64_t){first[i]}, 8);
        memcpy(out + 4 * i + 2, &(uint64_t){second[i]}, 8);
    }
}

static void words(uint32_t *out, uint64_t seed, uint64_t position, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) block_lanes(out + 4 * i, seed, position + (uint64_t)i);
    for (; i < n; i++) philox_block(seed, position + (uint64_t)i, out + 4 * i);
}

static void uniforms32(float *restrict out, const uint32_t *restrict in, int64_t n, int bits,
                       double low, double scale, double limit) {
    for (int64_t i = 0; i < 4 * n; i++) {
        double value = low + (double)(int32_t)(in[i] >> (32 - bits)) * scale;
        out[i] = (float)(value > limit ? limit : value);
    }
}

typedef union Bits64 {
    uint64_t bits;
    double value;
    struct {
        uint32_t low, high;
    };
} Bits64;

// x > 0, normal: x = 2ᵏ (1 + f) with 1 + f between √½ and √2.
static inline double natural_log(double x) {
    Bits64 u = {.value = x};
    uint64_t shifted = u.bits + (0x3ff0000000000000u - 0x3fe6a09e00000000u);
    // k as a double without a conversion: added to the bits of 1.5 × 2⁵².
    Bits64 exponent = {.bits = 0x4338000000000000u + (shifted >> 52)};
    double k = exponent.value - 0x1.8p52 - 1023;
    u.bits = (shifted & 0x000fffffffffffffu) + 0x3fe6a09e00000000u;
    double f = u.value - 1, s = f / (2 + f), z = s * s, w = z * z;
    double even = w * (3.999999999940941908e-01 +
                       w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    double odd = z * (6.666666666666735130e-01 +
                      w * (2.857142874366239149e-01 +
                           w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    double half = 0.5 * f * f;
    return s * (half + even + odd) + k * 1.90821492927058770002e-10 - half + f +
           k * 6.93147180369123816490e-01;
}

// Sine and cosine of t turns, 0 ≤ t ≤ 1.
static inline void turn(double t, double *sine, double *cosine) {
    double quarters = 4 * t;
    double q = quarters + 0x1.8p52 - 0x1.8p52; // rounded to an integer
    double r = (quarters - q) * 1.57079632679489661923, z = r * r;
    double s =
        r +
        r * z *
            (-1.66666666666666324348e-01 +
             z * (8.33333333332248946124e-03 +
                  z * (-1.98412698298579493134e-04 +
                       z * (2.75573137070700676789e-06 +
                            z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
    double c =
        1 - 0.5 * z +
        z * z *
            (4.16666666666666019037e-02 +
             z * (-1.38888888888741095749e-03 +
                  z * (2.48015872894767294178e-05 +
                       z * (-2.75573143513906633035e-07 +
                            z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
    bool swapped = q == 1 || q == 3;
    double a = swapped ? c : s, b = swapped ? s : c;
    *sine = q == 2 || q == 3 ? -a : a;
    *cosine = q == 1 || q == 2 ? -b : b;
}

// (word + ½) 2⁻³², which is neither 0 nor 1. The word as a signed number: there is no vector
// conversion for others.
static inline double unit32(uint32_t word) {
    return ((double)(int32_t)(word ^ 0x80000000u) + 2147483648.5) * 0x1p-32;
}

// 52 bits and a half: as the fraction of a number between 1 and 2.
static inline double unit64(uint32_t low, uint32_t high) {
    Bits64 u = {.bits = 0x3ff0000000000000u | ((uint64_t)high << 32 | low) >> 12};
    return u.value - (1 - 0x1p-53);
}

static inline double root(double x) { return __builtin_sqrt(x); }

static void normals32(double *restrict out, const uint32_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < 2 * n; i++) {
        double radius = root(-2 * natural_log(unit32(in[2 * i]))), sine, cosine;
        turn(unit32(in[2 * i + 1]), &sine, &cosine);
        out[2 * i] = radius * cosine;
        out[2 * i + 1] = radius * sine;
    }
}

static void normals64(double *restrict out, const uint32_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double radius = root(-2 * natural_log(unit64(in[4 * i], in[4 * i + 1]))), sine, cosine;
        turn(unit64(in[4 * i + 2], in[4 * i + 3]), &sine, &cosine);
        out[2 * i] = radius * cosine;
        out[2 * i + 1] = radius * sine;
    }
}

static void exponentials32(double *restrict out, const uint32_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < 4 * n; i++) out[i] = -natural_log(unit32(in[i]));
}

static void exponentials64(double *restrict out, const uint32_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < 2 * n; i++) out[i] = -natural_log(unit64(in[2 * i], in[2 * i + 1]));
}

static void affine32(float *restrict out, const double *restrict values, int64_t n, double a,
                     double b) {
    for (int64_t i = 0; i < n; i++) out[i] = (float)(a + b * values[i]);
}

static void affine64(double *restrict out, const double *restrict values, int64_t n, double a,
                     double b) {
    for (int64_t i = 0; i < n; i++) out[i] = a + b * values[i];
}

const RandomLoops ISA_NAME(random_loops) = {
    words, uniforms32, normals32, normals64, exponentials32, exponentials64, affine32, affine64,
};

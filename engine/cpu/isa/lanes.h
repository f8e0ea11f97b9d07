// cpu/isa/lanes.h: vectors as wide as the instruction set that a file in cpu/isa/ is compiled for.
//
// Vec_float and Vec_double are vectors of float and double; +, -, * and / work on them. Loads and
// stores need no alignment. part_load fills the missing lanes with `fill`; part_store writes the
// first n. Mathematical functions come from libmvec, declared by hand: their results differ from
// the scalar ones, so tails go through them as well (part_load). exp_float is written out where the
// set has what it takes: inline it costs half of the call.
#pragma once

#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#define LANES_INLINE static inline __attribute__((always_inline, unused))

#ifdef ISA_avx512
typedef __m512 Vec_float;
typedef __m512d Vec_double;
typedef __m256 Half_float;
#define LANES_MAX(x_, y_) _mm512_max_ps(x_, y_)
#define LANES_MAX_D(x_, y_) _mm512_max_pd(x_, y_)
Vec_float _ZGVeN16v_expf(Vec_float);
Vec_double _ZGVeN8v_exp(Vec_double);
Vec_float _ZGVeN16v_logf(Vec_float);
Vec_double _ZGVeN8v_log(Vec_double);
Vec_float _ZGVeN16v_log1pf(Vec_float);
Vec_double _ZGVeN8v_log1p(Vec_double);
#define LANES_EXP _ZGVeN16v_expf
#define LANES_EXP_D _ZGVeN8v_exp
#define LANES_LOG _ZGVeN16v_logf
#define LANES_LOG_D _ZGVeN8v_log
#define LANES_LOG1P _ZGVeN16v_log1pf
#define LANES_LOG1P_D _ZGVeN8v_log1p
#elif defined(ISA_avx2)
typedef __m256 Vec_float;
typedef __m256d Vec_double;
typedef __m128 Half_float;
#define LANES_MAX(x_, y_) _mm256_max_ps(x_, y_)
#define LANES_MAX_D(x_, y_) _mm256_max_pd(x_, y_)
Vec_float _ZGVdN8v_expf(Vec_float);
Vec_double _ZGVdN4v_exp(Vec_double);
Vec_float _ZGVdN8v_logf(Vec_float);
Vec_double _ZGVdN4v_log(Vec_double);
Vec_float _ZGVdN8v_log1pf(Vec_float);
Vec_double _ZGVdN4v_log1p(Vec_double);
#define LANES_EXP _ZGVdN8v_expf
#define LANES_EXP_D _ZGVdN4v_exp
#define LANES_LOG _ZGVdN8v_logf
#define LANES_LOG_D _ZGVdN4v_log
#define LANES_LOG1P _ZGVdN8v_log1pf
#define LANES_LOG1P_D _ZGVdN4v_log1p
#else
typedef __m128 Vec_float;
typedef __m128d Vec_double;
typedef float Half_float __attribute__((vector_size(8)));
#define LANES_MAX(x_, y_) _mm_max_ps(x_, y_)
#define LANES_MAX_D(x_, y_) _mm_max_pd(x_, y_)
Vec_float _ZGVbN4v_expf(Vec_float);
Vec_double _ZGVbN2v_exp(Vec_double);
Vec_float _ZGVbN4v_logf(Vec_float);
Vec_double _ZGVbN2v_log(Vec_double);
Vec_float _ZGVbN4v_log1pf(Vec_float);
Vec_double _ZGVbN2v_log1p(Vec_double);
#define LANES_EXP _ZGVbN4v_expf
#define LANES_EXP_D _ZGVbN2v_exp
#define LANES_LOG _ZGVbN4v_logf
#define LANES_LOG_D _ZGVbN2v_log
#define LANES_LOG1P _ZGVbN4v_log1pf
#define LANES_LOG1P_D _ZGVbN2v_log1p
#endif

enum {
    LANES_float = sizeof(Vec_float) / sizeof(float),
    LANES_double = sizeof(Vec_double) / sizeof(double)
};

LANES_INLINE Vec_float load_float(const float *p) {
    Vec_float v;
    memcpy(&v, p, sizeof v);
    return v;
}
LANES_INLINE Vec_double load_double(const double *p) {
    Vec_double v;
    memcpy(&v, p, sizeof v);
    return v;
}
LANES_INLINE void store_float(float *p, Vec_float v) { memcpy(p, &v, sizeof v); }
LANES_INLINE void store_double(double *p, Vec_double v) { memcpy(p, &v, sizeof v); }
LANES_INLINE Vec_float all_float(float x) { return x - (Vec_float){0}; }
LANES_INLINE Vec_double all_double(double x) { return x - (Vec_double){0}; }

#ifdef ISA_avx512
LANES_INLINE Vec_float part_load_float(const float *p, int64_t n, float fill) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), (__mmask16)((1u << n) - 1), p);
}
LANES_INLINE Vec_double part_load_double(const double *p, int64_t n, double fill) {
    return _mm512_mask_loadu_pd(_mm512_set1_pd(fill), (__mmask8)((1u << n) - 1), p);
}
LANES_INLINE void part_store_float(float *p, Vec_float v, int64_t n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
LANES_INLINE void part_store_double(double *p, Vec_double v, int64_t n) {
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), v);
}
#else
#define LANES_PARTS(T_)                                                                            \
    LANES_INLINE Vec_##T_ part_load_##T_(const T_ *p, int64_t n, T_ fill) {                        \
        T_ room[LANES_##T_];                                                                       \
        for (int64_t i = 0; i < LANES_##T_; i++) room[i] = i < n ? p[i] : fill;                    \
        return load_##T_(room);                                                                    \
    }                                                                                              \
    LANES_INLINE void part_store_##T_(T_ *p, Vec_##T_ v, int64_t n) {                              \
        T_ room[LANES_##T_];                                                                       \
        store_##T_(room, v);                                                                       \
        for (int64_t i = 0; i < n; i++) p[i] = room[i];                                            \
    }
LANES_PARTS(float)
LANES_PARTS(double)
#endif

// The larger lane by lane; where one is nan, the second.
LANES_INLINE Vec_float max_float(Vec_float x, Vec_float y) { return LANES_MAX(x, y); }
LANES_INLINE Vec_double max_double(Vec_double x, Vec_double y) { return LANES_MAX_D(x, y); }
// a b + c, rounded once where the set can, also in files that are compiled without contraction.
#ifdef ISA_avx512
LANES_INLINE Vec_float fma_float(Vec_float a, Vec_float b, Vec_float c) {
    return _mm512_fmadd_ps(a, b, c);
}
#elif defined(ISA_avx2)
LANES_INLINE Vec_float fma_float(Vec_float a, Vec_float b, Vec_float c) {
    return _mm256_fmadd_ps(a, b, c);
}
#else
LANES_INLINE Vec_float fma_float(Vec_float a, Vec_float b, Vec_float c) { return a * b + c; }
#endif
#if defined(ISA_avx512) || defined(ISA_avx2)
// e^x = 2^n e^r with n = round(x / ln 2), |r| ≤ ln 2 / 2; the polynomial is that of Cephes
// (Moshier), its error below 1 ulp. Below -104 the result is 0 in float, above 104 inf; a nan stays
// (the second operand of min and max wins). The lanes that become 0, such as masked scores, are
// kept away from the products: making them there would take a microcode assist.
LANES_INLINE Vec_float exp_float(Vec_float x) {
#ifdef ISA_avx512
    __mmask16 alive = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-104), _CMP_NLT_UQ);
    x = _mm512_min_ps(_mm512_set1_ps(104), _mm512_maskz_mov_ps(alive, x));
    Vec_float n = _mm512_roundscale_ps(x * 1.44269504088896341f,
                                       _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    Vec_float alive = _mm256_cmp_ps(x, _mm256_set1_ps(-104), _CMP_NLT_UQ);
    x = _mm256_min_ps(_mm256_set1_ps(104), _mm256_and_ps(alive, x));
    Vec_float n =
        _mm256_round_ps(x * 1.44269504088896341f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#endif
    // ln 2 in two parts: the first product is exact
    Vec_float r = fma_float(n, all_float(-0.693359375f), x);
    r = fma_float(n, all_float(2.12194440e-4f), r);
    Vec_float p = fma_float(r, all_float(1.9875691500e-4f), all_float(1.3981999507e-3f));
    p = fma_float(p, r, all_float(8.3334519073e-3f));
    p = fma_float(p, r, all_float(4.1665795894e-2f));
    p = fma_float(p, r, all_float(1.6666665459e-1f));
    p = fma_float(p, r, all_float(5.0000001201e-1f));
    p = fma_float(p, r * r, r) + 1.0f;
#ifdef ISA_avx512
    return _mm512_maskz_scalef_ps(alive, p, n);
#else // 2^n may be too small or too large for a float: two factors of half the exponent
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1),
            rest = _mm256_sub_epi32(whole, half);
    __m256i bias = _mm256_set1_epi32(127);
    Vec_float a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    Vec_float b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return _mm256_and_ps(alive, p * a * b);
#endif
}
#else
LANES_INLINE Vec_float exp_float(Vec_float x) { return LANES_EXP(x); }
#endif
// 1 / x for 1e-30 ≤ x, to a unit in the last place or two: a division of vectors so wide takes as
// long as a polynomial. Above 1e30 it stays what it is there.
#ifdef ISA_avx512
LANES_INLINE Vec_float reciprocal_float(Vec_float x) {
    x = _mm512_min_ps(_mm512_set1_ps(1e30f), x); // a nan stays
    Vec_float near = _mm512_rcp14_ps(x);
    return _mm512_fmadd_ps(near, _mm512_fnmadd_ps(x, near, _mm512_set1_ps(1)), near);
}
#else
LANES_INLINE Vec_float reciprocal_float(Vec_float x) { return 1 / x; }
#endif
LANES_INLINE Vec_double exp_double(Vec_double x) { return LANES_EXP_D(x); }
LANES_INLINE Vec_float log_float(Vec_float x) { return LANES_LOG(x); }
LANES_INLINE Vec_double log_double(Vec_double x) { return LANES_LOG_D(x); }
LANES_INLINE Vec_float log1p_float(Vec_float x) { return LANES_LOG1P(x); }
LANES_INLINE Vec_double log1p_double(Vec_double x) { return LANES_LOG1P_D(x); }

// As many elements as a Vec_double has lanes, as doubles.
LANES_INLINE Vec_double wide_float(const float *p) {
    Half_float half;
    memcpy(&half, p, sizeof half);
    return __builtin_convertvector(half, Vec_double);
}
LANES_INLINE Vec_double wide_double(const double *p) { return load_double(p); }
// The lanes of v as doubles: one vector or two; summed in pairs, so that they can be added up in
// double.
LANES_INLINE Vec_double fold_wide_float(Vec_float v) {
    Half_float half[2];
    memcpy(half, &v, sizeof v);
    return __builtin_convertvector(half[0], Vec_double) +
           __builtin_convertvector(half[1], Vec_double);
}
LANES_INLINE Vec_double fold_wide_double(Vec_double v) { return v; }

// Over the lanes, in a fixed order of pairs.
LANES_INLINE double sum_lanes(Vec_double v) {
    double room[LANES_double];
    store_double(room, v);
    for (int step = LANES_double / 2; step; step /= 2)
        for (int i = 0; i < step; i++) room[i] += room[i + step];
    return room[0];
}
#define LANES_TOP(T_)                                                                              \
    LANES_INLINE T_ top_lane_##T_(Vec_##T_ v) {                                                    \
        T_ room[LANES_##T_];                                                                       \
        store_##T_(room, v);                                                                       \
        for (int step = LANES_##T_ / 2; step; step /= 2)                                           \
            for (int i = 0; i < step; i++)                                                         \
                room[i] = room[i] > room[i + step] ? room[i] : room[i + step];                     \
        return room[0];                                                                            \
    }
LANES_TOP(float)
LANES_TOP(double)

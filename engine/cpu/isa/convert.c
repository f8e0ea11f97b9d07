// Conversion loops between all pairs of dtypes, for one instruction set: see cpu/convert.h.
#include "cpu/convert.h"

#include "cpu/isa.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

#define TILE 256

// ---------------------------------------------------------------------------------- one element

// Out of range, and NaN, become the smallest value: what cvttps2dq and cvttsd2si give.
#define TO_I32(x_) ((x_) >= -0x1p31f && (x_) < 0x1p31f ? (int32_t)(x_) : INT32_MIN)
#define TO_I64(x_) ((x_) >= -0x1p63f && (x_) < 0x1p63f ? (int64_t)(x_) : INT64_MIN)

// Values of the types that the CPU knows: FROM_KIND is how x is read, and the target decides what
// is stored.
#define STORE_BOOL_INT(x_) ((x_) != 0)
#define STORE_BOOL_FLOAT(x_) ((x_) != 0)
#define STORE_U8_INT(x_) ((uint8_t)(x_))
#define STORE_U8_FLOAT(x_) ((uint8_t)TO_I32(x_))
#define STORE_I8_INT(x_) ((int8_t)(x_))
#define STORE_I8_FLOAT(x_) ((int8_t)TO_I32(x_))
#define STORE_I16_INT(x_) ((int16_t)(x_))
#define STORE_I16_FLOAT(x_) ((int16_t)TO_I32(x_))
#define STORE_I32_INT(x_) ((int32_t)(x_))
#define STORE_I32_FLOAT(x_) TO_I32(x_)
#define STORE_I64_INT(x_) ((int64_t)(x_))
#define STORE_I64_FLOAT(x_) TO_I64(x_)
#define STORE_F32_INT(x_) ((float)(x_))
#define STORE_F32_FLOAT(x_) ((float)(x_))
#define STORE_F64_INT(x_) ((double)(x_))
#define STORE_F64_FLOAT(x_) ((double)(x_))

// A bool is read as a byte that is zero or not, whatever wrote it.
#define LOAD_BOOL(x_) ((x_) != 0)
#define LOAD_U8(x_) (x_)
#define LOAD_I8(x_) (x_)
#define LOAD_I16(x_) (x_)
#define LOAD_I32(x_) (x_)
#define LOAD_I64(x_) (x_)
#define LOAD_F32(x_) (x_)
#define LOAD_F64(x_) (x_)

//   row(name, C type, kind) for every type that the CPU knows
#define NATIVE_TYPES(row_, ...)                                                                    \
    row_(BOOL, uint8_t, INT, __VA_ARGS__) row_(U8, uint8_t, INT, __VA_ARGS__)                      \
        row_(I8, int8_t, INT, __VA_ARGS__) row_(I16, int16_t, INT, __VA_ARGS__)                    \
            row_(I32, int32_t, INT, __VA_ARGS__) row_(I64, int64_t, INT, __VA_ARGS__)              \
                row_(F32, float, FLOAT, __VA_ARGS__) row_(F64, double, FLOAT, __VA_ARGS__)
// The same list again, because a macro cannot use itself within itself.
#define NATIVE_TARGETS(row_, ...)                                                                  \
    row_(BOOL, uint8_t, __VA_ARGS__) row_(U8, uint8_t, __VA_ARGS__) row_(I8, int8_t, __VA_ARGS__)  \
        row_(I16, int16_t, __VA_ARGS__) row_(I32, int32_t, __VA_ARGS__)                            \
            row_(I64, int64_t, __VA_ARGS__) row_(F32, float, __VA_ARGS__)                          \
                row_(F64, double, __VA_ARGS__)

// --------------------------------------------------------------------------------- native pairs

// Not inlined: the halves use them too, and inlining them there would double the size of this file.
#define PAIR(to_, to_type_, from_, from_type_, kind_)                                              \
    static __attribute__((noinline)) void convert_##from_##_##to_(void *to, const void *from,      \
                                                                  int64_t n) {                     \
        to_type_ *restrict y = to;                                                                 \
        const from_type_ *restrict x = from;                                                       \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = (to_type_)STORE_##to_##_##kind_(LOAD_##from_(x[i]));                            \
    }
#define PAIRS_FROM(from_, from_type_, kind_, ...) NATIVE_TARGETS(PAIR, from_, from_type_, kind_)
NATIVE_TYPES(PAIRS_FROM, )

// --------------------------------------------------------------------------------------- halves

typedef uint32_t __attribute__((may_alias)) FloatBits; // floats seen as their bits

static void convert_BF16_F32(void *to, const void *from, int64_t n) {
    FloatBits *restrict y = to;
    const uint16_t *restrict x = from;
    for (int64_t i = 0; i < n; i++) y[i] = (uint32_t)x[i] << 16;
}

static void convert_F32_BF16(void *to, const void *from, int64_t n) {
    uint16_t *restrict y = to;
    const FloatBits *restrict x = from;
    for (int64_t i = 0; i < n; i++) {
        uint32_t rounded = (x[i] + 0x7fff + (x[i] >> 16 & 1)) >> 16;
        bool nan = (x[i] & 0x7fffffff) > 0x7f800000;
        y[i] = nan ? 0x7fc0 : (uint16_t)rounded;
    }
}

#ifdef __F16C__

static void convert_F16_F32(void *to, const void *from, int64_t n) {
    float *y = to;
    const uint16_t *x = from;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(x + i))));
    for (; i < n; i++) y[i] = _cvtsh_ss(x[i]);
}

static void convert_F32_F16(void *to, const void *from, int64_t n) {
    uint16_t *y = to;
    const float *x = from;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(
            (__m128i *)(void *)(y + i),
            _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    for (; i < n; i++) y[i] = _cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#else

typedef union Bits32 {
    uint32_t bits;
    float value;
} Bits32;

// Halves are scaled through a float multiplication, which takes subnormals along (Giesen, "half to
// float done quick").
static void convert_F16_F32(void *to, const void *from, int64_t n) {
    FloatBits *restrict y = to;
    const uint16_t *restrict x = from;
    for (int64_t i = 0; i < n; i++) {
        uint32_t magnitude = x[i] & 0x7fffu;
        Bits32 scaled = {.bits = magnitude << 13};
        scaled.value *= 0x1p112f;
        uint32_t special = (magnitude << 13) + 0x70000000u; // infinity and NaN keep their payload
        if (magnitude > 0x7c00) special |= 0x00400000u;     // quiet, as the hardware does it
        y[i] = (magnitude >= 0x7c00 ? special : scaled.bits) | (uint32_t)(x[i] & 0x8000u) << 16;
    }
}

static void convert_F32_F16(void *to, const void *from, int64_t n) {
    uint16_t *restrict y = to;
    const FloatBits *restrict x = from;
    for (int64_t i = 0; i < n; i++) {
        uint32_t magnitude = x[i] & 0x7fffffffu;
        // Subnormal halves: adding 0.5 makes the float unit round at the right bit.
        Bits32 small = {.bits = magnitude};
        small.value += 0.5f;
        uint32_t subnormal = small.bits - 0x3f000000u;
        uint32_t normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1)) >> 13;
        uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
        if (magnitude >= 0x477ff000u) half = 0x7c00;
        if (magnitude > 0x7f800000u) half = 0x7e00 | (magnitude >> 13 & 0x1ff);
        y[i] = (uint16_t)(half | (x[i] >> 16 & 0x8000u));
    }
}

#endif

// All other pairs with a half go through tiles of floats.
#define THROUGH_F32(from_, from_type_, to_, to_type_)                                              \
    static void convert_##from_##_##to_(void *to, const void *from, int64_t n) {                   \
        float tile[TILE];                                                                          \
        for (int64_t at = 0; at < n; at += TILE) {                                                 \
            int64_t part = n - at < TILE ? n - at : TILE;                                          \
            convert_##from_##_F32(tile, (const from_type_ *)from + at, part);                      \
            convert_F32_##to_((to_type_ *)to + at, tile, part);                                    \
        }                                                                                          \
    }
#define HALF_PAIRS(half_)                                                                          \
    THROUGH_F32(half_, uint16_t, BOOL, uint8_t)                                                    \
    THROUGH_F32(half_, uint16_t, U8, uint8_t)                                                      \
    THROUGH_F32(half_, uint16_t, I8, int8_t)                                                       \
    THROUGH_F32(half_, uint16_t, I16, int16_t)                                                     \
    THROUGH_F32(half_, uint16_t, I32, int32_t)                                                     \
    THROUGH_F32(half_, uint16_t, I64, int64_t)                                                     \
    THROUGH_F32(half_, uint16_t, F64, double)                                                      \
    THROUGH_F32(BOOL, uint8_t, half_, uint16_t)                                                    \
    THROUGH_F32(U8, uint8_t, half_, uint16_t)                                                      \
    THROUGH_F32(I8, int8_t, half_, uint16_t)                                                       \
    THROUGH_F32(I16, int16_t, half_, uint16_t)                                                     \
    THROUGH_F32(I32, int32_t, half_, uint16_t)                                                     \
    THROUGH_F32(I64, int64_t, half_, uint16_t)                                                     \
    THROUGH_F32(F64, double, half_, uint16_t)
HALF_PAIRS(F16)
HALF_PAIRS(BF16)
THROUGH_F32(F16, uint16_t, BF16, uint16_t)
THROUGH_F32(BF16, uint16_t, F16, uint16_t)

// ------------------------------------------------------------------------------------ the table

#define SLOT(to_, to_type_, from_, ...) [RT_##from_][RT_##to_] = convert_##from_##_##to_,
#define SLOTS_FROM(from_, from_type_, kind_, ...) NATIVE_TARGETS(SLOT, from_, )
#define HALF_SLOT(name_, type_, kind_, half_)                                                      \
    [RT_##half_][RT_##name_] = convert_##half_##_##name_,                                          \
    [RT_##name_][RT_##half_] = convert_##name_##_##half_,

const ConvertLoops ISA_NAME(convert_loops) = {
    .run = {
        // clang-format off
    NATIVE_TYPES(SLOTS_FROM, )
    NATIVE_TYPES(HALF_SLOT, F16)
    NATIVE_TYPES(HALF_SLOT, BF16)
    [RT_F16][RT_BF16] = convert_F16_BF16,
    [RT_BF16][RT_F16] = convert_BF16_F16,
        // clang-format on
    }};

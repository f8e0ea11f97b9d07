#include "comm/combine.h"

#include <string.h>

#include "cpu/isa.h"

static const char *const words[RT_REDUCE_COUNT] = {
#define REDUCE(name_, word_) word_,
#include "comm/reduce.def"
#undef REDUCE
};

const char *reduce_word(RtReduceOp op) {
    return (int)op >= 0 && op < RT_REDUCE_COUNT ? words[op] : "unknown";
}

RtReduceOp rt_reduce_find(const char *word) {
    int op = 0;
    while (op < RT_REDUCE_COUNT && strcmp(words[op], word) != 0) op++;
    return (RtReduceOp)op;
}

Status combine_check(const char *what, RtReduceOp op, RtDtype dtype) {
    RtKind kind = rt_dtype_kind(dtype);
    bool bits = op == RT_REDUCE_BAND || op == RT_REDUCE_BOR || op == RT_REDUCE_BXOR;
    if ((int)op < 0 || op >= RT_REDUCE_COUNT)
        return fail(ERR_VALUE, "%s: there is no reduce operation number %d", what, (int)op);
    if (kind == RT_KIND_FLOAT && bits)
        return fail(ERR_DTYPE,
                    "%s: %s works on bits and does not take %s; use an integer dtype or bool", what,
                    words[op], rt_dtype_name(dtype));
    if (kind == RT_KIND_INT && op == RT_REDUCE_AVG)
        return fail(ERR_DTYPE,
                    "%s: the average of %s values is no %s; use sum, or a floating dtype", what,
                    rt_dtype_name(dtype), rt_dtype_name(dtype));
    if (kind == RT_KIND_BOOL && (op == RT_REDUCE_SUM || op == RT_REDUCE_AVG))
        return fail(ERR_DTYPE,
                    "%s: %s of bool: use bor or max to ask for any, band or min for all, or an "
                    "integer dtype to count",
                    what, words[op]);
    return OK;
}

// ------------------------------------------------------------------------------ float16 and
// bfloat16 without branches

static inline __attribute__((always_inline)) float bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline __attribute__((always_inline)) uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// A float16 moved into a float's fields is too small by 2^112; multiplying repairs normal and
// subnormal numbers alike.
static inline __attribute__((always_inline)) float widen_f16(RtF16 half) {
    uint32_t magnitude = (uint32_t)(half.bits & 0x7fff) << 13;
    uint32_t bits = float_bits(bits_float(magnitude) * 0x1p112f);
    bits |= magnitude >= 0x0f800000u ? 0x7f800000u : 0; // infinity and NaN
    return bits_float(bits | (uint32_t)(half.bits & 0x8000) << 16);
}

static inline __attribute__((always_inline)) RtF16
narrow_f16(float value) { // to nearest, ties to even
    uint32_t bits = float_bits(value), sign = bits & 0x80000000u;
    bits ^= sign;
    // Subnormal results: adding 0.5 puts the wanted bits at the end of the mantissa, rounded by the
    // addition itself.
    uint32_t small = float_bits(bits_float(bits) + 0.5f) - 0x3f000000u;
    uint32_t normal = (bits + 0xc8000fffu + ((bits >> 13) & 1)) >> 13;
    uint32_t large = bits > 0x7f800000u ? 0x7e00u : 0x7c00u;
    uint32_t half = bits >= 0x47800000u ? large : bits < 0x38800000u ? small : normal;
    return (RtF16){(uint16_t)(half | sign >> 16)};
}

static inline __attribute__((always_inline)) float widen_bf16(RtBf16 half) {
    return bits_float((uint32_t)half.bits << 16);
}

static inline __attribute__((always_inline)) RtBf16 narrow_bf16(float value) {
    uint32_t bits = float_bits(value);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40;
    return (RtBf16){(uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded)};
}

// ------------------------------------------------------------------------------ one function a
// dtype and instruction set
//
// Additions and comparisons give the same bits in any width; what could differ, contraction into
// fused operations, has no place here.

enum { TILE = 1024 };
#define SAME(value_) (value_)

#define SET(name_) combine_##name_
#include "comm/combine_set.inc"

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx2")
#define SET(name_) combine_avx2_##name_
#include "comm/combine_set.inc"
#pragma GCC pop_options
#endif

void combine_run(RtReduceOp op, RtDtype dtype, void *out, const void *const *in, int n,
                 int64_t count) {
#ifdef __x86_64__
    if (isa_level() >= ISA_LEVEL_AVX2) {
        combine_avx2_any(op, dtype, out, in, n, count);
        return;
    }
#endif
    combine_any(op, dtype, out, in, n, count);
}

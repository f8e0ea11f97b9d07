#include "cpu/elementwise.h"

#include <math.h>
#include <stdatomic.h>

#include "cpu/convert.h"

// What an op costs decides how much of it is worth a thread.
enum { GRAIN_CHEAP = 32768, GRAIN_MATH = 8192, GRAIN_SLOW = 2048 };

static const LoopNumbers no_numbers;

LoopInner float_loop(FloatLoop loop, RtDtype work) {
    const FloatLoops *loops = ISA_PICK(float_loops);
    return work == RT_F32 ? loops->f32[loop] : work == RT_F64 ? loops->f64[loop] : NULL;
}

LoopInner integer_loop(IntLoop loop, RtDtype dtype) {
    const IntLoops *loops =
        isa_level() == ISA_LEVEL_BASELINE ? &integer_loops_baseline : &integer_loops_avx2;
    switch (dtype) {
    case RT_BOOL:
    case RT_U8: return loops->u8[loop];
    case RT_I8: return loops->i8[loop];
    case RT_I16: return loops->i16[loop];
    case RT_I32: return loops->i32[loop];
    case RT_I64: return loops->i64[loop];
    default: return NULL;
    }
}

// ------------------------------------------------------------------------------- running a loop

// Which loop for which kind of dtype; FLOAT_NONE and INT_NONE where the op does not exist.
typedef struct Kinds {
    FloatLoop floats;
    IntLoop ints, bools;
    int64_t grain;
} Kinds;

static Status run_kinds(const OpCall *call, const Kinds *kinds, const LoopNumbers *numbers) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype, work = dtype_work(dtype);
    LoopInner inner = rt_dtype_kind(work) == RT_KIND_FLOAT
                          ? float_loop(kinds->floats, work)
                          : integer_loop(dtype == RT_BOOL ? kinds->bools : kinds->ints, dtype);
    if (!inner)
        return call_fail(call, ERR_DTYPE, "there is no such operation on %s tensors",
                         rt_dtype_name(dtype));
    loop_call(call, inner, call->dtype[0] == RT_BOOL ? RT_BOOL : work, numbers, kinds->grain);
    return OK;
}

#define SIMPLE(name_, floats_, ints_, bools_, grain_)                                              \
    Status cpu_##name_(OpCall *call) {                                                             \
        static const Kinds kinds = {FLOAT_##floats_, INT_##ints_, INT_##bools_, grain_};           \
        return run_kinds(call, &kinds, &no_numbers);                                               \
    }
#define CHEAP(name_, ints_, bools_) SIMPLE(name_, name_, ints_, bools_, GRAIN_CHEAP)
#define MATHS(name_) SIMPLE(name_, name_, NONE, NONE, GRAIN_MATH)

// clang-format off
//    row             integers       bools
CHEAP(mul,            mul,           bitwise_and)
CHEAP(neg,            neg,           NONE)
CHEAP(abs,            abs,           NONE)
CHEAP(sign,           sign,          copy)
CHEAP(square,         square,        copy)
CHEAP(sqrt,           NONE,          NONE)
CHEAP(rsqrt,          NONE,          NONE)
CHEAP(reciprocal,     NONE,          NONE)
CHEAP(floor,          copy,          NONE)
CHEAP(ceil,           copy,          NONE)
CHEAP(trunc,          copy,          NONE)
CHEAP(frac,           NONE,          NONE)
CHEAP(maximum,        maximum,       bitwise_or)
CHEAP(minimum,        minimum,       bitwise_and)
CHEAP(fmax,           maximum,       bitwise_or)
CHEAP(fmin,           minimum,       bitwise_and)
CHEAP(copysign,       NONE,          NONE)
CHEAP(lerp,           NONE,          NONE)
CHEAP(isnan,          never,         never)
CHEAP(isinf,          never,         never)
CHEAP(isfinite,       always,        always)
CHEAP(logical_not,    logical_not,   logical_not)
CHEAP(signbit,        signbit,       never)
CHEAP(eq,             eq,            eq)
CHEAP(ne,             ne,            ne)
CHEAP(lt,             lt,            lt)
CHEAP(le,             le,            le)
CHEAP(gt,             gt,            gt)
CHEAP(ge,             ge,            ge)
CHEAP(logical_and,    logical_and,   logical_and)
CHEAP(logical_or,     logical_or,    logical_or)
CHEAP(logical_xor,    logical_xor,   logical_xor)
CHEAP(relu,           relu,          NONE)
CHEAP(hardsigmoid,    NONE,          NONE)
CHEAP(hardswish,      NONE,          NONE)
CHEAP(hardswish_backward, NONE,      NONE)
CHEAP(sigmoid_backward,   NONE,      NONE)
CHEAP(tanh_backward,      NONE,      NONE)

SIMPLE(bitwise_and,         NONE, bitwise_and,         bitwise_and, GRAIN_CHEAP)
SIMPLE(bitwise_or,          NONE, bitwise_or,          bitwise_or,  GRAIN_CHEAP)
SIMPLE(bitwise_xor,         NONE, bitwise_xor,         bitwise_xor, GRAIN_CHEAP)
SIMPLE(bitwise_not,         NONE, bitwise_not,         logical_not, GRAIN_CHEAP)
SIMPLE(bitwise_left_shift,  NONE, bitwise_left_shift,  NONE,        GRAIN_CHEAP)
SIMPLE(bitwise_right_shift, NONE, bitwise_right_shift, NONE,        GRAIN_CHEAP)

MATHS(exp)
MATHS(exp2)
MATHS(expm1)
MATHS(log)
MATHS(log2)
MATHS(log10)
MATHS(log1p)
MATHS(sin)
MATHS(cos)
MATHS(tan)
MATHS(asin)
MATHS(acos)
MATHS(atan)
MATHS(sinh)
MATHS(cosh)
MATHS(tanh)
MATHS(asinh)
MATHS(acosh)
MATHS(atanh)
MATHS(erf)
MATHS(erfc)
MATHS(erfinv)
MATHS(atan2)
MATHS(hypot)
MATHS(sigmoid)
MATHS(silu)
MATHS(mish)
MATHS(logsigmoid)
MATHS(silu_backward)
// clang-format on

// --------------------------------------------------------------------------- sums with a factor

static LoopNumbers factor_numbers(RtScalar factor, bool negative) {
    LoopNumbers numbers = {.f = {rt_scalar_double(factor)}, .i = {rt_scalar_int(factor)}};
    if (negative) {
        numbers.f[0] = -numbers.f[0];
        numbers.i[0] = (int64_t)(0 - (uint64_t)numbers.i[0]);
    }
    return numbers;
}

static bool is_one(RtScalar number) { return rt_scalar_double(number) == 1; }

Status cpu_add(OpCall *call) {
    static const Kinds plain = {FLOAT_add, INT_add, INT_bitwise_or, GRAIN_CHEAP};
    static const Kinds scaled = {FLOAT_add_scaled, INT_add_scaled, INT_bitwise_or, GRAIN_CHEAP};
    static const Kinds first_only = {FLOAT_NONE, INT_NONE, INT_copy, GRAIN_CHEAP};
    RtScalar alpha = ATTRS_OF(call, alpha)->alpha;
    if (is_one(alpha)) return run_kinds(call, &plain, &no_numbers);
    LoopNumbers numbers = factor_numbers(alpha, false);
    bool dropped = call->in[0]->dtype == RT_BOOL && numbers.i[0] == 0;
    return run_kinds(call, dropped ? &first_only : &scaled, &numbers);
}

Status cpu_sub(OpCall *call) {
    static const Kinds plain = {FLOAT_sub, INT_sub, INT_NONE, GRAIN_CHEAP};
    static const Kinds scaled = {FLOAT_add_scaled, INT_add_scaled, INT_NONE, GRAIN_CHEAP};
    RtScalar alpha = ATTRS_OF(call, alpha)->alpha;
    if (is_one(alpha)) return run_kinds(call, &plain, &no_numbers);
    LoopNumbers numbers = factor_numbers(alpha, true);
    return run_kinds(call, &scaled, &numbers);
}

Status cpu_rsub(OpCall *call) {
    OpCall swapped = *call;
    swapped.in = (RtTensor *[]){call->in[1], call->in[0]};
    return cpu_sub(&swapped);
}

Status cpu_addcmul(OpCall *call) {
    static const Kinds kinds = {FLOAT_addcmul, INT_addcmul, INT_NONE, GRAIN_CHEAP};
    LoopNumbers numbers = factor_numbers(ATTRS_OF(call, value)->value, false);
    return run_kinds(call, &kinds, &numbers);
}

Status cpu_addcdiv(OpCall *call) {
    static const Kinds kinds = {FLOAT_addcdiv, INT_NONE, INT_NONE, GRAIN_CHEAP};
    LoopNumbers numbers = factor_numbers(ATTRS_OF(call, value)->value, false);
    return run_kinds(call, &kinds, &numbers);
}

// -------------------------------------------------------------------------- division and powers

// A scan for elements that an integer op cannot take. It runs before the op, so that nothing is
// written on failure.
#define SCAN(name_, type_, condition_)                                                             \
    static void scan_##name_##_##type_(char *const *p, int64_t n, int64_t first,                   \
                                       const void *context) {                                      \
        (void)first;                                                                               \
        const type_ *x = (const type_ *)p[0];                                                      \
        int found = 0;                                                                             \
        for (int64_t i = 0; i < n; i++) found |= (condition_);                                     \
        if (found)                                                                                 \
            atomic_store_explicit(*(atomic_bool *const *)context, true, memory_order_relaxed);     \
    }
// clang-format off
SCAN(zero, uint8_t, x[i] == 0)
SCAN(zero, uint16_t, x[i] == 0)
SCAN(zero, uint32_t, x[i] == 0)
SCAN(zero, uint64_t, x[i] == 0)
SCAN(negative, int8_t, x[i] < 0)
SCAN(negative, int16_t, x[i] < 0)
SCAN(negative, int32_t, x[i] < 0)
SCAN(negative, int64_t, x[i] < 0)
// clang-format on

static bool scan_finds(RtTensor *x, LoopInner scan) {
    atomic_bool found = false, *found_at = &found;
    loop_run(&(Loop){.inner = scan,
                     .context = &found_at,
                     .nin = 1,
                     .operand = {x},
                     .work = {(RtDtype)x->dtype}});
    return atomic_load(&found);
}

static bool has_zero(RtTensor *x) {
    size_t bytes = rt_dtype_bytes((RtDtype)x->dtype);
    return scan_finds(x, bytes == 1   ? scan_zero_uint8_t
                         : bytes == 2 ? scan_zero_uint16_t
                         : bytes == 4 ? scan_zero_uint32_t
                                      : scan_zero_uint64_t);
}

static bool has_negative(RtTensor *x) {
    switch (x->dtype) {
    case RT_I8: return scan_finds(x, scan_negative_int8_t);
    case RT_I16: return scan_finds(x, scan_negative_int16_t);
    case RT_I32: return scan_finds(x, scan_negative_int32_t);
    case RT_I64: return scan_finds(x, scan_negative_int64_t);
    default: return false;
    }
}

static Status run_division(const OpCall *call, const Kinds *kinds) {
    RtTensor *divisor = call->in[1];
    if (rt_dtype_kind((RtDtype)divisor->dtype) == RT_KIND_INT && call->out[0]->numel &&
        has_zero(divisor))
        return call_fail(call, ERR_VALUE, "integer division by zero (ZeroDivisionError)");
    return run_kinds(call, kinds, &no_numbers);
}

Status cpu_div(OpCall *call) {
    static const Kinds modes[] = {
        {FLOAT_div, INT_NONE, INT_NONE, GRAIN_CHEAP},
        {FLOAT_trunc_divide, INT_trunc_divide, INT_NONE, GRAIN_MATH},
        {FLOAT_floor_divide, INT_floor_divide, INT_NONE, GRAIN_SLOW},
    };
    return run_division(call, &modes[ATTRS_OF(call, divide)->rounding_mode]);
}

#define DIVISION(name_)                                                                            \
    Status cpu_##name_(OpCall *call) {                                                             \
        static const Kinds kinds = {FLOAT_##name_, INT_##name_, INT_NONE, GRAIN_SLOW};             \
        return run_division(call, &kinds);                                                         \
    }
// clang-format off
DIVISION(floor_divide)
DIVISION(remainder)
DIVISION(fmod)
// clang-format on

// The loop for x to the power of one number; FLOAT_pow if there is nothing shorter.
static FloatLoop power_loop(double exponent) {
    return exponent == 2      ? FLOAT_square
           : exponent == 1    ? FLOAT_copy
           : exponent == 3    ? FLOAT_cube
           : exponent == 0.5  ? FLOAT_sqrt
           : exponent == -0.5 ? FLOAT_rsqrt
           : exponent == -1   ? FLOAT_reciprocal
           : exponent == -2   ? FLOAT_square_reciprocal
                              : FLOAT_pow;
}

Status cpu_pow(OpCall *call) {
    Kinds kinds = {FLOAT_pow, INT_pow, INT_NONE, GRAIN_SLOW};
    RtTensor *exponent = call->in[1];
    if (exponent->numel == 1 && rt_dtype_kind((RtDtype)exponent->dtype) == RT_KIND_FLOAT) {
        kinds.floats = power_loop(rt_scalar_double(rt_tensor_item(exponent, 0)));
        if (kinds.floats != FLOAT_pow) kinds.grain = GRAIN_CHEAP;
    }
    if (call->out[0]->numel && has_negative(exponent))
        return call_fail(call, ERR_VALUE,
                         "integers to negative integer powers are not allowed: convert the base to "
                         "a float dtype first");
    return run_kinds(call, &kinds, &no_numbers);
}

// --------------------------------------------------------------------------------------- bounds

typedef struct Range {
    int64_t low, high;
} Range;

static Range integer_range(RtDtype dtype) {
    switch (dtype) {
    case RT_BOOL: return (Range){0, 1};
    case RT_U8: return (Range){0, UINT8_MAX};
    case RT_I8: return (Range){INT8_MIN, INT8_MAX};
    case RT_I16: return (Range){INT16_MIN, INT16_MAX};
    case RT_I32: return (Range){INT32_MIN, INT32_MAX};
    default: return (Range){INT64_MIN, INT64_MAX};
    }
}

static int64_t into_range(int64_t value, Range range) {
    return value < range.low ? range.low : value > range.high ? range.high : value;
}

Status cpu_clamp(OpCall *call) {
    static const Kinds clamp = {FLOAT_clamp, INT_clamp, INT_NONE, GRAIN_CHEAP};
    static const Kinds constant = {FLOAT_threshold, INT_NONE, INT_NONE, GRAIN_CHEAP};
    RtScalar min = ATTRS_OF(call, clamp)->min, max = ATTRS_OF(call, clamp)->max;
    Range range = integer_range((RtDtype)call->in[0]->dtype);
    LoopNumbers numbers = {.f = {-INFINITY, INFINITY}, .i = {range.low, range.high}};
    if (min.kind != RT_SCALAR_NONE) {
        numbers.f[0] = rt_scalar_double(min);
        numbers.i[0] = into_range(rt_scalar_int(min), range);
    }
    if (max.kind != RT_SCALAR_NONE) {
        numbers.f[1] = rt_scalar_double(max);
        numbers.i[1] = into_range(rt_scalar_int(max), range);
    }
    if (isnan(numbers.f[0]) || isnan(numbers.f[1])) { // a bound that is NaN makes every element NaN
        LoopNumbers nan = {.f = {NAN, NAN}};
        nan.f[0] = INFINITY;
        return run_kinds(call, &constant, &nan);
    }
    return run_kinds(call, &clamp, &numbers);
}

Status cpu_clamp_tensor(OpCall *call) {
    static const Kinds both = {FLOAT_clamp_tensor, INT_clamp_tensor, INT_clamp_tensor, GRAIN_CHEAP};
    static const Kinds lower = {FLOAT_maximum, INT_maximum, INT_maximum, GRAIN_CHEAP};
    static const Kinds upper = {FLOAT_minimum, INT_minimum, INT_minimum, GRAIN_CHEAP};
    RtTensor *min = call->in[1], *max = call->in[2];
    if (PRESENT(min) && PRESENT(max)) return run_kinds(call, &both, &no_numbers);
    OpCall one_bound = *call;
    one_bound.nin = 2;
    one_bound.in = (RtTensor *[]){call->in[0], PRESENT(min) ? min : max};
    return run_kinds(&one_bound, PRESENT(min) ? &lower : &upper, &no_numbers);
}

Status cpu_round(OpCall *call) {
    static const Kinds whole = {FLOAT_round, INT_copy, INT_NONE, GRAIN_CHEAP};
    static const Kinds digits = {FLOAT_round_digits, INT_NONE, INT_NONE, GRAIN_CHEAP};
    int64_t decimals = ATTRS_OF(call, round)->decimals;
    if (decimals == 0) return run_kinds(call, &whole, &no_numbers);
    LoopNumbers numbers = {.f = {pow(10, fabs((double)decimals)), decimals > 0 ? 1 : -1}};
    return run_kinds(call, &digits, &numbers);
}

// The largest finite number of a float dtype.
static double largest_of(RtDtype dtype) {
    switch (dtype) {
    case RT_F16: return 65504.0;
    case RT_BF16: return 0x1.fep127;
    case RT_F32: return 0x1.fffffep127;
    default: return 0x1.fffffffffffffp1023;
    }
}

Status cpu_nan_to_num(OpCall *call) {
    static const Kinds kinds = {FLOAT_nan_to_num, INT_copy, INT_copy, GRAIN_CHEAP};
    const RtAttrs_replace *attrs = ATTRS_OF(call, replace);
    double largest = largest_of((RtDtype)call->in[0]->dtype);
    LoopNumbers numbers = {.f = {0, largest, -largest}};
    if (attrs->nan.kind != RT_SCALAR_NONE) numbers.f[0] = rt_scalar_double(attrs->nan);
    if (attrs->posinf.kind != RT_SCALAR_NONE) numbers.f[1] = rt_scalar_double(attrs->posinf);
    if (attrs->neginf.kind != RT_SCALAR_NONE) numbers.f[2] = rt_scalar_double(attrs->neginf);
    return run_kinds(call, &kinds, &numbers);
}

// Elements are moved as they are, so only their size counts.
Status cpu_where(OpCall *call) {
    RtDtype dtype = call->dtype[0];
    static const RtDtype by_bytes[] = {[1] = RT_U8, [2] = RT_I16, [4] = RT_I32, [8] = RT_I64};
    loop_run(&(Loop){.inner = integer_loop(INT_where, by_bytes[rt_dtype_bytes(dtype)]),
                     .context = &no_numbers,
                     .nout = 1,
                     .nin = 3,
                     .operand = {call->out[0], call->in[0], call->in[1], call->in[2]},
                     .work = {dtype, RT_BOOL, dtype, dtype},
                     .grain = GRAIN_CHEAP});
    return OK;
}

// --------------------------------------------------------------------- activations with numbers

#define NUMBERED(name_, floats_, ints_, grain_, ...)                                               \
    Status cpu_##name_(OpCall *call) {                                                             \
        static const Kinds kinds = {FLOAT_##floats_, INT_##ints_, INT_NONE, grain_};               \
        const RtAttrs_slope *slope = ATTRS_OF(call, slope);                                        \
        LoopNumbers numbers = {.f = {__VA_ARGS__}};                                                \
        return run_kinds(call, &kinds, &numbers);                                                  \
    }
// clang-format off
NUMBERED(leaky_relu, leaky_relu, NONE, GRAIN_CHEAP, slope->negative_slope)
NUMBERED(leaky_relu_backward, leaky_relu_backward, NONE, GRAIN_CHEAP, slope->negative_slope)
NUMBERED(elu, elu, NONE, GRAIN_MATH, slope->alpha, slope->scale, slope->input_scale)
NUMBERED(elu_backward, elu_backward, NONE, GRAIN_MATH, slope->alpha, slope->scale, slope->input_scale)
NUMBERED(softplus, softplus, NONE, GRAIN_MATH, slope->beta, slope->threshold)
NUMBERED(softplus_backward, softplus_backward, NONE, GRAIN_MATH, slope->beta, slope->threshold)
NUMBERED(hardtanh_backward, hardtanh_backward, NONE, GRAIN_CHEAP, slope->min_val, slope->max_val)
NUMBERED(hardshrink, hardshrink, NONE, GRAIN_CHEAP, slope->lambd)
NUMBERED(threshold_backward, threshold_backward, NONE, GRAIN_CHEAP, slope->threshold)
// clang-format on

Status cpu_softshrink(OpCall *call) {
    static const Kinds kinds = {FLOAT_softshrink, INT_NONE, INT_NONE, GRAIN_CHEAP};
    LoopNumbers numbers = {.f = {ATTRS_OF(call, slope)->lambd}};
    if (!(numbers.f[0] >= 0))
        return call_fail(call, ERR_VALUE, "lambd must be 0 or more, but it is %g", numbers.f[0]);
    return run_kinds(call, &kinds, &numbers);
}

Status cpu_hardtanh(OpCall *call) {
    static const Kinds kinds = {FLOAT_clamp, INT_NONE, INT_NONE, GRAIN_CHEAP};
    const RtAttrs_slope *slope = ATTRS_OF(call, slope);
    if (slope->min_val > slope->max_val)
        return call_fail(call, ERR_VALUE, "min_val %g is above max_val %g", slope->min_val,
                         slope->max_val);
    LoopNumbers numbers = {.f = {slope->min_val, slope->max_val}};
    return run_kinds(call, &kinds, &numbers);
}

Status cpu_threshold(OpCall *call) {
    static const Kinds kinds = {FLOAT_threshold, INT_threshold, INT_NONE, GRAIN_CHEAP};
    const RtAttrs_slope *slope = ATTRS_OF(call, slope);
    Range range = integer_range((RtDtype)call->in[0]->dtype);
    // x > 0.5 is x > 0 for an integer x.
    double bound = floor(slope->threshold);
    int64_t whole = bound >= 0x1p63 ? INT64_MAX : bound < -0x1p63 ? INT64_MIN : (int64_t)bound;
    LoopNumbers numbers = {.f = {slope->threshold, rt_scalar_double(slope->value)},
                           .i = {into_range(whole, range), rt_scalar_int(slope->value)}};
    return run_kinds(call, &kinds, &numbers);
}

Status cpu_gelu(OpCall *call) {
    static const Kinds kinds[] = {{FLOAT_gelu, INT_NONE, INT_NONE, GRAIN_MATH},
                                  {FLOAT_gelu_tanh, INT_NONE, INT_NONE, GRAIN_MATH}};
    return run_kinds(call, &kinds[ATTRS_OF(call, gelu)->approximate], &no_numbers);
}

Status cpu_gelu_backward(OpCall *call) {
    static const Kinds kinds[] = {{FLOAT_gelu_backward, INT_NONE, INT_NONE, GRAIN_MATH},
                                  {FLOAT_gelu_tanh_backward, INT_NONE, INT_NONE, GRAIN_MATH}};
    return run_kinds(call, &kinds[ATTRS_OF(call, gelu)->approximate], &no_numbers);
}

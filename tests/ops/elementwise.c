// Cases of the elementwise family.
#include "ops/cases.h"

enum {
    ON_SIGNED = 1 << RT_I8 | 1 << RT_I16 | 1 << RT_I32 | 1 << RT_I64,
    ON_SIGNED_NUMBERS = ON_FLOATS | ON_SIGNED,
    ON_WHOLE = ON_INTS | ON_BOOL,
};

// The attributes of the sample whose truth is being worked out.
static const void *truth_attrs;
#define ATTR(attrs_) ((const RtAttrs_##attrs_ *)truth_attrs)

// Every sample with each of a list of attributes; in the expression, ATTR(struct)->field.
#define CASE1_WITH(name_, attrs_, dtypes_, low_, high_, apart_, expression_, ...)                  \
    static double f_##name_(double x) { return (expression_); }                                    \
    static bool make_##name_(Sample *s, int k) {                                                   \
        RtAttrs_##attrs_ list[] = {__VA_ARGS__};                                                   \
        int n = sizeof list / sizeof *list;                                                        \
        if (!make_unary(s, k / n, low_, high_, apart_)) return false;                              \
        s->attrs = sample_attrs_copy(s, &list[k % n], sizeof *list);                               \
        return true;                                                                               \
    }                                                                                              \
    static void truth_##name_(Sample *s) {                                                         \
        truth_attrs = s->attrs;                                                                    \
        truth_unary(s, f_##name_);                                                                 \
    }                                                                                              \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}
#define CASE2_WITH(name_, attrs_, dtypes_, low_, high_, apart_, expression_, ...)                  \
    static double f_##name_(double a, double b) { return (expression_); }                          \
    static bool make_##name_(Sample *s, int k) {                                                   \
        RtAttrs_##attrs_ list[] = {__VA_ARGS__};                                                   \
        int n = sizeof list / sizeof *list;                                                        \
        if (!make_binary(s, k / n, low_, high_, apart_)) return false;                             \
        s->attrs = sample_attrs_copy(s, &list[k % n], sizeof *list);                               \
        return true;                                                                               \
    }                                                                                              \
    static void truth_##name_(Sample *s) {                                                         \
        truth_attrs = s->attrs;                                                                    \
        truth_binary(s, f_##name_);                                                                \
    }                                                                                              \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}

// Two inputs from ranges of their own; several pairs of ranges.
typedef struct Ranges {
    double a_low, a_high, b_low, b_high;
} Ranges;
static bool make_ranges(Sample *s, int k, const Ranges *ranges, int n) {
    if (!make_binary(s, k / n, 0, 1, false)) return false;
    const Ranges *r = &ranges[k % n];
    s->low[0] = r->a_low, s->high[0] = r->a_high;
    s->low[1] = r->b_low, s->high[1] = r->b_high;
    return true;
}
#define CASE2_RANGES(name_, dtypes_, expression_, ...)                                             \
    static double f_##name_(double a, double b) { return (expression_); }                          \
    static bool make_##name_(Sample *s, int k) {                                                   \
        static const Ranges ranges[] = {__VA_ARGS__};                                              \
        return make_ranges(s, k, ranges, sizeof ranges / sizeof *ranges);                          \
    }                                                                                              \
    static void truth_##name_(Sample *s) { truth_binary(s, f_##name_); }                           \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}

// Three inputs, broadcast.
typedef double (*Truth3)(double a, double b, double c);
typedef struct Triple {
    int ndim[3];
    int64_t shape[3][3];
} Triple;
static const Triple triples[] = {
    {{2, 2, 2}, {{4, 5}, {4, 5}, {4, 5}}},   {{3, 1, 2}, {{2, 3, 5}, {5}, {3, 1}}}, {{1, 1, 1}, {{67}, {67}, {67}}},
    {{0, 0, 1}, {{0}, {0}, {6}}},            {{2, 2, 2}, {{0, 3}, {1, 3}, {1, 1}}}, {{2, 1, 0}, {{3, 70}, {70}, {0}}},
};
static bool make_ternary(Sample *s, int k, const double low[3], const double high[3], bool apart) {
    if (k >= (int)(sizeof triples / sizeof *triples)) return false;
    s->apart = apart;
    for (int i = 0; i < 3; i++) sample_input(s, low[i], high[i], triples[k].ndim[i], triples[k].shape[i]);
    return true;
}

static void broadcast_shape(const Sample *s, int ninputs, int *ndim, int64_t *shape) {
    *ndim = 0;
    for (int i = 0; i < ninputs; i++)
        if (s->kind[i] != SAMPLE_ABSENT && s->ndim[i] > *ndim) *ndim = s->ndim[i];
    for (int d = 0; d < *ndim; d++) shape[d] = 1;
    for (int i = 0; i < ninputs; i++)
        for (int d = 0; s->kind[i] != SAMPLE_ABSENT && d < s->ndim[i]; d++)
            if (s->shape[i][d] != 1) shape[*ndim - s->ndim[i] + d] = s->shape[i][d];
}

static double broadcast_value(const Sample *s, int i, int64_t j, int ndim, const int64_t *shape) {
    int64_t at = 0, step = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        int own = d - (ndim - s->ndim[i]);
        int64_t index = j % shape[d];
        j /= shape[d];
        if (own < 0) break;
        if (s->shape[i][own] != 1) at += index * step;
        step *= s->shape[i][own];
    }
    return s->x[i][at];
}

static void truth_ternary(Sample *s, Truth3 truth) {
    int ndim;
    int64_t shape[RT_MAX_DIMS];
    broadcast_shape(s, 3, &ndim, shape);
    double *y = sample_output(s, 0, ndim, shape);
    int64_t n = sample_numel(ndim, shape);
    for (int64_t j = 0; j < n; j++) {
        double v[3];
        for (int i = 0; i < 3; i++) v[i] = s->kind[i] == SAMPLE_ABSENT ? NAN : broadcast_value(s, i, j, ndim, shape);
        y[j] = truth(v[0], v[1], v[2]);
    }
}

// ---------------------------------------------------------------------------------------------- arithmetic

static double whole_remainder(double a, double b) { return a - floor(a / b) * b; }

CASE2_WITH(add, alpha, ON_NUMBERS, -4, 4, false, a + rt_scalar_double(ATTR(alpha)->alpha) * b, WITH(alpha, .alpha = rt_int(1)),
           WITH(alpha, .alpha = rt_int(3)));
CASE2_WITH(sub, alpha, ON_SIGNED_NUMBERS, -4, 4, false, a - rt_scalar_double(ATTR(alpha)->alpha) * b,
           WITH(alpha, .alpha = rt_int(1)), WITH(alpha, .alpha = rt_int(2)));
CASE2_WITH(rsub, alpha, ON_SIGNED_NUMBERS, -4, 4, false, b - rt_scalar_double(ATTR(alpha)->alpha) * a,
           WITH(alpha, .alpha = rt_int(1)), WITH(alpha, .alpha = rt_int(2)));
CASE2(mul, ON_ALL, -4, 4, false, a * b);
static double divided(double a, double b, int mode) { return mode == 0 ? a / b : mode == 1 ? trunc(a / b) : floor(a / b); }
static bool make_div(Sample *s, int k) {
    static const Ranges ranges[] = {{33, 36, 13, 15}, {-36, -33, 13, 15}, {33, 36, -15, -13}};
    if (!make_ranges(s, k / 3, ranges, 3)) return false;
    SAMPLE_ATTRS(s, divide, .rounding_mode = k % 3);
    return true;
}
static double f_div(double a, double b) { return divided(a, b, ATTR(divide)->rounding_mode); }
static void truth_div(Sample *s) {
    truth_attrs = s->attrs;
    truth_binary(s, f_div);
}
const OpCase case_div = {.make = make_div, .truth = truth_div, .dtypes = ON_FLOATS};
// Quotients that stay between two integers.
CASE2_RANGES(floor_divide, ON_NUMBERS, floor(a / b), {33, 36, 13, 15}, {-36, -33, 13, 15}, {33, 36, -15, -13}, {-36, -33, -15, -13});
CASE2_RANGES(remainder, ON_NUMBERS, whole_remainder(a, b), {33, 36, 13, 15}, {-36, -33, 13, 15}, {33, 36, -15, -13});
CASE2_RANGES(fmod, ON_NUMBERS, fmod(a, b), {33, 36, 13, 15}, {-36, -33, 13, 15}, {33, 36, -15, -13});
CASE2_RANGES(pow, ON_NUMBERS, pow(a, b), {0.3, 3, 0.3, 3}, {1, 3, 2, 2}, {1, 3, 3, 3});
CASE1(neg, ON_SIGNED_NUMBERS, -4, 4, false, -x);
CASE1(abs, ON_NUMBERS, -4, 4, true, fabs(x));
CASE1(sign, ON_ALL, -4, 4, true, (x > 0) - (x < 0));
CASE1(square, ON_NUMBERS, -4, 4, false, x * x);
CASE1(sqrt, ON_NUMBERS, 0.5, 9, false, sqrt(x));
CASE1(rsqrt, ON_FLOATS, 0.5, 9, false, 1 / sqrt(x));
CASE1(reciprocal, ON_FLOATS, 0.5, 9, false, 1 / x);

#define CASE3(name_, dtypes_, a_low_, a_high_, b_low_, b_high_, c_low_, c_high_, apart_, expression_) \
    static double f_##name_(double a, double b, double c) { return (expression_); }                \
    static bool make_##name_(Sample *s, int k) {                                                   \
        static const double low[] = {a_low_, b_low_, c_low_}, high[] = {a_high_, b_high_, c_high_}; \
        return make_ternary(s, k, low, high, apart_);                                              \
    }                                                                                              \
    static void truth_##name_(Sample *s) { truth_ternary(s, f_##name_); }                          \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}
#define CASE3_VALUE(name_, dtypes_, c_low_, c_high_, value_, expression_)                          \
    static double f_##name_(double a, double b, double c) { return (expression_); }                \
    static bool make_##name_(Sample *s, int k) {                                                   \
        static const double low[] = {-3, -3, c_low_}, high[] = {3, 3, c_high_};                    \
        if (!make_ternary(s, k, low, high, false)) return false;                                   \
        SAMPLE_ATTRS(s, value, .value = rt_int(value_));                                           \
        return true;                                                                               \
    }                                                                                              \
    static void truth_##name_(Sample *s) { truth_ternary(s, f_##name_); }                          \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}
CASE3_VALUE(addcmul, ON_NUMBERS, -3, 3, 2, a + 2 * b * c);
CASE3_VALUE(addcdiv, ON_FLOATS, 0.5, 3, 2, a + 2 * b / c);
CASE3(lerp, ON_FLOATS, -3, 3, -3, 3, -1, 2, false, a + c * (b - a));

// ---------------------------------------------------------------------------------------------- rounding and bounds

CASE1(floor, ON_NUMBERS, -4, 4, true, floor(x));
CASE1(ceil, ON_NUMBERS, -4, 4, true, ceil(x));
CASE1_WITH(round, round, ON_FLOATS, 5.1, 5.4, false, rint(x * pow(10, ATTR(round)->decimals)) / pow(10, ATTR(round)->decimals),
           WITH(round, .decimals = 0), WITH(round, .decimals = -1));
CASE1(trunc, ON_NUMBERS, -4, 4, true, trunc(x));
CASE1(frac, ON_FLOATS, -4, 4, true, x - trunc(x));

static double bounded(double x) {
    RtScalar min = ATTR(clamp)->min, max = ATTR(clamp)->max;
    if (min.kind != RT_SCALAR_NONE) x = fmax(x, rt_scalar_double(min));
    if (max.kind != RT_SCALAR_NONE) x = fmin(x, rt_scalar_double(max));
    return x;
}
CASE1_WITH(clamp, clamp, ON_SIGNED_NUMBERS, -4, 4, true, bounded(x), WITH(clamp, .min = rt_int(-1), .max = rt_int(2)),
           WITH(clamp, .min = rt_int(1)), WITH(clamp, .max = rt_int(1)), WITH(clamp, .min = rt_int(2), .max = rt_int(-1)));
CASE1_WITH(clamp_min, clamp, ON_NUMBERS, -4, 4, true, bounded(x), WITH(clamp, .min = rt_int(1)));
CASE1_WITH(clamp_max, clamp, ON_NUMBERS, -4, 4, true, bounded(x), WITH(clamp, .max = rt_int(1)));

static bool make_clamp_tensor(Sample *s, int k) {
    static const double low[] = {-4, -3, 0}, high[] = {4, 0, 3};
    if (!make_ternary(s, k / 3, low, high, true)) return false;
    if (k % 3 > 0) s->kind[k % 3] = SAMPLE_ABSENT;
    return true;
}
static double f_clamp_tensor(double a, double b, double c) { return fmin(fmax(a, b), c); }
static void truth_clamp_tensor(Sample *s) { truth_ternary(s, f_clamp_tensor); }
const OpCase case_clamp_tensor = {.make = make_clamp_tensor, .truth = truth_clamp_tensor, .dtypes = ON_NUMBERS};

CASE2_RANGES(maximum, ON_ALL, a > b ? a : b, {-4, 4, -4, 4});
CASE2_RANGES(minimum, ON_ALL, a < b ? a : b, {-4, 4, -4, 4});
CASE2_RANGES(fmax, ON_ALL, a > b ? a : b, {-4, 4, -4, 4});
CASE2_RANGES(fmin, ON_ALL, a < b ? a : b, {-4, 4, -4, 4});

// Ordinary numbers, NaN everywhere (∞ - ∞), infinity everywhere.
static bool make_special(Sample *s, int k) {
    if (!make_unary(s, k / 3, -4, 4, false)) return false;
    if (k % 3 == 1) s->low[0] = -INFINITY, s->high[0] = INFINITY;
    if (k % 3 == 2) s->low[0] = 1, s->high[0] = INFINITY;
    return true;
}
#define CASE_SPECIAL(name_, expression_)                                                           \
    static double f_##name_(double x) { return (expression_); }                                    \
    static void truth_##name_(Sample *s) { truth_unary(s, f_##name_); }                            \
    const OpCase case_##name_ = {.make = make_special, .truth = truth_##name_, .dtypes = ON_FLOATS}
CASE_SPECIAL(isnan, isnan(x));
CASE_SPECIAL(isinf, isinf(x) != 0);
CASE_SPECIAL(isfinite, isfinite(x));
static bool make_nan_to_num(Sample *s, int k) {
    SAMPLE_ATTRS(s, replace, .nan = rt_float(-2), .posinf = rt_int(3));
    return make_special(s, k);
}
static double f_nan_to_num(double x) { return isnan(x) ? -2 : isinf(x) ? 3 : x; }
static void truth_nan_to_num(Sample *s) { truth_unary(s, f_nan_to_num); }
const OpCase case_nan_to_num = {.make = make_nan_to_num, .truth = truth_nan_to_num, .dtypes = ON_FLOATS};

CASE2(hypot, ON_FLOATS, 0.5, 4, false, hypot(a, b));
CASE2(copysign, ON_FLOATS, -4, 4, true, copysign(a, b));

// ---------------------------------------------------------------------------------------------- comparison and logic

CASE2(eq, ON_ALL, -2, 2, false, a == b);
CASE2(ne, ON_ALL, -2, 2, false, a != b);
CASE2(lt, ON_ALL, -2, 2, false, a < b);
CASE2(le, ON_ALL, -2, 2, false, a <= b);
CASE2(gt, ON_ALL, -2, 2, false, a > b);
CASE2(ge, ON_ALL, -2, 2, false, a >= b);
CASE2(logical_and, ON_ALL, -2, 2, false, a != 0 && b != 0);
CASE2(logical_or, ON_ALL, -2, 2, false, a != 0 || b != 0);
CASE2(logical_xor, ON_ALL, -2, 2, false, (a != 0) != (b != 0));
CASE1(logical_not, ON_ALL, -2, 2, false, x == 0);
CASE2(bitwise_and, ON_WHOLE, -100, 100, false, (int)a & (int)b);
CASE2(bitwise_or, ON_WHOLE, -100, 100, false, (int)a | (int)b);
CASE2(bitwise_xor, ON_WHOLE, -100, 100, false, (int)a ^ (int)b);
CASE1(bitwise_not, ON_SIGNED, -100, 100, false, ~(int)x);
CASE2_RANGES(bitwise_left_shift, ON_INTS, (int)a << (int)b, {0, 15, 0, 3});
CASE2_RANGES(bitwise_right_shift, ON_INTS, (int)a >> (b < 0 || b > 7 ? 31 : (int)b), {-100, 100, 0, 7}, {-100, 100, 70, 90});

static bool make_where(Sample *s, int k) {
    if (k >= (int)(sizeof triples / sizeof *triples)) return false;
    for (int i = 0; i < 3; i++)
        sample_kind_input(s, i == 0 ? SAMPLE_BOOLS : SAMPLE_VALUES, -4, 4, triples[k].ndim[i], triples[k].shape[i]);
    return true;
}
static double f_where(double a, double b, double c) { return a != 0 ? b : c; }
static void truth_where(Sample *s) { truth_ternary(s, f_where); }
const OpCase case_where = {.make = make_where, .truth = truth_where, .dtypes = ON_ALL};
static bool make_where_method(Sample *s, int k) {
    if (k >= (int)(sizeof triples / sizeof *triples)) return false;
    for (int i = 0; i < 3; i++)
        sample_kind_input(s, i == 1 ? SAMPLE_BOOLS : SAMPLE_VALUES, -4, 4, triples[k].ndim[i], triples[k].shape[i]);
    return true;
}
static double f_where_method(double a, double b, double c) { return b != 0 ? a : c; }
static void truth_where_method(Sample *s) { truth_ternary(s, f_where_method); }
const OpCase case_where_method = {.make = make_where_method, .truth = truth_where_method, .dtypes = ON_ALL};

// ---------------------------------------------------------------------------------------------- functions

static double inverse_erf(double y) {
    double low = -6, high = 6;
    for (int i = 0; i < 200; i++) {
        double middle = (low + high) / 2;
        *(erf(middle) < y ? &low : &high) = middle;
    }
    return (low + high) / 2;
}
static double logistic(double x) { return 1 / (1 + exp(-x)); }

CASE1(exp, ON_NUMBERS, -4, 4, false, exp(x));
CASE1(exp2, ON_FLOATS, -4, 4, false, exp2(x));
CASE1(expm1, ON_FLOATS, -2, 2, false, expm1(x));
CASE1(log, ON_FLOATS, 0.3, 9, false, log(x));
CASE1(log2, ON_FLOATS, 0.3, 9, false, log2(x));
CASE1(log10, ON_FLOATS, 0.3, 9, false, log10(x));
CASE1(log1p, ON_FLOATS, -0.7, 9, false, log1p(x));
CASE1(sin, ON_NUMBERS, -4, 4, false, sin(x));
CASE1(cos, ON_NUMBERS, -4, 4, false, cos(x));
CASE1(tan, ON_FLOATS, -1.2, 1.2, false, tan(x));
CASE1(asin, ON_FLOATS, -0.9, 0.9, false, asin(x));
CASE1(acos, ON_FLOATS, -0.9, 0.9, false, acos(x));
CASE1(atan, ON_NUMBERS, -4, 4, false, atan(x));
CASE1(sinh, ON_FLOATS, -3, 3, false, sinh(x));
CASE1(cosh, ON_FLOATS, -3, 3, false, cosh(x));
CASE1(tanh, ON_NUMBERS, -4, 4, false, tanh(x));
CASE1(asinh, ON_NUMBERS, -4, 4, false, asinh(x));
CASE1(acosh, ON_FLOATS, 1.2, 6, false, acosh(x));
CASE1(atanh, ON_FLOATS, -0.9, 0.9, false, atanh(x));
CASE1(erf, ON_NUMBERS, -3, 3, false, erf(x));
CASE1(erfc, ON_NUMBERS, -3, 3, false, erfc(x));
CASE1(erfinv, ON_FLOATS, -0.95, 0.95, false, inverse_erf(x));
CASE1(sigmoid, ON_NUMBERS, -6, 6, false, logistic(x));
CASE2_RANGES(atan2, ON_FLOATS, atan2(a, b), {0.5, 4, -4, 4}, {-4, -0.5, -4, 4});

// ---------------------------------------------------------------------------------------------- activations

static double normal_below(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
static double gelu_curve(double x, int approximate) {
    if (!approximate) return x * normal_below(x);
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
static double soft(double x) { return log1p(exp(x)); }
static double clip(double x, double low, double high) { return fmin(fmax(x, low), high); }

CASE1(relu, ON_NUMBERS, -4, 4, true, fmax(x, 0));
CASE1_WITH(leaky_relu, slope, ON_FLOATS, -4, 4, true, x > 0 ? x : x * ATTR(slope)->negative_slope, WITH(slope, .negative_slope = 0.01),
           WITH(slope, .negative_slope = -0.5));
CASE1_WITH(elu, slope, ON_FLOATS, -4, 4, true, x > 0 ? x : ATTR(slope)->alpha * expm1(x), WITH(slope, .alpha = 1), WITH(slope, .alpha = 0.5));
CASE1(selu, ON_FLOATS, -4, 4, true, 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x)));
CASE1_WITH(celu, slope, ON_FLOATS, -4, 4, true, x > 0 ? x : ATTR(slope)->alpha * expm1(x / ATTR(slope)->alpha), WITH(slope, .alpha = 1),
           WITH(slope, .alpha = 0.5));
CASE1_WITH(gelu, gelu, ON_FLOATS, -4, 4, false, gelu_curve(x, ATTR(gelu)->approximate), WITH(gelu, .approximate = 0),
           WITH(gelu, .approximate = 1));
CASE1(silu, ON_FLOATS, -6, 6, false, x *logistic(x));
CASE1(mish, ON_FLOATS, -6, 25, false, x *tanh(soft(x)));
CASE1_WITH(softplus, slope, ON_FLOATS, -6, 6, true,
           ATTR(slope)->beta *x > ATTR(slope)->threshold ? x : soft(ATTR(slope)->beta * x) / ATTR(slope)->beta,
           WITH(slope, .beta = 1), WITH(slope, .beta = 2, .threshold = 3.001));
CASE1(logsigmoid, ON_FLOATS, -30, 30, false, x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x)));
CASE1_WITH(hardtanh, slope, ON_FLOATS, -4, 4, true, clip(x, ATTR(slope)->min_val, ATTR(slope)->max_val), WITH(slope, .min_val = -1),
           WITH(slope, .min_val = -2, .max_val = 3));
CASE1(relu6, ON_FLOATS, -4, 9, true, clip(x, 0, 6));
CASE1(hardsigmoid, ON_FLOATS, -5, 5, true, clip(x + 3, 0, 6) / 6);
CASE1(hardswish, ON_FLOATS, -5, 5, true, x *clip(x + 3, 0, 6) / 6);
CASE1_WITH(threshold, slope, ON_NUMBERS, -4, 4, true, x > 1 ? x : 3, WITH(slope, .threshold = 1, .value = rt_int(3)));
CASE1(softsign, ON_FLOATS, -4, 4, true, x / (1 + fabs(x)));
CASE1(tanhshrink, ON_FLOATS, -4, 4, false, x - tanh(x));
CASE1_WITH(softshrink, slope, ON_FLOATS, -4, 4, true, x > 1 ? x - 1 : x < -1 ? x + 1 : 0, WITH(slope, .lambd = 1));
CASE1_WITH(hardshrink, slope, ON_FLOATS, -4, 4, true, fabs(x) > 1 ? x : 0, WITH(slope, .lambd = 1));

// ---------------------------------------------------------------------------------------------- gradients that are ops

static double silu_slope(double x) { return logistic(x) * (1 + x * (1 - logistic(x))); }
static double gelu_slope(double x, int approximate) {
    if (!approximate) return normal_below(x) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
    double k = sqrt(2 / M_PI), t = tanh(k * (x + 0.044715 * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * 0.044715 * x * x);
}
CASE2_WITH(threshold_backward, slope, ON_FLOATS, -4, 4, true, b > 1 ? a : 0, WITH(slope, .threshold = 1));
CASE2_WITH(leaky_relu_backward, slope, ON_FLOATS, -4, 4, true, b > 0 ? a : a * 0.1, WITH(slope, .negative_slope = 0.1));
CASE2_WITH(elu_backward, slope, ON_FLOATS, -3, 3, true, b > 0 ? a * 2 : a * exp(b * 0.5) * 0.7 * 2 * 0.5,
           WITH(slope, .alpha = 0.7, .scale = 2, .input_scale = 0.5));
CASE2_WITH(hardtanh_backward, slope, ON_FLOATS, -4, 4, true, b > -1 && b < 2 ? a : 0, WITH(slope, .min_val = -1, .max_val = 2));
CASE2(hardswish_backward, ON_FLOATS, -5, 5, true, b < -3 ? 0 : b <= 3 ? a * (b / 3 + 0.5) : a);
CASE2(sigmoid_backward, ON_FLOATS, -2, 2, false, a *b *(1 - b));
CASE2(tanh_backward, ON_FLOATS, -2, 2, false, a *(1 - b * b));
CASE2(silu_backward, ON_FLOATS, -4, 4, false, a *silu_slope(b));
CASE2_WITH(gelu_backward, gelu, ON_FLOATS, -4, 4, false, a *gelu_slope(b, ATTR(gelu)->approximate), WITH(gelu, .approximate = 0),
           WITH(gelu, .approximate = 1));
CASE2_WITH(softplus_backward, slope, ON_FLOATS, -4, 4, true, 2 * b > 3.001 ? a : a *logistic(2 * b),
           WITH(slope, .beta = 2, .threshold = 3.001));

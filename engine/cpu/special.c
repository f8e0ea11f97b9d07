// Special functions: most are scalar functions of doubles, whatever the dtype of the tensor; the
// loop converts. They cost so much themselves that the conversion does not show.
#include "cpu/elementwise.h"

#include <math.h>
#include <string.h>

#include "cpu/convert.h"
#include "cpu/gamma.h"

enum { GRAIN_SLOW = 2048 };

// --------------------------------------------------------------------------------------- Bessel

// e^-|x| I_order(|x|): the power series, all of whose terms are positive, and beyond 20 the
// asymptotic one, whose smallest term is there below 1e-17.
static double bessel_scaled(double size, int order) {
    if (isinf(size)) return 0;
    if (size <= 20) {
        double z = size * size / 4, term = order ? size / 2 : 1, sum = 0;
        for (int k = 1; term > sum * 1e-18; k++) {
            sum += term;
            term *= z / ((double)k * (k + order));
        }
        return sum * exp(-size);
    }
    double mu = 4.0 * order * order, term = 1, sum = 0;
    for (int k = 1; k < 40 && fabs(term) > 1e-18; k++) {
        sum += term;
        term *= -(mu - (2.0 * k - 1) * (2.0 * k - 1)) / (8 * size * k);
    }
    return sum / sqrt(2 * M_PI * size);
}
static double bessel_i0e(double x) { return isnan(x) ? x : bessel_scaled(fabs(x), 0); }
static double bessel_i1e(double x) { return isnan(x) ? x : copysign(bessel_scaled(fabs(x), 1), x); }
static double unscaled(double value, double size) { // where e^size alone would overflow
    return size > 700 ? value * exp(size / 2) * exp(size / 2) : value * exp(size);
}
static double bessel_i0(double x) { return isinf(x) ? INFINITY : unscaled(bessel_i0e(x), fabs(x)); }
static double bessel_i1(double x) { return isinf(x) ? x : unscaled(bessel_i1e(x), fabs(x)); }

// e^x K_order(x) = ∫ e^(-x (cosh t - 1)) cosh(order t) dt from 0: the trapezoid rule converges faster
// than any power of the step. Beyond `end` the integrand is below e^-40 of its start.
static double bessel_k_scaled(double x, int order) {
    if (!(x >= 0)) return NAN;
    if (x == 0) return INFINITY;
    if (isinf(x)) return 0;
    double end = acosh(1 + (order ? 48 : 40) / x), step = end / 160, sum = 0.5;
    for (int i = 1; i <= 160; i++) {
        double t = i * step, half = sinh(t / 2);
        sum += exp(-2 * x * half * half) * (order ? cosh(t) : 1);
    }
    return sum * step;
}
static double bessel_y_checked(double (*y)(double), double x) {
    return x < 0 || isnan(x) ? NAN : x == 0 ? -INFINITY : y(x);
}

// -------------------------------------------------------------------------------------- normal

// e^(x²) erfc(x). x² is taken exactly, in two parts: its rounding would come out multiplied by x².
static double scaled_erfc(double x) {
    if (x < 26) {
        double square = x * x, rest = fma(x, x, -square);
        if (x < -26) return INFINITY;
        return exp(square) * (1 + rest) * erfc(x);
    }
    double z = 1 / (2 * x * x);
    return (1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z)))) / (x * sqrt(M_PI));
}

static double log_normal_below(double x) {
    if (x < -1) return log(scaled_erfc(-x * M_SQRT1_2) / 2) - x * x / 2;
    return log1p(-erfc(x * M_SQRT1_2) / 2);
}

// Acklam's rational approximation (1e-9), and one of Halley's steps, which cubes the error.
static double normal_quantile(double p) {
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
                               -2.759285104469687e+02, 1.383577518672690e+02,
                               -3.066479806614716e+01, 2.506628277459239e+00},
                        b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
                               -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01, 1},
                        c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
                               -2.400758277161838e+00, -2.549732539343734e+00,
                               4.374664141464968e+00,  2.938163982698783e+00},
                        d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00, 1};
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0) return -INFINITY;
    if (p > 0.5) return -normal_quantile(1 - p);
    bool tail = p < 0.02425;
    double q = tail ? sqrt(-2 * log(p)) : p - 0.5, r = tail ? q : q * q, above = 0, below = 0;
    for (int i = 0; i < 6; i++) above = above * r + (tail ? c[i] : a[i]);
    for (int i = 0; i < (tail ? 5 : 6); i++) below = below * r + (tail ? d[i] : b[i]);
    double x = above / below * (tail ? 1 : q);
    double error = (erfc(-x * M_SQRT1_2) / 2 - p) * sqrt(2 * M_PI) * exp(x * x / 2);
    return x - error / (1 + x * error / 2);
}

// -------------------------------------------------------------------------------------- kernels

static Status run_double(OpCall *call, LoopInner inner, const void *context) {
    Loop loop = {.inner = inner,
                 .context = context,
                 .nout = 1,
                 .nin = call->nin,
                 .operand = {call->out[0]},
                 .work = {RT_F64},
                 .grain = GRAIN_SLOW};
    for (int i = 0; i < call->nin; i++) {
        loop.operand[i + 1] = call->in[i];
        loop.work[i + 1] = RT_F64;
    }
    loop_run(&loop);
    return OK;
}

#define INNER(name_, value_)                                                                       \
    static void inner_##name_(char *const *p, int64_t n, int64_t first, const void *context) {     \
        (void)first;                                                                               \
        (void)context;                                                                             \
        for (int64_t i = 0; i < n; i++) ((double *)p[0])[i] = (value_);                            \
    }
#define DOUBLES(name_, value_)                                                                     \
    INNER(name_, value_)                                                                           \
    Status cpu_##name_(OpCall *call) { return run_double(call, inner_##name_, NULL); }
#define A (((const double *)p[1])[i])
#define B (((const double *)p[2])[i])
// clang-format off
INNER(lgamma,     log_gamma(A))
DOUBLES(digamma,  psi(A))
DOUBLES(i0,       bessel_i0(A))
DOUBLES(i0e,      bessel_i0e(A))
DOUBLES(i1,       bessel_i1(A))
DOUBLES(i1e,      bessel_i1e(A))
DOUBLES(erfcx,    scaled_erfc(A))
DOUBLES(log_ndtr, log_normal_below(A))
DOUBLES(ndtri,    normal_quantile(A))
DOUBLES(zeta,     hurwitz_zeta(A, B))
DOUBLES(igamma,   gamma_below(A, B))
DOUBLES(igammac,  gamma_above(A, B))
DOUBLES(bessel_j0, j0(A))
DOUBLES(bessel_j1, j1(A))
DOUBLES(bessel_y0, bessel_y_checked(y0, A))
DOUBLES(bessel_y1, bessel_y_checked(y1, A))
DOUBLES(bessel_k0e, bessel_k_scaled(A, 0))
DOUBLES(bessel_k1e, bessel_k_scaled(A, 1))
DOUBLES(standard_gamma_grad, gamma_shape_slope(A, B))
// clang-format on

// What becomes a float is computed in vectors.
Status cpu_lgamma(OpCall *call) {
    static const LoopNumbers none;
    bool wide = call->dtype[0] == RT_F64;
    return run_double(call, wide ? inner_lgamma : float_loop(FLOAT_lgamma, RT_F64), &none);
}

static void inner_polygamma(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    for (int64_t i = 0; i < n; i++)
        ((double *)p[0])[i] = psi_derivative(A, *(const double *)context);
}

Status cpu_polygamma(OpCall *call) {
    int64_t n = ATTRS_OF(call, polygamma)->n;
    if (n < 0)
        return call_fail(call, ERR_VALUE, "n must not be negative, but it is %lld", (long long)n);
    double order = (double)n;
    return run_double(call, inner_polygamma, &order);
}

static Status run_vector(OpCall *call, FloatLoop which) {
    static const LoopNumbers none;
    RtDtype work = dtype_work(call->dtype[0]);
    loop_call(call, float_loop(which, work), work, &none, GRAIN_SLOW);
    return OK;
}
Status cpu_sinc(OpCall *call) { return run_vector(call, FLOAT_sinc); }
Status cpu_xlogy(OpCall *call) { return run_vector(call, FLOAT_xlogy); }
Status cpu_xlog1py(OpCall *call) { return run_vector(call, FLOAT_xlog1py); }
Status cpu_logaddexp(OpCall *call) { return run_vector(call, FLOAT_logaddexp); }
Status cpu_logaddexp2(OpCall *call) { return run_vector(call, FLOAT_logaddexp2); }

// ------------------------------------------------------------------------- parts and neighbours

static void inner_frexp(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    for (int64_t i = 0; i < n; i++) {
        int exponent = 0;
        ((double *)p[0])[i] = frexp(((const double *)p[2])[i], &exponent);
        ((int32_t *)p[1])[i] = exponent;
    }
}

Status cpu_frexp(OpCall *call) {
    loop_run(&(Loop){.inner = inner_frexp,
                     .nout = 2,
                     .nin = 1,
                     .operand = {call->out[0], call->out[1], call->in[0]},
                     .work = {RT_F64, RT_I32, RT_F64}});
    return OK;
}

static void inner_next_f64(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    for (int64_t i = 0; i < n; i++) ((double *)p[0])[i] = nextafter(A, B);
}

static void inner_next_f32(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    for (int64_t i = 0; i < n; i++)
        ((float *)p[0])[i] = nextafterf(((const float *)p[1])[i], ((const float *)p[2])[i]);
}

// Halves: without the sign, neighbours in value are neighbours in bits.
static int16_t next_half(int16_t a, float from, float to) {
    if (from == to || isnan(from)) return a;
    if (from == 0) return to > 0 ? 1 : (int16_t)0x8001;
    return (int16_t)((to > from) == (a >= 0) ? a + 1 : a - 1);
}

static void next_halves(char *const *p, int64_t n, RtDtype dtype) {
    const int16_t *a = (const int16_t *)p[1], *b = (const int16_t *)p[2];
    for (int64_t i = 0; i < n; i++) {
        float from, to;
        convert_run(&from, RT_F32, &a[i], dtype, 1);
        convert_run(&to, RT_F32, &b[i], dtype, 1);
        ((int16_t *)p[0])[i] = isnan(to) ? b[i] : next_half(a[i], from, to);
    }
}
static void inner_next_f16(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    next_halves(p, n, RT_F16);
}
static void inner_next_bf16(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    next_halves(p, n, RT_BF16);
}

Status cpu_nextafter(OpCall *call) {
    RtDtype dtype = call->dtype[0];
    loop_run(&(Loop){.inner = dtype == RT_F64   ? inner_next_f64
                              : dtype == RT_F32 ? inner_next_f32
                              : dtype == RT_F16 ? inner_next_f16
                                                : inner_next_bf16,
                     .nout = 1,
                     .nin = 2,
                     .operand = {call->out[0], call->in[0], call->in[1]},
                     .work = {dtype, dtype, dtype}});
    return OK;
}

// ----------------------------------------------------------------------------- common divisors

static uint64_t magnitude(int64_t x) { return x < 0 ? 0 - (uint64_t)x : (uint64_t)x; }

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void inner_gcd(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    const int64_t *a = (const int64_t *)p[1], *b = (const int64_t *)p[2];
    for (int64_t i = 0; i < n; i++)
        ((int64_t *)p[0])[i] = (int64_t)common_divisor(magnitude(a[i]), magnitude(b[i]));
}

static void inner_lcm(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    (void)context;
    const int64_t *a = (const int64_t *)p[1], *b = (const int64_t *)p[2];
    for (int64_t i = 0; i < n; i++) {
        uint64_t u = magnitude(a[i]), v = magnitude(b[i]), divisor = common_divisor(u, v);
        ((int64_t *)p[0])[i] = divisor ? (int64_t)(u / divisor * v) : 0;
    }
}

static Status run_whole(OpCall *call, LoopInner inner) {
    loop_run(&(Loop){.inner = inner,
                     .nout = 1,
                     .nin = 2,
                     .operand = {call->out[0], call->in[0], call->in[1]},
                     .work = {RT_I64, RT_I64, RT_I64},
                     .grain = GRAIN_SLOW});
    return OK;
}
Status cpu_gcd(OpCall *call) { return run_whole(call, inner_gcd); }
Status cpu_lcm(OpCall *call) { return run_whole(call, inner_lcm); }

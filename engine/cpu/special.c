// Special functions: most are scalar functions of doubles, whatever the dtype of the tensor; the
// loop converts. They cost so much themselves that the conversion does not show.
#include "cpu/elementwise.h"

#include <math.h>
#include <stdlib.h>

#include "cpu/gamma.h"

enum { GRAIN_SLOW = 2048 };

// --------------------------------------------------------------------------------------- Bessel

static double bessel_y_checked(double (*y)(double), double x) {
    return x < 0 || isnan(x) ? NAN : x == 0 ? -INFINITY : y(x);
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
DOUBLES(zeta,     hurwitz_zeta(A, B))
INNER(igamma,     gamma_below(A, B, *(const double *)context))
INNER(igammac,    gamma_above(A, B, *(const double *)context))
DOUBLES(bessel_j0, j0(A))
DOUBLES(bessel_j1, j1(A))
DOUBLES(bessel_y0, bessel_y_checked(y0, A))
DOUBLES(bessel_y1, bessel_y_checked(y1, A))
DOUBLES(standard_gamma_grad, gamma_shape_slope(A, B))
// clang-format on

static bool is_wide(const OpCall *call) { return call->dtype[0] == RT_F64; }

// What becomes a float is computed in vectors.
Status cpu_lgamma(OpCall *call) {
    static const LoopNumbers none;
    return run_double(call, is_wide(call) ? inner_lgamma : float_loop(FLOAT_lgamma, RT_F64), &none);
}

// Loops that are told whether the value is to be exact, or is rounded to a float.
static Status run_wide(OpCall *call, FloatLoop which) {
    LoopNumbers numbers = {.f = {is_wide(call)}};
    return run_double(call, float_loop(which, RT_F64), &numbers);
}
#define WIDE(name_)                                                                                \
    Status cpu_##name_(OpCall *call) { return run_wide(call, FLOAT_##name_); }
// clang-format off
WIDE(i0)
WIDE(i0e)
WIDE(i1)
WIDE(i1e)
WIDE(bessel_k0e)
WIDE(bessel_k1e)
WIDE(erfcx)
WIDE(log_ndtr)
WIDE(ndtri)
// clang-format on

// ψ⁽ⁿ⁾(x) = (-1)^(n + 1) n! ζ(n + 1, x)
Status cpu_polygamma(OpCall *call) {
    int64_t n = ATTRS_OF(call, polygamma)->n;
    if (n < 0)
        return call_fail(call, ERR_VALUE, "n must not be negative, but it is %lld", (long long)n);
    if (n == 0) return cpu_digamma(call);
    double size = exp(log_gamma((double)n + 1)); // infinite from 171 on
    double power = (double)(n > 1000 ? 1000 + n % 2 : n) + 1;
    LoopNumbers numbers = {.f = {is_wide(call), power, n % 2 ? size : -size}};
    return run_double(call, float_loop(FLOAT_polygamma, RT_F64), &numbers);
}

// The integrals are summed up to where what is left does not show.
static Status run_integral(OpCall *call, LoopInner inner) {
    double rest = is_wide(call) ? 1e-17 : 1e-10;
    return run_double(call, inner, &rest);
}
Status cpu_igamma(OpCall *call) { return run_integral(call, inner_igamma); }
Status cpu_igammac(OpCall *call) { return run_integral(call, inner_igammac); }

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

Status cpu_logit(OpCall *call) {
    RtScalar eps = ATTRS_OF(call, logit)->eps;
    LoopNumbers numbers = {.f = {-INFINITY, INFINITY}};
    if (eps.kind != RT_SCALAR_NONE) {
        numbers.f[0] = rt_scalar_double(eps);
        numbers.f[1] = 1 - numbers.f[0];
    }
    RtDtype work = dtype_work(call->dtype[0]);
    loop_call(call, float_loop(FLOAT_logit, work), work, &numbers, GRAIN_SLOW);
    return OK;
}

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

// Halves, of which `infinity` are the bits of the infinite one: without the sign, neighbours in
// value are neighbours in bits.
static int half_order(int16_t x) { return x < 0 ? -(x & 0x7fff) : x; }
static int16_t next_half(int16_t a, int16_t b, int infinity) {
    int from = half_order(a), to = half_order(b), next = from + (to > from ? 1 : -1);
    int16_t bits = (int16_t)(next < 0 || (next == 0 && a < 0) ? -next | 0x8000 : next);
    bits = from == to || abs(to) > infinity ? b : bits;
    return abs(from) > infinity ? a : bits;
}
static void inner_next_half(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    const int16_t *a = (const int16_t *)p[1], *b = (const int16_t *)p[2];
    int infinity = *(const int *)context;
    for (int64_t i = 0; i < n; i++) ((int16_t *)p[0])[i] = next_half(a[i], b[i], infinity);
}

Status cpu_nextafter(OpCall *call) {
    static const LoopNumbers none;
    RtDtype dtype = call->dtype[0];
    LoopInner inner = float_loop(FLOAT_nextafter, dtype);
    int infinity = dtype == RT_F16 ? 0x7c00 : 0x7f80;
    loop_run(&(Loop){.inner = inner ? inner : inner_next_half,
                     .context = inner ? (const void *)&none : &infinity,
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

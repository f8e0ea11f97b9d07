// Cases of the special functions. Truths are slow ways to the same numbers: sums and integrals.
#include "ops/cases.h"

static const void *truth_attrs;
#define ATTR(attrs_) ((const RtAttrs_##attrs_ *)truth_attrs)

// ψ(x) = -γ + Σ (1 / (k + 1) - 1 / (k + x)), its end replaced by an integral (Euler-Maclaurin).
static double truth_psi(double x) {
    double sum = -0.57721566490153286061;
    const int n = 1000;
    for (int k = 0; k < n; k++) sum += 1.0 / (k + 1) - 1 / (k + x);
    double a = n + 1, b = n + x;
    return sum + log(b / a) + 0.5 / a - 0.5 / b + (1 / (a * a) - 1 / (b * b)) / 12;
}
// The n-th derivative: ± n! Σ (k + x)^-(n + 1)
static double truth_psi_derivative(int64_t n, double x) {
    if (n == 0) return truth_psi(x);
    double sum = 0, factorial = 1;
    const int terms = 1000;
    for (int64_t i = 2; i <= n; i++) factorial *= (double)i;
    for (int k = 0; k < terms; k++) sum += pow(k + x, -(double)(n + 1));
    double b = terms + x;
    sum += pow(b, -(double)n) / (double)n + 0.5 * pow(b, -(double)(n + 1)) +
           (double)(n + 1) / 12 * pow(b, -(double)(n + 2));
    return (n % 2 ? 1 : -1) * factorial * sum;
}
// I_m(x) = 1/π ∫ e^(x cos t) cos(m t) dt from 0 to π; the trapezoid rule is exact for periodic
// functions.
static double truth_bessel(int order, double x, bool scaled) {
    const int n = 2000;
    double sum = 0;
    for (int i = 0; i <= n; i++) {
        double t = M_PI * i / n, part = exp(x * cos(t) - (scaled ? fabs(x) : 0)) * cos(order * t);
        sum += i == 0 || i == n ? part / 2 : part;
    }
    return sum / n;
}

CASE1(lgamma, ON_FLOATS, 0.2, 6, false, lgamma(x));
CASE1(digamma, ON_FLOATS, -2.9, 5, true, truth_psi(x));

static bool make_polygamma(Sample *s, int k) {
    if (!make_unary(s, k / 3, k % 3 ? 0.6 : -2.9, 5, true)) return false;
    SAMPLE_ATTRS(s, polygamma, .n = k % 3);
    return true;
}
static double f_polygamma(double x) { return truth_psi_derivative(ATTR(polygamma)->n, x); }
static void truth_polygamma(Sample *s) {
    truth_attrs = s->attrs;
    truth_unary(s, f_polygamma);
}
const OpCase case_polygamma = {make_polygamma, truth_polygamma, .dtypes = ON_FLOATS};
const OpCase case_polygamma_of = {make_polygamma, truth_polygamma, .dtypes = ON_FLOATS};

static bool make_mvlgamma(Sample *s, int k) {
    SAMPLE_ATTRS(s, mvlgamma, .p = 3);
    return make_unary(s, k, 1.5, 6, false);
}
static double f_mvlgamma(double x) {
    return 1.5 * log(M_PI) + lgamma(x) + lgamma(x - 0.5) + lgamma(x - 1);
}
static void truth_mvlgamma(Sample *s) { truth_unary(s, f_mvlgamma); }
const OpCase case_mvlgamma = {make_mvlgamma, truth_mvlgamma, .dtypes = ON_FLOATS};

CASE1(i0, ON_FLOATS, -4, 4, false, truth_bessel(0, x, false));
CASE1(i0e, ON_FLOATS, -30, 30, true, truth_bessel(0, x, true));
CASE1(i1, ON_FLOATS, -4, 4, true, truth_bessel(1, x, false));
CASE1(i1e, ON_FLOATS, -30, 30, true, truth_bessel(1, x, true));
CASE1(erfcx, ON_FLOATS, -2, 5, false, exp(x *x) * erfc(x));
CASE1(log_ndtr, ON_FLOATS, -8, 4, false, log(erfc(-x *M_SQRT1_2) / 2));
CASE1(ndtr, ON_FLOATS, -4, 4, false, erfc(-x *M_SQRT1_2) / 2);
CASE2(xlogy, ON_FLOATS, 0.3, 4, false, a == 0 ? 0 : a * log(b));
CASE2(xlog1py, ON_FLOATS, 0.3, 4, false, a *log1p(b));
CASE1(entr, ON_FLOATS, 0.2, 4, false, -x *log(x));
CASE2(logaddexp, ON_FLOATS, -9, 9, false, log(exp(a) + exp(b)));
CASE2(logaddexp2, ON_FLOATS, -9, 9, false, log2(exp2(a) + exp2(b)));
CASE1(sinc, ON_FLOATS, -3, 3, true, sin(M_PI *x) / (M_PI * x));

// Σ (k + q)^-s, its end replaced by an integral; the derivative is with respect to q alone.
static bool make_zeta(Sample *s, int k) {
    if (!make_binary(s, k, 1.3, 5, false)) return false;
    s->kind[0] = SAMPLE_CONSTANT;
    return true;
}
static double f_zeta(double s, double q) {
    double sum = 0, b = q + 600;
    for (int k = 0; k < 600; k++) sum += pow(k + q, -s);
    return sum + pow(b, 1 - s) / (s - 1) + pow(b, -s) / 2 + s * pow(b, -s - 1) / 12;
}
static void truth_zeta(Sample *s) { truth_binary(s, f_zeta); }
const OpCase case_zeta = {make_zeta, truth_zeta, .dtypes = ON_FLOATS};

// ∫ t^(a - 1) e^-t / Γ(a) (1, or its derivative by a) dt from 0 to x with t = v⁴, by Simpson's rule.
static double gamma_integral(double a, double x, bool slope) {
    const int n = slope ? 20000 : 4000; // the logarithm is steep at 0
    double end = pow(x, 0.25), sum = 0, psi = slope ? truth_psi(a) : 0;
    for (int i = 1; i <= n; i++) {
        double v = end * i / n, t = v * v * v * v;
        double part = 4 * pow(v, 4 * a - 1) * exp(-t) * (slope ? log(t) - psi : 1);
        sum += part * (i == n ? 1 : i % 2 ? 4 : 2);
    }
    return sum * end / n / 3 / tgamma(a);
}
// Differentiated by x alone: by a only once, which tests/python/test_special.py does.
static bool make_gamma(Sample *s, int k) {
    if (!make_binary(s, k, 0.7, 6, false)) return false;
    s->kind[0] = SAMPLE_CONSTANT;
    return true;
}
static double f_igamma(double a, double x) { return gamma_integral(a, x, false); }
static double f_igammac(double a, double x) { return 1 - gamma_integral(a, x, false); }
static double f_gamma_slope(double a, double x) {
    return -gamma_integral(a, x, true) / (pow(x, a - 1) * exp(-x) / tgamma(a));
}
static void truth_igamma(Sample *s) { truth_binary(s, f_igamma); }
static void truth_igammac(Sample *s) { truth_binary(s, f_igammac); }
static void truth_gamma_slope(Sample *s) { truth_binary(s, f_gamma_slope); }
const OpCase case_igamma = {make_gamma, truth_igamma, .dtypes = ON_FLOATS};
const OpCase case_igammac = {make_gamma, truth_igammac, .dtypes = ON_FLOATS};
const OpCase case_standard_gamma_grad = {make_gamma, truth_gamma_slope, .dtypes = ON_FLOATS};

// The inverse by halving an interval.
static double truth_quantile(double p) {
    double low = -40, high = 40;
    for (int i = 0; i < 200; i++) {
        double middle = (low + high) / 2;
        *(erfc(-middle * M_SQRT1_2) / 2 < p ? &low : &high) = middle;
    }
    return low;
}
CASE1(ndtri, ON_FLOATS, 0.001, 0.97, false, truth_quantile(x));

// K_m(x) = ∫ e^(-x cosh t) cosh(m t) dt from 0
static double truth_bessel_k(int order, double x, bool scaled) {
    const int n = 700;
    double sum = 0, end = 14;
    for (int i = 0; i <= n; i++) {
        double t = end * i / n,
               part = exp(scaled ? x - x * cosh(t) : -x * cosh(t)) * cosh(order * t);
        sum += i == 0 || i == n ? part / 2 : part;
    }
    return sum * end / n;
}
// J_m(x) = 1/π ∫ cos(m t - x sin t) dt from 0 to π
static double truth_bessel_j(int order, double x) {
    const int n = 300;
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += cos(order * M_PI * (i + 0.5) / n - x * sin(M_PI * (i + 0.5) / n));
    return sum / n;
}
// Y_m(x) = 1/π ∫ sin(x sin t - m t) dt from 0 to π - 1/π ∫ (e^mt + (-1)^m e^-mt) e^(-x sinh t) dt from 0
static double truth_bessel_y(int order, double x) {
    const int n = 8000;
    double sum = 0, end = 7, far = 0, sign = order ? -1 : 1;
    for (int i = 0; i <= n; i++) { // Simpson's rule
        double t = M_PI * i / n, v = end * i / n, weight = (i == 0 || i == n ? 1 : i % 2 ? 4 : 2) / 3.0 / n;
        sum += weight * sin(x * sin(t) - order * t);
        far += weight * (exp(order * v) + sign * exp(-order * v)) * exp(-x * sinh(v)) * end / M_PI;
    }
    return sum - far;
}
CASE1(bessel_j0, ON_FLOATS, -9, 9, false, truth_bessel_j(0, x));
CASE1(bessel_j1, ON_FLOATS, -9, 9, true, truth_bessel_j(1, x));
CASE1(bessel_y0, ON_FLOATS, 0.5, 9, false, truth_bessel_y(0, x));
CASE1(bessel_y1, ON_FLOATS, 0.5, 9, false, truth_bessel_y(1, x));
CASE1(bessel_k0, ON_FLOATS, 0.2, 9, false, truth_bessel_k(0, x, false));
CASE1(bessel_k1, ON_FLOATS, 0.2, 9, false, truth_bessel_k(1, x, false));
CASE1(bessel_k0e, ON_FLOATS, 0.2, 30, false, truth_bessel_k(0, x, true));
CASE1(bessel_k1e, ON_FLOATS, 0.2, 30, false, truth_bessel_k(1, x, true));

static bool make_logit(Sample *s, int k) {
    if (!make_unary(s, k / 2, 0.06, 0.94, false)) return false;
    if (k % 2)
        SAMPLE_ATTRS(s, logit, .eps = rt_float(0.3));
    else
        SAMPLE_ATTRS(s, logit, .eps = (RtScalar){0});
    return true;
}
static double f_logit(double x) {
    if (ATTR(logit)->eps.kind != RT_SCALAR_NONE) x = fmin(fmax(x, 0.3), 0.7);
    return log(x / (1 - x));
}
static void truth_logit(Sample *s) {
    truth_attrs = s->attrs;
    truth_unary(s, f_logit);
}
const OpCase case_logit = {make_logit, truth_logit, .dtypes = ON_FLOATS};

// The neighbour depends on the dtype: by hand, at both ends of each.
static double next(RtDtype dtype, double from, double to) {
    RtTensor *a =
        rt_full(WITH(factory, .size = RT_INTS(1), .fill_value = rt_float(from), .dtype = dtype));
    RtTensor *b =
        rt_full(WITH(factory, .size = RT_INTS(1), .fill_value = rt_float(to), .dtype = dtype));
    RtTensor *y = rt_nextafter(a, b);
    CHECK_MADE(y);
    return rt_scalar_double(rt_tensor_item(y, 0));
}
static void own_nextafter(void) {
    static const struct {
        RtDtype dtype;
        double gap, least; // of 1, and the smallest number above 0
    } of[] = {{RT_F64, 0x1p-52, 0x1p-1074},
              {RT_F32, 0x1p-23, 0x1p-149},
              {RT_F16, 0x1p-10, 0x1p-24},
              {RT_BF16, 0x1p-7, 0x1p-133}};
    RtScope scope;
    rt_scope_open(&scope);
    for (int i = 0; i < 4; i++) {
        assert_true(next(of[i].dtype, 1, 2) == 1 + of[i].gap);
        assert_true(next(of[i].dtype, 1, -2) == 1 - of[i].gap / 2);
        assert_true(next(of[i].dtype, -1, -2) == -1 - of[i].gap);
        assert_true(next(of[i].dtype, -1, 0) == -1 + of[i].gap / 2);
        assert_true(next(of[i].dtype, 0, 1) == of[i].least);
        assert_true(next(of[i].dtype, 0, -1) == -of[i].least);
        assert_true(next(of[i].dtype, 2, 2) == 2);
        assert_true(isnan(next(of[i].dtype, 1, NAN)) && isnan(next(of[i].dtype, NAN, 1)));
    }
    rt_scope_close(scope);
}
const OpCase case_nextafter = {.own = own_nextafter};

static bool make_frexp(Sample *s, int k) { return make_unary(s, k, 1.05, 1.95, false); }
static void truth_frexp(Sample *s) {
    int64_t n = sample_numel(s->ndim[0], s->shape[0]);
    double *mantissa = sample_output(s, 0, s->ndim[0], s->shape[0]),
           *exponent = sample_output(s, 1, s->ndim[0], s->shape[0]);
    for (int64_t i = 0; i < n; i++) {
        int e;
        mantissa[i] = frexp(s->x[0][i], &e);
        exponent[i] = e;
    }
}
const OpCase case_frexp = {make_frexp, truth_frexp, .dtypes = ON_FLOATS};

CASE2(ldexp, ON_FLOATS, -2, 2, false, a *exp2(b));

static double divisor(double a, double b) {
    a = fabs(a), b = fabs(b);
    while (b != 0) {
        double rest = fmod(a, b);
        a = b;
        b = rest;
    }
    return a;
}
CASE2(gcd, ON_INTS, -30, 30, false, divisor(a, b));
CASE2(lcm, ON_INTS, -11, 11, false, divisor(a, b) == 0 ? 0 : fabs(a * b) / divisor(a, b));
CASE2(heaviside, ON_NUMBERS, -2, 2, false, a == 0 ? b : a > 0);
CASE1(signbit, ON_NUMBERS, -4, 4, true, signbit(x) && x != 0);

static bool make_infinite(Sample *s, int k) {
    if (!make_unary(s, k / 3, -4, 4, false)) return false;
    if (k % 3 == 1) s->low[0] = -INFINITY, s->high[0] = 1;
    if (k % 3 == 2) s->low[0] = 1, s->high[0] = INFINITY;
    return true;
}
static double f_isposinf(double x) { return x == INFINITY; }
static double f_isneginf(double x) { return x == -INFINITY; }
static void truth_isposinf(Sample *s) { truth_unary(s, f_isposinf); }
static void truth_isneginf(Sample *s) { truth_unary(s, f_isneginf); }
const OpCase case_isposinf = {make_infinite, truth_isposinf, .dtypes = ON_FLOATS};
const OpCase case_isneginf = {make_infinite, truth_isneginf, .dtypes = ON_FLOATS};
CASE1(isreal, ON_ALL, -4, 4, false, x == x);
CASE1(angle, ON_NUMBERS, -4, 4, true, x < 0 ? M_PI : 0);
CASE1(positive, ON_NUMBERS, -4, 4, false, x);
CASE1(deg2rad, ON_NUMBERS, -100, 100, false, x *M_PI / 180);
CASE1(rad2deg, ON_NUMBERS, -4, 4, false, x * 180 / M_PI);
CASE2(float_power, ON_NUMBERS, 0.4, 3, false, pow(a, b));

// The gamma function, its derivatives and integrals.
#include "cpu/gamma.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

double log_gamma(double x) {
    int sign; // lgamma itself writes a variable that all threads share
    return lgamma_r(x, &sign);
}

// The recurrence psi(x) = psi(x + 1) - 1 / x leads to where the asymptotic series is exact.
double psi(double x) {
    if (x == 0) return copysign(INFINITY, -x);
    double below = 0;
    if (x < 0) { // psi(1 - x) - psi(x) = π / tan(πx)
        if (x == trunc(x)) return NAN;
        below = -M_PI / tan(M_PI * fmod(x, 1));
        x = 1 - x;
    }
    for (; x < 12; x += 1) below -= 1 / x;
    double z = 1 / (x * x);
    double series =
        z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132)))));
    return below + log(x) - 0.5 / x - series;
}

// q^-s; a few multiplications where s is a small whole number.
static double falling_power(double q, double s) {
    if (s > 32 || s != floor(s)) return pow(q, -s);
    double power = 1;
    for (int n = (int)s; n; n >>= 1, q *= q)
        if (n & 1) power *= q;
    return 1 / power;
}

// Hurwitz' zeta function Σ (q + k)^-s for s > 1 by the formula of Euler and Maclaurin, q > 0, from
// where its remainder is small.
static double zeta_positive(double s, double q) {
    static const double bernoulli[] = {// B(2j) / (2j)!
                                       1.0 / 12,          -1.0 / 720,
                                       1.0 / 30240,       -1.0 / 1209600,
                                       1.0 / 47900160,    -691.0 / 1307674368000,
                                       1.0 / 74724249600, -3617.0 / 10670622842880000};
    double sum = 0;
    for (double start = s + 10; q < start; q += 1) {
        double term = falling_power(q, s);
        sum += term;
        if (term * (1 + q / (s - 1)) < sum * 1e-18) return sum;
    }
    double power = falling_power(q, s), rising = s * power / q;
    sum += power * q / (s - 1) + power / 2;
    for (int j = 0; j < (int)(sizeof bernoulli / sizeof *bernoulli); j++) {
        sum += bernoulli[j] * rising;
        rising *= (s + 2 * j + 1) * (s + 2 * j + 2) / (q * q);
    }
    return sum;
}

// Below 0 the terms are those from the fractional part of q on, and n to the left of it, whose sizes
// are the first n of the series from 1 - fraction on.
double hurwitz_zeta(double s, double q) {
    if (isnan(s) || isnan(q) || s < 1) return NAN;
    if (s == 1 || (q <= 0 && q == floor(q))) return INFINITY;
    if (isinf(q) || isinf(s)) return isinf(s) && q < 1 ? INFINITY : isinf(s) && q == 1 ? 1 : 0;
    if (q > 0) return zeta_positive(s, q);
    if (s != floor(s)) return NAN;
    double fraction = q - floor(q), left = zeta_positive(s, 1 - fraction) - zeta_positive(s, 1 - q);
    return zeta_positive(s, fraction) + (fmod(s, 2) == 1 ? -left : left);
}

// ------------------------------------------------------------------------------- its integrals
// P(a, x) = x^a e^-x / Γ(a + 1) Σ x^n / ((a + 1) … (a + n)), and for x > a + 1 the continued fraction
// of Q by Lentz' method (Abramowitz and Stegun 6.5.29, 6.5.31). Both take some √a steps.

enum { MOST_STEPS = 1000000 };

// The sum of the series up to terms of `rest` of it, and its derivative with respect to a if there is room for it.
static inline double series_sum(double a, double x, double rest, double *out_slope) {
    double term = 1, sum = 1, logs = 0, slope = 0;
    for (int n = 1; n < MOST_STEPS && term > sum * rest; n++) {
        double over = 1 / (a + n);
        term *= x * over;
        sum += term;
        if (!out_slope) continue;
        logs -= over;
        slope += term * logs;
    }
    if (out_slope) *out_slope = slope;
    return sum;
}

// h with Q = x^a e^-x / Γ(a) h, and its derivative with respect to a.
static inline double fraction_value(double a, double x, double rest, double *out_slope) {
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d, dc = 0, dd = d * d, dh = dd;
    for (int n = 1; n < MOST_STEPS; n++) {
        double over = -n * (n - a), d_over = n, last = c, last_d = d, d_factor = 0;
        b += 2; // whose derivative is -1
        d = 1 / (over * d + b);
        c = b + over / last;
        double factor = c * d;
        if (out_slope) {
            dd = -(d_over * last_d + over * dd - 1) * d * d;
            dc = -1 + d_over / last - over * dc / (last * last);
            d_factor = dc * d + c * dd;
            dh = dh * factor + h * d_factor;
        }
        h *= factor;
        if (fabs(factor - 1) < 10 * rest &&
            (!out_slope || fabs(d_factor * h) <= 10 * rest * fabs(dh)))
            break;
    }
    if (out_slope) *out_slope = dh;
    return h;
}

// x^a e^-x / Γ(a + 1). For large a the powers nearly cancel: with m = x / a - 1 it is
// e^(-a (m - log(1 + m))) / √(2πa) over the rest of Stirling's series.
static double gamma_peak(double a, double x) {
    if (a < 16) return exp(a * log(x) - x - log_gamma(a + 1));
    double m = (x - a) / a, bend = 0;
    if (fabs(m) < 0.1) // m - log(1 + m) = m²/2 - m³/3 + …
        for (int k = 18; k >= 2; k--) bend = (k % 2 ? -1.0 : 1.0) / k + m * bend;
    bend = fabs(m) < 0.1 ? bend * m * m : m - log1p(m);
    double z = 1 / (a * a);
    double rest = (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z / 1188)))) / a;
    return exp(-a * bend - rest) / sqrt(2 * M_PI * a);
}

static double gamma_part(double a, double x, double rest, bool above) {
    if (isnan(a) || isnan(x) || a < 0 || x < 0 || (a == 0 && x == 0)) return NAN;
    if (isinf(a)) return isinf(x) ? NAN : above;
    if (x == 0) return above;
    if (a == 0 || isinf(x)) return !above;
    double value;
    if (x < a + 1) {
        value = gamma_peak(a, x) * series_sum(a, x, rest, NULL);
        return above ? 1 - value : value;
    }
    value = gamma_peak(a, x) * a * fraction_value(a, x, rest, NULL);
    return above ? value : 1 - value;
}
double gamma_below(double a, double x, double rest) { return gamma_part(a, x, rest, false); }
double gamma_above(double a, double x, double rest) { return gamma_part(a, x, rest, true); }

// The common factor of P, or Q, and of the density drops out. For huge a, the quantile's expansion
// a + z √a + (z² - 1) / 3 + … (Cornish and Fisher) with z as Wilson and Hilferty have it.
double gamma_shape_slope(double a, double x) {
    if (!(a > 0) || !(x >= 0) || isinf(a) || isinf(x)) return NAN;
    if (x == 0) return 0;
    if (a > 1e7) return 1 + 1.5 * (cbrt(x / a) - 1 + 1 / (9 * a));
    double slope;
    if (x < a + 1) {
        double sum = series_sum(a, x, 1e-17, &slope);
        return -x / a * (sum * (log(x) - psi(a + 1)) + slope);
    }
    double h = fraction_value(a, x, 1e-17, &slope);
    return x * (h * (log(x) - psi(a)) + slope);
}

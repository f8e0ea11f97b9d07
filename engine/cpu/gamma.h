// cpu/gamma.h: the gamma function and what belongs to it, in double. All are pure functions: nan in
// gives nan out, and outside of the domain they are nan.
#pragma once

double log_gamma(double x);              // ln |Γ(x)|
double psi(double x);                    // its derivative
double hurwitz_zeta(double s, double q); // Σ (q + k)^-s, k from 0
// P(a, x), the distribution function of Gamma(a, 1), and Q = 1 - P, exact also where it is small; up to
// an error of some `rest` of it.
double gamma_below(double a, double x, double rest);
double gamma_above(double a, double x, double rest);
double gamma_shape_slope(double a, double x); // -(∂P/∂a) / (∂P/∂x): how a quantile moves with a

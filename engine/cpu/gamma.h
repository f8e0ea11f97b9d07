// cpu/gamma.h: the gamma function and what belongs to it, in double. All are pure functions: nan in
// gives nan out, and outside of the domain they are nan.
#pragma once

double log_gamma(double x);                // ln |Γ(x)|
double psi(double x);                      // its derivative
double psi_derivative(double x, double n); // the n-th derivative of psi
double hurwitz_zeta(double s, double q);   // Σ (q + k)^-s, k from 0
double gamma_below(double a, double x);    // P(a, x), the distribution function of Gamma(a, 1)
double gamma_above(double a, double x);    // Q = 1 - P, exact also where it is small
double gamma_shape_slope(double a, double x); // -(∂P/∂a) / (∂P/∂x): how a quantile moves with a

// Gradients of the special functions.
#include "grad/terms.h"

#include <math.h>

#define SLOPE(name_, gradient_)                                                                    \
    GRAD(name_) {                                                                                  \
        GIVE(0, gradient_);                                                                        \
        return OK;                                                                                 \
    }

static RtTensor *shifted(RtTensor *a, double shift) { return plus(a, grad_number(shift, a)); }
// a / x, and `otherwise` where x is 0.
static RtTensor *over_or(RtTensor *a, RtTensor *x, double otherwise) {
    RtTensor *zero = is_number(x, 0);
    RtTensor *safe = rt_masked_fill(x, zero, grad_number(1, x));
    return rt_masked_fill(over(a, safe), zero, grad_number(otherwise, a));
}

// clang-format off
SLOPE(lgamma,    rt_mul(G(0), rt_digamma(X(0))))
SLOPE(digamma,   rt_mul(G(0), rt_polygamma(X(0), WITH(polygamma, .n = 1))))
SLOPE(polygamma, rt_mul(G(0), rt_polygamma(X(0), WITH(polygamma, .n = A(polygamma)->n + 1))))
SLOPE(i0,        rt_mul(G(0), rt_i1(X(0))))
SLOPE(i0e,       rt_mul(G(0), minus(rt_i1e(X(0)), rt_mul(rt_sign(X(0)), Y(0)))))
SLOPE(i1,        rt_mul(G(0), minus(rt_i0(X(0)), over_or(Y(0), X(0), 0.5))))
SLOPE(i1e,       rt_mul(G(0), minus(rt_i0e(X(0)), plus(rt_mul(rt_sign(X(0)), Y(0)), over_or(Y(0), X(0), 0.5)))))
SLOPE(erfcx,     rt_mul(G(0), shifted(times(rt_mul(X(0), Y(0)), 2), -M_2_SQRTPI)))
// φ(x) / Φ(x), both scaled by e^(x²/2)
SLOPE(log_ndtr,  times(over(G(0), rt_erfcx(times(X(0), -M_SQRT1_2))), M_2_SQRTPI * M_SQRT1_2))
SLOPE(ndtri,     times(rt_mul(G(0), rt_exp(times(rt_square(Y(0)), 0.5))), 1 / (M_2_SQRTPI * M_SQRT1_2 / 2)))
SLOPE(bessel_j0, rt_neg(rt_mul(G(0), rt_bessel_j1(X(0)))))
SLOPE(bessel_j1, rt_mul(G(0), minus(rt_bessel_j0(X(0)), over_or(Y(0), X(0), 0.5))))
SLOPE(bessel_y0, rt_neg(rt_mul(G(0), rt_bessel_y1(X(0)))))
SLOPE(bessel_y1, rt_mul(G(0), minus(rt_bessel_y0(X(0)), over(Y(0), X(0)))))
SLOPE(bessel_k0e, rt_mul(G(0), minus(Y(0), rt_bessel_k1e(X(0)))))
SLOPE(bessel_k1e, rt_mul(G(0), minus(minus(Y(0), over(Y(0), X(0))), rt_bessel_k0e(X(0)))))
SLOPE(sinc,      rt_mul(G(0), over_or(minus(rt_cos(times(X(0), M_PI)), Y(0)), X(0), 0)))
SLOPE(frexp,     over(G(0), rt_exp2(rt_cast(Y(1), WITH(cast, .dtype = X_DTYPE(0))))))
// clang-format on

// log(b), but 0 where a is 0 and the logarithm is not finite.
static RtTensor *log_used(RtTensor *a, RtTensor *b, RtTensor *logs, double edge) {
    RtTensor *out = rt_logical_and(is_number(a, 0), rt_le(b, grad_number(edge, b)));
    return zero_where(logs, out);
}
GRAD(xlogy) {
    GIVE(0, rt_mul(G(0), log_used(X(0), X(1), rt_log(X(1)), 0)));
    GIVE(1, rt_mul(G(0), over(X(0), X(1))));
    return OK;
}
GRAD(xlog1py) {
    GIVE(0, rt_mul(G(0), log_used(X(0), X(1), rt_log1p(X(1)), -1)));
    GIVE(1, rt_mul(G(0), over(X(0), shifted(X(1), 1))));
    return OK;
}

// 1 / (x (1 - x)); where eps has moved x nothing comes through, and outside 0 … 1 there is no value.
GRAD(logit) {
    RtScalar eps = A(logit)->eps;
    double edge = eps.kind == RT_SCALAR_NONE ? 0 : rt_scalar_double(eps);
    RtTensor *outside = rt_logical_or(rt_lt(X(0), grad_number(edge, X(0))),
                                      rt_gt(X(0), grad_number(1 - edge, X(0))));
    RtTensor *slope =
        over(G(0), rt_mul(X(0), rt_rsub(X(0), grad_number(1, X(0)), rt_defaults_alpha())));
    GIVE(0,
         rt_masked_fill(slope, outside, grad_number(eps.kind == RT_SCALAR_NONE ? NAN : 0, X(0))));
    return OK;
}

// e^a / (e^a + e^b) is the sigmoid of a - b.
GRAD(logaddexp) {
    GIVE(0, rt_mul(G(0), rt_sigmoid(minus(X(0), X(1)))));
    GIVE(1, rt_mul(G(0), rt_sigmoid(minus(X(1), X(0)))));
    return OK;
}
GRAD(logaddexp2) {
    GIVE(0, rt_mul(G(0), rt_sigmoid(times(minus(X(0), X(1)), M_LN2))));
    GIVE(1, rt_mul(G(0), rt_sigmoid(times(minus(X(1), X(0)), M_LN2))));
    return OK;
}

GRAD(zeta) {
    if (WANT(0))
        return fail(ERR_GRAD,
                    "special.zeta: there is no gradient with respect to the first argument");
    GIVE(1, rt_neg(rt_mul(rt_mul(G(0), X(0)), rt_zeta(shifted(X(0), 1), X(1)))));
    return OK;
}

// The density x^(a - 1) e^-x / Γ(a); a moves the share below x by -density × how the quantile moves.
static Status give_incomplete_gamma(GradCall *call, double sign) {
    RtTensor *logs = minus(minus(rt_mul(shifted(X(0), -1), rt_log(X(1))), X(1)), rt_lgamma(X(0)));
    RtTensor *density = times(rt_mul(G(0), rt_exp(logs)), sign);
    GIVE(0, rt_neg(rt_mul(density, rt_standard_gamma_grad(X(0), X(1)))));
    GIVE(1, density);
    return OK;
}
GRAD(igamma) { return give_incomplete_gamma(call, 1); }
GRAD(igammac) { return give_incomplete_gamma(call, -1); }

// s = -F_a / F_x, so that its derivative by x is -F_ax / F_x - s F_xx / F_x with F_x = x^(a - 1) e^-x / Γ(a).
GRAD(standard_gamma_grad) {
    if (WANT(0))
        return fail(ERR_GRAD, "draws of a gamma distribution cannot be differentiated twice by "
                              "their shape parameter");
    RtTensor *bend = shifted(over(shifted(X(0), -1), X(1)), -1);
    RtTensor *slope = minus(rt_digamma(X(0)),
                            plus(rt_log(X(1)), rt_mul(rt_standard_gamma_grad(X(0), X(1)), bend)));
    GIVE(1, rt_mul(G(0), slope));
    return OK;
}

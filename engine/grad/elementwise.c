// Gradients of the elementwise family. G(0) is the gradient that arrives; sums over broadcast
// dimensions and casts back to the input's dtype are the tape's.
#include "grad/terms.h"

#include <math.h>

static RtTensor *shifted(RtTensor *a, double shift) { return plus(a, grad_number(shift, a)); }
static RtTensor *from(double number, RtTensor *a) { return minus(grad_number(number, a), a); }
// a where the mask is true, 0 elsewhere; and the other way round.
static RtTensor *only_where(RtTensor *mask, RtTensor *a) {
    return rt_where(mask, a, grad_number(0, a));
}
static RtTensor *except_where(RtTensor *mask, RtTensor *a) {
    return rt_where(mask, grad_number(0, a), a);
}

// ----------------------------------------------------------------------------------- arithmetic

static RtTensor *scaled(RtTensor *a, RtScalar factor, double sign) {
    double value = rt_scalar_double(factor) * sign;
    return value == 1 ? a : value == -1 ? rt_neg(a) : times(a, value);
}

GRAD(add) {
    GIVE(0, G(0));
    GIVE(1, scaled(G(0), A(alpha)->alpha, 1));
    return OK;
}
GRAD(sub) {
    GIVE(0, G(0));
    GIVE(1, scaled(G(0), A(alpha)->alpha, -1));
    return OK;
}
GRAD(rsub) {
    GIVE(0, scaled(G(0), A(alpha)->alpha, -1));
    GIVE(1, G(0));
    return OK;
}
GRAD(mul) {
    GIVE(0, rt_mul(G(0), X(1)));
    GIVE(1, rt_mul(G(0), X(0)));
    return OK;
}
GRAD(div) {
    if (A(divide)->rounding_mode != 0) return OK; // steps: flat between them
    GIVE(0, over(G(0), X(1)));
    GIVE(1, rt_neg(rt_mul(G(0), over(over(X(0), X(1)), X(1)))));
    return OK;
}
GRAD(remainder) {
    GIVE(0, G(0));
    GIVE(1, rt_neg(rt_mul(G(0), rt_div(X(0), X(1), WITH(divide, .rounding_mode = 2)))));
    return OK;
}
GRAD(fmod) {
    GIVE(0, G(0));
    GIVE(1, rt_neg(rt_mul(G(0), rt_div(X(0), X(1), WITH(divide, .rounding_mode = 1)))));
    return OK;
}

// d/da aᵇ = b aᵇ⁻¹, 0 for b = 0 whatever a is. One number as exponent is the common case.
static RtTensor *pow_base(RtTensor *gradient, RtTensor *a, RtTensor *b) {
    if (b->ndim == 0 && b->device.type == RT_CPU && !rt_requires_grad(b)) {
        double exponent = rt_scalar_double(rt_tensor_item(b, 0));
        if (exponent == 0) return RT_NONE;
        if (exponent == 1) return gradient;
        if (exponent == 2) return times(rt_mul(gradient, a), 2);
        return times(rt_mul(gradient, rt_pow(a, grad_number(exponent - 1, a))), exponent);
    }
    RtTensor *slope = rt_mul(b, rt_pow(a, shifted(b, -1)));
    return except_where(rt_eq(b, grad_number(0, b)), rt_mul(gradient, slope));
}

GRAD(pow) {
    GIVE(0, pow_base(G(0), X(0), X(1)));
    if (!WANT(1)) return OK;
    RtTensor *zero = grad_number(0, G(0));
    RtTensor *flat =
        rt_logical_and(rt_eq(X(0), zero), rt_ge(X(1), zero)); // 0ᵇ: log 0 must not come in
    GIVE(1, rt_mul(G(0), except_where(flat, rt_mul(Y(0), rt_log(X(0))))));
    return OK;
}

GRAD(neg) {
    GIVE(0, rt_neg(G(0)));
    return OK;
}
GRAD(abs) {
    GIVE(0, rt_mul(G(0), rt_sign(X(0))));
    return OK;
}
GRAD(square) {
    GIVE(0, times(rt_mul(G(0), X(0)), 2));
    return OK;
}
GRAD(sqrt) {
    GIVE(0, over(G(0), times(Y(0), 2)));
    return OK;
}
GRAD(rsqrt) {
    GIVE(0, times(rt_mul(G(0), rt_mul(Y(0), rt_mul(Y(0), Y(0)))), -0.5));
    return OK;
}
GRAD(reciprocal) {
    GIVE(0, rt_neg(rt_mul(G(0), rt_mul(Y(0), Y(0)))));
    return OK;
}
GRAD(addcmul) {
    GIVE(0, G(0));
    GIVE(1, scaled(rt_mul(G(0), X(2)), A(value)->value, 1));
    GIVE(2, scaled(rt_mul(G(0), X(1)), A(value)->value, 1));
    return OK;
}
GRAD(addcdiv) {
    GIVE(0, G(0));
    GIVE(1, scaled(over(G(0), X(2)), A(value)->value, 1));
    GIVE(2, scaled(rt_mul(G(0), over(over(X(1), X(2)), X(2))), A(value)->value, -1));
    return OK;
}
GRAD(lerp) {
    GIVE(0, rt_mul(G(0), from(1, X(2))));
    GIVE(1, rt_mul(G(0), X(2)));
    GIVE(2, rt_mul(G(0), minus(X(1), X(0))));
    return OK;
}

// ----------------------------------------------------------------------------- steps and bounds

#define FLAT_STEPS(name_)                                                                          \
    GRAD(name_) {                                                                                  \
        (void)call;                                                                                \
        return OK;                                                                                 \
    }
// clang-format off
FLAT_STEPS(sign)
FLAT_STEPS(floor)
FLAT_STEPS(ceil)
FLAT_STEPS(round)
FLAT_STEPS(trunc)
// clang-format on

GRAD(frac) {
    GIVE(0, G(0));
    return OK;
}

// Elements on a bound count as inside, as in PyTorch.
GRAD(clamp) {
    RtScalar min = A(clamp)->min, max = A(clamp)->max;
    RtTensor *inside = NULL;
    if (min.kind != RT_SCALAR_NONE) inside = rt_ge(X(0), grad_number(rt_scalar_double(min), X(0)));
    if (max.kind != RT_SCALAR_NONE) {
        RtTensor *below = rt_le(X(0), grad_number(rt_scalar_double(max), X(0)));
        inside = min.kind != RT_SCALAR_NONE ? rt_logical_and(inside, below) : below;
    }
    GIVE(0, only_where(inside, G(0)));
    return OK;
}

GRAD(clamp_tensor) {
    bool has_min = PRESENT(optional(X(1))), has_max = PRESENT(optional(X(2)));
    if (has_min && has_max) {
        RtTensor *below = rt_lt(X(0), X(1)), *above = rt_gt(X(0), X(2)),
                 *crossed = rt_lt(X(2), X(1));
        GIVE(0, except_where(rt_logical_or(below, above), G(0)));
        GIVE(1, only_where(rt_logical_and(below, rt_lt(X(1), X(2))), G(0)));
        GIVE(2, only_where(rt_logical_or(above, crossed), G(0)));
    } else if (has_min) {
        GIVE(0, only_where(rt_ge(X(0), X(1)), G(0)));
        GIVE(1, only_where(rt_lt(X(0), X(1)), G(0)));
    } else {
        GIVE(0, only_where(rt_le(X(0), X(2)), G(0)));
        GIVE(2, only_where(rt_gt(X(0), X(2)), G(0)));
    }
    return OK;
}

// Of two equal elements each gets half.
static RtTensor *winner(RtTensor *gradient, RtTensor *wins, RtTensor *a, RtTensor *b) {
    return rt_where(rt_eq(a, b), times(gradient, 0.5), only_where(wins, gradient));
}
GRAD(maximum) {
    GIVE(0, winner(G(0), rt_gt(X(0), X(1)), X(0), X(1)));
    GIVE(1, winner(G(0), rt_gt(X(1), X(0)), X(0), X(1)));
    return OK;
}
GRAD(minimum) {
    GIVE(0, winner(G(0), rt_lt(X(0), X(1)), X(0), X(1)));
    GIVE(1, winner(G(0), rt_lt(X(1), X(0)), X(0), X(1)));
    return OK;
}
GRAD(fmax) {
    RtTensor *first = rt_logical_or(rt_ge(X(0), X(1)), rt_isnan(X(1)));
    GIVE(0, only_where(first, G(0)));
    GIVE(1, except_where(first, G(0)));
    return OK;
}
GRAD(fmin) {
    RtTensor *first = rt_logical_or(rt_le(X(0), X(1)), rt_isnan(X(1)));
    GIVE(0, only_where(first, G(0)));
    GIVE(1, except_where(first, G(0)));
    return OK;
}
GRAD(nan_to_num) {
    GIVE(0, only_where(rt_isfinite(X(0)), G(0)));
    return OK;
}
GRAD(hypot) {
    GIVE(0, rt_mul(G(0), over(X(0), Y(0))));
    GIVE(1, rt_mul(G(0), over(X(1), Y(0))));
    return OK;
}
GRAD(copysign) {
    GIVE(0, except_where(rt_eq(X(0), grad_number(0, X(0))), rt_mul(G(0), over(Y(0), X(0)))));
    return OK;
}
GRAD(where) {
    GIVE(1, only_where(X(0), G(0)));
    GIVE(2, except_where(X(0), G(0)));
    return OK;
}

// ------------------------------------------------------------------------------------ functions

#define SLOPE(name_, gradient_)                                                                    \
    GRAD(name_) {                                                                                  \
        GIVE(0, gradient_);                                                                        \
        return OK;                                                                                 \
    }
static RtTensor *squared(RtTensor *a) { return rt_square(a); }

// clang-format off
SLOPE(exp, rt_mul(G(0), Y(0)))
SLOPE(exp2, times(rt_mul(G(0), Y(0)), M_LN2))
SLOPE(expm1, rt_mul(G(0), shifted(Y(0), 1)))
SLOPE(log, over(G(0), X(0)))
SLOPE(log2, over(G(0), times(X(0), M_LN2)))
SLOPE(log10, over(G(0), times(X(0), M_LN10)))
SLOPE(log1p, over(G(0), shifted(X(0), 1)))
SLOPE(sin, rt_mul(G(0), rt_cos(X(0))))
SLOPE(cos, rt_neg(rt_mul(G(0), rt_sin(X(0)))))
SLOPE(tan, rt_mul(G(0), shifted(squared(Y(0)), 1)))
SLOPE(asin, rt_mul(G(0), rt_rsqrt(from(1, squared(X(0))))))
SLOPE(acos, rt_neg(rt_mul(G(0), rt_rsqrt(from(1, squared(X(0)))))))
SLOPE(atan, over(G(0), shifted(squared(X(0)), 1)))
SLOPE(sinh, rt_mul(G(0), rt_cosh(X(0))))
SLOPE(cosh, rt_mul(G(0), rt_sinh(X(0))))
SLOPE(tanh, rt_tanh_backward(G(0), Y(0)))
SLOPE(asinh, rt_mul(G(0), rt_rsqrt(shifted(squared(X(0)), 1))))
SLOPE(acosh, rt_mul(G(0), rt_rsqrt(shifted(squared(X(0)), -1))))
SLOPE(atanh, over(G(0), from(1, squared(X(0)))))
SLOPE(erf, times(rt_mul(G(0), rt_exp(rt_neg(squared(X(0))))), M_2_SQRTPI))
SLOPE(erfc, times(rt_mul(G(0), rt_exp(rt_neg(squared(X(0))))), -M_2_SQRTPI))
SLOPE(erfinv, times(rt_mul(G(0), rt_exp(squared(Y(0)))), 1 / M_2_SQRTPI))
SLOPE(sigmoid, rt_sigmoid_backward(G(0), Y(0)))
// clang-format on

GRAD(atan2) {
    RtTensor *radius = plus(squared(X(0)), squared(X(1)));
    GIVE(0, rt_mul(G(0), over(X(1), radius)));
    GIVE(1, rt_neg(rt_mul(G(0), over(X(0), radius))));
    return OK;
}

// ---------------------------------------------------------------------------------- activations

// clang-format off
SLOPE(relu, rt_threshold_backward(G(0), Y(0), WITH(slope, .threshold = 0)))
SLOPE(leaky_relu, rt_leaky_relu_backward(G(0), X(0), *A(slope)))
SLOPE(elu, rt_elu_backward(G(0), X(0), *A(slope)))
SLOPE(gelu, rt_gelu_backward(G(0), X(0), *A(gelu)))
SLOPE(silu, rt_silu_backward(G(0), X(0)))
SLOPE(softplus, rt_softplus_backward(G(0), X(0), *A(slope)))
SLOPE(logsigmoid, rt_mul(G(0), rt_sigmoid(rt_neg(X(0)))))
SLOPE(hardtanh, rt_hardtanh_backward(G(0), X(0), *A(slope)))
SLOPE(hardsigmoid, times(rt_hardtanh_backward(G(0), X(0), WITH(slope, .min_val = -3, .max_val = 3)), 1.0 / 6))
SLOPE(hardswish, rt_hardswish_backward(G(0), X(0)))
SLOPE(threshold, rt_threshold_backward(G(0), X(0), *A(slope)))
// clang-format on

GRAD(mish) { // t = tanh(softplus(x)), s = sigmoid(x): t + x s (1 - t²)
    RtTensor *t = rt_tanh(rt_softplus(X(0), rt_defaults_slope())), *s = rt_sigmoid(X(0));
    GIVE(0, rt_mul(G(0), plus(t, rt_mul(rt_mul(X(0), s), from(1, squared(t))))));
    return OK;
}

// Second gradients: X(0) is the gradient that came in, X(1) the input or output.

static RtTensor *beyond_lambda(const GradCall *call) {
    return zero_where(G(0), rt_le(rt_abs(X(0)), grad_number(A(slope)->lambd, X(0))));
}
SLOPE(softshrink, beyond_lambda(call))
SLOPE(hardshrink, beyond_lambda(call))

GRAD(threshold_backward) {
    GIVE(0, rt_threshold_backward(G(0), X(1), *A(slope)));
    return OK;
}
GRAD(leaky_relu_backward) {
    GIVE(0, rt_leaky_relu_backward(G(0), X(1), *A(slope)));
    return OK;
}
GRAD(hardtanh_backward) {
    GIVE(0, rt_hardtanh_backward(G(0), X(1), *A(slope)));
    return OK;
}
GRAD(elu_backward) {
    GIVE(0, rt_elu_backward(G(0), X(1), *A(slope)));
    if (!WANT(1)) return OK;
    RtTensor *bent =
        times(rt_elu_backward(rt_mul(G(0), X(0)), X(1), *A(slope)), A(slope)->input_scale);
    GIVE(1, except_where(rt_gt(X(1), grad_number(0, X(1))), bent));
    return OK;
}
GRAD(hardswish_backward) {
    GIVE(0, rt_hardswish_backward(G(0), X(1)));
    GIVE(1, times(rt_hardtanh_backward(rt_mul(G(0), X(0)), X(1),
                                       WITH(slope, .min_val = -3, .max_val = 3)),
                  1.0 / 3));
    return OK;
}
GRAD(sigmoid_backward) {
    GIVE(0, rt_sigmoid_backward(G(0), X(1)));
    GIVE(1, rt_mul(rt_mul(G(0), X(0)), from(1, times(X(1), 2))));
    return OK;
}
GRAD(tanh_backward) {
    GIVE(0, rt_tanh_backward(G(0), X(1)));
    GIVE(1, times(rt_mul(rt_mul(G(0), X(0)), X(1)), -2));
    return OK;
}
GRAD(silu_backward) { // s (1 - s) (2 + x (1 - 2 s))
    GIVE(0, rt_silu_backward(G(0), X(1)));
    if (!WANT(1)) return OK;
    RtTensor *s = rt_sigmoid(X(1));
    RtTensor *bend = rt_mul(rt_mul(s, from(1, s)), shifted(rt_mul(X(1), from(1, times(s, 2))), 2));
    GIVE(1, rt_mul(rt_mul(G(0), X(0)), bend));
    return OK;
}
GRAD(softplus_backward) { // beta s (1 - s) below the threshold
    GIVE(0, rt_softplus_backward(G(0), X(1), *A(slope)));
    if (!WANT(1)) return OK;
    RtTensor *inner = times(X(1), A(slope)->beta), *s = rt_sigmoid(inner);
    RtTensor *bend = times(rt_mul(rt_mul(G(0), X(0)), rt_mul(s, from(1, s))), A(slope)->beta);
    GIVE(1, except_where(rt_gt(inner, grad_number(A(slope)->threshold, inner)), bend));
    return OK;
}

// Φ: φ(x) (2 - x²). tanh form with u = k (x + c x³):
// with t = tanh(u): (1 - t²) (u' + x (u'' / 2 - t u'²)).
static RtTensor *gelu_bend(RtTensor *a, bool tanh_form) {
    RtTensor *aa = squared(a);
    if (!tanh_form) return times(rt_mul(rt_exp(times(aa, -0.5)), from(2, aa)), 0.3989422804014327);
    double k = 0.7978845608028654, c = 0.044715;
    RtTensor *t = rt_tanh(times(rt_mul(a, shifted(times(aa, c), 1)), k));
    RtTensor *u1 = times(shifted(times(aa, 3 * c), 1), k), *half_u2 = times(a, 3 * c * k);
    RtTensor *inner = plus(u1, rt_mul(a, minus(half_u2, rt_mul(t, squared(u1)))));
    return rt_mul(from(1, squared(t)), inner);
}
GRAD(gelu_backward) {
    GIVE(0, rt_gelu_backward(G(0), X(1), *A(gelu)));
    GIVE(1, rt_mul(rt_mul(G(0), X(0)), gelu_bend(X(1), A(gelu)->approximate == 1)));
    return OK;
}

// Gradients of the losses.
#include "grad/terms.h"

#include <math.h>

#include "ops/loss.h"

#define ATTRS A(loss)

static RtTensor *sum_all(RtTensor *x) { return rt_sum(x, rt_defaults_reduce()); }

static int64_t pair_numel(GradCall *call, int input) { return shape_numel(X_SHAPE(input)); }

// What the mean divides by.
static double divisor(GradCall *call, int input) {
    return ATTRS->reduction == REDUCTION_MEAN ? (double)pair_numel(call, input) : 1;
}

GRAD(mse_pair) {
    RtTensor *dx = rt_mse_pair_backward(G(0), X(0), X(1), *ATTRS);
    GIVE(0, dx);
    GIVE(1, rt_neg(dx));
    return OK;
}

// out = 2 g (x - t) / n, of grad, input, target
GRAD(mse_pair_backward) {
    double k = 2 / divisor(call, 1);
    RtTensor *u = G(0);
    if (WANT(0)) {
        RtTensor *each = times(rt_mul(u, minus(X(1), X(2))), k);
        GIVE(0, ATTRS->reduction == REDUCTION_NONE ? each : sum_all(each));
    }
    if (!WANT(1) && !WANT(2)) return OK;
    RtTensor *dx = rt_mul(u, times(X(0), k));
    GIVE(1, dx);
    GIVE(2, rt_neg(dx));
    return OK;
}

GRAD(smooth_l1_pair) {
    RtTensor *dx = rt_smooth_l1_pair_backward(G(0), X(0), X(1), *ATTRS);
    GIVE(0, dx);
    GIVE(1, rt_neg(dx));
    return OK;
}

// out = g clamp((x - t) / beta, -1, 1) / n; with beta 0 the sign
GRAD(smooth_l1_pair_backward) {
    double k = 1 / divisor(call, 1), beta = ATTRS->beta;
    RtTensor *u = G(0), *d = minus(X(1), X(2));
    if (WANT(0)) {
        RtTensor *slope = beta > 0 ? rt_clamp(times(d, 1 / beta),
                                              WITH(clamp, .min = rt_int(-1), .max = rt_int(1)))
                                   : rt_sign(d);
        RtTensor *each = times(rt_mul(u, slope), k);
        GIVE(0, ATTRS->reduction == REDUCTION_NONE ? each : sum_all(each));
    }
    if (beta == 0 || (!WANT(1) && !WANT(2))) return OK;
    RtTensor *inside = rt_lt(rt_abs(d), grad_number(beta, d));
    RtTensor *dx = rt_mul(rt_mul(u, inside), times(X(0), k / beta));
    GIVE(1, dx);
    GIVE(2, rt_neg(dx));
    return OK;
}

static Status no_weight_gradient(GradCall *call, int weight) {
    if (!WANT(weight)) return OK;
    return fail(ERR_GRAD,
                "%s: the gradient with respect to weight is not defined: detach() the weight",
                call->row->name);
}

GRAD(nll_loss) {
    TRY(no_weight_gradient(call, 2));
    if (!HAS_G(0)) return OK;
    GIVE(0, rt_nll_loss_backward(G(0), X(0), X(1), optional(X(2)), Y(1), *ATTRS));
    return OK;
}

// Picks what nll_loss picks.
GRAD(nll_loss_backward) {
    if (!WANT(0)) return OK;
    RtTensor *picked, *total;
    RtAttrs_loss attrs = *ATTRS;
    if (attrs.reduction == REDUCTION_MEAN) attrs.reduction = REDUCTION_SUM;
    TRY(rt_nll_loss(G(0), X(2), optional(X(3)), attrs, &picked, &total));
    GIVE(0, ATTRS->reduction == REDUCTION_MEAN ? over(picked, X(4)) : picked);
    return OK;
}

static RtTensor *as_column(RtTensor *x, int dim) {
    return rt_unsqueeze(x, WITH(slice, .dim = dim));
}

static RtTensor *probabilities(RtTensor *x, RtTensor *lse) {
    return rt_exp(minus(x, as_column(lse, class_dim(x))));
}

GRAD(cross_entropy_index) {
    TRY(no_weight_gradient(call, 2));
    RtTensor *dx = RT_NONE;
    if (HAS_G(0))
        dx = rt_cross_entropy_index_backward(G(0), X(0), X(1), optional(X(2)), Y(1), Y(2), *ATTRS);
    if (HAS_G(1)) { // in second gradients
        RtTensor *part = rt_mul(as_column(G(1), class_dim(X(0))), probabilities(X(0), Y(1)));
        dx = dx == RT_NONE ? part : plus(dx, part);
    }
    GIVE(0, dx);
    return OK;
}

// out = h (S p - k) with p = e^(x - lse), k what the target and the smoothing take away, S = Σ k,
// and h = g, or g over the total weight. With lse = inf the op gives -h k.
GRAD(cross_entropy_index_backward) {
    RtTensor *u = G(0), *g = X(0), *x = X(1), *target = X(2), *weight = optional(X(3)), *lse = X(4),
             *total = X(5);
    bool each = ATTRS->reduction == REDUCTION_NONE;
    if (WANT(0)) {
        RtTensor *unit = rt_cross_entropy_index_backward(rt_ones_like(g, rt_defaults_factory()), x,
                                                         target, weight, lse, total, *ATTRS);
        RtTensor *product = rt_mul(u, unit);
        GIVE(0,
             each ? rt_sum(product, WITH(reduce, .dim = RT_INTS(class_dim(x)))) : sum_all(product));
    }
    if (!WANT(1) && !WANT(4)) return OK;
    RtTensor *far = rt_full_like(lse, WITH(factory, .fill_value = rt_float(INFINITY)));
    RtTensor *taken = rt_cross_entropy_index_backward(g, x, target, weight, far, total, *ATTRS);
    RtTensor *scale =
        rt_neg(rt_sum(taken, WITH(reduce, .dim = RT_INTS(class_dim(x)), .keepdim = true)));
    RtTensor *dx = rt_mul(rt_mul(u, probabilities(x, lse)), scale);
    GIVE(1, dx);
    GIVE(4, rt_neg(rt_sum(dx, WITH(reduce, .dim = RT_INTS(class_dim(x))))));
    return OK;
}

// (x - t) / (x (1 - x)), without a division by 0
GRAD(bce_pair) {
    RtTensor *x = X(0);
    RtTensor *product = rt_mul(x, minus(grad_number(1, x), x));
    if (WANT(0))
        GIVE(0, rt_mul(G(0), over(minus(x, X(1)),
                                  rt_clamp(product, WITH(clamp, .min = rt_float(1e-12))))));
    if (WANT(1)) {
        RtAttrs_clamp floor = WITH(clamp, .min = rt_int(-100));
        RtTensor *log_x = rt_clamp(rt_log(x), floor),
                 *log_rest = rt_clamp(rt_log1p(rt_neg(x)), floor);
        GIVE(1, rt_mul(G(0), minus(log_rest, log_x)));
    }
    return OK;
}

GRAD(ctc) {
    GIVE(0, rt_ctc_backward(G(0), X(0), X(1), X(2), X(3), *A(ctc)));
    return OK;
}
GRAD(ctc_backward) {
    (void)call;
    return fail(ERR_GRAD, "ctc_loss cannot be differentiated twice");
}

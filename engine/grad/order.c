// Gradients of the order family: they go to the elements that were chosen.
#include "grad/terms.h"

#include <math.h>

GRAD(kthvalue) { return grad_to_chosen(call); }
GRAD(median_dim) { return grad_to_chosen(call); }
GRAD(nanmedian_dim) { return grad_to_chosen(call); }
GRAD(mode) { return grad_to_chosen(call); }

static Status to_the_running(GradCall *call) {
    if (!HAS_G(0)) return OK;
    RtTensor *zeros = grad_zeros(X_SHAPE(0), Y_DTYPE(0), call->device);
    GIVE(0, rt_scatter_add(zeros, Y(1), G(0), WITH(gather, .dim = A(dim)->dim)));
    return OK;
}
GRAD(cummax) { return to_the_running(call); }
GRAD(cummin) { return to_the_running(call); }

// Σ g[i] e^(x - y[i]) over i from each position on: the same op backwards, on the logarithms of
// what is positive and of what is negative in g. Where y is -inf so is x: nothing comes of it.
static RtTensor *share(RtTensor *sized, RtTensor *x, RtTensor *y, int64_t dim) {
    RtAttrs_axes turn = WITH(axes, .dims = RT_INTS(dim));
    RtTensor *none = is_number(sized, 0);
    RtTensor *logs = rt_masked_fill(rt_log(rt_masked_fill(sized, none, grad_number(1, sized))),
                                    none, grad_number(-INFINITY, sized));
    y = zero_where(y, is_number(y, -INFINITY));
    RtTensor *sums =
        rt_flip(rt_logcumsumexp(rt_flip(minus(logs, y), turn), WITH(dim, .dim = dim)), turn);
    return rt_exp(plus(sums, x));
}

GRAD(logcumsumexp) {
    int64_t dim = A(dim)->dim;
    if (X_SHAPE(0)->n == 0) {
        GIVE(0, G(0));
        return OK;
    }
    RtTensor *rising = rt_clamp(G(0), WITH(clamp, .min = rt_int(0)));
    RtTensor *falling = rt_neg(rt_clamp(G(0), WITH(clamp, .max = rt_int(0))));
    GIVE(0, minus(share(rising, X(0), Y(0), dim), share(falling, X(0), Y(0), dim)));
    return OK;
}

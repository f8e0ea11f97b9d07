#include "grad/terms.h"

#define ALONG(...) WITH(dim, .dim = A(dim)->dim)
#define SUM_ALONG(x_) rt_sum(x_, WITH(reduce, .dim = RT_INTS(A(dim)->dim), .keepdim = true))

GRAD(softmax) {
    GIVE(0, rt_softmax_backward(G(0), Y(0), ALONG()));
    return OK;
}

GRAD(log_softmax) {
    GIVE(0, rt_log_softmax_backward(G(0), Y(0), ALONG()));
    return OK;
}

// out = y (g - s) with s = Σ g y; u is the gradient of out. The Jacobian of softmax is symmetric.
GRAD(softmax_backward) {
    RtTensor *u = G(0), *g = X(0), *y = X(1);
    GIVE(0, rt_softmax_backward(u, y, ALONG()));
    if (!WANT(1)) return OK;
    RtTensor *s = SUM_ALONG(rt_mul(g, y)), *t = SUM_ALONG(rt_mul(u, y));
    GIVE(1, minus(rt_mul(u, minus(g, s)), rt_mul(g, t)));
    return OK;
}

// out = g - e^y s with s = Σ g.
GRAD(log_softmax_backward) {
    RtTensor *u = G(0), *y = X(1);
    if (!WANT(0) && !WANT(1)) return OK;
    RtTensor *v = rt_mul(u, rt_exp(y));
    GIVE(0, minus(u, SUM_ALONG(v)));
    GIVE(1, rt_neg(rt_mul(v, SUM_ALONG(X(0)))));
    return OK;
}

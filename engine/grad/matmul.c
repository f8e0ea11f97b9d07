// Gradients of products of matrices. C = A B: the gradient of A is G Bᵀ, that of B is Aᵀ G.
#include "grad/formula.h"

#define PRODUCT(a_, b_, ta_, tb_)                                                                  \
    (a_), (b_), WITH(matmul, .transpose_a = (ta_), .transpose_b = (tb_))

// For op(A) op(B), each of them transposed or not.
GRAD(mm) {
    bool ta = A(matmul)->transpose_a, tb = A(matmul)->transpose_b;
    GIVE(0, ta ? rt_mm(PRODUCT(X(1), G(0), tb, true)) : rt_mm(PRODUCT(G(0), X(1), false, !tb)));
    GIVE(1, tb ? rt_mm(PRODUCT(G(0), X(0), true, ta)) : rt_mm(PRODUCT(X(0), G(0), !ta, false)));
    return OK;
}

GRAD(bmm) {
    bool ta = A(matmul)->transpose_a, tb = A(matmul)->transpose_b;
    GIVE(0, ta ? rt_bmm(PRODUCT(X(1), G(0), tb, true)) : rt_bmm(PRODUCT(G(0), X(1), false, !tb)));
    GIVE(1, tb ? rt_bmm(PRODUCT(G(0), X(0), true, ta)) : rt_bmm(PRODUCT(X(0), G(0), !ta, false)));
    return OK;
}

// The tape sums over the leading dimensions that were broadcast.
GRAD(batch_matmul) {
    bool ta = A(matmul)->transpose_a, tb = A(matmul)->transpose_b;
    GIVE(0, ta ? rt_batch_matmul(PRODUCT(X(1), G(0), tb, true))
               : rt_batch_matmul(PRODUCT(G(0), X(1), false, !tb)));
    GIVE(1, tb ? rt_batch_matmul(PRODUCT(G(0), X(0), true, ta))
               : rt_batch_matmul(PRODUCT(X(0), G(0), !ta, false)));
    return OK;
}

GRAD(mv) {
    GIVE(0, rt_outer(G(0), X(1)));
    GIVE(1, rt_mv(rt_transpose(X(0), WITH(dims, .dim0 = 0, .dim1 = 1)), G(0)));
    return OK;
}

GRAD(dot) {
    GIVE(0, rt_mul(G(0), X(1)));
    GIVE(1, rt_mul(G(0), X(0)));
    return OK;
}

static RtTensor *scaled(RtTensor *x, RtScalar factor) {
    double value = rt_scalar_double(factor);
    return value == 1 || !x ? x : rt_mul(x, grad_number(value, x));
}

GRAD(addmm) {
    GIVE(0, scaled(G(0), A(addmm)->beta));
    GIVE(1, scaled(rt_mm(PRODUCT(G(0), X(2), false, true)), A(addmm)->alpha));
    GIVE(2, scaled(rt_mm(PRODUCT(X(1), G(0), true, false)), A(addmm)->alpha));
    return OK;
}

// Y = X Wᵀ + b: dX = G W, dW = Gᵀ X, db = the sum of G's rows; leading dimensions count as rows.
GRAD(linear) {
    RtTensor *g = G(0);
    int64_t n = g->shape[g->ndim - 1], k = X_SHAPE(0)->dim[X_SHAPE(0)->n - 1], rows = 1;
    for (int i = 0; i < g->ndim - 1; i++) rows *= g->shape[i];
    if (g->ndim != 2) g = rt_reshape(g, WITH(shape, .shape = RT_INTS(rows, n)));
    if (WANT(0)) {
        RtTensor *dx = rt_mm(PRODUCT(g, X(1), false, false));
        RtInts shape = {.n = X_SHAPE(0)->n};
        for (int i = 0; i < shape.n; i++) shape.v[i] = X_SHAPE(0)->dim[i];
        GIVE(0, shape.n == 2 ? dx : rt_reshape(dx, WITH(shape, .shape = shape)));
    }
    if (WANT(1)) {
        RtTensor *x = X(0);
        if (X_SHAPE(0)->n != 2) x = rt_reshape(x, WITH(shape, .shape = RT_INTS(rows, k)));
        GIVE(1, rt_mm(PRODUCT(g, x, true, false)));
    }
    GIVE(2, rt_sum(g, WITH(reduce, .dim = RT_INTS(0))));
    return OK;
}

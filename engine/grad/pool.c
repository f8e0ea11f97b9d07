// Gradients of pooling.
#include "grad/formula.h"

static RtInts size_of(const RtShape *shape) {
    return RT_INTS(shape->dim[shape->n - 2], shape->dim[shape->n - 1]);
}

// The attributes, with the height and width of the result.
static RtAttrs_pool sized(const GradCall *call, const RtShape *shape) {
    RtAttrs_pool attrs = *A(pool);
    attrs.output_size = size_of(shape);
    return attrs;
}

// A maximum hands its gradient to the element it is: y = take(x, index), x = add(y, index).
GRAD(max_pool2d) {
    if (HAS_G(0))
        GIVE(0, rt_max_pool2d_backward(G(0), Y(1), WITH(pool, .output_size = size_of(X_SHAPE(0)))));
    return OK;
}

GRAD(adaptive_max_pool2d) {
    if (HAS_G(0))
        GIVE(0, rt_max_pool2d_backward(G(0), Y(1), WITH(pool, .output_size = size_of(X_SHAPE(0)))));
    return OK;
}

GRAD(max_pool2d_backward) {
    GIVE(0, rt_max_pool2d_take(G(0), X(1), rt_defaults_pool()));
    return OK;
}

GRAD(max_pool2d_take) {
    GIVE(0, rt_max_pool2d_backward(G(0), X(1), WITH(pool, .output_size = size_of(X_SHAPE(0)))));
    return OK;
}

GRAD(avg_pool2d) {
    GIVE(0, rt_avg_pool2d_backward(G(0), sized(call, X_SHAPE(0))));
    return OK;
}

GRAD(avg_pool2d_backward) {
    GIVE(0, rt_avg_pool2d(G(0), *A(pool)));
    return OK;
}

GRAD(adaptive_avg_pool2d) {
    GIVE(0, rt_adaptive_avg_pool2d_backward(G(0), sized(call, X_SHAPE(0))));
    return OK;
}

GRAD(adaptive_avg_pool2d_backward) {
    GIVE(0, rt_adaptive_avg_pool2d(G(0), sized(call, X_SHAPE(0))));
    return OK;
}

// Gradients of resampling: each row is linear, and its gradient is another row of the family.
#include "grad/formula.h"

static RtAttrs_resample back_to(const GradCall *call, const RtShape *shape) {
    RtAttrs_resample attrs = *A(resample);
    attrs.length = shape->dim[attrs.dim < 0 ? attrs.dim + shape->n : attrs.dim];
    return attrs;
}

GRAD(resample) {
    GIVE(0, rt_resample_backward(G(0), back_to(call, X_SHAPE(0))));
    return OK;
}

GRAD(resample_backward) {
    GIVE(0, rt_resample(G(0), back_to(call, X_SHAPE(0))));
    return OK;
}

GRAD(sample_gather) { // inputs: x, index, weight
    GIVE(0, rt_sample_scatter(G(0), X(1), X(2), WITH(sample, .size = X_SHAPE(0)->dim[2])));
    GIVE(2, rt_sample_weights(G(0), X(1), X(0), rt_defaults_sample()));
    return OK;
}

GRAD(sample_scatter) { // inputs: g, index, weight; result like x
    GIVE(0, rt_sample_gather(G(0), X(1), X(2), rt_defaults_sample()));
    GIVE(2, rt_sample_weights(X(0), X(1), G(0), rt_defaults_sample()));
    return OK;
}

GRAD(sample_weights) { // inputs: g, index, x; result like weight
    GIVE(0, rt_sample_gather(X(2), X(1), G(0), rt_defaults_sample()));
    GIVE(2, rt_sample_scatter(X(0), X(1), G(0), WITH(sample, .size = X_SHAPE(2)->dim[2])));
    return OK;
}

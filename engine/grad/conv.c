// Gradients of convolutions. With y = conv2d(x, w): x ↦ y, y ↦ x (backward_input) and (y, x) ↦ w
// (backward_weight) are linear in each argument, and each of the three is the gradient of the other
// two.
#include "grad/formula.h"

// The attributes, with the height and width of the result.
static RtAttrs_conv sized(const GradCall *call, const int64_t *size) {
    RtAttrs_conv attrs = *A(conv);
    attrs.size = RT_INTS(size[0], size[1]);
    return attrs;
}

static const int64_t *plane_of(const RtShape *shape) { return shape->dim + shape->n - 2; }

static RtTensor *convolved(const GradCall *call, RtTensor *x, RtTensor *weight,
                           const RtShape *like) {
    RtTensor *y = rt_conv2d(x, weight, RT_NONE, sized(call, (int64_t[]){0, 0}));
    // A transposed convolution with output padding began from a smaller image than conv2d gives.
    for (int i = 1; i <= 2 && y; i++)
        if (y->shape[y->ndim - i] != like->dim[like->n - i])
            y = rt_narrow(y, WITH(slice, .dim = -i, .start = 0, .length = like->dim[like->n - i]));
    return y;
}

GRAD(conv2d) {
    GIVE(0, rt_conv2d_backward_input(G(0), X(1), sized(call, plane_of(X_SHAPE(0)))));
    GIVE(1, rt_conv2d_backward_weight(G(0), X(0), sized(call, plane_of(X_SHAPE(1)))));
    GIVE(2, rt_sum(G(0), WITH(reduce, .dim = G(0)->ndim == 4 ? RT_INTS(0, 2, 3) : RT_INTS(1, 2))));
    return OK;
}

GRAD(conv2d_backward_input) { // inputs: g, w; result like x
    GIVE(0, convolved(call, G(0), X(1), X_SHAPE(0)));
    GIVE(1, rt_conv2d_backward_weight(X(0), G(0), sized(call, plane_of(X_SHAPE(1)))));
    return OK;
}

GRAD(conv2d_backward_weight) { // inputs: g, x; result like w
    GIVE(0, convolved(call, X(1), G(0), X_SHAPE(0)));
    GIVE(1, rt_conv2d_backward_input(X(0), G(0), sized(call, plane_of(X_SHAPE(1)))));
    return OK;
}

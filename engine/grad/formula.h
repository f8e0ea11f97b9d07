// grad/formula.h: how the gradient of an op is written.
//
//   GRAD(mul) {
//       GIVE(0, rt_mul(G(0), X(1)));
//       GIVE(1, rt_mul(G(0), X(0)));
//   }
//
// A formula is made of ops, so that it can be differentiated again. X(i) is input i, Y(i) output i (only those named in
// the row's NEED for a wanted gradient are there), G(i) the gradient of output i (RT_NONE if nothing depends on that
// output: see HAS_G). A(reduce) are the attributes. Shapes and dtypes of all inputs and outputs are there without being
// saved: X_SHAPE(i), X_DTYPE(i), Y_SHAPE(i). WANT(i): is the gradient of input i asked for? GIVE evaluates its expression only then.
//
// What the tape does by itself: open a scope around the formula, sum a gradient over broadcast dimensions down to the
// input's shape, cast it to the input's dtype, and fail with the op's name if the expression gave NULL.
// For a list input (cat), GIVE_ALL-style loops use NIN and WANT(i). A gradient that is zero: give RT_NONE, the
// tape makes the zeros.
#pragma once

#include "ops/call.h"

typedef struct GradCall {
    const RtOpRow *row;
    const void *attrs;
    int nin, nout;
    RtTensor **x, **y; // saved inputs and outputs, NULL where not saved
    RtTensor **g;      // gradients of the outputs, or RT_NONE
    const RtShape *x_shape, *y_shape;
    const RtDtype *x_dtype, *y_dtype;
    const bool *want;
    RtTensor **give; // result, RT_NONE at the start
    RtDevice device;
} GradCall;

typedef Status (*GradFormula)(GradCall *call);

#define GRAD(name_)                                                                                \
    static Status formula_##name_(GradCall *call);                                                 \
    const GradFormula grad_##name_ = formula_##name_;                                              \
    static Status formula_##name_(GradCall *call)

#define X(i_) (call->x[i_])
#define Y(i_) (call->y[i_])
#define G(i_) (call->g[i_])
#define HAS_G(i_) (call->g[i_] != RT_NONE)
#define A(attrs_) ((const RtAttrs_##attrs_ *)call->attrs)
#define NIN (call->nin)
#define WANT(i_) (call->want[i_])
#define X_SHAPE(i_) (&call->x_shape[i_])
#define Y_SHAPE(i_) (&call->y_shape[i_])
#define X_DTYPE(i_) (call->x_dtype[i_])
#define Y_DTYPE(i_) (call->y_dtype[i_])
#define GIVE(i_, expression_)                                                                      \
    do {                                                                                           \
        if (WANT(i_)) {                                                                            \
            call->give[i_] = (expression_);                                                        \
            if (!call->give[i_]) return error_code();                                              \
        }                                                                                          \
    } while (0)

// One declaration a differentiable row; a missing formula is "undeclared" or an undefined reference with the op's name.
#define RT_GRAD_OF_GRAD(name_) extern const GradFormula grad_##name_;
#define RT_GRAD_OF_FLAT(name_)
#define KERNEL(name_, nin_, nout_, attrs_, shape_, dtype_, cast_, grad_, ...) RT_GRAD_OF_##grad_(name_)
#define VIEW(name_, nin_, nout_, attrs_, grad_, ...) RT_GRAD_OF_##grad_(name_)
#define MADE(name_, ...)
#include "ops/families.def"
#undef KERNEL
#undef VIEW
#undef MADE

// Small helpers of formulas (grad/tape.c).
RtTensor *grad_sum_to(RtTensor *gradient, const RtShape *shape); // sums over what broadcasting added
RtTensor *grad_zeros(const RtShape *shape, RtDtype dtype, RtDevice device);
RtTensor *grad_number(double value, RtTensor *like); // a 0-dim tensor that promotes as a Python number

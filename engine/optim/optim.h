// optim.h: update rules over lists of tensors, one pass over memory a step.
//
// A step walks all parameters of a group as one range of blocks, so that many small tensors cost no
// more than one large one; threads take contiguous parts of that range. The arithmetic of a rule is
// in cpu/isa/optim.inc, what it needs to know about the step in optim/rules.c. Options that a rule
// does not have are ignored by it: the Python classes offer each only its own.
#pragma once

#include "rustorch.h"

// The numbers a rule's loop uses, worked out in double and rounded once: lr_f is (float)lr.
// clang-format off
#define OPTIM_NUMBERS(X_)                                                                          \
    X_(lr) X_(decay) X_(momentum) X_(keep) X_(beta1) X_(beta2) X_(rest1) X_(rest2) X_(eps)         \
    X_(scale) X_(carry) X_(root) X_(low) X_(high)
// clang-format on

typedef struct OptimStep { // one parameter at one step
#define NUMBER_FIELDS(name_)                                                                       \
    double name_;                                                                                  \
    float name_##_f;
    OPTIM_NUMBERS(NUMBER_FIELDS)
#undef NUMBER_FIELDS
    bool first, nesterov, maximize, amsgrad, decoupled, centered, has_momentum, rectified;
} OptimStep;

// n elements: parameter p, gradient g, states s0, s1, s2 (NULL where the rule or the options have
// none)
typedef void (*OptimF32)(int64_t n, float *p, const float *g, float *s0, float *s1, float *s2,
                         const OptimStep *step);
typedef void (*OptimF64)(int64_t n, double *p, const double *g, double *s0, double *s1, double *s2,
                         const OptimStep *step);

typedef struct OptimLoops {
    OptimF32 f32[RT_OPTIM_COUNT];
    OptimF64 f64[RT_OPTIM_COUNT];
    double (*squares_f32)(int64_t n, const float *x); // sum of squares, accumulated in double
    double (*squares_f64)(int64_t n, const double *x);
} OptimLoops;

// The columns of the table.
extern const int optim_states[RT_OPTIM_COUNT], optim_scalars[RT_OPTIM_COUNT];

// Must a parameter have state k under these options?
bool optim_needs_state(RtOptimRule rule, const RtOptim *options, int k);
// What the loops need for the step after the one that left scalars (step count first), which move
// on to this step.
OptimStep optim_prepare(RtOptimRule rule, const RtOptim *options, double scalars[RT_OPTIM_SCALARS]);

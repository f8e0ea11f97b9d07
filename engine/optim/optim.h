// optim.h: update rules over lists of tensors, one pass over memory a step.
//
// A step walks all parameters of a group as one range of blocks, so that many small tensors cost no more than one large
// one; threads take contiguous parts of that range. The arithmetic of a rule is in cpu/isa/optim.inc. Options that a
// rule does not have are ignored by it: the Python classes offer each only its own.
#pragma once

#include "rustorch.h"

typedef struct OptimStep { // one parameter at one step, options worked out in double
    float lr_f, decay_f, momentum_f, keep_f, beta1_f, beta2_f, eps_f, scale_f, root_f;
    double lr, decay, momentum, keep, beta1, beta2, eps, scale, root;
    bool first, nesterov, maximize, amsgrad, decoupled, has_momentum;
} OptimStep;

// n elements: parameter p, gradient g, states s0, s1, s2 (NULL where the rule or the options have none)
typedef void (*OptimF32)(int64_t n, float *p, const float *g, float *s0, float *s1, float *s2, const OptimStep *step);
typedef void (*OptimF64)(int64_t n, double *p, const double *g, double *s0, double *s1, double *s2, const OptimStep *step);

typedef struct OptimLoops {
    OptimF32 f32[RT_OPTIM_COUNT];
    OptimF64 f64[RT_OPTIM_COUNT];
    double (*squares_f32)(int64_t n, const float *x); // sum of squares, accumulated in double
    double (*squares_f64)(int64_t n, const double *x);
} OptimLoops;

// What each rule works out once a step and parameter, in double. Formulas as in PyTorch's
// single-tensor steps; sources beside the loops in cpu/isa/optim.inc.
#include "optim/optim.h"

#include <math.h>

const int optim_states[RT_OPTIM_COUNT] = {
#define OPTIMIZER(name_, states_, scalars_, words_) [RT_OPTIM_##name_] = states_,
#include "optim/optim.def"
#undef OPTIMIZER
};

const int optim_scalars[RT_OPTIM_COUNT] = {
#define OPTIMIZER(name_, states_, scalars_, words_) [RT_OPTIM_##name_] = scalars_,
#include "optim/optim.def"
#undef OPTIMIZER
};

bool optim_needs_state(RtOptimRule rule, const RtOptim *options, int k) {
    if (k >= optim_states[rule]) return false;
    switch (rule) {
    case RT_OPTIM_sgd: return options->momentum != 0;
    case RT_OPTIM_adam: return k < 2 || options->amsgrad;
    case RT_OPTIM_rmsprop: return k == 0 || (k == 1 ? options->momentum != 0 : options->centered);
    default: return true;
    }
}

// Rectified Adam: the ratio of the variance of the adaptive step at step t to its limit, 0 while it
// is not finite.
static double rectification(double beta2, double t, double bias2) {
    double limit = 2 / (1 - beta2) - 1, length = limit - 2 * t * pow(beta2, t) / bias2;
    if (length <= 5) return 0;
    return sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length));
}

static void prepare_nadam(OptimStep *s, const RtOptim *options, double t, double *product) {
    double mu = options->beta1 * (1 - 0.5 * pow(0.96, t * options->momentum_decay));
    double next = options->beta1 * (1 - 0.5 * pow(0.96, (t + 1) * options->momentum_decay));
    *product *= mu;
    s->scale = options->lr * (1 - mu) / (1 - *product);
    s->carry = options->lr * next / (1 - *product * next);
}

// The rate and the share of the average that the previous step left are used, then renewed.
static void prepare_asgd(OptimStep *s, const RtOptim *options, double t, double *eta, double *mu) {
    s->lr = *eta;
    s->keep = 1 - options->lambd * *eta;
    s->carry = *mu;
    *eta = options->lr / pow(1 + options->lambd * options->lr * t, options->alpha);
    *mu = 1 / fmax(1, t - options->t0);
}

OptimStep optim_prepare(RtOptimRule rule, const RtOptim *options,
                        double scalars[RT_OPTIM_SCALARS]) {
    OptimStep s = {.lr = options->lr,
                   .decay = options->weight_decay,
                   .momentum = options->momentum,
                   .keep = 1 - options->dampening,
                   .beta1 = options->beta1,
                   .beta2 = options->beta2,
                   .rest1 = 1 - options->beta1,
                   .rest2 = 1 - options->beta2,
                   .eps = options->eps,
                   .first = options->first,
                   .nesterov = options->nesterov,
                   .maximize = options->maximize,
                   .amsgrad = options->amsgrad,
                   .decoupled = options->decoupled,
                   .centered = options->centered,
                   .has_momentum = options->momentum != 0};
    double t = scalars[0] += 1, bias1 = 1 - pow(options->beta1, t),
           bias2 = 1 - pow(options->beta2, t);
    s.scale = options->lr / bias1;
    s.root = 1 / sqrt(bias2);
    if (s.decoupled) s.decay = options->lr * options->weight_decay;
    switch (rule) {
    case RT_OPTIM_adagrad: s.lr = options->lr / (1 + (t - 1) * options->lr_decay); break;
    case RT_OPTIM_nadam: prepare_nadam(&s, options, t, &scalars[1]); break;
    case RT_OPTIM_radam: {
        double share = rectification(options->beta2, t, bias2);
        s.rectified = share > 0;
        if (s.rectified) s.scale *= share * sqrt(bias2);
        break;
    }
    case RT_OPTIM_asgd: prepare_asgd(&s, options, t, &scalars[1], &scalars[2]); break;
    case RT_OPTIM_rprop:
        s.beta1 = options->eta_minus, s.beta2 = options->eta_plus;
        s.low = options->step_min, s.high = options->step_max;
        break;
    default: break;
    }
#define ROUND(name_) s.name_##_f = (float)s.name_;
    OPTIM_NUMBERS(ROUND)
#undef ROUND
    return s;
}

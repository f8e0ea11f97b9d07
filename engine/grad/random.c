// Gradients of the random family: what is written over a tensor, or drawn, does not depend on its
// values.
#include "grad/formula.h"

#define NO_DEPENDENCE(name_)                                                                       \
    GRAD(name_) {                                                                                  \
        (void)call;                                                                                \
        return OK;                                                                                 \
    }
// clang-format off
NO_DEPENDENCE(uniform_)
NO_DEPENDENCE(normal_)
NO_DEPENDENCE(exponential_)
NO_DEPENDENCE(bernoulli_)
NO_DEPENDENCE(bernoulli_tensor_)
NO_DEPENDENCE(random_)
NO_DEPENDENCE(bernoulli)
NO_DEPENDENCE(poisson)
NO_DEPENDENCE(binomial)
// clang-format on

// A draw is the quantile of a fixed uniform number: it moves with the parameter (Figurnov, Mohamed,
// Mnih: "Implicit reparameterization gradients", 2018).
GRAD(standard_gamma) {
    GIVE(0, rt_mul(G(0), rt_standard_gamma_grad(X(0), Y(0))));
    return OK;
}

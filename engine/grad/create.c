// Gradients of the create family.
#include "grad/formula.h"

GRAD(tril) {
    GIVE(0, rt_tril(G(0), *A(diagonal)));
    return OK;
}
GRAD(triu) {
    GIVE(0, rt_triu(G(0), *A(diagonal)));
    return OK;
}

// Gradients of the cast family. The tape casts a gradient to the dtype of the input, and sums what
// was broadcast. Of the input that copy_, fill_ and zero_ overwrite nothing is left: its gradient is zero.
#include "grad/formula.h"

GRAD(cast) {
    GIVE(0, G(0));
    return OK;
}
GRAD(copy_) {
    GIVE(1, G(0));
    return OK;
}
GRAD(fill_) {
    GIVE(1, G(0));
    return OK;
}
GRAD(zero_) {
    (void)call;
    return OK;
}

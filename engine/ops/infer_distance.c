// Rules of distances.
#include "ops/call.h"

#include <string.h>

static Status check_pair(const OpCall *call, const RtTensor *a, const RtTensor *b) {
    double p = ATTRS_OF(call, distance)->p;
    if (!(p >= 0))
        return call_fail(call, ERR_VALUE, "only supports non-negative p values, got %g", p);
    if (a->ndim < 2 || b->ndim < 2)
        return call_fail(call, ERR_SHAPE, "x1 (%s) and x2 (%s) must have at least 2 dimensions",
                         shape_words(a), shape_words(b));
    int n = a->ndim;
    bool fits = b->ndim == n && a->shape[n - 1] == b->shape[n - 1] &&
                !memcmp(a->shape, b->shape, (size_t)(n - 2) * sizeof *a->shape);
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "x1 (%s) and x2 (%s) must agree in their last dimension and in all "
                         "before the last two",
                         shape_words(a), shape_words(b));
    return OK;
}

Status infer_CDIST(OpCall *call) {
    TRY(check_pair(call, call->in[0], call->in[1]));
    call->shape[0] = shape_of(call->in[0]);
    call->shape[0].dim[call->shape[0].n - 1] = call->in[1]->shape[call->in[1]->ndim - 2];
    return OK;
}

Status infer_CDIST_BACKWARD(OpCall *call) {
    RtTensor *const *in = call->in;
    TRY(check_pair(call, in[1], in[2]));
    RtShape out = shape_of(in[1]);
    out.dim[out.n - 1] = in[2]->shape[in[2]->ndim - 2];
    if (!shape_is(in[0], &out) || !shape_is(in[3], &out))
        return call_fail(call, ERR_SHAPE, "the gradient (%s) and the distances (%s) do not fit",
                         shape_words(in[0]), shape_words(in[3]));
    call->shape[0] = shape_of(in[1]);
    call->shape[1] = shape_of(in[2]);
    return OK;
}

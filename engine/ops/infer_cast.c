// The shape rules of what writes over a tensor.
#include "ops/call.h"

#include <string.h>

// Input 1 must broadcast to the shape of self, which does not change.
Status infer_COPY(OpCall *call) {
    const RtTensor *self = call->in[0], *source = call->in[1];
    RtShape shape = shape_of(self), wide = shape;
    TRY(shape_broadcast(call, &wide, source));
    if (wide.n != shape.n || memcmp(wide.dim, shape.dim, (size_t)shape.n * sizeof *shape.dim))
        return call_fail(
            call, ERR_SHAPE,
            "a tensor of shape (%s) does not broadcast to the shape (%s) that is written to",
            shape_words(source), shape_words(self));
    call->shape[0] = shape;
    return OK;
}

Status infer_FILL(OpCall *call) {
    if (call->in[1]->ndim != 0)
        return call_fail(
            call, ERR_SHAPE,
            "the value must be a number or a 0-dimensional tensor, but it has shape (%s)",
            shape_words(call->in[1]));
    call->shape[0] = shape_of(call->in[0]);
    return OK;
}

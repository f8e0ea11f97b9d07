// ops/made.h: short words of ops that are made of others. All pass a NULL on: what failed has left
// its message.
#pragma once

#include "ops/layout.h"

static inline Status give(OpCall *call, RtTensor *result) {
    call->out[0] = result;
    return result ? OK : error_code();
}

static inline RtTensor *shaped(RtTensor *x, RtInts shape) {
    return rt_reshape(x, WITH(shape, .shape = shape));
}
static inline RtTensor *view_as_shape(RtTensor *x, const RtShape *shape) {
    return rt_view(x, WITH(size, .size = ints_of(shape)));
}
static inline RtTensor *expand_to(RtTensor *x, const RtShape *shape) {
    return rt_expand(x, WITH(size, .size = ints_of(shape)));
}

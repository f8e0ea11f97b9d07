#include "ops/call.h"

Status made_softmin(OpCall *call) {
    call->out[0] = rt_softmax(rt_neg(call->in[0]), *ATTRS_OF(call, dim));
    return call->out[0] ? OK : error_code();
}

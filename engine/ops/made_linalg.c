// Linear algebra that is written in factorisations.
#include "ops/made.h"

#include <math.h>
#include <string.h>

Status made_det(OpCall *call) {
    RtTensor *sign, *logs;
    TRY(rt_slogdet(call->in[0], &sign, &logs));
    return give(call, rt_mul(sign, rt_exp(logs)));
}

Status made_logdet(OpCall *call) {
    RtTensor *sign, *logs;
    TRY(rt_slogdet(call->in[0], &sign, &logs));
    RtTensor *zero = rt_tensor_scalar(rt_int(0), RT_I64, true);
    return give(call, rt_masked_fill(logs, rt_lt(sign, zero),
                                     rt_tensor_scalar(rt_float(NAN), RT_F64, true)));
}

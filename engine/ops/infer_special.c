// Dtype rules of the special functions.
#include "ops/call.h"

Status dtype_FREXP(OpCall *call) {
    TRY(dtype_FLOAT_KEEP(call));
    call->dtype[1] = RT_I32;
    return OK;
}

Status dtype_WHOLE(OpCall *call) {
    TRY(dtype_PROMOTE(call));
    if (rt_dtype_kind(call->compute) != RT_KIND_INT)
        return call_fail(call, ERR_DTYPE, "the inputs are of dtype %s: integers are needed",
                         rt_dtype_name(call->compute));
    return OK;
}

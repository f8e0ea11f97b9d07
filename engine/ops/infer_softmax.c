#include "ops/call.h"

// The attribute dtype, or the input's; it must be a floating-point dtype.
Status dtype_FLOAT_AS(OpCall *call) {
    RtDtype dtype = dtype_or(ATTRS_OF(call, dim)->dtype, (RtDtype)call->in[0]->dtype);
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "the dtype must be floating-point, got %s: pass dtype= or convert the "
                         "input with .float()",
                         rt_dtype_name(dtype));
    call->compute = call->dtype[0] = dtype;
    return OK;
}

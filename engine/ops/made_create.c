// Tensors in the likeness of others.
#include "ops/made.h"

#include <string.h>

// The attributes of the call, completed by what self says: its dtype and device, and its shape
// unless `size` is given.
static RtAttrs_factory like_self(const OpCall *call, bool shape) {
    RtAttrs_factory attrs = *ATTRS_OF(call, factory);
    const RtTensor *self = call->in[0];
    attrs.dtype = dtype_or(attrs.dtype, (RtDtype)self->dtype);
    if (attrs.device.type == RT_DEVICE_NONE) attrs.device = self->device;
    if (!shape) return attrs;
    attrs.size.n = self->ndim;
    memcpy(attrs.size.v, self->shape, (size_t)self->ndim * sizeof *self->shape);
    return attrs;
}

Status made_empty_like(OpCall *call) { return give(call, rt_empty(like_self(call, true))); }
Status made_zeros_like(OpCall *call) { return give(call, rt_zeros(like_self(call, true))); }
Status made_ones_like(OpCall *call) { return give(call, rt_ones(like_self(call, true))); }
Status made_full_like(OpCall *call) { return give(call, rt_full(like_self(call, true))); }
Status made_new_empty(OpCall *call) { return give(call, rt_empty(like_self(call, false))); }
Status made_new_zeros(OpCall *call) { return give(call, rt_zeros(like_self(call, false))); }
Status made_new_ones(OpCall *call) { return give(call, rt_ones(like_self(call, false))); }
Status made_new_full(OpCall *call) { return give(call, rt_full(like_self(call, false))); }

Status made_scalar_tensor(OpCall *call) {
    RtAttrs_factory attrs = *ATTRS_OF(call, factory);
    attrs.size.n = 0;
    attrs.dtype = dtype_or(attrs.dtype, rt_default_dtype());
    return give(call, rt_full(attrs));
}

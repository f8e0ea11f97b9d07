// Random tensors in the likeness of others.
#include "ops/call.h"

#include <string.h>

static Status give(OpCall *call, RtTensor *result) {
    call->out[0] = result;
    return result ? OK : error_code();
}

static void take_shape(RtAttrs_random *attrs, const RtShape *shape) {
    attrs->size.n = shape->n;
    memcpy(attrs->size.v, shape->dim, (size_t)shape->n * sizeof *shape->dim);
}

static RtAttrs_random like_tensor(const OpCall *call, const RtTensor *tensor) {
    RtAttrs_random attrs = *ATTRS_OF(call, random);
    RtShape shape = shape_of(tensor);
    take_shape(&attrs, &shape);
    attrs.dtype = dtype_or(attrs.dtype, (RtDtype)tensor->dtype);
    if (attrs.device.type == RT_DEVICE_NONE) attrs.device = tensor->device;
    return attrs;
}

Status made_rand_like(OpCall *call) { return give(call, rt_rand(like_tensor(call, call->in[0]))); }
Status made_randn_like(OpCall *call) {
    return give(call, rt_randn(like_tensor(call, call->in[0])));
}
Status made_randint_like(OpCall *call) {
    return give(call, rt_randint(like_tensor(call, call->in[0])));
}

Status made_bernoulli_p(OpCall *call) {
    RtTensor *fresh =
        rt_empty(WITH(factory, .size = like_tensor(call, call->in[0]).size,
                      .dtype = (RtDtype)call->in[0]->dtype, .device = call->in[0]->device));
    return give(call, rt_bernoulli_(fresh, *ATTRS_OF(call, random)));
}

// A sample takes no gradient back to its mean, as in PyTorch.
Status made_normal_mean(OpCall *call) {
    RtAttrs_random attrs = like_tensor(call, call->in[0]);
    attrs.mean = 0;
    return give(call, rt_add(rt_detach(call->in[0]), rt_normal(attrs), rt_defaults_alpha()));
}

Status made_normal_tensors(OpCall *call) {
    RtTensor *mean = call->in[0], *std = call->in[1],
             *zero = rt_tensor_scalar(rt_int(0), (RtDtype)std->dtype, true),
             *valid = rt_all(rt_ge(std, zero), rt_defaults_reduce());
    if (!valid) return error_code();
    if (!rt_scalar_int(rt_tensor_item(valid, 0)))
        return call_fail(call, ERR_VALUE, "every element of std must be 0 or more");
    RtShape shape = shape_of(mean);
    TRY(shape_broadcast(call, &shape, std));
    RtAttrs_random attrs = like_tensor(call, std);
    take_shape(&attrs, &shape);
    attrs.mean = 0;
    attrs.std = 1;
    return give(call, rt_add(rt_mul(rt_randn(attrs), rt_detach(std)), rt_detach(mean),
                             rt_defaults_alpha()));
}

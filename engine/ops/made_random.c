// Random tensors in the likeness of others.
#include "ops/made.h"

#include <math.h>
#include <string.h>

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

// Distributions that are functions of others ------------------------------------------------------

static RtTensor *fresh_floats(const RtTensor *like) {
    RtShape shape = shape_of(like);
    RtAttrs_factory attrs = rt_defaults_factory();
    attrs.size.n = shape.n;
    memcpy(attrs.size.v, shape.dim, (size_t)shape.n * sizeof *shape.dim);
    attrs.dtype = like->dtype == RT_F64 ? RT_F64 : RT_F32;
    attrs.device = like->device;
    return rt_empty(attrs);
}

static RtTensor *real(double value) { return rt_tensor_scalar(rt_float(value), RT_F64, true); }
static RtTensor *plus(RtTensor *x, double shift) {
    return rt_add(x, real(shift), rt_defaults_alpha());
}
static RtTensor *times(RtTensor *x, double factor) { return rt_mul(x, real(factor)); }

static Status fill_with(OpCall *call, RtTensor *values) {
    return give(call, values ? rt_copy_(call->in[0], values, rt_defaults_cast()) : NULL);
}

static Status needs_floats(const OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(
            call, ERR_DTYPE,
            "there is no such distribution of %s values: a floating-point dtype is needed",
            rt_dtype_name(dtype));
    return OK;
}

Status made_cauchy_(OpCall *call) {
    const RtAttrs_spread *a = ATTRS_OF(call, spread);
    TRY(needs_floats(call));
    if (!(a->sigma > 0))
        return call_fail(call, ERR_VALUE, "sigma must be above 0, but it is %g", a->sigma);
    RtTensor *u = fresh_floats(call->in[0]);
    u = u ? rt_uniform_(u, WITH(random, .from = -0.5, .to = 0.5, .generator = a->generator)) : NULL;
    return fill_with(call,
                     plus(times(rt_tan(times(u, 3.14159265358979323846)), a->sigma), a->median));
}

Status made_log_normal_(OpCall *call) {
    const RtAttrs_spread *a = ATTRS_OF(call, spread);
    TRY(needs_floats(call));
    if (!(a->std > 0))
        return call_fail(call, ERR_VALUE, "std must be above 0, but it is %g", a->std);
    RtTensor *x = fresh_floats(call->in[0]);
    x = x ? rt_normal_(x, WITH(random, .mean = a->mean, .std = a->std, .generator = a->generator))
          : NULL;
    return fill_with(call, rt_exp(x));
}

// An exponential number of rate -log(1 - p), rounded up.
Status made_geometric_(OpCall *call) {
    const RtAttrs_spread *a = ATTRS_OF(call, spread);
    if (call->in[0]->dtype == RT_BOOL) // all of them would be true
        return call_fail(
            call, ERR_DTYPE,
            "numbers of trials cannot be bools: an integer or floating-point dtype is needed");
    if (!(a->p > 0 && a->p < 1))
        return call_fail(call, ERR_VALUE, "p must be between 0 and 1, but it is %g", a->p);
    RtTensor *x = fresh_floats(call->in[0]);
    x = x ? rt_exponential_(x, WITH(random, .lambd = -log1p(-a->p), .generator = a->generator))
          : NULL;
    RtTensor *trials = rt_clamp(rt_ceil(x), WITH(clamp, .min = rt_int(1)));
    return fill_with(call, trials);
}

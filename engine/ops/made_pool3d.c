// Pooling of volumes: a window is the product of a window of a plane and one of depth, so planes
// are pooled first and then, with the pooled planes laid out as rows, depth. Maxima keep their
// order (the first of equals wins), and means divide by the product of the two counts.
#include "ops/made.h"

typedef struct Volume {
    int64_t count, depth, height, width; // count: volumes
} Volume;

static Status take_volume(const OpCall *call, Volume *out) {
    const RtTensor *x = call->in[0];
    int n = x->ndim;
    if (n != 4 && n != 5)
        return call_fail(call, ERR_SHAPE,
                         "input must have 5 dimensions (N, C, D, H, W) or 4 (C, D, H, W), but its "
                         "shape is (%s)",
                         shape_words(x));
    *out = (Volume){n == 5 ? x->shape[0] * x->shape[1] : x->shape[0], x->shape[n - 3],
                    x->shape[n - 2], x->shape[n - 1]};
    if (out->depth < 1 || out->height < 1 || out->width < 1)
        return call_fail(call, ERR_SHAPE, "input (%s) has no pixels: only the batch may be empty",
                         shape_words(x));
    return OK;
}

// A setting of three dimensions, or of one for all, as that of depth or of a plane.
static Status divide(const OpCall *call, const char *name, RtInts given, RtInts neutral,
                     RtInts *out_depth, RtInts *out_plane) {
    if (given.n < 1 || (given.n == 2 && given.v[0] == neutral.v[0] && given.v[1] == neutral.v[0])) {
        *out_depth = *out_plane = neutral; // not given, or the attributes' own default
        return OK;
    }
    if (given.n != 1 && given.n != 3)
        return call_fail(call, ERR_VALUE, "%s must be one or three integers, not %d", name,
                         given.n);
    bool one = given.n == 1;
    *out_depth = RT_INTS(given.v[0], neutral.v[0]);
    *out_plane = RT_INTS(given.v[one ? 0 : 1], given.v[one ? 0 : 2]);
    return OK;
}

// The attributes of the two steps. Along depth an image is (D, H'·W'), whose columns stay apart.
static Status two_steps(const OpCall *call, RtAttrs_pool *depth, RtAttrs_pool *plane) {
    const RtAttrs_pool *attrs = ATTRS_OF(call, pool);
    *depth = *plane = *attrs;
    const RtInts one = RT_INTS(1, 1), none = RT_INTS(0, 0);
    if (attrs->kernel_size.n != 1 && attrs->kernel_size.n != 3)
        return call_fail(call, ERR_VALUE, "kernel_size must be one or three integers, not %d",
                         attrs->kernel_size.n < 0 ? 0 : attrs->kernel_size.n);
    TRY(divide(call, "kernel_size", attrs->kernel_size, one, &depth->kernel_size,
               &plane->kernel_size));
    TRY(divide(call, "stride", attrs->stride.n > 0 ? attrs->stride : attrs->kernel_size, one,
               &depth->stride, &plane->stride));
    TRY(divide(call, "padding", attrs->padding, none, &depth->padding, &plane->padding));
    return divide(call, "dilation", attrs->dilation, one, &depth->dilation, &plane->dilation);
}

static Status adaptive_steps(const OpCall *call, RtAttrs_pool *depth, RtAttrs_pool *plane) {
    RtInts size = ATTRS_OF(call, pool)->output_size;
    if (size.n != 1 && size.n != 3)
        return call_fail(call, ERR_VALUE, "output_size must be one or three integers, not %d",
                         size.n < 0 ? 0 : size.n);
    *depth = *plane = rt_defaults_pool();
    depth->output_size = RT_INTS(size.v[0], 1);
    plane->output_size = RT_INTS(size.v[size.n == 1 ? 0 : 1], size.v[size.n == 1 ? 0 : 2]);
    return OK;
}

typedef Status (*Steps)(const OpCall *call, RtAttrs_pool *depth, RtAttrs_pool *plane);

// A pooled (count, depth, rest) as the input's shape with the last three dimensions replaced.
static RtTensor *give_volume(const OpCall *call, RtTensor *y, int64_t depth, int64_t height,
                             int64_t width) {
    const RtTensor *x = call->in[0];
    RtInts shape = {.n = x->ndim};
    for (int i = 0; i < x->ndim - 3; i++) shape.v[i] = x->shape[i];
    shape.v[x->ndim - 3] = depth;
    shape.v[x->ndim - 2] = height;
    shape.v[x->ndim - 1] = width;
    return shaped(y, shape);
}

// Maxima --------------------------------------------------------------------------------------

// at_depth: positions in the (D, H'·W') of pooled planes; at_plane: where each of those was in its
// plane.
static RtTensor *volume_index(RtTensor *at_depth, RtTensor *at_plane, const Volume *v,
                              int64_t area) {
    RtTensor *inside = rt_gather(shaped(at_plane, RT_INTS(v->count, v->depth * area)), at_depth,
                                 WITH(gather, .dim = 1));
    RtTensor *depth = rt_floor_divide(at_depth, rt_tensor_scalar(rt_int(area), RT_I64, true));
    RtTensor *plane = rt_tensor_scalar(rt_int(v->height * v->width), RT_I64, true);
    return rt_add(inside, rt_mul(depth, plane), rt_defaults_alpha());
}

typedef Status (*MaxPool)(RtTensor *x, RtAttrs_pool attrs, RtTensor **values, RtTensor **indices);

static Status max_volume(OpCall *call, MaxPool pool, Steps steps) {
    Volume v;
    RtAttrs_pool depth, plane;
    RtTensor *values, *at_plane, *at_depth;
    TRY(take_volume(call, &v));
    TRY(steps(call, &depth, &plane));
    TRY(pool(shaped(call->in[0], RT_INTS(v.count, v.depth, v.height, v.width)), plane, &values,
             &at_plane));
    int64_t height = values->shape[2], width = values->shape[3], area = height * width;
    if (depth.output_size.n > 0) depth.output_size.v[1] = area;
    if (area == 0) { // an adaptive size of 0
        int64_t out = depth.output_size.v[0];
        call->out[0] = give_volume(call, values, out, height, width);
        call->out[1] = give_volume(call, at_plane, out, height, width);
        return call->out[0] && call->out[1] ? OK : error_code();
    }
    TRY(pool(shaped(values, RT_INTS(v.count, v.depth, area)), depth, &values, &at_depth));
    int64_t out = values->shape[1];
    call->out[0] = give_volume(call, values, out, height, width);
    at_depth = shaped(at_depth, RT_INTS(v.count, out * area));
    call->out[1] =
        give_volume(call, volume_index(at_depth, at_plane, &v, area), out, height, width);
    return call->out[0] && call->out[1] ? OK : error_code();
}

Status made_max_pool3d(OpCall *call) { return max_volume(call, rt_max_pool2d, two_steps); }
Status made_adaptive_max_pool3d(OpCall *call) {
    return max_volume(call, rt_adaptive_max_pool2d, adaptive_steps);
}

// Means ---------------------------------------------------------------------------------------

// f16 and bf16 are rounded once, at the end.
static RtTensor *widened(RtTensor *x) {
    bool narrow = x->dtype == RT_F16 || x->dtype == RT_BF16;
    return narrow ? rt_cast(x, WITH(cast, .dtype = RT_F32)) : x;
}

static Status mean_volume(OpCall *call, RtTensor *(*pool)(RtTensor *x, RtAttrs_pool attrs),
                          Steps steps) {
    Volume v;
    RtAttrs_pool depth, plane;
    TRY(take_volume(call, &v));
    TRY(steps(call, &depth, &plane));
    if (plane.divisor_override != RT_INT_NONE) plane.divisor_override = 1; // divided once
    RtTensor *x = widened(call->in[0]);
    RtTensor *y = pool(shaped(x, RT_INTS(v.count, v.depth, v.height, v.width)), plane);
    if (!y) return error_code();
    int64_t height = y->shape[2], width = y->shape[3], out = depth.output_size.v[0];
    if (depth.output_size.n > 0) depth.output_size.v[1] = height * width;
    if (height * width > 0) { // 0: an adaptive size of 0
        y = pool(shaped(y, RT_INTS(v.count, v.depth, height * width)), depth);
        if (!y) return error_code();
        out = y->shape[1];
    }
    y = give_volume(call, y, out, height, width);
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    return give(call, y && y->dtype != (int8_t)dtype ? rt_cast(y, WITH(cast, .dtype = dtype)) : y);
}

Status made_avg_pool3d(OpCall *call) { return mean_volume(call, rt_avg_pool2d, two_steps); }
Status made_adaptive_avg_pool3d(OpCall *call) {
    return mean_volume(call, rt_adaptive_avg_pool2d, adaptive_steps);
}

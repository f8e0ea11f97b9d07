// Convolutions of volumes, written in conv2d: the depth taps of a channel become channels of their
// own, so that each position in depth is one image of conv2d.
//
//     images[n, z][c, k] = input[n, c, z · stride + k · dilation − padding]
//
// Those images are one geometry of the input padded in depth (`depth_windows`), and
// conv_transpose3d adds at the same geometry. D, H, W: sizes of the input; k: of the kernel.
#include "ops/made.h"

enum { DEPTH, HEIGHT, WIDTH };

typedef struct Volume {
    int64_t batch, channels, size[3]; // of the input
    int64_t kernel[3], stride[3], padding[3], dilation[3], groups;
} Volume;

static Status triple_of(const OpCall *call, const char *name, RtInts given, int64_t least,
                        int64_t otherwise, int64_t *out) {
    if (given.n < 0) given = RT_INTS(otherwise);
    if (given.n == 2 && given.v[0] == otherwise && given.v[1] == otherwise)
        given = RT_INTS(otherwise); // the attributes' own default, which is conv2d's
    if (given.n != 1 && given.n != 3)
        return call_fail(call, ERR_VALUE, "%s must be one or three integers, not %d", name,
                         given.n);
    for (int i = 0; i < 3; i++) {
        out[i] = given.v[given.n == 1 ? 0 : i];
        if (out[i] < least || out[i] > INT32_MAX)
            return call_fail(call, ERR_VALUE,
                             "%s must be at least %lld and below 2^31, but is %lld", name,
                             (long long)least, (long long)out[i]);
    }
    return OK;
}

// Checks what conv3d and conv_transpose3d have in common. in_channels, out_channels: as the weight
// has them.
static Status take_volume(const OpCall *call, bool transposed, Volume *v) {
    const RtAttrs_conv *attrs = ATTRS_OF(call, conv);
    const RtTensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    TRY(triple_of(call, "stride", attrs->stride, 1, 1, v->stride));
    TRY(triple_of(call, "padding", attrs->padding, 0, 0, v->padding));
    TRY(triple_of(call, "dilation", attrs->dilation, 1, 1, v->dilation));
    v->groups = attrs->groups;
    if (v->groups < 1)
        return call_fail(call, ERR_VALUE, "groups must be at least 1, but is %lld",
                         (long long)v->groups);
    if (x->ndim != 4 && x->ndim != 5)
        return call_fail(call, ERR_SHAPE,
                         "input must have 5 dimensions (N, C, D, H, W) or 4 (C, D, H, W), but its "
                         "shape is (%s)",
                         shape_words(x));
    if (weight->ndim != 5)
        return call_fail(call, ERR_SHAPE, "weight must have 5 dimensions, but its shape is (%s)",
                         shape_words(weight));
    v->batch = x->ndim == 5 ? x->shape[0] : 1;
    v->channels = x->shape[x->ndim - 4];
    for (int i = 0; i < 3; i++) {
        v->size[i] = x->shape[x->ndim - 3 + i];
        v->kernel[i] = weight->shape[2 + i];
        if (v->kernel[i] < 1)
            return call_fail(call, ERR_SHAPE, "weight (%s) has no taps", shape_words(weight));
    }
    int64_t expected = transposed ? weight->shape[0] : weight->shape[1] * v->groups;
    if (v->channels != expected)
        return call_fail(call, ERR_SHAPE,
                         "input (%s) has %lld channels, but weight (%s) with groups=%lld expects "
                         "%lld",
                         shape_words(x), (long long)v->channels, shape_words(weight),
                         (long long)v->groups, (long long)expected);
    if (weight->shape[0] % v->groups)
        return call_fail(call, ERR_SHAPE,
                         "weight (%s) has %lld channels first, which groups=%lld does not divide",
                         shape_words(weight), (long long)weight->shape[0], (long long)v->groups);
    int64_t filters = transposed ? weight->shape[1] * v->groups : weight->shape[0];
    if (PRESENT(bias) && (bias->ndim != 1 || bias->shape[0] != filters))
        return call_fail(call, ERR_SHAPE,
                         "bias (%s) does not fit weight (%s): it must have the shape (%lld,)",
                         shape_words(bias), shape_words(weight), (long long)filters);
    return OK;
}

// (N, z, C, k, H · W) as a geometry of contiguous (N, C, D, H · W).
static RtAttrs_geometry depth_windows(const Volume *v, int64_t windows, int64_t channels,
                                      int64_t depth, int64_t area) {
    return WITH(geometry, .size = RT_INTS(v->batch, windows, channels, v->kernel[DEPTH], area),
                .stride = RT_INTS(channels * depth * area, v->stride[DEPTH] * area, depth * area,
                                  v->dilation[DEPTH] * area, 1),
                .self_size = RT_INTS(v->batch, channels, depth, area));
}

static RtAttrs_conv plane_attrs(const Volume *v) {
    return WITH(conv, .stride = RT_INTS(v->stride[HEIGHT], v->stride[WIDTH]),
                .padding = RT_INTS(v->padding[HEIGHT], v->padding[WIDTH]),
                .dilation = RT_INTS(v->dilation[HEIGHT], v->dilation[WIDTH]), .groups = v->groups);
}

// The weight with its depth taps as channels.
static RtTensor *plane_weight(RtTensor *weight) {
    const int64_t *size = weight->shape;
    return shaped(weight, RT_INTS(size[0], size[1] * size[2], size[3], size[4]));
}

// (N, C, D, H, W) without the batch where the input has none.
static Status give_volume(OpCall *call, RtTensor *y) {
    if (y && call->in[0]->ndim == 4) y = rt_select(y, WITH(slice, .dim = 0, .index = 0));
    call->out[0] = y;
    return y ? OK : error_code();
}

Status made_conv3d(OpCall *call) {
    static const char *const words[] = {"depth", "height", "width"};
    RtTensor *x = call->in[0], *weight = call->in[1];
    Volume v;
    TRY(take_volume(call, false, &v));
    for (int i = 0; i < 3; i++) {
        int64_t padded = v.size[i] + 2 * v.padding[i];
        if (v.dilation[i] * (v.kernel[i] - 1) + 1 > padded)
            return call_fail(call, ERR_SHAPE,
                             "a kernel of %lld with dilation %lld does not fit the input (%s): "
                             "%s with padding is %lld",
                             (long long)v.kernel[i], (long long)v.dilation[i], shape_words(x),
                             words[i], (long long)padded);
    }
    int64_t depth = v.size[DEPTH] + 2 * v.padding[DEPTH], area = v.size[HEIGHT] * v.size[WIDTH];
    int64_t out = (depth - v.dilation[DEPTH] * (v.kernel[DEPTH] - 1) - 1) / v.stride[DEPTH] + 1;
    x = shaped(x, RT_INTS(v.batch, v.channels, v.size[DEPTH], area));
    if (v.padding[DEPTH])
        x = rt_pad_constant(x, WITH(pad, .pad = RT_INTS(0, 0, v.padding[DEPTH], v.padding[DEPTH])));
    x = rt_as_strided_copy(x, depth_windows(&v, out, v.channels, depth, area));
    RtTensor *y = rt_conv2d(shaped(x, RT_INTS(v.batch * out, v.channels * v.kernel[DEPTH],
                                              v.size[HEIGHT], v.size[WIDTH])),
                            plane_weight(weight), call->in[2], plane_attrs(&v));
    if (!y) return error_code();
    int64_t filters = y->shape[1], height = y->shape[2], width = y->shape[3];
    y = rt_transpose(shaped(y, RT_INTS(v.batch, out, filters, height * width)),
                     WITH(dims, .dim0 = 1, .dim1 = 2));
    return give_volume(call, shaped(y, RT_INTS(v.batch, filters, out, height, width)));
}

// The gradient of conv3d with respect to its input, whose size output_padding settles.
Status made_conv_transpose3d(OpCall *call) {
    static const char *const words[] = {"depth", "height", "width"};
    RtTensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    Volume v;
    int64_t extra[3], out[3];
    TRY(take_volume(call, true, &v));
    TRY(triple_of(call, "output_padding", ATTRS_OF(call, conv)->output_padding, 0, 0, extra));
    for (int i = 0; i < 3; i++) {
        if (extra[i] >= v.stride[i] && extra[i] >= v.dilation[i])
            return call_fail(call, ERR_VALUE,
                             "output_padding (%lld) must be smaller than stride or dilation",
                             (long long)extra[i]);
        out[i] = (v.size[i] - 1) * v.stride[i] - 2 * v.padding[i] +
                 v.dilation[i] * (v.kernel[i] - 1) + extra[i] + 1;
        if (out[i] < 1)
            return call_fail(call, ERR_SHAPE,
                             "input (%s) with weight (%s) gives a result of %s %lld: padding is "
                             "too large",
                             shape_words(x), shape_words(weight), words[i], (long long)out[i]);
    }
    int64_t D = v.size[DEPTH], area = out[HEIGHT] * out[WIDTH],
            filters = weight->shape[1] * v.groups;
    x = rt_transpose(shaped(x, RT_INTS(v.batch, v.channels, D, v.size[HEIGHT] * v.size[WIDTH])),
                     WITH(dims, .dim0 = 1, .dim1 = 2));
    x = shaped(x, RT_INTS(v.batch * D, v.channels, v.size[HEIGHT], v.size[WIDTH]));
    RtAttrs_conv attrs = plane_attrs(&v);
    attrs.size = RT_INTS(out[HEIGHT], out[WIDTH]);
    RtTensor *y = rt_conv2d_backward_input(x, plane_weight(weight), attrs);
    int64_t full = (D - 1) * v.stride[DEPTH] + v.dilation[DEPTH] * (v.kernel[DEPTH] - 1) + 1;
    if (full < v.padding[DEPTH] + out[DEPTH]) full = v.padding[DEPTH] + out[DEPTH];
    y = rt_as_strided_backward(shaped(y, RT_INTS(v.batch, D, filters, v.kernel[DEPTH], area)),
                               depth_windows(&v, D, filters, full, area));
    if (full != out[DEPTH])
        y = rt_narrow(y, WITH(slice, .dim = 2, .start = v.padding[DEPTH], .length = out[DEPTH]));
    y = shaped(y, RT_INTS(v.batch, filters, out[DEPTH], out[HEIGHT], out[WIDTH]));
    if (PRESENT(bias)) y = rt_add(y, shaped(bias, RT_INTS(filters, 1, 1, 1)), rt_defaults_alpha());
    return give_volume(call, y);
}

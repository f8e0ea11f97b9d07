// Convolutions that are written in conv2d: one dimension fewer, or transposed.
#include "ops/infer_conv.h"

static RtTensor *with_height(RtTensor *x) { // (…, L) → (…, 1, L)
    return PRESENT(x) ? rt_unsqueeze(x, WITH(slice, .dim = -2)) : x;
}

static RtTensor *without_height(RtTensor *x) {
    return rt_select(x, WITH(slice, .dim = -2, .index = 0));
}

static Status need_signal(const OpCall *call) {
    const RtTensor *x = call->in[0], *weight = call->in[1];
    if (x->ndim != 2 && x->ndim != 3)
        return call_fail(
            call, ERR_SHAPE,
            "input must have 3 dimensions (N, C, L) or 2 (C, L), but its shape is (%s)",
            shape_words(x));
    if (weight->ndim != 3)
        return call_fail(call, ERR_SHAPE, "weight must have 3 dimensions, but its shape is (%s)",
                         shape_words(weight));
    return OK;
}

// A setting of one dimension as one of two, of which the height's is `height`.
static RtInts flat(RtInts given, int64_t height) {
    return RT_INTS(height, given.n > 0 ? given.v[given.n - 1] : height);
}

static RtAttrs_conv flat_attrs(const OpCall *call) {
    RtAttrs_conv attrs = *ATTRS_OF(call, conv);
    attrs.stride = flat(attrs.stride, 1);
    attrs.padding = flat(attrs.padding, 0);
    attrs.dilation = flat(attrs.dilation, 1);
    attrs.output_padding = flat(attrs.output_padding, 0);
    return attrs;
}

Status made_conv1d(OpCall *call) {
    TRY(need_signal(call));
    RtTensor *y = rt_conv2d(with_height(call->in[0]), with_height(call->in[1]), call->in[2],
                            flat_attrs(call));
    call->out[0] = without_height(y);
    return call->out[0] ? OK : error_code();
}

Status made_conv_transpose1d(OpCall *call) {
    TRY(need_signal(call));
    RtTensor *y = rt_conv_transpose2d(with_height(call->in[0]), with_height(call->in[1]),
                                      call->in[2], flat_attrs(call));
    call->out[0] = without_height(y);
    return call->out[0] ? OK : error_code();
}

// The gradient of a convolution with respect to its input, whose size output_padding settles.
Status made_conv_transpose2d(OpCall *call) {
    RtTensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    RtAttrs_conv attrs = *ATTRS_OF(call, conv);
    Convolution c;
    int64_t extra[2];
    TRY(conv_geometry(call, &c));
    TRY(pair_of(call, "output_padding", attrs.output_padding, 0, extra));
    if ((x->ndim != 4 && x->ndim != 3) || weight->ndim != 4)
        return call_fail(call, ERR_SHAPE,
                         "input (N, C, H, W) or (C, H, W) and weight (C, out/groups, kH, kW) are "
                         "needed, but they are (%s) and (%s)",
                         shape_words(x), shape_words(weight));
    if (x->shape[x->ndim - 3] != weight->shape[0])
        return call_fail(call, ERR_SHAPE,
                         "input (%s) has %lld channels, but weight (%s) expects %lld",
                         shape_words(x), (long long)x->shape[x->ndim - 3], shape_words(weight),
                         (long long)weight->shape[0]);
    int64_t channels = weight->shape[1] * c.groups;
    if (PRESENT(bias) && (bias->ndim != 1 || bias->shape[0] != channels))
        return call_fail(call, ERR_SHAPE,
                         "bias (%s) does not fit weight (%s): it must have the shape (%lld,)",
                         shape_words(bias), shape_words(weight), (long long)channels);
    attrs.size.n = 2;
    for (int i = 0; i < 2; i++) {
        if (extra[i] >= c.stride[i] && extra[i] >= c.dilation[i])
            return call_fail(call, ERR_VALUE,
                             "output_padding (%lld) must be smaller than stride or dilation",
                             (long long)extra[i]);
        attrs.size.v[i] = (x->shape[x->ndim - 2 + i] - 1) * c.stride[i] - 2 * c.padding[i] +
                          c.dilation[i] * (weight->shape[2 + i] - 1) + extra[i] + 1;
        if (attrs.size.v[i] < 1)
            return call_fail(
                call, ERR_SHAPE,
                "input (%s) with weight (%s) gives a result of %s %lld: padding is too large",
                shape_words(x), shape_words(weight), i ? "width" : "height",
                (long long)attrs.size.v[i]);
    }
    RtTensor *y = rt_conv2d_backward_input(x, weight, attrs);
    if (PRESENT(bias))
        y = rt_add(y, rt_reshape(bias, WITH(shape, .shape = RT_INTS(channels, 1, 1))),
                   WITH(alpha, .alpha = rt_int(1)));
    call->out[0] = y;
    return y ? OK : error_code();
}

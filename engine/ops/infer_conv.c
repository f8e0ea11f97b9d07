// Shape and dtype rules of convolutions.
#include "ops/infer_conv.h"

#include <inttypes.h>

Status dtype_CONV(OpCall *call) {
    TRY(dtype_ONE_DTYPE(call));
    if (rt_dtype_kind(call->compute) == RT_KIND_FLOAT) return OK;
    return call_fail(call, ERR_DTYPE,
                     "floating point tensors are needed, not %s: convert them with .to()",
                     rt_dtype_name(call->compute));
}

Status pair_of(const OpCall *call, const char *name, RtInts given, int64_t least, int64_t *out) {
    if (given.n != 1 && given.n != 2)
        return call_fail(call, ERR_VALUE, "%s must be one or two integers, not %d", name,
                         given.n < 0 ? 0 : given.n);
    out[0] = given.v[0];
    out[1] = given.v[given.n - 1];
    for (int i = 0; i < 2; i++)
        if (out[i] < least)
            return call_fail(call, ERR_VALUE, "%s must be at least %" PRId64 ", but is %" PRId64,
                             name, least, out[i]);
    return OK;
}

Status conv_geometry(const OpCall *call, Convolution *out) {
    const RtAttrs_conv *attrs = ATTRS_OF(call, conv);
    TRY(pair_of(call, "stride", attrs->stride, 1, out->stride));
    TRY(pair_of(call, "padding", attrs->padding, 0, out->padding));
    TRY(pair_of(call, "dilation", attrs->dilation, 1, out->dilation));
    if (attrs->groups < 1)
        return call_fail(call, ERR_VALUE, "groups must be at least 1, but is %" PRId64,
                         attrs->groups);
    out->groups = attrs->groups;
    for (int i = 0; i < 2; i++) // so that no size computed from them overflows
        if (out->stride[i] > INT32_MAX || out->padding[i] > INT32_MAX ||
            out->dilation[i] > INT32_MAX)
            return call_fail(call, ERR_VALUE, "stride, padding and dilation must be below 2^31");
    return OK;
}

static Status need_image(const OpCall *call, int input, const char *name) {
    const RtTensor *x = call->in[input];
    if (x->ndim == 3 || x->ndim == 4) return OK;
    return call_fail(call, ERR_SHAPE,
                     "%s must have 4 dimensions (N, C, H, W) or 3 (C, H, W), but its shape is (%s)",
                     name, shape_words(x));
}

static void image_of(const RtTensor *x, int64_t *out_batch, int64_t *out_channels,
                     int64_t *out_size) {
    *out_batch = x->ndim == 4 ? x->shape[0] : 1;
    *out_channels = x->shape[x->ndim - 3];
    out_size[0] = x->shape[x->ndim - 2];
    out_size[1] = x->shape[x->ndim - 1];
}

static Status take_weight(const OpCall *call, const RtTensor *weight, Convolution *out) {
    if (weight->ndim != 4)
        return call_fail(
            call, ERR_SHAPE,
            "weight must have 4 dimensions (out, in/groups, kH, kW), but its shape is (%s)",
            shape_words(weight));
    out->out_channels = weight->shape[0];
    out->kernel[0] = weight->shape[2];
    out->kernel[1] = weight->shape[3];
    if (weight->shape[0] % out->groups)
        return call_fail(call, ERR_SHAPE,
                         "weight (%s) has %" PRId64 " output channels, which groups=%" PRId64
                         " does not divide",
                         shape_words(weight), weight->shape[0], out->groups);
    return OK;
}

// Height and width of the result from those of the input.
static Status take_output(const OpCall *call, Convolution *out) {
    for (int i = 0; i < 2; i++) {
        int64_t padded = out->size[i] + 2 * out->padding[i],
                reach = out->dilation[i] * (out->kernel[i] - 1) + 1;
        if (out->kernel[i] < 1 || reach > padded)
            return call_fail(call, ERR_SHAPE,
                             "a kernel of (%" PRId64 ", %" PRId64 ") with dilation %" PRId64
                             " does not fit the input: %s is %" PRId64 ", with padding %" PRId64,
                             out->kernel[0], out->kernel[1], out->dilation[i],
                             i ? "width" : "height", out->size[i], padded);
        out->out[i] = (padded - reach) / out->stride[i] + 1;
    }
    return OK;
}

static void give_image(OpCall *call, int ndim, int64_t batch, int64_t channels,
                       const int64_t *size) {
    call->shape[0].n = ndim;
    call->shape[0].dim[0] = batch;
    call->shape[0].dim[ndim - 3] = channels;
    call->shape[0].dim[ndim - 2] = size[0];
    call->shape[0].dim[ndim - 1] = size[1];
}

Status infer_CONV2D(OpCall *call) {
    Convolution conv;
    return conv2d_describe(call, &conv);
}

Status conv2d_describe(OpCall *call, Convolution *out) {
    const RtTensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    TRY(conv_geometry(call, out));
    TRY(need_image(call, 0, "input"));
    TRY(take_weight(call, weight, out));
    image_of(x, &out->batch, &out->in_channels, out->size);
    if (out->in_channels != weight->shape[1] * out->groups)
        return call_fail(call, ERR_SHAPE,
                         "input (%s) has %" PRId64 " channels, but weight (%s) with groups=%" PRId64
                         " expects %" PRId64,
                         shape_words(x), out->in_channels, shape_words(weight), out->groups,
                         weight->shape[1] * out->groups);
    if (PRESENT(bias) && (bias->ndim != 1 || bias->shape[0] != out->out_channels))
        return call_fail(call, ERR_SHAPE,
                         "bias (%s) does not fit weight (%s): it must have the shape (%" PRId64
                         ",)",
                         shape_words(bias), shape_words(weight), out->out_channels);
    TRY(take_output(call, out));
    give_image(call, x->ndim, out->batch, out->out_channels, out->out);
    return OK;
}

// The gradient may be smaller than what conv2d would give for `size`: a transposed convolution with
// output padding.
static Status check_grad(const OpCall *call, Convolution *conv, const RtTensor *grad) {
    int64_t batch, channels, size[2];
    image_of(grad, &batch, &channels, size);
    TRY(take_output(call, conv));
    if (channels != conv->out_channels || size[0] > conv->out[0] || size[1] > conv->out[1])
        return call_fail(call, ERR_SHAPE,
                         "grad (%s) does not fit: %" PRId64 " channels of at most (%" PRId64
                         ", %" PRId64 ") are expected",
                         shape_words(grad), conv->out_channels, conv->out[0], conv->out[1]);
    conv->out[0] = size[0];
    conv->out[1] = size[1];
    return OK;
}

Status infer_CONV2D_BACKWARD_INPUT(OpCall *call) {
    Convolution conv;
    return conv2d_backward_input_describe(call, &conv);
}

Status conv2d_backward_input_describe(OpCall *call, Convolution *out) {
    const RtTensor *grad = call->in[0], *weight = call->in[1];
    TRY(conv_geometry(call, out));
    TRY(need_image(call, 0, "grad"));
    TRY(take_weight(call, weight, out));
    TRY(pair_of(call, "size", ATTRS_OF(call, conv)->size, 0, out->size));
    out->batch = grad->ndim == 4 ? grad->shape[0] : 1;
    out->in_channels = weight->shape[1] * out->groups;
    TRY(check_grad(call, out, grad));
    give_image(call, grad->ndim, out->batch, out->in_channels, out->size);
    return OK;
}

Status infer_CONV2D_BACKWARD_WEIGHT(OpCall *call) {
    Convolution conv;
    return conv2d_backward_weight_describe(call, &conv);
}

Status conv2d_backward_weight_describe(OpCall *call, Convolution *out) {
    const RtTensor *grad = call->in[0], *x = call->in[1];
    TRY(conv_geometry(call, out));
    TRY(need_image(call, 0, "grad"));
    TRY(need_image(call, 1, "input"));
    TRY(pair_of(call, "size", ATTRS_OF(call, conv)->size, 1, out->kernel));
    image_of(x, &out->batch, &out->in_channels, out->size);
    out->out_channels = grad->shape[grad->ndim - 3];
    if (grad->ndim != x->ndim || (grad->ndim == 4 && grad->shape[0] != out->batch) ||
        out->in_channels % out->groups || out->out_channels % out->groups)
        return call_fail(call, ERR_SHAPE,
                         "grad (%s) and input (%s) do not belong together with groups=%" PRId64,
                         shape_words(grad), shape_words(x), out->groups);
    TRY(check_grad(call, out, grad));
    call->shape[0] = (RtShape){
        .n = 4,
        .dim = {out->out_channels, out->in_channels / out->groups, out->kernel[0], out->kernel[1]}};
    return OK;
}

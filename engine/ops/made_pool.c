// Pooling of signals (…, L): as images one pixel high.
#include "ops/call.h"

static RtInts flat(RtInts given, int64_t height) {
    return given.n > 0 ? RT_INTS(height, given.v[given.n - 1]) : given;
}

static Status image_of(const OpCall *call, RtAttrs_pool *out_attrs, RtTensor **out_image) {
    RtTensor *x = call->in[0];
    if (x->ndim != 2 && x->ndim != 3)
        return call_fail(
            call, ERR_SHAPE,
            "input must have 3 dimensions (N, C, L) or 2 (C, L), but its shape is (%s)",
            shape_words(x));
    RtAttrs_pool attrs = *ATTRS_OF(call, pool);
    attrs.kernel_size = flat(attrs.kernel_size, 1);
    attrs.stride = flat(attrs.stride, 1);
    attrs.padding = flat(attrs.padding, 0);
    attrs.dilation = flat(attrs.dilation, 1);
    attrs.output_size = flat(attrs.output_size, 1);
    *out_attrs = attrs;
    *out_image = rt_unsqueeze(x, WITH(slice, .dim = -2));
    return *out_image ? OK : error_code();
}

static RtTensor *without_height(RtTensor *x) {
    return rt_select(x, WITH(slice, .dim = -2, .index = 0));
}

static Status give_maxima(OpCall *call, RtTensor *values, RtTensor *indices) {
    call->out[0] = without_height(values);
    call->out[1] = without_height(indices);
    return call->out[0] && call->out[1] ? OK : error_code();
}

Status made_max_pool1d(OpCall *call) {
    RtAttrs_pool attrs;
    RtTensor *image, *values, *indices;
    TRY(image_of(call, &attrs, &image));
    TRY(rt_max_pool2d(image, attrs, &values, &indices));
    return give_maxima(call, values, indices);
}

Status made_adaptive_max_pool1d(OpCall *call) {
    RtAttrs_pool attrs;
    RtTensor *image, *values, *indices;
    TRY(image_of(call, &attrs, &image));
    TRY(rt_adaptive_max_pool2d(image, attrs, &values, &indices));
    return give_maxima(call, values, indices);
}

Status made_avg_pool1d(OpCall *call) {
    RtAttrs_pool attrs;
    RtTensor *image;
    TRY(image_of(call, &attrs, &image));
    call->out[0] = without_height(rt_avg_pool2d(image, attrs));
    return call->out[0] ? OK : error_code();
}

Status made_adaptive_avg_pool1d(OpCall *call) {
    RtAttrs_pool attrs;
    RtTensor *image;
    TRY(image_of(call, &attrs, &image));
    call->out[0] = without_height(rt_adaptive_avg_pool2d(image, attrs));
    return call->out[0] ? OK : error_code();
}

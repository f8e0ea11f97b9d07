// Pooling of signals (…, L): as images one pixel high.
#include "ops/made.h"

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

static Status maxima(OpCall *call, Status (*pool)(RtTensor *x, RtAttrs_pool attrs,
                                                  RtTensor **values, RtTensor **indices)) {
    RtAttrs_pool attrs;
    RtTensor *image, *values, *indices;
    TRY(image_of(call, &attrs, &image));
    TRY(pool(image, attrs, &values, &indices));
    call->out[1] = without_height(indices);
    TRY(give(call, without_height(values)));
    return call->out[1] ? OK : error_code();
}
Status made_max_pool1d(OpCall *call) { return maxima(call, rt_max_pool2d); }
Status made_adaptive_max_pool1d(OpCall *call) { return maxima(call, rt_adaptive_max_pool2d); }

static Status means(OpCall *call, RtTensor *(*pool)(RtTensor *x, RtAttrs_pool attrs)) {
    RtAttrs_pool attrs;
    RtTensor *image;
    TRY(image_of(call, &attrs, &image));
    return give(call, without_height(pool(image, attrs)));
}
Status made_avg_pool1d(OpCall *call) { return means(call, rt_avg_pool2d); }
Status made_adaptive_avg_pool1d(OpCall *call) { return means(call, rt_adaptive_avg_pool2d); }

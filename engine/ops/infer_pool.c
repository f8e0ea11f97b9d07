// Shape and dtype rules of pooling.
#include "ops/infer_pool.h"

#include <inttypes.h>

#include "ops/infer_conv.h"

static Status all_of(OpCall *call, RtDtype dtype) {
    call->compute = dtype;
    call->dtype[0] = dtype;
    return OK;
}

Status dtype_POOL_MAX(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    if (dtype == RT_BOOL) return call_fail(call, ERR_DTYPE, "numbers are needed, not bool");
    call->dtype[1] = RT_I64;
    return all_of(call, dtype);
}

Status dtype_POOL_FLOAT(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "a floating point tensor is needed, not %s: convert it with .to()",
                         rt_dtype_name(dtype));
    return all_of(call, dtype);
}

Status dtype_POOL_FIRST(OpCall *call) {
    if (call->in[1]->dtype != RT_I64)
        return call_fail(call, ERR_DTYPE, "indices must be int64, not %s",
                         rt_dtype_name((RtDtype)call->in[1]->dtype));
    call->keep_dtype = 1 << 1;
    return dtype_POOL_FLOAT(call);
}

static Status take_image(const OpCall *call, int64_t least, int64_t *out_planes,
                         int64_t *out_size) {
    const RtTensor *x = call->in[0];
    if (x->ndim != 3 && x->ndim != 4)
        return call_fail(
            call, ERR_SHAPE,
            "input must have 4 dimensions (N, C, H, W) or 3 (C, H, W), but its shape is (%s)",
            shape_words(x));
    *out_planes = x->ndim == 4 ? x->shape[0] * x->shape[1] : x->shape[0];
    for (int i = 0; i < 2; i++) {
        out_size[i] = x->shape[x->ndim - 2 + i];
        if (out_size[i] < least)
            return call_fail(call, ERR_SHAPE,
                             "input (%s) has no pixels: only the batch may be empty",
                             shape_words(x));
    }
    return OK;
}

static void give_planes(OpCall *call, const int64_t *size) {
    const RtTensor *x = call->in[0];
    for (int i = 0; i < call->nout; i++) {
        call->shape[i] = shape_of(x);
        call->shape[i].dim[x->ndim - 2] = size[0];
        call->shape[i].dim[x->ndim - 1] = size[1];
    }
}

// kernel_size, stride, padding, dilation and what else the attributes say.
static Status take_settings(const OpCall *call, Pooling *out) {
    const RtAttrs_pool *attrs = ATTRS_OF(call, pool);
    TRY(pair_of(call, "kernel_size", attrs->kernel_size, 1, out->kernel));
    TRY(pair_of(call, "stride", attrs->stride.n > 0 ? attrs->stride : attrs->kernel_size, 1,
                out->stride));
    TRY(pair_of(call, "padding", attrs->padding, 0, out->padding));
    TRY(pair_of(call, "dilation", attrs->dilation, 1, out->dilation));
    out->count_include_pad = attrs->count_include_pad;
    out->divisor = attrs->divisor_override == RT_INT_NONE ? 0 : attrs->divisor_override;
    if (attrs->divisor_override == 0)
        return call_fail(call, ERR_VALUE, "divisor_override must not be zero");
    for (int i = 0; i < 2; i++) {
        if (out->kernel[i] > INT32_MAX || out->stride[i] > INT32_MAX ||
            out->dilation[i] > INT32_MAX)
            return call_fail(call, ERR_VALUE,
                             "kernel_size, stride and dilation must be below 2^31");
        int64_t reach = (out->kernel[i] - 1) * out->dilation[i] + 1;
        if (out->padding[i] > reach / 2)
            return call_fail(call, ERR_VALUE,
                             "padding must be at most half of the kernel, but padding is %" PRId64
                             ", kernel_size %" PRId64 " and dilation %" PRId64,
                             out->padding[i], out->kernel[i], out->dilation[i]);
    }
    return OK;
}

// The result's height and width; with ceil_mode the last window may hang over the edge, if it
// begins inside.
static Status take_output(const OpCall *call, Pooling *p) {
    bool ceil_mode = ATTRS_OF(call, pool)->ceil_mode;
    for (int i = 0; i < 2; i++) {
        int64_t room = p->size[i] + 2 * p->padding[i] - p->dilation[i] * (p->kernel[i] - 1) - 1;
        if (ceil_mode) room += p->stride[i] - 1;
        p->out[i] = room < 0 ? 0 : room / p->stride[i] + 1;
        if (ceil_mode && (p->out[i] - 1) * p->stride[i] >= p->size[i] + p->padding[i]) p->out[i]--;
        if (p->out[i] < 1)
            return call_fail(call, ERR_SHAPE,
                             "a window of (%" PRId64 ", %" PRId64
                             ") does not fit the input: %s is %" PRId64 ", with padding %" PRId64,
                             p->kernel[0], p->kernel[1], i ? "width" : "height", p->size[i],
                             p->size[i] + 2 * p->padding[i]);
    }
    return OK;
}

Status pool2d_describe(OpCall *call, Pooling *out) {
    TRY(take_image(call, 1, &out->planes, out->size));
    TRY(take_settings(call, out));
    TRY(take_output(call, out));
    give_planes(call, out->out);
    return OK;
}

Status infer_POOL2D(OpCall *call) {
    Pooling pooling;
    return pool2d_describe(call, &pooling);
}

Status pool2d_backward_describe(OpCall *call, Pooling *out) {
    *out = (Pooling){.divisor = 0};
    TRY(take_image(call, 0, &out->planes, out->out));
    TRY(pair_of(call, "output_size", ATTRS_OF(call, pool)->output_size, 1, out->size));
    const RtTensor *grad = call->in[0];
    if (call->nin == 2) { // maxima
        RtTensor *index = call->in[1];
        RtShape shape = shape_of(index);
        for (int i = 0; i < grad->ndim; i++)
            if (index->ndim != grad->ndim || shape.dim[i] != grad->shape[i])
                return call_fail(call, ERR_SHAPE, "grad (%s) and indices (%s) must have one shape",
                                 shape_words(grad), shape_words(index));
    } else if (call->row->op == OP_avg_pool2d_backward) {
        int64_t given[2] = {out->out[0], out->out[1]};
        TRY(take_settings(call, out));
        TRY(take_output(call, out));
        if (out->out[0] != given[0] || out->out[1] != given[1])
            return call_fail(call, ERR_SHAPE,
                             "grad (%s) must have the size (%" PRId64 ", %" PRId64 ")",
                             shape_words(grad), out->out[0], out->out[1]);
    }
    give_planes(call, out->size);
    return OK;
}

Status infer_POOL2D_BACKWARD(OpCall *call) {
    Pooling pooling;
    return pool2d_backward_describe(call, &pooling);
}

Status infer_POOL_TAKE(OpCall *call) {
    const RtTensor *x = call->in[0], *index = call->in[1];
    bool fits = x->ndim == index->ndim && (x->ndim == 3 || x->ndim == 4);
    for (int i = 0; fits && i < x->ndim - 2; i++) fits = x->shape[i] == index->shape[i];
    if (!fits)
        return call_fail(call, ERR_SHAPE, "self (%s) and indices (%s) must have the same planes",
                         shape_words(x), shape_words(index));
    call->shape[0] = shape_of(index);
    return OK;
}

Status adaptive_pool2d_describe(OpCall *call, Pooling *out) {
    *out = (Pooling){.divisor = 0};
    TRY(take_image(call, 1, &out->planes, out->size));
    TRY(pair_of(call, "output_size", ATTRS_OF(call, pool)->output_size, 0, out->out));
    give_planes(call, out->out);
    return OK;
}

Status infer_ADAPTIVE_POOL2D(OpCall *call) {
    Pooling pooling;
    return adaptive_pool2d_describe(call, &pooling);
}

// Rules of batch_norm, layer_norm and dropout.
#include "ops/call.h"

#include <string.h>

// Input 0 decides; statistics and the gradients of weights are float64 or float32.
Status dtype_NORM(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    for (int i = 0; i < call->nin; i++)
        if (PRESENT(call->in[i]) && rt_dtype_kind((RtDtype)call->in[i]->dtype) != RT_KIND_FLOAT)
            return call_fail(
                call, ERR_DTYPE,
                "input %d has dtype %s, a floating-point dtype is needed: convert it with .float()",
                i, rt_dtype_name((RtDtype)call->in[i]->dtype));
    call->dtype[0] = dtype;
    for (int i = 1; i < call->nout; i++) call->dtype[i] = dtype == RT_F64 ? RT_F64 : RT_F32;
    return OK;
}

static Status check_channels(const OpCall *call, int i, const char *name, int64_t channels) {
    const RtTensor *tensor = call->in[i];
    if (!PRESENT(tensor) || (tensor->ndim == 1 && tensor->numel == channels)) return OK;
    return call_fail(call, ERR_SHAPE,
                     "%s has shape (%s), the input (%s) has %lld channels: shape (%lld,) is needed",
                     name, shape_words(tensor), shape_words(call->in[0]), (long long)channels,
                     (long long)channels);
}

Status infer_BATCH_NORM(OpCall *call) {
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    const RtTensor *x = call->in[0];
    if (x->ndim < 2)
        return call_fail(
            call, ERR_SHAPE,
            "the input has shape (%s), at least 2 dimensions are needed: batch and channels",
            shape_words(x));
    int64_t channels = x->shape[1];
    TRY(check_channels(call, 1, "weight", channels));
    TRY(check_channels(call, 2, "bias", channels));
    TRY(check_channels(call, 3, "running_mean", channels));
    TRY(check_channels(call, 4, "running_var", channels));
    bool running = PRESENT(call->in[3]);
    if (running != PRESENT(call->in[4]))
        return call_fail(call, ERR_VALUE,
                         "running_mean and running_var must both be given, or none of them");
    if (!running && !attrs->training)
        return call_fail(call, ERR_VALUE,
                         "expected running_mean and running_var to be defined when training=False");
    if (attrs->training ? attrs->eps <= 0 : attrs->eps < 0)
        return call_fail(call, ERR_VALUE, "eps must %s, got %g",
                         attrs->training ? "be above 0 in training" : "not be negative",
                         attrs->eps);
    if (attrs->training && channels && x->numel == channels)
        return call_fail(
            call, ERR_VALUE,
            "expected more than 1 value per channel when training, got input of shape (%s)",
            shape_words(x));
    call->shape[0] = shape_of(x);
    call->shape[1] = call->shape[2] = (RtShape){.n = 1, .dim = {channels}};
    return OK;
}

Status infer_LAYER_NORM(OpCall *call) {
    const RtInts *normal = &ATTRS_OF(call, norm)->normalized_shape;
    const RtTensor *x = call->in[0];
    if (normal->n < 1)
        return call_fail(call, ERR_VALUE, "normalized_shape must have at least one dimension");
    RtShape wanted = {.n = normal->n};
    memcpy(wanted.dim, normal->v, sizeof wanted.dim);
    Text text = {0};
    shape_text(&text, wanted.dim, wanted.n);
    Status status = OK;
    bool fits = x->ndim >= normal->n;
    for (int i = 0; fits && i < normal->n; i++)
        fits = x->shape[x->ndim - normal->n + i] == normal->v[i];
    if (!fits)
        GUARD(
            call_fail(call, ERR_SHAPE,
                      "the input has shape (%s), its last dimensions must be normalized_shape (%s)",
                      shape_words(x), text_chars(&text)));
    for (int i = 1; i < 3; i++) {
        const RtTensor *param = call->in[i];
        if (PRESENT(param) &&
            (param->ndim != normal->n || memcmp(param->shape, normal->v, (size_t)normal->n * 8)))
            GUARD(call_fail(call, ERR_SHAPE, "%s has shape (%s), it must be normalized_shape (%s)",
                            i == 1 ? "weight" : "bias", shape_words(param), text_chars(&text)));
    }
    call->shape[0] = call->shape[1] = shape_of(x); // statistics keep the dimensions, with size 1
    for (int i = 0; i < normal->n; i++) call->shape[1].dim[x->ndim - 1 - i] = 1;
    call->shape[2] = call->shape[1];
out:
    text_clear(&text);
    return status;
}

// Inputs: grad, input, weight, mean, rstd; outputs: the gradients of input, weight, bias.
Status infer_NORM_BACKWARD(OpCall *call) {
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    const RtTensor *g = call->in[0], *x = call->in[1];
    bool batch = call->row->op == OP_batch_norm_backward;
    if (!shape_same(g, x) || g->dtype != x->dtype)
        return call_fail(call, ERR_SHAPE,
                         "the gradient (%s) must have shape and dtype of the input (%s)",
                         shape_words(g), shape_words(x));
    int64_t inner = 1;
    for (int i = 0; i < attrs->normalized_shape.n; i++) inner *= attrs->normalized_shape.v[i];
    if (batch ? x->ndim < 2 : inner <= 0 && x->numel)
        return call_fail(call, ERR_SHAPE,
                         "the input has shape (%s), which does not fit the attributes",
                         shape_words(x));
    int64_t lines = batch ? x->shape[1] : x->numel ? x->numel / inner : 0;
    RtDtype dtype = x->dtype == RT_F64 ? RT_F64 : RT_F32;
    for (int i = 3; i < 5; i++)
        if ((call->in[i]->numel != lines && x->numel) || call->in[i]->dtype != (int8_t)dtype)
            return call_fail(call, ERR_SHAPE, "statistics (%s) must be %lld numbers of dtype %s",
                             shape_words(call->in[i]), (long long)lines, rt_dtype_name(dtype));
    if (PRESENT(call->in[2]) && call->in[2]->numel != (batch ? lines : inner))
        return call_fail(call, ERR_SHAPE, "weight (%s) does not fit the input (%s)",
                         shape_words(call->in[2]), shape_words(x));
    call->shape[0] = shape_of(x);
    RtShape params = {.n = 1, .dim = {batch ? x->shape[1] : 0}};
    if (!batch) {
        params.n = attrs->normalized_shape.n;
        memcpy(params.dim, attrs->normalized_shape.v, sizeof params.dim);
    }
    if (!attrs->affine) params = (RtShape){.n = 1, .dim = {0}};
    call->shape[1] = call->shape[2] = params;
    return OK;
}

// (N, C, …) in groups: one statistic for each of N · num_groups lines.
static Status take_groups(const OpCall *call, const RtTensor *x) {
    int64_t groups = ATTRS_OF(call, norm)->num_groups;
    if (x->ndim < 2)
        return call_fail(
            call, ERR_SHAPE,
            "the input has shape (%s), at least 2 dimensions are needed: batch and channels",
            shape_words(x));
    if (groups < 1 || x->shape[1] % groups)
        return call_fail(
            call, ERR_VALUE,
            "expected number of channels in input to be divisible by num_groups, but got input of "
            "shape (%s) and num_groups=%lld",
            shape_words(x), (long long)groups);
    return OK;
}

Status infer_GROUP_NORM(OpCall *call) {
    const RtTensor *x = call->in[0];
    TRY(take_groups(call, x));
    TRY(check_channels(call, 1, "weight", x->shape[1]));
    TRY(check_channels(call, 2, "bias", x->shape[1]));
    call->shape[0] = shape_of(x);
    call->shape[1] = call->shape[2] =
        (RtShape){.n = 2, .dim = {x->shape[0], ATTRS_OF(call, norm)->num_groups}};
    return OK;
}

// Inputs: grad, input, weight, mean, rstd; outputs: the gradients of input, weight, bias.
Status infer_GROUP_NORM_BACKWARD(OpCall *call) {
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    const RtTensor *g = call->in[0], *x = call->in[1], *weight = call->in[2];
    TRY(take_groups(call, x));
    int64_t lines = x->shape[0] * attrs->num_groups;
    RtDtype dtype = x->dtype == RT_F64 ? RT_F64 : RT_F32;
    if (!shape_same(g, x) || g->dtype != x->dtype)
        return call_fail(call, ERR_SHAPE,
                         "the gradient (%s) must have shape and dtype of the input (%s)",
                         shape_words(g), shape_words(x));
    for (int i = 3; i < 5; i++)
        if (call->in[i]->numel != lines || call->in[i]->dtype != (int8_t)dtype)
            return call_fail(call, ERR_SHAPE, "statistics (%s) must be %lld numbers of dtype %s",
                             shape_words(call->in[i]), (long long)lines, rt_dtype_name(dtype));
    if (PRESENT(weight) && weight->numel != x->shape[1])
        return call_fail(call, ERR_SHAPE, "weight (%s) does not fit the input (%s)",
                         shape_words(weight), shape_words(x));
    call->shape[0] = shape_of(x);
    call->shape[1] = call->shape[2] = (RtShape){.n = 1, .dim = {attrs->affine ? x->shape[1] : 0}};
    return OK;
}

Status dtype_DROPOUT(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    double p = ATTRS_OF(call, dropout)->p;
    if (!(p >= 0 && p <= 1))
        return fail(ERR_VALUE, "dropout probability has to be between 0 and 1, but got %g", p);
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(
            call, ERR_DTYPE,
            "the input has dtype %s, a floating-point dtype is needed: convert it with .float()",
            rt_dtype_name(dtype));
    call->dtype[0] = dtype;
    call->dtype[1] = RT_BOOL;
    return OK;
}

// Two inputs of one shape, which is that of the output.
Status infer_PAIR(OpCall *call) {
    const RtTensor *a = call->in[0], *b = call->in[1];
    if (!shape_same(a, b))
        return call_fail(call, ERR_SHAPE, "shapes (%s) and (%s) must be equal", shape_words(a),
                         shape_words(b));
    call->shape[0] = shape_of(a);
    return OK;
}

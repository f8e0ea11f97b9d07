// Rules of the losses.
#include "ops/loss.h"

#include <stdio.h>
#include <string.h>

Status loss_fail(const OpCall *call, Status code, const char *format, ...) {
    char message[1500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const char *name = call->row->name, *end = strstr(name, "_index");
    if (!end && (end = strstr(name, "_pair")))
        return fail(code, "%.*s_loss: %s", (int)(end - name), name, message);
    return fail(code, "%.*s: %s", end ? (int)(end - name) : (int)strlen(name), name, message);
}

static RtShape reduced(const RtTensor *each, int64_t reduction) {
    return reduction == REDUCTION_NONE ? shape_of(each) : (RtShape){.n = 0};
}

Status infer_LOSS_PAIR(OpCall *call) {
    const RtTensor *x = call->in[0], *target = call->in[1];
    if (!shape_same(x, target))
        return loss_fail(call, ERR_SHAPE, "input (%s) and target (%s) must have one shape",
                         shape_words(x), shape_words(target));
    call->shape[0] = reduced(x, ATTRS_OF(call, loss)->reduction);
    return OK;
}

// grad, input, target
Status infer_LOSS_PAIR_BACKWARD(OpCall *call) {
    const RtTensor *g = call->in[0], *x = call->in[1], *target = call->in[2];
    bool fits =
        ATTRS_OF(call, loss)->reduction == REDUCTION_NONE ? shape_same(g, x) : g->numel == 1;
    if (!shape_same(x, target) || !fits)
        return loss_fail(call, ERR_SHAPE, "gradient (%s), input (%s) and target (%s) do not fit",
                         shape_words(g), shape_words(x), shape_words(target));
    call->shape[0] = shape_of(x);
    return OK;
}

// Class indices -----------------------------------------------------------------------------------

static Status check_classes(const OpCall *call, const RtTensor *x, const RtTensor *target,
                            const RtTensor *weight) {
    if (x->ndim < 1)
        return loss_fail(call, ERR_SHAPE,
                         "the input has no dimension of classes: shape (C) or (B, C, …) is needed");
    int at = class_dim(x);
    RtShape wanted = {.n = 0};
    for (int i = 0; i < x->ndim; i++)
        if (i != at) wanted.dim[wanted.n++] = x->shape[i];
    if (!shape_is(target, &wanted)) {
        Text text = {0};
        shape_text(&text, wanted.dim, wanted.n);
        Status status = loss_fail(
            call, ERR_SHAPE,
            "target (%s) does not fit input (%s): class indices for this input have shape (%s)",
            shape_words(target), shape_words(x), text_chars(&text));
        text_clear(&text);
        return status;
    }
    if (PRESENT(weight) && (weight->ndim != 1 || weight->numel != x->shape[at]))
        return loss_fail(
            call, ERR_SHAPE,
            "weight has shape (%s), the input (%s) has %lld classes: shape (%lld,) is needed",
            shape_words(weight), shape_words(x), (long long)x->shape[at], (long long)x->shape[at]);
    return OK;
}

// input, target, weight; the loss, of cross_entropy the logarithm of the sum, and the total weight.
Status infer_NLL(OpCall *call) {
    const RtTensor *target = call->in[1];
    TRY(check_classes(call, call->in[0], target, call->in[2]));
    call->shape[0] = reduced(target, ATTRS_OF(call, loss)->reduction);
    call->shape[1] = call->shape[2] = (RtShape){.n = 0};
    if (call->nout == 3) call->shape[1] = shape_of(target);
    return OK;
}

// grad, input, target, weight, …
Status infer_NLL_BACKWARD(OpCall *call) {
    const RtTensor *g = call->in[0], *target = call->in[2];
    TRY(check_classes(call, call->in[1], target, call->in[3]));
    bool each = ATTRS_OF(call, loss)->reduction == REDUCTION_NONE;
    if (each ? !shape_same(g, target) : g->numel != 1)
        return loss_fail(call, ERR_SHAPE, "gradient (%s) and target (%s) do not fit",
                         shape_words(g), shape_words(target));
    if (call->in[call->nin - 1]->numel != 1 || (call->nin == 6 && !shape_same(call->in[4], target)))
        return loss_fail(
            call, ERR_SHAPE,
            "lse must have the shape of the target (%s), the total weight is one number",
            shape_words(target));
    call->shape[0] = shape_of(call->in[1]);
    return OK;
}

static Status check_class_dtypes(const OpCall *call, const RtTensor *x, const RtTensor *target) {
    if (rt_dtype_kind((RtDtype)x->dtype) != RT_KIND_FLOAT)
        return loss_fail(
            call, ERR_DTYPE,
            "the input has dtype %s, a floating-point dtype is needed: convert it with .float()",
            rt_dtype_name((RtDtype)x->dtype));
    if (rt_dtype_kind((RtDtype)target->dtype) != RT_KIND_INT)
        return loss_fail(call, ERR_DTYPE, "class indices must be integers, the target has dtype %s",
                         rt_dtype_name((RtDtype)target->dtype));
    return OK;
}

Status dtype_NLL(OpCall *call) {
    TRY(check_class_dtypes(call, call->in[0], call->in[1]));
    call->compute = call->dtype[0] = (RtDtype)call->in[0]->dtype;
    call->keep_dtype = 1 << 1;
    for (int i = 1; i < call->nout; i++) call->dtype[i] = RT_F64;
    return OK;
}

Status dtype_NLL_BACKWARD(OpCall *call) {
    TRY(check_class_dtypes(call, call->in[1], call->in[2]));
    if (call->nin == 6 && call->in[4]->dtype != RT_F64)
        return loss_fail(call, ERR_DTYPE, "lse must be float64, got %s",
                         rt_dtype_name((RtDtype)call->in[4]->dtype));
    call->dtype[0] = (RtDtype)call->in[1]->dtype;
    return OK;
}

// Connectionist temporal classification -----------------------------------------------------------

static Status check_ctc(const OpCall *call, RtTensor *const *in) {
    const RtTensor *x = in[0], *targets = in[1];
    if (x->ndim != 3)
        return call_fail(call, ERR_SHAPE, "log_probs must have shape (T, N, C), but it has (%s)",
                         shape_words(x));
    if (targets->ndim != 2 || targets->shape[0] != x->shape[1])
        return call_fail(call, ERR_SHAPE,
                         "targets must have shape (N, S) with N = %lld sequences, but it has (%s)",
                         (long long)x->shape[1], shape_words(targets));
    for (int i = 1; i < 4; i++)
        if (in[i]->dtype != RT_I64)
            return call_fail(call, ERR_DTYPE,
                             "targets and lengths must have dtype int64, but one has %s",
                             rt_dtype_name((RtDtype)in[i]->dtype));
    for (int i = 2; i < 4; i++)
        if (in[i]->ndim != 1 || in[i]->numel != x->shape[1])
            return call_fail(
                call, ERR_SHAPE,
                "there must be one length a sequence: shape (%lld,) is needed, not (%s)",
                (long long)x->shape[1], shape_words(in[i]));
    int64_t blank = ATTRS_OF(call, ctc)->blank;
    if (blank < 0 || blank >= x->shape[2])
        return call_fail(call, ERR_VALUE,
                         "blank must be in label range: it is %lld, there are %lld classes",
                         (long long)blank, (long long)x->shape[2]);
    return OK;
}

Status infer_CTC(OpCall *call) {
    const RtTensor *x = call->in[0];
    TRY(check_ctc(call, call->in));
    call->shape[0] = (RtShape){.n = 1, .dim = {x->shape[1]}};
    return OK;
}

Status infer_CTC_BACKWARD(OpCall *call) { // grad, log_probs, targets, lengths twice
    TRY(check_ctc(call, call->in + 1));
    call->shape[0] = shape_of(call->in[1]);
    if (call->in[0]->ndim != 1 || call->in[0]->numel != call->in[1]->shape[1])
        return call_fail(call, ERR_SHAPE,
                         "the gradient of shape (%s) does not fit log_probs of shape (%s)",
                         shape_words(call->in[0]), shape_words(call->in[1]));
    return OK;
}

Status dtype_CTC(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "log_probs has dtype %s, a floating-point dtype is needed",
                         rt_dtype_name(dtype));
    call->dtype[0] = dtype;
    return OK;
}

Status dtype_CTC_BACKWARD(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[1]->dtype;
    if (call->in[0]->dtype != (int8_t)dtype)
        return call_fail(call, ERR_DTYPE, "the gradient has dtype %s, but log_probs has %s",
                         rt_dtype_name((RtDtype)call->in[0]->dtype), rt_dtype_name(dtype));
    call->dtype[0] = dtype;
    return OK;
}

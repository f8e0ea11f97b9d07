// Rules of attention. Shapes are those that ops/attention.def describes.
#include "ops/call.h"

static Status check_float(const OpCall *call, int first, int last) {
    for (int i = first; i <= last; i++) {
        const RtTensor *x = call->in[i];
        if (x->dtype != call->in[first]->dtype || rt_dtype_kind((RtDtype)x->dtype) != RT_KIND_FLOAT)
            return call_fail(call, ERR_DTYPE,
                             "input %d has dtype %s: all must be of one floating-point dtype", i,
                             rt_dtype_name((RtDtype)x->dtype));
    }
    return OK;
}

static RtDtype wide(RtDtype dtype) { return dtype == RT_F64 ? RT_F64 : RT_F32; }

Status dtype_ATTENTION(OpCall *call) {
    TRY(check_float(call, 0, 2));
    call->dtype[0] = (RtDtype)call->in[0]->dtype;
    call->dtype[1] = wide(call->dtype[0]);
    return OK;
}

Status dtype_ATTENTION_BACKWARD(OpCall *call) {
    TRY(check_float(call, 0, 3));
    for (int i = 0; i < 3; i++) call->dtype[i] = (RtDtype)call->in[1]->dtype;
    return OK;
}

// q, k, v, mask: inputs from `first` on.
static Status check_heads(const OpCall *call, int first) {
    const RtTensor *q = call->in[first], *k = call->in[first + 1], *v = call->in[first + 2],
                   *mask = call->in[first + 3];
    bool fits = q->ndim == 4 && k->ndim == 4 && v->ndim == 4 && k->shape[0] == q->shape[0] &&
                v->shape[0] == q->shape[0] && k->shape[1] == v->shape[1] &&
                k->shape[2] == v->shape[2] && k->shape[3] == q->shape[3];
    fits = fits && (k->shape[1] ? q->shape[1] % k->shape[1] == 0 : q->shape[1] == 0);
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "query (%s), key (%s) and value (%s) do not fit: (N, H, T, D), (N, K, S, "
                         "D) and (N, K, S, V) are needed",
                         shape_words(q), shape_words(k), shape_words(v));
    if (!PRESENT(mask)) return OK;
    int64_t full[4] = {q->shape[0], q->shape[1], q->shape[2], k->shape[2]};
    fits = mask->ndim <= 4;
    for (int i = 0; fits && i < mask->ndim; i++) {
        int64_t size = mask->shape[i];
        fits = size == 1 || size == full[4 - mask->ndim + i];
    }
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "the mask (%s) does not broadcast to the scores (%lld, %lld, %lld, %lld)",
                         shape_words(mask), (long long)full[0], (long long)full[1],
                         (long long)full[2], (long long)full[3]);
    return OK;
}

Status infer_ATTENTION(OpCall *call) {
    TRY(check_heads(call, 0));
    const int64_t *q = call->in[0]->shape;
    call->shape[0] = (RtShape){.n = 4, .dim = {q[0], q[2], q[1], call->in[2]->shape[3]}};
    call->shape[1] = (RtShape){.n = 3, .dim = {q[0], q[1], q[2]}};
    return OK;
}

Status infer_ATTENTION_BACKWARD(OpCall *call) {
    TRY(check_heads(call, 1));
    const RtTensor *q = call->in[1], *v = call->in[3], *lse = call->in[6];
    RtShape out = {.n = 4, .dim = {q->shape[0], q->shape[2], q->shape[1], v->shape[3]}};
    RtShape heads = {.n = 3, .dim = {q->shape[0], q->shape[1], q->shape[2]}};
    if (!shape_is(call->in[0], &out) || !shape_is(call->in[5], &out) || !shape_is(lse, &heads) ||
        call->in[5]->dtype != q->dtype || lse->dtype != (int8_t)wide((RtDtype)q->dtype))
        return call_fail(call, ERR_SHAPE,
                         "the gradient (%s), the output (%s) and its logsumexp (%s) do not fit "
                         "the query (%s)",
                         shape_words(call->in[0]), shape_words(call->in[5]), shape_words(lse),
                         shape_words(q));
    for (int i = 0; i < 3; i++) {
        const int64_t *x = call->in[1 + i]->shape;
        call->shape[i] = (RtShape){.n = 4, .dim = {x[0], x[2], x[1], x[3]}};
    }
    return OK;
}

Status infer_ATTENTION_KEEP(OpCall *call) {
    const RtTensor *q = call->in[0], *k = call->in[1];
    if (q->ndim != 4 || k->ndim != 4)
        return call_fail(call, ERR_SHAPE, "query (%s) and key (%s) must have 4 dimensions",
                         shape_words(q), shape_words(k));
    call->shape[0] = (RtShape){.n = 4, .dim = {q->shape[0], q->shape[1], q->shape[2], k->shape[2]}};
    return OK;
}

// Gradients of attention. The first comes from a fused kernel that computes the scores again; the
// gradient of the mask, and all that is to be differentiated again, from attention written out.
#include "grad/through.h"
#include "grad/terms.h"

#include <math.h>

// (N, T, H, ·) as (N, H, T, ·)
static RtTensor *heads_first(RtTensor *x) {
    return rt_transpose(x, WITH(dims, .dim0 = 1, .dim1 = 2));
}

// The logarithm of Σ e^score of each query.
static RtTensor *logsumexp_of(RtTensor **in, const RtAttrs_attention *attrs) {
    RtTensor *k = in[1];
    int64_t group = k->shape[1] ? in[0]->shape[1] / k->shape[1] : 1;
    if (group != 1) k = rt_repeat_interleave(k, WITH(interleave, .repeats = group, .dim = 1));
    RtTensor *scores = rt_batch_matmul(in[0], k, WITH(matmul, .transpose_b = true)), *mask = in[3];
    if (!scores) return NULL;
    scores = times(scores, rt_scalar_double(attrs->scale));
    if (attrs->is_causal) {
        RtTensor *ones = rt_ones(WITH(factory, .size = RT_INTS(in[0]->shape[2], in[1]->shape[2]),
                                      .dtype = RT_BOOL, .device = scores->device));
        mask = rt_tril(ones, rt_defaults_diagonal());
    }
    if (!mask) return NULL;
    if (PRESENT(mask))
        scores = mask->dtype == RT_BOOL
                     ? rt_masked_fill(scores, rt_logical_not(mask), grad_number(-INFINITY, scores))
                     : plus(scores, mask);
    return rt_logsumexp(scores, WITH(reduce, .dim = RT_INTS(-1)));
}

static Status written_out(GradCall *call) {
    bool recording = rt_grad_enabled();
    RtTensor *in[4], *out[2] = {RT_NONE, RT_NONE};
    RtAttrs_attention attrs = *A(attention);
    attrs.enable_gqa = true;
    rt_set_grad_enabled(true); // the gradient of the mask is asked for without recording as well
    Status status = through_inputs(call, in);
    if (status >= 0) {
        out[0] =
            heads_first(rt_scaled_dot_product_attention_math(in[0], in[1], in[2], in[3], attrs));
        if (HAS_G(1)) out[1] = logsumexp_of(in, &attrs);
        status = out[0] && out[1] ? through_gradients(call, in, out, 2) : error_code();
    }
    rt_set_grad_enabled(recording);
    return status;
}

GRAD(flash_attention) {
    if (rt_grad_enabled() || WANT(3) || HAS_G(1)) return written_out(call);
    RtTensor *dq, *dk, *dv;
    TRY(rt_scaled_dot_product_attention_backward(G(0), X(0), X(1), X(2), optional(X(3)), Y(0), Y(1),
                                                 *A(attention), &dq, &dk, &dv));
    GIVE(0, heads_first(dq));
    GIVE(1, heads_first(dk));
    GIVE(2, heads_first(dv));
    return OK;
}

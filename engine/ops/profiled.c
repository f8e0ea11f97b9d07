// A call through the door while a profiler runs.
#include "ops/door.h"

#include "base/profile.h"

// Of tensors that are there: an earlier failure may have left NULL among them.
static int64_t bytes_of(RtTensor *const *list, int n) {
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        if (list[i] && PRESENT(list[i]))
            bytes += list[i]->numel * (int64_t)rt_dtype_bytes((RtDtype)list[i]->dtype);
    return bytes;
}

// "[[64, 784], [], [128]]": an absent tensor has no brackets of its own.
static void input_shapes(Text *text, RtTensor *const *list, int n) {
    text_add(text, "[");
    for (int i = 0; i < n; i++) {
        if (i) text_add(text, ", ");
        if (!list[i] || !PRESENT(list[i])) continue;
        for (int d = 0; d < list[i]->ndim; d++)
            text_addf(text, d ? ", %lld" : "[%lld", (long long)list[i]->shape[d]);
        text_add(text, list[i]->ndim ? "]" : "[]");
    }
    text_add(text, "]");
}

static int64_t enter(const OpCall *call) {
    if (!profile_wants_shapes()) return profile_enter(RT_PROFILE_OP, call->row->name, NULL);
    Text text = {0};
    input_shapes(&text, call->in, call->nin);
    int64_t span = profile_enter(RT_PROFILE_OP, call->row->name, text_chars(&text));
    text_clear(&text);
    return span;
}

// Two for each product that is added to a sum.
static int64_t flops_of(const OpCall *call, RtTensor *const *in) {
    const RtTensor *weight;
    switch (call->row->op) {
    case OP_mm:
    case OP_bmm:
        return 2 * call->out[0]->numel *
               in[0]->shape[in[0]->ndim - (ATTRS_OF(call, matmul)->transpose_a ? 2 : 1)];
    case OP_linear: return 2 * call->out[0]->numel * in[0]->shape[in[0]->ndim - 1];
    case OP_addmm: return 2 * call->out[0]->numel * in[1]->shape[in[1]->ndim - 1];
    case OP_conv2d: // (B, K, …) from weights (K, C, …)
        weight = in[1];
        return weight->numel ? 2 * call->out[0]->numel * (weight->numel / weight->shape[0]) : 0;
    case OP_conv2d_backward_input: // of the gradient of the output and the weight
        weight = in[1];
        return weight->numel ? 2 * in[0]->numel * (weight->numel / weight->shape[0]) : 0;
    case OP_conv2d_backward_weight:
        weight = call->out[0];
        return weight->numel ? 2 * in[0]->numel * (weight->numel / weight->shape[0]) : 0;
    case OP_flash_attention: // queries by keys, and weights by values; a causal mask is not subtracted
        return 2 * in[0]->numel * in[1]->shape[in[1]->ndim - 2] +
               2 * call->out[0]->numel * in[1]->shape[in[1]->ndim - 2];
    case OP_scaled_dot_product_attention_backward: // those scores again, and the four gradients of the two products
        return 2 * in[2]->shape[in[2]->ndim - 2] * (3 * in[1]->numel + 2 * in[0]->numel);
    default: return 0;
    }
}

Status run_profiled(OpCall *call, RtTensor *const *given,
                    Status (*run)(OpCall *call, RtTensor *const *given)) {
    bool computes = call->row->kind == RT_ROW_KERNEL; // others do what the kernels inside do
    RtTensor *const *in = call->in;                   // the door puts others in their place
    ProfileWork work = {.in_bytes = computes ? bytes_of(in, call->nin) : 0};
    int64_t span = enter(call);
    Status status = run(call, given);
    if (computes && status >= 0) {
        work.out_bytes = bytes_of(call->out, call->nout);
        work.flops = flops_of(call, in);
    }
    profile_leave(span, work);
    return status;
}

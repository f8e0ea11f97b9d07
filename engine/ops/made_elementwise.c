// Elementwise ops that are made of others.
#include "ops/made.h"

Status made_clamp_min(OpCall *call) {
    return give(call, rt_clamp(call->in[0], WITH(clamp, .min = ATTRS_OF(call, clamp)->min)));
}
Status made_clamp_max(OpCall *call) {
    return give(call, rt_clamp(call->in[0], WITH(clamp, .max = ATTRS_OF(call, clamp)->max)));
}
Status made_where_method(OpCall *call) {
    return give(call, rt_where(call->in[1], call->in[0], call->in[2]));
}

// Klambauer et al., "Self-Normalizing Neural Networks" (2017), equation 2.
Status made_selu(OpCall *call) {
    return give(call, rt_elu(call->in[0], WITH(slope, .alpha = 1.6732632423543772848170429916717,
                                               .scale = 1.0507009873554804934193349852946)));
}

Status made_celu(OpCall *call) {
    double alpha = ATTRS_OF(call, slope)->alpha;
    if (alpha == 0) return call_fail(call, ERR_VALUE, "alpha must not be 0");
    return give(call, rt_elu(call->in[0], WITH(slope, .alpha = alpha, .input_scale = 1 / alpha)));
}

Status made_relu6(OpCall *call) {
    return give(call, rt_hardtanh(call->in[0], WITH(slope, .min_val = 0, .max_val = 6)));
}

Status made_softsign(OpCall *call) {
    RtTensor *one = rt_tensor_scalar(rt_int(1), RT_I64, true);
    return give(call, rt_div(call->in[0], rt_add(rt_abs(call->in[0]), one, rt_defaults_alpha()),
                             rt_defaults_divide()));
}

Status made_tanhshrink(OpCall *call) {
    return give(call, rt_sub(call->in[0], rt_tanh(call->in[0]), rt_defaults_alpha()));
}

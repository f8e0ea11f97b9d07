// Elementwise ops that are made of others.
#include "ops/call.h"

static Status give(OpCall *call, RtTensor *result) {
    call->out[0] = result;
    return result ? OK : error_code();
}

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

static Status check_lambda(const OpCall *call) {
    double lambd = ATTRS_OF(call, slope)->lambd;
    if (!(lambd >= 0))
        return call_fail(call, ERR_VALUE, "lambd must be 0 or more, but it is %g", lambd);
    return OK;
}

Status made_softshrink(OpCall *call) {
    TRY(check_lambda(call));
    double lambd = ATTRS_OF(call, slope)->lambd;
    RtTensor *inside =
        rt_clamp(call->in[0], WITH(clamp, .min = rt_float(-lambd), .max = rt_float(lambd)));
    return give(call, rt_sub(call->in[0], inside, rt_defaults_alpha()));
}

Status made_hardshrink(OpCall *call) {
    RtTensor *bound = rt_tensor_scalar(rt_float(ATTRS_OF(call, slope)->lambd), RT_F64, true);
    RtTensor *zero = rt_tensor_scalar(rt_int(0), RT_I64, true);
    return give(call, rt_where(rt_gt(rt_abs(call->in[0]), bound), call->in[0], zero));
}

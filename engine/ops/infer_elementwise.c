// The rules of the elementwise family: PyTorch's checks of what may be added, divided and clamped.
#include "ops/call.h"

static bool is_bool(const RtTensor *x) { return x->dtype == RT_BOOL; }
static RtKind kind_of(RtDtype dtype) { return rt_dtype_kind(dtype); }

static Status check_alpha(const OpCall *call) {
    RtScalar alpha = ATTRS_OF(call, alpha)->alpha;
    if (kind_of(call->compute) != RT_KIND_FLOAT && alpha.kind == RT_SCALAR_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "for %s tensors alpha must not be a floating-point number: got alpha=%g",
                         rt_dtype_name(call->compute), alpha.f);
    return OK;
}

Status dtype_ADD(OpCall *call) {
    TRY(dtype_PROMOTE(call));
    return check_alpha(call);
}

Status dtype_SUB(OpCall *call) {
    TRY(dtype_PROMOTE(call));
    if (is_bool(call->in[0]) && is_bool(call->in[1]))
        return call_fail(
            call, ERR_DTYPE,
            "subtraction, the `-` operator, with two bool tensors is not supported: use the `^` or "
            "logical_xor() operator instead");
    if ((is_bool(call->in[0]) && !call->in[0]->wrapped) ||
        (is_bool(call->in[1]) && !call->in[1]->wrapped))
        return call_fail(call, ERR_DTYPE,
                         "subtraction, the `-` operator, with a bool tensor is not supported: to "
                         "invert a mask, use the `~` "
                         "or logical_not() operator instead");
    return check_alpha(call);
}

Status dtype_DIVIDE(OpCall *call) {
    bool exact = ATTRS_OF(call, divide)->rounding_mode == 0;
    return exact ? dtype_FLOAT(call) : dtype_PROMOTE(call);
}

Status dtype_NEGATABLE(OpCall *call) {
    if (is_bool(call->in[0]))
        return call_fail(call, ERR_DTYPE,
                         "a bool tensor is not supported: to invert a mask, use the `~` or "
                         "logical_not() operator instead");
    return dtype_PROMOTE(call);
}

// A float bound turns integers into floats, an integer bound turns bools into integers.
Status dtype_CLAMP(OpCall *call) {
    RtScalar min = ATTRS_OF(call, clamp)->min, max = ATTRS_OF(call, clamp)->max;
    if (min.kind == RT_SCALAR_NONE && max.kind == RT_SCALAR_NONE)
        return call_fail(call, ERR_VALUE, "at least one of min and max must be given");
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    bool has_float = min.kind == RT_SCALAR_FLOAT || max.kind == RT_SCALAR_FLOAT;
    bool has_int = min.kind == RT_SCALAR_INT || max.kind == RT_SCALAR_INT;
    if (has_float && kind_of(dtype) != RT_KIND_FLOAT)
        dtype = rt_default_dtype();
    else if (has_int && kind_of(dtype) == RT_KIND_BOOL)
        dtype = RT_I64;
    call->compute = call->dtype[0] = dtype;
    return OK;
}

Status dtype_BOUNDS(OpCall *call) {
    if (!PRESENT(call->in[1]) && !PRESENT(call->in[2]))
        return call_fail(call, ERR_VALUE, "at least one of min and max must be given");
    return dtype_PROMOTE(call);
}

Status dtype_BITS(OpCall *call) {
    TRY(dtype_PROMOTE(call));
    if (kind_of(call->compute) == RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "the inputs are of dtype %s: integers or bools are needed",
                         rt_dtype_name(call->compute));
    return OK;
}

Status dtype_WHERE(OpCall *call) {
    if (!is_bool(call->in[0]) && call->in[0]->dtype != RT_U8) // masks of old were bytes
        return call_fail(call, ERR_DTYPE,
                         "the condition must be a bool tensor, but it has dtype %s",
                         rt_dtype_name((RtDtype)call->in[0]->dtype));
    OpCall values = *call;
    values.in = call->in + 1;
    values.nin = 2;
    TRY(dtype_PROMOTE(&values));
    call->compute = values.compute;
    call->dtype[0] = values.dtype[0];
    call->keep_dtype = 1;
    return OK;
}

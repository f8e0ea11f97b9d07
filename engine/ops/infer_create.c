// The rules of tensors that are made from nothing.
#include "ops/call.h"

#include <math.h>

static Status vector_shape(OpCall *call, int64_t n) {
    call->shape[0].n = 1;
    call->shape[0].dim[0] = n;
    return OK;
}

// ----------------------------------------------------------------------------------------- full

static bool integer_fits(int64_t value, RtDtype dtype) {
    switch (dtype) {
    case RT_U8: return value >= 0 && value <= UINT8_MAX;
    case RT_I8: return value >= INT8_MIN && value <= INT8_MAX;
    case RT_I16: return value >= INT16_MIN && value <= INT16_MAX;
    case RT_I32: return value >= INT32_MIN && value <= INT32_MAX;
    default: return true;
    }
}

Status dtype_FULL(OpCall *call) {
    TRY(dtype_FACTORY(call));
    const RtAttrs_factory *attrs = ATTRS_OF(call, factory);
    RtScalar value = attrs->fill_value;
    if (attrs->dtype == RT_DTYPE_NONE && value.kind != RT_SCALAR_FLOAT)
        call->dtype[0] = value.kind == RT_SCALAR_BOOL ? RT_BOOL : RT_I64;
    if (rt_dtype_kind(call->dtype[0]) != RT_KIND_INT) return OK;
    if (value.kind == RT_SCALAR_FLOAT && !(value.f >= -0x1p63 && value.f < 0x1p63))
        return call_fail(call, ERR_VALUE, "the value %g cannot be converted to %s", value.f,
                         rt_dtype_name(call->dtype[0]));
    if (!integer_fits(rt_scalar_int(value), call->dtype[0]))
        return call_fail(call, ERR_VALUE, "the value %lld does not fit into %s",
                         (long long)rt_scalar_int(value), rt_dtype_name(call->dtype[0]));
    return OK;
}

// --------------------------------------------------------------------------------------- ranges

static bool is_float(RtScalar number) { return number.kind == RT_SCALAR_FLOAT; }

Status dtype_ARANGE(OpCall *call) {
    TRY(dtype_FACTORY(call));
    const RtAttrs_range *attrs = ATTRS_OF(call, range);
    if (attrs->dtype == RT_DTYPE_NONE && !is_float(attrs->start) && !is_float(attrs->end) &&
        !is_float(attrs->step))
        call->dtype[0] = RT_I64;
    if (call->dtype[0] == RT_BOOL) return call_fail(call, ERR_DTYPE, "there is no range of bools");
    return OK;
}

// ceil((end - start) / step), exactly where all three are integers.
Status infer_ARANGE(OpCall *call) {
    const RtAttrs_range *attrs = ATTRS_OF(call, range);
    double start = rt_scalar_double(attrs->start), end = rt_scalar_double(attrs->end),
           step = rt_scalar_double(attrs->step);
    if (!isfinite(start) || !isfinite(end) || !isfinite(step))
        return call_fail(call, ERR_VALUE, "start, end and step must be finite: got %g, %g, %g",
                         start, end, step);
    if (step == 0) return call_fail(call, ERR_VALUE, "step must not be zero");
    if ((end - start) / step < 0)
        return call_fail(call, ERR_VALUE,
                         "end must lie in the direction of step: start %g, end %g, step %g", start,
                         end, step);
    if (is_float(attrs->start) || is_float(attrs->end) || is_float(attrs->step)) {
        double n = ceil((end - start) / step);
        if (n >= 0x1p62)
            return call_fail(call, ERR_MEMORY, "a range of %g elements is too long", n);
        return vector_shape(call, (int64_t)n);
    }
    __extension__ typedef __int128 Wide;
    Wide a = attrs->start.i, b = attrs->end.i, s = attrs->step.i;
    Wide n = s > 0 ? (b - a + s - 1) / s : (a - b - s - 1) / -s;
    if (n >= (Wide)1 << 62)
        return call_fail(call, ERR_MEMORY, "a range of %g elements is too long", (double)n);
    return vector_shape(call, (int64_t)n);
}

Status infer_STEPS(OpCall *call) {
    int64_t steps = ATTRS_OF(call, range)->steps;
    if (steps < 0)
        return call_fail(call, ERR_VALUE,
                         "the number of steps must not be negative, but it is %lld",
                         (long long)steps);
    return vector_shape(call, steps);
}

Status infer_EYE(OpCall *call) {
    const RtAttrs_range *attrs = ATTRS_OF(call, range);
    int64_t m = attrs->m == RT_INT_NONE ? attrs->n : attrs->m;
    if (attrs->n < 0 || m < 0)
        return call_fail(call, ERR_VALUE,
                         "rows and columns must not be negative: got %lld and %lld",
                         (long long)attrs->n, (long long)m);
    call->shape[0] = (RtShape){.n = 2, .dim = {attrs->n, m}};
    return OK;
}

Status infer_MATRIX(OpCall *call) {
    if (call->in[0]->ndim < 2)
        return call_fail(call, ERR_SHAPE,
                         "the input must have at least 2 dimensions, but it has shape (%s)",
                         shape_words(call->in[0]));
    return infer_SAME(call);
}

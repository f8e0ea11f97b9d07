// Rules of the reductions: which dimensions go, and the dtype of what remains.
#include "ops/dims.h"

#include <math.h>

Status dims_mask(const OpCall *call, const RtInts *dims, int ndim, uint32_t *out) {
    uint32_t mask = 0;
    for (int i = 0; i < dims->n; i++) {
        int dim;
        TRY(dim_wrap(call, dims->v[i], ndim, &dim));
        if (mask >> dim & 1)
            return call_fail(call, ERR_VALUE, "dim %d appears multiple times in the list of dims",
                             dim);
        mask |= 1u << dim;
    }
    *out = dims->n <= 0 ? UINT32_MAX : mask;
    return OK;
}

RtShape shape_reduced(const RtShape *shape, uint32_t mask, bool keepdim) {
    RtShape result = {.n = 0};
    for (int i = 0; i < shape->n; i++) {
        if (!(mask >> i & 1))
            result.dim[result.n++] = shape->dim[i];
        else if (keepdim)
            result.dim[result.n++] = 1;
    }
    return result;
}

Along along_of(const RtTensor *tensor, int64_t dim) {
    Along along = {1, 1, 1};
    if (dim < 0) dim += tensor->ndim;
    for (int i = 0; i < tensor->ndim; i++)
        *(i < dim ? &along.O : i == dim ? &along.D : &along.I) *= tensor->shape[i];
    return along;
}

double reduce_correction(const RtAttrs_reduce *attrs) {
    return attrs->unbiased ? rt_scalar_double(attrs->correction) : 0;
}

static Status reduced(OpCall *call, const RtInts *dims, bool keepdim, uint32_t *mask) {
    TRY(dims_mask(call, dims, call->in[0]->ndim, mask));
    RtShape shape = shape_of(call->in[0]);
    for (int i = 0; i < call->nout; i++) call->shape[i] = shape_reduced(&shape, *mask, keepdim);
    return OK;
}

// For what is not defined of no elements.
static Status check_some(const OpCall *call, uint32_t mask) {
    const RtTensor *x = call->in[0];
    for (int i = 0; i < x->ndim; i++) {
        if (x->shape[i] || !(mask >> i & 1)) continue;
        if (mask == UINT32_MAX)
            return call_fail(call, ERR_VALUE,
                             "expected reduction dim to be specified for input.numel() == 0: it is "
                             "not defined of no "
                             "elements, the input has shape (%s)",
                             shape_words(x));
        return call_fail(
            call, ERR_INDEX,
            "expected reduction dim %d to have non-zero size, the input has shape (%s)", i,
            shape_words(x));
    }
    return OK;
}

Status infer_REDUCE(OpCall *call) {
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    uint32_t mask;
    return reduced(call, &attrs->dim, attrs->keepdim, &mask);
}

Status infer_REDUCE_SOME(OpCall *call) {
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    uint32_t mask;
    TRY(reduced(call, &attrs->dim, attrs->keepdim, &mask));
    return check_some(call, mask);
}

Status infer_REDUCE_ONE(OpCall *call) {
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    if (attrs->dim.n > 1)
        return call_fail(call, ERR_VALUE, "%d dimensions were given, it goes over one or over all",
                         attrs->dim.n);
    uint32_t mask;
    return reduced(call, &attrs->dim, attrs->keepdim, &mask);
}

Status infer_REDUCE_DIM(OpCall *call) {
    const RtAttrs_dim *attrs = ATTRS_OF(call, dim);
    RtInts dims = attrs->dim == RT_INT_NONE ? RT_INTS_NONE : RT_INTS(attrs->dim);
    uint32_t mask;
    TRY(reduced(call, &dims, attrs->keepdim, &mask));
    return check_some(call, mask);
}

Status infer_NORM(OpCall *call) {
    const RtAttrs_reduce *attrs = ATTRS_OF(call, reduce);
    double p = rt_scalar_double(attrs->p);
    uint32_t mask;
    TRY(reduced(call, &attrs->dim, attrs->keepdim, &mask));
    return isinf(p) || p < 0 ? check_some(call, mask) : OK;
}

// One output of the shape of input 0; the attribute dim must be one of its dimensions.
Status infer_ALONG(OpCall *call) {
    const RtAttrs_dim *attrs = ATTRS_OF(call, dim);
    const RtTensor *x = call->in[0];
    int dim;
    if (attrs->dim == RT_INT_NONE) return call_fail(call, ERR_VALUE, "a dimension must be given");
    TRY(dim_wrap(call, attrs->dim, x->ndim, &dim));
    call->shape[0] = shape_of(x);
    for (int i = 1; i < call->nin; i++) {
        RtShape shape = shape_of(x);
        TRY(shape_broadcast(call, &shape, call->in[i]));
        if (call->in[i]->ndim != x->ndim || shape_numel(&shape) != call->in[i]->numel)
            return call_fail(call, ERR_SHAPE, "shapes (%s) and (%s) must be equal", shape_words(x),
                             shape_words(call->in[i]));
    }
    return OK;
}

// Dtypes ------------------------------------------------------------------------------------------
// The kernels convert while they read: no input is cast beforehand.

static Status summed(OpCall *call, RtDtype asked) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    call->dtype[0] = dtype_or(asked, rt_dtype_kind(dtype) == RT_KIND_FLOAT ? dtype : RT_I64);
    return OK;
}

Status dtype_SUM(OpCall *call) { return summed(call, ATTRS_OF(call, reduce)->dtype); }
Status dtype_RUNNING(OpCall *call) { return summed(call, ATTRS_OF(call, dim)->dtype); }

Status dtype_MEAN(OpCall *call) {
    RtDtype dtype = dtype_or(ATTRS_OF(call, reduce)->dtype, (RtDtype)call->in[0]->dtype);
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT)
        return call_fail(call, ERR_DTYPE,
                         "could not infer output dtype: it must be a floating-point dtype, got %s; "
                         "pass dtype= or "
                         "convert the input with .float()",
                         rt_dtype_name(dtype));
    call->dtype[0] = dtype;
    return OK;
}

Status dtype_LOGIC(OpCall *call) {
    call->dtype[0] = call->in[0]->dtype == RT_U8 ? RT_U8 : RT_BOOL;
    return OK;
}

Status dtype_VALUE_INDEX(OpCall *call) {
    call->dtype[0] = (RtDtype)call->in[0]->dtype;
    call->dtype[1] = RT_I64;
    return OK;
}

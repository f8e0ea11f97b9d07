// Rules of the matrix factorisations.
#include "ops/call.h"

#include <string.h>

static Status check_matrix(const OpCall *call, const RtTensor *x, bool square) {
    if (x->ndim < 2)
        return call_fail(call, ERR_SHAPE,
                         "the input must have at least 2 dimensions, but its shape is (%s)",
                         shape_words(x));
    if (square && x->shape[x->ndim - 1] != x->shape[x->ndim - 2])
        return call_fail(call, ERR_SHAPE, "square matrices are needed, but the shape is (%s)",
                         shape_words(x));
    if (x->shape[x->ndim - 1] > INT32_MAX || x->shape[x->ndim - 2] > INT32_MAX)
        return call_fail(call, ERR_SHAPE, "matrices of shape (%s) are too large for LAPACK",
                         shape_words(x));
    return OK;
}

// The leading dimensions, then n of the sizes behind them.
static RtShape batch_shape(const RtTensor *x, int n, int64_t rows, int64_t columns) {
    RtShape shape = {.n = x->ndim - 2};
    memcpy(shape.dim, x->shape, (size_t)shape.n * sizeof *shape.dim);
    if (n > 0) shape.dim[shape.n++] = rows;
    if (n > 1) shape.dim[shape.n++] = columns;
    return shape;
}

Status infer_SOLVE(OpCall *call) {
    const RtTensor *a = call->in[0], *b = call->in[1];
    TRY(check_matrix(call, a, true));
    bool fits = b->ndim == a->ndim;
    for (int i = 0; fits && i < a->ndim - 1; i++) fits = a->shape[i] == b->shape[i];
    if (!fits)
        return call_fail(call, ERR_SHAPE,
                         "A (%s) and B (%s) do not fit: (…, n, n) and (…, n, k) are needed",
                         shape_words(a), shape_words(b));
    call->shape[0] = shape_of(b);
    return OK;
}

Status infer_SQUARE(OpCall *call) {
    TRY(check_matrix(call, call->in[0], true));
    call->shape[0] = shape_of(call->in[0]);
    return OK;
}

Status infer_SQUARE_NUMBERS(OpCall *call) {
    TRY(check_matrix(call, call->in[0], true));
    call->shape[0] = call->shape[1] = batch_shape(call->in[0], 0, 0, 0);
    return OK;
}

Status infer_EIGEN(OpCall *call) {
    const RtTensor *x = call->in[0];
    TRY(check_matrix(call, x, true));
    call->shape[0] = batch_shape(x, 1, x->shape[x->ndim - 1], 0);
    call->shape[1] = shape_of(x);
    return OK;
}

Status infer_SINGULAR(OpCall *call) {
    const RtTensor *x = call->in[0];
    TRY(check_matrix(call, x, false));
    int64_t n = x->shape[x->ndim - 2], m = x->shape[x->ndim - 1], k = n < m ? n : m;
    call->shape[0] = batch_shape(x, 2, n, k);
    call->shape[1] = batch_shape(x, 1, k, 0);
    call->shape[2] = batch_shape(x, 2, k, m);
    return OK;
}

Status infer_ORTHOGONAL(OpCall *call) {
    const RtTensor *x = call->in[0];
    TRY(check_matrix(call, x, false));
    int64_t n = x->shape[x->ndim - 2], m = x->shape[x->ndim - 1], k = n < m ? n : m;
    call->shape[0] = batch_shape(x, 2, n, k);
    call->shape[1] = batch_shape(x, 2, k, m);
    return OK;
}

Status infer_LU(OpCall *call) {
    const RtTensor *x = call->in[0];
    TRY(check_matrix(call, x, false));
    int64_t n = x->shape[x->ndim - 2], m = x->shape[x->ndim - 1];
    call->shape[0] = shape_of(x);
    call->shape[1] = batch_shape(x, 1, n < m ? n : m, 0);
    return OK;
}

Status infer_LU_ORDER(OpCall *call) {
    const RtTensor *pivots = call->in[0];
    int64_t n = ATTRS_OF(call, order)->n;
    if (pivots->ndim < 1 || n < pivots->shape[pivots->ndim - 1])
        return call_fail(call, ERR_SHAPE, "pivots (%s) do not fit %lld rows", shape_words(pivots),
                         (long long)n);
    call->shape[0] = shape_of(pivots);
    call->shape[0].dim[pivots->ndim - 1] = n;
    return OK;
}

Status dtype_LU(OpCall *call) {
    TRY(dtype_LAPACK(call));
    call->dtype[1] = RT_I32;
    return OK;
}

Status dtype_LAPACK(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    if (dtype != RT_F32 && dtype != RT_F64)
        return call_fail(call, ERR_DTYPE,
                         "the input has dtype %s, but float32 or float64 is needed",
                         rt_dtype_name(dtype));
    for (int i = 1; i < call->nin; i++)
        if (call->in[i]->dtype != (int8_t)dtype)
            return call_fail(call, ERR_DTYPE, "the inputs must have one dtype, but have %s and %s",
                             rt_dtype_name(dtype), rt_dtype_name((RtDtype)call->in[i]->dtype));
    for (int i = 0; i < call->nout; i++) call->dtype[i] = dtype;
    return OK;
}

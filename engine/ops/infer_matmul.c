// Shape and dtype rules of products of matrices.
#include "ops/call.h"

// All inputs have the dtype of the first: products do not promote.
Status dtype_ONE_DTYPE(OpCall *call) {
    RtDtype dtype = (RtDtype)call->in[0]->dtype;
    for (int i = 1; i < call->nin; i++) {
        if (!PRESENT(call->in[i]) || call->in[i]->dtype == (int8_t)dtype) continue;
        return call_fail(
            call, ERR_DTYPE,
            "tensors of one dtype are needed, but one is %s and another %s: convert one with .to()",
            rt_dtype_name(dtype), rt_dtype_name((RtDtype)call->in[i]->dtype));
    }
    call->compute = dtype;
    call->dtype[0] = dtype;
    return OK;
}

static Status need_rank(const OpCall *call, int input, int ndim, const char *what) {
    const RtTensor *x = call->in[input];
    if (x->ndim == ndim) return OK;
    return call_fail(call, ERR_SHAPE, "argument %d must be %s, but its shape is (%s)", input + 1,
                     what, shape_words(x));
}

static Status fail_inner(const OpCall *call, const RtTensor *a, const RtTensor *b, int64_t columns,
                         int64_t rows) {
    return call_fail(call, ERR_SHAPE,
                     "(%s) by (%s): the first has %lld columns, but the second has %lld rows",
                     shape_words(a), shape_words(b), (long long)columns, (long long)rows);
}

// The last two dimensions of inputs a and a + 1, multiplied as the attributes say.
static Status matrix_shape(const OpCall *call, int a, bool transpose_a, bool transpose_b,
                           int64_t *out_rows, int64_t *out_columns) {
    const RtTensor *x = call->in[a], *y = call->in[a + 1];
    int64_t m = x->shape[x->ndim - 2], k = x->shape[x->ndim - 1];
    int64_t rows = y->shape[y->ndim - 2], n = y->shape[y->ndim - 1];
    if (transpose_a) m = k, k = x->shape[x->ndim - 2];
    if (transpose_b) n = rows, rows = y->shape[y->ndim - 1];
    if (k != rows) return fail_inner(call, x, y, k, rows);
    *out_rows = m;
    *out_columns = n;
    return OK;
}

Status infer_MM(OpCall *call) {
    const RtAttrs_matmul *attrs = ATTRS_OF(call, matmul);
    TRY(need_rank(call, 0, 2, "a matrix"));
    TRY(need_rank(call, 1, 2, "a matrix"));
    call->shape[0].n = 2;
    return matrix_shape(call, 0, attrs->transpose_a, attrs->transpose_b, &call->shape[0].dim[0],
                        &call->shape[0].dim[1]);
}

Status infer_BMM(OpCall *call) {
    const RtAttrs_matmul *attrs = ATTRS_OF(call, matmul);
    TRY(need_rank(call, 0, 3, "a batch of matrices (3 dimensions)"));
    TRY(need_rank(call, 1, 3, "a batch of matrices (3 dimensions)"));
    int64_t batch = call->in[0]->shape[0], other = call->in[1]->shape[0];
    if (batch != other)
        return call_fail(call, ERR_SHAPE, "(%s) by (%s): the batches have %lld and %lld matrices",
                         shape_words(call->in[0]), shape_words(call->in[1]), (long long)batch,
                         (long long)other);
    call->shape[0].n = 3;
    call->shape[0].dim[0] = batch;
    return matrix_shape(call, 0, attrs->transpose_a, attrs->transpose_b, &call->shape[0].dim[1],
                        &call->shape[0].dim[2]);
}

Status infer_BATCH_MATMUL(OpCall *call) {
    const RtAttrs_matmul *attrs = ATTRS_OF(call, matmul);
    const RtTensor *a = call->in[0], *b = call->in[1];
    if (a->ndim < 2 || b->ndim < 2)
        return call_fail(call, ERR_SHAPE, "(%s) by (%s): both must have at least 2 dimensions",
                         shape_words(a), shape_words(b));
    int64_t rows, columns;
    TRY(matrix_shape(call, 0, attrs->transpose_a, attrs->transpose_b, &rows, &columns));
    int na = a->ndim - 2, nb = b->ndim - 2, n = na > nb ? na : nb;
    RtShape *shape = &call->shape[0];
    for (int i = 1; i <= n; i++) { // from the last batch dimension
        int64_t x = i <= na ? a->shape[na - i] : 1, y = i <= nb ? b->shape[nb - i] : 1;
        if (x != y && x != 1 && y != 1)
            return call_fail(call, ERR_SHAPE,
                             "(%s) by (%s): the leading dimensions do not broadcast: %lld and %lld "
                             "must be equal, or one of them 1",
                             shape_words(a), shape_words(b), (long long)x, (long long)y);
        shape->dim[n - i] = x == 1 ? y : x;
    }
    shape->dim[n] = rows;
    shape->dim[n + 1] = columns;
    shape->n = n + 2;
    return OK;
}

Status infer_MV(OpCall *call) {
    const RtTensor *a = call->in[0], *x = call->in[1];
    TRY(need_rank(call, 0, 2, "a matrix"));
    TRY(need_rank(call, 1, 1, "a vector"));
    if (a->shape[1] != x->shape[0]) return fail_inner(call, a, x, a->shape[1], x->shape[0]);
    call->shape[0].n = 1;
    call->shape[0].dim[0] = a->shape[0];
    return OK;
}

Status infer_DOT(OpCall *call) {
    const RtTensor *a = call->in[0], *b = call->in[1];
    TRY(need_rank(call, 0, 1, "a vector"));
    TRY(need_rank(call, 1, 1, "a vector"));
    if (a->shape[0] != b->shape[0])
        return call_fail(call, ERR_SHAPE,
                         "the vectors have %lld and %lld elements: they must have equally many",
                         (long long)a->shape[0], (long long)b->shape[0]);
    call->shape[0].n = 0;
    return OK;
}

Status infer_ADDMM(OpCall *call) {
    const RtAttrs_addmm *attrs = ATTRS_OF(call, addmm);
    TRY(need_rank(call, 1, 2, "a matrix"));
    TRY(need_rank(call, 2, 2, "a matrix"));
    if (rt_dtype_kind(call->dtype[0]) != RT_KIND_FLOAT &&
        (attrs->alpha.kind == RT_SCALAR_FLOAT || attrs->beta.kind == RT_SCALAR_FLOAT))
        return call_fail(call, ERR_DTYPE, "alpha and beta must be integers for tensors of %s",
                         rt_dtype_name(call->dtype[0]));
    RtShape product = {.n = 2};
    TRY(matrix_shape(call, 1, false, false, &product.dim[0], &product.dim[1]));
    const RtTensor *self = call->in[0];
    RtShape wide = product;
    TRY(shape_broadcast(call, &wide, self));
    if (wide.n != 2 || wide.dim[0] != product.dim[0] || wide.dim[1] != product.dim[1])
        return call_fail(call, ERR_SHAPE,
                         "self (%s) does not broadcast to the shape of the product (%lld, %lld)",
                         shape_words(self), (long long)product.dim[0], (long long)product.dim[1]);
    call->shape[0] = product;
    return OK;
}

Status infer_LINEAR(OpCall *call) {
    const RtTensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    if (weight->ndim != 2)
        return call_fail(call, ERR_SHAPE,
                         "weight must have 2 dimensions (out, in), but its shape is (%s)",
                         shape_words(weight));
    if (x->ndim == 0) return call_fail(call, ERR_SHAPE, "input must have at least 1 dimension");
    if (x->shape[x->ndim - 1] != weight->shape[1])
        return call_fail(
            call, ERR_SHAPE,
            "input (%s) does not fit weight (%s): the last dimension of the input must be %lld",
            shape_words(x), shape_words(weight), (long long)weight->shape[1]);
    if (PRESENT(bias) && (bias->ndim != 1 || bias->shape[0] != weight->shape[0]))
        return call_fail(call, ERR_SHAPE,
                         "bias (%s) does not fit weight (%s): it must have the shape (%lld,)",
                         shape_words(bias), shape_words(weight), (long long)weight->shape[0]);
    call->shape[0] = shape_of(x);
    call->shape[0].dim[x->ndim - 1] = weight->shape[0];
    return OK;
}

// Products that are written in other products.
#include "ops/made.h"

#include <string.h>

static RtInts sizes_of(const RtTensor *x, int n) {
    RtInts sizes = {.n = n};
    for (int i = 0; i < n; i++) sizes.v[i] = x->shape[i];
    return sizes;
}

// x (…, n, k) by a matrix or vector: the leading dimensions become rows of one product.
static RtTensor *fold(RtTensor *a, RtTensor *b) {
    int64_t k = a->shape[a->ndim - 1], rows = 1;
    RtInts shape = sizes_of(a, a->ndim - 1);
    for (int i = 0; i < a->ndim - 1; i++) rows *= a->shape[i];
    RtTensor *flat = shaped(a, RT_INTS(rows, k));
    RtTensor *product =
        b->ndim == 1 ? rt_mv(flat, b) : rt_mm(flat, b, WITH(matmul, .transpose_a = false));
    if (b->ndim == 2) shape.v[shape.n++] = b->shape[1];
    return shaped(product, shape);
}

Status made_matmul(OpCall *call) {
    RtTensor *a = call->in[0], *b = call->in[1], *product;
    const RtAttrs_matmul plain = rt_defaults_matmul();
    if (a->ndim == 0 || b->ndim == 0)
        return call_fail(
            call, ERR_SHAPE,
            "both arguments must have at least 1 dimension, but their shapes are (%s) and (%s)",
            shape_words(a), shape_words(b));
    int64_t columns = a->shape[a->ndim - 1],
            rows = b->ndim == 1 ? b->shape[0] : b->shape[b->ndim - 2];
    if (columns != rows)
        return call_fail(call, ERR_SHAPE,
                         "(%s) by (%s): the first has %lld columns, but the second has %lld rows",
                         shape_words(a), shape_words(b), (long long)columns, (long long)rows);
    if (a->ndim == 2 && b->ndim == 2) {
        product = rt_mm(a, b, plain);
    } else if (a->ndim == 1 && b->ndim == 1) {
        product = rt_dot(a, b);
    } else if (a->ndim == 2 && b->ndim == 1) {
        product = rt_mv(a, b);
    } else if (a->ndim >= 3 && b->ndim <= 2) {
        product = fold(a, b);
    } else if (a->ndim == 1) { // a row, and its dimension taken out again
        product = rt_batch_matmul(shaped(a, RT_INTS(1, columns)), b, plain);
        if (!product) return error_code();
        RtInts shape = sizes_of(product, product->ndim - 2);
        shape.v[shape.n++] = product->shape[product->ndim - 1];
        product = shaped(product, shape);
    } else if (b->ndim == 1) {
        product = fold(a, b);
    } else {
        product = rt_batch_matmul(a, b, plain);
    }
    call->out[0] = product;
    return product ? OK : error_code();
}

// beta · self + alpha · product; with beta 0 self is not looked at, so that its NaN do not spread.
static RtTensor *combine(const OpCall *call, RtTensor *product) {
    const RtAttrs_addmm *attrs = ATTRS_OF(call, addmm);
    RtTensor *self = call->in[0];
    if (!product) return NULL;
    RtShape shape = shape_of(product);
    if (shape_broadcast(call, &shape, self) < 0) return NULL;
    if (shape_numel(&shape) != product->numel || shape.n != product->ndim) {
        call_fail(call, ERR_SHAPE, "self (%s) does not broadcast to the shape of the product (%s)",
                  shape_words(self), shape_words(product));
        return NULL;
    }
    double alpha = rt_scalar_double(attrs->alpha), beta = rt_scalar_double(attrs->beta);
    if (beta == 0) {
        RtTensor *factor = rt_tensor_scalar(attrs->alpha, (RtDtype)product->dtype, true);
        return alpha == 1 ? product : rt_mul(product, factor);
    }
    if (beta != 1) self = rt_mul(self, rt_tensor_scalar(attrs->beta, (RtDtype)self->dtype, true));
    return rt_add(self, product, WITH(alpha, .alpha = attrs->alpha));
}

Status made_addmv(OpCall *call) {
    call->out[0] = combine(call, rt_mv(call->in[1], call->in[2]));
    return call->out[0] ? OK : error_code();
}

Status made_baddbmm(OpCall *call) {
    call->out[0] = combine(call, rt_bmm(call->in[1], call->in[2], rt_defaults_matmul()));
    return call->out[0] ? OK : error_code();
}

Status made_addbmm(OpCall *call) {
    RtTensor *product = rt_bmm(call->in[1], call->in[2], rt_defaults_matmul());
    call->out[0] = combine(
        call, rt_sum(product, WITH(reduce, .dim = RT_INTS(0),
                                   .dtype = product ? (RtDtype)product->dtype : RT_DTYPE_NONE)));
    return call->out[0] ? OK : error_code();
}

Status made_outer(OpCall *call) {
    RtTensor *a = call->in[0], *b = call->in[1];
    if (a->ndim != 1 || b->ndim != 1)
        return call_fail(call, ERR_SHAPE,
                         "two vectors are needed, but the shapes are (%s) and (%s)", shape_words(a),
                         shape_words(b));
    call->out[0] = rt_mul(shaped(a, RT_INTS(a->shape[0], 1)), b);
    return call->out[0] ? OK : error_code();
}

Status made_addr(OpCall *call) {
    call->out[0] = combine(call, rt_outer(call->in[1], call->in[2]));
    return call->out[0] ? OK : error_code();
}

Status made_inner(OpCall *call) {
    RtTensor *a = call->in[0], *b = call->in[1];
    if (a->ndim == 0 || b->ndim == 0) {
        call->out[0] = rt_mul(a, b);
        return call->out[0] ? OK : error_code();
    }
    int64_t k = a->shape[a->ndim - 1];
    if (k != b->shape[b->ndim - 1])
        return call_fail(
            call, ERR_SHAPE,
            "the last dimensions must be of one size, but the shapes are (%s) and (%s)",
            shape_words(a), shape_words(b));
    if (a->ndim - 1 + b->ndim - 1 > RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE,
                         "the result would have %d dimensions: at most %d are possible",
                         a->ndim + b->ndim - 2, RT_MAX_DIMS);
    RtInts shape = sizes_of(a, a->ndim - 1);
    int64_t rows = 1, columns = 1;
    for (int i = 0; i < a->ndim - 1; i++) rows *= a->shape[i];
    for (int i = 0; i < b->ndim - 1; i++) columns *= shape.v[shape.n++] = b->shape[i];
    RtTensor *product = rt_mm(shaped(a, RT_INTS(rows, k)), shaped(b, RT_INTS(columns, k)),
                              WITH(matmul, .transpose_b = true));
    call->out[0] = shaped(product, shape);
    return call->out[0] ? OK : error_code();
}

// (a1 b2 - a2 b1, a2 b0 - a0 b2, a0 b1 - a1 b0): one turned by one place, the other by two.
Status made_cross(OpCall *call) {
    RtTensor *a = call->in[0], *b = call->in[1];
    int64_t asked = ATTRS_OF(call, cross)->dim;
    int dim = -1;
    RtShape shape = shape_of(a);
    TRY(shape_broadcast(call, &shape, b));
    if (asked != RT_INT_NONE) {
        TRY(dim_wrap(call, asked, shape.n, &dim));
    } else {
        for (int i = shape.n - 1; i >= 0; i--)
            if (shape.dim[i] == 3) dim = i;
    }
    if (dim < 0 || shape.n == 0 || shape.dim[dim] != 3 || a->ndim != shape.n ||
        b->ndim != shape.n || a->shape[dim] != 3 || b->shape[dim] != 3)
        return call_fail(
            call, ERR_SHAPE,
            "a dimension of size 3 is needed in both, but the shapes are (%s) and (%s)",
            shape_words(a), shape_words(b));
    RtAttrs_roll one = WITH(roll, .shifts = RT_INTS(-1), .dims = RT_INTS(dim));
    RtAttrs_roll two = WITH(roll, .shifts = RT_INTS(-2), .dims = RT_INTS(dim));
    call->out[0] = rt_sub(rt_mul(rt_roll(a, one), rt_roll(b, two)),
                          rt_mul(rt_roll(a, two), rt_roll(b, one)), rt_defaults_alpha());
    return call->out[0] ? OK : error_code();
}

// (a0, 1, a1, 1, …) by (1, b0, 1, b1, …), neighbours merged.
Status made_kron(OpCall *call) {
    RtTensor *pair[2] = {call->in[0], call->in[1]};
    int n = pair[0]->ndim > pair[1]->ndim ? pair[0]->ndim : pair[1]->ndim;
    RtInts merged = {.n = n}, apart[2] = {{.n = 2 * n}, {.n = 2 * n}};
    if (2 * n > RT_MAX_DIMS)
        return call_fail(call, ERR_SHAPE, "at most %d dimensions are possible, not %d",
                         RT_MAX_DIMS / 2, n);
    for (int i = 0; i < n; i++) {
        merged.v[i] = 1;
        for (int k = 0; k < 2; k++) {
            int own = i - (n - pair[k]->ndim);
            apart[k].v[2 * i + k] = own < 0 ? 1 : pair[k]->shape[own];
            apart[k].v[2 * i + 1 - k] = 1;
            merged.v[i] *= apart[k].v[2 * i + k];
        }
    }
    // Both with rows of the result's length, so that the product runs along whole rows.
    int64_t last[2] = {apart[0].v[2 * n - 2], apart[1].v[2 * n - 1]};
    for (int k = 0; n > 1 && k < 2; k++) {
        RtAttrs_size wide = {.size = apart[k]};
        memcpy(&wide.size.v[2 * n - 2], last, sizeof last);
        RtTensor *spread = shaped(pair[k], apart[k]);
        pair[k] = spread ? rt_expand(spread, wide) : NULL;
        apart[k].n--;
        apart[k].v[2 * n - 2] = merged.v[n - 1];
    }
    call->out[0] = shaped(rt_mul(shaped(pair[0], apart[0]), shaped(pair[1], apart[1])), merged);
    return call->out[0] ? OK : error_code();
}

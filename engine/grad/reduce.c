// Gradients of the reductions: what was folded into one number gets that number's gradient back.
#include "grad/terms.h"

#include <math.h>

#include "ops/dims.h"
#include "ops/layout.h"

// The dimensions were checked when the op ran: no error can arise here.
static uint32_t mask_of(const RtInts *dims, int ndim) {
    uint32_t mask = 0;
    return dims_mask(NULL, dims, ndim, &mask) < 0 ? 0 : mask;
}

// A reduced tensor with size 1 in the reduced dimensions, so that it broadcasts against the input.
static RtTensor *with_dims(RtTensor *reduced, const RtShape *shape, const RtInts *dims) {
    RtShape kept = shape_reduced(shape, mask_of(dims, shape->n), true);
    if (!reduced || reduced->ndim == kept.n) return reduced;
    return rt_reshape(reduced, WITH(shape, .shape = ints_of(&kept)));
}

static RtTensor *spread(RtTensor *reduced, const RtShape *shape, const RtInts *dims) {
    return rt_expand(with_dims(reduced, shape, dims), WITH(size, .size = ints_of(shape)));
}

static int64_t reduced_numel(const RtShape *shape, const RtInts *dims) {
    uint32_t mask = mask_of(dims, shape->n);
    int64_t n = 1;
    for (int i = 0; i < shape->n; i++)
        if (mask >> i & 1) n *= shape->dim[i];
    return n;
}

#define DIM (A(reduce)->dim)
#define SAME_DIMS RtAttrs_reduce same = WITH(reduce, .dim = DIM, .keepdim = true)

GRAD(sum) {
    GIVE(0, spread(G(0), X_SHAPE(0), &DIM));
    return OK;
}

GRAD(nansum_floats) {
    GIVE(0, zero_where(spread(G(0), X_SHAPE(0), &DIM), rt_isnan(X(0))));
    return OK;
}

GRAD(mean) {
    int64_t n = reduced_numel(X_SHAPE(0), &DIM);
    GIVE(0, spread(times(G(0), 1 / (double)(n ? n : 1)), X_SHAPE(0), &DIM));
    return OK;
}

// Σ (x - mean)² / (n - correction)
static RtTensor *variance_gradient(RtTensor *g, RtTensor *x, const RtShape *shape,
                                   const RtAttrs_reduce *attrs) {
    double divisor = fmax((double)reduced_numel(shape, &attrs->dim) - reduce_correction(attrs), 0);
    RtTensor *mean = rt_mean(x, WITH(reduce, .dim = attrs->dim, .keepdim = true));
    return rt_mul(minus(x, mean), times(with_dims(g, shape, &attrs->dim), 2 / divisor));
}

GRAD(var) {
    GIVE(0, variance_gradient(G(0), X(0), X_SHAPE(0), A(reduce)));
    return OK;
}

GRAD(std) { // where it is 0 the gradient is taken as 0
    GIVE(0, variance_gradient(zero_where(over(G(0), times(Y(0), 2)), is_number(Y(0), 0)), X(0),
                              X_SHAPE(0), A(reduce)));
    return OK;
}

static Status share_among_equals(GradCall *call) {
    SAME_DIMS;
    RtTensor *mask = rt_eq(X(0), with_dims(Y(0), X_SHAPE(0), &DIM));
    RtTensor *share = over(with_dims(G(0), X_SHAPE(0), &DIM), rt_sum(mask, same));
    GIVE(0, rt_mul(mask, share));
    return OK;
}
GRAD(amax) { return share_among_equals(call); }
GRAD(amin) { return share_among_equals(call); }

Status grad_to_chosen(GradCall *call) {
    if (!HAS_G(0)) return OK;
    RtInts dims = RT_INTS(A(dim)->dim);
    RtTensor *g = with_dims(G(0), X_SHAPE(0), &dims), *index = with_dims(Y(1), X_SHAPE(0), &dims);
    RtTensor *zeros = grad_zeros(X_SHAPE(0), Y_DTYPE(0), call->device);
    GIVE(0, rt_scatter(zeros, index, g, WITH(gather, .dim = A(dim)->dim)));
    return OK;
}
GRAD(max_dim) { return grad_to_chosen(call); }
GRAD(min_dim) { return grad_to_chosen(call); }

GRAD(norm) {
    double p = rt_scalar_double(A(reduce)->p);
    if (p == 0) return OK; // piecewise constant
    SAME_DIMS;
    RtTensor *x = X(0), *g = with_dims(G(0), X_SHAPE(0), &DIM),
             *y = with_dims(Y(0), X_SHAPE(0), &DIM);
    if (p == 1) {
        GIVE(0, rt_mul(rt_sign(x), g));
    } else if (p == 2) {
        GIVE(0, rt_mul(x, zero_where(over(g, y), is_number(y, 0))));
    } else if (isinf(p)) {
        RtTensor *mask = rt_eq(rt_abs(x), y);
        RtTensor *share = over(g, rt_sum(mask, same));
        GIVE(0, rt_mul(rt_mul(rt_sign(x), mask), share));
    } else { // sign(x) (|x| / y)^(p - 1)
        RtTensor *ratio = rt_pow(over(rt_abs(x), y), grad_number(p - 1, x));
        if (p < 1) ratio = zero_where(ratio, is_number(x, 0));
        GIVE(0, rt_mul(rt_mul(rt_sign(x), zero_where(ratio, is_number(y, 0))), g));
    }
    return OK;
}

GRAD(logsumexp) { // all -inf: no element has a share
    RtTensor *y = with_dims(Y(0), X_SHAPE(0), &DIM);
    RtTensor *top = zero_where(y, is_number(y, -INFINITY));
    GIVE(0, rt_mul(with_dims(G(0), X_SHAPE(0), &DIM), rt_exp(minus(X(0), top))));
    return OK;
}

// Running sums and products -----------------------------------------------------------------------

static RtTensor *flipped(RtTensor *x, int64_t dim) {
    return rt_flip(x, WITH(axes, .dims = RT_INTS(dim)));
}

GRAD(cumsum) {
    int64_t dim = A(dim)->dim;
    GIVE(0, flipped(rt_cumsum(flipped(G(0), dim), WITH(dim, .dim = dim)), dim));
    return OK;
}

// For each k the products with x[k] replaced by 1: as many lines as there are elements in one, but
// made of ops that can be differentiated. g and x have the running dimension last.
static RtTensor *products_without_each(RtTensor *g, RtTensor *x) {
    if (!g || !x) return NULL;
    int64_t n = x->shape[x->ndim - 1];
    RtDevice device = x->device;
    RtTensor *one = rt_eye(WITH(range, .n = n, .dtype = RT_BOOL, .device = device));
    RtTensor *later = rt_triu(
        rt_ones(WITH(factory, .size = RT_INTS(n, n), .dtype = (RtDtype)x->dtype, .device = device)),
        rt_defaults_diagonal());
    RtTensor *lines =
        rt_where(one, grad_number(1, x), rt_unsqueeze(x, WITH(slice, .dim = -2))); // (…, k, j)
    RtTensor *products = rt_mul(rt_cumprod(lines, WITH(dim, .dim = -1)), later);   // (…, k, i)
    return rt_sum(rt_mul(products, rt_unsqueeze(g, WITH(slice, .dim = -2))),
                  WITH(reduce, .dim = RT_INTS(-1)));
}

GRAD(cumprod) {
    int64_t dim = A(dim)->dim;
    RtTensor *x = X(0), *g = G(0);
    if (x->dtype != g->dtype) x = rt_cast(x, WITH(cast, .dtype = (RtDtype)g->dtype));
    if (!x) return error_code();
    if (!rt_grad_enabled() || x->ndim == 0) {
        GIVE(0, x->ndim ? rt_cumprod_backward(g, x, WITH(dim, .dim = dim)) : g);
        return OK;
    }
    RtAttrs_movedim last = WITH(movedim, .source = RT_INTS(dim), .destination = RT_INTS(-1));
    RtAttrs_movedim back = WITH(movedim, .source = RT_INTS(-1), .destination = RT_INTS(dim));
    GIVE(0, rt_movedim(products_without_each(rt_movedim(g, last), rt_movedim(x, last)), back));
    return OK;
}

// The product of all elements before each one, along the last dimension.
static RtTensor *product_before(RtTensor *x) {
    if (!x) return NULL;
    int64_t n = x->shape[x->ndim - 1];
    RtTensor *parts[2];
    parts[0] = rt_full_like(rt_narrow(x, WITH(slice, .dim = -1, .start = 0, .length = 1)),
                            WITH(factory, .fill_value = rt_float(1)));
    parts[1] = rt_narrow(x, WITH(slice, .dim = -1, .start = 0, .length = n - 1));
    if (!parts[0] || !parts[1]) return NULL;
    return rt_cumprod(rt_cat(parts, 2, WITH(slice, .dim = -1)), WITH(dim, .dim = -1));
}

// Products of the others, without division: right for any number of zeros.
GRAD(prod) {
    const RtShape *shape = X_SHAPE(0);
    if (shape_numel(shape) == 0 || !WANT(0)) return OK;
    if (shape->n == 0) {
        GIVE(0, G(0));
        return OK;
    }
    RtInts dims = DIM;
    RtTensor *x = X(0), *g = with_dims(G(0), shape, &dims);
    if (x->dtype != (int8_t)Y_DTYPE(0)) x = rt_cast(x, WITH(cast, .dtype = Y_DTYPE(0)));
    bool all = dims.n <= 0;
    RtAttrs_movedim last =
        WITH(movedim, .source = all ? RT_INTS(0) : dims, .destination = RT_INTS(-1));
    RtAttrs_movedim back =
        WITH(movedim, .source = RT_INTS(-1), .destination = all ? RT_INTS(0) : dims);
    RtTensor *line = all ? rt_reshape(x, WITH(shape, .shape = RT_INTS(-1))) : rt_movedim(x, last);
    RtTensor *after = flipped(product_before(flipped(line, -1)), -1);
    RtTensor *others = rt_mul(product_before(line), after);
    others =
        all ? rt_reshape(others, WITH(shape, .shape = ints_of(shape))) : rt_movedim(others, back);
    GIVE(0, rt_mul(others, g));
    return OK;
}

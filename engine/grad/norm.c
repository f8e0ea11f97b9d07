// Gradients of batch_norm, layer_norm and dropout. The first gradient comes from a fused kernel.
// Where it is to be differentiated again (the tape is recording) it is written out in ordinary ops
// instead.
#include "grad/terms.h"

#include <math.h>

static RtTensor *as_dtype(RtTensor *x, RtDtype dtype) {
    return x && x->dtype != (int8_t)dtype ? rt_cast(x, WITH(cast, .dtype = dtype)) : x;
}

static RtTensor *mean_over(RtTensor *x, const RtInts *dims) {
    return rt_mean(x, WITH(reduce, .dim = *dims, .keepdim = true));
}

typedef struct Normal {
    RtTensor *xhat, *rstd;
} Normal;

// x̂ and 1 / sqrt(var + eps) of x over the dimensions.
static Normal normal_of(RtTensor *x, const RtInts *dims, double eps) {
    RtTensor *centred = minus(x, mean_over(x, dims));
    RtTensor *var = mean_over(rt_square(centred), dims);
    RtTensor *rstd = rt_rsqrt(var ? plus(var, grad_number(eps, var)) : NULL);
    return (Normal){rt_mul(centred, rstd), rstd};
}

// The same where the mean is taken as 0.
static Normal rms_of(RtTensor *x, const RtInts *dims, double eps) {
    RtTensor *squares = mean_over(rt_square(x), dims);
    RtTensor *rstd = rt_rsqrt(squares ? plus(squares, grad_number(eps, squares)) : NULL);
    return (Normal){rt_mul(x, rstd), rstd};
}

// rstd (h - mean(h) - x̂ mean(h x̂)) with h = g w; mean(h) stays away where the mean of x does.
static RtTensor *through_normal(RtTensor *h, Normal normal, const RtInts *dims, bool rms) {
    RtTensor *along = rt_mul(normal.xhat, mean_over(rt_mul(h, normal.xhat), dims));
    return rt_mul(normal.rstd, minus(rms ? h : minus(h, mean_over(h, dims)), along));
}

static RtTensor *sum_over(RtTensor *x, const RtInts *dims) {
    return dims->n ? rt_sum(x, WITH(reduce, .dim = *dims)) : x;
}

// C values as (1, C, 1, …).
static RtTensor *per_channel(RtTensor *x, int ndim) {
    RtInts shape = {.n = ndim};
    for (int i = 0; i < ndim; i++) shape.v[i] = i == 1 && x ? x->numel : 1;
    return rt_reshape(x, WITH(shape, .shape = shape));
}

// What comes back through the statistics themselves: of the mean g / n, of rstd -g rstd² x̂ / n.
// Added to dx.
static RtTensor *through_statistics(RtTensor *dx, Normal normal, RtTensor *g_mean, RtTensor *g_rstd,
                                    double n) {
    if (g_mean != RT_NONE)
        dx = dx == RT_NONE ? times(g_mean, 1 / n) : plus(dx, times(g_mean, 1 / n));
    if (g_rstd == RT_NONE) return dx;
    RtTensor *part = times(rt_mul(rt_mul(g_rstd, rt_square(normal.rstd)), normal.xhat), -1 / n);
    return dx == RT_NONE ? part : plus(dx, part);
}

GRAD(batch_norm) {
    const RtAttrs_norm *attrs = A(norm);
    if (!attrs->training && !HAS_G(0)) return OK; // the statistics are constants
    RtAttrs_norm back = *attrs;
    back.affine = WANT(1) || WANT(2);
    if (!rt_grad_enabled() && HAS_G(0) && !HAS_G(1) && !HAS_G(2)) {
        RtTensor *dx, *dweight, *dbias;
        TRY(rt_batch_norm_backward(G(0), X(0), optional(X(1)), Y(1), Y(2), back, &dx, &dweight,
                                   &dbias));
        GIVE(0, dx);
        GIVE(1, dweight);
        GIVE(2, dbias);
        return OK;
    }
    int ndim = X_SHAPE(0)->n;
    RtInts dims = {.n = 0};
    for (int i = 0; i < ndim; i++)
        if (i != 1) dims.v[dims.n++] = i;
    RtTensor *x = as_dtype(X(0), Y_DTYPE(1)), *g = G(0), *h, *dx = RT_NONE;
    double n = (double)shape_numel(X_SHAPE(0)) / (double)X_SHAPE(0)->dim[1];
    Normal normal;
    if (attrs->training) {
        normal = normal_of(x, &dims, attrs->eps);
    } else {
        normal.rstd = per_channel(rt_detach(Y(2)), ndim);
        normal.xhat = rt_mul(minus(x, per_channel(rt_detach(Y(1)), ndim)), normal.rstd);
    }
    if (HAS_G(0)) {
        h = g = as_dtype(g, Y_DTYPE(1));
        if (X(1)) h = rt_mul(g, per_channel(as_dtype(X(1), Y_DTYPE(1)), ndim));
        dx = attrs->training ? through_normal(h, normal, &dims, false) : rt_mul(h, normal.rstd);
        GIVE(1, sum_over(rt_mul(g, normal.xhat), &dims));
        GIVE(2, sum_over(g, &dims));
    }
    if (attrs->training)
        dx = through_statistics(dx, normal, HAS_G(1) ? per_channel(G(1), ndim) : RT_NONE,
                                HAS_G(2) ? per_channel(G(2), ndim) : RT_NONE, n);
    GIVE(0, dx);
    return OK;
}

GRAD(layer_norm) {
    const RtAttrs_norm *attrs = A(norm);
    RtAttrs_norm back = *attrs;
    back.affine = WANT(1) || WANT(2);
    if (!rt_grad_enabled() && HAS_G(0) && !HAS_G(1) && !HAS_G(2)) {
        RtTensor *dx, *dweight, *dbias;
        TRY(rt_layer_norm_backward(G(0), X(0), optional(X(1)), Y(1), Y(2), back, &dx, &dweight,
                                   &dbias));
        GIVE(0, dx);
        GIVE(1, dweight);
        GIVE(2, dbias);
        return OK;
    }
    int ndim = X_SHAPE(0)->n, outer = ndim - attrs->normalized_shape.n;
    RtInts dims = {.n = 0}, lines = {.n = outer};
    for (int i = 0; i < ndim; i++) {
        if (i < outer)
            lines.v[i] = i;
        else
            dims.v[dims.n++] = i;
    }
    RtTensor *x = as_dtype(X(0), Y_DTYPE(1)), *g = G(0), *h, *dx = RT_NONE;
    double n = 1;
    for (int i = 0; i < attrs->normalized_shape.n; i++) n *= (double)attrs->normalized_shape.v[i];
    Normal normal = attrs->rms ? rms_of(x, &dims, attrs->eps) : normal_of(x, &dims, attrs->eps);
    if (HAS_G(0)) {
        h = g = as_dtype(g, Y_DTYPE(1));
        if (X(1)) h = rt_mul(g, as_dtype(X(1), Y_DTYPE(1)));
        dx = through_normal(h, normal, &dims, attrs->rms);
        GIVE(1, sum_over(rt_mul(g, normal.xhat), &lines));
        GIVE(2, sum_over(g, &lines));
    }
    GIVE(0, through_statistics(dx, normal, attrs->rms ? RT_NONE : G(1), G(2), n));
    return OK;
}

GRAD(group_norm) {
    const RtAttrs_norm *attrs = A(norm);
    RtAttrs_norm back = *attrs;
    back.affine = WANT(1) || WANT(2);
    if (!rt_grad_enabled() && HAS_G(0) && !HAS_G(1) && !HAS_G(2)) {
        RtTensor *dx, *dweight, *dbias;
        TRY(rt_group_norm_backward(G(0), X(0), optional(X(1)), Y(1), Y(2), back, &dx, &dweight,
                                   &dbias));
        GIVE(0, dx);
        GIVE(1, dweight);
        GIVE(2, dbias);
        return OK;
    }
    // As lines (B, G, L), each of which is normalised.
    const RtShape *shape = X_SHAPE(0);
    int64_t lines = shape->dim[0] * attrs->num_groups, L = lines ? shape_numel(shape) / lines : 0;
    const RtInts dims = RT_INTS(2);
    RtAttrs_shape flat = {.shape = RT_INTS(shape->dim[0], attrs->num_groups, L)},
                  one = {.shape = RT_INTS(shape->dim[0], attrs->num_groups, 1)}, whole = {0};
    RtInts others = {.n = 0};
    whole.shape.n = shape->n;
    for (int i = 0; i < shape->n; i++) {
        whole.shape.v[i] = shape->dim[i];
        if (i != 1) others.v[others.n++] = i;
    }
    RtTensor *x = as_dtype(X(0), Y_DTYPE(1)), *g, *h, *dx = RT_NONE;
    Normal normal = normal_of(rt_reshape(x, flat), &dims, attrs->eps);
    if (HAS_G(0)) {
        h = g = as_dtype(G(0), Y_DTYPE(1));
        if (X(1)) h = rt_mul(g, per_channel(as_dtype(X(1), Y_DTYPE(1)), shape->n));
        dx = through_normal(rt_reshape(h, flat), normal, &dims, false);
        GIVE(1, sum_over(rt_mul(g, rt_reshape(normal.xhat, whole)), &others));
        GIVE(2, sum_over(g, &others));
    }
    dx = through_statistics(dx, normal, HAS_G(1) ? rt_reshape(G(1), one) : RT_NONE,
                            HAS_G(2) ? rt_reshape(G(2), one) : RT_NONE, (double)L);
    GIVE(0, rt_reshape(dx, whole));
    return OK;
}

GRAD(native_dropout) {
    if (!HAS_G(0)) return OK;
    if (!A(dropout)->training)
        GIVE(0, G(0));
    else
        GIVE(0, rt_native_dropout_backward(G(0), Y(1), *A(dropout)));
    return OK;
}

GRAD(native_dropout_backward) {
    GIVE(0, rt_native_dropout_backward(G(0), X(1), *A(dropout)));
    return OK;
}

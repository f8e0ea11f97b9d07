// Gradients of the factorisations. M' is the transpose of the last two dimensions.
//
// Sources: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation" (2008); Seeger et al., "Auto-differentiating linear algebra" (2017).
#include "grad/terms.h"

#include <math.h>

static RtTensor *turned(RtTensor *x) { return rt_transpose(x, WITH(dims, .dim0 = -2, .dim1 = -1)); }
static RtTensor *by(RtTensor *a, RtTensor *b) { return rt_matmul(a, b); }
static RtTensor *as_row(RtTensor *x) { return rt_unsqueeze(x, WITH(slice, .dim = -2)); }
static RtTensor *as_column(RtTensor *x) { return rt_unsqueeze(x, WITH(slice, .dim = -1)); }
static RtTensor *on_diagonal(RtTensor *x) {
    return rt_diag_embed(x, WITH(diagonal, .offset = 0, .dim1 = -2, .dim2 = -1));
}
static RtTensor *lower(RtTensor *x, int64_t diagonal) {
    return rt_tril(x, WITH(diagonal, .diagonal = diagonal));
}
static RtTensor *identity(RtTensor *like, int64_t n) {
    return like ? rt_eye(WITH(range, .n = n, .dtype = (RtDtype)like->dtype, .device = like->device))
                : NULL;
}
// A' x = b
static RtTensor *solve_turned(RtTensor *a, RtTensor *b) { return rt_linalg_solve(turned(a), b); }
// x A' = b, that is A x' = b'
static RtTensor *solve_right_turned(RtTensor *a, RtTensor *b) {
    return turned(rt_linalg_solve(a, turned(b)));
}
// 1 / (x[j] - x[i]), 0 on the diagonal.
static RtTensor *gaps_inverse(RtTensor *x) {
    if (!x) return NULL;
    RtTensor *gap = minus(as_row(x), as_column(x));
    RtTensor *one = identity(x, x->shape[x->ndim - 1]);
    return minus(rt_reciprocal(plus(gap, one)), one);
}

GRAD(linalg_solve) {
    RtTensor *g = solve_turned(X(0), G(0));
    GIVE(0, rt_neg(by(g, turned(Y(0)))));
    GIVE(1, g);
    return OK;
}

GRAD(inverse) { // −Y' G Y'
    RtTensor *y = turned(Y(0));
    GIVE(0, rt_neg(by(by(y, G(0)), y)));
    return OK;
}

GRAD(slogdet) { // the sign is constant
    if (!HAS_G(1)) return OK;
    GIVE(0, rt_mul(turned(rt_inverse(X(0))), as_column(as_column(G(1)))));
    return OK;
}

// L'⁻¹ Φ(L' G) L⁻¹ with Φ the lower triangle, its diagonal halved; made symmetric.
GRAD(linalg_cholesky) {
    RtTensor *inner = by(turned(Y(0)), G(0));
    RtTensor *phi = plus(lower(inner, -1), times(minus(lower(inner, 0), lower(inner, -1)), 0.5));
    RtTensor *left = solve_turned(Y(0), phi);
    RtTensor *whole = turned(solve_turned(Y(0), turned(left)));
    GIVE(0, times(plus(whole, turned(whole)), 0.5));
    return OK;
}

// V (diag(gλ) + V' gV / (λj - λi)) V'
GRAD(linalg_eigh) {
    RtTensor *v = Y(1), *middle = NULL;
    if (HAS_G(1)) middle = rt_mul(by(turned(v), G(1)), gaps_inverse(Y(0)));
    if (HAS_G(0)) {
        RtTensor *diagonal = on_diagonal(G(0));
        middle = HAS_G(1) ? plus(middle, diagonal) : diagonal;
    }
    if (!HAS_G(0) && !HAS_G(1)) return OK;
    GIVE(0, by(v, by(middle, turned(v))));
    return OK;
}

static RtTensor *skew(RtTensor *x) { return minus(x, turned(x)); }

// U ((U'gU - gU'U) / E S + S (V'gV - gV'V) / E + diag(gS)) V', E[i][j] = s[j]² - s[i]², and what of
// gU and gV lies outside of the spaces that U and V span.
GRAD(linalg_svd) {
    RtTensor *u = Y(0), *s = Y(1), *vh = Y(2), *middle = on_diagonal(HAS_G(1) ? G(1) : times(s, 0));
    RtTensor *gaps = gaps_inverse(rt_square(s)), *sum;
    if (HAS_G(0)) middle = plus(middle, rt_mul(rt_mul(skew(by(turned(u), G(0))), gaps), as_row(s)));
    if (HAS_G(2))
        middle = plus(middle, rt_mul(rt_mul(skew(by(vh, turned(G(2)))), gaps), as_column(s)));
    sum = by(u, by(middle, vh));
    int64_t n = Y_SHAPE(0)->dim[Y_SHAPE(0)->n - 2], m = Y_SHAPE(2)->dim[Y_SHAPE(2)->n - 1],
            k = Y_SHAPE(1)->dim[Y_SHAPE(1)->n - 1];
    if (HAS_G(0) && n > k) {
        RtTensor *outside = minus(G(0), by(u, by(turned(u), G(0))));
        sum = plus(sum, by(over(outside, as_row(s)), vh));
    }
    if (HAS_G(2) && m > k) {
        RtTensor *outside = minus(G(2), by(by(G(2), turned(vh)), vh));
        sum = plus(sum, by(u, over(outside, as_column(s))));
    }
    GIVE(0, sum);
    return OK;
}

// (gQ + Q copyltu(M)) R'⁻¹ with M = R gR' - gQ' Q; copyltu mirrors the lower triangle.
GRAD(linalg_qr) {
    const RtShape *q_shape = Y_SHAPE(0), *r_shape = Y_SHAPE(1);
    if (r_shape->dim[r_shape->n - 1] > q_shape->dim[q_shape->n - 2])
        return fail(ERR_GRAD,
                    "linalg_qr: there is no gradient for matrices with more columns than rows");
    RtTensor *q = Y(0), *r = Y(1), *m = NULL;
    if (HAS_G(1)) m = by(r, turned(G(1)));
    if (HAS_G(0)) {
        RtTensor *part = by(turned(G(0)), q);
        m = HAS_G(1) ? minus(m, part) : rt_neg(part);
    }
    if (!HAS_G(0) && !HAS_G(1)) return OK;
    RtTensor *inner = by(q, plus(lower(m, 0), turned(lower(m, -1))));
    GIVE(0, solve_right_turned(r, HAS_G(0) ? plus(G(0), inner) : inner));
    return OK;
}

static RtTensor *upper(RtTensor *x) { return rt_triu(x, WITH(diagonal, .diagonal = 0)); }
static RtTensor *solve_triangle(RtTensor *a, RtTensor *b, bool of_upper, bool unit) {
    return rt_linalg_solve_triangular(a, b,
                                      WITH(triangle, .upper = of_upper, .unitriangular = unit));
}

GRAD(linalg_solve_triangular) {
    const RtAttrs_triangle *attrs = A(triangle);
    RtTensor *g = solve_triangle(turned(X(0)), G(0), !attrs->upper, attrs->unitriangular);
    RtTensor *whole = rt_neg(by(g, turned(Y(0))));
    int64_t beside = attrs->unitriangular ? 1 : 0;
    GIVE(0,
         attrs->upper ? rt_triu(whole, WITH(diagonal, .diagonal = beside)) : lower(whole, -beside));
    GIVE(1, g);
    return OK;
}

static RtTensor *part_of(RtTensor *x, int64_t dim, int64_t start, int64_t length) {
    return rt_narrow(x, WITH(slice, .dim = dim, .start = start, .length = length));
}

// With A = P L U and M = tril(L' gL, -1) + triu(gU U'): P L'⁻¹ M U'⁻¹. Rows of L below the square, or
// columns of U beside it, take their own gradient, and change M by what they depend on the square.
GRAD(linalg_lu_factor) {
    const RtShape *shape = Y_SHAPE(0);
    if (!HAS_G(0)) return OK;
    int64_t n = shape->dim[shape->n - 2], m = shape->dim[shape->n - 1], k = n < m ? n : m;
    RtTensor *square = part_of(part_of(Y(0), -2, 0, k), -1, 0, k);
    RtTensor *g = part_of(part_of(G(0), -2, 0, k), -1, 0, k);
    RtTensor *l = plus(lower(square, -1), identity(square, k)), *u = upper(square);
    RtTensor *left = by(turned(l), lower(g, -1)), *right = by(upper(g), turned(u)), *rest = NULL;
    if (m > k) {
        rest = part_of(G(0), -1, k, m - k);
        left = minus(left, by(rest, turned(part_of(Y(0), -1, k, m - k))));
        rest = solve_triangle(turned(l), rest, true, true);
    } else if (n > k) {
        rest = part_of(G(0), -2, k, n - k);
        right = minus(right, by(turned(part_of(Y(0), -2, k, n - k)), rest));
        rest = turned(solve_triangle(u, turned(rest), true, false));
    }
    RtTensor *whole = solve_triangle(turned(l), plus(lower(left, -1), upper(right)), true, true);
    whole = turned(solve_triangle(u, turned(whole), true, false));
    if (rest) whole = rt_cat((RtTensor *[]){whole, rest}, 2, WITH(slice, .dim = m > k ? -1 : -2));
    RtTensor *order = rt_argsort(rt_lu_order(Y(1), WITH(order, .n = n)), WITH(dim, .dim = -1));
    GIVE(0, rt_gather(whole, rt_expand_as(as_column(order), whole), WITH(gather, .dim = -2)));
    return OK;
}

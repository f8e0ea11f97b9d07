// Cases of the factorisations. Truths are elimination, Jacobi's rotations and products of what came
// out; where a factorisation is not unique (signs), the test puts it together again.
#include "ops/cases.h"

enum { ON_LAPACK = 1 << RT_F32 | 1 << RT_F64, N = 4 };

static double value(const RtTensor *x, int64_t i) { return rt_scalar_double(rt_tensor_item(x, i)); }

// x (n, k) such that a x = b, by Gauss' elimination with a pivot; returns the determinant.
static double eliminate(const double *a_in, double *b, int n, int k) {
    double a[N * N], determinant = 1;
    memcpy(a, a_in, (size_t)(n * n) * sizeof *a);
    for (int c = 0; c < n; c++) {
        int top = c;
        for (int r = c + 1; r < n; r++)
            if (fabs(a[r * n + c]) > fabs(a[top * n + c])) top = r;
        if (top != c) determinant = -determinant;
        for (int j = 0; j < n; j++) {
            double swap = a[c * n + j];
            a[c * n + j] = a[top * n + j];
            a[top * n + j] = swap;
        }
        for (int j = 0; j < k; j++) {
            double swap = b[c * k + j];
            b[c * k + j] = b[top * k + j];
            b[top * k + j] = swap;
        }
        determinant *= a[c * n + c];
        for (int r = 0; r < n; r++) {
            if (r == c) continue;
            double factor = a[r * n + c] / a[c * n + c];
            for (int j = c; j < n; j++) a[r * n + j] -= factor * a[c * n + j];
            for (int j = 0; j < k; j++) b[r * k + j] -= factor * b[c * k + j];
        }
    }
    for (int r = 0; r < n; r++)
        for (int j = 0; j < k; j++) b[r * k + j] /= a[r * n + r];
    return determinant;
}

// The seeds of the walk are fixed: none of the matrices is near a singular one.
static bool make_solve(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -1, 1, k ? 3 : 2, k ? (int64_t[]){2, 3, 3} : (int64_t[]){N, N});
    sample_input(s, -2, 2, k ? 3 : 2, k ? (int64_t[]){2, 3, 1} : (int64_t[]){N, 3});
    return true;
}
static void truth_solve(Sample *s) {
    double *y = sample_output(s, 0, s->ndim[1], s->shape[1]);
    int count = s->ndim[0] == 3 ? 2 : 1, n = count == 2 ? 3 : N, k = count == 2 ? 1 : 3;
    memcpy(y, s->x[1], (size_t)(count * n * k) * sizeof *y);
    for (int i = 0; i < count; i++) eliminate(s->x[0] + i * n * n, y + i * n * k, n, k);
}
const OpCase case_linalg_solve = {make_solve, truth_solve, .dtypes = ON_LAPACK, .tolerance = 200};

static bool make_square(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -1, 1, k ? 3 : 2, k ? (int64_t[]){2, 3, 3} : (int64_t[]){N, N});
    return true;
}
static void truth_inverse(Sample *s) {
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    int count = s->ndim[0] == 3 ? 2 : 1, n = count == 2 ? 3 : N;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < n; j++) y[i * n * n + j * n + j] = 1;
        eliminate(s->x[0] + i * n * n, y + i * n * n, n, n);
    }
}
const OpCase case_inverse = {make_square, truth_inverse, .dtypes = ON_LAPACK, .tolerance = 200};

static void truth_determinant(Sample *s,
                              int kind) { // 0: itself, 2: its sign and the logarithm of its size
    int count = s->ndim[0] == 3 ? 2 : 1, n = count == 2 ? 3 : N, ndim = s->ndim[0] - 2;
    double *y = sample_output(s, 0, ndim, s->shape[0]),
           *logs = kind == 2 ? sample_output(s, 1, ndim, s->shape[0]) : NULL;
    for (int i = 0; i < count; i++) {
        double none[N], determinant = eliminate(s->x[0] + i * n * n, none, n, 0);
        y[i] = kind == 0 ? determinant : determinant > 0 ? 1 : -1;
        if (logs) logs[i] = log(fabs(determinant));
    }
}
static void truth_det(Sample *s) { truth_determinant(s, 0); }
static void truth_slogdet(Sample *s) { truth_determinant(s, 2); }
const OpCase case_det = {make_square, truth_det, .dtypes = ON_LAPACK, .tolerance = 200};
const OpCase case_slogdet = {make_square, truth_slogdet, .dtypes = ON_LAPACK, .tolerance = 200};
static bool make_diagonal_heavy(Sample *s, int k) { // one element: its determinant is positive
    if (k >= 1) return false;
    sample_input(s, 0.5, 2, 3, (int64_t[]){5, 1, 1});
    return true;
}
static void truth_logdet_one(Sample *s) {
    double *y = sample_output(s, 0, 1, s->shape[0]);
    for (int i = 0; i < 5; i++) y[i] = log(s->x[0][i]);
}
const OpCase case_logdet = {make_diagonal_heavy, truth_logdet_one, .dtypes = ON_LAPACK};

// The rest is tested on matrices made here; scalar functions of the results that do not depend on
// signs are differentiated, once and twice, by finite differences.

typedef RtTensor *(*Scalar)(RtTensor *x); // of a matrix; does not change with the signs of factors

static RtTensor *leaf_of(const double *values, int64_t n, int64_t m, RtDtype dtype) {
    RtTensor *x = rt_tensor_new(2, (int64_t[]){n, m}, RT_F64, (RtDevice){RT_CPU, 0});
    memcpy(rt_tensor_data(x), values, (size_t)(n * m) * sizeof *values);
    return rt_cast(x, WITH(cast, .dtype = dtype));
}

static double scalar_at(Scalar f, const double *values, int64_t n, int64_t m) {
    RtTensor *y = f(leaf_of(values, n, m, RT_F64));
    CHECK_MADE(y);
    return value(y, 0);
}

static void gradient_at(Scalar f, const double *values, int64_t n, int64_t m, double *out) {
    RtTensor *x = leaf_of(values, n, m, RT_F64), *g;
    CHECK_OK(rt_set_requires_grad(x, true));
    RtTensor *y = f(x), *one = RT_NONE;
    CHECK_MADE(y);
    CHECK_OK(rt_grad(&y, &one, 1, &x, 1, false, false, false, &g));
    for (int64_t i = 0; i < n * m; i++) out[i] = value(g, i);
}

static void check_gradients(Scalar f, const double *values, int64_t n, int64_t m, bool symmetric) {
    double x[64], g[64], up[64], down[64], step = 1e-5;
    int64_t size = n * m;
    memcpy(x, values, (size_t)size * sizeof *x);
    gradient_at(f, x, n, m, g);
    for (int64_t i = 0; i < size; i++) {
        int64_t mirror = symmetric ? i % m * m + i / m : i; // a symmetric matrix stays one
        if (symmetric && mirror < i) continue;
        for (int sign = 1; sign >= -1; sign -= 2) {
            x[i] = x[mirror] = values[i] + sign * step;
            *(sign > 0 ? &up[0] : &down[0]) = scalar_at(f, x, n, m);
        }
        x[i] = x[mirror] = values[i];
        double want = (up[0] - down[0]) / (2 * step), got = mirror == i ? g[i] : g[i] + g[mirror];
        if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
            fail_msg("gradient of element %d: %g, differences give %g", (int)i, got, want);
    }
    // The gradient of Σ v · gradient against differences of gradients, for one v.
    RtTensor *leaf = leaf_of(values, n, m, RT_F64), *first, *second, *one = RT_NONE;
    CHECK_OK(rt_set_requires_grad(leaf, true));
    RtTensor *y = f(leaf),
             *weights =
                 rt_reshape(rt_cos(rt_arange(WITH(range, .end = rt_int(size), .dtype = RT_F64))),
                            WITH(shape, .shape = RT_INTS(n, m)));
    if (symmetric)
        weights = rt_add(weights, rt_transpose(weights, WITH(dims, .dim0 = 0, .dim1 = 1)),
                         rt_defaults_alpha());
    CHECK_OK(rt_grad(&y, &one, 1, &leaf, 1, true, true, false, &first));
    CHECK_OK(rt_grad(&first, &weights, 1, &leaf, 1, false, false, true, &second));
    for (int64_t i = 0; i < size; i++) x[i] = values[i] + step * value(weights, i);
    gradient_at(f, x, n, m, up);
    for (int64_t i = 0; i < size; i++) x[i] = values[i] - step * value(weights, i);
    gradient_at(f, x, n, m, down);
    for (int64_t i = 0; i < size; i++) {
        int64_t mirror = symmetric ? i % m * m + i / m : i;
        double want = (up[i] - down[i] + up[mirror] - down[mirror]) / (4 * step),
               got = (value(second, i) + value(second, mirror)) / 2;
        if (fabs(got - want) > 1e-4 * (1 + fabs(want)))
            fail_msg("second gradient of element %d: %g, differences give %g", (int)i, got, want);
    }
}

static const double tall[] = {1.2,  -0.7, 0.4, 0.3, 2.1,  -1.1,
                              -0.5, 0.6,  0.9, 1.7, -0.2, 0.8}; // (4, 3)
static const double positive[] = {4, 1, 0.5, 1, 3, -0.7, 0.5, -0.7, 2};

static RtTensor *weights_like(RtTensor *x) {
    if (!x) return NULL;
    RtTensor *line =
        rt_sin(rt_arange(WITH(range, .end = rt_int(x->numel), .dtype = (RtDtype)x->dtype)));
    return rt_reshape_as(line, x);
}
static RtTensor *weighed(RtTensor *x) {
    return rt_sum(rt_mul(x, weights_like(x)), rt_defaults_reduce());
}
static RtTensor *total(RtTensor *a, RtTensor *b) { return rt_add(a, b, rt_defaults_alpha()); }
static RtTensor *turned(RtTensor *x) { return rt_transpose(x, WITH(dims, .dim0 = -2, .dim1 = -1)); }

static void check_equal(RtTensor *got, RtTensor *want) {
    CHECK_MADE(got);
    double tolerance = got->dtype == RT_F64 ? 1e-12 : 1e-5;
    assert_int_equal(got->numel, want->numel);
    for (int64_t i = 0; i < got->numel; i++)
        if (!(fabs(value(got, i) - value(want, i)) <= tolerance * (1 + fabs(value(want, i)))))
            fail_msg("element %d is %.12g instead of %.12g", (int)i, value(got, i), value(want, i));
}

#define OWN(name_)                                                                                 \
    static void body_##name_(void);                                                                \
    static void own_##name_(void) {                                                                \
        RtScope scope;                                                                             \
        rt_scope_open(&scope);                                                                     \
        body_##name_();                                                                            \
        rt_scope_close(scope);                                                                     \
    }                                                                                              \
    const OpCase case_##name_ = {.own = own_##name_};                                              \
    static void body_##name_(void)

static RtTensor *cholesky_scalar(RtTensor *x) { return weighed(rt_linalg_cholesky(x)); }
OWN(linalg_cholesky) {
    for (int dtype = RT_F32; dtype <= RT_F64; dtype += RT_F64 - RT_F32) {
        RtTensor *x = leaf_of(positive, 3, 3, (RtDtype)dtype), *l = rt_linalg_cholesky(x);
        CHECK_MADE(l);
        check_equal(rt_matmul(l, turned(l)), x);
        assert_true(value(l, 1) == 0 && value(l, 2) == 0 && value(l, 5) == 0 && value(l, 0) > 0);
    }
    check_gradients(cholesky_scalar, positive, 3, 3, true);
    CHECK_FAILS((intptr_t)rt_linalg_cholesky(leaf_of((double[]){1, 2, 2, 1}, 2, 2, RT_F64)),
                ERR_VALUE, "positive-definite");
    CHECK_FAILS((intptr_t)rt_linalg_cholesky(leaf_of(tall, 4, 3, RT_F64)), ERR_SHAPE, "square");
    CHECK_FAILS((intptr_t)rt_linalg_cholesky(leaf_of(positive, 3, 3, RT_F16)), ERR_DTYPE,
                "float16");
    CHECK_FAILS((intptr_t)rt_linalg_solve(leaf_of((double[]){1, 2, 2, 4}, 2, 2, RT_F64),
                                          leaf_of(positive, 2, 1, RT_F64)),
                ERR_VALUE, "singular");
}

static RtTensor *eigh_scalar(RtTensor *x) { // vectors only as projections
    RtTensor *values, *vectors;
    if (rt_linalg_eigh(x, &values, &vectors) < 0) return NULL;
    RtTensor *weighted = rt_matmul(rt_mul(vectors, weights_like(values)), turned(vectors));
    return total(weighed(rt_square(values)), weighed(weighted));
}
OWN(linalg_eigh) {
    for (int dtype = RT_F32; dtype <= RT_F64; dtype += RT_F64 - RT_F32) {
        RtTensor *x = leaf_of(positive, 3, 3, (RtDtype)dtype), *values, *vectors;
        CHECK_OK(rt_linalg_eigh(x, &values, &vectors));
        check_equal(rt_matmul(rt_mul(vectors, values), turned(vectors)), x);
        check_equal(rt_matmul(turned(vectors), vectors),
                    rt_eye(WITH(range, .n = 3, .dtype = (RtDtype)dtype)));
        assert_true(value(values, 0) < value(values, 1) && value(values, 1) < value(values, 2));
    }
    check_gradients(eigh_scalar, positive, 3, 3, true);
}

static RtTensor *svd_scalar(RtTensor *x) { // u and v only as projections
    RtTensor *u, *s, *vh;
    if (rt_linalg_svd(x, &u, &s, &vh) < 0) return NULL;
    RtTensor *spaces = total(weighed(rt_matmul(rt_mul(u, s), turned(u))),
                             weighed(rt_matmul(rt_mul(turned(vh), rt_square(s)), vh)));
    return total(weighed(s), spaces);
}
OWN(linalg_svd) {
    for (int k = 0; k < 4; k++) {
        RtDtype dtype = k / 2 ? RT_F64 : RT_F32;
        RtTensor *x = leaf_of(tall, 4, 3, dtype), *u, *s, *vh;
        if (k % 2) x = turned(x);
        CHECK_OK(rt_linalg_svd(x, &u, &s, &vh));
        check_equal(rt_matmul(rt_mul(u, s), vh), x);
        RtTensor *one = rt_eye(WITH(range, .n = 3, .dtype = dtype));
        check_equal(rt_matmul(turned(u), u), one);
        check_equal(rt_matmul(vh, turned(vh)), one);
        assert_true(value(s, 0) > value(s, 1) && value(s, 1) > value(s, 2) && value(s, 2) > 0);
    }
    check_gradients(svd_scalar, tall, 3, 3, false);
    check_gradients(svd_scalar, tall, 4, 3, false);
    check_gradients(svd_scalar, tall, 3, 4, false);
}

static RtTensor *qr_scalar(RtTensor *x) { // Q diag(w) Q' and R' diag(w) R do not depend on signs
    RtTensor *q, *r;
    if (rt_linalg_qr(x, &q, &r) < 0) return NULL;
    RtTensor *w = rt_cos(rt_arange(WITH(range, .end = rt_int(3), .dtype = RT_F64)));
    return total(weighed(rt_matmul(rt_mul(q, w), turned(q))),
                 weighed(rt_matmul(rt_mul(turned(r), w), r)));
}
OWN(linalg_qr) {
    for (int k = 0; k < 4; k++) {
        RtDtype dtype = k / 2 ? RT_F64 : RT_F32;
        RtTensor *x = leaf_of(tall, 4, 3, dtype), *q, *r;
        if (k % 2) x = turned(x);
        CHECK_OK(rt_linalg_qr(x, &q, &r));
        check_equal(rt_matmul(q, r), x);
        check_equal(rt_matmul(turned(q), q), rt_eye(WITH(range, .n = 3, .dtype = dtype)));
        int64_t m = r->shape[1];
        assert_true(value(r, m) == 0 && value(r, 2 * m) == 0 && value(r, 2 * m + 1) == 0);
    }
    check_gradients(qr_scalar, tall, 4, 3, false);
    check_gradients(qr_scalar, tall, 3, 3, false);
}

static bool make_triangle(Sample *s, int k) {
    if (k >= 4) return false;
    sample_input(s, 0.5, 2, k % 2 ? 3 : 2, k % 2 ? (int64_t[]){2, 3, 3} : (int64_t[]){N, N});
    sample_input(s, -2, 2, k % 2 ? 3 : 2, k % 2 ? (int64_t[]){2, 3, 1} : (int64_t[]){N, 3});
    SAMPLE_ATTRS(s, triangle, .upper = k / 2 == 1, .unitriangular = k % 2 == 1);
    return true;
}
static void truth_triangle(Sample *s) {
    const RtAttrs_triangle *attrs = s->attrs;
    double *y = sample_output(s, 0, s->ndim[1], s->shape[1]), a[N * N];
    int count = s->ndim[0] == 3 ? 2 : 1, n = count == 2 ? 3 : N, k = count == 2 ? 1 : 3;
    memcpy(y, s->x[1], (size_t)(count * n * k) * sizeof *y);
    for (int i = 0; i < count; i++) {
        for (int at = 0; at < n * n; at++) {
            int row = at / n, column = at % n;
            bool beyond = attrs->upper ? column < row : column > row;
            a[at] = row == column && attrs->unitriangular ? 1
                    : beyond                              ? 0
                                                          : s->x[0][i * n * n + at];
        }
        eliminate(a, y + i * n * k, n, k);
    }
}
const OpCase case_linalg_solve_triangular = {make_triangle, truth_triangle, .dtypes = ON_LAPACK,
                                             .tolerance = 200};

static RtTensor *lu_scalar(RtTensor *x) {
    RtTensor *lu, *pivots;
    return rt_linalg_lu_factor(x, &lu, &pivots) < 0 ? NULL : weighed(rt_square(lu));
}
OWN(linalg_lu_factor) { // L U is the matrix with its rows in the order that the pivots say
    for (int k = 0; k < 4; k++) {
        RtTensor *x = leaf_of(tall, 4, 3, k / 2 ? RT_F64 : RT_F32), *lu, *pivots;
        if (k % 2) x = turned(x);
        CHECK_OK(rt_linalg_lu_factor(x, &lu, &pivots));
        assert_int_equal(pivots->numel, 3);
        int64_t n = x->shape[0], m = x->shape[1];
        RtTensor *order = rt_lu_order(pivots, WITH(order, .n = n));
        CHECK_MADE(order);
        RtTensor *rows = rt_index_select(x, order, WITH(gather, .dim = 0));
        CHECK_MADE(rows);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < m; j++) {
                double sum = 0;
                for (int64_t c = 0; c <= i && c <= j && c < 3; c++)
                    sum += (c == i ? 1 : value(lu, i * m + c)) * value(lu, c * m + j);
                assert_true(fabs(sum - value(rows, i * m + j)) < (k / 2 ? 1e-14 : 1e-6));
            }
    }
    check_gradients(lu_scalar, tall, 3, 3, false);
    check_gradients(lu_scalar, tall, 4, 3, false);
    check_gradients(lu_scalar, tall, 3, 4, false);
}
OWN(lu_order) {
    RtTensor *pivots = rt_cast(rt_arange(WITH(range, .start = rt_int(2), .end = rt_int(4))),
                               WITH(cast, .dtype = RT_I32));
    RtTensor *order =
        rt_lu_order(pivots, WITH(order, .n = 3)); // rows 1 and 2 are exchanged, then 2 and 3
    CHECK_MADE(order);
    assert_true(value(order, 0) == 1 && value(order, 1) == 2 && value(order, 2) == 0);
    CHECK_FAILS((intptr_t)rt_lu_order(pivots, WITH(order, .n = 2)), ERR_VALUE, "a pivot is 3");
    CHECK_FAILS((intptr_t)rt_lu_order(pivots, WITH(order, .n = 1)), ERR_SHAPE, "do not fit");
}

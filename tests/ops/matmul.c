// Cases of products of matrices. Shapes reach every way of cpu/gemm.c: few rows, thin, more than
// one run of k, packed.
#include "ops/cases.h"

typedef struct Product {
    int64_t m, n, k;
} Product;

static const Product products[] = {{2, 3, 4}, {1, 1, 1}, {5, 1, 7}, {1, 6, 3},    {17, 33, 20},
                                   {3, 0, 2}, {0, 4, 2}, {2, 3, 0}, {40, 10, 50}, {9, 70, 400}};
enum { PRODUCTS = sizeof products / sizeof *products };

// y (m, n) += alpha · a (m, k) b (k, n)
static void multiply(double *y, const double *a, const double *b, int64_t m, int64_t n, int64_t k,
                     double alpha) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t q = 0; q < k; q++) sum += a[i * k + q] * b[q * n + j];
            y[i * n + j] += alpha * sum;
        }
}

// As above, with a (k, m) or b (n, k) where they are transposed.
static void multiply_as(double *y, const double *a, const double *b, int64_t m, int64_t n,
                        int64_t k, bool ta, bool tb) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t q = 0; q < k; q++)
                y[i * n + j] +=
                    (ta ? a[q * m + i] : a[i * k + q]) * (tb ? b[j * k + q] : b[q * n + j]);
}

static void matrix(Sample *s, int64_t rows, int64_t columns, bool transpose) {
    sample_input(s, -2, 2, 2, transpose ? (int64_t[]){columns, rows} : (int64_t[]){rows, columns});
}

static bool make_mm(Sample *s, int k) {
    if (k >= 2 * PRODUCTS) return false;
    Product p = products[k % PRODUCTS];
    int form = k < PRODUCTS ? 0 : 1 + k % 3; // then the transposed forms
    matrix(s, p.m, p.k, form & 1);
    matrix(s, p.k, p.n, form & 2);
    SAMPLE_ATTRS(s, matmul, .transpose_a = form & 1, .transpose_b = form & 2);
    return true;
}

static void truth_mm(Sample *s) {
    const RtAttrs_matmul *attrs = s->attrs;
    int64_t m = s->shape[0][attrs->transpose_a], k = s->shape[0][!attrs->transpose_a],
            n = s->shape[1][!attrs->transpose_b];
    double *y = sample_output(s, 0, 2, (int64_t[]){m, n});
    multiply_as(y, s->x[0], s->x[1], m, n, k, attrs->transpose_a, attrs->transpose_b);
}
const OpCase case_mm = {.make = make_mm, .truth = truth_mm, .dtypes = ON_FLOATS};

// Whole numbers: sums stay within int8.
static bool make_outer(Sample *s, int k) {
    static const int64_t sizes[][2] = {{3, 4}, {1, 5}, {0, 2}, {70, 20}};
    if (k >= 4) return false;
    sample_input(s, -4, 4, 1, &sizes[k][0]);
    sample_input(s, -4, 4, 1, &sizes[k][1]);
    return true;
}
static void truth_outer(Sample *s) {
    int64_t n = s->shape[0][0], m = s->shape[1][0];
    multiply(sample_output(s, 0, 2, (int64_t[]){n, m}), s->x[0], s->x[1], n, m, 1, 1);
}
const OpCase case_outer = {.make = make_outer, .truth = truth_outer, .dtypes = ON_NUMBERS};

static bool make_bmm(Sample *s, int k) {
    static const int64_t shapes[][4] = {
        {2, 3, 4, 5}, {4, 1, 8, 3}, {0, 2, 3, 2}, {3, 20, 6, 9}, {70, 3, 3, 2}}; // b m n k
    if (k >= 10) return false;
    const int64_t *p = shapes[k / 2];
    int form = k % 2 ? 1 + k / 2 % 3 : 0;
    sample_input(s, -2, 2, 3,
                 form & 1 ? (int64_t[]){p[0], p[3], p[1]} : (int64_t[]){p[0], p[1], p[3]});
    sample_input(s, -2, 2, 3,
                 form & 2 ? (int64_t[]){p[0], p[2], p[3]} : (int64_t[]){p[0], p[3], p[2]});
    SAMPLE_ATTRS(s, matmul, .transpose_a = form & 1, .transpose_b = form & 2);
    return true;
}
static void truth_bmm(Sample *s) {
    const RtAttrs_matmul *attrs = s->attrs;
    int64_t batch = s->shape[0][0], m = s->shape[0][1 + attrs->transpose_a],
            k = s->shape[0][2 - attrs->transpose_a];
    int64_t n = s->shape[1][2 - attrs->transpose_b];
    double *y = sample_output(s, 0, 3, (int64_t[]){batch, m, n});
    for (int64_t i = 0; i < batch; i++)
        multiply_as(y + i * m * n, s->x[0] + i * m * k, s->x[1] + i * k * n, m, n, k,
                    attrs->transpose_a, attrs->transpose_b);
}
const OpCase case_bmm = {.make = make_bmm, .truth = truth_bmm, .dtypes = ON_FLOATS};

// matmul and batch_matmul: NumPy's rules for vectors and leading dimensions.
static void truth_matmul(Sample *s) {
    int na = s->ndim[0], nb = s->ndim[1];
    int64_t a[8], b[8], out[8];
    int la = na == 1 ? 2 : na,
        lb = nb == 1 ? 2 : nb; // a vector is a row on the left, a column on the right
    memcpy(a + (na == 1), s->shape[0], (size_t)na * sizeof *a);
    if (na == 1) a[0] = 1;
    memcpy(b, s->shape[1], (size_t)nb * sizeof *b);
    if (nb == 1) b[1] = 1;
    int lead = (la > lb ? la : lb) - 2;
    int64_t m = a[la - 2], k = a[la - 1], n = b[lb - 1], count = 1;
    for (int i = 0; i < lead; i++) {
        int64_t x = i - (lead - (la - 2)) >= 0 ? a[i - (lead - (la - 2))] : 1,
                y = i - (lead - (lb - 2)) >= 0 ? b[i - (lead - (lb - 2))] : 1;
        out[i] = x == 1 ? y : x;
        count *= out[i];
    }
    int nout = lead;
    if (na > 1) out[nout++] = m;
    if (nb > 1) out[nout++] = n;
    double *y = sample_output(s, 0, nout, out);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
        for (int d = lead - 1; d >= 0; d--) {
            int64_t at = rest % out[d];
            int da = d - (lead - (la - 2)), db = d - (lead - (lb - 2));
            rest /= out[d];
            if (da >= 0) at_a += a[da] == 1 ? 0 : at * step_a, step_a *= a[da];
            if (db >= 0) at_b += b[db] == 1 ? 0 : at * step_b, step_b *= b[db];
        }
        multiply(y + i * m * n, s->x[0] + at_a * m * k, s->x[1] + at_b * k * n, m, n, k, 1);
    }
}

static bool make_matmul(Sample *s, int k) {
    static const struct {
        int na, nb;
        int64_t a[5], b[5];
    } pairs[] = {
        {1, 1, {5}, {5}},
        {2, 1, {3, 4}, {4}},
        {1, 2, {4}, {4, 3}},
        {2, 2, {3, 4}, {4, 2}},
        {3, 1, {2, 3, 4}, {4}},
        {3, 2, {2, 3, 4}, {4, 5}},
        {1, 3, {4}, {2, 4, 3}},
        {2, 3, {3, 4}, {2, 4, 2}},
        {3, 3, {2, 3, 4}, {2, 4, 2}},
        {3, 3, {1, 3, 4}, {3, 4, 2}},
        {4, 3, {2, 1, 3, 4}, {3, 4, 2}},
        {4, 4, {2, 3, 2, 4}, {2, 1, 4, 3}},
        {2, 2, {0, 4}, {4, 2}},
        {3, 2, {2, 3, 0}, {0, 2}},
    };
    if (k >= (int)(sizeof pairs / sizeof *pairs)) return false;
    sample_input(s, -2, 2, pairs[k].na, pairs[k].a);
    sample_input(s, -2, 2, pairs[k].nb, pairs[k].b);
    return true;
}
const OpCase case_matmul = {.make = make_matmul, .truth = truth_matmul, .dtypes = ON_NUMBERS};

static bool make_batch_matmul(Sample *s, int k) {
    static const struct {
        int na, nb;
        int64_t a[4], b[4];
    } pairs[] = {{3, 3, {2, 3, 4}, {1, 4, 2}},
                 {4, 3, {2, 1, 3, 4}, {3, 4, 2}},
                 {2, 4, {3, 4}, {2, 2, 4, 3}},
                 {2, 2, {2, 3}, {3, 4}}};
    if (k >= 4) return false;
    sample_input(s, -2, 2, pairs[k].na, pairs[k].a);
    sample_input(s, -2, 2, pairs[k].nb, pairs[k].b);
    return true;
}
const OpCase case_batch_matmul = {
    .make = make_batch_matmul, .truth = truth_matmul, .dtypes = ON_NUMBERS};

static bool make_mv(Sample *s, int k) {
    static const int64_t sizes[][2] = {{3, 4}, {1, 1}, {0, 3}, {3, 0}, {20, 70}, {300, 40}};
    if (k >= 6) return false;
    sample_input(s, -2, 2, 2, sizes[k]);
    sample_input(s, -2, 2, 1, &sizes[k][1]);
    return true;
}
const OpCase case_mv = {.make = make_mv, .truth = truth_matmul, .dtypes = ON_FLOATS};

static bool make_dot(Sample *s, int k) {
    static const int64_t sizes[] = {4, 1, 0, 70, 15};
    if (k >= 5) return false;
    sample_input(s, -2, 2, 1, &sizes[k]);
    sample_input(s, -2, 2, 1, &sizes[k]);
    return true;
}
const OpCase case_dot = {.make = make_dot, .truth = truth_matmul, .dtypes = ON_FLOATS};

// beta · self + alpha · product ---------------------------------------------------------------

static bool factors(Sample *s, int k) {
    static const int values[][2] = {{1, 1}, {2, 1}, {1, -3}, {0, 1}, {2, 3}};
    if (k >= 5) return false;
    SAMPLE_ATTRS(s, addmm, .beta = rt_int(values[k][0]), .alpha = rt_int(values[k][1]));
    return true;
}

// y = beta · self, for a self that broadcasts to (rows, columns) of each of `count` matrices.
static double *start(Sample *s, int ndim, const int64_t *shape) {
    const RtAttrs_addmm *attrs = s->attrs;
    double *y = sample_output(s, 0, ndim, shape);
    int64_t numel = sample_numel(ndim, shape);
    for (int64_t i = 0; i < numel; i++) {
        int64_t rest = i, at = 0, step = 1;
        for (int d = ndim - 1; d >= 0; d--) {
            int own = d - (ndim - s->ndim[0]);
            if (own >= 0 && s->shape[0][own] != 1) at += rest % shape[d] * step;
            if (own >= 0) step *= s->shape[0][own];
            rest /= shape[d];
        }
        y[i] = rt_scalar_double(attrs->beta) * s->x[0][at];
    }
    return y;
}

static bool make_addmm(Sample *s, int k) {
    static const int64_t selves[][2] = {{3, 4}, {1, 4}, {3, 1}, {1, 1}, {3, 4}};
    if (!factors(s, k)) return false;
    sample_input(s, -3, 3, 2 - (k == 1), selves[k] + (k == 1));
    sample_input(s, -2, 2, 2, (int64_t[]){3, 5});
    sample_input(s, -2, 2, 2, (int64_t[]){5, 4});
    return true;
}
static void truth_addmm(Sample *s) {
    const RtAttrs_addmm *attrs = s->attrs;
    int64_t m = s->shape[1][0], k = s->shape[1][1], n = s->shape[2][1];
    multiply(start(s, 2, (int64_t[]){m, n}), s->x[1], s->x[2], m, n, k,
             rt_scalar_double(attrs->alpha));
}
const OpCase case_addmm = {
    .make = make_addmm, .truth = truth_addmm, .dtypes = ON_NUMBERS & ~(1 << RT_U8)};

static bool make_addmv(Sample *s, int k) {
    if (!factors(s, k)) return false;
    sample_input(s, -3, 3, 1, (int64_t[]){k == 2 ? 1 : 3});
    sample_input(s, -2, 2, 2, (int64_t[]){3, 4});
    sample_input(s, -2, 2, 1, (int64_t[]){4});
    return true;
}
static void truth_addmv(Sample *s) {
    const RtAttrs_addmm *attrs = s->attrs;
    multiply(start(s, 1, s->shape[1]), s->x[1], s->x[2], s->shape[1][0], 1, s->shape[1][1],
             rt_scalar_double(attrs->alpha));
}
const OpCase case_addmv = {
    .make = make_addmv, .truth = truth_addmv, .dtypes = ON_FLOATS, .no_second = false};

static bool make_baddbmm(Sample *s, int k) {
    if (!factors(s, k)) return false;
    sample_input(s, -3, 3, k == 1 ? 2 : 3,
                 k == 1 ? (int64_t[]){3, 4} : (int64_t[]){k == 2 ? 1 : 2, 3, 4});
    sample_input(s, -2, 2, 3, (int64_t[]){2, 3, 5});
    sample_input(s, -2, 2, 3, (int64_t[]){2, 5, 4});
    return true;
}
static void truth_baddbmm(Sample *s) {
    const RtAttrs_addmm *attrs = s->attrs;
    double *y = start(s, 3, (int64_t[]){2, 3, 4});
    for (int i = 0; i < 2; i++)
        multiply(y + i * 12, s->x[1] + i * 15, s->x[2] + i * 20, 3, 4, 5,
                 rt_scalar_double(attrs->alpha));
}
const OpCase case_baddbmm = {.make = make_baddbmm, .truth = truth_baddbmm, .dtypes = ON_FLOATS};

static bool make_addbmm(Sample *s, int k) {
    if (!factors(s, k)) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){k == 1 ? 1 : 3, 4});
    sample_input(s, -2, 2, 3, (int64_t[]){2, 3, 5});
    sample_input(s, -2, 2, 3, (int64_t[]){2, 5, 4});
    return true;
}
static void truth_addbmm(Sample *s) {
    const RtAttrs_addmm *attrs = s->attrs;
    double *y = start(s, 2, (int64_t[]){3, 4});
    for (int i = 0; i < 2; i++)
        multiply(y, s->x[1] + i * 15, s->x[2] + i * 20, 3, 4, 5, rt_scalar_double(attrs->alpha));
}
const OpCase case_addbmm = {
    .make = make_addbmm, .truth = truth_addbmm, .dtypes = ON_FLOATS, .tolerance = 2};

// linear --------------------------------------------------------------------------------------

static bool make_linear(Sample *s, int k) {
    static const struct {
        int ndim;
        int64_t x[4], out;
        bool bias;
    } inputs[] = {{2, {3, 4}, 5, true},    {2, {3, 4}, 5, false},       {1, {4}, 3, true},
                  {3, {2, 3, 4}, 2, true}, {4, {2, 1, 3, 5}, 4, false}, {2, {0, 4}, 3, true},
                  {2, {40, 50}, 30, true}, {2, {12, 400}, 18, true},    {2, {3, 0}, 2, true}};
    if (k >= (int)(sizeof inputs / sizeof *inputs)) return false;
    int ndim = inputs[k].ndim;
    sample_input(s, -2, 2, ndim, inputs[k].x);
    sample_input(s, -2, 2, 2, (int64_t[]){inputs[k].out, inputs[k].x[ndim - 1]});
    sample_kind_input(s, inputs[k].bias ? SAMPLE_VALUES : SAMPLE_ABSENT, -2, 2, 1, &inputs[k].out);
    return true;
}
static void truth_linear(Sample *s) {
    int last = s->ndim[0] - 1;
    int64_t n = s->shape[1][0], k = s->shape[1][1], m = 1, shape[4];
    for (int i = 0; i < last; i++) m *= shape[i] = s->shape[0][i];
    shape[last] = n;
    double *y = sample_output(s, 0, last + 1, shape);
    for (int64_t i = 0; i < m * n && s->kind[2] != SAMPLE_ABSENT; i++) y[i] = s->x[2][i % n];
    multiply_as(y, s->x[0], s->x[1], m, n, k, false, true);
}
const OpCase case_linear = {.make = make_linear, .truth = truth_linear, .dtypes = ON_FLOATS};

// written in others ----------------------------------------------------------------------------

static bool make_addr(Sample *s, int k) {
    if (!factors(s, k)) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){k == 1 ? 1 : 3, 4});
    sample_input(s, -2, 2, 1, (int64_t[]){3});
    sample_input(s, -2, 2, 1, (int64_t[]){4});
    return true;
}
static void truth_addr(Sample *s) {
    multiply(start(s, 2, (int64_t[]){3, 4}), s->x[1], s->x[2], 3, 4, 1,
             rt_scalar_double(((const RtAttrs_addmm *)s->attrs)->alpha));
}
const OpCase case_addr = {.make = make_addr, .truth = truth_addr, .dtypes = ON_FLOATS};

static bool make_inner(Sample *s, int k) {
    if (k >= 3) return false;
    sample_input(s, -2, 2, k == 0 ? 1 : 3, k == 0 ? (int64_t[]){4} : (int64_t[]){2, 3, 4});
    sample_input(s, -2, 2, k == 2 ? 2 : 1, k == 2 ? (int64_t[]){5, 4} : (int64_t[]){4});
    return true;
}
static void truth_inner(Sample *s) {
    int64_t rows = s->ndim[0] == 1 ? 1 : 6, columns = s->ndim[1] == 1 ? 1 : 5, shape[3];
    int n = 0;
    for (int i = 0; i < s->ndim[0] - 1; i++) shape[n++] = s->shape[0][i];
    for (int i = 0; i < s->ndim[1] - 1; i++) shape[n++] = s->shape[1][i];
    multiply_as(sample_output(s, 0, n, shape), s->x[0], s->x[1], rows, columns, 4, false, true);
}
const OpCase case_inner = {.make = make_inner, .truth = truth_inner, .dtypes = ON_FLOATS};

static bool make_cross(Sample *s, int k) {
    if (k >= 2) return false;
    for (int i = 0; i < 2; i++)
        sample_input(s, -2, 2, 2, k ? (int64_t[]){3, 2} : (int64_t[]){i ? 1 : 4, 3});
    SAMPLE_ATTRS(s, cross, .dim = k ? RT_INT_NONE : -1);
    return true;
}
static void truth_cross(Sample *s) {
    bool down = ((const RtAttrs_cross *)s->attrs)->dim == RT_INT_NONE; // vectors are columns
    int64_t lines = down ? 2 : 4, step = down ? 2 : 1;
    double *y = sample_output(s, 0, 2, down ? (int64_t[]){3, 2} : (int64_t[]){4, 3});
    for (int64_t line = 0; line < lines; line++) {
        int64_t first = down ? line : 3 * line;
        const double *a = s->x[0] + first, *b = s->x[1] + (down ? line : 0);
        for (int i = 0; i < 3; i++) {
            int j = (i + 1) % 3, k = (i + 2) % 3;
            y[first + i * step] = a[j * step] * b[k * step] - a[k * step] * b[j * step];
        }
    }
}
const OpCase case_cross = {
    .make = make_cross, .truth = truth_cross, .dtypes = ON_FLOATS | 1 << RT_I32 | 1 << RT_I64};

static bool make_kron(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -2, 2, 2, (int64_t[]){2, 3});
    sample_input(s, -2, 2, k ? 1 : 2, k ? (int64_t[]){4} : (int64_t[]){3, 2});
    return true;
}
static void truth_kron(Sample *s) {
    bool vector = s->ndim[1] == 1;
    int64_t rows = vector ? 1 : 3, columns = vector ? 4 : 2, shape[2] = {2 * rows, 3 * columns};
    double *y = sample_output(s, 0, 2, shape);
    for (int64_t i = 0; i < shape[0]; i++)
        for (int64_t j = 0; j < shape[1]; j++)
            y[i * shape[1] + j] =
                s->x[0][i / rows * 3 + j / columns] * s->x[1][i % rows * columns + j % columns];
}
const OpCase case_kron = {.make = make_kron, .truth = truth_kron, .dtypes = ON_NUMBERS};

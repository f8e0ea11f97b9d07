// Cases of the order family.
#include "ops/cases.h"

static const struct {
    int ndim;
    int64_t shape[3], dim;
    bool keepdim;
} lines[] = {{3, {2, 3, 5}, 1, false}, {3, {2, 3, 5}, -1, true}, {1, {301}, 0, false},
             {2, {5, 70}, 0, false},   {0, {0}, 0, false},       {2, {0, 3}, 1, false},
             {2, {4, 150}, -1, false}};
enum { LINES = sizeof lines / sizeof *lines };

static bool make_line(Sample *s, int k, double low, double high) {
    if (k >= LINES) return false;
    s->apart = true;
    sample_input(s, low, high, lines[k].ndim, lines[k].shape);
    return true;
}

// Calls choose(values of the line, n, k) for each line; it returns a position.
typedef int64_t (*Choose)(const double *v, int64_t n, int64_t k);

static void truth_choice(Sample *s, Choose choose) {
    const RtAttrs_dim *attrs = s->attrs;
    int ndim = s->ndim[0], out_ndim = 0;
    int64_t dim = ndim ? (attrs->dim + ndim) % ndim : 0, D = ndim ? s->shape[0][dim] : 1, I = 1,
            shape[3] = {0};
    int64_t n = sample_numel(ndim, s->shape[0]);
    for (int i = 0; i < ndim; i++)
        if (i != dim || attrs->keepdim) shape[out_ndim++] = i == dim ? 1 : s->shape[0][i];
    for (int i = (int)dim + 1; i < ndim; i++) I *= s->shape[0][i];
    double *values = sample_output(s, 0, out_ndim, shape),
           *indices = sample_output(s, 1, out_ndim, shape);
    double *v = calloc((size_t)D + 1, sizeof *v);
    for (int64_t line = 0; n && line < n / D; line++) {
        for (int64_t d = 0; d < D; d++) v[d] = s->x[0][(line / I * D + d) * I + line % I];
        int64_t at = choose(v, D, attrs->k);
        values[line] = v[at];
        indices[line] = (double)at;
    }
    free(v);
}

// The position of the element that k others come before, equal ones in their order.
static int64_t choose_kth(const double *v, int64_t n, int64_t k) {
    for (int64_t i = 0; i < n; i++) {
        int64_t before = 0;
        for (int64_t j = 0; j < n; j++) before += v[j] < v[i] || (v[j] == v[i] && j < i);
        if (before == k - 1) return i;
    }
    return -1;
}
static int64_t choose_median(const double *v, int64_t n, int64_t k) {
    return (void)k, choose_kth(v, n, (n + 1) / 2);
}
static int64_t choose_mode(const double *v, int64_t n, int64_t k) {
    int64_t best = -1, most = 0;
    (void)k;
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        for (int64_t j = 0; j < n; j++) count += v[j] == v[i];
        if (count > most || (count == most && v[i] <= v[best])) best = i, most = count;
    }
    return best;
}

static bool make_kthvalue(Sample *s, int k) {
    if (!make_line(s, k, -9, 9)) return false;
    int64_t size =
        lines[k].ndim ? lines[k].shape[(lines[k].dim + lines[k].ndim) % lines[k].ndim] : 1;
    SAMPLE_ATTRS(s, dim, .dim = lines[k].dim, .keepdim = lines[k].keepdim, .k = (size + 2) / 3);
    return true;
}
static bool make_median_dim(Sample *s, int k) {
    if (!make_line(s, k, -9, 9)) return false;
    SAMPLE_ATTRS(s, dim, .dim = lines[k].dim, .keepdim = lines[k].keepdim);
    return true;
}
static void truth_kthvalue(Sample *s) { truth_choice(s, choose_kth); }
static void truth_median_dim(Sample *s) { truth_choice(s, choose_median); }
static void truth_mode(Sample *s) { truth_choice(s, choose_mode); }
const OpCase case_kthvalue = {make_kthvalue, truth_kthvalue, .dtypes = ON_NUMBERS};
const OpCase case_median_dim = {make_median_dim, truth_median_dim, .dtypes = ON_NUMBERS};
const OpCase case_nanmedian_dim = {make_median_dim, truth_median_dim, .dtypes = ON_NUMBERS};
const OpCase case_mode = {make_median_dim, truth_mode, .dtypes = ON_ALL};

static bool make_median(Sample *s, int k) { return k < 2 && make_line(s, k ? 6 : 0, -9, 9); }
static void truth_median(Sample *s) {
    int64_t n = sample_numel(s->ndim[0], s->shape[0]);
    *sample_output(s, 0, 0, NULL) = s->x[0][choose_median(s->x[0], n, 0)];
}
const OpCase case_median = {make_median, truth_median, .dtypes = ON_NUMBERS};
const OpCase case_nanmedian = {make_median, truth_median, .dtypes = ON_NUMBERS};

// Along a line: outputs value and position so far, or the logarithm of the running sum.
static void truth_running(Sample *s, int kind) {
    int64_t dim = ((const RtAttrs_dim *)s->attrs)->dim, D = 1, I = 1,
            n = sample_numel(s->ndim[0], s->shape[0]);
    int ndim = s->ndim[0];
    if (ndim) {
        dim = (dim + ndim) % ndim;
        D = s->shape[0][dim];
    }
    for (int i = (int)dim + 1; i < ndim; i++) I *= s->shape[0][i];
    double *y = sample_output(s, 0, ndim, s->shape[0]);
    double *index = kind ? sample_output(s, 1, ndim, s->shape[0]) : NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t d = i / I % D;
        const double *x = &s->x[0][i];
        if (kind == 0) {
            double sum = 0;
            for (int64_t j = 0; j <= d; j++) sum += exp(x[-j * I]);
            y[i] = log(sum);
            continue;
        }
        int64_t best = d;
        for (int64_t j = d; j >= 0; j--)
            if (kind * x[(j - d) * I] > kind * x[(best - d) * I]) best = j;
        y[i] = x[(best - d) * I];
        index[i] = (double)best;
    }
}
static void truth_cummax(Sample *s) { truth_running(s, 1); }
static void truth_cummin(Sample *s) { truth_running(s, -1); }
static void truth_logcumsumexp(Sample *s) { truth_running(s, 0); }
static bool make_logcumsumexp(Sample *s, int k) {
    if (!make_line(s, k, -3, 3)) return false;
    SAMPLE_ATTRS(s, dim, .dim = lines[k].dim);
    return true;
}
const OpCase case_cummax = {make_logcumsumexp, truth_cummax, .dtypes = ON_ALL};
const OpCase case_cummin = {make_logcumsumexp, truth_cummin, .dtypes = ON_ALL};
const OpCase case_logcumsumexp = {make_logcumsumexp, truth_logcumsumexp, .dtypes = ON_FLOATS};

static bool make_msort(Sample *s, int k) { return k < 2 && make_line(s, k ? 2 : 3, -9, 9); }
static void truth_msort(Sample *s) {
    int64_t D = s->shape[0][0], I = sample_numel(s->ndim[0], s->shape[0]) / D;
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    for (int64_t i = 0; i < I; i++)
        for (int64_t d = 0; d < D; d++) {
            int64_t rank = 0;
            for (int64_t j = 0; j < D; j++)
                rank += s->x[0][j * I + i] < s->x[0][d * I + i] ||
                        (s->x[0][j * I + i] == s->x[0][d * I + i] && j < d);
            y[rank * I + i] = s->x[0][d * I + i];
        }
}
const OpCase case_msort = {make_msort, truth_msort, .dtypes = ON_NUMBERS};

// The sequence is one number repeated (low = high), so that it is in order whatever the dtype;
// tests/python has others, and sorters.
static bool make_searchsorted(Sample *s, int k) {
    if (k >= 4) return false;
    sample_input(s, 1, 1, k % 2 ? 2 : 1, k % 2 ? (int64_t[]){3, 5} : (int64_t[]){5});
    sample_input(s, -2, 4, 2, (int64_t[]){3, 4});
    sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    SAMPLE_ATTRS(s, search, .right = k >= 2);
    return true;
}
static void truth_searchsorted(Sample *s) {
    bool right = ((const RtAttrs_search *)s->attrs)->right;
    double *y = sample_output(s, 0, 2, s->shape[1]);
    for (int i = 0; i < 12; i++) y[i] = (right ? s->x[1][i] >= 1 : s->x[1][i] > 1) ? 5 : 0;
}
const OpCase case_searchsorted = {make_searchsorted, truth_searchsorted, .dtypes = ON_NUMBERS};

static bool make_bucketize(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -2, 4, 2, (int64_t[]){3, 4});
    sample_input(s, 1, 1, 1, (int64_t[]){5});
    SAMPLE_ATTRS(s, search, .right = k == 1);
    return true;
}
static void truth_bucketize(Sample *s) {
    bool right = ((const RtAttrs_search *)s->attrs)->right;
    double *y = sample_output(s, 0, 2, s->shape[0]);
    for (int i = 0; i < 12; i++) y[i] = (right ? s->x[0][i] >= 1 : s->x[0][i] > 1) ? 5 : 0;
}
const OpCase case_bucketize = {make_bucketize, truth_bucketize, .dtypes = ON_NUMBERS};

// Cases of the reductions: each truth sees the reduced elements of one output, in order.
#include "ops/cases.h"

#include <float.h>

// Samples -----------------------------------------------------------------------------------------

typedef struct Shape {
    int ndim;
    int64_t shape[3];
    int ndims; // 0: all
    int64_t dims[3];
    bool keepdim;
} Shape;

// The last two are longer than what a thread does at a time, in the two forms of cpu/reduce.h.
static const Shape shapes[] = {
    {3, {2, 3, 5}, 0, {0}, false}, {3, {2, 3, 5}, 1, {1}, false},  {3, {2, 3, 5}, 2, {0, -1}, true},
    {3, {2, 3, 5}, 1, {-3}, true}, {1, {67}, 0, {0}, false},       {0, {0}, 0, {0}, false},
    {0, {0}, 1, {-1}, true},       {2, {4, 70}, 1, {-1}, false},   {2, {70, 4}, 1, {0}, false},
    {2, {3, 300}, 1, {0}, false},  {1, {2100}, 0, {0}, true},      {3, {5, 40, 7}, 1, {1}, false},
    {2, {0, 3}, 1, {1}, true},     {2, {2, 33000}, 1, {1}, false}, {2, {33000, 2}, 1, {0}, false},
    {2, {3, 0}, 1, {1}, false},    {1, {0}, 0, {0}, false}, // empty: not for all
};
enum { SHAPES = sizeof shapes / sizeof *shapes, SHAPES_SOME = SHAPES - 2 };

// Many values that are to lie apart keep clear of the integers by themselves.
static void narrow(const Sample *s, const Shape *shape, double *low, double *high) {
    if (!s->apart || sample_numel(shape->ndim, shape->shape) < 3000) return;
    *low = 0.05;
    *high = 0.95;
}

static bool set_reduce(Sample *s, int k, int count, double low, double high) {
    if (k >= count) return false;
    const Shape *shape = &shapes[k];
    narrow(s, shape, &low, &high);
    sample_input(s, low, high, shape->ndim, shape->shape);
    RtInts dims = {.n = shape->ndims ? shape->ndims : -1};
    memcpy(dims.v, shape->dims, sizeof shape->dims);
    SAMPLE_ATTRS(s, reduce, .dim = dims, .keepdim = shape->keepdim);
    return true;
}

static bool set_dim(Sample *s, int k, bool all, double low,
                    double high) { // one dimension, or if `all` also none
    int found = 0;
    for (int i = 0; i < SHAPES_SOME; i++) {
        if (shapes[i].ndims > 1 || (!all && shapes[i].ndims == 0) || found++ < k) continue;
        narrow(s, &shapes[i], &low, &high);
        sample_input(s, low, high, shapes[i].ndim, shapes[i].shape);
        SAMPLE_ATTRS(s, dim, .dim = shapes[i].ndims ? shapes[i].dims[0] : RT_INT_NONE,
                     .keepdim = shapes[i].keepdim);
        return true;
    }
    return false;
}

// Truths ------------------------------------------------------------------------------------------

typedef double (*Fold)(const double *v, int64_t n, const RtAttrs_reduce *attrs);

static void truth_fold(Sample *s, int output, const RtInts *dims, bool keepdim, Fold fold) {
    int ndim = s->ndim[0], out_ndim = 0;
    bool gone[RT_MAX_DIMS];
    int64_t shape[RT_MAX_DIMS] = {0}, n = 1, outputs = 1, stride[RT_MAX_DIMS], step = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= s->shape[0][d];
    }
    for (int d = 0; d < ndim; d++) {
        gone[d] = dims->n <= 0;
        for (int i = 0; i < dims->n; i++) gone[d] = gone[d] || (dims->v[i] + ndim) % ndim == d;
        *(gone[d] ? &n : &outputs) *= s->shape[0][d];
        if (!gone[d] || keepdim) shape[out_ndim++] = gone[d] ? 1 : s->shape[0][d];
    }
    double *y = sample_output(s, output, out_ndim, shape), *v = calloc((size_t)n + 1, sizeof *v);
    for (int64_t o = 0; o < outputs; o++) {
        for (int64_t r = 0; r < n; r++) {
            int64_t at = 0, kept = o, left = r;
            for (int d = ndim - 1; d >= 0; d--) {
                int64_t *index = gone[d] ? &left : &kept;
                at += *index % s->shape[0][d] * stride[d];
                *index /= s->shape[0][d];
            }
            v[r] = s->x[0][at];
        }
        y[o] = fold(v, n, s->attrs);
    }
    free(v);
}

static void truth_reduce(Sample *s, Fold fold) {
    const RtAttrs_reduce *attrs = s->attrs;
    truth_fold(s, 0, &attrs->dim, attrs->keepdim, fold);
}

static void truth_dim(Sample *s, int output, Fold fold) {
    const RtAttrs_dim *attrs = s->attrs;
    RtInts dims = attrs->dim == RT_INT_NONE ? RT_INTS_NONE : RT_INTS(attrs->dim);
    truth_fold(s, output, &dims, attrs->keepdim, fold);
}

static double fold_sum(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    long double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    (void)attrs;
    return (double)sum;
}
static double fold_mean(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return fold_sum(v, n, attrs) / (double)n;
}
static double fold_prod(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    double product = 1;
    for (int64_t i = 0; i < n; i++) product *= v[i];
    (void)attrs;
    return product;
}
static int64_t best(const double *v, int64_t n, double sign) {
    int64_t at = 0;
    for (int64_t i = 1; i < n; i++)
        if (v[i] * sign > v[at] * sign) at = i;
    return at;
}
static double fold_max(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return (void)attrs, v[best(v, n, 1)];
}
static double fold_min(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return (void)attrs, v[best(v, n, -1)];
}
static double fold_argmax(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return (void)attrs, best(v, n, 1);
}
static double fold_argmin(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return (void)attrs, best(v, n, -1);
}
static double fold_var(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    double mean = fold_mean(v, n, attrs), sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
    return sum / fmax((double)n - (attrs->unbiased ? rt_scalar_double(attrs->correction) : 0), 0);
}
static double fold_std(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return sqrt(fold_var(v, n, attrs));
}
static double fold_norm(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    double p = rt_scalar_double(attrs->p), sum = 0, top = 0, low = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        sum += p == 0 ? v[i] != 0 : pow(fabs(v[i]), p);
        top = fmax(top, fabs(v[i]));
        low = fmin(low, fabs(v[i]));
    }
    return isinf(p) ? (p > 0 ? top : low) : p == 0 ? sum : pow(sum, 1 / p);
}
static double fold_count(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    double count = 0;
    for (int64_t i = 0; i < n; i++) count += v[i] != 0;
    (void)attrs;
    return count;
}
static double fold_all(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return fold_count(v, n, attrs) == (double)n;
}
static double fold_any(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    return fold_count(v, n, attrs) > 0;
}

// Cases -------------------------------------------------------------------------------------------

#define REDUCE(name_, fold_, dtypes_, count_, low_, high_, apart_)                                 \
    static bool make_##name_(Sample *s, int k) {                                                   \
        s->apart = apart_;                                                                         \
        return set_reduce(s, k, count_, low_, high_);                                              \
    }                                                                                              \
    static void truth_##name_(Sample *s) { truth_reduce(s, fold_); }                               \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = dtypes_}
REDUCE(mean, fold_mean, ON_FLOATS, SHAPES, -3, 3, false);
REDUCE(amax, fold_max, ON_ALL, SHAPES_SOME, -9, 9, true);
REDUCE(amin, fold_min, ON_ALL, SHAPES_SOME, -9, 9, true);
REDUCE(all, fold_all, ON_ALL, SHAPES, -1.1, 4, false);
REDUCE(any, fold_any, ON_ALL, SHAPES, -1.05, 1.05, false);
REDUCE(count_nonzero, fold_count, ON_ALL, SHAPES, -2, 2, false);
REDUCE(nansum, fold_sum, ON_NUMBERS, SHAPES, -2, 2, false);
REDUCE(nansum_floats, fold_sum, ON_FLOATS, SHAPES, -2, 2, false);

static bool make_sum(Sample *s, int k) {
    if (k < SHAPES) return set_reduce(s, k, SHAPES, -3, 3);
    if (k > SHAPES) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){5, 7});
    SAMPLE_ATTRS(s, reduce, .dim = RT_INTS(0), .dtype = RT_F64);
    return true;
}
static void truth_sum(Sample *s) { truth_reduce(s, fold_sum); }
const OpCase case_sum = {.make = make_sum, .truth = truth_sum, .dtypes = ON_ALL};

static bool make_prod(Sample *s, int k) { // over one dimension, or all
    static const int some[] = {0, 1, 3, 4, 5, 6, 11, 12, 15, 16};
    if (k < (int)(sizeof some / sizeof *some))
        return set_reduce(s, some[k], SHAPES, some[k] == 4 ? 0.9 : -1.3, some[k] == 4 ? 1.1 : 1.5);
    if (k > (int)(sizeof some / sizeof *some)) return false;
    sample_input(s, 0, 0, 2, (int64_t[]){3, 2}); // zeros
    SAMPLE_ATTRS(s, reduce, .dim = RT_INTS(1));
    return true;
}
static void truth_prod(Sample *s) { truth_reduce(s, fold_prod); }
const OpCase case_prod = {.make = make_prod, .truth = truth_prod, .dtypes = ON_NUMBERS};

static bool make_var(Sample *s, int k) {
    static const double corrections[] = {1, 0, 2, 0.5};
    if (k >= SHAPES + 1) return false;
    set_reduce(s, k % SHAPES, SHAPES, -3, 3);
    RtAttrs_reduce attrs = *(const RtAttrs_reduce *)s->attrs;
    attrs.correction = rt_float(corrections[k % 4]);
    attrs.unbiased = k < SHAPES;
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    // One element less the correction is 0: nothing that finite differences could check.
    return true;
}
static void truth_var(Sample *s) { truth_reduce(s, fold_var); }
static void truth_std(Sample *s) { truth_reduce(s, fold_std); }
static bool make_var_defined(Sample *s, int k) { // more elements than the correction
    int found = 0;
    for (int i = 0; i < SHAPES_SOME; i++) {
        if (shapes[i].ndim == 0 || found++ < k) continue;
        return make_var(s, i);
    }
    return false;
}
const OpCase case_var = {.make = make_var_defined, .truth = truth_var, .dtypes = ON_FLOATS};
const OpCase case_std = {.make = make_var_defined, .truth = truth_std, .dtypes = ON_FLOATS};

static void truth_var_mean(Sample *s) {
    const RtAttrs_reduce *attrs = s->attrs;
    truth_reduce(s, fold_var);
    truth_fold(s, 1, &attrs->dim, attrs->keepdim, fold_mean);
}
static void truth_std_mean(Sample *s) {
    const RtAttrs_reduce *attrs = s->attrs;
    truth_reduce(s, fold_std);
    truth_fold(s, 1, &attrs->dim, attrs->keepdim, fold_mean);
}
const OpCase case_var_mean = {
    .make = make_var_defined, .truth = truth_var_mean, .dtypes = ON_FLOATS};
const OpCase case_std_mean = {
    .make = make_var_defined, .truth = truth_std_mean, .dtypes = ON_FLOATS};

static bool make_norm(Sample *s, int k) {
    static const double orders[] = {2, 1, INFINITY, 3, -INFINITY, 0, 1.5, 0.5, -1, 2};
    enum { N = sizeof orders / sizeof *orders };
    if (k >= N + 4) return false;
    s->apart = true;
    set_reduce(s, k < N ? k % 4 : k - N + 10, SHAPES_SOME, -3.3,
               2.9); // no two of one distance from 0
    RtAttrs_reduce attrs = *(const RtAttrs_reduce *)s->attrs;
    attrs.p = rt_float(k < N ? orders[k] : 2);
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    return true;
}
static void truth_norm(Sample *s) { truth_reduce(s, fold_norm); }
const OpCase case_norm = {.make = make_norm, .truth = truth_norm, .dtypes = ON_FLOATS};

static bool make_extreme(Sample *s, int k) {
    s->apart = true;
    return set_dim(s, k, false, -9, 9);
}
static void truth_max_dim(Sample *s) {
    truth_dim(s, 0, fold_max);
    truth_dim(s, 1, fold_argmax);
}
static void truth_min_dim(Sample *s) {
    truth_dim(s, 0, fold_min);
    truth_dim(s, 1, fold_argmin);
}
const OpCase case_max_dim = {.make = make_extreme, .truth = truth_max_dim, .dtypes = ON_ALL};
const OpCase case_min_dim = {.make = make_extreme, .truth = truth_min_dim, .dtypes = ON_ALL};

static bool make_any_dim(Sample *s, int k) {
    s->apart = true;
    return set_dim(s, k, true, -9, 9);
}
static void truth_aminmax(Sample *s) {
    truth_dim(s, 0, fold_min);
    truth_dim(s, 1, fold_max);
}
static void truth_argmax(Sample *s) { truth_dim(s, 0, fold_argmax); }
static void truth_argmin(Sample *s) { truth_dim(s, 0, fold_argmin); }
const OpCase case_aminmax = {.make = make_any_dim, .truth = truth_aminmax, .dtypes = ON_ALL};
const OpCase case_argmax = {.make = make_any_dim, .truth = truth_argmax, .dtypes = ON_ALL};
const OpCase case_argmin = {.make = make_any_dim, .truth = truth_argmin, .dtypes = ON_ALL};

// Running sums and products -----------------------------------------------------------------------

static bool make_running(Sample *s, int k, double low, double high) {
    static const struct {
        int ndim;
        int64_t shape[3], dim;
    } lines[] = {{3, {2, 3, 5}, 1}, {3, {2, 3, 5}, -1}, {1, {300}, 0}, {2, {5, 70}, 0},
                 {0, {0}, 0},       {2, {0, 3}, 1},     {2, {3, 0}, 1}};
    if (k >= (int)(sizeof lines / sizeof *lines)) return false;
    sample_input(s, low, high, lines[k].ndim, lines[k].shape);
    SAMPLE_ATTRS(s, dim, .dim = lines[k].dim);
    return true;
}

// Calls line(x, y, D, step) for each line along the attribute's dimension.
static void truth_lines(Sample *s, int input,
                        void (*line)(const Sample *s, const double *x, double *y, int64_t at,
                                     int64_t D, int64_t step)) {
    int ndim = s->ndim[input];
    int64_t dim = ((const RtAttrs_dim *)s->attrs)->dim, D = 1, step = 1;
    double *y = sample_output(s, 0, ndim, s->shape[input]);
    int64_t n = sample_numel(ndim, s->shape[input]);
    if (ndim) {
        dim = (dim + ndim) % ndim;
        D = s->shape[input][dim];
        for (int d = (int)dim + 1; d < ndim; d++) step *= s->shape[input][d];
    }
    for (int64_t i = 0; n && i < n / D; i++)
        line(s, s->x[input], y, i / step * D * step + i % step, D, step);
}

static void line_cumsum(const Sample *s, const double *x, double *y, int64_t at, int64_t D,
                        int64_t step) {
    double sum = 0;
    for (int64_t d = 0; d < D; d++) y[at + d * step] = sum += x[at + d * step];
    (void)s;
}
static void line_cumprod(const Sample *s, const double *x, double *y, int64_t at, int64_t D,
                         int64_t step) {
    double product = 1;
    for (int64_t d = 0; d < D; d++) y[at + d * step] = product *= x[at + d * step];
    (void)s;
}
static bool make_cumsum(Sample *s, int k) { return make_running(s, k, -3, 3); }
static void truth_cumsum(Sample *s) { truth_lines(s, 0, line_cumsum); }
const OpCase case_cumsum = {.make = make_cumsum, .truth = truth_cumsum, .dtypes = ON_ALL};

static bool make_cumprod(Sample *s, int k) {
    return make_running(s, k, k == 2 ? 0.9 : -1.2, k == 2 ? 1.1 : 1.2);
}
static void truth_cumprod(Sample *s) { truth_lines(s, 0, line_cumprod); }
const OpCase case_cumprod = {.make = make_cumprod, .truth = truth_cumprod, .dtypes = ON_FLOATS};

static void line_cumprod_backward(const Sample *s, const double *x, double *y, int64_t at,
                                  int64_t D, int64_t step) {
    const double *g = s->x[0];
    for (int64_t k = 0; k < D; k++) {
        double sum = 0;
        for (int64_t i = k; i < D; i++) {
            double product = 1;
            for (int64_t j = 0; j <= i; j++) product *= j == k ? 1 : x[at + j * step];
            sum += g[at + i * step] * product;
        }
        y[at + k * step] = sum;
    }
}
static bool make_cumprod_backward(Sample *s, int k) {
    static const int64_t shape[] = {3, 5, 2};
    if (k > 2) return false;
    sample_input(s, -1, 1, 3, shape);
    sample_input(s, k == 2 ? 0 : -1, k == 2 ? 0 : 1, 3, shape); // all zeros in the end
    SAMPLE_ATTRS(s, dim, .dim = k);
    return true;
}
static void truth_cumprod_backward(Sample *s) { truth_lines(s, 1, line_cumprod_backward); }
// Where a second gradient is wanted the formula of cumprod does not use it: it is FLAT.
const OpCase case_cumprod_backward = {
    .make = make_cumprod_backward, .truth = truth_cumprod_backward, .dtypes = ON_FLOATS};

// Written in others -------------------------------------------------------------------------------

static bool make_norm_word(Sample *s, int k) {
    if (!set_reduce(s, k, 4, -3, 3)) return false;
    RtAttrs_reduce attrs = *(const RtAttrs_reduce *)s->attrs;
    SAMPLE_ATTRS(s, norm_word, .dim = attrs.dim, .keepdim = attrs.keepdim, .p = k % 2);
    return true;
}
static double fold_two(const double *v, int64_t n, const RtAttrs_reduce *attrs) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i] * v[i];
    (void)attrs;
    return sqrt(sum);
}
static void truth_norm_word(Sample *s) {
    const RtAttrs_norm_word *attrs = s->attrs;
    truth_fold(s, 0, &attrs->dim, attrs->keepdim, fold_two);
}
const OpCase case_norm_word = {
    .make = make_norm_word, .truth = truth_norm_word, .dtypes = ON_FLOATS};

static bool make_dist(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, 1, 3, 2, (int64_t[]){4, 5});
    sample_input(s, -3, -1, k + 1, k ? (int64_t[]){4, 1} : (int64_t[]){5});
    SAMPLE_ATTRS(s, reduce, .p = rt_float(k ? 3 : 2));
    return true;
}
static void truth_dist(Sample *s) {
    double sum = 0, p = rt_scalar_double(((const RtAttrs_reduce *)s->attrs)->p);
    for (int i = 0; i < 20; i++)
        sum += pow(fabs(s->x[0][i] - s->x[1][s->ndim[1] == 1 ? i % 5 : i / 5]), p);
    *sample_output(s, 0, 0, NULL) = pow(sum, 1 / p);
}
const OpCase case_dist = {.make = make_dist, .truth = truth_dist, .dtypes = ON_FLOATS};

REDUCE(nanmean, fold_mean, ON_FLOATS, SHAPES_SOME, -2, 2, false);

static bool make_trace(Sample *s, int k) {
    static const int64_t matrices[][2] = {{3, 5}, {4, 4}, {0, 3}};
    if (k >= 3) return false;
    sample_input(s, -3, 3, 2, matrices[k]);
    return true;
}
static void truth_trace(Sample *s) {
    double *y = sample_output(s, 0, 0, NULL);
    int64_t rows = s->shape[0][0], columns = s->shape[0][1];
    for (int64_t i = 0; i < rows && i < columns; i++) *y += s->x[0][i * columns + i];
}
const OpCase case_trace = {.make = make_trace, .truth = truth_trace, .dtypes = ON_NUMBERS};

// k 0: first differences of rows; 1: second ones of columns; 2: with elements before and behind.
static bool make_diff(Sample *s, int k) {
    if (k >= 3) return false;
    sample_input(s, -9, 9, 2, (int64_t[]){4, 5});
    for (int i = 1; i < 3; i++)
        sample_kind_input(s, k == 2 ? SAMPLE_VALUES : SAMPLE_ABSENT, -9, 9, k == 2 ? 2 : 0,
                          (int64_t[]){4, i});
    SAMPLE_ATTRS(s, diff, .n = k == 1 ? 2 : 1, .dim = k == 1 ? 0 : -1);
    return true;
}
static void truth_diff(Sample *s) {
    int k = ((const RtAttrs_diff *)s->attrs)->n == 2 ? 1 : s->kind[1] == SAMPLE_ABSENT ? 0 : 2;
    static const int64_t shape[3][2] = {{4, 4}, {2, 5}, {4, 7}};
    double *y = sample_output(s, 0, 2, shape[k]), line[8];
    if (k == 1) {
        for (int i = 0; i < 10; i++) y[i] = s->x[0][i + 10] - 2 * s->x[0][i + 5] + s->x[0][i];
        return;
    }
    for (int row = 0; row < 4; row++) {
        int n = 0;
        if (k == 2) line[n++] = s->x[1][row];
        for (int i = 0; i < 5; i++) line[n++] = s->x[0][row * 5 + i];
        for (int i = 0; i < 2 && k == 2; i++) line[n++] = s->x[2][row * 2 + i];
        for (int i = 0; i + 1 < n; i++) *y++ = line[i + 1] - line[i];
    }
}
const OpCase case_diff = {
    .make = make_diff, .truth = truth_diff, .dtypes = ON_FLOATS | 1 << RT_I32 | 1 << RT_I64};

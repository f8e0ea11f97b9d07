// Cases of softmax and its kin, and of logsumexp.
#include "ops/cases.h"

static bool make_along(Sample *s, int k, int inputs, double low, double high) {
    static const struct {
        int ndim;
        int64_t shape[3], dim;
    } shapes[] = {{3, {2, 3, 5}, 1}, {3, {2, 3, 5}, -1}, {3, {2, 3, 5}, 0}, {2, {3, 133}, 1},
                  {2, {17, 40}, 0},  {1, {6}, 0},        {0, {0}, -1},      {2, {0, 3}, 1},
                  {2, {3, 0}, 1},    {2, {2, 1}, 1}};
    if (k >= (int)(sizeof shapes / sizeof *shapes)) return false;
    for (int i = 0; i < inputs; i++) sample_input(s, low, high, shapes[k].ndim, shapes[k].shape);
    SAMPLE_ATTRS(s, dim, .dim = shapes[k].dim);
    return true;
}

// Element d of line i along the attribute's dimension of input 0 is at[d * step].
typedef struct Line {
    int64_t lines, D, step;
} Line;

static Line line_of(const Sample *s) {
    Line line = {.D = 1, .step = 1};
    int ndim = s->ndim[0];
    if (ndim) {
        int64_t dim = (((const RtAttrs_dim *)s->attrs)->dim + ndim) % ndim;
        line.D = s->shape[0][dim];
        for (int d = (int)dim + 1; d < ndim; d++) line.step *= s->shape[0][d];
    }
    line.lines = line.D ? sample_numel(ndim, s->shape[0]) / line.D : 0;
    return line;
}

static int64_t start_of(const Line *line, int64_t i) {
    return i / line->step * line->D * line->step + i % line->step;
}

static double log_sum(const double *x, const Line *line, int64_t at) {
    double top = -INFINITY, sum = 0;
    for (int64_t d = 0; d < line->D; d++) top = fmax(top, x[at + d * line->step]);
    for (int64_t d = 0; d < line->D; d++) sum += exp(x[at + d * line->step] - top);
    return top + log(sum);
}

static void truth_of(Sample *s, bool logarithm, double sign) {
    Line line = line_of(s);
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    double *x = calloc((size_t)(line.lines * line.D) + 1, sizeof *x);
    for (int64_t i = 0; i < line.lines * line.D; i++) x[i] = sign * s->x[0][i];
    for (int64_t i = 0; i < line.lines; i++) {
        int64_t at = start_of(&line, i);
        double lse = log_sum(x, &line, at);
        for (int64_t d = 0; d < line.D; d++) {
            double v = x[at + d * line.step] - lse;
            y[at + d * line.step] = logarithm ? v : exp(v);
        }
    }
    free(x);
}

static bool make_one(Sample *s, int k) { return make_along(s, k, 1, -4, 4); }
static void truth_softmax(Sample *s) { truth_of(s, false, 1); }
static void truth_log_softmax(Sample *s) { truth_of(s, true, 1); }
static void truth_softmin(Sample *s) { truth_of(s, false, -1); }
const OpCase case_softmax = {.make = make_one, .truth = truth_softmax, .dtypes = ON_FLOATS};
const OpCase case_log_softmax = {.make = make_one, .truth = truth_log_softmax, .dtypes = ON_FLOATS};
const OpCase case_softmin = {.make = make_one, .truth = truth_softmin, .dtypes = ON_FLOATS};

static void truth_backward(Sample *s, bool logarithm) {
    Line line = line_of(s);
    double *out = sample_output(s, 0, s->ndim[0], s->shape[0]);
    for (int64_t i = 0; i < line.lines; i++) {
        int64_t at = start_of(&line, i);
        double sum = 0;
        for (int64_t d = 0; d < line.D; d++) {
            int64_t j = at + d * line.step;
            sum += s->x[0][j] * (logarithm ? 1 : s->x[1][j]);
        }
        for (int64_t d = 0; d < line.D; d++) {
            int64_t j = at + d * line.step;
            out[j] =
                logarithm ? s->x[0][j] - exp(s->x[1][j]) * sum : s->x[1][j] * (s->x[0][j] - sum);
        }
    }
}

// The gradient of any values y stands for, not only of outputs of softmax.
static bool make_two(Sample *s, int k) { return make_along(s, k, 2, -1, 1); }
static void truth_softmax_backward(Sample *s) { truth_backward(s, false); }
static void truth_log_softmax_backward(Sample *s) { truth_backward(s, true); }
const OpCase case_softmax_backward = {
    .make = make_two, .truth = truth_softmax_backward, .dtypes = ON_FLOATS, .tolerance = 2};
const OpCase case_log_softmax_backward = {
    .make = make_two, .truth = truth_log_softmax_backward, .dtypes = ON_FLOATS, .tolerance = 2};

// Of (A, D, B) over the middle, or over everything.
static bool make_logsumexp(Sample *s, int k) {
    static const int64_t shapes[][3] = {{2, 3, 5},    {2, 70, 1}, {1, 40, 9},
                                        {3, 2000, 2}, {0, 3, 2},  {1, 100000, 1}};
    if (k >= 7) return false;
    sample_input(s, -4, 4, 3, shapes[k % 6]);
    SAMPLE_ATTRS(s, reduce, .dim = k == 6 ? RT_INTS(0, 1, 2) : RT_INTS(1), .keepdim = k % 2);
    return true;
}
static void truth_logsumexp(Sample *s) {
    const RtAttrs_reduce *attrs = s->attrs;
    bool all = attrs->dim.n > 1;
    int64_t A = all ? 1 : s->shape[0][0], D = s->shape[0][1], B = all ? 1 : s->shape[0][2];
    if (all) D = sample_numel(3, s->shape[0]);
    int64_t wide[3] = {A, 1, B}, narrow[2] = {A, B};
    double *y = sample_output(s, 0,
                              all              ? (attrs->keepdim ? 3 : 0)
                              : attrs->keepdim ? 3
                                               : 2,
                              attrs->keepdim ? wide : narrow);
    Line line = {A * B, D, B};
    for (int64_t i = 0; i < A * B; i++) y[i] = log_sum(s->x[0], &line, start_of(&line, i));
}
const OpCase case_logsumexp = {
    .make = make_logsumexp, .truth = truth_logsumexp, .dtypes = ON_FLOATS};

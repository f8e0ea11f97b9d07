// Distances against sums written out in double.
#include "cases.h"

static const double norms[] = {2, 1, 3.5, INFINITY, 0, 2, 1.5};
static const struct {
    int ndim;
    int64_t a[3], b[3];
} shapes[] = {{2, {3, 4}, {5, 4}},        {2, {4, 9}, {3, 9}}, {3, {2, 3, 5}, {2, 4, 5}},
              {2, {3, 3}, {2, 3}},        {2, {3, 4}, {2, 4}}, {2, {0, 4}, {3, 4}},
              {3, {1, 2, 18}, {1, 3, 18}}};
enum { COUNT = sizeof shapes / sizeof *shapes };

static bool make_cdist(Sample *s, int k) {
    if (k >= COUNT) return false;
    s->apart = true; // no two coordinates are equal: |x| has a kink
    sample_input(s, -2, 2, shapes[k].ndim, shapes[k].a);
    sample_input(s, -3, 3.5, shapes[k].ndim, shapes[k].b);
    SAMPLE_ATTRS(s, distance, .p = norms[k]);
    return true;
}

static double distance(const double *a, const double *b, int64_t n, double p) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double gap = fabs(a[i] - b[i]);
        if (isinf(p))
            sum = fmax(sum, gap);
        else
            sum += p == 0 ? gap != 0 : pow(gap, p);
    }
    return isinf(p) || p == 0 ? sum : pow(sum, 1 / p);
}

static void truth_cdist(Sample *s) {
    int n = s->ndim[0];
    int64_t N = s->shape[0][n - 2], K = s->shape[1][n - 2], M = s->shape[0][n - 1], shape[3];
    memcpy(shape, s->shape[0], sizeof shape);
    shape[n - 1] = K;
    double *y = sample_output(s, 0, n, shape), p;
    memcpy(&p, s->attrs, sizeof p);
    int64_t rows = n == 3 ? shape[0] * N : N;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t k = 0; k < K; k++)
            y[row * K + k] = distance(s->x[0] + row * M, s->x[1] + (row / N * K + k) * M, M, p);
}
const OpCase case_cdist = {
    .make = make_cdist, .truth = truth_cdist, .dtypes = ON_FLOATS, .tolerance = 4};
const OpCase case_cdist_pairs = {
    .make = make_cdist, .truth = truth_cdist, .dtypes = ON_FLOATS, .tolerance = 4};

static bool make_cdist_backward(Sample *s, int k) {
    if (k >= COUNT) return false;
    int n = shapes[k].ndim;
    int64_t out[3];
    memcpy(out, shapes[k].a, sizeof out);
    out[n - 1] = shapes[k].b[n - 2];
    sample_input(s, -1, 1, n, out);
    sample_input(s, -2, 2, n, shapes[k].a);
    sample_input(s, 3, 5, n, shapes[k].b);
    sample_input(s, 8, 9, n, out); // any distances do: the formula takes them as they are
    SAMPLE_ATTRS(s, distance, .p = isinf(norms[k]) ? 1 : norms[k]);
    return true;
}
static void truth_cdist_backward(Sample *s) {
    int n = s->ndim[1];
    int64_t N = s->shape[1][n - 2], K = s->shape[2][n - 2], M = s->shape[1][n - 1];
    double *d1 = sample_output(s, 0, n, s->shape[1]), *d2 = sample_output(s, 1, n, s->shape[2]), p;
    memcpy(&p, s->attrs, sizeof p);
    int64_t rows = n == 3 ? s->shape[1][0] * N : N;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t k = 0; k < K; k++)
            for (int64_t i = 0; i < M; i++) {
                int64_t other = (row / N * K + k) * M + i;
                double gap = s->x[1][row * M + i] - s->x[2][other], d = s->x[3][row * K + k];
                double by = p == 0 ? 0 : pow(fabs(gap) / d, p - 1) * (gap > 0 ? 1 : -1);
                d1[row * M + i] += by * s->x[0][row * K + k];
                d2[other] -= by * s->x[0][row * K + k];
            }
}
const OpCase case_cdist_pairs_backward = {.make = make_cdist_backward,
                                          .truth = truth_cdist_backward,
                                          .dtypes = ON_F64 | 1 << RT_F32,
                                          .tolerance = 4};

static bool make_pdist(Sample *s, int k) {
    static const int64_t sizes[][2] = {{5, 3}, {4, 8}, {1, 3}, {0, 2}};
    if (k >= 4) return false;
    s->apart = true;
    sample_input(s, -3, 3, 2, sizes[k]);
    SAMPLE_ATTRS(s, distance, .p = norms[k]);
    return true;
}
static void truth_pdist(Sample *s) {
    int64_t n = s->shape[0][0], M = s->shape[0][1], count = n * (n - 1) / 2, at = 0;
    double *y = sample_output(s, 0, 1, &count), p;
    memcpy(&p, s->attrs, sizeof p);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            y[at++] = distance(s->x[0] + i * M, s->x[0] + j * M, M, p);
}
const OpCase case_pdist = {
    .make = make_pdist, .truth = truth_pdist, .dtypes = ON_FLOATS, .tolerance = 4};

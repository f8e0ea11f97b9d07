// Cases of pooling of volumes.
#include "ops/cases.h"

typedef struct Shape {
    int64_t batch, channels, size[3]; // batch 0: unbatched
    int64_t kernel[3], stride[3], padding[3], dilation[3];
    bool ceil_mode, count_include_pad;
    int64_t divisor; // 0: not given
} Shape;

static const Shape shapes[] = {
    {2, 2, {4, 4, 6}, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {1, 1, 1}, false, true, 0},
    {1, 2, {5, 4, 5}, {3, 2, 3}, {2, 1, 2}, {1, 1, 0}, {1, 1, 1}, true, false, 0},
    {0, 2, {4, 5, 3}, {2, 3, 2}, {1, 2, 1}, {1, 1, 1}, {1, 1, 1}, false, true, 5},
    {1, 1, {7, 5, 6}, {2, 2, 3}, {2, 1, 2}, {1, 0, 1}, {2, 1, 1}, true, true, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const int64_t adaptive[SHAPES][3] = {{2, 3, 2}, {1, 1, 1}, {3, 2, 2}, {7, 2, 6}};

static const Shape *current;   // the shape that make settled last
static const int64_t *adapted; // its adaptive size, or NULL

static int64_t out_length(const Shape *p, int i, bool dilated) {
    if (adapted) return adapted[i];
    int64_t dilation = dilated ? p->dilation[i] : 1;
    int64_t room = p->size[i] + 2 * p->padding[i] - dilation * (p->kernel[i] - 1) - 1;
    int64_t n = (room + (p->ceil_mode ? p->stride[i] - 1 : 0)) / p->stride[i] + 1;
    return p->ceil_mode && (n - 1) * p->stride[i] >= p->size[i] + p->padding[i] ? n - 1 : n;
}

// The pixels of a window along dimension i; *counted: as many as a mean divides by.
static int64_t window(const Shape *p, int i, int64_t at, bool dilated, int64_t *pixels,
                      int64_t *counted) {
    int64_t n = 0;
    *counted = 0;
    if (adapted) {
        int64_t end = ((at + 1) * p->size[i] + adapted[i] - 1) / adapted[i];
        for (int64_t q = at * p->size[i] / adapted[i]; q < end; q++) pixels[n++] = q;
        *counted = n;
        return n;
    }
    for (int64_t k = 0; k < p->kernel[i]; k++) {
        int64_t q = at * p->stride[i] - p->padding[i] + k * (dilated ? p->dilation[i] : 1);
        if (q >= 0 && q < p->size[i]) pixels[n++] = q;
        if (p->count_include_pad && q < p->size[i] + p->padding[i]) (*counted)++;
    }
    if (!p->count_include_pad) *counted = n;
    return n;
}

static double *volume_output(Sample *s, int i, const Shape *p, const int64_t *size) {
    int64_t shape[] = {p->batch, p->channels, size[0], size[1], size[2]};
    return sample_output(s, i, p->batch ? 5 : 4, shape + !p->batch);
}

static void pool_all(Sample *s, bool maxima) {
    const Shape *p = current;
    int64_t out[3], pixels[3][16], n[3], counted[3];
    for (int i = 0; i < 3; i++) out[i] = out_length(p, i, maxima);
    int64_t results = out[0] * out[1] * out[2], whole = p->size[0] * p->size[1] * p->size[2];
    double *y = volume_output(s, 0, p, out), *index = maxima ? volume_output(s, 1, p, out) : NULL;
    for (int64_t j = 0; j < (p->batch ? p->batch : 1) * p->channels * results; j++) {
        const double *x = s->x[0] + j / results * whole;
        int64_t at[3] = {j / (out[1] * out[2]) % out[0], j / out[2] % out[1], j % out[2]};
        for (int i = 0; i < 3; i++) n[i] = window(p, i, at[i], maxima, pixels[i], &counted[i]);
        double sum = 0, best = -INFINITY;
        for (int64_t a = 0; a < n[0]; a++)
            for (int64_t b = 0; b < n[1]; b++)
                for (int64_t c = 0; c < n[2]; c++) {
                    int64_t q =
                        (pixels[0][a] * p->size[1] + pixels[1][b]) * p->size[2] + pixels[2][c];
                    sum += x[q];
                    if (!maxima || x[q] <= best) continue;
                    best = x[q];
                    index[j] = (double)q;
                }
        int64_t divisor =
            p->divisor && !adapted ? p->divisor : counted[0] * counted[1] * counted[2];
        y[j] = maxima ? best : sum / (double)divisor;
    }
}

static bool make(Sample *s, int k, bool adapt) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    adapted = adapt ? adaptive[k] : NULL;
    s->apart = true;
    int64_t shape[] = {p->batch, p->channels, p->size[0], p->size[1], p->size[2]};
    sample_input(s, -4, 4, p->batch ? 5 : 4, shape + !p->batch);
    RtAttrs_pool attrs = rt_defaults_pool();
    if (adapt) {
        attrs.output_size = RT_INTS(adapted[0], adapted[1], adapted[2]);
    } else {
        attrs.kernel_size = RT_INTS(p->kernel[0], p->kernel[1], p->kernel[2]);
        attrs.stride = RT_INTS(p->stride[0], p->stride[1], p->stride[2]);
        attrs.padding = RT_INTS(p->padding[0], p->padding[1], p->padding[2]);
        attrs.dilation = RT_INTS(p->dilation[0], p->dilation[1], p->dilation[2]);
        attrs.ceil_mode = p->ceil_mode;
        attrs.count_include_pad = p->count_include_pad;
        if (p->divisor) attrs.divisor_override = p->divisor;
    }
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    return true;
}

static bool make_max_pool3d(Sample *s, int k) { return make(s, k, false); }
static void truth_max_pool3d(Sample *s) { pool_all(s, true); }
const OpCase case_max_pool3d = {
    .make = make_max_pool3d, .truth = truth_max_pool3d, .dtypes = ON_F64 | 1 << RT_F32};

static bool make_avg_pool3d(Sample *s, int k) { // which has no dilation
    if (!make(s, k, false)) return false;
    RtAttrs_pool attrs = *(const RtAttrs_pool *)s->attrs;
    attrs.dilation = RT_INTS(1, 1, 1);
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    return true;
}
static void truth_pool_mean(Sample *s) { pool_all(s, false); }
const OpCase case_avg_pool3d = {
    .make = make_avg_pool3d, .truth = truth_pool_mean, .dtypes = ON_FLOATS};

static bool make_adaptive_pool3d(Sample *s, int k) { return make(s, k, true); }
const OpCase case_adaptive_avg_pool3d = {
    .make = make_adaptive_pool3d, .truth = truth_pool_mean, .dtypes = ON_FLOATS};
const OpCase case_adaptive_max_pool3d = {
    .make = make_adaptive_pool3d, .truth = truth_max_pool3d, .dtypes = ON_F64 | 1 << RT_F32};

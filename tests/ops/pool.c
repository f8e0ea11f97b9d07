// Cases of pooling.
#include "ops/cases.h"

typedef struct Shape {
    int64_t batch, channels, height, width;                // batch 0: unbatched
    int64_t kernel[2], stride[2], padding[2], dilation[2]; // dilation: maxima alone
    bool ceil_mode, count_include_pad;
    int64_t divisor; // 0: not given
} Shape;

static const Shape shapes[] = {
    {2, 2, 4, 6, {2, 2}, {2, 2}, {0, 0}, {1, 1}, false, true, 0},
    {1, 2, 5, 7, {2, 2}, {2, 2}, {0, 0}, {1, 1}, true, true, 0},
    {0, 3, 6, 5, {3, 2}, {1, 2}, {1, 1}, {1, 1}, false, false, 0},
    {1, 1, 7, 8, {3, 3}, {2, 2}, {1, 1}, {1, 1}, true, true, 0},
    {2, 1, 8, 9, {2, 3}, {1, 3}, {1, 0}, {1, 1}, false, true, 3},
    {1, 2, 6, 40, {2, 2}, {2, 2}, {0, 0}, {1, 1}, false, true, 0},
    {1, 1, 9, 9, {2, 3}, {2, 1}, {1, 2}, {3, 2}, true, true, 0},
    {1, 1, 5, 6, {3, 3}, {2, 3}, {1, 1}, {1, 1}, true, false, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int64_t out_length(const Shape *p, int dim, int64_t dilation) {
    int64_t size = dim ? p->width : p->height, stride = p->stride[dim];
    int64_t room = size + 2 * p->padding[dim] - dilation * (p->kernel[dim] - 1) - 1;
    int64_t n = (room + (p->ceil_mode ? stride - 1 : 0)) / stride + 1;
    return p->ceil_mode && (n - 1) * stride >= size + p->padding[dim] ? n - 1 : n;
}

static int64_t planes_of(const Shape *p) { return (p->batch ? p->batch : 1) * p->channels; }

static void image(Sample *s, const Shape *p, int64_t height, int64_t width) {
    int64_t shape[] = {p->batch, p->channels, height, width};
    sample_input(s, -4, 4, p->batch ? 4 : 3, shape + !p->batch);
}

static double *image_output(Sample *s, int i, const Shape *p, int64_t height, int64_t width) {
    int64_t shape[] = {p->batch, p->channels, height, width};
    return sample_output(s, i, p->batch ? 4 : 3, shape + !p->batch);
}

static void settings(Sample *s, const Shape *p) {
    SAMPLE_ATTRS(s, pool, .kernel_size = RT_INTS(p->kernel[0], p->kernel[1]),
                 .stride = RT_INTS(p->stride[0], p->stride[1]),
                 .padding = RT_INTS(p->padding[0], p->padding[1]),
                 .dilation = RT_INTS(p->dilation[0], p->dilation[1]), .ceil_mode = p->ceil_mode,
                 .count_include_pad = p->count_include_pad,
                 .divisor_override = p->divisor ? p->divisor : RT_INT_NONE,
                 .output_size = RT_INTS(p->height, p->width));
}

static const Shape *current; // the shape that make settled last

// Maxima --------------------------------------------------------------------------------------

static bool make_max_pool2d(Sample *s, int k) {
    if (k >= SHAPES) return false;
    current = &shapes[k];
    s->apart = true;
    image(s, current, current->height, current->width);
    settings(s, current);
    return true;
}

static void max_window(const double *plane, int64_t width, const int64_t *rows, int64_t nrows,
                       const int64_t *columns, int64_t ncolumns, double *best, double *index) {
    *best = -INFINITY;
    for (int64_t i = 0; i < nrows; i++)
        for (int64_t j = 0; j < ncolumns; j++) {
            double value = plane[rows[i] * width + columns[j]];
            if ((i == 0 && j == 0) || value > *best || isnan(value))
                *best = value, *index = rows[i] * width + columns[j];
        }
}

static int64_t window(const Shape *p, int dim, int64_t at, int64_t *pixels) {
    int64_t n = 0, size = dim ? p->width : p->height;
    for (int64_t k = 0; k < p->kernel[dim]; k++) {
        int64_t pixel = at * p->stride[dim] - p->padding[dim] + k * p->dilation[dim];
        if (pixel >= 0 && pixel < size) pixels[n++] = pixel;
    }
    return n;
}

static void truth_max_pool2d(Sample *s) {
    const Shape *p = current;
    int64_t h = out_length(p, 0, p->dilation[0]), w = out_length(p, 1, p->dilation[1]), rows[16],
            columns[16];
    double *y = image_output(s, 0, p, h, w), *index = image_output(s, 1, p, h, w);
    for (int64_t i = 0; i < planes_of(p) * h * w; i++) {
        int64_t nrows = window(p, 0, i / w % h, rows), ncolumns = window(p, 1, i % w, columns);
        max_window(s->x[0] + i / (h * w) * p->height * p->width, p->width, rows, nrows, columns,
                   ncolumns, &y[i], &index[i]);
    }
}
const OpCase case_max_pool2d = {
    .make = make_max_pool2d, .truth = truth_max_pool2d, .dtypes = ON_F64 | 1 << RT_F32};

// Windows of adaptive results.
static int64_t adaptive_window(int64_t size, int64_t out, int64_t at, int64_t *pixels) {
    int64_t n = 0;
    for (int64_t i = at * size / out; i * out < (at + 1) * size; i++) pixels[n++] = i;
    return n;
}

static const int64_t adaptive_sizes[][2] = {{2, 3}, {1, 1}, {4, 6}, {7, 5}, {0, 2}};

static bool make_adaptive_max_pool2d(Sample *s, int k) {
    if (k >= 5) return false;
    current = &shapes[k % 3];
    s->apart = true;
    image(s, current, current->height, current->width);
    SAMPLE_ATTRS(s, pool, .output_size = RT_INTS(adaptive_sizes[k][0], adaptive_sizes[k][1]));
    return true;
}
static void truth_adaptive_max_pool2d(Sample *s) {
    const Shape *p = current;
    const int64_t *out = ((const RtAttrs_pool *)s->attrs)->output_size.v;
    int64_t h = out[0], w = out[1], rows[64], columns[64];
    double *y = image_output(s, 0, p, h, w), *index = image_output(s, 1, p, h, w);
    for (int64_t i = 0; i < planes_of(p) * h * w; i++) {
        int64_t nrows = adaptive_window(p->height, h, i / w % h, rows),
                ncolumns = adaptive_window(p->width, w, i % w, columns);
        max_window(s->x[0] + i / (h * w) * p->height * p->width, p->width, rows, nrows, columns,
                   ncolumns, &y[i], &index[i]);
    }
}
const OpCase case_adaptive_max_pool2d = {.make = make_adaptive_max_pool2d,
                                         .truth = truth_adaptive_max_pool2d,
                                         .dtypes = ON_F64 | 1 << RT_F32};

// Positions may repeat: gradients add up.
static bool make_max_pool2d_backward(Sample *s, int k) {
    if (k >= 2) return false;
    const Shape *p = current = &shapes[2 * k];
    image(s, p, 2, 3);
    int64_t shape[] = {p->batch, p->channels, 2, 3};
    sample_kind_input(s, SAMPLE_INDICES, 0, (double)(p->height * p->width - 1), p->batch ? 4 : 3,
                      shape + !p->batch);
    SAMPLE_ATTRS(s, pool, .output_size = RT_INTS(p->height, p->width));
    return true;
}
static void truth_max_pool2d_backward(Sample *s) {
    const Shape *p = current;
    double *y = image_output(s, 0, p, p->height, p->width);
    for (int64_t i = 0; i < planes_of(p) * 6; i++)
        y[i / 6 * p->height * p->width + (int64_t)s->x[1][i]] += s->x[0][i];
}
const OpCase case_max_pool2d_backward = {
    .make = make_max_pool2d_backward, .truth = truth_max_pool2d_backward, .dtypes = ON_FLOATS};

static bool make_max_pool2d_take(Sample *s, int k) {
    if (k >= 2) return false;
    const Shape *p = current = &shapes[2 * k];
    image(s, p, p->height, p->width);
    int64_t shape[] = {p->batch, p->channels, 2, 3};
    sample_kind_input(s, SAMPLE_INDICES, 0, (double)(p->height * p->width - 1), p->batch ? 4 : 3,
                      shape + !p->batch);
    return true;
}
static void truth_max_pool2d_take(Sample *s) {
    const Shape *p = current;
    double *y = image_output(s, 0, p, 2, 3);
    for (int64_t i = 0; i < planes_of(p) * 6; i++)
        y[i] = s->x[0][i / 6 * p->height * p->width + (int64_t)s->x[1][i]];
}
const OpCase case_max_pool2d_take = {
    .make = make_max_pool2d_take, .truth = truth_max_pool2d_take, .dtypes = ON_FLOATS};

// Means ---------------------------------------------------------------------------------------

// As the definition says: the divisor counts padding, but not what hangs over its far edge.
static void average_all(const Shape *p, double *small, double *large, bool backward) {
    int64_t h = out_length(p, 0, 1), w = out_length(p, 1, 1);
    for (int64_t i = 0; i < planes_of(p) * h * w; i++) {
        double *plane = large + i / (h * w) * p->height * p->width;
        int64_t top = i / w % h * p->stride[0] - p->padding[0],
                left = i % w * p->stride[1] - p->padding[1];
        int64_t bottom = top + p->kernel[0], right = left + p->kernel[1], with_padding, inside = 0;
        if (bottom > p->height + p->padding[0]) bottom = p->height + p->padding[0];
        if (right > p->width + p->padding[1]) right = p->width + p->padding[1];
        with_padding = (bottom - top) * (right - left);
        for (int64_t y = top; y < bottom; y++)
            for (int64_t x = left; x < right; x++)
                inside += y >= 0 && y < p->height && x >= 0 && x < p->width;
        double divisor = p->divisor ? p->divisor : p->count_include_pad ? with_padding : inside;
        for (int64_t y = top; y < bottom; y++)
            for (int64_t x = left; x < right; x++) {
                if (y < 0 || y >= p->height || x < 0 || x >= p->width) continue;
                if (backward)
                    plane[y * p->width + x] += small[i] / divisor;
                else
                    small[i] += plane[y * p->width + x] / divisor;
            }
    }
}

static Shape flat_shape; // shapes[k] without dilation, which means do not have

static const Shape *undilated(int k) {
    flat_shape = shapes[k];
    flat_shape.dilation[0] = flat_shape.dilation[1] = 1;
    for (int i = 0; i < 2; i++)
        if (flat_shape.padding[i] > flat_shape.kernel[i] / 2)
            flat_shape.padding[i] = flat_shape.kernel[i] / 2;
    return current = &flat_shape;
}

static bool make_avg_pool2d(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = undilated(k);
    image(s, p, p->height, p->width);
    settings(s, p);
    return true;
}
static void truth_avg_pool2d(Sample *s) {
    average_all(current,
                image_output(s, 0, current, out_length(current, 0, 1), out_length(current, 1, 1)),
                s->x[0], false);
}
const OpCase case_avg_pool2d = {
    .make = make_avg_pool2d, .truth = truth_avg_pool2d, .dtypes = ON_FLOATS};

static bool make_avg_pool2d_backward(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = undilated(k);
    image(s, p, out_length(p, 0, 1), out_length(p, 1, 1));
    settings(s, p);
    return true;
}
static void truth_avg_pool2d_backward(Sample *s) {
    average_all(current, s->x[0], image_output(s, 0, current, current->height, current->width),
                true);
}
const OpCase case_avg_pool2d_backward = {
    .make = make_avg_pool2d_backward, .truth = truth_avg_pool2d_backward, .dtypes = ON_FLOATS};

static void adaptive_all(const Shape *p, int64_t h, int64_t w, double *small, double *large,
                         bool backward) {
    int64_t rows[64], columns[64];
    for (int64_t i = 0; i < planes_of(p) * h * w; i++) {
        double *plane = large + i / (h * w) * p->height * p->width;
        int64_t nrows = adaptive_window(p->height, h, i / w % h, rows),
                ncolumns = adaptive_window(p->width, w, i % w, columns);
        for (int64_t y = 0; y < nrows; y++)
            for (int64_t x = 0; x < ncolumns; x++) {
                double *pixel = &plane[rows[y] * p->width + columns[x]];
                if (backward)
                    *pixel += small[i] / (double)(nrows * ncolumns);
                else
                    small[i] += *pixel / (double)(nrows * ncolumns);
            }
    }
}

static bool make_adaptive_avg_pool2d(Sample *s, int k) {
    if (k >= 6) return false;
    current = &shapes[k == 5 ? 5 : k % 3]; // the last: runs long enough for partial sums
    image(s, current, current->height, current->width);
    int64_t size[] = {k == 5 ? 1 : adaptive_sizes[k][0], k == 5 ? 2 : adaptive_sizes[k][1]};
    SAMPLE_ATTRS(s, pool, .output_size = RT_INTS(size[0], size[1]));
    return true;
}
static void truth_adaptive_avg_pool2d(Sample *s) {
    const int64_t *out = ((const RtAttrs_pool *)s->attrs)->output_size.v;
    adaptive_all(current, out[0], out[1], image_output(s, 0, current, out[0], out[1]), s->x[0],
                 false);
}
const OpCase case_adaptive_avg_pool2d = {
    .make = make_adaptive_avg_pool2d, .truth = truth_adaptive_avg_pool2d, .dtypes = ON_FLOATS};

static bool make_adaptive_avg_pool2d_backward(Sample *s, int k) {
    if (k >= 4) return false;
    current = &shapes[k % 3];
    image(s, current, adaptive_sizes[k][0], adaptive_sizes[k][1]);
    SAMPLE_ATTRS(s, pool, .output_size = RT_INTS(current->height, current->width));
    return true;
}
static void truth_adaptive_avg_pool2d_backward(Sample *s) {
    int first = s->ndim[0] - 2;
    adaptive_all(current, s->shape[0][first], s->shape[0][first + 1], s->x[0],
                 image_output(s, 0, current, current->height, current->width), true);
}
const OpCase case_adaptive_avg_pool2d_backward = {.make = make_adaptive_avg_pool2d_backward,
                                                  .truth = truth_adaptive_avg_pool2d_backward,
                                                  .dtypes = ON_FLOATS};

// One dimension: images one pixel high --------------------------------------------------------

static const Shape signals[] = {
    {2, 2, 1, 8, {1, 2}, {1, 2}, {0, 0}, {1, 1}, false, true, 0},
    {0, 3, 1, 9, {1, 3}, {1, 2}, {0, 1}, {1, 1}, true, false, 0},
};

static void signal_input(Sample *s, const Shape *p) {
    int64_t shape[] = {p->batch, p->channels, p->width};
    sample_input(s, -4, 4, p->batch ? 3 : 2, shape + !p->batch);
}

static double *signal_output(Sample *s, int i, const Shape *p, int64_t length) {
    int64_t shape[] = {p->batch, p->channels, length};
    return sample_output(s, i, p->batch ? 3 : 2, shape + !p->batch);
}

static bool make_pool1d(Sample *s, int k) {
    if (k >= 2) return false;
    const Shape *p = current = &signals[k];
    s->apart = true;
    signal_input(s, p);
    SAMPLE_ATTRS(s, pool, .kernel_size = RT_INTS(p->kernel[1]), .stride = RT_INTS(p->stride[1]),
                 .padding = RT_INTS(p->padding[1]), .dilation = RT_INTS(1),
                 .ceil_mode = p->ceil_mode, .count_include_pad = p->count_include_pad,
                 .output_size = RT_INTS(3));
    return true;
}
static void truth_max_pool1d(Sample *s) {
    const Shape *p = current;
    int64_t w = out_length(p, 1, 1), row = 0, columns[16];
    double *y = signal_output(s, 0, p, w), *index = signal_output(s, 1, p, w);
    for (int64_t i = 0; i < planes_of(p) * w; i++)
        max_window(s->x[0] + i / w * p->width, p->width, &row, 1, columns,
                   window(p, 1, i % w, columns), &y[i], &index[i]);
}
const OpCase case_max_pool1d = {
    .make = make_pool1d, .truth = truth_max_pool1d, .dtypes = ON_F64 | 1 << RT_F32};

static void truth_avg_pool1d(Sample *s) {
    average_all(current, signal_output(s, 0, current, out_length(current, 1, 1)), s->x[0], false);
}
const OpCase case_avg_pool1d = {
    .make = make_pool1d, .truth = truth_avg_pool1d, .dtypes = ON_FLOATS};

static void truth_adaptive_avg_pool1d(Sample *s) {
    adaptive_all(current, 1, 3, signal_output(s, 0, current, 3), s->x[0], false);
}
const OpCase case_adaptive_avg_pool1d = {
    .make = make_pool1d, .truth = truth_adaptive_avg_pool1d, .dtypes = ON_FLOATS};

static void truth_adaptive_max_pool1d(Sample *s) {
    const Shape *p = current;
    int64_t row = 0, columns[16];
    double *y = signal_output(s, 0, p, 3), *index = signal_output(s, 1, p, 3);
    for (int64_t i = 0; i < planes_of(p) * 3; i++)
        max_window(s->x[0] + i / 3 * p->width, p->width, &row, 1, columns,
                   adaptive_window(p->width, 3, i % 3, columns), &y[i], &index[i]);
}
const OpCase case_adaptive_max_pool1d = {
    .make = make_pool1d, .truth = truth_adaptive_max_pool1d, .dtypes = ON_F64 | 1 << RT_F32};

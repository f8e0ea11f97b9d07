// Cases of convolutions: strides, padding, dilation, groups, unbatched images, images smaller and
// wider than a vector.
#include "ops/cases.h"

typedef struct Shape {
    int64_t batch, in, out, height, width, kh, kw; // batch 0: unbatched
    int64_t stride[2], padding[2], dilation[2], groups;
    bool bias;
} Shape;

static const Shape shapes[] = {
    {2, 1, 3, 5, 6, 3, 3, {1, 1}, {0, 0}, {1, 1}, 1, true},
    {2, 3, 2, 5, 5, 2, 3, {1, 1}, {1, 1}, {1, 1}, 1, false},
    {1, 2, 4, 7, 6, 3, 2, {2, 1}, {1, 0}, {1, 1}, 1, true},
    {0, 2, 3, 4, 5, 3, 3, {1, 1}, {1, 2}, {1, 1}, 1, true},
    {2, 4, 6, 5, 5, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2, true},
    {1, 4, 4, 5, 6, 3, 3, {2, 2}, {1, 1}, {1, 1}, 4, true},
    {1, 2, 2, 8, 9, 3, 3, {1, 1}, {2, 2}, {2, 2}, 1, false},
    {1, 2, 3, 9, 9, 2, 3, {3, 2}, {2, 1}, {2, 3}, 1, true},
    {3, 5, 4, 3, 3, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, true},
    {1, 3, 2, 5, 5, 1, 1, {2, 3}, {0, 0}, {1, 1}, 1, false},
    {1, 2, 20, 4, 40, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, true},
    {1, 1, 2, 6, 6, 4, 4, {4, 4}, {0, 0}, {1, 1}, 1, false},
    {1, 2, 1, 9, 4, 1, 1, {1, 1}, {0, 6}, {1, 1}, 1, true},  // padding beyond the kernel
    {1, 1, 2, 7, 6, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, false}, // with two threads: uneven strips
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void out_size(const Shape *p, int64_t *out) {
    out[0] = (p->height + 2 * p->padding[0] - p->dilation[0] * (p->kh - 1) - 1) / p->stride[0] + 1;
    out[1] = (p->width + 2 * p->padding[1] - p->dilation[1] * (p->kw - 1) - 1) / p->stride[1] + 1;
}

static int64_t images(const Shape *p) { return p->batch ? p->batch : 1; }

static void image(Sample *s, double range, const Shape *p, int64_t channels, int64_t height,
                  int64_t width) {
    int64_t shape[] = {p->batch, channels, height, width};
    sample_input(s, -range, range, p->batch ? 4 : 3, shape + !p->batch);
}

static double *image_output(Sample *s, const Shape *p, int64_t channels, int64_t height,
                            int64_t width) {
    int64_t shape[] = {p->batch, channels, height, width};
    return sample_output(s, 0, p->batch ? 4 : 3, shape + !p->batch);
}

static void settings(Sample *s, const Shape *p, int64_t height, int64_t width) {
    SAMPLE_ATTRS(s, conv, .stride = RT_INTS(p->stride[0], p->stride[1]),
                 .padding = RT_INTS(p->padding[0], p->padding[1]),
                 .dilation = RT_INTS(p->dilation[0], p->dilation[1]), .groups = p->groups,
                 .size = RT_INTS(height, width));
}

// Visits every product of the convolution: result element, image element, weight element.
typedef void (*Visit)(double *y, double *x, double *w);
static void visit_all(const Shape *p, double *y, double *x, double *w, Visit visit) {
    int64_t out[2], inner = p->in / p->groups, outer = p->out / p->groups;
    out_size(p, out);
    for (int64_t n = 0; n < images(p); n++)
        for (int64_t o = 0; o < p->out; o++)
            for (int64_t oy = 0; oy < out[0]; oy++)
                for (int64_t ox = 0; ox < out[1]; ox++)
                    for (int64_t c = 0; c < inner; c++)
                        for (int64_t ky = 0; ky < p->kh; ky++)
                            for (int64_t kx = 0; kx < p->kw; kx++) {
                                int64_t iy =
                                    oy * p->stride[0] - p->padding[0] + ky * p->dilation[0];
                                int64_t ix =
                                    ox * p->stride[1] - p->padding[1] + kx * p->dilation[1];
                                if (iy < 0 || iy >= p->height || ix < 0 || ix >= p->width) continue;
                                visit(&y[((n * p->out + o) * out[0] + oy) * out[1] + ox],
                                      &x[((n * p->in + o / outer * inner + c) * p->height + iy) *
                                             p->width +
                                         ix],
                                      &w[((o * inner + c) * p->kh + ky) * p->kw + kx]);
                            }
}
static void add_y(double *y, double *x, double *w) { *y += *x * *w; }
static void add_x(double *y, double *x, double *w) { *x += *y * *w; }
static void add_w(double *y, double *x, double *w) { *w += *y * *x; }

static const Shape *current; // the shape that make settled last

static bool make_conv2d(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    image(s, 1, p, p->in, p->height, p->width);
    sample_input(s, -1, 1, 4, (int64_t[]){p->out, p->in / p->groups, p->kh, p->kw});
    sample_kind_input(s, p->bias ? SAMPLE_VALUES : SAMPLE_ABSENT, -1, 1, 1, &p->out);
    settings(s, p, 0, 0);
    return true;
}
static void truth_conv2d(Sample *s) {
    const Shape *p = current;
    int64_t out[2];
    out_size(p, out);
    double *y = image_output(s, p, p->out, out[0], out[1]);
    for (int64_t i = 0; p->bias && i < images(p) * p->out * out[0] * out[1]; i++)
        y[i] = s->x[2][i / (out[0] * out[1]) % p->out];
    visit_all(p, y, s->x[0], s->x[1], add_y);
}
const OpCase case_conv2d = {.make = make_conv2d, .truth = truth_conv2d, .dtypes = ON_FLOATS};

static bool make_conv2d_backward_input(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    int64_t out[2];
    out_size(p, out);
    image(s, 1, p, p->out, out[0], out[1]);
    sample_input(s, -1, 1, 4, (int64_t[]){p->out, p->in / p->groups, p->kh, p->kw});
    settings(s, p, p->height, p->width);
    return true;
}
static void truth_conv2d_backward_input(Sample *s) {
    const Shape *p = current;
    visit_all(p, s->x[0], image_output(s, p, p->in, p->height, p->width), s->x[1], add_x);
}
const OpCase case_conv2d_backward_input = {
    .make = make_conv2d_backward_input, .truth = truth_conv2d_backward_input, .dtypes = ON_FLOATS};

static bool make_conv2d_backward_weight(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    int64_t out[2];
    out_size(p, out);
    image(s, 1, p, p->out, out[0], out[1]);
    image(s, 1, p, p->in, p->height, p->width);
    settings(s, p, p->kh, p->kw);
    return true;
}
static void truth_conv2d_backward_weight(Sample *s) {
    const Shape *p = current;
    visit_all(p, s->x[0], s->x[1],
              sample_output(s, 0, 4, (int64_t[]){p->out, p->in / p->groups, p->kh, p->kw}), add_w);
}
const OpCase case_conv2d_backward_weight = {.make = make_conv2d_backward_weight,
                                            .truth = truth_conv2d_backward_weight,
                                            .dtypes = ON_FLOATS};

// One dimension: images one pixel high --------------------------------------------------------

static const Shape signals[] = {
    {2, 2, 3, 1, 8, 1, 3, {1, 1}, {0, 1}, {1, 1}, 1, true},
    {0, 2, 4, 1, 9, 1, 2, {1, 2}, {0, 0}, {1, 2}, 2, true},
    {1, 3, 2, 1, 5, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, false},
};

static void signal_input(Sample *s, const Shape *p, int64_t channels, int64_t length) {
    int64_t shape[] = {p->batch, channels, length};
    sample_input(s, -1, 1, p->batch ? 3 : 2, shape + !p->batch);
}

static void signal_settings(Sample *s, const Shape *p) {
    SAMPLE_ATTRS(s, conv, .stride = RT_INTS(p->stride[1]), .padding = RT_INTS(p->padding[1]),
                 .dilation = RT_INTS(p->dilation[1]), .groups = p->groups,
                 .output_padding = RT_INTS(0));
}

static bool make_conv1d(Sample *s, int k) {
    if (k >= 3) return false;
    const Shape *p = current = &signals[k];
    signal_input(s, p, p->in, p->width);
    sample_input(s, -1, 1, 3, (int64_t[]){p->out, p->in / p->groups, p->kw});
    sample_kind_input(s, p->bias ? SAMPLE_VALUES : SAMPLE_ABSENT, -1, 1, 1, &p->out);
    signal_settings(s, p);
    return true;
}
static void truth_conv1d(Sample *s) {
    const Shape *p = current;
    int64_t out[2];
    out_size(p, out);
    int64_t shape[] = {p->batch, p->out, out[1]};
    double *y = sample_output(s, 0, p->batch ? 3 : 2, shape + !p->batch);
    for (int64_t i = 0; p->bias && i < images(p) * p->out * out[1]; i++)
        y[i] = s->x[2][i / out[1] % p->out];
    visit_all(p, y, s->x[0], s->x[1], add_y);
}
const OpCase case_conv1d = {.make = make_conv1d, .truth = truth_conv1d, .dtypes = ON_FLOATS};

// Transposed: the gradient of the input, for an image of the size that the result has ---------

static const Shape transposed[] = {
    // in and out as conv2d sees them: the transposed convolution goes from `out` channels to `in`
    {2, 2, 3, 6, 7, 3, 3, {1, 1}, {0, 1}, {1, 1}, 1, true},
    {1, 2, 2, 8, 9, 3, 3, {2, 2}, {1, 1}, {1, 1}, 1, true}, // output padding of one row
    {0, 4, 2, 7, 8, 2, 3, {1, 2}, {0, 1}, {2, 1}, 2, false},
    {1, 1, 2, 7, 7, 3, 3, {2, 2}, {1, 1}, {3, 3}, 1, true}, // output padding as large as the stride
};
static const int64_t began[][2] = {{4, 7}, {4, 5}, {5, 4}, {1, 1}}; // sizes of the input

static int64_t added_rows(const Shape *p, int dim, int64_t from) {
    int64_t kernel = dim ? p->kw : p->kh, size = dim ? p->width : p->height;
    return size - ((from - 1) * p->stride[dim] - 2 * p->padding[dim] +
                   p->dilation[dim] * (kernel - 1) + 1);
}

static bool make_conv_transpose2d(Sample *s, int k) {
    if (k >= 4) return false;
    const Shape *p = current = &transposed[k];
    image(s, 1, p, p->out, began[k][0], began[k][1]);
    sample_input(s, -1, 1, 4, (int64_t[]){p->out, p->in / p->groups, p->kh, p->kw});
    sample_kind_input(s, p->bias ? SAMPLE_VALUES : SAMPLE_ABSENT, -1, 1, 1, &p->in);
    SAMPLE_ATTRS(s, conv, .stride = RT_INTS(p->stride[0], p->stride[1]),
                 .padding = RT_INTS(p->padding[0], p->padding[1]),
                 .dilation = RT_INTS(p->dilation[0], p->dilation[1]), .groups = p->groups,
                 .output_padding =
                     RT_INTS(added_rows(p, 0, began[k][0]), added_rows(p, 1, began[k][1])));
    return true;
}
static void truth_conv_transpose2d(Sample *s) {
    const Shape *p = current;
    int batched = p->batch != 0;
    int64_t from[2] = {s->shape[0][1 + batched], s->shape[0][2 + batched]},
            inner = p->in / p->groups, outer = p->out / p->groups;
    double *y = image_output(s, p, p->in, p->height, p->width);
    for (int64_t i = 0; p->bias && i < images(p) * p->in * p->height * p->width; i++)
        y[i] = s->x[2][i / (p->height * p->width) % p->in];
    for (int64_t i = 0; i < images(p) * p->out * from[0] * from[1]; i++) {
        int64_t x = i % from[1], row = i / from[1] % from[0], o = i / (from[0] * from[1]) % p->out,
                n = i / (from[0] * from[1] * p->out);
        for (int64_t c = 0; c < inner; c++)
            for (int64_t ky = 0; ky < p->kh; ky++)
                for (int64_t kx = 0; kx < p->kw; kx++) {
                    int64_t iy = row * p->stride[0] - p->padding[0] + ky * p->dilation[0];
                    int64_t ix = x * p->stride[1] - p->padding[1] + kx * p->dilation[1];
                    if (iy < 0 || iy >= p->height || ix < 0 || ix >= p->width) continue;
                    y[((n * p->in + o / outer * inner + c) * p->height + iy) * p->width + ix] +=
                        s->x[0][i] * s->x[1][((o * inner + c) * p->kh + ky) * p->kw + kx];
                }
    }
}
const OpCase case_conv_transpose2d = {
    .make = make_conv_transpose2d, .truth = truth_conv_transpose2d, .dtypes = ON_FLOATS};

static bool make_conv_transpose1d(Sample *s, int k) {
    static const Shape rows[] = {{2, 2, 3, 1, 7, 1, 3, {1, 2}, {0, 1}, {1, 1}, 1, true}};
    if (k >= 1) return false;
    const Shape *p = current = &rows[k];
    signal_input(s, p, p->out, 4);
    sample_input(s, -1, 1, 3, (int64_t[]){p->out, p->in, p->kw});
    sample_kind_input(s, SAMPLE_VALUES, -1, 1, 1, &p->in);
    signal_settings(s, p);
    return true;
}
static void truth_conv_transpose1d(Sample *s) {
    const Shape *p = current;
    double *y = sample_output(s, 0, 3, (int64_t[]){p->batch, p->in, p->width});
    for (int64_t i = 0; i < p->batch * p->in * p->width; i++) y[i] = s->x[2][i / p->width % p->in];
    visit_all(p, s->x[0], y, s->x[1], add_x);
}
const OpCase case_conv_transpose1d = {
    .make = make_conv_transpose1d, .truth = truth_conv_transpose1d, .dtypes = ON_FLOATS};

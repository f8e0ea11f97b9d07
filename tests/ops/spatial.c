// Cases of resampling and of pixels rearranged.
#include "ops/cases.h"

// resample: each result as a weighted sum, worked out from the definition of its mode -----------

enum { NEAREST, NEAREST_EXACT, LINEAR, CUBIC, REFLECT, REPLICATE, CIRCULAR };

typedef struct Shape {
    int ndim, dim;
    int64_t shape[4], length;
    int mode;
    bool align_corners, antialias;
    double scale;
    int64_t before; // for padding
} Shape;

static const Shape shapes[] = {
    {3, 2, {2, 2, 5}, 9, NEAREST, false, false, 0, 0},
    {3, 1, {2, 7, 3}, 3, NEAREST_EXACT, false, false, 0, 0},
    {3, 2, {2, 3, 5}, 8, LINEAR, false, false, 0, 0},
    {4, 2, {1, 2, 6, 5}, 4, LINEAR, true, false, 0, 0},
    {3, 2, {2, 1, 6}, 7, LINEAR, false, false, 1.25, 0},
    {3, 2, {1, 2, 7}, 10, CUBIC, false, false, 0, 0},
    {4, 2, {2, 1, 5, 18}, 3, CUBIC, true, false, 0, 0},
    {3, 2, {2, 1, 11}, 4, LINEAR, false, true, 0, 0},
    {4, 2, {1, 1, 13, 17}, 5, CUBIC, false, true, 0, 0},
    {3, 2, {1, 1, 4}, 9, CUBIC, false, true, 0, 0},
    {2, 1, {3, 1}, 4, LINEAR, true, false, 0, 0},
    {2, 1, {3, 4}, 1, LINEAR, true, false, 0, 0},
    {2, 1, {3, 4}, 9, REFLECT, false, false, 0, 3},
    {3, 1, {2, 4, 3}, 9, REPLICATE, false, false, 0, 4},
    {3, 2, {2, 1, 5}, 8, CIRCULAR, false, false, 0, -1},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static double cubic(double x, double a) {
    x = fabs(x);
    return x < 1   ? (a + 2) * x * x * x - (a + 3) * x * x + 1
           : x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a
                   : 0;
}

// weight[i]: of position i of `size` in result j of p->length.
static void weights_of(const Shape *p, int64_t size, int64_t j, double *weight) {
    double scale = p->scale > 0 ? 1 / p->scale : (double)size / (double)p->length, total = 0;
    if (p->align_corners) scale = p->length > 1 ? (double)(size - 1) / (double)(p->length - 1) : 0;
    memset(weight, 0, (size_t)size * sizeof *weight);
    if (p->mode >= REFLECT) {
        int64_t i = j - p->before;
        if (p->mode == REFLECT) i = i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
        if (p->mode == REPLICATE) i = i < 0 ? 0 : i >= size ? size - 1 : i;
        weight[(i + size) % size] = 1;
        return;
    }
    if (p->mode <= NEAREST_EXACT) {
        double at = floor(((double)j + (p->mode == NEAREST ? 0 : 0.5)) * scale + 1e-9);
        weight[(int64_t)fmin(at, (double)size - 1)] = 1;
        return;
    }
    if (p->antialias) {
        double widened = fmax(scale, 1), centre = ((double)j + 0.5) * scale - 0.5;
        for (int64_t i = 0; i < size; i++) {
            double x = ((double)i - centre) / widened;
            weight[i] = p->mode == LINEAR ? fmax(0, 1 - fabs(x)) : cubic(x, -0.5);
            total += weight[i];
        }
        for (int64_t i = 0; i < size; i++) weight[i] /= total;
        return;
    }
    double at = p->align_corners ? (double)j * scale : ((double)j + 0.5) * scale - 0.5;
    if (p->mode == LINEAR) at = fmin(fmax(at, 0), (double)size - 1);
    for (int64_t i = (int64_t)floor(at) - 1; i <= (int64_t)floor(at) + 2; i++) {
        int64_t inside = i < 0 ? 0 : i >= size ? size - 1 : i;
        double x = at - (double)i;
        weight[inside] += p->mode == LINEAR ? fmax(0, 1 - fabs(x)) : cubic(x, -0.75);
    }
}

// large: `size` positions, small: p->length results; both (O, …, I).
static void resample_all(const Shape *p, int64_t O, int64_t size, int64_t I, double *x, double *y,
                         bool back) {
    double *weight = calloc((size_t)size, sizeof *weight);
    for (int64_t j = 0; j < p->length; j++) {
        weights_of(p, size, j, weight);
        for (int64_t o = 0; o < O; o++)
            for (int64_t i = 0; i < size; i++)
                for (int64_t k = 0; k < I; k++) {
                    double *at = &x[(o * size + i) * I + k],
                           *result = &y[(o * p->length + j) * I + k];
                    if (back)
                        *at += weight[i] * *result;
                    else
                        *result += weight[i] * *at;
                }
    }
    free(weight);
}

static const Shape *current; // the shape that make settled last

static void settings(Sample *s, const Shape *p, int64_t length) {
    SAMPLE_ATTRS(s, resample, .dim = p->dim - p->ndim, .length = length, .mode = p->mode,
                 .align_corners = p->align_corners, .antialias = p->antialias, .scale = p->scale,
                 .before = p->before);
}

static void small_shape(const Shape *p, int64_t *out) {
    memcpy(out, p->shape, sizeof p->shape);
    out[p->dim] = p->length;
}

static bool make_resample(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    sample_input(s, -2, 2, p->ndim, p->shape);
    settings(s, p, p->length);
    return true;
}

static void truth_either(Sample *s, bool back) {
    const Shape *p = current;
    int64_t shape[4], O = sample_numel(p->dim, p->shape),
                      I = sample_numel(p->ndim - p->dim - 1, p->shape + p->dim + 1);
    small_shape(p, shape);
    double *y = sample_output(s, 0, p->ndim, back ? p->shape : shape);
    resample_all(p, O, p->shape[p->dim], I, back ? y : s->x[0], back ? s->x[0] : y, back);
}
static void truth_resample(Sample *s) { truth_either(s, false); }
const OpCase case_resample = {.make = make_resample, .truth = truth_resample, .dtypes = ON_FLOATS};

static bool make_resample_backward(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    int64_t shape[4];
    small_shape(p, shape);
    sample_input(s, -2, 2, p->ndim, shape);
    settings(s, p, p->shape[p->dim]);
    return true;
}
static void truth_resample_backward(Sample *s) { truth_either(s, true); }
const OpCase case_resample_backward = {
    .make = make_resample_backward, .truth = truth_resample_backward, .dtypes = ON_FLOATS};

// interpolate: one dimension after the other, in an order of its own ----------------------------

static const struct {
    int ndim;
    int64_t shape[5], size[3];
    int mode;
    bool align_corners, antialias;
    double scales[3];
} images[] = {
    {4, {2, 2, 4, 5}, {7, 10}, LINEAR, false, false, {0, 0, 0}},
    {4, {1, 2, 6, 7}, {3, 9}, CUBIC, true, false, {0, 0, 0}},
    {3, {2, 3, 6}, {4}, LINEAR, false, false, {0, 0, 0}},
    {5, {1, 2, 3, 4, 5}, {5, 2, 5}, LINEAR, false, false, {0, 0, 0}},
    {4, {1, 1, 9, 8}, {4, 3}, LINEAR, false, true, {0, 0, 0}},
    {4, {1, 2, 4, 4}, {6, 6}, NEAREST, false, false, {0, 1.5, 1.5}},
    {4, {1, 2, 5, 5}, {5, 5}, NEAREST, false, false, {0, 0, 0}},
    {4, {0, 2, 5, 5}, {7, 5}, LINEAR, false, false, {0, 0, 0}},
};

static int image; // which

static bool make_interpolate(Sample *s, int k) {
    if (k >= (int)(sizeof images / sizeof *images)) return false;
    image = k;
    RtInts size = {.n = images[k].ndim - 2};
    memcpy(size.v, images[k].size, (size_t)size.n * sizeof *size.v);
    sample_input(s, -2, 2, images[k].ndim, images[k].shape);
    const double *scales = images[k].scales;
    SAMPLE_ATTRS(s, resample, .size = size, .mode = images[k].mode,
                 .align_corners = images[k].align_corners, .antialias = images[k].antialias,
                 .scales_d = scales[0], .scales_h = scales[1], .scales_w = scales[2]);
    return true;
}
static void truth_interpolate(Sample *s) {
    int n = images[image].ndim;
    int64_t shape[5];
    memcpy(shape, images[image].shape, sizeof shape);
    double *from = s->x[0], *y = NULL;
    for (int dim = 2; dim < n; dim++) {
        Shape p = {.dim = dim,
                   .length = images[image].size[dim - 2],
                   .mode = images[image].mode,
                   .align_corners = images[image].align_corners,
                   .antialias = images[image].antialias,
                   .scale = images[image].scales[3 - n + dim]};
        int64_t size = shape[dim], O = sample_numel(dim, shape),
                I = sample_numel(n - dim - 1, shape + dim + 1);
        shape[dim] = p.length;
        y = calloc((size_t)sample_numel(n, shape) + 1, sizeof *y);
        resample_all(&p, O, size, I, from, y, false);
        if (from != s->x[0]) free(from);
        from = y;
    }
    double *out = sample_output(s, 0, n, shape);
    memcpy(out, y, (size_t)sample_numel(n, shape) * sizeof *y);
    free(y);
}
const OpCase case_interpolate = {
    .make = make_interpolate, .truth = truth_interpolate, .dtypes = ON_FLOATS};

// sample_…: N, C, S, P, T ----------------------------------------------------------------------

static const int64_t samples[][5] = {{2, 3, 7, 4, 2}, {1, 2, 5, 9, 4}, {3, 1, 4, 300, 1},
                                     {2, 0, 3, 2, 2}, {1, 2, 0, 3, 4}, {1, 2, 6, 5, 8}};

typedef struct Sizes {
    int64_t N, C, S, P, T;
} Sizes;
static Sizes sizes;

static bool next_sizes(int k) {
    if (k >= (int)(sizeof samples / sizeof *samples)) return false;
    sizes = (Sizes){samples[k][0], samples[k][1], samples[k][2], samples[k][3], samples[k][4]};
    return true;
}

static void add_input(Sample *s, int64_t last, int64_t middle) {
    sample_input(s, -1, 1, 3, (int64_t[]){sizes.N, middle, last});
}

static void add_index(Sample *s) { // −1: nothing
    sample_kind_input(s, SAMPLE_INDICES, -1, (double)(sizes.S - 1), 3,
                      (int64_t[]){sizes.N, sizes.P, sizes.T});
}

typedef void (*Visit)(double *x, double *weight, double *y);
static void visit_all(double *x, const double *index, double *weight, double *y, Visit visit) {
    for (int64_t n = 0; n < sizes.N; n++)
        for (int64_t c = 0; c < sizes.C; c++)
            for (int64_t p = 0; p < sizes.P; p++)
                for (int64_t t = 0; t < sizes.T; t++) {
                    int64_t at = (n * sizes.P + p) * sizes.T + t, line = n * sizes.C + c;
                    if (index[at] >= 0)
                        visit(&x[line * sizes.S + (int64_t)index[at]], &weight[at],
                              &y[line * sizes.P + p]);
                }
}
static void add_y(double *x, double *weight, double *y) { *y += *x * *weight; }
static void add_x(double *x, double *weight, double *y) { *x += *y * *weight; }
static void add_weight(double *x, double *weight, double *y) { *weight += *x * *y; }

static bool make_sample_gather(Sample *s, int k) {
    if (!next_sizes(k)) return false;
    add_input(s, sizes.S, sizes.C);
    add_index(s);
    add_input(s, sizes.T, sizes.P);
    return true;
}
static void truth_sample_gather(Sample *s) {
    visit_all(s->x[0], s->x[1], s->x[2],
              sample_output(s, 0, 3, (int64_t[]){sizes.N, sizes.C, sizes.P}), add_y);
}
const OpCase case_sample_gather = {
    .make = make_sample_gather, .truth = truth_sample_gather, .dtypes = ON_FLOATS};

static bool make_sample_scatter(Sample *s, int k) {
    if (!next_sizes(k)) return false;
    add_input(s, sizes.P, sizes.C);
    add_index(s);
    add_input(s, sizes.T, sizes.P);
    SAMPLE_ATTRS(s, sample, .size = sizes.S);
    return true;
}
static void truth_sample_scatter(Sample *s) {
    visit_all(sample_output(s, 0, 3, (int64_t[]){sizes.N, sizes.C, sizes.S}), s->x[1], s->x[2],
              s->x[0], add_x);
}
const OpCase case_sample_scatter = {.make = make_sample_scatter,
                                    .truth = truth_sample_scatter,
                                    .dtypes = ON_FLOATS,
                                    .tolerance = 4};

static bool make_sample_weights(Sample *s, int k) {
    if (!next_sizes(k)) return false;
    add_input(s, sizes.P, sizes.C);
    add_index(s);
    add_input(s, sizes.S, sizes.C);
    return true;
}
static void truth_sample_weights(Sample *s) {
    visit_all(s->x[2], s->x[1], sample_output(s, 0, 3, (int64_t[]){sizes.N, sizes.P, sizes.T}),
              s->x[0], add_weight);
}
const OpCase case_sample_weights = {
    .make = make_sample_weights, .truth = truth_sample_weights, .dtypes = ON_FLOATS};

// sample_taps: places in images of two or three dimensions -----------------------------------

static const struct {
    int dims;
    int64_t N, P, size[3];
    int mode, padding; // bilinear, nearest, bicubic; zeros, border, reflection
    bool align;
} grids[] = {
    {2, 2, 5, {4, 3}, 0, 0, false},    {2, 1, 7, {3, 5}, 0, 1, true},
    {3, 1, 6, {2, 3, 4}, 0, 2, false}, {2, 1, 6, {4, 4}, 1, 0, true},
    {3, 2, 3, {3, 2, 2}, 1, 1, false}, {2, 1, 7, {5, 4}, 2, 0, false},
    {2, 2, 4, {4, 5}, 2, 2, true},     {2, 1, 4, {3, 4}, 2, 1, false},
    {2, 0, 4, {3, 4}, 0, 0, false},    {2, 1, 9, {1, 3}, 0, 2, true},
    {2, 1, 300, {9, 7}, 0, 0, false},
};
static int gridded; // which

static void grid_settings(Sample *s) {
    RtInts image_size = {.n = grids[gridded].dims};
    memcpy(image_size.v, grids[gridded].size, (size_t)image_size.n * sizeof *image_size.v);
    SAMPLE_ATTRS(s, sample, .sizes = image_size, .mode = grids[gridded].mode,
                 .padding_mode = grids[gridded].padding, .align_corners = grids[gridded].align);
}

static double bounded_at(double at, int64_t size) {
    double low = grids[gridded].align ? 0 : -0.5,
           high = grids[gridded].align ? (double)size - 1 : (double)size - 0.5;
    if (grids[gridded].padding == 0) return at;
    while (grids[gridded].padding == 2 && low < high && (at < low || at > high))
        at = at < low ? 2 * low - at : 2 * high - at;
    return fmin(fmax(at, 0), (double)size - 1);
}

// Weight of tap k of a place along a dimension, and its pixel or −1.
static double tap_weight(double place, int64_t size, int k, int64_t *pixel) {
    double at = grids[gridded].align ? (place + 1) / 2 * (double)(size - 1)
                                     : ((place + 1) * (double)size - 1) / 2;
    int mode = grids[gridded].mode;
    if (mode != 2) at = bounded_at(at, size);
    double q = mode == 1 ? nearbyint(at) : floor(at) + k - (mode == 2), weight = 1;
    if (mode != 1) weight = mode == 0 ? 1 - fabs(at - q) : cubic(at - q, -0.75);
    if (mode == 2) q = bounded_at(q, size);
    *pixel = q >= 0 && q < (double)size ? (int64_t)q : -1;
    return weight;
}

static int taps_along(void) { return (int[]){2, 1, 4}[grids[gridded].mode]; }

static bool make_sample_taps(Sample *s, int k) {
    if (k >= (int)(sizeof grids / sizeof *grids)) return false;
    gridded = k;
    sample_input(s, -1.7, 1.7, 3, (int64_t[]){grids[k].N, grids[k].P, grids[k].dims});
    grid_settings(s);
    return true;
}

static int64_t all_taps(void) {
    int64_t n = taps_along();
    return grids[gridded].dims == 3 ? n * n * n : n * n;
}

static double place_tap(const double *place, int64_t t, int64_t *index) {
    int n = taps_along(), dims = grids[gridded].dims;
    double weight = 1;
    int64_t rest = t, pixels[3];
    *index = 0;
    for (int i = dims; i-- > 0; rest /= n)
        weight *=
            tap_weight(place[dims - 1 - i], grids[gridded].size[i], (int)(rest % n), &pixels[i]);
    for (int i = 0; i < dims; i++)
        *index = *index < 0 || pixels[i] < 0 ? -1 : *index * grids[gridded].size[i] + pixels[i];
    return weight;
}

static void truth_sample_taps(Sample *s) {
    int64_t T = all_taps(), shape[] = {grids[gridded].N, grids[gridded].P, T};
    double *index = sample_output(s, 0, 3, shape), *weight = sample_output(s, 1, 3, shape);
    for (int64_t i = 0; i < sample_numel(3, shape); i++) {
        int64_t at;
        weight[i] = place_tap(s->x[0] + i / T * grids[gridded].dims, i % T, &at);
        index[i] = (double)at;
    }
}
const OpCase case_sample_taps = {
    .make = make_sample_taps, .truth = truth_sample_taps, .dtypes = ON_F64 | 1 << RT_F32};

static bool make_sample_taps_backward(Sample *s, int k) {
    if (k >= (int)(sizeof grids / sizeof *grids)) return false;
    gridded = k;
    sample_input(s, -1, 1, 3, (int64_t[]){grids[k].N, grids[k].P, all_taps()});
    sample_input(s, -1.7, 1.7, 3, (int64_t[]){grids[k].N, grids[k].P, grids[k].dims});
    grid_settings(s);
    return true;
}
static void truth_sample_taps_backward(Sample *s) { // by differences
    const double h = 1e-6;
    int dims = grids[gridded].dims;
    int64_t T = all_taps(), shape[] = {grids[gridded].N, grids[gridded].P, dims}, unused;
    double *y = sample_output(s, 0, 3, shape);
    for (int64_t i = 0; i < sample_numel(3, shape); i++) {
        double place[3];
        memcpy(place, s->x[1] + i / dims * dims, (size_t)dims * sizeof *place);
        for (int64_t t = 0; t < T; t++) {
            double middle = place[i % dims];
            place[i % dims] = middle + h;
            double above = place_tap(place, t, &unused);
            place[i % dims] = middle - h;
            double below = place_tap(place, t, &unused);
            place[i % dims] = middle;
            y[i] += s->x[0][i / dims * T + t] * (above - below) / (2 * h);
        }
    }
}
const OpCase case_sample_taps_backward = {.make = make_sample_taps_backward,
                                          .truth = truth_sample_taps_backward,
                                          .dtypes = ON_F64 | 1 << RT_F32,
                                          .tolerance = 100}; // of the differences

// Windows as columns ----------------------------------------------------------------------------

static const struct {
    int64_t N, C, size[2], kernel[2], dilation[2], padding[2], stride[2]; // N 0: no batch
} windows[] = {
    {2, 2, {4, 5}, {2, 3}, {1, 1}, {0, 0}, {1, 1}},
    {1, 3, {6, 5}, {3, 2}, {1, 2}, {1, 1}, {2, 1}},
    {0, 2, {5, 7}, {2, 2}, {2, 1}, {0, 2}, {1, 3}},
    {2, 1, {4, 4}, {2, 2}, {1, 1}, {0, 0}, {2, 2}},
};
static int folded; // which

static void window_counts(int64_t *out) {
    for (int i = 0; i < 2; i++)
        out[i] = (windows[folded].size[i] + 2 * windows[folded].padding[i] -
                  windows[folded].dilation[i] * (windows[folded].kernel[i] - 1) - 1) /
                     windows[folded].stride[i] +
                 1;
}

static void window_settings(Sample *s) {
    SAMPLE_ATTRS(s, columns,
                 .output_size = RT_INTS(windows[folded].size[0], windows[folded].size[1]),
                 .kernel_size = RT_INTS(windows[folded].kernel[0], windows[folded].kernel[1]),
                 .dilation = RT_INTS(windows[folded].dilation[0], windows[folded].dilation[1]),
                 .padding = RT_INTS(windows[folded].padding[0], windows[folded].padding[1]),
                 .stride = RT_INTS(windows[folded].stride[0], windows[folded].stride[1]));
}

static void move_windows(double *image_at, double *columns, bool back) {
    const int64_t *k = windows[folded].kernel, *size = windows[folded].size;
    int64_t count[2], N = windows[folded].N ? windows[folded].N : 1;
    window_counts(count);
    int64_t L = count[0] * count[1], taps = k[0] * k[1];
    for (int64_t i = 0; i < N * windows[folded].C * taps * L; i++) {
        int64_t plane = i / (taps * L), tap = i / L % taps;
        int64_t y = i % L / count[1] * windows[folded].stride[0] - windows[folded].padding[0] +
                    tap / k[1] * windows[folded].dilation[0];
        int64_t x = i % count[1] * windows[folded].stride[1] - windows[folded].padding[1] +
                    tap % k[1] * windows[folded].dilation[1];
        if (y < 0 || y >= size[0] || x < 0 || x >= size[1]) continue;
        double *pixel = &image_at[(plane * size[0] + y) * size[1] + x];
        if (back)
            *pixel += columns[i];
        else
            columns[i] = *pixel;
    }
}

static void image_shape(int64_t *out) {
    memcpy(out,
           (int64_t[]){windows[folded].N, windows[folded].C, windows[folded].size[0],
                       windows[folded].size[1]},
           4 * sizeof *out);
}
static void column_shape(int64_t *out) {
    int64_t count[2];
    window_counts(count);
    memcpy(out,
           (int64_t[]){windows[folded].N,
                       windows[folded].C * windows[folded].kernel[0] * windows[folded].kernel[1],
                       count[0] * count[1]},
           3 * sizeof *out);
}

static bool make_im2col(Sample *s, int k) {
    if (k >= (int)(sizeof windows / sizeof *windows)) return false;
    folded = k;
    int64_t shape[4];
    image_shape(shape);
    sample_input(s, -2, 2, shape[0] ? 4 : 3, shape + !shape[0]);
    window_settings(s);
    return true;
}
static void truth_im2col(Sample *s) {
    int64_t shape[3];
    column_shape(shape);
    move_windows(s->x[0], sample_output(s, 0, shape[0] ? 3 : 2, shape + !shape[0]), false);
}
const OpCase case_im2col = {
    .make = make_im2col, .truth = truth_im2col, .dtypes = ON_FLOATS | 1 << RT_I64};

static bool make_col2im(Sample *s, int k) {
    if (k >= (int)(sizeof windows / sizeof *windows)) return false;
    folded = k;
    int64_t shape[3];
    column_shape(shape);
    sample_input(s, -2, 2, shape[0] ? 3 : 2, shape + !shape[0]);
    window_settings(s);
    return true;
}
static void truth_col2im(Sample *s) {
    int64_t shape[4];
    image_shape(shape);
    move_windows(sample_output(s, 0, shape[0] ? 4 : 3, shape + !shape[0]), s->x[0], true);
}
const OpCase case_col2im = {.make = make_col2im, .truth = truth_col2im, .dtypes = ON_FLOATS};

// Pixels and channels ---------------------------------------------------------------------------

// (…, C r², H, W) and (…, C, H r, W r): element i of the second in the first.
static int64_t shuffled(int64_t i, int64_t r, int64_t C, int64_t H, int64_t W) {
    int64_t x = i % (W * r), y = i / (W * r) % (H * r), c = i / (W * r * H * r) % C,
            n = i / (W * r * H * r * C);
    return (((n * C + c) * r * r + y % r * r + x % r) * H + y / r) * W + x / r;
}

static bool make_pixel_shuffle(Sample *s, int k) {
    if (k >= 3) return false;
    sample_input(s, -2, 2, k == 1 ? 3 : 4,
                 (int64_t[][4]){{2, 8, 2, 3}, {9, 2, 2}, {0, 4, 3, 2}}[k]);
    SAMPLE_ATTRS(s, shuffle, .upscale_factor = k == 1 ? 3 : 2);
    return true;
}
static void truth_pixel_shuffle(Sample *s) {
    int64_t r = ((const RtAttrs_shuffle *)s->attrs)->upscale_factor, shape[4];
    int n = s->ndim[0];
    memcpy(shape, s->shape[0], sizeof shape);
    int64_t *last = shape + n - 3, C = last[0] / (r * r), H = last[1], W = last[2];
    last[0] = C;
    last[1] *= r;
    last[2] *= r;
    double *y = sample_output(s, 0, n, shape);
    for (int64_t i = 0; i < sample_numel(n, shape); i++) y[i] = s->x[0][shuffled(i, r, C, H, W)];
}
const OpCase case_pixel_shuffle = {
    .make = make_pixel_shuffle, .truth = truth_pixel_shuffle, .dtypes = ON_ALL};

static bool make_pixel_unshuffle(Sample *s, int k) {
    if (k >= 3) return false;
    sample_input(s, -2, 2, k == 1 ? 3 : 4,
                 (int64_t[][4]){{2, 2, 4, 6}, {1, 6, 6}, {0, 1, 6, 4}}[k]);
    SAMPLE_ATTRS(s, shuffle, .downscale_factor = k == 1 ? 3 : 2);
    return true;
}
static void truth_pixel_unshuffle(Sample *s) {
    int64_t r = ((const RtAttrs_shuffle *)s->attrs)->downscale_factor, shape[4];
    int n = s->ndim[0];
    memcpy(shape, s->shape[0], sizeof shape);
    int64_t *last = shape + n - 3, C = last[0], H = last[1] / r, W = last[2] / r;
    last[0] = C * r * r;
    last[1] = H;
    last[2] = W;
    double *y = sample_output(s, 0, n, shape);
    for (int64_t i = 0; i < sample_numel(n, shape); i++) y[shuffled(i, r, C, H, W)] = s->x[0][i];
}
const OpCase case_pixel_unshuffle = {
    .make = make_pixel_unshuffle, .truth = truth_pixel_unshuffle, .dtypes = ON_ALL};

static bool make_channel_shuffle(Sample *s, int k) {
    if (k >= 3) return false;
    sample_input(s, -2, 2, k == 1 ? 3 : 4,
                 (int64_t[][4]){{2, 6, 2, 3}, {3, 4, 5}, {2, 4, 0, 2}}[k]);
    SAMPLE_ATTRS(s, shuffle, .groups = k == 0 ? 3 : 2);
    return true;
}
static void truth_channel_shuffle(Sample *s) {
    int64_t groups = ((const RtAttrs_shuffle *)s->attrs)->groups, C = s->shape[0][1],
            inner = sample_numel(s->ndim[0] - 2, s->shape[0] + 2);
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    for (int64_t n = 0; n < s->shape[0][0]; n++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t i = 0; i < inner; i++) {
                int64_t to = c % (C / groups) * groups + c / (C / groups);
                y[(n * C + to) * inner + i] = s->x[0][(n * C + c) * inner + i];
            }
}
const OpCase case_channel_shuffle = {
    .make = make_channel_shuffle, .truth = truth_channel_shuffle, .dtypes = ON_ALL};

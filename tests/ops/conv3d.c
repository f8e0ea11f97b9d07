// Cases of convolutions of volumes.
#include "ops/cases.h"

typedef struct Shape {
    int64_t batch, in, out, size[3], kernel[3]; // batch 0: unbatched; size: of the larger volume
    int64_t stride[3], padding[3], dilation[3], groups;
    bool bias;
} Shape;

static const Shape shapes[] = {
    {2, 1, 2, {4, 5, 6}, {2, 3, 3}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, 1, true},
    {1, 2, 3, {5, 4, 4}, {3, 3, 2}, {2, 1, 2}, {1, 1, 0}, {1, 1, 1}, 1, false},
    {0, 4, 2, {4, 5, 5}, {2, 2, 3}, {1, 2, 1}, {1, 0, 1}, {2, 1, 1}, 2, true},
    {1, 2, 2, {3, 4, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, 1, true},
    {2, 2, 2, {7, 3, 5}, {3, 1, 2}, {3, 1, 1}, {2, 0, 1}, {1, 1, 2}, 1, false},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int64_t images(const Shape *p) { return p->batch ? p->batch : 1; }
static int64_t volume(const int64_t *size) { return size[0] * size[1] * size[2]; }

static void small_size(const Shape *p, int64_t *out) {
    for (int i = 0; i < 3; i++)
        out[i] = (p->size[i] + 2 * p->padding[i] - p->dilation[i] * (p->kernel[i] - 1) - 1) /
                     p->stride[i] +
                 1;
}

// Where tap (kz, ky, kx) of position `at` of the smaller volume lies in the larger, or −1.
static int64_t seen(const Shape *p, const int64_t *small, int64_t at, int64_t tap) {
    int64_t place[3] = {at / (small[1] * small[2]), at / small[2] % small[1], at % small[2]};
    int64_t taps[3] = {tap / (p->kernel[1] * p->kernel[2]), tap / p->kernel[2] % p->kernel[1],
                       tap % p->kernel[2]};
    int64_t pixel = 0;
    for (int i = 0; i < 3; i++) {
        int64_t q = place[i] * p->stride[i] - p->padding[i] + taps[i] * p->dilation[i];
        if (q < 0 || q >= p->size[i]) return -1;
        pixel = pixel * p->size[i] + q;
    }
    return pixel;
}

// Adds weight · small to large, or with `forward` weight · large to small.
static void visit(const Shape *p, double *small, double *large, const double *weight,
                  bool forward) {
    int64_t size[3], inner = p->in / p->groups, outer = p->out / p->groups,
                     taps = volume(p->kernel);
    small_size(p, size);
    int64_t area = volume(size), whole = volume(p->size);
    for (int64_t i = 0; i < images(p) * p->out * area; i++) {
        int64_t at = i % area, o = i / area % p->out, n = i / (area * p->out);
        for (int64_t c = 0; c < inner; c++)
            for (int64_t tap = 0; tap < taps; tap++) {
                int64_t pixel = seen(p, size, at, tap);
                if (pixel < 0) continue;
                double *far = &large[(n * p->in + o / outer * inner + c) * whole + pixel];
                double w = weight[(o * inner + c) * taps + tap];
                if (forward)
                    small[i] += w * *far;
                else
                    *far += w * small[i];
            }
    }
}

static const Shape *current; // the shape that make settled last

static void volume_input(Sample *s, const Shape *p, int64_t channels, const int64_t *size) {
    int64_t shape[] = {p->batch, channels, size[0], size[1], size[2]};
    sample_input(s, -1, 1, p->batch ? 5 : 4, shape + !p->batch);
}

static double *volume_output(Sample *s, const Shape *p, int64_t channels, const int64_t *size) {
    int64_t shape[] = {p->batch, channels, size[0], size[1], size[2]};
    double *y = sample_output(s, 0, p->batch ? 5 : 4, shape + !p->batch);
    int64_t area = volume(size);
    for (int64_t i = 0; p->bias && i < images(p) * channels * area; i++)
        y[i] = s->x[2][i / area % channels];
    return y;
}

static void rest(Sample *s, const Shape *p, int64_t filters, const int64_t *extra) {
    sample_input(s, -1, 1, 5,
                 (int64_t[]){p->out, p->in / p->groups, p->kernel[0], p->kernel[1], p->kernel[2]});
    sample_kind_input(s, p->bias ? SAMPLE_VALUES : SAMPLE_ABSENT, -1, 1, 1, &filters);
    SAMPLE_ATTRS(s, conv, .stride = RT_INTS(p->stride[0], p->stride[1], p->stride[2]),
                 .padding = RT_INTS(p->padding[0], p->padding[1], p->padding[2]),
                 .dilation = RT_INTS(p->dilation[0], p->dilation[1], p->dilation[2]),
                 .groups = p->groups, .output_padding = RT_INTS(extra[0], extra[1], extra[2]));
}

static bool make_conv3d(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    volume_input(s, p, p->in, p->size);
    rest(s, p, p->out, (int64_t[]){0, 0, 0});
    return true;
}
static void truth_conv3d(Sample *s) {
    int64_t size[3];
    small_size(current, size);
    visit(current, volume_output(s, current, current->out, size), s->x[0], s->x[1], true);
}
const OpCase case_conv3d = {.make = make_conv3d, .truth = truth_conv3d, .dtypes = ON_FLOATS};

// The larger volume is the result; what its size has beyond the last window is output padding.
static bool make_conv_transpose3d(Sample *s, int k) {
    if (k >= SHAPES) return false;
    const Shape *p = current = &shapes[k];
    int64_t size[3], extra[3];
    small_size(p, size);
    for (int i = 0; i < 3; i++)
        extra[i] = p->size[i] + 2 * p->padding[i] -
                   ((size[i] - 1) * p->stride[i] + p->dilation[i] * (p->kernel[i] - 1) + 1);
    volume_input(s, p, p->out, size);
    rest(s, p, p->in, extra);
    return true;
}
static void truth_conv_transpose3d(Sample *s) {
    visit(current, s->x[0], volume_output(s, current, current->in, current->size), s->x[1], false);
}
// f16 and bf16: the taps of depth are added after each was rounded.
const OpCase case_conv_transpose3d = {.make = make_conv_transpose3d,
                                      .truth = truth_conv_transpose3d,
                                      .dtypes = ON_FLOATS,
                                      .tolerance = 3};

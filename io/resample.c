// The separable resampler behind resize and blur: each output row is a weighted sum of input rows,
// each output column of columns. Rows first, since neighbours in a row are computed together; then
// columns, for eight rows at once.
//
// Weights are PyTorch's: interpolate(mode, antialias, align_corners=False). With antialias the
// filter is as wide as one output pixel, so that nothing of the input is left out; cubic has a = −½
// then, and −¾ without.
#include "io/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/parallel.h"
#include "ops/call.h"

#define LANES 8 // rows that are computed together

typedef struct Taps { // n outputs; output i is the sum over k of weight[i × width + k] ×
                      // input[first[i] + k]
    int64_t n, width;
    int64_t *first;
    double *weight; // width a output; unused ones are 0 and lie within the input
} Taps;

static void taps_clear(Taps *taps) {
    mem_free(MEM_IO, taps->first);
    mem_free(MEM_IO, taps->weight);
    *taps = (Taps){0};
}

static Status taps_new(Taps *taps, int64_t n, int64_t width) {
    *taps = (Taps){.n = n, .width = width};
    taps->first = mem_zalloc(MEM_IO, (size_t)n * sizeof *taps->first);
    taps->weight = mem_zalloc(MEM_IO, (size_t)(n * width) * sizeof *taps->weight);
    return taps->first && taps->weight ? OK : ERR_MEMORY;
}

// Keys: "Cubic convolution interpolation for digital image processing", 1981, equation 4 with free
// a.
static double cubic(double x, double a) {
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}
static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

// The stretch of `width` inputs that holds what lies from `low` on.
static int64_t first_within(int64_t low, int64_t width, int64_t in) {
    if (low > in - width) low = in - width;
    return low < 0 ? 0 : low;
}

static Status taps_antialias(Taps *taps, int64_t in, int64_t out, bool is_cubic) {
    double scale = (double)in / (double)out, wide = scale > 1 ? scale : 1,
           support = (is_cubic ? 2 : 1) * wide;
    int64_t width = (int64_t)ceil(support) * 2 + 1;
    TRY(taps_new(taps, out, width < in ? width : in));
    for (int64_t i = 0; i < out; i++) {
        double centre = scale * ((double)i + 0.5), sum = 0;
        int64_t low = (int64_t)(centre - support + 0.5), high = (int64_t)(centre + support + 0.5);
        if (low < 0 || centre - support + 0.5 < 0) low = 0;
        if (high > in) high = in;
        int64_t first = taps->first[i] = first_within(low, taps->width, in);
        double *weight = taps->weight + i * taps->width;
        for (int64_t k = low; k < high; k++) {
            double at = ((double)k - centre + 0.5) / wide;
            sum += weight[k - first] = is_cubic ? cubic(at, -0.5) : triangle(at);
        }
        for (int64_t k = low; sum != 0 && k < high; k++) weight[k - first] /= sum;
    }
    return OK;
}

static Status taps_point(Taps *taps, int64_t in, int64_t out, bool is_cubic) {
    double scale = (double)in / (double)out;
    int64_t width = is_cubic ? 4 : 2;
    TRY(taps_new(taps, out, width < in ? width : in));
    for (int64_t i = 0; i < out; i++) {
        double at = scale * ((double)i + 0.5) - 0.5;
        if (!is_cubic && at < 0) at = 0;
        int64_t low = (int64_t)floor(at) - (is_cubic ? 1 : 0);
        double part = at - floor(at);
        int64_t first = taps->first[i] = first_within(low, taps->width, in);
        for (int64_t k = 0; k < width; k++) { // beyond the edge the last pixel counts
            int64_t source = low + k < 0 ? 0 : low + k >= in ? in - 1 : low + k;
            double weight = is_cubic ? cubic((double)(k - 1) - part, -0.75) : k ? part : 1 - part;
            taps->weight[i * taps->width + source - first] += weight;
        }
    }
    return OK;
}

static Status taps_gauss(Taps *taps, int64_t n, int64_t size, double sigma) {
    int64_t half = size / 2;
    TRY(taps_new(taps, n, size < n ? size : n));
    double *kernel = mem_alloc(MEM_IO, (size_t)size * sizeof *kernel), sum = 0;
    if (!kernel) return ERR_MEMORY;
    for (int64_t k = 0; k < size; k++)
        sum += kernel[k] = exp(-0.5 * pow((double)(k - half) / sigma, 2));
    for (int64_t i = 0; i < n; i++) {
        int64_t first = taps->first[i] = first_within(i - half, taps->width, n);
        for (int64_t k = 0; k < size; k++) {
            int64_t source = llabs(i - half + k); // mirrored, the edge itself once
            if (source >= n) source = 2 * (n - 1) - source;
            taps->weight[i * taps->width + source - first] += kernel[k] / sum;
        }
    }
    mem_free(MEM_IO, kernel);
    return OK;
}

// Kernels -----------------------------------------------------------------------------------------

typedef struct Resample {
    const Images *from;
    RtTensor *to;
    const Taps *rows, *columns;
    char *room; // a chunk: room_bytes of it
    size_t room_bytes;
} Resample;

static inline uint8_t store_uint8_t(float value) {
    return (uint8_t)lrintf(value < 0     ? 0
                           : value > 255 ? 255
                                         : value); // half to even, as torch.round
}
static inline float store_float(float value) { return value; }
static inline double store_double(double value) { return value; }

#define EACH_TYPE "io/resample.inc"
#include "io/each_type.inc"

static RtTensor *resample(const Images *images, const Taps *rows, const Taps *columns) {
    RtTensor *to = images_like(images, rows->n, columns->n);
    if (!to || to->numel == 0) return to;
    int64_t blocks = images->nplanes * ((rows->n + LANES - 1) / LANES);
    int64_t work = LANES * (images->width * rows->width + columns->n * columns->width) / 4,
            grain = images_grain(work);
    Resample r = {images, to, rows, columns, NULL, 0};
    r.room_bytes = (size_t)(images->width * (LANES + 2) + columns->n * columns->width + LANES) *
                   sizeof(double);
    r.room_bytes = (r.room_bytes + 63) & ~(size_t)63; // the next chunk's lanes are aligned as well
    r.room = mem_align(MEM_IO, 64, r.room_bytes * (size_t)parallel_chunks(blocks, grain));
    if (!r.room) return NULL;
    parallel_run(blocks, grain, IMAGE_PICK(resample, to->dtype), &r);
    mem_free(MEM_IO, r.room);
    return to;
}

RtTensor *rt_image_resize(RtTensor *x, int64_t height, int64_t width, RtResample mode,
                          bool antialias) {
    Images images;
    bool nearest = mode == RT_RESAMPLE_NEAREST || mode == RT_RESAMPLE_NEAREST_EXACT;
    if (images_open(&images, x, "resize", 2, nearest) < 0) return NULL;
    if (height < 1 || width < 1 || images.height < 1 || images.width < 1) {
        fail(ERR_VALUE,
             "resize: Input and output sizes should be greater than 0, but got input (%lld, %lld) "
             "and output (%lld, %lld)",
             (long long)images.height, (long long)images.width, (long long)height,
             (long long)width);
        return NULL;
    }
    if (nearest) return resize_nearest(&images, height, width, mode == RT_RESAMPLE_NEAREST_EXACT);
    bool is_cubic = mode == RT_RESAMPLE_BICUBIC;
    Status (*make)(Taps *, int64_t, int64_t, bool) = antialias ? taps_antialias : taps_point;
    Taps rows = {0}, columns = {0};
    RtTensor *out = NULL;
    if (make(&rows, images.height, height, is_cubic) >= 0 &&
        make(&columns, images.width, width, is_cubic) >= 0)
        out = images_finish(&images, resample(&images, &rows, &columns));
    taps_clear(&rows);
    taps_clear(&columns);
    return out;
}

RtTensor *rt_image_blur(RtTensor *x, const int64_t size[2], const double sigma[2]) {
    Images images;
    if (images_open(&images, x, "gaussian_blur", 2, false) < 0) return NULL;
    for (int i = 0; i < 2; i++) {
        int64_t n = i ? images.width : images.height;
        if (size[i] < 1 || size[i] % 2 == 0 || !(sigma[i] > 0)) {
            fail(ERR_VALUE,
                 "gaussian_blur: a kernel of size %lld with sigma %g: the size must be odd and "
                 "positive, sigma positive",
                 (long long)size[i], sigma[i]);
            return NULL;
        }
        if (size[i] / 2 >= n && images.x->numel) {
            fail(ERR_SHAPE,
                 "gaussian_blur: a kernel of size %lld needs more than %lld pixels on that side, "
                 "to be mirrored at the edge; the image has %lld",
                 (long long)size[i], (long long)(size[i] / 2), (long long)n);
            return NULL;
        }
    }
    Taps rows = {0}, columns = {0};
    RtTensor *out = NULL;
    if (images.x->numel == 0)
        out = images_finish(&images, images_like(&images, images.height, images.width));
    else if (taps_gauss(&rows, images.height, size[0], sigma[0]) >= 0 &&
             taps_gauss(&columns, images.width, size[1], sigma[1]) >= 0)
        out = images_finish(&images, resample(&images, &rows, &columns));
    taps_clear(&rows);
    taps_clear(&columns);
    return out;
}

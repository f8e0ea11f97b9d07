// Image transforms of values: brightness, contrast, saturation, hue, sharpness, grey, scaling,
// tables, histograms.
//
// uint8 images are computed in float32 and cut off to whole numbers (rounded for sharpness), step
// by step as torchvision does, so that the bytes are the same.
#include "io/transform.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/call.h"

typedef struct Colour {
    const Images *from;
    RtTensor *to;
    int64_t channels; // of the input
    double factor;
    double *mean; // of the grey values, an image (contrast)
} Colour;

static inline uint8_t cut_uint8_t(float value) {
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}
static inline uint8_t round_uint8_t(float value) { return cut_uint8_t(nearbyintf(value)); }
static inline float cut_float(float value) { return value < 0 ? 0 : value > 1 ? 1 : value; }
static inline float round_float(float value) { return value; }
static inline double cut_double(double value) { return value < 0 ? 0 : value > 1 ? 1 : value; }
static inline double round_double(double value) { return value; }
// Without limits: grey values of floats are what they are.
static inline uint8_t plain_uint8_t(float value) { return (uint8_t)value; }
static inline float plain_float(float value) { return value; }
static inline double plain_double(double value) { return value; }
// Hue is turned in values from 0 to 1.
static inline float to_unit_uint8_t(uint8_t value) { return (float)value / 255.0f; }
static inline float to_unit_float(float value) { return value; }
static inline double to_unit_double(double value) { return value; }
static inline uint8_t of_unit_uint8_t(float value) {
    return (uint8_t)(value * (255.0f + 1.0f - 1e-3f));
}
static inline float of_unit_float(float value) { return value; }
static inline double of_unit_double(double value) { return value; }

#define EACH_TYPE "io/colour.inc"
#include "io/each_type.inc"

// Images of 1 or 3 channels, rows as items: work(context, image × height + row …).
static Status colour_open(Colour *colour, Images *images, RtTensor *x, const char *name) {
    TRY(images_open(images, x, name, 3, false));
    *colour = (Colour){.from = images, .channels = images_channels(images)};
    if (colour->channels == 1 || colour->channels == 3) return OK;
    return fail(ERR_SHAPE,
                "%s: Input image tensor permitted channel values are 1 or 3, but found %lld: the "
                "tensor has the shape (%s)",
                name, (long long)colour->channels, shape_words(x));
}

// The mean of each image: rows are summed by themselves and added in order, so that threads change
// nothing.
static Status mean_gray(Colour *colour) {
    const Images *images = colour->from;
    int64_t n = images->nplanes / colour->channels, rows = n * images->height,
            pixels = images->height * images->width;
    double *sums = mem_alloc(MEM_IO, (size_t)(rows + 1) * sizeof *sums);
    colour->mean = mem_alloc(MEM_IO, (size_t)(n + 1) * sizeof *colour->mean);
    if (!sums || !colour->mean) {
        mem_free(MEM_IO, sums);
        return ERR_MEMORY;
    }
    double *means = colour->mean;
    colour->mean = sums; // where the row sums go
    parallel_run(rows, images_grain(images->width * 2), IMAGE_PICK(gray_sum, images->x->dtype),
                 colour);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t y = 0; y < images->height; y++) sum += sums[i * images->height + y];
        means[i] = sum / (double)pixels;
    }
    colour->mean = means;
    mem_free(MEM_IO, sums);
    return OK;
}

static RtTensor *sharpen(RtTensor *x, double factor) {
    Images images;
    if (images_open(&images, x, "adjust_sharpness", 2, false) < 0) return NULL;
    Colour colour = {.from = &images, .channels = 1, .factor = factor};
    colour.to = images_like(&images, images.height, images.width);
    if (!colour.to) return NULL;
    parallel_run(images.nplanes * images.height, images_grain(images.width * 12),
                 IMAGE_PICK(sharpen, images.x->dtype), &colour);
    return images_finish(&images, colour.to);
}

RtTensor *rt_image_adjust(RtTensor *x, RtAdjust kind, double factor) {
    static const char *const names[] = {"adjust_brightness", "adjust_contrast", "adjust_saturation",
                                        "adjust_hue", "adjust_sharpness"};
    if ((int)kind < 0 || kind >= RT_ADJUST_COUNT) {
        fail(ERR_VALUE, "images cannot be adjusted in way %d: 0 to %d are possible", (int)kind,
             RT_ADJUST_COUNT - 1);
        return NULL;
    }
    bool hue = kind == RT_ADJUST_HUE;
    if (hue ? !(factor >= -0.5 && factor <= 0.5) : !(factor >= 0)) {
        fail(ERR_VALUE, "%s: a factor %s is expected, not %g", names[kind],
             hue ? "from -0.5 to 0.5" : "that is not negative", factor);
        return NULL;
    }
    if (kind == RT_ADJUST_SHARPNESS) return sharpen(x, factor);
    Images images;
    Colour colour;
    if (colour_open(&colour, &images, x, names[kind]) < 0) return NULL;
    colour.factor = factor;
    colour.to = images_like(&images, images.height, images.width);
    if (!colour.to || colour.to->numel == 0) return images_finish(&images, colour.to);
    if (kind == RT_ADJUST_CONTRAST && mean_gray(&colour) < 0) {
        mem_free(MEM_IO, colour.mean);
        return NULL;
    }
    RtDtype dtype = (RtDtype)images.x->dtype;
    ParallelBody body = kind == RT_ADJUST_BRIGHTNESS   ? IMAGE_PICK(brighten, dtype)
                        : kind == RT_ADJUST_CONTRAST   ? IMAGE_PICK(contrast, dtype)
                        : kind == RT_ADJUST_SATURATION ? IMAGE_PICK(saturate, dtype)
                                                       : IMAGE_PICK(turn_hue, dtype);
    parallel_run(images.nplanes / colour.channels * images.height,
                 images_grain(images.width * (hue ? 60 : 8)), body, &colour);
    mem_free(MEM_IO, colour.mean);
    return images_finish(&images, colour.to);
}

RtTensor *rt_image_gray(RtTensor *x, int channels) {
    Images images;
    Colour colour;
    if (colour_open(&colour, &images, x, "rgb_to_grayscale") < 0) return NULL;
    if (channels != 1 && channels != 3) {
        fail(ERR_VALUE, "rgb_to_grayscale: num_output_channels should be either 1 or 3, not %d",
             channels);
        return NULL;
    }
    int64_t shape[RT_MAX_DIMS];
    memcpy(shape, images.x->shape, sizeof shape);
    shape[images.x->ndim - 3] = channels;
    colour.to = rt_tensor_new(images.x->ndim, shape, (RtDtype)images.x->dtype, images.x->device);
    if (!colour.to || colour.to->numel == 0) return images_finish(&images, colour.to);
    parallel_run(images.nplanes / colour.channels * images.height, images_grain(images.width * 6),
                 IMAGE_PICK(gray, images.x->dtype), &colour);
    return images_finish(&images, colour.to);
}

// Scaling -----------------------------------------------------------------------------------------

typedef struct Scale {
    const Images *from;
    RtTensor *to;
    double divisor;
    const double *mean, *std;
    int64_t n, channels;
} Scale;

#define SCALE_ROW(T_, A_)                                                                          \
    static void scale_row_##T_(const Scale *s, A_ *to, const T_ *from, int64_t c) {                \
        A_ mean = (A_)s->mean[c], std = (A_)s->std[c], divisor = (A_)s->divisor;                   \
        int64_t stride = s->from->column_stride, width = s->from->width;                           \
        if (stride == 1)                                                                           \
            for (int64_t x = 0; x < width; x++) to[x] = ((A_)from[x] / divisor - mean) / std;      \
        else                                                                                       \
            for (int64_t x = 0; x < width; x++)                                                    \
                to[x] = ((A_)from[x * stride] / divisor - mean) / std;                             \
    }
SCALE_ROW(uint8_t, float)
SCALE_ROW(float, float)
SCALE_ROW(double, double)

static void scale_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Scale *s = context;
    (void)chunk;
    int64_t height = s->from->height, width = s->from->width;
    for (int64_t k = begin; k < end; k++) {
        int64_t plane = k / height, c = s->n == 1 ? 0 : plane % s->channels,
                at = k % height * s->from->row_stride;
        const void *from = images_plane(s->from, plane);
        switch ((RtDtype)s->from->x->dtype) {
        case RT_U8:
            scale_row_uint8_t(s, (float *)rt_tensor_data(s->to) + k * width,
                              (const uint8_t *)from + at, c);
            break;
        case RT_F32:
            scale_row_float(s, (float *)rt_tensor_data(s->to) + k * width, (const float *)from + at,
                            c);
            break;
        default:
            scale_row_double(s, (double *)rt_tensor_data(s->to) + k * width,
                             (const double *)from + at, c);
        }
    }
}

RtTensor *rt_image_scale(RtTensor *x, double divisor, int n, const double *mean,
                         const double *std) {
    Images images;
    if (images_open(&images, x, "normalize", 2, false) < 0) return NULL;
    int64_t channels = images_channels(&images);
    if (n != 1 && n != channels) {
        fail(ERR_SHAPE, "normalize: %d means and deviations do not fit an image of shape (%s)", n,
             shape_words(x));
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (std[i] == 0) {
            fail(ERR_VALUE, "normalize: std evaluated to zero, leading to division by zero");
            return NULL;
        }
    RtDtype dtype = images.x->dtype == RT_F64 ? RT_F64 : RT_F32;
    RtTensor *to = rt_tensor_new(images.x->ndim, images.x->shape, dtype, images.x->device);
    if (!to) return NULL;
    Scale scale = {&images, to, divisor, mean, std, n, channels};
    if (to->numel)
        parallel_run(images.nplanes * images.height, images_grain(images.width), scale_rows,
                     &scale);
    return to;
}

// Tables and histograms ---------------------------------------------------------------------------

typedef struct Tables {
    const Images *from;
    RtTensor *to;
    const uint8_t *tables;
    bool one;
} Tables;

static Status bytes_open(Images *images, RtTensor *x, const char *name) {
    TRY(images_open(images, x, name, 2, true));
    if (x->dtype == RT_U8) return OK;
    return fail(ERR_DTYPE, "%s: Only torch.uint8 image tensors are supported, but found %s", name,
                rt_dtype_name((RtDtype)x->dtype));
}

static void map_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Tables *t = context;
    (void)chunk;
    int64_t height = t->from->height, width = t->from->width, stride = t->from->column_stride;
    for (int64_t k = begin; k < end; k++) {
        const uint8_t *from =
            (const uint8_t *)images_plane(t->from, k / height) + k % height * t->from->row_stride;
        const uint8_t *table = t->tables + (t->one ? 0 : 256 * (k / height));
        uint8_t *to = (uint8_t *)rt_tensor_data(t->to) + k * width;
        for (int64_t x = 0; x < width; x++) to[x] = table[from[x * stride]];
    }
}

RtTensor *rt_image_map(RtTensor *x, RtTensor *tables) {
    Images images;
    if (bytes_open(&images, x, "table") < 0 || !tables) return NULL;
    RtTensor *dense = rt_contiguous(tables);
    if (!dense) return NULL;
    if (dense->dtype != RT_U8 || (dense->numel != 256 && dense->numel != 256 * images.nplanes)) {
        fail(ERR_SHAPE,
             "table: 256 bytes, or 256 a plane of the image, are expected, not (%s) of %s",
             shape_words(tables), rt_dtype_name((RtDtype)tables->dtype));
        return NULL;
    }
    RtTensor *to = images_like(&images, images.height, images.width);
    if (!to) return NULL;
    Tables t = {&images, to, rt_tensor_data(dense), dense->numel == 256};
    if (to->numel)
        parallel_run(images.nplanes * images.height, images_grain(images.width), map_rows, &t);
    return to;
}

static void count_planes(void *context, int64_t begin, int64_t end, int chunk) {
    const Tables *t = context;
    (void)chunk;
    int64_t stride = t->from->column_stride;
    for (int64_t plane = begin; plane < end; plane++) {
        int64_t *counts = (int64_t *)rt_tensor_data(t->to) + 256 * plane;
        memset(counts, 0, 256 * sizeof *counts);
        for (int64_t y = 0; y < t->from->height; y++) {
            const uint8_t *from =
                (const uint8_t *)images_plane(t->from, plane) + y * t->from->row_stride;
            for (int64_t x = 0; x < t->from->width; x++) counts[from[x * stride]]++;
        }
    }
}

RtTensor *rt_image_histogram(RtTensor *x) {
    Images images;
    if (bytes_open(&images, x, "histogram") < 0) return NULL;
    RtTensor *to = rt_tensor_new(2, (int64_t[]){images.nplanes, 256}, RT_I64, x->device);
    if (!to) return NULL;
    Tables t = {&images, to, NULL, false};
    parallel_run(images.nplanes, images_grain(images.height * images.width), count_planes, &t);
    return to;
}

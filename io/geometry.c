// Image transforms that move pixels: pad, cut, mirror, nearest resize (all by two tables of source
// rows and columns), and warps by a 3 × 3 matrix.
#include "io/transform.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/call.h"

// Tables
// ----------------------------------------------------------------------------------------------------------

// Output row i comes from input row rows[i], column j from columns[j]; −1: from `fill`.
typedef struct Gather {
    const Images *from;
    RtTensor *to;
    const int64_t *rows, *columns;
    int64_t run, run_length; // columns[run …] is the longest stretch of neighbours in the source
    char *fill;              // an element a channel
    size_t bytes;            // of an element
} Gather;

#define GATHER_COLUMNS(type_)                                                                      \
    static void columns_##type_(const Gather *g, void *to_row, const void *from_row,               \
                                const void *fill, int64_t begin, int64_t end) {                    \
        type_ *to = to_row;                                                                        \
        const type_ *from = from_row, other = *(const type_ *)fill;                                \
        int64_t stride = g->from->column_stride;                                                   \
        for (int64_t j = begin; j < end; j++)                                                      \
            to[j] = g->columns[j] < 0 ? other : from[g->columns[j] * stride];                      \
    }
GATHER_COLUMNS(uint8_t)
GATHER_COLUMNS(uint16_t)
GATHER_COLUMNS(uint32_t)
GATHER_COLUMNS(uint64_t)

static void gather_columns(const Gather *g, void *to, const void *from, const void *fill,
                           int64_t begin, int64_t end) {
    switch (g->bytes) {
    case 1: columns_uint8_t(g, to, from, fill, begin, end); break;
    case 2: columns_uint16_t(g, to, from, fill, begin, end); break;
    case 4: columns_uint32_t(g, to, from, fill, begin, end); break;
    default: columns_uint64_t(g, to, from, fill, begin, end);
    }
}

// Rows of all planes, one after the other.
static void gather_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Gather *g = context;
    (void)chunk;
    int64_t height = g->to->shape[g->to->ndim - 2], width = g->to->shape[g->to->ndim - 1];
    int64_t channels = images_channels(g->from), bytes = (int64_t)g->bytes;
    for (int64_t k = begin; k < end; k++) {
        int64_t plane = k / height, row = g->rows[k % height];
        char *to = (char *)rt_tensor_data(g->to) + k * width * bytes;
        const char *fill = g->fill + plane % channels * bytes;
        if (row < 0) {
            fill_run(to, fill, g->bytes, width);
            continue;
        }
        const char *from =
            (const char *)images_plane(g->from, plane) + row * g->from->row_stride * bytes;
        int64_t run_end = g->run + g->run_length;
        gather_columns(g, to, from, fill, 0, g->run);
        if (g->run_length)
            memcpy(to + g->run * bytes, from + g->columns[g->run] * bytes,
                   (size_t)(g->run_length * bytes));
        gather_columns(g, to, from, fill, run_end, width);
    }
}

static void find_run(Gather *g, int64_t width) {
    if (g->from->column_stride != 1) return;
    for (int64_t begin = 0, end; begin < width; begin = end) {
        for (end = begin + 1;
             end < width && g->columns[begin] >= 0 && g->columns[end] == g->columns[end - 1] + 1;)
            end++;
        if (g->columns[begin] >= 0 && end - begin > g->run_length) {
            g->run = begin;
            g->run_length = end - begin;
        }
    }
}

static RtTensor *gather(const Images *images, int64_t height, int64_t width, const int64_t *table,
                        const double *fill, int nfill) {
    RtTensor *to = images_like(images, height, width);
    int64_t channels = images_channels(images);
    Gather g = {.from = images, .to = to, .rows = table, .columns = table + height};
    if (!to) return NULL;
    if (to->numel == 0) return to;
    g.bytes = rt_dtype_bytes((RtDtype)to->dtype);
    g.fill = mem_alloc(MEM_IO, (size_t)channels * g.bytes);
    if (!g.fill) return NULL;
    for (int64_t c = 0; c < channels; c++) {
        double value = nfill == 0 ? 0 : fill[nfill == 1 ? 0 : c];
        convert_run(g.fill + (size_t)c * g.bytes, (RtDtype)to->dtype, &value, RT_F64, 1);
    }
    find_run(&g, width);
    parallel_run(images->nplanes * height, images_grain(width), gather_rows, &g);
    mem_free(MEM_IO, g.fill);
    return to;
}

static int64_t *new_table(int64_t height, int64_t width) {
    return mem_alloc(MEM_IO, (size_t)(height + width + 1) * sizeof(int64_t));
}

// Where the source of position i is, i counted from the first pixel of the input.
static int64_t beyond_edge(int64_t i, int64_t n, RtPadMode mode) {
    if (i >= 0 && i < n) return i;
    int64_t period;
    switch (mode) {
    case RT_PAD_EDGE: return i < 0 ? 0 : n - 1;
    case RT_PAD_REFLECT: // … 2 1 0 1 2 …
        period = 2 * (n - 1);
        i = ((i % period) + period) % period;
        return i < n ? i : period - i;
    case RT_PAD_SYMMETRIC: // … 1 0 0 1 …
        period = 2 * n;
        i = ((i % period) + period) % period;
        return i < n ? i : period - 1 - i;
    default: return -1;
    }
}

#define PAD_MOST (INT64_C(1) << 40)

static Status check_pad(int64_t before, int64_t after, int64_t n, RtPadMode mode,
                        const char *side) {
    if (before < -PAD_MOST || after < -PAD_MOST || before > PAD_MOST || after > PAD_MOST ||
        n + before + after < 0)
        return fail(ERR_VALUE,
                    "pad: %lld pixels of %s and the amounts %lld and %lld leave nothing that could "
                    "be an image",
                    (long long)n, side, (long long)before, (long long)after);
    if (mode == RT_PAD_REFLECT && (before >= n || after >= n) && (before > 0 || after > 0))
        return fail(ERR_SHAPE,
                    "pad: padding by reflection must be less than the size of the input: %lld and "
                    "%lld for %lld pixels of %s",
                    (long long)before, (long long)after, (long long)n, side);
    if (mode != RT_PAD_CONSTANT && n == 0 && (before > 0 || after > 0))
        return fail(ERR_SHAPE, "pad: an image without pixels has no edge to repeat");
    return OK;
}

RtTensor *rt_image_pad(RtTensor *x, int64_t left, int64_t top, int64_t right, int64_t bottom,
                       RtPadMode mode, const double *fill, int nfill) {
    Images images;
    if (images_open(&images, x, "pad", 2, true) < 0 || images_check_fill(&images, "pad", nfill) < 0)
        return NULL;
    if (check_pad(left, right, images.width, mode, "width") < 0 ||
        check_pad(top, bottom, images.height, mode, "height") < 0)
        return NULL;
    int64_t height = images.height + top + bottom, width = images.width + left + right;
    int64_t *table = new_table(height, width);
    if (!table) return NULL;
    for (int64_t i = 0; i < height; i++) table[i] = beyond_edge(i - top, images.height, mode);
    for (int64_t j = 0; j < width; j++)
        table[height + j] = beyond_edge(j - left, images.width, mode);
    RtTensor *out = gather(&images, height, width, table, fill, nfill);
    mem_free(MEM_IO, table);
    return out;
}

RtTensor *rt_image_flip(RtTensor *x, bool left_right, bool top_bottom) {
    Images images;
    if (images_open(&images, x, "flip", 2, true) < 0) return NULL;
    int64_t height = images.height, width = images.width, *table = new_table(height, width);
    if (!table) return NULL;
    for (int64_t i = 0; i < height; i++) table[i] = top_bottom ? height - 1 - i : i;
    for (int64_t j = 0; j < width; j++) table[height + j] = left_right ? width - 1 - j : j;
    RtTensor *out = gather(&images, height, width, table, NULL, 0);
    mem_free(MEM_IO, table);
    return out;
}

static void nearest_table(int64_t *table, int64_t from, int64_t to, bool exact) {
    float scale = (float)from / (float)to; // as PyTorch computes it, so that ties fall the same way
    for (int64_t i = 0; i < to; i++) {
        int64_t at = (int64_t)(exact ? ((float)i + 0.5f) * scale : floorf((float)i * scale));
        table[i] = at < from ? at : from - 1;
    }
}

// The part of rt_image_resize that makes no new values.
RtTensor *resize_nearest(const Images *images, int64_t height, int64_t width, bool exact) {
    int64_t *table = new_table(height, width);
    if (!table) return NULL;
    nearest_table(table, images->height, height, exact);
    nearest_table(table + height, images->width, width, exact);
    RtTensor *out = gather(images, height, width, table, NULL, 0);
    mem_free(MEM_IO, table);
    return out;
}

// Warps
// ----------------------------------------------------------------------------------------------------------

typedef struct Warp {
    const Images *from;
    RtTensor *to;
    const double *matrix, *fill;
    int nfill;
    bool nearest;
} Warp;

// The four neighbours of a point, and how much each counts; those outside count 0 and are read
// nowhere.
typedef struct Corners {
    int64_t x[4], y[4];
    float weight[4], inside; // inside: the sum of weights
} Corners;

static void corners_at(Corners *corners, double x, double y, int64_t height, int64_t width) {
    corners->inside = 0;
    for (int k = 0; k < 4; k++) corners->weight[k] = 0, corners->x[k] = corners->y[k] = 0;
    if (!(x > -1 && y > -1 && x < (double)width && y < (double)height)) return; // NaN too
    int64_t left = (int64_t)floor(x), top = (int64_t)floor(y);
    float right_part = (float)(x - (double)left), low_part = (float)(y - (double)top);
    for (int k = 0; k < 4; k++) {
        int64_t column = left + (k & 1), row = top + (k >> 1);
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
        corners->x[k] = column;
        corners->y[k] = row;
        corners->weight[k] =
            (k & 1 ? right_part : 1 - right_part) * (k >> 1 ? low_part : 1 - low_part);
        corners->inside += corners->weight[k];
    }
}

static double fill_of(const Warp *warp, int64_t plane) {
    return warp->nfill == 0
               ? 0
               : warp->fill[warp->nfill == 1 ? 0 : plane % images_channels(warp->from)];
}

// torchvision samples a mask of ones along with the image, and mixes fill in by it; without fill
// there is no mask.
#define WARP_PIXEL(type_, round_)                                                                  \
    static void warp_##type_(const Warp *w, int64_t plane, type_ *to, double x, double y) {        \
        const type_ *from = images_plane(w->from, plane);                                          \
        int64_t rows = w->from->row_stride, columns = w->from->column_stride;                      \
        double fill = fill_of(w, plane);                                                           \
        if (w->nearest) {                                                                          \
            double column = nearbyint(x), row = nearbyint(y);                                      \
            bool inside = column >= 0 && row >= 0 && column < (double)w->from->width &&            \
                          row < (double)w->from->height;                                           \
            *to = inside ? from[(int64_t)row * rows + (int64_t)column * columns]                   \
                         : (type_)round_(fill);                                                    \
            return;                                                                                \
        }                                                                                          \
        Corners c;                                                                                 \
        corners_at(&c, x, y, w->from->height, w->from->width);                                     \
        double value = 0;                                                                          \
        for (int k = 0; k < 4; k++)                                                                \
            if (c.weight[k] != 0)                                                                  \
                value += (double)c.weight[k] * (double)from[c.y[k] * rows + c.x[k] * columns];     \
        if (w->nfill) value = value * (double)c.inside + (1 - (double)c.inside) * fill;            \
        *to = (type_)round_(value);                                                                \
    }
static double clamp_u8(double value) {
    return nearbyint(value < 0 ? 0 : value > 255 ? 255 : value);
}
WARP_PIXEL(uint8_t, clamp_u8)
WARP_PIXEL(float, )
WARP_PIXEL(double, )

static void warp_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Warp *w = context;
    (void)chunk;
    int64_t height = w->to->shape[w->to->ndim - 2], width = w->to->shape[w->to->ndim - 1];
    const double *m = w->matrix;
    for (int64_t k = begin; k < end; k++) {
        double y = (double)(k % height) + 0.5;
        for (int64_t j = 0; j < width; j++) {
            double x = (double)j + 0.5, depth = m[6] * x + m[7] * y + m[8];
            double from_x = (m[0] * x + m[1] * y + m[2]) / depth - 0.5;
            double from_y = (m[3] * x + m[4] * y + m[5]) / depth - 0.5;
            int64_t at = k * width + j;
            void *data = rt_tensor_data(w->to);
            switch ((RtDtype)w->to->dtype) {
            case RT_U8: warp_uint8_t(w, k / height, (uint8_t *)data + at, from_x, from_y); break;
            case RT_F32: warp_float(w, k / height, (float *)data + at, from_x, from_y); break;
            default: warp_double(w, k / height, (double *)data + at, from_x, from_y);
            }
        }
    }
}

RtTensor *rt_image_warp(RtTensor *x, int64_t height, int64_t width, const double matrix[9],
                        RtResample mode, const double *fill, int nfill) {
    Images images;
    if (images_open(&images, x, "affine", 2, false) < 0 ||
        images_check_fill(&images, "affine", nfill) < 0)
        return NULL;
    if (mode != RT_RESAMPLE_NEAREST && mode != RT_RESAMPLE_BILINEAR) {
        fail(ERR_VALUE, "affine: only nearest and bilinear interpolation are possible");
        return NULL;
    }
    RtTensor *to = images_like(&images, height, width);
    if (!to) return NULL;
    Warp warp = {&images, to, matrix, fill, nfill, mode == RT_RESAMPLE_NEAREST};
    if (to->numel)
        parallel_run(images.nplanes * height, images_grain(16 * width), warp_rows, &warp);
    return images_finish(&images, to);
}

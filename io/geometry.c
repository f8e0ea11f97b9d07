// Image transforms that move pixels: pad, cut, mirror, nearest resize (all by two tables of source
// rows and columns), and warps by a 3 × 3 matrix.
#include "io/transform.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/call.h"

// Tables ------------------------------------------------------------------------------------------

// Output row i comes from input row rows[i], column j from columns[j]; −1: from `fill`.
typedef struct Gather {
    const Images *from;
    RtTensor *to;
    const int64_t *rows, *columns;
    int64_t run, run_length; // columns[run …] is the longest stretch of neighbours in the source
    bool mirrored;           // the columns are all of the source's, from the last to the first
    char *fill;              // an element a channel
    size_t bytes;            // of an element
} Gather;

#define GATHER_COLUMNS(type_)                                                                      \
    IMAGE_FAST static void mirror_##type_(type_ *restrict to, const type_ *restrict last,          \
                                          int64_t n) {                                             \
        for (int64_t j = 0; j < n; j++) to[j] = last[-j];                                          \
    }                                                                                              \
    static void columns_##type_(const Gather *g, void *to_row, const void *from_row,               \
                                const void *fill, int64_t begin, int64_t end) {                    \
        type_ *to = to_row;                                                                        \
        const type_ *from = from_row, other = *(const type_ *)fill;                                \
        int64_t stride = g->from->column_stride;                                                   \
        if (g->mirrored && begin < end) {                                                          \
            mirror_##type_(to, from + end - 1, end);                                               \
            return;                                                                                \
        }                                                                                          \
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
    g->mirrored = width == g->from->width;
    for (int64_t j = 0; g->mirrored && j < width; j++) g->mirrored = g->columns[j] == width - 1 - j;
    if (g->mirrored) {
        g->run = width;
        return;
    }
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

// Warps -------------------------------------------------------------------------------------------

#define WARP_BLOCK 64 // pixels of a row whose places are found together, once for all planes

typedef struct Warp {
    const Images *from;
    RtTensor *to;
    const double *matrix, *fill;
    int nfill;
    bool nearest;
} Warp;

// Where the pixels of a block come from. `at` is the offset of the pixel, or of the upper left of
// four neighbours that are all inside; −1 where this is not so. x and y are relative to the middle
// of the first input pixel.
typedef struct Places {
    int64_t at[WARP_BLOCK];
    float right[WARP_BLOCK], low[WARP_BLOCK]; // how much the right and lower neighbours count
    double x[WARP_BLOCK], y[WARP_BLOCK];
} Places;

static double fill_of(const Warp *warp, int64_t plane) {
    return warp->nfill == 0
               ? 0
               : warp->fill[warp->nfill == 1 ? 0 : plane % images_channels(warp->from)];
}

// To whole numbers, half to even, for |x| < 2⁵¹; the compiler may not simplify it.
static inline double to_whole(double x) {
    const double shift = 0x1.8p52;
    return (x + shift) - shift;
}

IMAGE_FAST static void find_points(Places *places, const double *m, int64_t row, int64_t column,
                                   int64_t n) {
    double y = (double)row + 0.5, start = (double)column + 0.5;
    double x0 = m[1] * y + m[2], y0 = m[4] * y + m[5], depth0 = m[7] * y + m[8];
    if (m[6] == 0 && depth0 == 1) // no perspective
        for (int64_t j = 0; j < n; j++) {
            places->x[j] = (m[0] * (start + (double)j) + x0) - 0.5;
            places->y[j] = (m[3] * (start + (double)j) + y0) - 0.5;
        }
    else
        for (int64_t j = 0; j < n; j++) {
            double x = start + (double)j, depth = m[6] * x + depth0;
            places->x[j] = (m[0] * x + x0) / depth - 0.5;
            places->y[j] = (m[3] * x + y0) / depth - 0.5;
        }
}

// NaN and what is far outside fail the comparisons.
IMAGE_FAST static void find_nearest(Places *places, const Images *from, int64_t n) {
    double rows = (double)from->row_stride, columns = (double)from->column_stride, spot[WARP_BLOCK];
    double bottom = (double)from->height - 1, end = (double)from->width - 1;
    for (int64_t j = 0; j < n; j++) {
        double x = to_whole(places->x[j]), y = to_whole(places->y[j]);
        spot[j] = (x >= 0) & (y >= 0) & (x <= end) & (y <= bottom) ? y * rows + x * columns : -1;
    }
    for (int64_t j = 0; j < n; j++) places->at[j] = (int64_t)spot[j];
}

IMAGE_FAST static void find_squares(Places *places, const Images *from, int64_t n) {
    double rows = (double)from->row_stride, columns = (double)from->column_stride, spot[WARP_BLOCK];
    double bottom = (double)from->height - 2, end = (double)from->width - 2;
    for (int64_t j = 0; j < n; j++) {
        double x = to_whole(places->x[j]), y = to_whole(places->y[j]);
        x -= x > places->x[j] ? 1 : 0; // rounded down
        y -= y > places->y[j] ? 1 : 0;
        spot[j] = (x >= 0) & (y >= 0) & (x <= end) & (y <= bottom) ? y * rows + x * columns : -1;
        places->right[j] = (float)(places->x[j] - x);
        places->low[j] = (float)(places->y[j] - y);
    }
    for (int64_t j = 0; j < n; j++) places->at[j] = (int64_t)spot[j];
}

// The value where not all four neighbours are inside: those outside are 0. torchvision samples a
// mask of ones along with the image, and mixes fill in by it; without fill there is no mask.
#define WARP_ROW(type_, work_, round_)                                                             \
    static double edge_##type_(const Warp *w, const type_ *from, double x, double y,               \
                               double fill) {                                                      \
        int64_t height = w->from->height, width = w->from->width;                                  \
        double value = 0, inside = 0;                                                              \
        if (x > -1 && y > -1 && x < (double)width && y < (double)height) {                         \
            int64_t left = (int64_t)floor(x), top = (int64_t)floor(y);                             \
            for (int k = 0; k < 4; k++) {                                                          \
                int64_t column = left + (k & 1), row = top + (k >> 1);                             \
                if (column < 0 || row < 0 || column >= width || row >= height) continue;           \
                double weight = (1 - fabs(x - (double)column)) * (1 - fabs(y - (double)row));      \
                value +=                                                                           \
                    weight *                                                                       \
                    (double)from[row * w->from->row_stride + column * w->from->column_stride];     \
                inside += weight;                                                                  \
            }                                                                                      \
        }                                                                                          \
        return w->nfill ? value * inside + (1 - inside) * fill : value;                            \
    }                                                                                              \
    IMAGE_FAST static void nearest_##type_(const type_ *restrict from, const int64_t *restrict at, \
                                           type_ fill, type_ *restrict to, int64_t n) {            \
        for (int64_t j = 0; j < n; j++) to[j] = at[j] < 0 ? fill : from[at[j]];                    \
    }                                                                                              \
    IMAGE_FAST static void squares_##type_(const type_ *restrict from,                             \
                                           const Places *restrict places, int64_t rows,            \
                                           int64_t columns, type_ *restrict to, int64_t n) {       \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const type_ *p = from + (places->at[j] < 0 ? 0 : places->at[j]);                       \
            work_ right = (work_)places->right[j], low = (work_)places->low[j];                    \
            work_ above = (1 - right) * (work_)p[0] + right * (work_)p[columns];                   \
            work_ below = (1 - right) * (work_)p[rows] + right * (work_)p[rows + columns];         \
            to[j] = (type_)round_((1 - low) * above + low * below);                                \
        }                                                                                          \
    }                                                                                              \
    static void warp_##type_(const Warp *w, int64_t plane, const Places *places, type_ *to,        \
                             int64_t n) {                                                          \
        const type_ *from = images_plane(w->from, plane);                                          \
        double fill = fill_of(w, plane);                                                           \
        if (w->nearest) {                                                                          \
            nearest_##type_(from, places->at, (type_)round_((work_)fill), to, n);                  \
            return;                                                                                \
        }                                                                                          \
        if (w->from->height > 1 && w->from->width > 1)                                             \
            squares_##type_(from, places, w->from->row_stride, w->from->column_stride, to, n);     \
        for (int64_t j = 0; j < n; j++)                                                            \
            if (places->at[j] < 0)                                                                 \
                to[j] =                                                                            \
                    (type_)round_((work_)edge_##type_(w, from, places->x[j], places->y[j], fill)); \
    }
static inline long clamp_u8(float value) {
    return lrintf(value < 0 ? 0 : value > 255 ? 255 : value);
}
WARP_ROW(uint8_t, float, clamp_u8)
WARP_ROW(float, float, )
WARP_ROW(double, double, )

static void warp_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Warp *w = context;
    (void)chunk;
    Places places;
    int64_t height = w->to->shape[w->to->ndim - 2], width = w->to->shape[w->to->ndim - 1];
    for (int64_t row = begin; row < end; row++)
        for (int64_t column = 0; column < width; column += WARP_BLOCK) {
            int64_t n = width - column < WARP_BLOCK ? width - column : WARP_BLOCK;
            find_points(&places, w->matrix, row, column, n);
            if (w->nearest)
                find_nearest(&places, w->from, n);
            else
                find_squares(&places, w->from, n);
            for (int64_t plane = 0; plane < w->from->nplanes; plane++) {
                int64_t at = (plane * height + row) * width + column;
                void *data = rt_tensor_data(w->to);
                switch ((RtDtype)w->to->dtype) {
                case RT_U8: warp_uint8_t(w, plane, &places, (uint8_t *)data + at, n); break;
                case RT_F32: warp_float(w, plane, &places, (float *)data + at, n); break;
                default: warp_double(w, plane, &places, (double *)data + at, n);
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
        parallel_run(height, images_grain(8 * width * images.nplanes), warp_rows, &warp);
    return images_finish(&images, to);
}

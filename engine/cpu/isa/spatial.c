// Inner loops of resampling: see cpu/spatial.h.
#include "cpu/spatial.h"

#include <string.h>

#define CAT_(a_, b_) a_##_##b_
#define CAT(a_, b_) CAT_(a_, b_)

#define T float
#define NAME(name_) CAT(name_, f32)
#include "cpu/isa/spatial.inc"
#undef T
#undef NAME

#define T double
#define NAME(name_) CAT(name_, f64)
#include "cpu/isa/spatial.inc"
#undef T
#undef NAME

enum { PLACES = 128 }; // worked on together

// The pixel below a position and how far the position is from it. In double, where place · scale is
// exact, so that every instruction set finds the same pixel. One far outside, or NaN, becomes −2.
// slope: how the position changes with the place.
static inline __attribute__((always_inline)) void
find_pixels(const float *restrict place, int64_t n, double scale, double last, bool border,
            int32_t *restrict pixel, float *restrict part, float *restrict slope) {
    for (int64_t p = 0; p < n; p++) {
        double at = (double)place[2 * p] * scale + last / 2;
        bool out = border & ((at < 0) | (at > last));
        slope[p] = out ? 0 : (float)scale;
        at = border && at < 0 ? 0 : at;
        at = border && at > last ? last : at;
        double first = __builtin_floor(at);
        part[p] = (float)(at - first);
        first = first <= last ? first : -2; // NaN too
        pixel[p] = (int32_t)(first >= -1 ? first : -2);
    }
}

typedef struct Places { // PLACES of them
    int32_t x[PLACES], y[PLACES];
    float right[PLACES], low[PLACES], x_slope[PLACES], y_slope[PLACES];
} Places;

static void find_places(const PlaneGrid *grid, const float *place, int64_t n, Places *to) {
    find_pixels(place, n, grid->scale[1], (double)(grid->W - 1), grid->border, to->x, to->right,
                to->x_slope);
    find_pixels(place + 1, n, grid->scale[0], (double)(grid->H - 1), grid->border, to->y, to->low,
                to->y_slope);
}

static void plane_taps(const PlaneGrid *grid, const float *place, int64_t n, int64_t *index,
                       float *weight) {
    Places places;
    const int32_t *x = places.x, *y = places.y;
    const float *right = places.right, *low = places.low;
    int64_t W = grid->W, H = grid->H;
    for (int64_t begin = 0; begin < n; begin += PLACES) {
        int64_t count = n - begin < PLACES ? n - begin : PLACES;
        find_places(grid, place + 2 * begin, count, &places);
        for (int64_t p = 0; p < count; p++, index += 4, weight += 4) {
            int64_t at = y[p] * W + x[p];
            int64_t left_out = x[p] < 0 ? -1 : 0, right_out = x[p] < -1 || x[p] + 1 >= W ? -1 : 0;
            int64_t top_out = y[p] < 0 ? -1 : 0, low_out = y[p] < -1 || y[p] + 1 >= H ? -1 : 0;
            index[0] = at | left_out | top_out;
            index[1] = (at + 1) | right_out | top_out;
            index[2] = (at + W) | left_out | low_out;
            index[3] = (at + W + 1) | right_out | low_out;
            weight[0] = (1 - low[p]) * (1 - right[p]);
            weight[1] = (1 - low[p]) * right[p];
            weight[2] = low[p] * (1 - right[p]);
            weight[3] = low[p] * right[p];
        }
    }
}

static void plane_slopes(const PlaneGrid *grid, const float *place, const float *grad, int64_t n,
                         float *to) {
    Places places;
    for (int64_t begin = 0; begin < n; begin += PLACES) {
        int64_t count = n - begin < PLACES ? n - begin : PLACES;
        find_places(grid, place + 2 * begin, count, &places);
        for (int64_t p = 0; p < count; p++, grad += 4, to += 2) {
            float right = places.right[p], low = places.low[p];
            to[0] =
                places.x_slope[p] * ((1 - low) * (grad[1] - grad[0]) + low * (grad[3] - grad[2]));
            to[1] = places.y_slope[p] *
                    ((1 - right) * (grad[2] - grad[0]) + right * (grad[3] - grad[1]));
        }
    }
}

const SpatialTable ISA_NAME(spatial_table) = {
    {{row_f32, line_f32, gather_f32, scatter_f32, weights_f32},
     {row_f64, line_f64, gather_f64, scatter_f64, weights_f64}},
    plane_taps,
    plane_slopes};

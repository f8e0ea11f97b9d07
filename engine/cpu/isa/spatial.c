// Inner loops of resampling: see cpu/spatial.h.
#include "cpu/spatial.h"

#include <string.h>

#define CAT_(a_, b_) a_##_##b_
#define CAT(a_, b_) CAT_(a_, b_)

#include "cpu/isa/lanes.h"

enum { MOST_TOGETHER = 16 }; // taps: as many as a bicubic result has

#define T float
#define NAME(name_) CAT(name_, f32)
#if defined(ISA_avx512) || defined(ISA_avx2)
#define GATHER_IN_VECTORS
// As many places at once as a vector has lanes. Behind the last place, at is −1.
LANES_INLINE Vec_float gather_lanes(const float *x, const int32_t *at) {
#ifdef ISA_avx512
    __m512i index = _mm512_loadu_si512(at);
    __mmask16 inside = _mm512_cmpge_epi32_mask(index, _mm512_setzero_si512());
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), inside, index, x, 4);
#else
    __m256i index = _mm256_loadu_si256((const __m256i *)at);
    __m256 inside = _mm256_castsi256_ps(_mm256_xor_si256(index, _mm256_set1_epi32(-1)));
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), x, index, inside, 4);
#endif
}

LANES_INLINE void gather_channel_f32(const float *x, int32_t at[][GATHER_PLACES],
                                     float weight[][GATHER_PLACES], int64_t taps, bool more,
                                     int64_t n, float *out) {
    for (int64_t p = 0; p < n; p += LANES_float) {
        int64_t count = n - p;
        Vec_float sum = {0};
        if (more)
            sum = count < LANES_float ? part_load_float(out + p, count, 0) : load_float(out + p);
        for (int64_t t = 0; t < taps; t++)
            sum += load_float(&weight[t][p]) * gather_lanes(x, &at[t][p]);
        if (count < LANES_float)
            part_store_float(out + p, sum, count);
        else
            store_float(out + p, sum);
    }
}
#endif
#include "cpu/isa/spatial.inc"
#undef T
#undef NAME
#undef GATHER_IN_VECTORS

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

// Halves to even: adding and taking away 1.5 · 2⁵² rounds what is below 2⁵¹.
static inline __attribute__((always_inline)) void nearest_pixels(const float *restrict place,
                                                                 int64_t n, double scale,
                                                                 double last, bool border,
                                                                 int32_t *restrict pixel) {
    for (int64_t p = 0; p < n; p++) {
        double at = (double)place[2 * p] * scale + last / 2;
        at = border && at < 0 ? 0 : at;
        at = border && at > last ? last : at;
        at = at > -1 && at < last + 1 ? at : -1; // NaN too
        double whole = at + 0x1.8p52 - 0x1.8p52;
        pixel[p] = (int32_t)(whole >= 0 && whole <= last ? whole : -1);
    }
}

static void plane_nearest(const PlaneGrid *grid, const float *place, int64_t n, int64_t *index,
                          float *weight) {
    int32_t x[PLACES], y[PLACES];
    for (int64_t begin = 0; begin < n; begin += PLACES) {
        int64_t count = n - begin < PLACES ? n - begin : PLACES;
        nearest_pixels(place + 2 * begin, count, grid->scale[1], (double)(grid->W - 1),
                       grid->border, x);
        nearest_pixels(place + 2 * begin + 1, count, grid->scale[0], (double)(grid->H - 1),
                       grid->border, y);
        for (int64_t p = 0; p < count; p++, index++, weight++) {
            *index = (x[p] | y[p]) < 0 ? -1 : y[p] * grid->W + x[p];
            *weight = 1;
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
    plane_nearest,
    plane_slopes};

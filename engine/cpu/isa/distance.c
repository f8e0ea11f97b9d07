// Squared distances of rows: see cpu/distance.h.
#include "cpu/distance.h"

#include "cpu/isa/lanes.h"

#define SQUARES(T_)                                                                                \
    static void squares_##T_(const void *const *a, const void *b_, int64_t n, double *out) {       \
        const T_ *b = b_;                                                                          \
        Vec_##T_ sum[DISTANCE_ROWS] = {{0}};                                                       \
        int64_t i = 0;                                                                             \
        for (; i + LANES_##T_ <= n; i += LANES_##T_)                                               \
            for (int r = 0; r < DISTANCE_ROWS; r++) {                                              \
                Vec_##T_ gap = load_##T_((const T_ *)a[r] + i) - load_##T_(b + i);                 \
                sum[r] += gap * gap;                                                               \
            }                                                                                      \
        for (int r = 0; r < DISTANCE_ROWS; r++) {                                                  \
            if (i < n) {                                                                           \
                Vec_##T_ gap = part_load_##T_((const T_ *)a[r] + i, n - i, 0) -                    \
                               part_load_##T_(b + i, n - i, 0);                                    \
                sum[r] += gap * gap;                                                               \
            }                                                                                      \
            out[r] = sum_lanes(fold_wide_##T_(sum[r]));                                            \
        }                                                                                          \
    }
SQUARES(float)
SQUARES(double)

#define MINUS(T_)                                                                                  \
    static void minus_##T_(const void *x_, const void *y_, int64_t n, void *to_) {                 \
        const T_ *x = x_, *y = y_;                                                                 \
        T_ *restrict to = to_;                                                                     \
        for (int64_t i = 0; i < n; i++) to[i] = x[i] - y[i];                                       \
    }
MINUS(float)
MINUS(double)

#define FROM_PRODUCTS(T_, sqrt_)                                                                   \
    static int64_t from_products_##T_(double a_, const void *b_, int64_t n, void *d_) {            \
        const T_ *b = b_, a = (T_)a_;                                                              \
        T_ *d = d_;                                                                                \
        int64_t lost = 0;                                                                          \
        for (int64_t k = 0; k < n; k++) {                                                          \
            T_ squares = a + b[k], distance = sqrt_(squares - 2 * d[k]);                           \
            lost += DISTANCE_LOST(distance, squares);                                              \
            d[k] = distance;                                                                       \
        }                                                                                          \
        return lost;                                                                               \
    }
FROM_PRODUCTS(float, __builtin_sqrtf)
FROM_PRODUCTS(double, __builtin_sqrt)

const DistanceTable ISA_NAME(distance_table) = {{squares_float, squares_double},
                                                {minus_float, minus_double},
                                                {from_products_float, from_products_double}};

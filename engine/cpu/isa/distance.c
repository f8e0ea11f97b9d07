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

const DistanceTable ISA_NAME(distance_table) = {{squares_float, squares_double}};

#include "cpu/reduce.h"

#include <math.h>

#include "cpu/isa/lanes.h"

LANES_INLINE Vec_double abs_double(Vec_double x) {
    typedef int64_t Bits __attribute__((vector_size(sizeof(Vec_double))));
    Bits bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= INT64_MAX;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

// nan as 0: what is not equal to itself is masked out.
LANES_INLINE Vec_double number_double(Vec_double x) {
    typedef int64_t Bits __attribute__((vector_size(sizeof(Vec_double))));
    Bits bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= (Bits)(x == x);
    memcpy(&x, &bits, sizeof bits);
    return x;
}

#define T float
#include "cpu/isa/reduce.inc"
#define T double
#include "cpu/isa/reduce.inc"

#define LINE(form_, T_)                                                                            \
    {                                                                                              \
        [FOLD_SUM] = form_##_sum_##T_, [FOLD_NUMBERS] = form_##_numbers_##T_,                      \
        [FOLD_SQUARES] = form_##_squares_##T_, [FOLD_ABS] = form_##_abs_##T_,                      \
        [FOLD_POWERS] = form_##_powers_##T_, [FOLD_COUNT] = form_##_count_##T_,                    \
        [FOLD_PRODUCT] = form_##_product_##T_, [FOLD_MAX] = form_##_max_##T_,                      \
        [FOLD_MIN] = form_##_min_##T_, [FOLD_MAXABS] = form_##_maxabs_##T_,                        \
        [FOLD_MINABS] = form_##_minabs_##T_, [FOLD_ARGMAX] = form_##_argmax_##T_,                  \
        [FOLD_ARGMIN] = form_##_argmin_##T_, [FOLD_MOMENTS] = form_##_moments_##T_,                \
        [FOLD_LOGSUMEXP] = form_##_logsumexp_##T_,                                                 \
    }
const FoldLoops ISA_NAME(fold_loops) = {
    .row = {LINE(row, float), LINE(row, double)},
    .columns = {LINE(columns, float), LINE(columns, double)},
};

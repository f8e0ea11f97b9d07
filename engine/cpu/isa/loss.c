#include "cpu/loss.h"

#include "cpu/isa/lanes.h"

#define T float
#include "cpu/isa/loss.inc"
#define T double
#include "cpu/isa/loss.inc"

#define LINE(T_)                                                                                   \
    {                                                                                              \
        .sum = {sum_squared_##T_, sum_smooth_##T_},                                                \
        .each = {each_squared_##T_, each_smooth_##T_, each_bce_##T_},                              \
        .grad = {grad_squared_##T_, grad_smooth_##T_},                                             \
    }
const PairTable ISA_NAME(pair_table) = {.of = {LINE(float), LINE(double)}};

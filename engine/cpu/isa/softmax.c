#include "cpu/softmax.h"

#include <math.h>

#include "cpu/isa/lanes.h"

#define T float
#include "cpu/isa/softmax.inc"
#define T double
#include "cpu/isa/softmax.inc"

#define LINE(T_)                                                                                   \
    {                                                                                              \
        .softmax = softmax_##T_, .log_softmax = log_softmax_##T_,                                  \
        .softmax_backward = softmax_backward_##T_,                                                 \
        .log_softmax_backward = log_softmax_backward_##T_, .logsumexp = logsumexp_##T_,            \
        .exp_scaled = exp_scaled_##T_, .sum = line_sum_##T_,                                       \
    }
const SoftmaxTable ISA_NAME(softmax_table) = {.of = {LINE(float), LINE(double)}};

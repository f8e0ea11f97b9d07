// Lines of scores: see cpu/attention.h.
#include "cpu/attention.h"

#include <math.h>

#include "cpu/isa/lanes.h"

#define T float
#include "cpu/isa/attention.inc"
#define T double
#include "cpu/isa/attention.inc"

#define LINE(T_)                                                                                   \
    {                                                                                              \
        .top = top_##T_, .weigh = weigh_##T_, .grade = grade_##T_, .times = times_##T_,            \
        .scale = scale_##T_, .dot = dot_##T_,                                                      \
    }
const AttentionTable ISA_NAME(attention_table) = {.of = {LINE(float), LINE(double)}};

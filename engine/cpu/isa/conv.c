// Inner loops of convolutions: see cpu/conv.h.
#include "cpu/conv.h"

#include <string.h>

#if defined(ISA_avx512)
#define VECTOR_BYTES 64
#else
#define VECTOR_BYTES 32
#endif

#define CAT_(a_, b_) a_##_##b_
#define CAT(a_, b_) CAT_(a_, b_)

#define T float
#define NAME(name_) CAT(name_, f32)
#include "cpu/isa/conv.inc"
#undef T
#undef NAME

#define T double
#define NAME(name_) CAT(name_, f64)
#include "cpu/isa/conv.inc"
#undef T
#undef NAME

const ConvLoops ISA_NAME(conv_loops) = {spread_f32, spread_f64, gather_f32, gather_f64, scatter_f32, scatter_f64};

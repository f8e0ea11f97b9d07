// The float loops of the elementwise kernels, for one instruction set: see cpu/elementwise.h.
//
// Compiled without contraction, so that a × b + c rounds twice on every set. The vector functions
// of libmvec are declared here by hand: the compiler would only use them under -ffast-math.
#include "cpu/elementwise.h"

#include <math.h>

#include "cpu/isa/lanes.h"

#define JOIN(a_, b_) JOIN_(a_, b_)
#define JOIN_(a_, b_) a_##_##b_
#define MVEC_FUNCTIONS(one_, two_)                                                                 \
    one_(exp) one_(exp2) one_(expm1) one_(log) one_(log2) one_(log10) one_(log1p) one_(sin)        \
        one_(cos) one_(tan) one_(asin) one_(acos) one_(atan) one_(sinh) one_(cosh) one_(tanh)      \
            one_(asinh) one_(acosh) one_(atanh) one_(erf) one_(erfc) two_(pow) two_(atan2)         \
                two_(hypot)

#define V_exp MVEC1(exp)
#define V_exp2 MVEC1(exp2)
#define V_expm1 MVEC1(expm1)
#define V_log MVEC1(log)
#define V_log2 MVEC1(log2)
#define V_log10 MVEC1(log10)
#define V_log1p MVEC1(log1p)
#define V_sin MVEC1(sin)
#define V_cos MVEC1(cos)
#define V_tan MVEC1(tan)
#define V_asin MVEC1(asin)
#define V_acos MVEC1(acos)
#define V_atan MVEC1(atan)
#define V_sinh MVEC1(sinh)
#define V_cosh MVEC1(cosh)
#define V_tanh MVEC1(tanh)
#define V_asinh MVEC1(asinh)
#define V_acosh MVEC1(acosh)
#define V_atanh MVEC1(atanh)
#define V_erf MVEC1(erf)
#define V_erfc MVEC1(erfc)
#define V_pow MVEC2(pow)
#define V_atan2 MVEC2(atan2)
#define V_hypot MVEC2(hypot)

#if defined(ISA_avx512)
#define VECTOR_BYTES 64
#define MVEC32_1(name_) _ZGVeN16v_##name_##f
#define MVEC32_2(name_) _ZGVeN16vv_##name_##f
#define MVEC64_1(name_) _ZGVeN8v_##name_
#define MVEC64_2(name_) _ZGVeN8vv_##name_
#elif defined(ISA_avx2)
#define VECTOR_BYTES 32
#define MVEC32_1(name_) _ZGVdN8v_##name_##f
#define MVEC32_2(name_) _ZGVdN8vv_##name_##f
#define MVEC64_1(name_) _ZGVdN4v_##name_
#define MVEC64_2(name_) _ZGVdN4vv_##name_
#else
#define VECTOR_BYTES 16
#define MVEC32_1(name_) _ZGVbN4v_##name_##f
#define MVEC32_2(name_) _ZGVbN4vv_##name_##f
#define MVEC64_1(name_) _ZGVbN2v_##name_
#define MVEC64_2(name_) _ZGVbN2vv_##name_
#endif

#define T float
#define MASK_INT int32_t
#define LANES (VECTOR_BYTES / 4)
#define C(value_) ((float)(value_))
#define FN(name_) __builtin_##name_##f
#define NAMED(name_) name_##_f32
#define MVEC1 MVEC32_1
#define MVEC2 MVEC32_2
#define LANES_VECTOR Vec_float
#define INLINE_EXP exp_float
#define RECIPROCAL reciprocal_float
#define FMA fma_float
#include "cpu/isa/elementwise_loops.inc"
#undef T
#undef MASK_INT
#undef LANES
#undef C
#undef FN
#undef NAMED
#undef MVEC1
#undef MVEC2
#undef LANES_VECTOR
#undef INLINE_EXP
#undef RECIPROCAL
#undef FMA

#define WIDE
#define T double
#define MASK_INT int64_t
#define LANES (VECTOR_BYTES / 8)
#define C(value_) ((double)(value_))
#define FN(name_) __builtin_##name_
#define NAMED(name_) name_##_f64
#define MVEC1 MVEC64_1
#define MVEC2 MVEC64_2
#define LANES_VECTOR Vec_double
#define INLINE_EXP V_exp
#define RECIPROCAL(x_) (1 / (x_))
#define FMA(a_, b_, c_) ((a_) * (b_) + (c_))
#include "cpu/isa/elementwise_loops.inc"

const FloatLoops ISA_NAME(float_loops) = {loops_f32, loops_f64};

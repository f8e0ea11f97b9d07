// The optimisers' inner loops, once for each instruction set.
#include <math.h>

#include "cpu/isa.h"
#include "optim/optim.h"

#define T float
#define FIELD(name_) step->name_##_f
#define SQRT sqrtf
#define FABS fabsf
#define OPTIM(name_) name_##_f32
#include "cpu/isa/optim.inc"
#undef T
#undef FIELD
#undef SQRT
#undef FABS
#undef OPTIM

#define T double
#define FIELD(name_) step->name_
#define SQRT sqrt
#define FABS fabs
#define OPTIM(name_) name_##_f64
#include "cpu/isa/optim.inc"

extern const OptimLoops ISA_NAME(optim_loops);
const OptimLoops ISA_NAME(optim_loops) = {
#define OPTIMIZER(name_, states_, scalars_, words_)                                                \
    .f32[RT_OPTIM_##name_] = name_##_f32, .f64[RT_OPTIM_##name_] = name_##_f64,
#include "optim/optim.def"
#undef OPTIMIZER
    .squares_f32 = squares_f32,
    .squares_f64 = squares_f64,
};

// Inner loops of resampling: see cpu/spatial.h.
#include "cpu/spatial.h"

#define CAT_(a_, b_) a_##_##b_
#define CAT(a_, b_) CAT_(a_, b_)

#define T float
#define NAME(name_) CAT(name_, f32)
#include "cpu/isa/spatial.inc"
#undef T
#undef NAME

#define T double
#define NAME(name_) CAT(name_, f64)
#include "cpu/isa/spatial.inc"
#undef T
#undef NAME

const SpatialTable ISA_NAME(spatial_table) = {
    {{row_f32, line_f32, gather_f32, scatter_f32, weights_f32},
     {row_f64, line_f64, gather_f64, scatter_f64, weights_f64}}};

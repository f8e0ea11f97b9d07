#include "cpu/norm.h"

#include "cpu/isa/lanes.h"

// Sums run in the element type over so many elements, in lanes that each add up a few dozen of them; those
// sums are added up in double.
enum { RUN = 2048 };

#define T float
#include "cpu/isa/norm.inc"
#define T double
#include "cpu/isa/norm.inc"

#define LINE(T_)                                                                                   \
    {                                                                                              \
        .moments = moments_##T_, .normalize = normalize_##T_, .affine = affine_##T_,               \
        .affine_one = affine_one_##T_, .sums = sums_##T_, .add_sums = add_sums_##T_,               \
        .layer_grad = layer_grad_##T_, .flush = flush_##T_, .batch_grad = batch_grad_##T_,         \
        .batch_grad_one = batch_grad_one_##T_,                                                     \
    }
const NormTable ISA_NAME(norm_table) = {.of = {LINE(float), LINE(double)}};

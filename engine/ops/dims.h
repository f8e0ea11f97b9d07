// ops/dims.h: the dimensions that a reduction is over, for rules, kernels and formulas.
#pragma once

#include "ops/call.h"

// Bit d of *out: dimension d is named. No dims, or not given: all bits. A dimension twice, or
// outside, is an error.
Status dims_mask(const OpCall *call, const RtInts *dims, int ndim, uint32_t *out);
// shape without the dimensions of the mask, or with size 1 there.
RtShape shape_reduced(const RtShape *shape, uint32_t mask, bool keepdim);

// A contiguous tensor as (O, D, I): the dimension `dim` (checked by the shape rule), what is before
// it and behind it.
typedef struct Along {
    int64_t O, D, I;
} Along;
Along along_of(const RtTensor *tensor, int64_t dim);

double
reduce_correction(const RtAttrs_reduce *attrs); // of var and std: n - correction is the divisor

// grad/terms.h: short words for the terms of a formula. All give NULL for NULL.
#pragma once

#include "grad/formula.h"

static inline RtTensor *minus(RtTensor *a, RtTensor *b) {
    return rt_sub(a, b, rt_defaults_alpha());
}
static inline RtTensor *plus(RtTensor *a, RtTensor *b) { return rt_add(a, b, rt_defaults_alpha()); }
static inline RtTensor *over(RtTensor *a, RtTensor *b) {
    return rt_div(a, b, rt_defaults_divide());
}
static inline RtTensor *times(RtTensor *x, double factor) {
    return rt_mul(x, grad_number(factor, x));
}
static inline RtTensor *is_number(RtTensor *x, double value) {
    return rt_eq(x, grad_number(value, x));
}
static inline RtTensor *zero_where(RtTensor *x, RtTensor *mask) {
    return rt_masked_fill(x, mask, grad_number(0, x));
}
// A saved input that may have been absent.
static inline RtTensor *optional(RtTensor *x) { return x ? x : RT_NONE; }

// The gradient of the first of two outputs (values, indices along the attribute dim) goes to the
// elements that the indices name (reduce.c).
Status grad_to_chosen(GradCall *call);

// scan.h: what shape rules read from data, for ops whose result size depends on it (nonzero,
// one_hot, bincount, masks).
//
// CPU tensors of any layout. Nothing is allocated.
#pragma once

#include "ops/call.h"

typedef struct IntRange {
    int64_t min, max, sum; // min > max: no elements
    bool overflow;         // the sum does not fit
} IntRange;

Status scan_ints(const OpCall *call, const RtTensor *tensor, IntRange *out); // of an integer dtype
Status scan_count_nonzero(const OpCall *call, const RtTensor *tensor, int64_t *out); // of any dtype

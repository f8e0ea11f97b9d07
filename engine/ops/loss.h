// ops/loss.h: what the rules, kernels and made ops of the losses share.
#pragma once

#include "ops/call.h"

enum { REDUCTION_NONE, REDUCTION_MEAN, REDUCTION_SUM }; // the order of the words in choices.def

// As call_fail, under the name that the user called: cross_entropy, not cross_entropy_index.
Status loss_fail(const OpCall *call, Status code, const char *format, ...) RT_PRINTF(3, 4);

// An input of shape (C) or (B, C, …): the position of C.
static inline int class_dim(const RtTensor *input) { return input->ndim > 1; }

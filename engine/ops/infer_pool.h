// ops/infer_pool.h: what a pooling is, worked out once for the shape rule and again for the kernels
// of a backend.
#pragma once

#include "ops/call.h"

// Sizes are (height, width). Result (y, x) sees input (y·stride + k·dilation − padding, …), 0 ≤ k <
// kernel; adaptive results see rows floor(y·H / out) to ceil((y + 1)·H / out).
typedef struct Pooling {
    int64_t planes; // N · C
    int64_t size[2], out[2];
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    bool count_include_pad;
    int64_t divisor; // 0: the number of elements
} Pooling;

// Check the call, fill *out and the shapes of the call's outputs.
Status pool2d_describe(OpCall *call, Pooling *out); // max_pool2d, avg_pool2d
Status pool2d_backward_describe(OpCall *call,
                                Pooling *out); // size: of the result, out: of the gradient
Status adaptive_pool2d_describe(OpCall *call, Pooling *out);

// ops/infer_conv.h: what a convolution is, worked out once for the shape rule and again for the
// kernels of a backend.
#pragma once

#include "ops/call.h"

// Sizes are (height, width). Element (y, x) of the result sees input element (y·stride + k·dilation
// − padding, …).
typedef struct Convolution {
    int64_t batch, in_channels, out_channels, groups;
    int64_t size[2], kernel[2],
        out[2]; // of the input, the kernel and the result (for backward rows: of the gradient)
    int64_t stride[2], padding[2], dilation[2];
} Convolution;

// Check the call, fill *out and call->shape[0].
Status conv2d_describe(OpCall *call, Convolution *out);
Status conv2d_backward_input_describe(OpCall *call, Convolution *out);
Status conv2d_backward_weight_describe(OpCall *call, Convolution *out);

// stride, padding, dilation and groups from the attributes.
Status conv_geometry(const OpCall *call, Convolution *out);
// One integer or two, each at least `least`.
Status pair_of(const OpCall *call, const char *name, RtInts given, int64_t least, int64_t *out);

// ops/autocast.h: mixed precision. While it is on, the door casts the floating inputs of an op by
// the table's column:
//
//   LOW     matrix products, convolutions, attention: to the low precision
//   F32     losses, products of many factors: to f32
//   RANGE   what leaves the range of f16 (exp, pow, softmax, …): to f32 if the low precision is
//   f16; bf16 has f32's range WIDEST  several inputs that must agree: to the widest among them KEEP
//   computed as it comes
//
// f64, integers and numbers stay as they are, and so do in-place ops and out=. The mode belongs to
// a thread. Casts of leaves that want a gradient are kept until the outermost context is left, or
// until the leaf is written to. Backward runs with it off: its formulas get the dtypes that forward
// used.
//
// Source: Micikevicius et al., Mixed Precision Training, ICLR 2018; which ops, as PyTorch's
// autocast on the CPU.
#pragma once

#include "ops/call.h"

// The inputs, cast where the mode wants it, into in[0 … call->nin). Casts are recorded as ops.
Status autocast_inputs(const OpCall *call, bool (*is_leaf)(const RtTensor *), RtTensor **in);
bool autocast_pause(void); // off; returns what to hand to autocast_resume
void autocast_resume(bool before);

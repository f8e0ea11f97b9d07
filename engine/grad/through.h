// grad/through.h: the gradient of a fused op where it is to be differentiated again: the op is
// written out in other ops, and these are differentiated.
//
// through_inputs gives copies of the saved inputs, so that two inputs that are one tensor, or
// depend on each other, stay apart; absent ones are RT_NONE. `outputs` are then made of the copies
// (n of them; RT_NONE or NULL where there is none), and through_gradients fills call->give from the
// gradients of the outputs. Both are called with the tape recording.
#pragma once

#include "grad/formula.h"

Status through_inputs(GradCall *call, RtTensor **out_in);
Status through_gradients(GradCall *call, RtTensor **in, RtTensor **outputs, int n);

// combine.h: the arithmetic of reductions. out[i] = in[0][i] ∘ in[1][i] ∘ … in exactly this order,
// for any number of elements and whatever their place, so that results do not depend on how a
// tensor was cut into messages. out may be one of the inputs. Floats propagate NaN in MIN and MAX;
// integers wrap around.
#pragma once

#include "comm/comm.h"

Status combine_check(const char *what, RtReduceOp op,
                     RtDtype dtype); // an error if the pair makes no sense
void combine_run(RtReduceOp op, RtDtype dtype, void *out, const void *const *in, int n,
                 int64_t count);
const char *reduce_word(RtReduceOp op);

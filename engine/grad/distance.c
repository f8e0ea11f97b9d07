// The gradient of distances; where it is to be differentiated again, through the norms of all
// differences.
#include "grad/through.h"
#include "grad/terms.h"

static Status written_out(GradCall *call) {
    RtTensor *in[2];
    TRY(through_inputs(call, in));
    RtTensor *gaps = minus(rt_unsqueeze(in[0], WITH(slice, .dim = -2)),
                           rt_unsqueeze(in[1], WITH(slice, .dim = -3)));
    // A norm has no gradient at 0: there the differences are made 1, and the distance 0 again.
    RtTensor *same = is_number(Y(0), 0);
    gaps = rt_masked_fill(gaps, rt_unsqueeze(same, WITH(slice, .dim = -1)), grad_number(1, gaps));
    RtTensor *out = rt_norm(gaps, WITH(reduce, .dim = RT_INTS(-1), .p = rt_float(A(distance)->p)));
    out = zero_where(out, same);
    if (!out) return error_code();
    return through_gradients(call, in, &out, 1);
}

GRAD(cdist_pairs) {
    if (rt_grad_enabled()) return written_out(call);
    RtTensor *d1, *d2;
    TRY(rt_cdist_pairs_backward(G(0), X(0), X(1), Y(0), *A(distance), &d1, &d2));
    GIVE(0, d1);
    GIVE(1, d2);
    return OK;
}

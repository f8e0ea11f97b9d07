// The gradient of recurrent layers: one kernel back through all steps; where it is to be
// differentiated again, through the layer written out step by step.
#include "grad/through.h"

// Part of the flat gradients of the weights.
static RtTensor *part_of(RtTensor *flat, int64_t *at, const RtShape *shape) {
    RtAttrs_size size = rt_defaults_size();
    size.size.n = shape->n;
    int64_t n = 1;
    for (int i = 0; i < shape->n; i++) n *= size.size.v[i] = shape->dim[i];
    RtTensor *part = rt_narrow(flat, WITH(slice, .dim = 0, .start = *at, .length = n));
    *at += n;
    return rt_view(part, size);
}

static Status written_out(GradCall *call) {
    RtTensor *in[9], *out[3];
    TRY(through_inputs(call, in));
    TRY(rt_rnn_plain(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8], *A(rnn),
                     &out[0], &out[1], &out[2]));
    return through_gradients(call, in, out, 3);
}

GRAD(rnn_scan) {
    if (rt_grad_enabled()) return written_out(call);
    RtTensor *tensors[12] = {G(0), G(1), G(2), X(0), X(1), X(2),
                             X(3), X(4), X(7), X(8), Y(0), Y(3)};
    RtTensor *out[4];
    for (int i = 0; i < 12; i++)
        if (!tensors[i]) tensors[i] = RT_NONE;
    RtAttrs_rnn attrs = *A(rnn);
    attrs.input_grad = WANT(0);
    TRY(rt_apply(OP_rnn_scan_backward, tensors, 12, &attrs, NULL, out));
    GIVE(0, out[0]);
    GIVE(1, out[1]);
    GIVE(2, out[2]);
    int64_t at = 0, rows = X_SHAPE(3)->dim[0];
    const RtShape bias = {.n = 1, .dim = {rows}};
    for (int i = 3; i < 8; i++) { // w_ih, w_hh, b_ih, b_hh, w_hr
        const RtShape *shape = i == 5 || i == 6 ? &bias : X_SHAPE(i);
        if (i == 7 && !X(7)) break;
        RtTensor *part = part_of(out[3], &at, shape);
        GIVE(i, part);
    }
    return OK;
}

#include "grad/through.h"

Status through_inputs(GradCall *call, RtTensor **out_in) {
    for (int i = 0; i < NIN; i++) {
        out_in[i] = X(i) ? X(i) : RT_NONE;
        if (WANT(i) && !(out_in[i] = rt_clone(out_in[i]))) return error_code();
    }
    return OK;
}

Status through_gradients(GradCall *call, RtTensor **in, RtTensor **outputs, int n) {
    RtTensor *root[RT_MAX_OUT], *g[RT_MAX_OUT], *wanted[RT_MAX_IN], *result[RT_MAX_IN];
    int roots = 0, inputs = 0, at = 0;
    for (int i = 0; i < n; i++) {
        if (!outputs[i] || outputs[i] == RT_NONE || !HAS_G(i) || !rt_requires_grad(outputs[i]))
            continue;
        root[roots] = outputs[i];
        g[roots++] = G(i);
    }
    for (int i = 0; i < NIN; i++)
        if (WANT(i)) wanted[inputs++] = in[i];
    if (!roots || !inputs) return OK;
    TRY(rt_grad(root, g, roots, wanted, inputs, true, true, true, result));
    for (int i = 0; i < NIN; i++)
        if (WANT(i)) call->give[i] = result[at++];
    return OK;
}

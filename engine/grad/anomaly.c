// Anomaly mode: which call of the forward pass a wrong gradient belongs to.
#include "grad/tape.h"

static const RtAnomaly *_Atomic current;
static _Atomic bool looks_for_nan;

void rt_set_anomaly(const RtAnomaly *anomaly, bool check_nan) {
    looks_for_nan = check_nan;
    current = anomaly;
}

void anomaly_trace(RtNode *node) {
    const RtAnomaly *anomaly = atomic_load_explicit(&current, memory_order_relaxed);
    if (!anomaly) return;
    node->trace = anomaly->trace();
    node->anomaly = anomaly;
}

static Status find_nan(RtNode *node, RtTensor *const *give) {
    for (int i = 0; i < node->nin; i++) {
        if (!PRESENT(give[i]) || rt_dtype_kind((RtDtype)give[i]->dtype) != RT_KIND_FLOAT) continue;
        RtTensor *any = rt_any(rt_isnan(give[i]), rt_defaults_reduce());
        if (!any) return error_code();
        if (rt_tensor_item(any, 0).i)
            return fail(ERR_GRAD, "%s returned nan values in its %dth output", rt_node_name(node), i);
    }
    return OK;
}

Status anomaly_check(RtNode *node, RtTensor *const *give, Status status) {
    if (!atomic_load_explicit(&current, memory_order_relaxed)) return status;
    if (status >= 0 && looks_for_nan) status = find_nan(node, give);
    if (status < 0 && node->trace) node->anomaly->failed(node->trace, rt_node_name(node));
    return status;
}

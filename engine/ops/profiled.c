// A call through the door while a profiler runs.
#include "ops/door.h"

#include "base/profile.h"

// Of tensors that are there: an earlier failure may have left NULL among them.
static int64_t bytes_of(RtTensor *const *list, int n) {
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        if (list[i] && PRESENT(list[i]))
            bytes += list[i]->numel * (int64_t)rt_dtype_bytes((RtDtype)list[i]->dtype);
    return bytes;
}

// "[[64, 784], [], [128]]": an absent tensor has no brackets of its own.
static void input_shapes(Text *text, RtTensor *const *list, int n) {
    text_add(text, "[");
    for (int i = 0; i < n; i++) {
        if (i) text_add(text, ", ");
        if (!list[i] || !PRESENT(list[i])) continue;
        for (int d = 0; d < list[i]->ndim; d++)
            text_addf(text, d ? ", %lld" : "[%lld", (long long)list[i]->shape[d]);
        text_add(text, list[i]->ndim ? "]" : "[]");
    }
    text_add(text, "]");
}

static int64_t enter(const OpCall *call) {
    if (!profile_wants_shapes()) return profile_enter(RT_PROFILE_OP, call->row->name, NULL);
    Text text = {0};
    input_shapes(&text, call->in, call->nin);
    int64_t span = profile_enter(RT_PROFILE_OP, call->row->name, text_chars(&text));
    text_clear(&text);
    return span;
}

Status run_profiled(OpCall *call, RtTensor *const *given,
                    Status (*run)(OpCall *call, RtTensor *const *given)) {
    bool moves = call->row->kind != RT_ROW_VIEW; // a view reads and writes nothing
    int64_t in_bytes = moves ? bytes_of(call->in, call->nin) : 0;
    int64_t span = enter(call);
    Status status = run(call, given);
    profile_leave(span, in_bytes, moves && status >= 0 ? bytes_of(call->out, call->nout) : 0);
    return status;
}

// Conversion between dtypes and writing over tensors: cast, copy_, fill_, zero_.
#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/copy.h"
#include "cpu/fill.h"
#include "cpu/loops.h"

#include <string.h>

typedef struct Conversion {
    RtDtype to, from;
} Conversion;

static void inner_convert(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    const Conversion *conversion = context;
    convert_run(p[0], conversion->to, p[1], conversion->from, n);
}

// `in` has the shape of `out` or is broadcast to it.
static void convert_tensor(RtTensor *out, RtTensor *in) {
    if (out->numel == 0) return;
    RtDtype to = (RtDtype)out->dtype, from = (RtDtype)in->dtype;
    if (to == from) {
        int64_t stride[RT_MAX_DIMS];
        for (int i = 0; i < out->ndim; i++) {
            int j = i - (out->ndim - in->ndim);
            stride[i] = j < 0 || (in->shape[j] == 1 && out->shape[i] != 1) ? 0 : in->stride[j];
        }
        CopyPlan plan = copy_plan(rt_dtype_bytes(to), out->ndim, out->shape, out->stride, stride);
        copy_run_parallel(&plan, rt_tensor_data(out), rt_tensor_data(in));
        return;
    }
    Conversion conversion = {to, from};
    loop_run(&(Loop){.inner = inner_convert,
                     .context = &conversion,
                     .nout = 1,
                     .nin = 1,
                     .operand = {out, in},
                     .work = {to, from}});
}

Status cpu_cast(OpCall *call) {
    convert_tensor(call->out[0], call->in[0]);
    return OK;
}

Status cpu_copy_(OpCall *call) {
    convert_tensor(call->out[0], call->in[1]);
    return OK;
}

Status cpu_fill_(OpCall *call) {
    const RtTensor *value = call->in[1];
    char element[8];
    convert_run(element, (RtDtype)call->out[0]->dtype, rt_tensor_data(value), (RtDtype)value->dtype,
                1);
    fill_tensor(call->out[0], element);
    return OK;
}

Status cpu_zero_(OpCall *call) {
    fill_tensor(call->out[0], (const char[8]){0});
    return OK;
}

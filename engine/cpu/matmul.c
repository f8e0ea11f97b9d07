// Products of matrices: operands with any strides are handed to gemm_run as they lie.
#include "cpu/gemm.h"

#include <string.h>

#include "cpu/backend.h"
#include "cpu/loops.h"

// The last two dimensions.
static Matrix matrix_of(const RtTensor *x, bool transpose) {
    int64_t row = x->stride[x->ndim - 2], column = x->stride[x->ndim - 1];
    return transpose ? (Matrix){rt_tensor_data(x), column, row}
                     : (Matrix){rt_tensor_data(x), row, column};
}

static void inner_copy(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    memcpy(p[0], p[1], (size_t)n * *(const size_t *)context);
}

// to = from, which may broadcast.
static void copy_to(RtTensor *to, RtTensor *from) {
    size_t bytes = rt_dtype_bytes((RtDtype)to->dtype);
    loop_run(&(Loop){.inner = inner_copy,
                     .context = &bytes,
                     .nout = 1,
                     .nin = 1,
                     .operand = {to, from},
                     .work = {(RtDtype)to->dtype, (RtDtype)to->dtype}});
}

static bool share_memory(const RtTensor *x, const RtTensor *y) {
    const char *a = x->storage->data, *b = y->storage->data;
    return a < b + y->storage->bytes && b < a + x->storage->bytes;
}

// What the product is written to: the output, or room of its own where out= has gaps between its
// columns, or is one of the factors (inputs from `first` on).
static RtTensor *target_of(const OpCall *call, int first) {
    RtTensor *out = call->out[0];
    int last = out->ndim - 1;
    bool fits = out->ndim < 2 || out->stride[last] == 1 || out->stride[last - 1] == 1 ||
                out->shape[last] == 1;
    for (int i = first; i < call->nin; i++) fits = fits && !share_memory(call->in[i], out);
    return fits ? out : rt_tensor_new(out->ndim, out->shape, (RtDtype)out->dtype, out->device);
}

static Status finish(const OpCall *call, RtTensor *target) {
    if (target != call->out[0]) copy_to(call->out[0], target);
    return OK;
}

// Leading dimensions of x as seen from the output's nbatch: 0 where x is broadcast.
static void batch_strides(const RtTensor *x, int nbatch, const int64_t *dim, int64_t *out_stride) {
    int own = x->ndim - 2;
    for (int i = 0; i < nbatch; i++) {
        int at = i - (nbatch - own);
        out_stride[i] = at < 0 || (x->shape[at] == 1 && dim[i] != 1) ? 0 : x->stride[at];
    }
}

static Status run_batch(OpCall *call) {
    const RtAttrs_matmul *attrs = ATTRS_OF(call, matmul);
    RtTensor *a = call->in[0], *b = call->in[1], *c = target_of(call, 0);
    if (!c) return error_code();
    GemmBatch batch = {.ndim = c->ndim - 2};
    memcpy(batch.dim, c->shape, (size_t)batch.ndim * sizeof *batch.dim);
    memcpy(batch.c, c->stride, (size_t)batch.ndim * sizeof *batch.c);
    batch_strides(a, batch.ndim, batch.dim, batch.a);
    batch_strides(b, batch.ndim, batch.dim, batch.b);
    int64_t k = a->shape[attrs->transpose_a ? a->ndim - 2 : a->ndim - 1];
    TRY(gemm_run(call->compute, c->shape[c->ndim - 2], c->shape[c->ndim - 1], k,
                 matrix_of(a, attrs->transpose_a), matrix_of(b, attrs->transpose_b),
                 matrix_of(c, false), GEMM_ZERO, NULL, &batch));
    return finish(call, c);
}

Status cpu_mm(OpCall *call) { return run_batch(call); }
Status cpu_bmm(OpCall *call) { return run_batch(call); }
Status cpu_batch_matmul(OpCall *call) { return run_batch(call); }

Status cpu_mv(OpCall *call) {
    RtTensor *a = call->in[0], *x = call->in[1], *y = target_of(call, 0);
    if (!y) return error_code();
    TRY(gemm_run(call->compute, a->shape[0], 1, a->shape[1], matrix_of(a, false),
                 (Matrix){rt_tensor_data(x), x->stride[0], 1},
                 (Matrix){rt_tensor_data(y), y->stride[0], 1}, GEMM_ZERO, NULL, NULL));
    return finish(call, y);
}

Status cpu_dot(OpCall *call) {
    RtTensor *a = call->in[0], *b = call->in[1], *y = target_of(call, 0);
    if (!y) return error_code();
    TRY(gemm_run(call->compute, 1, 1, a->shape[0], (Matrix){rt_tensor_data(a), 0, a->stride[0]},
                 (Matrix){rt_tensor_data(b), b->stride[0], 1}, (Matrix){rt_tensor_data(y), 1, 1},
                 GEMM_ZERO, NULL, NULL));
    return finish(call, y);
}

// addmm ---------------------------------------------------------------------------------------

typedef struct Factors {
    RtScalar beta, alpha;
} Factors;

#define COMBINE(letter_, type_, value_)                                                            \
    static void combine_##letter_(char *const *p, int64_t n, int64_t first, const void *context) { \
        (void)first;                                                                               \
        const Factors *factors = context;                                                          \
        type_ beta = (type_)value_(factors->beta), alpha = (type_)value_(factors->alpha);          \
        type_ *y = (type_ *)(void *)p[0];                                                          \
        const type_ *self = (const type_ *)(void *)p[1], *product = (const type_ *)(void *)p[2];   \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = beta == 0 ? alpha * product[i] : beta * self[i] + alpha * product[i];           \
    }
COMBINE(f32, float, rt_scalar_double)
COMBINE(f64, double, rt_scalar_double)
COMBINE(i64, uint64_t, rt_scalar_int)
#undef COMBINE

// out = beta · self + alpha · product
static void combine(OpCall *call, RtTensor *product) {
    const RtAttrs_addmm *attrs = ATTRS_OF(call, addmm);
    Factors factors = {attrs->beta, attrs->alpha};
    RtDtype work =
        rt_dtype_kind(call->compute) == RT_KIND_FLOAT ? dtype_work(call->compute) : RT_I64;
    loop_run(&(Loop){.inner = work == RT_F64   ? combine_f64
                              : work == RT_F32 ? combine_f32
                                               : combine_i64,
                     .context = &factors,
                     .nout = 1,
                     .nin = 2,
                     .operand = {call->out[0], call->in[0], product},
                     .work = {work, work, work}});
}

Status cpu_addmm(OpCall *call) {
    const RtAttrs_addmm *attrs = ATTRS_OF(call, addmm);
    RtTensor *a = call->in[1], *b = call->in[2], *c = target_of(call, 1);
    if (!c) return error_code();
    bool plain = rt_scalar_double(attrs->beta) == 1 && rt_scalar_double(attrs->alpha) == 1;
    if (plain && c != call->in[0]) copy_to(c, call->in[0]);
    if (!plain && c == call->out[0]) c = rt_tensor_new(2, c->shape, (RtDtype)c->dtype, c->device);
    if (!c) return error_code();
    TRY(gemm_run(call->compute, a->shape[0], b->shape[1], a->shape[1], matrix_of(a, false),
                 matrix_of(b, false), matrix_of(c, false), plain ? GEMM_ADD : GEMM_ZERO, NULL,
                 NULL));
    if (plain) return finish(call, c);
    combine(call, c);
    return OK;
}

// linear --------------------------------------------------------------------------------------

// Leading dimensions of the input that lie evenly behind one another are the rows of one product;
// what is left of them is a batch.
Status cpu_linear(OpCall *call) {
    RtTensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2], *y = call->out[0];
    int last = x->ndim - 1, lead = last - 1;
    int64_t m = lead >= 0 ? x->shape[lead] : 1, row = lead >= 0 ? x->stride[lead] : 0;
    for (; lead > 0; lead--) {
        if (x->shape[lead - 1] != 1 && m != 1 && x->stride[lead - 1] != row * m) break;
        if (m == 1) row = x->stride[lead - 1];
        m *= x->shape[lead - 1];
    }
    GemmBatch batch = {.ndim = lead > 0 ? lead : 0};
    int64_t k = weight->shape[1], n = weight->shape[0], apart = m * n;
    for (int i = batch.ndim - 1; i >= 0; i--) {
        batch.dim[i] = x->shape[i];
        batch.a[i] = x->stride[i];
        batch.c[i] = apart;
        apart *= x->shape[i];
    }
    const void *added = NULL;
    if (PRESENT(bias)) {
        if (bias->stride[0] != 1 && n > 1) {
            RtTensor *dense = rt_tensor_new(1, &n, (RtDtype)bias->dtype, bias->device);
            if (!dense) return error_code();
            copy_to(dense, bias);
            bias = dense;
        }
        added = rt_tensor_data(bias);
    }
    return gemm_run(call->compute, m, n, k, (Matrix){rt_tensor_data(x), row, x->stride[last]},
                    matrix_of(weight, true), (Matrix){rt_tensor_data(y), n, 1},
                    added ? GEMM_BIAS_COLUMN : GEMM_ZERO, added, &batch);
}

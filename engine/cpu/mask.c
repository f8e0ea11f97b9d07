// Masks: masked_fill, masked_select, masked_scatter, nonzero.
#include "cpu/backend.h"

#include "cpu/copy.h"
#include "cpu/index_work.h"
#include "cpu/loops.h"

// ------------------------------------------------------------------------------------- masked_fill

// By bits, not by a condition: the loop becomes vector instructions.
#define FILL(name_, type_)                                                                         \
    static void fill_##name_(char *const *p, int64_t n, int64_t first, const void *context) {      \
        type_ *y = (type_ *)p[0];                                                                  \
        const type_ *x = (const type_ *)p[1];                                                      \
        const uint8_t *mask = (const uint8_t *)p[2];                                               \
        const type_ value = *(const type_ *)context;                                               \
        (void)first;                                                                               \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                      \
            type_ keep = (type_)((type_)(mask[i] != 0) - (type_)1);                                \
            y[i] = (type_)((x[i] & keep) | (value & (type_)~keep));                                \
        }                                                                                          \
    }
FILL(1, uint8_t)
FILL(2, uint16_t)
FILL(4, uint32_t)
FILL(8, uint64_t)

static LoopInner fill_of(RtDtype dtype) {
    switch (rt_dtype_bytes(dtype)) {
    case 1: return fill_1;
    case 2: return fill_2;
    case 4: return fill_4;
    default: return fill_8;
    }
}

Status cpu_masked_fill(OpCall *call) {
    RtTensor *x = call->in[0], *mask = call->in[1], *out = call->out[0];
    RtDtype dtype = (RtDtype)x->dtype;
    loop_run(&(Loop){.inner = fill_of(dtype),
                     .context = rt_tensor_data(call->in[2]),
                     .nout = 1,
                     .nin = 2,
                     .operand = {out, x, mask},
                     .work = {dtype, dtype, RT_BOOL}});
    return OK;
}

// ------------------------------------------------------------------------------ in row-major order

// A walk over two tensors that are broadcast against each other, last dimension by last dimension.
typedef struct Pair {
    int n;
    int64_t dim[RT_MAX_DIMS], a[RT_MAX_DIMS], b[RT_MAX_DIMS]; // strides in bytes
} Pair;

static void spread_stride(const RtTensor *x, int n, int64_t *out) {
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype);
    for (int i = 0; i < n; i++) {
        int at = i - (n - x->ndim);
        out[i] = at >= 0 && x->shape[at] != 1 ? x->stride[at] * bytes : 0;
    }
}

static Pair pair_of(const RtTensor *a, const RtTensor *b) {
    Pair pair = {.n = a->ndim > b->ndim ? a->ndim : b->ndim};
    for (int i = 1; i <= pair.n; i++) {
        int64_t one = i <= a->ndim ? a->shape[a->ndim - i] : 1,
                other = i <= b->ndim ? b->shape[b->ndim - i] : 1;
        pair.dim[pair.n - i] = one == 1 ? other : one;
    }
    spread_stride(a, pair.n, pair.a);
    spread_stride(b, pair.n, pair.b);
    if (pair.n == 0) {
        pair.n = 1;
        pair.dim[0] = 1;
    }
    return pair;
}

// Marked elements of a line go to `list` one after the other, or come from there. Where the list
// has room for the whole block every element is written and only the step depends on its mark: no
// branch to mispredict.
enum { BLOCK = 64 };
#define MARKED(name_, type_)                                                                       \
    static void *take_##name_(char *x, int64_t x_step, const char *mask, int64_t mask_step,        \
                              int64_t n, void *list, void *end) {                                  \
        type_ *to = list, *stop = end;                                                             \
        int64_t i = 0;                                                                             \
        for (; i + BLOCK <= n && stop - to > BLOCK; i += BLOCK)                                    \
            for (int64_t k = i; k < i + BLOCK; k++) {                                              \
                *to = *(const type_ *)(x + k * x_step);                                            \
                to += mask[k * mask_step] != 0;                                                    \
            }                                                                                      \
        for (; i < n; i++)                                                                         \
            if (mask[i * mask_step]) *to++ = *(const type_ *)(x + i * x_step);                     \
        return to;                                                                                 \
    }                                                                                              \
    static void *give_##name_(char *x, int64_t x_step, const char *mask, int64_t mask_step,        \
                              int64_t n, void *list, void *end) {                                  \
        const type_ *from = list;                                                                  \
        (void)end;                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            if (mask[i * mask_step]) *(type_ *)(x + i * x_step) = *from++;                         \
        return (void *)from;                                                                       \
    }
MARKED(1, uint8_t)
MARKED(2, uint16_t)
MARKED(4, uint32_t)
MARKED(8, uint64_t)

typedef void *(*MarkedLine)(char *x, int64_t x_step, const char *mask, int64_t mask_step, int64_t n,
                            void *list, void *end);

static void walk_marked(RtTensor *x, const RtTensor *mask, RtTensor *list, bool take) {
    static const MarkedLine takes[] = {take_1, take_2, take_4, take_8},
                            gives[] = {give_1, give_2, give_4, give_8};
    Pair pair = pair_of(x, mask);
    size_t bytes = rt_dtype_bytes((RtDtype)x->dtype);
    int slot = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
    MarkedLine line = take ? takes[slot] : gives[slot];
    int64_t at[RT_MAX_DIMS] = {0}, offsets[2] = {0, 0};
    const int64_t *const strides[2] = {pair.a, pair.b};
    int last = pair.n - 1;
    for (int i = 0; i < pair.n; i++)
        if (pair.dim[i] == 0) return;
    if (rt_tensor_is_contiguous(x) && rt_tensor_is_contiguous(mask) && x->numel == mask->numel &&
        x->ndim == mask->ndim) {
        last = 0; // one long line
        pair = (Pair){.n = 1, .dim = {x->numel}, .a = {(int64_t)bytes}, .b = {1}};
    }
    char *next = rt_tensor_data(list), *end = next + (size_t)list->numel * bytes;
    do
        next = line((char *)rt_tensor_data(x) + offsets[0], pair.a[last],
                    (const char *)rt_tensor_data(mask) + offsets[1], pair.b[last], pair.dim[last],
                    next, end);
    while (box_next(last, pair.dim, at, 2, offsets, strides));
}

void masked_read(RtTensor *x, const RtTensor *mask, RtTensor *out) {
    walk_marked(x, mask, out, true);
}

Status cpu_masked_select(OpCall *call) {
    masked_read(call->in[0], call->in[1], call->out[0]);
    return OK;
}

Status cpu_masked_scatter(OpCall *call) {
    RtTensor *x = call->in[0], *mask = call->in[1], *out = call->out[0],
             *source = tensor_dense(call->in[2]);
    if (!source) return error_code();
    if (out != x) { // x may be smaller: it broadcasts
        int64_t stride[RT_MAX_DIMS];
        size_t bytes = rt_dtype_bytes((RtDtype)x->dtype);
        spread_stride(x, out->ndim, stride);
        for (int i = 0; i < out->ndim; i++) stride[i] /= (int64_t)bytes;
        CopyPlan plan = copy_plan(bytes, out->ndim, out->shape, out->stride, stride);
        copy_run_parallel(&plan, rt_tensor_data(out), rt_tensor_data(x));
    }
    walk_marked(out, mask, source, false);
    return OK;
}

// ----------------------------------------------------------------------------------------- nonzero

#define MARK(type_, test_)                                                                         \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                          \
        type_ value = *(const type_ *)(line + i * step);                                           \
        marks[i] = (test_) != 0;                                                                   \
    }                                                                                              \
    break

static void mark_line(RtDtype dtype, const char *line, int64_t step, int64_t n, uint8_t *marks) {
    switch (dtype) {
    case RT_F32: MARK(float, value);
    case RT_F64: MARK(double, value);
    case RT_F16:
    case RT_BF16: MARK(uint16_t, value & 0x7fff); // all bits but the sign
    case RT_I64: MARK(int64_t, value);
    case RT_I32: MARK(int32_t, value);
    case RT_I16: MARK(int16_t, value);
    default: MARK(uint8_t, value);
    }
}

// Where marks are frequent a row is written for each element and the step depends on the mark: no
// branch to mispredict.
static int64_t *write_rows(int64_t *row, const int64_t *end, int ndim, const int64_t *at,
                           int64_t begin, const uint8_t *marks, int64_t n) {
    int64_t trues = 0;
    for (int64_t i = 0; i < n; i++) trues += marks[i];
    if (trues == 0) return row;
    bool frequent = trues * 8 > n && ndim <= 4 && end - row > n * ndim;
    for (int64_t i = 0; i < n; i++) {
        if (!frequent && !marks[i]) continue;
        for (int d = 0; d < ndim - 1; d++) row[d] = at[d];
        row[ndim - 1] = begin + i;
        row += marks[i] ? ndim : 0;
    }
    return row;
}

Status cpu_nonzero(OpCall *call) {
    RtTensor *x = call->in[0], *out = call->out[0];
    if (out->shape[0] == 0 || x->ndim == 0) return OK;
    int64_t *row = rt_tensor_data(out), at[RT_MAX_DIMS] = {0}, stride[RT_MAX_DIMS], offset = 0;
    const int64_t *const strides[1] = {stride};
    int last = x->ndim - 1;
    const int64_t *end = row + out->numel;
    uint8_t marks[LOOP_TILE];
    spread_stride(x, x->ndim, stride); // dimensions of size 1 do not move
    do {
        const char *line = (const char *)rt_tensor_data(x) + offset;
        for (int64_t begin = 0; begin < x->shape[last]; begin += LOOP_TILE) {
            int64_t n = x->shape[last] - begin < LOOP_TILE ? x->shape[last] - begin : LOOP_TILE;
            mark_line((RtDtype)x->dtype, line + begin * stride[last], stride[last], n, marks);
            row = write_rows(row, end, x->ndim, at, begin, marks, n);
        }
    } while (box_next(last, x->shape, at, 1, &offset, strides));
    return OK;
}

// Reductions over dimensions, and running sums and products. What is common to all reductions is in
// reduce_walk.c: here each says how it folds and what becomes of the cells.
#include "cpu/reduce.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/dims.h"

// What becomes of cells ---------------------------------------------------------------------------

static void write_out(const Reduction *reduction, int output, const void *values, RtDtype dtype,
                      int64_t n, int64_t at, int64_t stride) {
    const RtTensor *out = reduction->out[output];
    char *data = (char *)rt_tensor_data(out) + at * (int64_t)rt_dtype_bytes((RtDtype)out->dtype);
    convert_scatter(data, (RtDtype)out->dtype, stride, values, dtype, n);
}

#define FINISH(name_)                                                                              \
    static void finish_##name_(const Reduction *reduction, const Cell *cells, int64_t width,       \
                               int64_t n, const int64_t *at, const int64_t *stride)

FINISH(value) {
    write_out(reduction, 0, cells, reduction->class == CLASS_I64 ? RT_I64 : RT_F64, n, at[0],
              stride[0]);
    (void)width;
}

FINISH(index) { write_out(reduction, 0, cells + width, RT_I64, n, at[0], stride[0]); }

FINISH(value_index) {
    finish_value(reduction, cells, width, n, at, stride);
    write_out(reduction, 1, cells + width, RT_I64, n, at[1], stride[1]);
}

#define FINISH_F64(name_, value_)                                                                  \
    FINISH(name_) {                                                                                \
        double values[REDUCE_COLUMNS];                                                             \
        for (int64_t j = 0; j < n; j++) values[j] = value_;                                        \
        write_out(reduction, 0, values, RT_F64, n, at[0], stride[0]);                              \
        (void)width;                                                                               \
    }
FINISH(count) {
    write_out(reduction, 0, cells, RT_I64, n, at[0], stride[0]);
    (void)width;
}

FINISH_F64(mean, cells[j].f / (double)reduction->length)
FINISH_F64(variance, cells[width + j].f / fmax((double)reduction->length - reduction->scale, 0))
FINISH_F64(deviation,
           sqrt(cells[width + j].f / fmax((double)reduction->length - reduction->scale, 0)))
FINISH_F64(root, sqrt(cells[j].f))
FINISH_F64(power, pow(cells[j].f, 1 / reduction->p))
FINISH_F64(number, (double)cells[j].i)
FINISH_F64(logsumexp, isinf(cells[j].f) || isnan(cells[j].f) ? cells[j].f
                                                             : cells[j].f + log(cells[width + j].f))

#define FINISH_BOOL(name_, value_)                                                                 \
    FINISH(name_) {                                                                                \
        bool values[REDUCE_COLUMNS];                                                               \
        for (int64_t j = 0; j < n; j++) values[j] = value_;                                        \
        write_out(reduction, 0, values, RT_BOOL, n, at[0], stride[0]);                             \
        (void)width;                                                                               \
    }
FINISH_BOOL(any, cells[j].i > 0)
FINISH_BOOL(all, cells[j].i == reduction->length)

// Kernels -----------------------------------------------------------------------------------------

static Status reduce_attrs(OpCall *call, Reduction reduction) {
    TRY(dims_mask(call, &ATTRS_OF(call, reduce)->dim, call->in[0]->ndim, &reduction.dims));
    reduction.x = call->in[0];
    reduction.out[0] = call->out[0];
    reduction.nout = 1;
    return reduce_run(&reduction);
}

static Status reduce_dim(OpCall *call, FoldKind kind, FoldFinish finish) {
    int64_t dim = ATTRS_OF(call, dim)->dim;
    RtInts dims = dim == RT_INT_NONE ? RT_INTS_NONE : RT_INTS(dim);
    Reduction reduction = {.kind = kind,
                           .class = fold_class((RtDtype)call->in[0]->dtype),
                           .finish = finish,
                           .x = call->in[0],
                           .nout = call->nout,
                           .in_order = true};
    TRY(dims_mask(call, &dims, call->in[0]->ndim, &reduction.dims));
    for (int i = 0; i < call->nout; i++) reduction.out[i] = call->out[i];
    return reduce_run(&reduction);
}

static FoldClass class_of_input(const OpCall *call) {
    return fold_class((RtDtype)call->in[0]->dtype);
}
static FoldClass class_of_output(const OpCall *call) {
    return fold_class((RtDtype)call->out[0]->dtype);
}

#define REDUCE(name_, ...)                                                                         \
    Status cpu_##name_(OpCall *call) { return reduce_attrs(call, (Reduction){__VA_ARGS__}); }
REDUCE(sum, .kind = FOLD_SUM, .class = class_of_output(call), .finish = finish_value)
REDUCE(nansum_floats, .kind = FOLD_NUMBERS, .class = class_of_output(call), .finish = finish_value)
REDUCE(mean, .kind = FOLD_SUM, .class = class_of_output(call), .finish = finish_mean)
REDUCE(prod, .kind = FOLD_PRODUCT, .class = class_of_output(call), .finish = finish_value)
REDUCE(amax, .kind = FOLD_MAX, .class = class_of_input(call), .finish = finish_value)
REDUCE(amin, .kind = FOLD_MIN, .class = class_of_input(call), .finish = finish_value)
REDUCE(var, .kind = FOLD_MOMENTS, .class = class_of_input(call), .finish = finish_variance,
       .scale = reduce_correction(ATTRS_OF(call, reduce)))
REDUCE(std, .kind = FOLD_MOMENTS, .class = class_of_input(call), .finish = finish_deviation,
       .scale = reduce_correction(ATTRS_OF(call, reduce)))
REDUCE(all, .kind = FOLD_COUNT, .class = class_of_input(call), .finish = finish_all)
REDUCE(any, .kind = FOLD_COUNT, .class = class_of_input(call), .finish = finish_any)
REDUCE(count_nonzero, .kind = FOLD_COUNT, .class = class_of_input(call), .finish = finish_count)
REDUCE(logsumexp, .kind = FOLD_LOGSUMEXP, .class = class_of_input(call), .finish = finish_logsumexp)

Status cpu_norm(OpCall *call) {
    double p = rt_scalar_double(ATTRS_OF(call, reduce)->p);
    Reduction reduction = {
        .kind = FOLD_POWERS, .class = class_of_output(call), .finish = finish_power, .p = p};
    if (p == 2) {
        reduction.kind = FOLD_SQUARES;
        reduction.finish = finish_root;
    } else if (p == 1) {
        reduction.kind = FOLD_ABS;
        reduction.finish = finish_value;
    } else if (p == 0) {
        reduction.kind = FOLD_COUNT;
        reduction.finish = finish_number;
    } else if (isinf(p)) {
        reduction.kind = p > 0 ? FOLD_MAXABS : FOLD_MINABS;
        reduction.finish = finish_value;
    }
    return reduce_attrs(call, reduction);
}

Status cpu_max_dim(OpCall *call) { return reduce_dim(call, FOLD_ARGMAX, finish_value_index); }
Status cpu_min_dim(OpCall *call) { return reduce_dim(call, FOLD_ARGMIN, finish_value_index); }
Status cpu_argmax(OpCall *call) { return reduce_dim(call, FOLD_ARGMAX, finish_index); }
Status cpu_argmin(OpCall *call) { return reduce_dim(call, FOLD_ARGMIN, finish_index); }

// Running sums and products
// ----------------------------------------------------------------------------------------- x and y
// are (O, D, I) and contiguous: up to SCAN_WIDTH lines along D go side by side. Floats run in
// double.

#define SCAN_WIDTH 64
#define SCAN_LENGTH 256 // elements of a single line converted at a time

typedef struct Scan {
    const char *x;
    char *y;
    RtDtype x_dtype, y_dtype, work; // work: RT_F64 or RT_I64
    size_t x_bytes, y_bytes;
    int64_t D, I, tiles; // tiles of I
    bool product;
} Scan;

#define SCAN_STEPS(step_)                                                                          \
    if (n == 1) { /* the running value stays in a register */                                      \
        Cell a = run[0];                                                                           \
        for (int64_t d = 0; d < length; d++) {                                                     \
            Cell b = x[d];                                                                         \
            x[d] = a = (Cell){step_};                                                              \
        }                                                                                          \
        run[0] = a;                                                                                \
        return;                                                                                    \
    }                                                                                              \
    for (int64_t d = 0; d < length; d++)                                                           \
        for (int64_t j = 0; j < n; j++) {                                                          \
            Cell a = run[j], b = x[d * n + j];                                                     \
            x[d * n + j] = run[j] = (Cell){step_};                                                 \
        }
// n lines side by side: `length` elements of each become the running values.
static inline void scan_steps(const Scan *scan, Cell *run, Cell *x, int64_t length, int64_t n) {
    if (scan->work == RT_F64 && scan->product) {
        SCAN_STEPS(.f = a.f * b.f)
    } else if (scan->work == RT_F64) {
        SCAN_STEPS(.f = a.f + b.f)
    } else if (scan->product) {
        SCAN_STEPS(.i = (int64_t)((uint64_t)a.i * (uint64_t)b.i))
    } else {
        SCAN_STEPS(.i = (int64_t)((uint64_t)a.i + (uint64_t)b.i))
    }
}

static Cell scan_start(const Scan *scan) {
    if (!scan->product) return (Cell){.i = 0};
    return scan->work == RT_F64 ? (Cell){.f = 1} : (Cell){.i = 1};
}

static void scan_line(const Scan *scan, int64_t o) {
    Cell room[SCAN_LENGTH], run = scan_start(scan);
    const char *x = scan->x + o * scan->D * (int64_t)scan->x_bytes;
    char *y = scan->y + o * scan->D * (int64_t)scan->y_bytes;
    for (int64_t done = 0, n; done < scan->D; done += n) {
        n = scan->D - done < SCAN_LENGTH ? scan->D - done : SCAN_LENGTH;
        convert_run(room, scan->work, x + done * (int64_t)scan->x_bytes, scan->x_dtype, n);
        scan_steps(scan, &run, room, n, 1);
        convert_run(y + done * (int64_t)scan->y_bytes, scan->y_dtype, room, scan->work, n);
    }
}

static void scan_lines(const Scan *scan, int64_t o, int64_t tile) {
    Cell run[SCAN_WIDTH], room[SCAN_WIDTH];
    int64_t first = tile * SCAN_WIDTH,
            n = scan->I - first < SCAN_WIDTH ? scan->I - first : SCAN_WIDTH;
    for (int64_t j = 0; j < n; j++) run[j] = scan_start(scan);
    for (int64_t d = 0; d < scan->D; d++) {
        int64_t at = (o * scan->D + d) * scan->I + first;
        convert_run(room, scan->work, scan->x + at * (int64_t)scan->x_bytes, scan->x_dtype, n);
        scan_steps(scan, run, room, 1, n);
        convert_run(scan->y + at * (int64_t)scan->y_bytes, scan->y_dtype, room, scan->work, n);
    }
}

static void scan_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const Scan *scan = context;
    for (int64_t task = begin; task < end; task++) {
        if (scan->I == 1)
            scan_line(scan, task);
        else
            scan_lines(scan, task / scan->tiles, task % scan->tiles);
    }
    (void)chunk;
}

static Status run_scan(OpCall *call, bool product) {
    const RtTensor *x = call->in[0], *y = call->out[0];
    if (y->numel == 0) return OK;
    Along along = along_of(x, ATTRS_OF(call, dim)->dim);
    Scan scan = {.x = rt_tensor_data(x),
                 .y = rt_tensor_data(y),
                 .x_dtype = (RtDtype)x->dtype,
                 .y_dtype = (RtDtype)y->dtype,
                 .D = along.D,
                 .I = along.I,
                 .product = product};
    scan.work = rt_dtype_kind(scan.y_dtype) == RT_KIND_FLOAT ? RT_F64 : RT_I64;
    scan.x_bytes = rt_dtype_bytes(scan.x_dtype);
    scan.y_bytes = rt_dtype_bytes(scan.y_dtype);
    scan.tiles = (scan.I + SCAN_WIDTH - 1) / SCAN_WIDTH;
    int64_t each = scan.D * (scan.I < SCAN_WIDTH ? scan.I : SCAN_WIDTH);
    parallel_run(along.O * scan.tiles, PARALLEL_GRAIN / each + 1, scan_tasks, &scan);
    return OK;
}

Status cpu_cumsum(OpCall *call) { return run_scan(call, false); }
Status cpu_cumprod(OpCall *call) { return run_scan(call, true); }

// dx[k] = Σ_{i ≥ k} g[i] · Π_{j ≤ i, j ≠ k} x[j] = (Π_{j < k} x[j]) · t[k]  with  t[k] = g[k] +
// x[k+1] t[k+1]: no division, so zeros need no care.
typedef struct ScanBackward {
    const RtTensor *g, *x, *out;
    Along along;
} ScanBackward;

static void cumprod_backward_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const ScanBackward *scan = context;
    RtDtype dtype = (RtDtype)scan->x->dtype;
    int64_t D = scan->along.D, I = scan->along.I, bytes = (int64_t)rt_dtype_bytes(dtype);
    for (int64_t task = begin; task < end; task++) {
        int64_t at = (task / I * D * I + task % I) * bytes;
        const char *g = (char *)rt_tensor_data(scan->g) + at,
                   *x = (char *)rt_tensor_data(scan->x) + at;
        char *out = (char *)rt_tensor_data(scan->out) + at;
        double t = 0, value, next = 0, before = 1;
        for (int64_t k = D - 1; k >= 0; k--) { // t, kept where the result goes
            convert_run(&value, RT_F64, g + k * I * bytes, dtype, 1);
            t = value + next * t;
            convert_run(out + k * I * bytes, dtype, &t, RT_F64, 1);
            convert_run(&next, RT_F64, x + k * I * bytes, dtype, 1);
        }
        for (int64_t k = 0; k < D; k++) {
            convert_run(&t, RT_F64, out + k * I * bytes, dtype, 1);
            value = before * t;
            convert_run(out + k * I * bytes, dtype, &value, RT_F64, 1);
            convert_run(&value, RT_F64, x + k * I * bytes, dtype, 1);
            before *= value;
        }
    }
    (void)chunk;
}

Status cpu_cumprod_backward(OpCall *call) {
    if (call->out[0]->numel == 0) return OK;
    ScanBackward scan = {call->in[0], call->in[1], call->out[0],
                         along_of(call->in[1], ATTRS_OF(call, dim)->dim)};
    parallel_run(scan.along.O * scan.along.I, PARALLEL_GRAIN / scan.along.D + 1,
                 cumprod_backward_tasks, &scan);
    return OK;
}

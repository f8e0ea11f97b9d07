// Making tensors: constants, ranges, and the triangles of matrices.
#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/fill.h"
#include "cpu/loops.h"

#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------ one value

typedef struct Filling {
    char element[8];
    size_t bytes;
} Filling;

static void inner_fill(char *const *p, int64_t n, int64_t first, const void *context) {
    (void)first;
    const Filling *filling = context;
    fill_run(p[0], filling->element, filling->bytes, n);
}

void fill_tensor(RtTensor *tensor, const void *element) {
    RtDtype dtype = (RtDtype)tensor->dtype;
    Filling filling = {.bytes = rt_dtype_bytes(dtype)};
    memcpy(filling.element, element, filling.bytes);
    loop_run(&(Loop){.inner = inner_fill,
                     .context = &filling,
                     .nout = 1,
                     .operand = {tensor},
                     .work = {dtype},
                     .grain = (int64_t)(131072 / filling.bytes)});
}

void number_element(RtScalar number, RtDtype dtype, char out[8]) {
    if (number.kind == RT_SCALAR_FLOAT)
        convert_run(out, dtype, &number.f, RT_F64, 1);
    else
        convert_run(out, dtype, &number.i, RT_I64, 1);
}

static Status fill_number(OpCall *call, RtScalar number) {
    char element[8];
    number_element(number, call->dtype[0], element);
    fill_tensor(call->out[0], element);
    return OK;
}

Status cpu_empty(OpCall *call) {
    (void)call;
    return OK;
}
Status cpu_zeros(OpCall *call) { return fill_number(call, rt_int(0)); }
Status cpu_ones(OpCall *call) { return fill_number(call, rt_int(1)); }
Status cpu_full(OpCall *call) { return fill_number(call, ATTRS_OF(call, factory)->fill_value); }

// --------------------------------------------------------------------------------------- ranges

// Computed in int64 or double, whatever the dtype, and converted.
typedef struct Progression {
    int64_t start, step;
    double from, by, to, base;
    int64_t n;
} Progression;

static void inner_integers(char *const *p, int64_t n, int64_t first, const void *context) {
    const Progression *range = context;
    int64_t *y = (int64_t *)p[0];
    for (int64_t i = 0; i < n; i++)
        y[i] = (int64_t)((uint64_t)range->start + (uint64_t)(first + i) * (uint64_t)range->step);
}

static void inner_floats(char *const *p, int64_t n, int64_t first, const void *context) {
    const Progression *range = context;
    double *y = (double *)p[0];
    for (int64_t i = 0; i < n; i++) y[i] = range->from + (double)(first + i) * range->by;
}

// From both ends towards the middle, so that both ends are exact.
static double between_ends(const Progression *range, int64_t i) {
    return i < range->n / 2 || range->n == 1 ? range->from + (double)i * range->by
                                             : range->to - (double)(range->n - 1 - i) * range->by;
}

static void inner_linspace(char *const *p, int64_t n, int64_t first, const void *context) {
    double *y = (double *)p[0];
    for (int64_t i = 0; i < n; i++) y[i] = between_ends(context, first + i);
}

static void inner_logspace(char *const *p, int64_t n, int64_t first, const void *context) {
    const Progression *range = context;
    double *y = (double *)p[0];
    for (int64_t i = 0; i < n; i++) y[i] = pow(range->base, between_ends(range, first + i));
}

static Status run_progression(const OpCall *call, LoopInner inner, const Progression *range,
                              RtDtype work) {
    loop_run(&(Loop){.inner = inner,
                     .context = range,
                     .nout = 1,
                     .operand = {call->out[0]},
                     .work = {work},
                     .in_order = true});
    return OK;
}

Status cpu_arange(OpCall *call) {
    const RtAttrs_range *attrs = ATTRS_OF(call, range);
    if (rt_dtype_kind(call->dtype[0]) == RT_KIND_FLOAT) {
        Progression range = {.from = rt_scalar_double(attrs->start),
                             .by = rt_scalar_double(attrs->step)};
        return run_progression(call, inner_floats, &range, RT_F64);
    }
    Progression range = {.start = rt_scalar_int(attrs->start), .step = rt_scalar_int(attrs->step)};
    return run_progression(call, inner_integers, &range, RT_I64);
}

static Progression ends_of(const OpCall *call) {
    const RtAttrs_range *attrs = ATTRS_OF(call, range);
    Progression range = {.from = rt_scalar_double(attrs->start),
                         .to = rt_scalar_double(attrs->end),
                         .n = attrs->steps,
                         .base = attrs->base};
    if (range.n > 1) range.by = (range.to - range.from) / (double)(range.n - 1);
    return range;
}

Status cpu_linspace(OpCall *call) {
    Progression range = ends_of(call);
    return run_progression(call, inner_linspace, &range, RT_F64);
}

Status cpu_logspace(OpCall *call) {
    Progression range = ends_of(call);
    return run_progression(call, inner_logspace, &range, RT_F64);
}

Status cpu_eye(OpCall *call) {
    RtTensor *out = call->out[0];
    char one[8];
    fill_tensor(out, (const char[8]){0});
    number_element(rt_int(1), (RtDtype)out->dtype, one);
    size_t bytes = rt_dtype_bytes((RtDtype)out->dtype);
    int64_t n = out->shape[0] < out->shape[1] ? out->shape[0] : out->shape[1];
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)rt_tensor_data(out) + i * (out->stride[0] + out->stride[1]) * (int64_t)bytes,
               one, bytes);
    return OK;
}

// ------------------------------------------------------------------------------------ triangles

typedef struct Triangle {
    int64_t rows, columns, diagonal;
    size_t bytes;
    bool upper;
} Triangle;

static int64_t within(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

// A run may cover parts of several rows.
static void inner_triangle(char *const *p, int64_t n, int64_t first, const void *context) {
    const Triangle *triangle = context;
    size_t bytes = triangle->bytes;
    char *y = p[0];
    const char *x = p[1];
    for (int64_t done = 0; done < n;) {
        int64_t position = first + done, column = position % triangle->columns;
        int64_t row = position / triangle->columns % triangle->rows;
        int64_t end = within(column + n - done, column, triangle->columns);
        // Columns up to row + diagonal belong to the lower triangle; the upper one begins at that
        // column.
        int64_t edge = within(row + triangle->diagonal + !triangle->upper, column, end);
        int64_t keep = triangle->upper ? edge : column, keep_end = triangle->upper ? end : edge;
        int64_t zero = triangle->upper ? column : edge, zero_end = triangle->upper ? edge : end;
        if (x != y)
            memcpy(y + (size_t)(keep - column) * bytes, x + (size_t)(keep - column) * bytes,
                   (size_t)(keep_end - keep) * bytes);
        memset(y + (size_t)(zero - column) * bytes, 0, (size_t)(zero_end - zero) * bytes);
        x += (size_t)(end - column) * bytes;
        y += (size_t)(end - column) * bytes;
        done += end - column;
    }
}

static Status run_triangle(const OpCall *call, bool upper) {
    RtTensor *out = call->out[0];
    RtDtype dtype = (RtDtype)out->dtype;
    int64_t rows = out->shape[out->ndim - 2], columns = out->shape[out->ndim - 1];
    // Beyond the matrix every diagonal is the same; this also keeps row + diagonal from
    // overflowing.
    Triangle triangle = {.rows = rows,
                         .columns = columns,
                         .bytes = rt_dtype_bytes(dtype),
                         .upper = upper,
                         .diagonal =
                             within(ATTRS_OF(call, diagonal)->diagonal, -rows - 1, columns + 1)};
    loop_run(&(Loop){.inner = inner_triangle,
                     .context = &triangle,
                     .nout = 1,
                     .nin = 1,
                     .operand = {out, call->in[0]},
                     .work = {dtype, dtype},
                     .in_order = true});
    return OK;
}

Status cpu_tril(OpCall *call) { return run_triangle(call, false); }
Status cpu_triu(OpCall *call) { return run_triangle(call, true); }

// The k-th, middle and most frequent element of a line; running extremes; binary search.
#include "cpu/sort.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/dims.h"

// ------------------------------------------------------------------------- one element of a line

typedef enum Choice { CHOOSE_KTH, CHOOSE_MEDIAN, CHOOSE_NANMEDIAN, CHOOSE_MODE } Choice;

typedef struct Lines {
    const RtTensor *x;
    char *values;
    int64_t *indices;
    Choice choice;
    int dim;
    int64_t n, k; // k: which element, from 0
    Item *room;
} Lines;

// The key of NaN, which is that of no other element of the dtype.
static uint64_t nan_key(RtDtype dtype) { return dtype == RT_F64 ? UINT64_MAX : UINT32_MAX; }

static int64_t choose_median(const Lines *lines, Item *items) {
    int64_t n = lines->n, nans = 0, first = -1;
    if (rt_dtype_kind((RtDtype)lines->x->dtype) == RT_KIND_FLOAT) {
        uint64_t nan = nan_key((RtDtype)lines->x->dtype);
        for (int64_t i = n - 1; i >= 0; i--) {
            if (items[i].key != nan) continue;
            nans++;
            first = i;
        }
    }
    if (nans && (lines->choice == CHOOSE_MEDIAN || nans == n)) return first;
    return sort_select(items, items + n, n, (n - nans - 1) / 2).index;
}

static int64_t choose_mode(const Lines *lines, Item *items) {
    const Item *sorted = sort_items(items, items + lines->n, lines->n);
    int64_t best = 0, most = 0, begin = 0;
    for (int64_t i = 0; i < lines->n; i++) {
        if (sorted[i].key != sorted[begin].key) begin = i;
        if (i - begin + 1 <= most) continue;
        most = i - begin + 1;
        best = i;
    }
    return sorted[best].index;
}

static void choose_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Lines *lines = context;
    const RtTensor *x = lines->x;
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype);
    int64_t step = x->ndim ? x->stride[lines->dim] * bytes : bytes;
    Item *items = lines->room + 2 * lines->n * chunk;
    for (int64_t line = begin; line < end; line++) {
        int64_t at = line, in_x = 0;
        for (int i = x->ndim - 1; i >= 0; i--) {
            if (i == lines->dim) continue;
            in_x += at % x->shape[i] * x->stride[i];
            at /= x->shape[i];
        }
        const char *from = (const char *)rt_tensor_data(x) + in_x * bytes;
        sort_read_keys((RtDtype)x->dtype, from, step, lines->n, false, items);
        int64_t chosen = lines->choice == CHOOSE_KTH
                             ? sort_select(items, items + lines->n, lines->n, lines->k).index
                         : lines->choice == CHOOSE_MODE ? choose_mode(lines, items)
                                                        : choose_median(lines, items);
        memcpy(lines->values + line * bytes, from + chosen * step, (size_t)bytes);
        lines->indices[line] = chosen;
    }
}

static Status run_choice(OpCall *call, Choice choice, int64_t k) {
    const RtTensor *x = call->in[0];
    SortLines along = sort_lines_of(x, ATTRS_OF(call, dim)->dim);
    Lines lines = {.x = x,
                   .values = rt_tensor_data(call->out[0]),
                   .indices = rt_tensor_data(call->out[1]),
                   .choice = choice,
                   .dim = along.dim,
                   .n = along.n,
                   .k = k};
    if (x->numel == 0) return OK;
    if (!(lines.room = sort_room(&along))) return error_code();
    parallel_run(along.count, along.grain, choose_lines, &lines);
    return OK;
}

Status cpu_kthvalue(OpCall *call) {
    return run_choice(call, CHOOSE_KTH, ATTRS_OF(call, dim)->k - 1);
}
Status cpu_median_dim(OpCall *call) { return run_choice(call, CHOOSE_MEDIAN, 0); }
Status cpu_nanmedian_dim(OpCall *call) { return run_choice(call, CHOOSE_NANMEDIAN, 0); }
Status cpu_mode(OpCall *call) { return run_choice(call, CHOOSE_MODE, 0); }

// ------------------------------------------------------------------------------ running extremes
// x and y are (O, D, I) and contiguous; up to TILE neighbours along I go side by side, each row
// compared with the row of results before it.

#define TILE 64

typedef struct Extremes {
    const char *x;
    char *y;
    int64_t *index;
    RtDtype dtype;
    bool smallest;
    int64_t D, I, tiles;
} Extremes;

// NaN wins over numbers; of equals, and of NaN, the latest counts.
#define EXTREME_ROW(type_, value_)                                                                 \
    {                                                                                              \
        const type_ *x = (const type_ *)e->x + at;                                                 \
        type_ *y = (type_ *)e->y + at;                                                             \
        const type_ *before = y - e->I;                                                            \
        int64_t *index = e->index + at, *index_before = index - e->I;                              \
        for (int64_t j = 0; j < n; j++) {                                                          \
            bool takes = d == 0;                                                                   \
            if (!takes) {                                                                          \
                type_ u = x[j], v = before[j];                                                     \
                takes = value_(u) != value_(u) ||                                                  \
                        (e->smallest ? value_(u) <= value_(v) : value_(u) >= value_(v));           \
            }                                                                                      \
            y[j] = takes ? x[j] : before[j];                                                       \
            index[j] = takes ? d : index_before[j];                                                \
        }                                                                                          \
        break;                                                                                     \
    }
#define ITSELF(x_) (x_)
// The block for the element type, and what makes a number that can be compared of it.
#define FOR_DTYPE(dtype_, BLOCK_)                                                                  \
    switch (dtype_) {                                                                              \
    case RT_BOOL:                                                                                  \
    case RT_U8: BLOCK_(uint8_t, ITSELF)                                                            \
    case RT_I8: BLOCK_(int8_t, ITSELF)                                                             \
    case RT_I16: BLOCK_(int16_t, ITSELF)                                                           \
    case RT_I32: BLOCK_(int32_t, ITSELF)                                                           \
    case RT_I64: BLOCK_(int64_t, ITSELF)                                                           \
    case RT_F16: BLOCK_(RtF16, f32_of_f16)                                                         \
    case RT_BF16: BLOCK_(RtBf16, f32_of_bf16)                                                      \
    case RT_F32: BLOCK_(float, ITSELF)                                                             \
    default: BLOCK_(double, ITSELF)                                                                \
    }

static void extreme_row(const Extremes *e, int64_t at, int64_t d, int64_t n) {
    FOR_DTYPE(e->dtype, EXTREME_ROW)
}

// A single line: the extreme stays in a register.
#define EXTREME_LINE(type_, value_)                                                                \
    {                                                                                              \
        const type_ *x = (const type_ *)e->x + o * e->D;                                           \
        type_ *y = (type_ *)e->y + o * e->D, best = x[0];                                          \
        int64_t *index = e->index + o * e->D, at = 0;                                              \
        for (int64_t d = 0; d < e->D; d++) {                                                       \
            type_ u = x[d];                                                                        \
            if (value_(u) != value_(u) ||                                                          \
                (e->smallest ? value_(u) <= value_(best) : value_(u) >= value_(best))) {           \
                best = u;                                                                          \
                at = d;                                                                            \
            }                                                                                      \
            y[d] = best;                                                                           \
            index[d] = at;                                                                         \
        }                                                                                          \
        break;                                                                                     \
    }

static void extreme_line(const Extremes *e, int64_t o) { FOR_DTYPE(e->dtype, EXTREME_LINE) }

static void extreme_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const Extremes *e = context;
    (void)chunk;
    for (int64_t task = begin; task < end; task++) {
        int64_t o = task / e->tiles, first = task % e->tiles * TILE;
        int64_t n = e->I - first < TILE ? e->I - first : TILE;
        if (e->I == 1) {
            extreme_line(e, o);
            continue;
        }
        for (int64_t d = 0; d < e->D; d++) extreme_row(e, (o * e->D + d) * e->I + first, d, n);
    }
}

static int64_t task_grain(int64_t elements) { // tasks worth a thread
    return elements >= PARALLEL_GRAIN ? 1 : PARALLEL_GRAIN / (elements ? elements : 1);
}

static Status run_extremes(OpCall *call, bool smallest) {
    const RtTensor *x = call->in[0];
    if (x->numel == 0) return OK;
    Along along = along_of(x, ATTRS_OF(call, dim)->dim);
    Extremes e = {.x = rt_tensor_data(x),
                  .y = rt_tensor_data(call->out[0]),
                  .index = rt_tensor_data(call->out[1]),
                  .dtype = (RtDtype)x->dtype,
                  .smallest = smallest,
                  .D = along.D,
                  .I = along.I,
                  .tiles = (along.I + TILE - 1) / TILE};
    int64_t width = along.I < TILE ? along.I : TILE;
    parallel_run(along.O * e.tiles, task_grain(along.D * width), extreme_tasks, &e);
    return OK;
}

Status cpu_cummax(OpCall *call) { return run_extremes(call, false); }
Status cpu_cummin(OpCall *call) { return run_extremes(call, true); }

// ------------------------------------------------------------------- logarithms of running sums

typedef struct LogSums {
    const char *x;
    char *y;
    RtDtype dtype;
    int64_t bytes, D, I, tiles;
} LogSums;

static double log_sum(double a, double b) {
    if (a == b) return a + M_LN2; // both may be infinite
    return (a > b ? a : b) + log1p(exp(a > b ? b - a : a - b));
}

static void log_sum_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const LogSums *s = context;
    (void)chunk;
    for (int64_t task = begin; task < end; task++) {
        int64_t o = task / s->tiles, first = task % s->tiles * TILE;
        int64_t n = s->I - first < TILE ? s->I - first : TILE;
        double run[TILE], x[TILE];
        for (int64_t d = 0; d < s->D; d++) {
            int64_t at = ((o * s->D + d) * s->I + first) * s->bytes;
            convert_run(x, RT_F64, s->x + at, s->dtype, n);
            for (int64_t j = 0; j < n; j++) run[j] = d ? log_sum(run[j], x[j]) : x[j];
            convert_run(s->y + at, s->dtype, run, RT_F64, n);
        }
    }
}

Status cpu_logcumsumexp(OpCall *call) {
    const RtTensor *x = call->in[0];
    if (x->numel == 0) return OK;
    Along along = along_of(x, ATTRS_OF(call, dim)->dim);
    LogSums s = {.x = rt_tensor_data(x),
                 .y = rt_tensor_data(call->out[0]),
                 .dtype = (RtDtype)x->dtype,
                 .bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype),
                 .D = along.D,
                 .I = along.I,
                 .tiles = (along.I + TILE - 1) / TILE};
    int64_t width = along.I < TILE ? along.I : TILE;
    parallel_run(along.O * s.tiles, task_grain(along.D * width * 16), log_sum_tasks, &s);
    return OK;
}

// --------------------------------------------------------------------------------- binary search

typedef struct Search {
    const void *sequence, *input;
    const int64_t *sorter; // or NULL
    void *out;
    RtDtype dtype;
    bool right, narrow, shared; // out is int32; one sequence for all of input
    int64_t n, width;           // of a sequence, of a line of input
} Search;

#define SEARCH_ELEMENT(type_)                                                                      \
    {                                                                                              \
        const type_ *line = (const type_ *)s->sequence + start;                                    \
        type_ value = ((const type_ *)s->input)[i];                                                \
        while (low < high) {                                                                       \
            int64_t middle = low + (high - low) / 2;                                               \
            type_ here = line[order ? order[middle] : middle];                                     \
            if (s->right ? here > value : here >= value)                                           \
                high = middle;                                                                     \
            else                                                                                   \
                low = middle + 1;                                                                  \
        }                                                                                          \
        break;                                                                                     \
    }

static void search_elements(void *context, int64_t begin, int64_t end, int chunk) {
    const Search *s = context;
    (void)chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t start = s->shared ? 0 : i / s->width * s->n, low = 0, high = s->n;
        const int64_t *order = s->sorter ? s->sorter + start : NULL;
        switch (s->dtype) {
        case RT_I32: SEARCH_ELEMENT(int32_t)
        case RT_I64: SEARCH_ELEMENT(int64_t)
        case RT_F32: SEARCH_ELEMENT(float)
        default: SEARCH_ELEMENT(double)
        }
        if (s->narrow)
            ((int32_t *)s->out)[i] = (int32_t)low;
        else
            ((int64_t *)s->out)[i] = low;
    }
}

Status cpu_searchsorted(OpCall *call) {
    const RtTensor *sequence = call->in[0], *input = call->in[1], *sorter = call->in[2];
    const RtAttrs_search *attrs = ATTRS_OF(call, search);
    Search search = {.sequence = rt_tensor_data(sequence),
                     .input = rt_tensor_data(input),
                     .out = rt_tensor_data(call->out[0]),
                     .dtype = call->compute,
                     .right = attrs->right || attrs->side == 2,
                     .narrow = call->dtype[0] == RT_I32,
                     .shared = sequence->ndim == 1,
                     .n = sequence->shape[sequence->ndim - 1],
                     .width = input->ndim ? input->shape[input->ndim - 1] : 1};
    if (PRESENT(sorter)) {
        search.sorter = rt_tensor_data(sorter);
        for (int64_t i = 0; i < sorter->numel; i++)
            if (search.sorter[i] < 0 || search.sorter[i] >= search.n)
                return call_fail(
                    call, ERR_INDEX,
                    "sorter has the position %lld, but the sequences have %lld elements",
                    (long long)search.sorter[i], (long long)search.n);
    }
    parallel_run(input->numel, 1024, search_elements, &search);
    return OK;
}

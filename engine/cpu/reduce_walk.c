#include "cpu/reduce.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "tensor/storage.h"

#define PART_ELEMENTS 32768 // the least a part of one output is worth
#define MOST_PARTS 64

FoldClass fold_class(RtDtype dtype) {
    if (rt_dtype_kind(dtype) != RT_KIND_FLOAT) return CLASS_I64;
    return dtype == RT_F64 ? CLASS_F64 : CLASS_F32;
}

static const RtDtype class_dtype[CLASS_COUNT] = {RT_F32, RT_F64, RT_I64};
static const int planes_of[FOLD_COUNT_OF_KINDS] = {1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   1,
                                                   [FOLD_ARGMAX] = 2,
                                                   [FOLD_ARGMIN] = 2,
                                                   [FOLD_MOMENTS] = 3,
                                                   [FOLD_LOGSUMEXP] = 2};

// Integers ----------------------------------------------------------------------------------------
// They wrap around, as everywhere: hence the unsigned arithmetic.

#define FOLD_INT(kind_, step_)                                                                     \
    static void columns_int_##kind_(const void *from, int64_t rows, int64_t stride, int64_t n,     \
                                    Cell *cells, int64_t width, int64_t first, double p) {         \
        const int64_t *x = from;                                                                   \
        for (; rows > 0; rows--, x += stride)                                                      \
            for (int64_t j = 0; j < n; j++) {                                                      \
                int64_t a = cells[j].i, b = x[j];                                                  \
                cells[j].i = step_;                                                                \
            }                                                                                      \
        (void)width, (void)first, (void)p;                                                         \
    }                                                                                              \
    static void row_int_##kind_(const void *from, int64_t n, Cell *cell, int64_t first,            \
                                double p) {                                                        \
        const int64_t *x = from;                                                                   \
        int64_t a = cell->i;                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            int64_t b = x[i];                                                                      \
            a = step_;                                                                             \
        }                                                                                          \
        cell->i = a;                                                                               \
        (void)first, (void)p;                                                                      \
    }
FOLD_INT(sum, (int64_t)((uint64_t)a + (uint64_t)b))
FOLD_INT(product, (int64_t)((uint64_t)a *(uint64_t)b))
FOLD_INT(count, a + (b != 0))
FOLD_INT(max, b > a ? b : a)
FOLD_INT(min, b < a ? b : a)

#define ARG_INT(kind_, better_)                                                                    \
    static void columns_int_##kind_(const void *from, int64_t rows, int64_t stride, int64_t n,     \
                                    Cell *cells, int64_t width, int64_t first, double p) {         \
        const int64_t *x = from;                                                                   \
        for (int64_t r = 0; r < rows; r++, x += stride)                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                bool take = x[j] better_ cells[j].i || cells[width + j].i < 0;                     \
                cells[j].i = take ? x[j] : cells[j].i;                                             \
                cells[width + j].i = take ? first + r : cells[width + j].i;                        \
            }                                                                                      \
        (void)p;                                                                                   \
    }                                                                                              \
    static void row_int_##kind_(const void *from, int64_t n, Cell *cell, int64_t first,            \
                                double p) {                                                        \
        columns_int_##kind_(from, n, 1, 1, cell, 1, first, p);                                     \
    }
ARG_INT(argmax, >)
ARG_INT(argmin, <)

#define LINE_INT(form_)                                                                            \
    {                                                                                              \
        [FOLD_SUM] = form_##_int_sum, [FOLD_PRODUCT] = form_##_int_product,                        \
        [FOLD_COUNT] = form_##_int_count, [FOLD_MAX] = form_##_int_max,                            \
        [FOLD_MIN] = form_##_int_min, [FOLD_ARGMAX] = form_##_int_argmax,                          \
        [FOLD_ARGMIN] = form_##_int_argmin,                                                        \
    }
static const FoldRow rows_int[FOLD_COUNT_OF_KINDS] = LINE_INT(row);
static const FoldColumns columns_int[FOLD_COUNT_OF_KINDS] = LINE_INT(columns);

// Cells -------------------------------------------------------------------------------------------

static Cell cell_start(const Reduction *reduction, int plane) {
    bool ints = reduction->class == CLASS_I64;
    switch (reduction->kind) {
    case FOLD_PRODUCT: return ints ? (Cell){.i = 1} : (Cell){.f = 1};
    case FOLD_MAX:
    case FOLD_MAXABS: return ints ? (Cell){.i = INT64_MIN} : (Cell){.f = -INFINITY};
    case FOLD_MIN:
    case FOLD_MINABS: return ints ? (Cell){.i = INT64_MAX} : (Cell){.f = INFINITY};
    case FOLD_ARGMAX:
    case FOLD_ARGMIN: return (Cell){.i = -plane}; // plane 1: no index yet
    case FOLD_LOGSUMEXP: return (Cell){.f = plane ? 0 : -INFINITY};
    default: return (Cell){.i = 0};
    }
}

static void cells_start(const Reduction *reduction, Cell *cells, int64_t width) {
    for (int plane = 0; plane < planes_of[reduction->kind]; plane++)
        for (int64_t j = 0; j < width; j++) cells[plane * width + j] = cell_start(reduction, plane);
}

// cells ← cells, then what a later part found.
static void cells_merge(const Reduction *reduction, Cell *cells, const Cell *later, int64_t width) {
    bool ints = reduction->class == CLASS_I64;
    for (int64_t j = 0; j < width; j++) {
        Cell *a = &cells[j];
        const Cell *b = &later[j];
        switch (reduction->kind) {
        case FOLD_COUNT: a->i += b->i; break;
        case FOLD_PRODUCT:
            if (ints)
                a->i = (int64_t)((uint64_t)a->i * (uint64_t)b->i);
            else
                a->f *= b->f;
            break;
        case FOLD_MAX:
        case FOLD_MAXABS:
            if (ints ? b->i > a->i : b->f > a->f || b->f != b->f) *a = *b;
            break;
        case FOLD_MIN:
        case FOLD_MINABS:
            if (ints ? b->i < a->i : b->f < a->f || b->f != b->f) *a = *b;
            break;
        case FOLD_ARGMAX:
        case FOLD_ARGMIN: {
            bool max = reduction->kind == FOLD_ARGMAX, better;
            if (ints)
                better = max ? b->i > a->i : b->i < a->i;
            else
                better = (max ? b->f > a->f : b->f < a->f) || (b->f != b->f && a->f == a->f);
            if (b[width].i >= 0 && (better || a[width].i < 0)) {
                a[0] = b[0];
                a[width] = b[width];
            }
            break;
        }
        case FOLD_MOMENTS: {
            double n = a[2 * width].f, m = b[2 * width].f, delta = b->f - a->f;
            if (m == 0) break;
            a->f = n > 0 ? a->f + delta * m / (n + m) : b->f;
            a[width].f += b[width].f + (n > 0 ? delta * delta * n * m / (n + m) : 0);
            a[2 * width].f = n + m;
            break;
        }
        case FOLD_LOGSUMEXP: {
            double before = a->f, top = b->f > before || b->f != b->f ? b->f : before;
            a->f = top;
            if (isinf(top)) break;
            a[width].f = a[width].f * exp(before - top) + b[width].f * exp(b->f - top);
            break;
        }
        default: // sums
            if (ints)
                a->i = (int64_t)((uint64_t)a->i + (uint64_t)b->i);
            else
                a->f += b->f;
        }
    }
}

// The plan ----------------------------------------------------------------------------------------

typedef struct Dim {
    int64_t size, step, out_step[2]; // in elements
} Dim;

typedef struct Plan {
    const Reduction *reduction;
    FoldRow row;
    FoldColumns columns;
    Dim keep[RT_MAX_DIMS], gone[RT_MAX_DIMS]; // the innermost is the last; at least one each
    int nkeep, ngone;
    RtDtype dtype, work;
    size_t bytes, work_bytes;
    const char *data;
    bool by_rows, direct;  // direct: elements are folded where they lie
    int64_t length, outer; // reduced elements; combinations of the outer kept dimensions
    int64_t width, tiles;  // a tile is `width` outputs of the innermost kept dimension
    int64_t parts, part;   // the reduced elements of a tile are cut into `parts` of at most `part`
    Cell *partial;
} Plan;

static int64_t distance(int64_t step) { return step == 0 ? INT64_MAX : step < 0 ? -step : step; }

// Innermost the smallest step; then dimensions that lie behind one another become one.
static int order_dims(Dim *dims, int n, bool sort) {
    for (int i = 1; sort && i < n; i++)
        for (int j = i; j > 0 && distance(dims[j].step) > distance(dims[j - 1].step); j--) {
            Dim dim = dims[j];
            dims[j] = dims[j - 1];
            dims[j - 1] = dim;
        }
    if (n == 0) {
        dims[0] = (Dim){.size = 1};
        return 1;
    }
    int last = 0;
    for (int i = 1; i < n; i++) {
        Dim *a = &dims[last], *b = &dims[i];
        bool merge = a->step == b->step * b->size;
        for (int k = 0; k < 2; k++) merge = merge && a->out_step[k] == b->out_step[k] * b->size;
        if (merge)
            *a = (Dim){a->size * b->size, b->step, {b->out_step[0], b->out_step[1]}};
        else
            dims[++last] = *b;
    }
    return last + 1;
}

static void plan_dims(Plan *plan) {
    const Reduction *reduction = plan->reduction;
    const RtTensor *x = reduction->x;
    bool same_rank = reduction->out[0]->ndim == x->ndim;
    plan->length = 1;
    for (int i = 0, kept = 0; i < x->ndim; i++) {
        if (reduction->dims >> i & 1) {
            plan->length *= x->shape[i];
            if (x->shape[i] != 1)
                plan->gone[plan->ngone++] = (Dim){x->shape[i], x->stride[i], {0, 0}};
            continue;
        }
        Dim dim = {x->shape[i], x->stride[i], {0, 0}};
        for (int k = 0; k < reduction->nout; k++)
            dim.out_step[k] = reduction->out[k]->stride[same_rank ? i : kept];
        if (dim.size != 1) plan->keep[plan->nkeep++] = dim;
        kept++;
    }
    plan->nkeep = order_dims(plan->keep, plan->nkeep, true);
    plan->ngone = order_dims(plan->gone, plan->ngone, !reduction->in_order);
}

static void plan_form(Plan *plan, int64_t outputs) {
    int64_t keep_step = plan->keep[plan->nkeep - 1].step,
            gone_step = plan->gone[plan->ngone - 1].step;
    bool native = plan->dtype == plan->work;
    if (outputs == 1)
        plan->by_rows = true;
    else if (gone_step == 1 || keep_step != 1)
        plan->by_rows = plan->length >= 32;
    plan->direct =
        native && (plan->by_rows ? plan->ngone == 1 && (gone_step == 1 || plan->length == 1)
                                 : keep_step == 1);
    int64_t inner = plan->keep[plan->nkeep - 1].size, most = REDUCE_COLUMNS;
    if (plan->by_rows) {
        most = PARALLEL_GRAIN / (plan->length + 1) + 1;
        if (most > REDUCE_COLUMNS) most = REDUCE_COLUMNS;
    }
    plan->width = inner < most ? inner : most;
    plan->tiles = (inner + plan->width - 1) / plan->width;
    plan->outer = outputs / inner;

    int64_t tasks = plan->outer * plan->tiles, work = plan->length * outputs;
    plan->parts = 1;
    plan->part = plan->length;
    if (tasks >= MOST_PARTS / 2 || work < 2 * PART_ELEMENTS) return;
    int64_t parts = work / PART_ELEMENTS / tasks;
    if (parts > MOST_PARTS / tasks) parts = MOST_PARTS / tasks;
    if (parts > plan->length) parts = plan->length;
    if (parts < 2) return;
    plan->part = (plan->length + parts - 1) / parts;
    if (plan->by_rows) plan->part = (plan->part + REDUCE_RUN - 1) / REDUCE_RUN * REDUCE_RUN;
    plan->parts = (plan->length + plan->part - 1) / plan->part;
}

// Offset of position `index` of the first n dimensions, counted row by row.
static int64_t offset_of(const Dim *dims, int n, int64_t index) {
    int64_t offset = 0;
    for (int i = n - 1; i >= 0 && index; i--) {
        offset += index % dims[i].size * dims[i].step;
        index /= dims[i].size;
    }
    return offset;
}

// Walking -----------------------------------------------------------------------------------------

// Reduced elements `begin` to `begin + n` that belong to base, side by side.
static void gather_run(const Plan *plan, const char *base, int64_t begin, int64_t n, char *tile) {
    const Dim *inner = &plan->gone[plan->ngone - 1];
    for (int64_t done = 0, run; done < n; done += run) {
        int64_t at = (begin + done) % inner->size, rest = (begin + done) / inner->size;
        run = inner->size - at < n - done ? inner->size - at : n - done;
        int64_t offset = offset_of(plan->gone, plan->ngone - 1, rest) + at * inner->step;
        convert_gather(tile + (size_t)done * plan->work_bytes, plan->work,
                       base + offset * (int64_t)plan->bytes, plan->dtype, inner->step, run);
    }
}

static void fold_rows(const Plan *plan, const char *base, int64_t begin, int64_t end, Cell *cells,
                      int64_t n) {
    _Alignas(64) char tile[REDUCE_RUN * 8];
    const Reduction *reduction = plan->reduction;
    int64_t step = plan->keep[plan->nkeep - 1].step * (int64_t)plan->bytes;
    int planes = planes_of[reduction->kind];
    for (int64_t j = 0; j < n; j++, base += step) {
        Cell cell[FOLD_PLANES];
        cells_start(reduction, cell, 1);
        for (int64_t at = begin; at < end; at += REDUCE_RUN) {
            int64_t run = end - at < REDUCE_RUN ? end - at : REDUCE_RUN;
            const void *x = tile;
            if (plan->direct)
                x = base + at * (int64_t)plan->bytes;
            else
                gather_run(plan, base, at, run, tile);
            plan->row(x, run, cell, at, reduction->p);
        }
        for (int plane = 0; plane < planes; plane++) cells[plane * n + j] = cell[plane];
    }
}

#define TILE_ROWS 8

static void fold_columns(const Plan *plan, const char *base, int64_t begin, int64_t end,
                         Cell *cells, int64_t n) {
    _Alignas(64) char tile[TILE_ROWS * REDUCE_COLUMNS * 8];
    const Reduction *reduction = plan->reduction;
    const Dim *inner = &plan->gone[plan->ngone - 1];
    cells_start(reduction, cells, n);
    for (int64_t at = begin, run; at < end; at += run) {
        int64_t in = at % inner->size;
        run = inner->size - in < end - at ? inner->size - in : end - at;
        const char *x =
            base + (offset_of(plan->gone, plan->ngone - 1, at / inner->size) + in * inner->step) *
                       (int64_t)plan->bytes;
        if (plan->direct) {
            plan->columns(x, run, inner->step, n, cells, n, at, reduction->p);
            continue;
        }
        if (run > TILE_ROWS) run = TILE_ROWS;
        for (int64_t r = 0; r < run; r++)
            convert_gather(tile + (size_t)(r * n) * plan->work_bytes, plan->work,
                           x + r * inner->step * (int64_t)plan->bytes, plan->dtype,
                           plan->keep[plan->nkeep - 1].step, n);
        plan->columns(tile, run, n, n, cells, n, at, reduction->p);
    }
}

static int64_t cells_of_task(const Plan *plan) {
    return plan->width * planes_of[plan->reduction->kind];
}

static int64_t tile_width(const Plan *plan, int64_t tile) {
    int64_t left = plan->keep[plan->nkeep - 1].size - tile * plan->width;
    return left < plan->width ? left : plan->width;
}

static void finish_tile(const Plan *plan, int64_t outer, int64_t tile, const Cell *cells,
                        int64_t n) {
    int64_t at[2], stride[2];
    const Dim *inner = &plan->keep[plan->nkeep - 1];
    for (int k = 0; k < 2; k++) {
        at[k] = tile * plan->width * inner->out_step[k];
        stride[k] = inner->out_step[k];
        int64_t index = outer;
        for (int i = plan->nkeep - 2; i >= 0 && index; i--) {
            at[k] += index % plan->keep[i].size * plan->keep[i].out_step[k];
            index /= plan->keep[i].size;
        }
    }
    plan->reduction->finish(plan->reduction, cells, n, n, at, stride);
}

static void run_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const Plan *plan = context;
    Cell room[FOLD_PLANES * REDUCE_COLUMNS];
    for (int64_t task = begin; task < end; task++) {
        int64_t part = task % plan->parts, place = task / plan->parts;
        int64_t tile = place % plan->tiles, outer = place / plan->tiles, n = tile_width(plan, tile);
        int64_t offset = offset_of(plan->keep, plan->nkeep - 1, outer) +
                         tile * plan->width * plan->keep[plan->nkeep - 1].step;
        const char *base = plan->data + offset * (int64_t)plan->bytes;
        int64_t first = part * plan->part, last = first + plan->part;
        if (last > plan->length) last = plan->length;
        Cell *cells = plan->partial ? plan->partial + task * cells_of_task(plan) : room;
        (plan->by_rows ? fold_rows : fold_columns)(plan, base, first, last, cells, n);
        if (!plan->partial) finish_tile(plan, outer, tile, cells, n);
    }
    (void)chunk;
}

Status reduce_run(Reduction *reduction) {
    const RtTensor *x = reduction->x;
    int64_t outputs = reduction->out[0]->numel;
    if (outputs == 0) return OK;
    Plan plan = {
        .reduction = reduction, .dtype = (RtDtype)x->dtype, .work = class_dtype[reduction->class]};
    plan.bytes = rt_dtype_bytes(plan.dtype);
    plan.work_bytes = rt_dtype_bytes(plan.work);
    plan.data = rt_tensor_data(x);
    bool ints = reduction->class == CLASS_I64;
    plan.row = ints ? rows_int[reduction->kind]
                    : ISA_PICK(fold_loops)->row[reduction->class][reduction->kind];
    plan.columns = ints ? columns_int[reduction->kind]
                        : ISA_PICK(fold_loops)->columns[reduction->class][reduction->kind];
    plan_dims(&plan);
    reduction->length = plan.length;
    plan_form(&plan, outputs);

    int64_t places = plan.outer * plan.tiles, tasks = places * plan.parts;
    RtStorage *room = NULL;
    if (plan.parts > 1) {
        room = storage_new((size_t)(tasks * cells_of_task(&plan)) * sizeof(Cell),
                           (RtDevice){RT_CPU, 0});
        if (!room) return error_code();
        plan.partial = room->data;
    }
    int64_t each = plan.part * plan.width;
    parallel_run(tasks, PARALLEL_GRAIN / (each ? each : 1) + 1, run_tasks, &plan);
    for (int64_t place = 0; plan.partial && place < places; place++) {
        int64_t tile = place % plan.tiles, n = tile_width(&plan, tile);
        Cell *cells = plan.partial + place * plan.parts * cells_of_task(&plan);
        for (int64_t part = 1; part < plan.parts; part++)
            cells_merge(reduction, cells, cells + part * cells_of_task(&plan), n);
        finish_tile(&plan, place / plan.tiles, tile, cells, n);
    }
    if (room) storage_drop(room);
    return OK;
}

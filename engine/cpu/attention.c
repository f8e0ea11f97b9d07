// Attention in tiles (Dao et al., NeurIPS 2022; the running maximum is Milakov and Gimelshein's,
// arXiv 1805.02867). N, H, T, S, D, V: batch, heads of the query, queries, keys, width of query and
// key, width of the value; K heads of keys and values, each for H / K heads of the query.
//
// Forward, a block of queries at a time: scores with a block of keys, weights e^(score - maximum so
// far), output += weights · values, both rescaled when the maximum grows. Backward computes the
// weights again from logsumexp: p = e^(score - lse), dv = pᵀ g, ds = p (g vᵀ - g · out) scale,
// dq = ds k, dk = dsᵀ q.
#include "cpu/attention.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/dropout.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"
#include "tensor/random.h"

enum {
    ROWS = 64,          // queries of a tile
    COLUMNS = 512,      // keys of a tile, forward
    BACK_COLUMNS = 256, // and backward, where two tiles are in use
    PAD = 16,           // so that the rows of a tile do not share cache sets
};

// A tensor as (N, heads, rows, width), strides in elements.
typedef struct Heads {
    char *data;
    RtDtype dtype;
    int64_t n, h, row, column;
} Heads;

typedef struct Flash {
    RtDtype work;
    int64_t bytes; // of an element of work
    const GemmKernels *gemm;
    const AttentionLoops *loops;
    int64_t N, H, K, T, S, D, V;
    Heads q, k, v, out, g, dq, dk, dv;
    const RtTensor *mask; // or RT_NONE
    int64_t mask_stride[4];
    char *lse;
    bool causal;
    double scale, keep; // keep: 1 / (1 - p), 0 for p = 1
    bool drop;
    uint64_t seed, position;
    uint32_t threshold;
    int64_t blocks; // of queries
    int64_t splits; // of the queries of a head, backward
    char *room;     // one part's room after the other's
    int64_t room_bytes;
    char *sums; // dk and dv of each split, or NULL: they are the outputs themselves
} Flash;

static Heads heads_of(const RtTensor *x, bool rows_first) { // rows first: (N, rows, heads, width)
    return (Heads){.data = rt_tensor_data(x),
                   .dtype = (RtDtype)x->dtype,
                   .n = x->stride[0],
                   .h = x->stride[rows_first ? 2 : 1],
                   .row = x->stride[rows_first ? 1 : 2],
                   .column = x->stride[3]};
}

static Flash flash_of(const RtTensor *q, const RtTensor *k, const RtTensor *v, const RtTensor *mask,
                      const RtAttrs_attention *attrs) {
    Flash f = {.N = q->shape[0],
               .H = q->shape[1],
               .K = k->shape[1],
               .T = q->shape[2],
               .S = k->shape[2],
               .D = q->shape[3],
               .V = v->shape[3],
               .q = heads_of(q, false),
               .k = heads_of(k, false),
               .v = heads_of(v, false),
               .mask = mask,
               .causal = attrs->is_causal,
               .scale = rt_scalar_double(attrs->scale),
               .drop = attrs->dropout_p > 0,
               .keep = attrs->dropout_p < 1 ? 1 / (1 - attrs->dropout_p) : 0,
               .seed = (uint64_t)attrs->seed,
               .position = (uint64_t)attrs->position};
    f.work = q->dtype == RT_F64 ? RT_F64 : RT_F32;
    f.bytes = (int64_t)rt_dtype_bytes(f.work);
    f.gemm = gemm_kernels(f.work);
    f.loops = &ISA_PICK(attention_table)->of[f.work == RT_F64];
    f.threshold = attrs->dropout_p < 1 ? (uint32_t)(attrs->dropout_p * 4294967296.0) : UINT32_MAX;
    f.blocks = (f.T + ROWS - 1) / ROWS;
    for (int i = 0; PRESENT(mask) && i < mask->ndim; i++)
        f.mask_stride[4 - mask->ndim + i] = mask->shape[i] == 1 ? 0 : mask->stride[i];
    return f;
}

// Matrices ------------------------------------------------------------------------------------

typedef struct Rows {
    void *data;
    int64_t step; // from row to row
} Rows;

static char *head_row(const Heads *x, int64_t n, int64_t h, int64_t row) {
    return x->data + (n * x->n + h * x->h + row * x->row) * (int64_t)rt_dtype_bytes(x->dtype);
}

// Whether rows can be used where they lie.
static bool lies_ready(const Flash *f, const Heads *x, int64_t width) {
    return x->dtype == f->work && (x->column == 1 || width == 1);
}

// `count` rows of a head as the kernels want them: where they lie, or copied to room.
static Rows rows_of(const Flash *f, const Heads *x, int64_t n, int64_t h, int64_t first,
                    int64_t count, int64_t width, char *room) {
    if (lies_ready(f, x, width)) return (Rows){head_row(x, n, h, first), x->row};
    for (int64_t i = 0; i < count; i++)
        convert_gather(room + i * width * f->bytes, f->work, head_row(x, n, h, first + i), x->dtype,
                       x->column, width);
    return (Rows){room, width};
}

static int64_t padded(int64_t n) { return (n + 15) / 16 * 16 + PAD; }

// C (m, n) = A B, or C += A B.
static void multiply(const Flash *f, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row,
                     int64_t a_column, Rows b, void *c, int64_t ldc, bool add) {
    f->gemm->product(&(GemmProduct){.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .b = b.data,
                                    .a_row = a_row,
                                    .a_column = a_column,
                                    .b_row = b.step,
                                    .b_column = 1,
                                    .c = c,
                                    .ldc = ldc,
                                    .init = add ? GEMM_ADD : GEMM_ZERO},
                     NULL);
}

// Keys or values of a head, turned: (width, S), rows padded(S) apart.
static void turn_head(const Flash *f, Rows from, int64_t width, char *to) {
    f->gemm->transpose(width, f->S, from.data, from.step, to, padded(f->S));
}

static Rows columns_from(const Flash *f, char *turned, int64_t column) {
    return (Rows){turned + column * f->bytes, padded(f->S)};
}

// Masks and dropout ---------------------------------------------------------------------------

static void set_number(const Flash *f, void *values, int64_t i, double value) {
    if (f->work == RT_F64)
        ((double *)values)[i] = value;
    else
        ((float *)values)[i] = (float)value;
}

static double number_at(const Flash *f, const void *values, int64_t i) {
    return f->work == RT_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

// to[x] = yes where the byte is set, else no.
static void spread(const Flash *f, void *to, const uint8_t *bytes, int64_t stride, int64_t count,
                   double yes, double no) {
    if (f->work == RT_F64)
        for (int64_t x = 0; x < count; x++) ((double *)to)[x] = bytes[x * stride] ? yes : no;
    else
        for (int64_t x = 0; x < count; x++)
            ((float *)to)[x] = bytes[x * stride] ? (float)yes : (float)no;
}

// What is added to the scores of query i with keys from j on; NULL: nothing. A line that is the
// same for all queries of a block is made once (`fresh`: of the first).
static const void *mask_line(const Flash *f, int64_t n, int64_t h, int64_t i, int64_t j,
                             int64_t count, bool fresh, char *room) {
    if (!PRESENT(f->mask)) return NULL;
    const int64_t *stride = f->mask_stride;
    RtDtype dtype = (RtDtype)f->mask->dtype;
    int64_t at = n * stride[0] + h * stride[1] + i * stride[2] + j * stride[3];
    const char *from = (const char *)rt_tensor_data(f->mask) + at * (int64_t)rt_dtype_bytes(dtype);
    if (dtype == f->work && stride[3] == 1) return from;
    if (stride[2] == 0 && !fresh) return room;
    if (dtype != RT_BOOL) {
        convert_gather(room, f->work, from, dtype, stride[3], count);
        return room;
    }
    spread(f, room, (const uint8_t *)from, stride[3], count, 0, -INFINITY);
    return room;
}

// 0 or 1 / (1 - p) for query i and keys from j on, a multiple of 4: each line of scores begins a
// Philox block.
static const void *keep_line(const Flash *f, int64_t n, int64_t h, int64_t i, int64_t j,
                             int64_t count, bool *bits, char *room) {
    if (!f->drop) return NULL;
    uint64_t line = (uint64_t)((n * f->H + h) * f->T + i);
    uint64_t position = f->position + line * RANDOM_BLOCKS(f->S, 1) + (uint64_t)j / 4;
    ISA_PICK(dropout_loops)->draw(f->seed, position, (count + 3) / 4, f->threshold, bits);
    spread(f, room, (const uint8_t *)bits, 1, count, f->keep, 0);
    return room;
}

// How many keys query i sees, of `count` from j on.
static int64_t visible(const Flash *f, int64_t i, int64_t j, int64_t count) {
    if (!f->causal) return count;
    int64_t seen = i + 1 - j;
    return seen < 0 ? 0 : seen < count ? seen : count;
}

// Keys that the queries before `end` see.
static int64_t reach(const Flash *f, int64_t end) { return f->causal && end < f->S ? end : f->S; }

// Forward -------------------------------------------------------------------------------------

typedef struct FlashRoom {
    char *keys, *rows, *copies, *scores, *output, *mask, *keep;
    bool *bits;
    double top[ROWS], sum[ROWS];
} FlashRoom;

// The parts of one thread's room, cut off one after the other; `base` NULL only measures.
typedef struct Cutter {
    char *base;
    int64_t used;
} Cutter;

static char *cut_off(Cutter *cutter, int64_t bytes) {
    char *at = cutter->base ? cutter->base + cutter->used : NULL;
    cutter->used += (bytes + 63) / 64 * 64;
    return at;
}

static int64_t forward_room(const Flash *f, char *base, FlashRoom *room) {
    Cutter cutter = {.base = base};
    bool ready = lies_ready(f, &f->k, f->D) && lies_ready(f, &f->v, f->V);
    int64_t wide = f->D > f->V ? f->D : f->V;
    room->keys = cut_off(&cutter, f->D * padded(f->S) * f->bytes);
    room->rows = cut_off(&cutter, ROWS * f->D * f->bytes);
    room->copies = cut_off(&cutter, ready ? 0 : f->S * wide * f->bytes);
    room->scores = cut_off(&cutter, ROWS * (COLUMNS + PAD) * f->bytes);
    room->output = cut_off(&cutter, ROWS * f->V * f->bytes);
    room->mask = cut_off(&cutter, COLUMNS * f->bytes);
    room->keep = cut_off(&cutter, COLUMNS * f->bytes);
    room->bits = (bool *)cut_off(&cutter, COLUMNS + 4);
    return cutter.used;
}

// The scores of `m` queries from i on with `count` keys from j on become weights.
static void weigh_tile(const Flash *f, FlashRoom *room, int64_t n, int64_t h, int64_t i, int64_t m,
                       int64_t j, int64_t count) {
    const AttentionLoops *loops = f->loops;
    for (int64_t row = 0; row < m; row++) {
        char *line = room->scores + row * (COLUMNS + PAD) * f->bytes;
        int64_t seen = visible(f, i + row, j, count);
        const void *mask = mask_line(f, n, h, i + row, j, count, row == 0, room->mask);
        double top = loops->top(line, mask, seen, f->scale), old = room->top[row];
        if (!(top > old)) top = old;
        // As long as nothing is seen the maximum is -inf; e^(-inf - 0) is 0 all the same, and nan
        // stays nan.
        double shift = top == -INFINITY ? 0 : top, fade = old == -INFINITY ? 0 : exp(old - top);
        double sum = loops->weigh(line, seen, mask ? 1 : f->scale, shift);
        room->sum[row] = room->sum[row] * fade + sum;
        room->top[row] = top;
        if (j > 0 && fade != 1) loops->scale(room->output + row * f->V * f->bytes, fade, f->V);
        memset(line + seen * f->bytes, 0, (size_t)((count - seen) * f->bytes));
        const void *keep = keep_line(f, n, h, i + row, j, count, room->bits, room->keep);
        if (keep) loops->times(line, keep, seen);
    }
}

static void forward_parts(void *context, int64_t begin, int64_t end, int chunk) {
    const Flash *f = context;
    FlashRoom room;
    forward_room(f, f->room + chunk * f->room_bytes, &room);
    Rows keys, values = {0};
    int64_t last = -1;
    for (int64_t part = begin; part < end; part++) {
        int64_t head = part / f->blocks, n = head / f->H, h = head % f->H;
        int64_t kv = h / (f->H / f->K), i = part % f->blocks * ROWS;
        int64_t m = f->T - i < ROWS ? f->T - i : ROWS, limit = reach(f, i + m);
        if (n * f->K + kv != last) {
            keys = rows_of(f, &f->k, n, kv, 0, f->S, f->D, room.copies);
            turn_head(f, keys, f->D, room.keys);
            values = rows_of(f, &f->v, n, kv, 0, f->S, f->V, room.copies); // keys are done with
            last = n * f->K + kv;
        }
        Rows queries = rows_of(f, &f->q, n, h, i, m, f->D, room.rows);
        for (int64_t row = 0; row < m; row++) room.top[row] = -INFINITY, room.sum[row] = 0;
        if (limit == 0) memset(room.output, 0, (size_t)(m * f->V * f->bytes));
        for (int64_t j = 0; j < limit; j += COLUMNS) {
            int64_t count = limit - j < COLUMNS ? limit - j : COLUMNS;
            multiply(f, m, count, f->D, queries.data, queries.step, 1,
                     columns_from(f, room.keys, j), room.scores, COLUMNS + PAD, false);
            weigh_tile(f, &room, n, h, i, m, j, count);
            Rows block = {(char *)values.data + j * values.step * f->bytes, values.step};
            multiply(f, m, f->V, count, room.scores, COLUMNS + PAD, 1, block, room.output, f->V,
                     j > 0);
        }
        for (int64_t row = 0; row < m; row++) {
            char *line = room.output + row * f->V * f->bytes;
            double sum = room.sum[row];
            if (sum != 0) f->loops->scale(line, 1 / sum, f->V);
            convert_run(head_row(&f->out, n, h, i + row), f->out.dtype, line, f->work, f->V);
            set_number(f, f->lse, head * f->T + i + row,
                       sum == 0 ? INFINITY : room.top[row] + log(sum));
        }
    }
}

static int64_t work_grain(const Flash *f, int64_t parts) { // parts worth a thread
    double all = (double)f->N * (double)f->H * (double)f->T * (double)f->S * (double)(f->D + f->V);
    double each = all / (double)(parts ? parts : 1);
    return each >= 1 << 20 ? 1 : (int64_t)((1 << 20) / (each + 1)) + 1;
}

static char *new_room(int64_t bytes) { // belongs to the open scope
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

Status cpu_flash_attention(OpCall *call) {
    Flash f =
        flash_of(call->in[0], call->in[1], call->in[2], call->in[3], ATTRS_OF(call, attention));
    f.out = heads_of(call->out[0], true);
    f.lse = rt_tensor_data(call->out[1]);
    int64_t parts = f.N * f.H * f.blocks, grain = work_grain(&f, parts);
    if (parts == 0) return OK;
    FlashRoom room;
    f.room_bytes = forward_room(&f, NULL, &room);
    f.room = new_room(f.room_bytes * parallel_chunks(parts, grain));
    if (!f.room) return error_code();
    parallel_run(parts, grain, forward_parts, &f);
    return OK;
}

// Backward ------------------------------------------------------------------------------------

typedef struct BackRoom {
    char *keys, *values;        // turned
    char *k, *q, *g, *out, *dq; // copies, as far as they are needed
    char *scores, *slopes, *mask, *keep;
    bool *bits;
    double delta[ROWS];
} BackRoom;

static int64_t back_room(const Flash *f, char *base, BackRoom *room) {
    Cutter cutter = {.base = base};
    int64_t wide = f->D > f->V ? f->D : f->V;
    room->keys = cut_off(&cutter, f->D * padded(f->S) * f->bytes);
    room->values = cut_off(&cutter, f->V * padded(f->S) * f->bytes);
    bool ready = lies_ready(f, &f->k, f->D) && lies_ready(f, &f->v, f->V);
    room->k = cut_off(&cutter, ready ? 0 : f->S * wide * f->bytes);
    room->q = cut_off(&cutter, ROWS * f->D * f->bytes);
    room->g = cut_off(&cutter, ROWS * f->V * f->bytes);
    room->out = cut_off(&cutter, ROWS * f->V * f->bytes);
    room->dq = cut_off(&cutter, ROWS * f->D * f->bytes);
    room->scores = cut_off(&cutter, ROWS * (BACK_COLUMNS + PAD) * f->bytes);
    room->slopes = cut_off(&cutter, ROWS * (BACK_COLUMNS + PAD) * f->bytes);
    room->mask = cut_off(&cutter, BACK_COLUMNS * f->bytes);
    room->keep = cut_off(&cutter, BACK_COLUMNS * f->bytes);
    room->bits = (bool *)cut_off(&cutter, BACK_COLUMNS + 4);
    return cutter.used;
}

static void grade_tile(const Flash *f, BackRoom *room, int64_t n, int64_t h, int64_t i, int64_t m,
                       int64_t j, int64_t count) {
    for (int64_t row = 0; row < m; row++) {
        int64_t seen = visible(f, i + row, j, count), at = row * (BACK_COLUMNS + PAD) * f->bytes,
                tail = (count - seen) * f->bytes;
        char *p = room->scores + at, *ds = room->slopes + at;
        const void *mask = mask_line(f, n, h, i + row, j, count, row == 0, room->mask);
        const void *keep = keep_line(f, n, h, i + row, j, count, room->bits, room->keep);
        double lse = number_at(f, f->lse, (n * f->H + h) * f->T + i + row);
        f->loops->grade(p, ds, mask, keep, seen, f->scale, lse, room->delta[row]);
        memset(p + seen * f->bytes, 0, (size_t)tail);
        memset(ds + seen * f->bytes, 0, (size_t)tail);
    }
}

// Where the gradients of keys (or values) of a head are summed.
typedef struct Sums {
    Rows k, v;
} Sums;

// A block of queries of head h, with all keys that it sees.
static void back_block(const Flash *f, BackRoom *room, Rows keys, Sums sums, int64_t n, int64_t h,
                       int64_t block) {
    int64_t i = block * ROWS, m = f->T - i < ROWS ? f->T - i : ROWS, limit = reach(f, i + m);
    Rows q = rows_of(f, &f->q, n, h, i, m, f->D, room->q);
    Rows g = rows_of(f, &f->g, n, h, i, m, f->V, room->g);
    Rows out = rows_of(f, &f->out, n, h, i, m, f->V, room->out);
    bool direct = f->dq.dtype == f->work;
    Rows dq = direct ? (Rows){head_row(&f->dq, n, h, i), f->dq.row} : (Rows){room->dq, f->D};
    for (int64_t row = 0; row < m; row++) {
        room->delta[row] = f->loops->dot((char *)g.data + row * g.step * f->bytes,
                                         (char *)out.data + row * out.step * f->bytes, f->V);
        if (limit == 0)
            memset((char *)dq.data + row * dq.step * f->bytes, 0, (size_t)(f->D * f->bytes));
    }
    const int64_t step = BACK_COLUMNS + PAD;
    for (int64_t j = 0; j < limit; j += BACK_COLUMNS) {
        int64_t count = limit - j < BACK_COLUMNS ? limit - j : BACK_COLUMNS;
        multiply(f, m, count, f->D, q.data, q.step, 1, columns_from(f, room->keys, j), room->scores,
                 step, false);
        multiply(f, m, count, f->V, g.data, g.step, 1, columns_from(f, room->values, j),
                 room->slopes, step, false);
        grade_tile(f, room, n, h, i, m, j, count);
        char *dk = (char *)sums.k.data + j * sums.k.step * f->bytes,
             *dv = (char *)sums.v.data + j * sums.v.step * f->bytes;
        multiply(f, count, f->V, m, room->scores, 1, step, g, dv, sums.v.step, true);
        multiply(f, count, f->D, m, room->slopes, 1, step, q, dk, sums.k.step, true);
        Rows block_keys = {(char *)keys.data + j * keys.step * f->bytes, keys.step};
        multiply(f, m, f->D, count, room->slopes, step, 1, block_keys, dq.data, dq.step, j > 0);
    }
    for (int64_t row = 0; row < m && !direct; row++)
        convert_run(head_row(&f->dq, n, h, i + row), f->dq.dtype, room->dq + row * f->D * f->bytes,
                    f->work, f->D);
}

static Sums sums_of(const Flash *f, int64_t n, int64_t kv, int64_t split) {
    if (!f->sums)
        return (Sums){{head_row(&f->dk, n, kv, 0), f->dk.row},
                      {head_row(&f->dv, n, kv, 0), f->dv.row}};
    int64_t part = (n * f->K + kv) * f->splits + split;
    char *at = f->sums + part * f->S * (f->D + f->V) * f->bytes;
    return (Sums){{at, f->D}, {at + f->S * f->D * f->bytes, f->V}};
}

// A part: one of `splits` shares of the queries that look at one head of keys.
static void backward_parts(void *context, int64_t begin, int64_t end, int chunk) {
    const Flash *f = context;
    BackRoom room;
    back_room(f, f->room + chunk * f->room_bytes, &room);
    for (int64_t part = begin; part < end; part++) {
        int64_t head = part / f->splits, split = part % f->splits, n = head / f->K,
                kv = head % f->K;
        Sums sums = sums_of(f, n, kv, split);
        for (int64_t row = 0; row < f->S; row++) {
            memset((char *)sums.k.data + row * sums.k.step * f->bytes, 0,
                   (size_t)(f->D * f->bytes));
            memset((char *)sums.v.data + row * sums.v.step * f->bytes, 0,
                   (size_t)(f->V * f->bytes));
        }
        turn_head(f, rows_of(f, &f->v, n, kv, 0, f->S, f->V, room.k), f->V, room.values);
        Rows keys = rows_of(f, &f->k, n, kv, 0, f->S, f->D, room.k);
        turn_head(f, keys, f->D, room.keys);
        int64_t group = f->H / f->K, all = group * f->blocks;
        for (int64_t at = all * split / f->splits; at < all * (split + 1) / f->splits; at++)
            back_block(f, &room, keys, sums, n, kv * group + at / f->blocks, at % f->blocks);
    }
}

// Adds the splits up, in order, and writes the gradients of keys and values.
static void gather_sums(void *context, int64_t begin, int64_t end, int chunk) {
    const Flash *f = context;
    for (int64_t line = begin; line < end; line++) {
        int64_t head = line / f->S, row = line % f->S, n = head / f->K, kv = head % f->K;
        Sums first = sums_of(f, n, kv, 0);
        for (int which = 0; which < 2; which++) {
            int64_t width = which ? f->V : f->D;
            char *to = (char *)(which ? first.v.data : first.k.data) + row * width * f->bytes;
            for (int64_t split = 1; split < f->splits; split++) {
                Sums more = sums_of(f, n, kv, split);
                char *from = (char *)(which ? more.v.data : more.k.data) + row * width * f->bytes;
                for (int64_t x = 0; x < width; x++)
                    set_number(f, to, x, number_at(f, to, x) + number_at(f, from, x));
            }
            const Heads *out = which ? &f->dv : &f->dk;
            convert_run(head_row(out, n, kv, row), out->dtype, to, f->work, width);
        }
    }
    (void)chunk;
}

static void clear(RtTensor *x) {
    memset(rt_tensor_data(x), 0, (size_t)x->numel * rt_dtype_bytes((RtDtype)x->dtype));
}

Status cpu_scaled_dot_product_attention_backward(OpCall *call) {
    Flash f =
        flash_of(call->in[1], call->in[2], call->in[3], call->in[4], ATTRS_OF(call, attention));
    RtTensor *lse = call->in[6];
    if (f.N * f.H * f.T * f.S == 0) {
        for (int i = 0; i < 3; i++) clear(call->out[i]);
        return OK;
    }
    if (!rt_tensor_is_contiguous(lse) && !(lse = rt_clone(lse))) return error_code();
    f.lse = rt_tensor_data(lse);
    f.g = heads_of(call->in[0], true);
    f.out = heads_of(call->in[5], true);
    f.dq = heads_of(call->out[0], true);
    f.dk = heads_of(call->out[1], true);
    f.dv = heads_of(call->out[2], true);
    // Few heads: their queries are shared out among the threads, and the sums added up afterwards.
    int64_t heads = f.N * f.K, threads = threads_get(), all = f.H / f.K * f.blocks;
    f.splits = heads < threads ? (threads + heads - 1) / heads : 1;
    if (f.splits > all) f.splits = all;
    if (work_grain(&f, heads * f.splits) > 1) f.splits = 1;
    int64_t parts = heads * f.splits, grain = work_grain(&f, parts);
    BackRoom room;
    f.room_bytes = back_room(&f, NULL, &room);
    f.room = new_room(f.room_bytes * parallel_chunks(parts, grain));
    if (!f.room) return error_code();
    bool through_sums = f.splits > 1 || f.dk.dtype != f.work;
    if (through_sums) {
        f.sums = new_room(parts * f.S * (f.D + f.V) * f.bytes);
        if (!f.sums) return error_code();
    }
    parallel_run(parts, grain, backward_parts, &f);
    if (through_sums)
        parallel_run(heads * f.S, PARALLEL_GRAIN / (f.splits * (f.D + f.V) + 1) + 1, gather_sums,
                     &f);
    return OK;
}

// Dropout, for who writes attention out -----------------------------------------------------------

static void keep_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Flash *f = context;
    double values[COLUMNS];
    bool bits[COLUMNS + 4];
    for (int64_t line = begin; line < end; line++) {
        int64_t head = line / f->T, i = line % f->T;
        for (int64_t j = 0; j < f->S; j += COLUMNS) {
            int64_t count = f->S - j < COLUMNS ? f->S - j : COLUMNS;
            const void *from =
                keep_line(f, head / f->H, head % f->H, i, j, count, bits, (char *)values);
            convert_run(f->out.data + (line * f->S + j) * (int64_t)rt_dtype_bytes(f->out.dtype),
                        f->out.dtype, from, f->work, count);
        }
    }
    (void)chunk;
}

Status cpu_attention_keep(OpCall *call) {
    Flash f = flash_of(call->in[0], call->in[1], call->in[1], RT_NONE, ATTRS_OF(call, attention));
    f.drop = true;
    f.out = (Heads){.data = rt_tensor_data(call->out[0]), .dtype = (RtDtype)call->out[0]->dtype};
    parallel_run(f.N * f.H * f.T, PARALLEL_GRAIN / (f.S + 1) + 1, keep_lines, &f);
    return OK;
}

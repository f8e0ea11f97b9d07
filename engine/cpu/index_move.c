#include "cpu/index_move.h"

#include <string.h>

#include "cpu/copy.h"
#include "cpu/index_work.h"
#include "cpu/parallel.h"

// The index tensors become one list of byte offsets into self, one a position of the block they
// broadcast to. Around that block stand the dimensions that were not indexed: `lead` before it,
// `rest` after it (all of them if the indexed ones are no neighbours). Each position then moves one
// `rest`-shaped piece.

typedef struct Move {
    int64_t count, *offset; // positions of the block; bytes into self
    int64_t leads;          // positions of the lead dimensions
    int nlead, nwhere;
    int64_t lead_dim[RT_MAX_DIMS], lead_self[RT_MAX_DIMS],
        lead_other[RT_MAX_DIMS]; // strides in bytes
    int64_t where_dim[RT_MAX_DIMS], where_other[RT_MAX_DIMS];
    CopyPlan rest;
    char *self, *other; // other: the result, or the values
    bool put;           // other → self
    bool unique;        // no position twice
    AddLine add;        // instead of copying
} Move;

// ----------------------------------------------------------------------------------------- offsets

static Status add_positions(const OpCall *call, RtTensor *index, const IndexPlan *plan,
                            const RtTensor *self, int dim, int64_t step, int64_t *offset) {
    const int64_t *at;
    int64_t size = self->shape[dim], counter[RT_MAX_DIMS] = {0}, stride[RT_MAX_DIMS] = {0},
            from = 0, run = 1, p = 0;
    TRY(index_load(call, index, &at));
    int n = plan->where.n, shift = n - index->ndim;
    for (int i = n - 1; i >= shift; i--) {
        stride[i] = index->shape[i - shift] == 1 ? 0 : run;
        run *= index->shape[i - shift];
    }
    const int64_t *const strides[1] = {stride};
    if (shape_numel(&plan->where) == 0) return OK;
    if (run == shape_numel(&plan->where)) { // nothing is broadcast: one after the other
        for (; p < run; p++) {
            if (at[p] < -size || at[p] >= size) return index_fail(call, at[p], size, dim);
            offset[p] += (at[p] < 0 ? at[p] + size : at[p]) * step;
        }
        return OK;
    }
    do {
        int64_t value = at[from];
        if (value < -size || value >= size) return index_fail(call, value, size, dim);
        offset[p++] += (value < 0 ? value + size : value) * step;
    } while (box_next(n, plan->where.dim, counter, 1, &from, strides));
    return OK;
}

static Status add_trues(RtTensor *mask, const IndexPlan *plan, const RtTensor *self, int dim,
                        int64_t bytes, int64_t *offset) {
    RtTensor *dense = tensor_dense(mask);
    if (!dense) return error_code();
    int64_t total = shape_numel(&plan->where), counter[RT_MAX_DIMS] = {0}, at = 0, found = 0;
    if (total == 0 || mask->numel == 0) return OK;
    const uint8_t *flag = rt_tensor_data(dense);
    const int64_t *const strides[1] = {self->stride + dim};
    int last = mask->ndim - 1;
    int64_t width = mask->shape[last], step = self->stride[dim + last] * bytes;
    int64_t line =
        plan->where
            .dim[plan->where.n - 1]; // the vector of trues is the last dimension of the block
    bool one = false;
    int64_t single = 0;
    do {
        for (int64_t i = 0; i < width; i++) {
            if (!flag[i]) continue;
            single = at * bytes + i * step;
            one = found == 0;
            if (found < line) offset[found] += single;
            found++;
        }
        flag += width;
    } while (box_next(last, mask->shape, counter, 1, &at, strides));
    if (one && line > 1) // one true broadcast against longer indices
        for (int64_t p = 1; p < line; p++) offset[p] += single;
    return OK;
}

// A mask's offsets stand in the first line of the block; the other lines repeat them.
static void repeat_line(int64_t *total, const int64_t *line, int64_t count, int64_t width) {
    for (int64_t p = 0; p < count; p++) total[p] += line[p % width];
}

static Status set_offsets(const OpCall *call, const IndexPlan *plan, const RtTensor *self,
                          Move *move) {
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)self->dtype), room_bytes;
    move->count = shape_numel(&plan->where);
    bool masks = false; // they need a line of their own
    for (int j = 0; j < plan->count; j++) masks |= call->in[plan->first + j]->dtype == RT_BOOL;
    if (__builtin_mul_overflow(move->count, masks ? 16 : 8, &room_bytes))
        return call_fail(call, ERR_MEMORY, "too many positions");
    RtTensor *room = rt_tensor_new(1, &room_bytes, RT_U8, (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    move->offset = rt_tensor_data(room);
    if (room_bytes) memset(move->offset, 0, (size_t)room_bytes);
    move->unique = plan->count == 1 && call->in[plan->first]->dtype == RT_BOOL;
    for (int j = 0; j < plan->count; j++) {
        RtTensor *index = call->in[plan->first + j];
        int dim = plan->dim[j];
        if (index->dtype != RT_BOOL) {
            TRY(add_positions(call, index, plan, self, dim, self->stride[dim] * bytes,
                              move->offset));
        } else if (move->count) {
            int64_t *line = move->offset + move->count, width = plan->where.dim[plan->where.n - 1];
            memset(line, 0, (size_t)width * sizeof *line);
            TRY(add_trues(index, plan, self, dim, bytes, line));
            repeat_line(move->offset, line, move->count, width);
        }
    }
    return OK;
}

// `other_stride`: of the result or of the values broadcast to it, in elements.
static Status move_set(const OpCall *call, const IndexPlan *plan, RtTensor *self, char *other,
                       const int64_t *other_stride, bool put, Move *move) {
    int64_t bytes = (int64_t)rt_dtype_bytes((RtDtype)self->dtype);
    *move = (Move){.leads = 1, .self = rt_tensor_data(self), .other = other, .put = put};
    TRY(set_offsets(call, plan, self, move));
    int64_t dim[RT_MAX_DIMS], in_self[RT_MAX_DIMS], in_other[RT_MAX_DIMS];
    int n = 0, at = 0; // `at` walks the dimensions of the result
    for (; at < plan->at; at++) {
        move->lead_dim[at] = self->shape[at];
        move->lead_self[at] = self->stride[at] * bytes;
        move->lead_other[at] = other_stride[at] * bytes;
        move->leads *= self->shape[at];
    }
    move->nlead = plan->at;
    move->nwhere = plan->where.n;
    for (int i = 0; i < plan->where.n; i++, at++) {
        move->where_dim[i] = plan->where.dim[i];
        move->where_other[i] = other_stride[at] * bytes;
    }
    for (int d = plan->at; d < self->ndim; d++) {
        if (plan->covered >> d & 1) continue;
        dim[n] = self->shape[d];
        in_self[n] = self->stride[d];
        in_other[n++] = other_stride[at++];
    }
    move->rest = put ? copy_plan((size_t)bytes, n, dim, in_self, in_other)
                     : copy_plan((size_t)bytes, n, dim, in_other, in_self);
    return OK;
}

// ------------------------------------------------------------------------------------------ moving

static void add_run(const CopyPlan *plan, AddLine add, char *to, const char *from) {
    int64_t at[RT_MAX_DIMS] = {0}, offsets[2] = {0, 0};
    const int64_t *const strides[2] = {plan->to, plan->from};
    int last = plan->n - 1;
    for (int i = 0; i < plan->n; i++)
        if (plan->dim[i] == 0) return;
    do add(to + offsets[0], plan->to[last], from + offsets[1], plan->from[last], plan->dim[last]);
    while (box_next(last, plan->dim, at, 2, offsets, strides));
}

// One element a position, a whole dimension of positions at once.
#define SINGLES(type_)                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                              \
        type_ *in_self = (type_ *)(self + offset[i]), *in_other = (type_ *)(other + i * step);     \
        if (put)                                                                                   \
            *in_self = *in_other;                                                                  \
        else                                                                                       \
            *in_other = *in_self;                                                                  \
    }

static void move_singles(size_t bytes, bool put, char *self, const int64_t *offset, char *other,
                         int64_t step, int64_t n) {
    switch (bytes) {
    case 1: SINGLES(uint8_t) break;
    case 2: SINGLES(uint16_t) break;
    case 4: SINGLES(uint32_t) break;
    default: SINGLES(uint64_t)
    }
}

// Rows of a few elements: a call of memcpy would cost more than the bytes. Those at the end are
// moved twice where they are no multiple.
enum { NARROW = 64 };
static inline void move_narrow(char *to, const char *from, size_t bytes) {
#define STEPS(step_)                                                                               \
    for (size_t i = 0; i + step_ <= bytes; i += step_) memcpy(to + i, from + i, step_);            \
    memcpy(to + bytes - step_, from + bytes - step_, step_)
    if (bytes >= 16) {
        STEPS(16);
    } else if (bytes >= 8) {
        STEPS(8);
    } else if (bytes >= 4) {
        STEPS(4);
    } else {
        for (size_t i = 0; i < bytes; i++) to[i] = from[i];
    }
#undef STEPS
}

static void move_pieces(const Move *move, const CopyPlan *rest, char *self, const int64_t *offset,
                        char *other, int64_t step, int64_t n) {
    bool block = rest->n == 1 && rest->to[0] == (int64_t)rest->bytes &&
                 rest->from[0] == (int64_t)rest->bytes;
    size_t run = (size_t)rest->dim[0] * rest->bytes;
    for (int64_t i = 0; i < n; i++) {
        char *in_self = self + offset[i], *in_other = other + i * step;
        char *to = move->put ? in_self : in_other, *from = move->put ? in_other : in_self;
        if (move->add)
            add_run(rest, move->add, to, from);
        else if (block && run <= NARROW)
            move_narrow(to, from, run);
        else if (block)
            memcpy(to, from, run);
        else
            copy_run(rest, to, from);
    }
}

// Positions begin…end of the block, for one position of the lead dimensions.
static void move_block(const Move *move, const CopyPlan *rest, char *self, char *other,
                       int64_t begin, int64_t end) {
    int last = move->nwhere - 1;
    int64_t width = last >= 0 ? move->where_dim[last] : 1,
            step = last >= 0 ? move->where_other[last] : 0;
    bool single = !move->add && rest->n == 1 && rest->dim[0] == 1;
    while (begin < end) {
        int64_t line = begin / width, first = begin - line * width,
                n = width - first < end - begin ? width - first : end - begin;
        char *at = other + first * step;
        for (int i = last - 1; i >= 0; i--) {
            at += line % move->where_dim[i] * move->where_other[i];
            line /= move->where_dim[i];
        }
        if (single)
            move_singles(rest->bytes, move->put, self, move->offset + begin, at, step, n);
        else
            move_pieces(move, rest, self, move->offset + begin, at, step, n);
        begin += n;
    }
}

typedef struct MovePart {
    const Move *move;
    enum { CUT_POSITIONS, CUT_LEADS, CUT_REST } cut;
} MovePart;

static void move_leads(const Move *move, const CopyPlan *rest, char *self, char *other,
                       int64_t lead, int64_t lead_end, int64_t begin, int64_t end) {
    for (; lead < lead_end; lead++) {
        int64_t at = lead, in_self = 0, in_other = 0;
        for (int i = move->nlead - 1; i >= 0; i--) {
            in_self += at % move->lead_dim[i] * move->lead_self[i];
            in_other += at % move->lead_dim[i] * move->lead_other[i];
            at /= move->lead_dim[i];
        }
        move_block(move, rest, self + in_self, other + in_other, begin, end);
    }
}

static void move_part(void *context, int64_t begin, int64_t end, int chunk) {
    const MovePart *part = context;
    const Move *move = part->move;
    CopyPlan rest = move->rest;
    (void)chunk;
    switch (part->cut) {
    case CUT_POSITIONS:
        move_leads(move, &rest, move->self, move->other, 0, move->leads, begin, end);
        break;
    case CUT_LEADS:
        move_leads(move, &rest, move->self, move->other, begin, end, 0, move->count);
        break;
    case CUT_REST: {
        int64_t self = begin * (move->put ? rest.to[0] : rest.from[0]),
                other = begin * (move->put ? rest.from[0] : rest.to[0]);
        rest.dim[0] = end - begin;
        move_leads(move, &rest, move->self + self, move->other + other, 0, move->leads, 0,
                   move->count);
    }
    }
}

// Writes to one position keep their order: threads divide the positions only where none is written
// twice.
static void move_run(const Move *move) {
    int64_t piece = 1;
    for (int i = 0; i < move->rest.n; i++) piece *= move->rest.dim[i];
    int64_t total = move->leads * move->count * piece;
    if (total == 0) return;
    MovePart part = {move, CUT_POSITIONS};
    int64_t n = move->count;
    if (move->put && !move->unique) {
        bool leads = move->leads >= threads_get();
        part.cut = leads ? CUT_LEADS : CUT_REST;
        n = leads ? move->leads : move->rest.dim[0];
        if (!leads && n < 16 * threads_get()) n = 1; // too narrow: one thread
    }
    if (n == 1 && part.cut == CUT_REST) {
        move_leads(move, &move->rest, move->self, move->other, 0, move->leads, 0, move->count);
        return;
    }
    int64_t work = total / n;
    parallel_run(n, work >= PARALLEL_GRAIN ? 1 : PARALLEL_GRAIN / work, move_part, &part);
}

// ------------------------------------------------------------------------------- what kernels call

Status index_read(const OpCall *call, const IndexPlan *plan, RtTensor *self, RtTensor *out) {
    Move move;
    TRY(move_set(call, plan, self, rt_tensor_data(out), out->stride, false, &move));
    move_run(&move);
    return OK;
}

Status index_write(const OpCall *call, const IndexPlan *plan, RtTensor *self, RtTensor *values,
                   bool add) {
    int64_t stride[RT_MAX_DIMS] = {0};
    int shift = plan->result.n -
                values->ndim; // below 0: values has further leading dimensions, all of size 1
    for (int i = 0; i < plan->result.n; i++)
        if (i >= shift && values->shape[i - shift] != 1) stride[i] = values->stride[i - shift];
    Move move;
    TRY(move_set(call, plan, self, rt_tensor_data(values), stride, true, &move));
    if (add) move.add = add_line((RtDtype)self->dtype);
    move_run(&move);
    return OK;
}

#include "cpu/copy.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/parallel.h"

// Destination strides descend, so that writes go through memory in order; then dimensions that
// follow each other on both sides are one.
CopyPlan copy_plan(size_t bytes, int n, const int64_t *dim, const int64_t *to_stride,
                   const int64_t *from_stride) {
    CopyPlan plan = {.bytes = bytes};
    int order[RT_MAX_DIMS], count = 0;
    for (int i = 0; i < n; i++) {
        if (dim[i] == 1) continue;
        int at = count++;
        int64_t reach = llabs(to_stride[i]);
        for (; at > 0 && llabs(to_stride[order[at - 1]]) < reach; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    for (int k = 0; k < count; k++) {
        int64_t size = dim[order[k]], to = to_stride[order[k]] * (int64_t)bytes,
                from = from_stride[order[k]] * (int64_t)bytes;
        int last = plan.n - 1;
        if (last >= 0 && plan.to[last] == size * to && plan.from[last] == size * from) {
            plan.dim[last] *= size;
            plan.to[last] = to;
            plan.from[last] = from;
            continue;
        }
        plan.dim[plan.n] = size;
        plan.to[plan.n] = to;
        plan.from[plan.n++] = from;
    }
    if (plan.n == 0)
        plan = (CopyPlan){
            .n = 1, .dim = {1}, .to = {(int64_t)bytes}, .from = {(int64_t)bytes}, .bytes = bytes};
    // A transpose is fastest when the dimension along which the source is contiguous stands right
    // before the last.
    int last = plan.n - 1;
    if (plan.from[last] != (int64_t)bytes)
        for (int k = last - 1; k >= 0; k--) {
            if (plan.from[k] != (int64_t)bytes) continue;
            int64_t size = plan.dim[k], to = plan.to[k], from = plan.from[k];
            for (; k < last - 1; k++) {
                plan.dim[k] = plan.dim[k + 1];
                plan.to[k] = plan.to[k + 1];
                plan.from[k] = plan.from[k + 1];
            }
            plan.dim[k] = size;
            plan.to[k] = to;
            plan.from[k] = from;
            break;
        }
    return plan;
}

// ------------------------------------------------------------------------------------- inner loops

// Squares of 4 × 4 and 2 × 2 elements in registers: `from` has its lines `step` bytes apart, `to`
// `width` elements.
typedef uint32_t Four __attribute__((vector_size(16)));
typedef uint64_t Two __attribute__((vector_size(16)));

static inline void turn_four(uint32_t *to, int width, const char *from, int64_t step) {
    Four a, b, c, d;
    memcpy(&a, from, sizeof a);
    memcpy(&b, from + step, sizeof b);
    memcpy(&c, from + 2 * step, sizeof c);
    memcpy(&d, from + 3 * step, sizeof d);
    Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
         cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7),
         cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(Four *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(Four *)(to + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(Four *)(to + 2 * width) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(Four *)(to + 3 * width) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

static inline void turn_two(uint64_t *to, int width, const char *from, int64_t step) {
    Two a, b;
    memcpy(&a, from, sizeof a);
    memcpy(&b, from + step, sizeof b);
    *(Two *)to = __builtin_shufflevector(a, b, 0, 2);
    *(Two *)(to + width) = __builtin_shufflevector(a, b, 1, 3);
}

#define T uint8_t
#define NAME(word_) word_##_1
#include "cpu/copy.inc"
#define T uint16_t
#define NAME(word_) word_##_2
#include "cpu/copy.inc"
#define T uint32_t
#define NAME(word_) word_##_4
#define TURN turn_four
#define LANES 4
#include "cpu/copy.inc"
#define T uint64_t
#define NAME(word_) word_##_8
#define TURN turn_two
#define LANES 2
#include "cpu/copy.inc"

typedef void (*LineCopy)(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n);
typedef void (*TileCopy)(char *to, int64_t to_row, const char *from, int64_t from_column,
                         int64_t rows, int64_t columns);

static void block_line(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n) {
    (void)from_step;
    memmove(to, from, (size_t)(n * to_step));
}

static int slot_of(size_t bytes) { return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3; }

void copy_run(const CopyPlan *plan, void *to_data, const void *from_data) {
    static const LineCopy lines[] = {line_1, line_2, line_4, line_8};
    static const TileCopy tiles[] = {tile_1, tile_2, tile_4, tile_8};
    int64_t bytes = (int64_t)plan->bytes, at[RT_MAX_DIMS] = {0};
    int last = plan->n - 1;
    for (int i = 0; i < plan->n; i++)
        if (plan->dim[i] == 0) return;
    bool dense = plan->to[last] == bytes;
    bool turned = last > 0 && dense && plan->from[last] != bytes && plan->from[last - 1] == bytes;
    int outer = turned ? last - 1 : last; // dimensions walked by the counter
    LineCopy line = dense && plan->from[last] == bytes ? block_line : lines[slot_of(plan->bytes)];
    TileCopy tile = tiles[slot_of(plan->bytes)];
    int64_t offsets[2] = {0, 0};
    const int64_t *const strides[2] = {plan->to, plan->from};
    do {
        char *to = (char *)to_data + offsets[0];
        const char *from = (const char *)from_data + offsets[1];
        if (turned)
            tile(to, plan->to[last - 1], from, plan->from[last], plan->dim[last - 1],
                 plan->dim[last]);
        else
            line(to, plan->to[last], from, plan->from[last], plan->dim[last]);
    } while (box_next(outer, plan->dim, at, 2, offsets, strides));
}

// ----------------------------------------------------------------------------------------- threads

typedef struct BoxPart {
    BoxBody body;
    void *context;
    int axis;
} BoxPart;

static void box_part(void *context, int64_t begin, int64_t end, int chunk) {
    const BoxPart *part = context;
    (void)chunk;
    part->body(part->context, part->axis, begin, end);
}

void box_run(int n, const int64_t *dim, int keep, int64_t cost, BoxBody body, void *context) {
    int64_t numel = 1, threads = threads_get();
    int axis = -1;
    for (int i = 0; i < n; i++) numel *= dim[i];
    if (numel == 0) return;
    for (int i = 0; i < n; i++) {
        if (i == keep) continue;
        if (axis < 0 || dim[i] > dim[axis]) axis = i;
        if (dim[i] >= 4 * threads) {
            axis = i;
            break;
        }
    }
    if (axis < 0) { // nothing to cut: a single position of no dimension that may be
        body(context, 0, 0, n ? dim[0] : 1);
        return;
    }
    BoxPart part = {body, context, axis};
    int64_t work = numel / dim[axis] * (cost < 1 ? 1 : cost);
    int64_t grain = work >= PARALLEL_GRAIN ? 1 : PARALLEL_GRAIN / work;
    parallel_run(dim[axis], grain, box_part, &part);
}

typedef struct CopyPart {
    const CopyPlan *plan;
    char *to;
    const char *from;
} CopyPart;

static void copy_part(void *context, int axis, int64_t begin, int64_t end) {
    const CopyPart *part = context;
    CopyPlan plan = *part->plan;
    plan.dim[axis] = end - begin;
    copy_run(&plan, part->to + begin * plan.to[axis], part->from + begin * plan.from[axis]);
}

void copy_run_parallel(const CopyPlan *plan, void *to, const void *from) {
    CopyPart part = {plan, to, from};
    box_run(plan->n, plan->dim, -1, 1, copy_part, &part);
}

void copy_tensor(RtTensor *to, const RtTensor *from) {
    CopyPlan plan = copy_plan(rt_dtype_bytes((RtDtype)to->dtype), to->ndim, to->shape, to->stride,
                              from->stride);
    copy_run_parallel(&plan, rt_tensor_data(to), rt_tensor_data(from));
}

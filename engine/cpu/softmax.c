#include "cpu/softmax.h"

#include <math.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "tensor/storage.h"

// Strided lines are taken BLOCK at a time, side by side: each memory line is then read and written
// once, whole. PAD keeps the buffers of neighbours from falling into the same set of the cache.
#define BLOCK 16
#define PAD 16

typedef struct LineWalk {
    const Lines *lines;
    RtDtype dtype, work;
    int64_t bytes, work_bytes;
    int64_t blocks, row; // blocks of a sample; elements from one line's buffer to the next
    char *room;          // BLOCK buffers a tensor, for each chunk
} LineWalk;

static void walk_direct(void *context, int64_t begin, int64_t end, int chunk) {
    const LineWalk *walk = context;
    const Lines *lines = walk->lines;
    int64_t step = lines->along.D * walk->bytes;
    const char *in[2] = {NULL, NULL};
    for (int i = 0; i < lines->nin; i++)
        in[i] = (const char *)rt_tensor_data(lines->in[i]) + begin * step;
    char *out = lines->out ? (char *)rt_tensor_data(lines->out) + begin * step : NULL;
    for (int64_t number = begin; number < end; number++) {
        lines->line(lines, number, (const void *const *)in, out);
        in[0] += step;
        if (in[1]) in[1] += step;
        if (out) out += step;
    }
    (void)chunk;
}

// n lines side by side at `at` to buffers, or back.
static void transpose_in(const LineWalk *walk, const char *at, int64_t n, char *buffer) {
    int64_t D = walk->lines->along.D, step = walk->lines->along.I * walk->bytes, row = walk->row;
    double room[BLOCK];
    for (int64_t d = 0; d < D; d++, at += step) {
        const void *from = at;
        if (walk->dtype != walk->work) {
            convert_run(room, walk->work, at, walk->dtype, n);
            from = room;
        }
        if (walk->work == RT_F64)
            for (int64_t j = 0; j < n; j++)
                ((double *)buffer)[j * row + d] = ((const double *)from)[j];
        else
            for (int64_t j = 0; j < n; j++)
                ((float *)buffer)[j * row + d] = ((const float *)from)[j];
    }
}

static void transpose_out(const LineWalk *walk, const char *buffer, int64_t n, char *at) {
    int64_t D = walk->lines->along.D, step = walk->lines->along.I * walk->bytes, row = walk->row;
    double room[BLOCK];
    for (int64_t d = 0; d < D; d++, at += step) {
        void *to = walk->dtype == walk->work ? (void *)at : room;
        if (walk->work == RT_F64)
            for (int64_t j = 0; j < n; j++)
                ((double *)to)[j] = ((const double *)buffer)[j * row + d];
        else
            for (int64_t j = 0; j < n; j++) ((float *)to)[j] = ((const float *)buffer)[j * row + d];
        if (to == room) convert_run(at, walk->dtype, room, walk->work, n);
    }
}

static void walk_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const LineWalk *walk = context;
    const Lines *lines = walk->lines;
    int64_t D = lines->along.D, I = lines->along.I,
            buffer_bytes = BLOCK * walk->row * walk->work_bytes;
    char *room = walk->room + chunk * (lines->nin + 1) * buffer_bytes,
         *result = room + lines->nin * buffer_bytes;
    for (int64_t block = begin; block < end; block++) {
        int64_t o = block / walk->blocks, i = block % walk->blocks * BLOCK,
                n = I - i < BLOCK ? I - i : BLOCK;
        int64_t at = (o * D * I + i) * walk->bytes;
        for (int k = 0; k < lines->nin; k++)
            transpose_in(walk, (const char *)rt_tensor_data(lines->in[k]) + at, n,
                         room + k * buffer_bytes);
        for (int64_t j = 0; j < n; j++) {
            int64_t line = j * walk->row * walk->work_bytes;
            const void *in[2] = {room + line, room + buffer_bytes + line};
            lines->line(lines, o * I + i + j, in, lines->out ? result + line : NULL);
        }
        if (lines->out) transpose_out(walk, result, n, (char *)rt_tensor_data(lines->out) + at);
    }
}

Status lines_run(Lines *lines) {
    const RtTensor *like = lines->nin ? lines->in[0] : lines->out;
    Along along = lines->along;
    if (like->numel == 0) return OK;
    LineWalk walk = {.lines = lines, .dtype = (RtDtype)like->dtype};
    walk.work = walk.dtype == RT_F64 ? RT_F64 : RT_F32;
    walk.bytes = (int64_t)rt_dtype_bytes(walk.dtype);
    walk.work_bytes = (int64_t)rt_dtype_bytes(walk.work);
    lines->loops = &ISA_PICK(softmax_table)->of[walk.work == RT_F64];
    if (walk.dtype == walk.work &&
        along.I == 1) { // an exponential is worth several simple operations
        parallel_run(along.O, PARALLEL_GRAIN / 4 / along.D + 1, walk_direct, &walk);
        return OK;
    }
    walk.blocks = (along.I + BLOCK - 1) / BLOCK;
    walk.row = along.D + PAD;
    int64_t n = along.O * walk.blocks, grain = PARALLEL_GRAIN / 4 / BLOCK / along.D + 1;
    size_t bytes =
        (size_t)(parallel_chunks(n, grain) * (lines->nin + 1) * BLOCK * walk.row * walk.work_bytes);
    RtStorage *room = storage_new(bytes, (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    walk.room = room->data;
    parallel_run(n, grain, walk_blocks, &walk);
    storage_drop(room);
    return OK;
}

static void line_softmax(const Lines *lines, int64_t number, const void *const *in, void *out) {
    lines->loops->softmax(in[0], out, lines->along.D);
    (void)number;
}
static void line_log_softmax(const Lines *lines, int64_t number, const void *const *in, void *out) {
    lines->loops->log_softmax(in[0], out, lines->along.D);
    (void)number;
}
static void line_softmax_backward(const Lines *lines, int64_t number, const void *const *in,
                                  void *out) {
    lines->loops->softmax_backward(in[0], in[1], out, lines->along.D);
    (void)number;
}
static void line_log_softmax_backward(const Lines *lines, int64_t number, const void *const *in,
                                      void *out) {
    lines->loops->log_softmax_backward(in[0], in[1], out, lines->along.D);
    (void)number;
}

static Status run(OpCall *call, void (*line)(const Lines *, int64_t, const void *const *, void *)) {
    Lines lines = {.line = line,
                   .along = along_of(call->in[0], ATTRS_OF(call, dim)->dim),
                   .nin = call->nin,
                   .out = call->out[0]};
    for (int i = 0; i < call->nin; i++) lines.in[i] = call->in[i];
    return lines_run(&lines);
}

Status cpu_softmax(OpCall *call) { return run(call, line_softmax); }
Status cpu_log_softmax(OpCall *call) { return run(call, line_log_softmax); }
Status cpu_softmax_backward(OpCall *call) { return run(call, line_softmax_backward); }
Status cpu_log_softmax_backward(OpCall *call) { return run(call, line_log_softmax_backward); }

// group_norm. Input (B, C, S) in G groups of channels; a line is one group of one sample: D = C / G
// channels of S elements each. L = D · S.
#include "cpu/norm_work.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/parallel.h"
#include "tensor/storage.h"

typedef struct Groups {
    Element e;
    int64_t B, C, S, G, D, L;
    const RtTensor *g, *x, *out, *mean, *rstd;
    const void *weight, *bias; // of the type of computation, or NULL
    double eps;
    char *rows;             // each chunk's buffers: 2 lines forward, 3 backward
    double *sum_g, *sum_gx; // backward: of each channel of each sample Σ g and Σ g (x − mean)
} Groups;

static Groups groups_of(const OpCall *call, RtTensor *x) {
    Groups s = {.e = element_of(x),
                .B = x->shape[0],
                .C = x->shape[1],
                .S = 1,
                .G = ATTRS_OF(call, norm)->num_groups,
                .x = x,
                .out = call->out[0],
                .eps = ATTRS_OF(call, norm)->eps};
    for (int i = 2; i < x->ndim; i++) s.S *= x->shape[i];
    s.D = s.C / s.G;
    s.L = s.D * s.S;
    return s;
}

static double weight_of(const Groups *s, int64_t channel) {
    return s->weight ? number_at(s->e.work, s->weight, channel) : 1;
}

static void group_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Groups *s = context;
    Element e = s->e;
    int64_t line_bytes = s->L * e.work_bytes, step = s->S * e.work_bytes;
    char *room = s->rows + chunk * 2 * line_bytes;
    for (int64_t line = begin; line < end; line++) {
        const char *x = load(&e, at_byte(s->x, line * s->L, e.bytes), s->L, room);
        char *to = (char *)at_byte(s->out, line * s->L, e.bytes),
             *y = e.direct ? to : room + line_bytes;
        double mean, squares;
        e.loops->moments(x, s->L, &mean, &squares);
        double rstd = 1 / sqrt(squares / (double)s->L + s->eps);
        for (int64_t d = 0; d < s->D; d++) {
            int64_t c = line % s->G * s->D + d;
            e.loops->affine_one(x + d * step, y + d * step, s->S, mean, rstd * weight_of(s, c),
                                s->bias ? number_at(e.work, s->bias, c) : 0);
        }
        if (!e.direct) convert_run(to, e.dtype, y, e.work, s->L);
        set_number(e.work, rt_tensor_data(s->mean), line, mean);
        set_number(e.work, rt_tensor_data(s->rstd), line, rstd);
    }
}

Status cpu_group_norm(OpCall *call) {
    Groups s = groups_of(call, call->in[0]);
    if (s.x->numel == 0) { // lines of nothing
        memset(rt_tensor_data(call->out[1]), 0,
               (size_t)call->out[1]->numel * (size_t)s.e.work_bytes);
        memset(rt_tensor_data(call->out[2]), 0,
               (size_t)call->out[2]->numel * (size_t)s.e.work_bytes);
        return OK;
    }
    s.mean = call->out[1];
    s.rstd = call->out[2];
    int64_t grain = PARALLEL_GRAIN / s.L + 1, row_bytes = s.C * s.e.work_bytes;
    int64_t lines = s.e.direct ? 0 : 2 * parallel_chunks(s.B * s.G, grain);
    RtStorage *room =
        storage_new((size_t)(2 * row_bytes + lines * s.L * s.e.work_bytes), (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    char *block = room->data;
    s.weight = values_of(call->in[1], s.e.work, block);
    s.bias = values_of(call->in[2], s.e.work, block + row_bytes);
    s.rows = block + 2 * row_bytes;
    parallel_run(s.B * s.G, grain, group_lines, &s);
    storage_drop(room);
    return OK;
}

// dx = w rstd (g − mean(g w) / w − x̂ mean(g w x̂) / w), means over the line.
static void group_backward_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Groups *s = context;
    Element e = s->e;
    int64_t line_bytes = s->L * e.work_bytes, step = s->S * e.work_bytes;
    char *room = s->rows + chunk * 3 * line_bytes;
    for (int64_t line = begin; line < end; line++) {
        const char *g = load(&e, at_byte(s->g, line * s->L, e.bytes), s->L, room);
        const char *x = load(&e, at_byte(s->x, line * s->L, e.bytes), s->L, room + line_bytes);
        char *to = (char *)at_byte(s->out, line * s->L, e.bytes),
             *out = e.direct ? to : room + 2 * line_bytes;
        double mean = number_at(e.work, rt_tensor_data(s->mean), line),
               rstd = number_at(e.work, rt_tensor_data(s->rstd), line), all_g = 0, all_gx = 0;
        double *sum_g = s->sum_g + line * s->D, *sum_gx = s->sum_gx + line * s->D;
        for (int64_t d = 0; d < s->D; d++) {
            double weight = weight_of(s, line % s->G * s->D + d);
            e.loops->sums(g + d * step, x + d * step, NULL, s->S, mean, &sum_g[d], &sum_gx[d]);
            all_g += weight * sum_g[d];
            all_gx += weight * sum_gx[d];
            sum_gx[d] *= rstd;
        }
        double k[3] = {0, -rstd * rstd * rstd * all_gx / (double)s->L,
                       -rstd * all_g / (double)s->L};
        for (int64_t d = 0; d < s->D; d++) {
            k[0] = rstd * weight_of(s, line % s->G * s->D + d);
            e.loops->batch_grad_one(g + d * step, x + d * step, out + d * step, s->S, mean, k);
        }
        if (!e.direct) convert_run(to, e.dtype, out, e.work, s->L);
    }
}

Status cpu_group_norm_backward(OpCall *call) {
    Groups s = groups_of(call, call->in[1]);
    RtTensor *dweight = call->out[1], *dbias = call->out[2];
    if (s.x->numel == 0) {
        memset(rt_tensor_data(dweight), 0, (size_t)(dweight->numel * s.e.work_bytes));
        memset(rt_tensor_data(dbias), 0, (size_t)(dbias->numel * s.e.work_bytes));
        return OK;
    }
    s.g = call->in[0];
    s.mean = call->in[3];
    s.rstd = call->in[4];
    int64_t grain = PARALLEL_GRAIN / s.L + 1, row_bytes = s.C * s.e.work_bytes,
            sums_bytes = s.B * s.C * (int64_t)sizeof(double);
    int64_t lines = s.e.direct ? 0 : 3 * parallel_chunks(s.B * s.G, grain);
    RtStorage *room = storage_new(
        (size_t)(2 * sums_bytes + row_bytes + lines * s.L * s.e.work_bytes), (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    s.sum_g = room->data;
    s.sum_gx = s.sum_g + s.B * s.C;
    char *block = (char *)room->data + 2 * sums_bytes;
    s.weight = values_of(call->in[2], s.e.work, block);
    s.rows = block + row_bytes;
    parallel_run(s.B * s.G, grain, group_backward_lines, &s);
    for (int64_t c = 0; ATTRS_OF(call, norm)->affine && c < s.C; c++) {
        double g = 0, gx = 0;
        for (int64_t b = 0; b < s.B; b++) {
            g += s.sum_g[b * s.C + c];
            gx += s.sum_gx[b * s.C + c];
        }
        set_number(s.e.work, rt_tensor_data(dweight), c, gx);
        set_number(s.e.work, rt_tensor_data(dbias), c, g);
    }
    storage_drop(room);
    return OK;
}

// batch_norm and layer_norm. B, C, S: batch, channels, everything behind the channels; M, N: lines
// of layer_norm and the elements of one. Statistics and the gradients of weights have the type of
// computation: float, for double input double.
#include "cpu/norm_work.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/copy.h"
#include "cpu/parallel.h"
#include "cpu/reduce.h"
#include "tensor/storage.h"

#define MOST_PARTS 16 // of the batch, for sums over it
#define FRESH_ROWS 16 // rows summed in the element type before they are added to the doubles

// layer_norm --------------------------------------------------------------------------------------

typedef struct Layer {
    Element e;
    int64_t M, N;
    const RtTensor *g, *x, *out, *mean, *rstd;
    const void *weight, *bias;
    double eps;
    bool rms;   // the mean is taken as 0
    char *rows; // each chunk's buffers: 2 rows forward, 5 backward
    int64_t parts;
    double *sums; // a part's 2·N sums, or NULL
} Layer;

static void layer_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Layer *layer = context;
    Element e = layer->e;
    int64_t N = layer->N, row_bytes = N * e.work_bytes;
    char *room = layer->rows + chunk * 2 * row_bytes;
    for (int64_t m = begin; m < end; m++) {
        const void *x = load(&e, at_byte(layer->x, m * N, e.bytes), N, room);
        char *to = (char *)at_byte(layer->out, m * N, e.bytes),
             *y = e.direct ? to : room + row_bytes;
        double mean, squares;
        e.loops->moments(x, N, &mean, &squares);
        if (layer->rms) {
            squares += (double)N * mean * mean;
            mean = 0;
        }
        double rstd = 1 / sqrt(squares / (double)N + layer->eps);
        e.loops->normalize(x, y, N, mean, rstd, layer->weight, layer->bias);
        if (!e.direct) convert_run(to, e.dtype, y, e.work, N);
        set_number(e.work, rt_tensor_data(layer->mean), m, mean);
        set_number(e.work, rt_tensor_data(layer->rstd), m, rstd);
    }
}

static int64_t product(const RtInts *ints) {
    int64_t n = 1;
    for (int i = 0; i < ints->n; i++) n *= ints->v[i];
    return n;
}

Status cpu_layer_norm(OpCall *call) {
    const RtTensor *x = call->in[0];
    if (x->numel == 0) return OK;
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    Layer layer = {.e = element_of(x),
                   .N = product(&attrs->normalized_shape),
                   .x = x,
                   .out = call->out[0],
                   .mean = call->out[1],
                   .rstd = call->out[2],
                   .eps = attrs->eps,
                   .rms = attrs->rms};
    layer.M = x->numel / layer.N;
    int64_t grain = PARALLEL_GRAIN / layer.N + 1, row_bytes = layer.N * layer.e.work_bytes;
    int chunks = parallel_chunks(layer.M, grain);
    RtStorage *room = storage_new((size_t)((2 + 2 * chunks) * row_bytes), (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    char *block = room->data;
    layer.weight = values_of(call->in[1], layer.e.work, block);
    layer.bias = values_of(call->in[2], layer.e.work, block + row_bytes);
    layer.rows = block + 2 * row_bytes;
    parallel_run(layer.M, grain, layer_lines, &layer);
    storage_drop(room);
    return OK;
}

// dx = rstd (g w - mean(g w) - x̂ mean(g w x̂)), dw = Σ g x̂, db = Σ g over the lines.
static void layer_backward_parts(void *context, int64_t begin, int64_t end, int chunk) {
    const Layer *layer = context;
    Element e = layer->e;
    int64_t N = layer->N, row_bytes = N * e.work_bytes;
    for (int64_t part = begin; part < end; part++) {
        char *room = layer->rows + chunk * 5 * row_bytes,
             *fresh = layer->sums ? room + 3 * row_bytes : NULL;
        double *sums = layer->sums ? layer->sums + part * 2 * N : NULL;
        if (sums) memset(sums, 0, (size_t)(2 * N) * sizeof *sums);
        if (sums) memset(fresh, 0, (size_t)(2 * row_bytes));
        int64_t first = layer->M * part / layer->parts, last = layer->M * (part + 1) / layer->parts;
        for (int64_t m = first; m < last; m++) {
            const void *g = load(&e, at_byte(layer->g, m * N, e.bytes), N, room);
            const void *x = load(&e, at_byte(layer->x, m * N, e.bytes), N, room + row_bytes);
            char *to = (char *)at_byte(layer->out, m * N, e.bytes),
                 *out = e.direct ? to : room + 2 * row_bytes;
            double mean = number_at(e.work, rt_tensor_data(layer->mean), m);
            double rstd = number_at(e.work, rt_tensor_data(layer->rstd), m), s, sx;
            e.loops->sums(g, x, layer->weight, N, mean, &s, &sx);
            e.loops->layer_grad(g, x, layer->weight, out, N, mean, rstd,
                                layer->rms ? 0 : s / (double)N, sx * rstd * rstd / (double)N, fresh,
                                fresh ? fresh + row_bytes : NULL);
            if (sums && (m == last - 1 || (m - first) % FRESH_ROWS == FRESH_ROWS - 1))
                e.loops->flush(fresh, sums, 2 * N);
            if (!e.direct) convert_run(to, e.dtype, out, e.work, N);
        }
    }
}

Status cpu_layer_norm_backward(OpCall *call) {
    const RtTensor *x = call->in[1];
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    RtTensor *dweight = call->out[1], *dbias = call->out[2];
    if (x->numel == 0) {
        memset(rt_tensor_data(dweight), 0,
               (size_t)dweight->numel * rt_dtype_bytes((RtDtype)dweight->dtype));
        memset(rt_tensor_data(dbias), 0,
               (size_t)dbias->numel * rt_dtype_bytes((RtDtype)dbias->dtype));
        return OK;
    }
    Layer layer = {.e = element_of(x),
                   .N = product(&attrs->normalized_shape),
                   .g = call->in[0],
                   .x = x,
                   .out = call->out[0],
                   .mean = call->in[3],
                   .rstd = call->in[4],
                   .rms = attrs->rms};
    layer.M = x->numel / layer.N;
    // Few parts, so that their sums stay small beside the input.
    layer.parts = x->numel / PARALLEL_GRAIN + 1;
    if (layer.parts > MOST_PARTS) layer.parts = MOST_PARTS;
    if (layer.parts > layer.M) layer.parts = layer.M;
    int64_t row_bytes = layer.N * layer.e.work_bytes;
    int64_t rows = 1 + 5 * parallel_chunks(layer.parts, 1);
    int64_t sums = attrs->affine ? layer.parts * 2 * layer.N : 0;
    RtStorage *room = storage_new((size_t)(sums * (int64_t)sizeof(double) + rows * row_bytes),
                                  (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    layer.sums = sums ? room->data : NULL;
    char *block = (char *)room->data + sums * (int64_t)sizeof(double);
    layer.weight = values_of(call->in[2], layer.e.work, block);
    layer.rows = block + row_bytes;
    parallel_run(layer.parts, 1, layer_backward_parts, &layer);
    for (int64_t i = 0; sums && i < layer.N; i++) {
        double g = 0, gx = 0;
        for (int64_t part = 0; part < layer.parts; part++) {
            g += layer.sums[part * 2 * layer.N + i];
            gx += layer.sums[(part * 2 + 1) * layer.N + i];
        }
        set_number(layer.e.work, rt_tensor_data(dweight), i, gx);
        set_number(layer.e.work, rt_tensor_data(dbias), i, g);
    }
    storage_drop(room);
    return OK;
}

// batch_norm --------------------------------------------------------------------------------------

typedef struct Batch {
    Element e;
    int64_t B, C, S;
    const RtTensor *g, *x, *out;
    const char *mean; // C of the type of computation each
    char *k[3];       // forward: scale, shift; backward: factors of g, of x - mean, and the rest
    bool training;
    int64_t parts;
    double *sums; // a part's Σ g and Σ g (x - mean), C each
} Batch;

static Batch batch_of(const RtTensor *x) {
    Batch batch = {.e = element_of(x), .B = x->shape[0], .C = x->shape[1], .S = 1, .x = x};
    for (int i = 2; i < x->ndim; i++) batch.S *= x->shape[i];
    return batch;
}

// Biased variance into output 1; running and inverse deviations follow from it.
static void finish_mean_variance(const Reduction *reduction, const Cell *cells, int64_t width,
                                 int64_t n, const int64_t *at, const int64_t *stride) {
    for (int64_t j = 0; j < n; j++) {
        RtDtype work = (RtDtype)reduction->out[0]->dtype;
        set_number(work, rt_tensor_data(reduction->out[0]), at[0] + j * stride[0], cells[j].f);
        set_number(work, rt_tensor_data(reduction->out[1]), at[1] + j * stride[1],
                   cells[width + j].f / (double)reduction->length);
    }
}

static void move_running(const RtTensor *running, int64_t c, double momentum, double value) {
    double held;
    char *at = (char *)rt_tensor_data(running) +
               c * running->stride[0] * (int64_t)rt_dtype_bytes((RtDtype)running->dtype);
    convert_run(&held, RT_F64, at, (RtDtype)running->dtype, 1);
    held = (1 - momentum) * held + momentum * value;
    convert_run(at, (RtDtype)running->dtype, &held, RT_F64, 1);
}

// The row is not DENSE, because the running statistics are written where they are.
static RtTensor *contiguous(RtTensor *x) {
    if (rt_tensor_is_contiguous(x)) return x;
    RtTensor *copy = rt_tensor_new(x->ndim, x->shape, (RtDtype)x->dtype, x->device);
    if (copy) copy_tensor(copy, x);
    return copy;
}

// Elements of row r (S of one channel, or C of one sample when S is 1) pass in runs of at most RUN.
static void batch_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Batch *batch = context;
    Element e = batch->e;
    double g_room[RUN], x_room[RUN], y_room[RUN];
    bool by_channel = batch->S > 1;
    int64_t length = by_channel ? batch->S : batch->C;
    for (int64_t row = begin; row < end; row++) {
        int64_t c = by_channel ? row % batch->C : 0;
        for (int64_t done = 0, n; done < length; done += n) {
            n = e.direct || length - done < RUN ? length - done : RUN;
            int64_t at = row * length + done;
            const void *g = batch->g ? load(&e, at_byte(batch->g, at, e.bytes), n, g_room) : NULL;
            const void *x = load(&e, at_byte(batch->x, at, e.bytes), n, x_room);
            void *to = (char *)at_byte(batch->out, at, e.bytes), *y = e.direct ? to : y_room;
            if (by_channel) {
                double mean = number_at(e.work, batch->mean, c), k[3];
                for (int i = 0; i < 3; i++) k[i] = number_at(e.work, batch->k[i], c);
                if (!g)
                    e.loops->affine_one(x, y, n, mean, k[0], k[1]);
                else if (batch->training)
                    e.loops->batch_grad_one(g, x, y, n, mean, k);
                else
                    e.loops->affine_one(g, y, n, 0, k[0], 0);
            } else {
                int64_t first = done * e.work_bytes;
                const void *k[3] = {batch->k[0] + first, batch->k[1] + first, batch->k[2] + first};
                if (!g)
                    e.loops->affine(x, y, n, batch->mean + first, k[0], k[1]);
                else if (batch->training)
                    e.loops->batch_grad(g, x, y, n, batch->mean + first, k);
                else // k[1] and k[2] are zeros
                    e.loops->affine(g, y, n, k[1], k[0], k[2]);
            }
            if (!e.direct) convert_run(to, e.dtype, y, e.work, n);
        }
    }
    (void)chunk;
}

static void run_batch_rows(Batch *batch) {
    int64_t rows = batch->S > 1 ? batch->B * batch->C : batch->B,
            length = batch->S > 1 ? batch->S : batch->C;
    parallel_run(rows, PARALLEL_GRAIN / (length ? length : 1) + 1, batch_rows, batch);
}

Status cpu_batch_norm(OpCall *call) {
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    RtTensor *x = contiguous(call->in[0]), *mean = call->out[1], *invstd = call->out[2];
    if (!x) return error_code();
    RtTensor *running[2] = {call->in[3], call->in[4]};
    Batch batch = batch_of(x);
    RtDtype work = batch.e.work;
    int64_t C = batch.C, n = batch.B * batch.S, row_bytes = C * batch.e.work_bytes;
    RtStorage *room = storage_new((size_t)(5 * row_bytes), (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    char *block = room->data;
    Status status = OK;
    if (attrs->training) {
        Reduction reduction = {.kind = FOLD_MOMENTS,
                               .class = fold_class((RtDtype)x->dtype),
                               .finish = finish_mean_variance,
                               .x = x,
                               .dims = ~2u,
                               .nout = 2,
                               .out = {mean, invstd}};
        GUARD(reduce_run(&reduction));
    } else {
        for (int i = 0; i < 2; i++)
            convert_gather(rt_tensor_data(i ? invstd : mean), work, rt_tensor_data(running[i]),
                           (RtDtype)running[i]->dtype, running[i]->stride[0], C);
    }
    const void *weight = values_of(call->in[1], work, block),
               *bias = values_of(call->in[2], work, block + row_bytes);
    for (int i = 0; i < 3; i++) batch.k[i] = block + (2 + i) * row_bytes;
    for (int64_t c = 0; c < C; c++) {
        double var = number_at(work, rt_tensor_data(invstd), c), scale = 1 / sqrt(var + attrs->eps);
        if (attrs->training && PRESENT(running[0]) && n > 0) {
            move_running(running[0], c, attrs->momentum, number_at(work, rt_tensor_data(mean), c));
            move_running(running[1], c, attrs->momentum, var * (double)n / (double)(n - 1));
        }
        set_number(work, rt_tensor_data(invstd), c, scale);
        set_number(work, batch.k[0], c, scale * (weight ? number_at(work, weight, c) : 1));
        set_number(work, batch.k[1], c, bias ? number_at(work, bias, c) : 0);
        set_number(work, batch.k[2], c, 0);
    }
    if (attrs->training && PRESENT(running[0])) {
        rt_tensor_written(running[0]);
        rt_tensor_written(running[1]);
    }
    batch.mean = rt_tensor_data(mean);
    batch.out = call->out[0];
    run_batch_rows(&batch);
out:
    storage_drop(room);
    return status;
}

static void batch_sums(void *context, int64_t begin, int64_t end, int chunk) {
    const Batch *batch = context;
    Element e = batch->e;
    int64_t B = batch->B, C = batch->C, S = batch->S;
    double g_room[RUN], x_room[RUN];
    for (int64_t task = begin; task < end; task++) {
        int64_t part = S > 1 ? task / C : task, c = S > 1 ? task % C : 0;
        double *sum_g = batch->sums + part * 2 * C + c, *sum_gx = sum_g + C;
        memset(sum_g, 0, (size_t)(S > 1 ? 1 : C) * sizeof *sum_g);
        memset(sum_gx, 0, (size_t)(S > 1 ? 1 : C) * sizeof *sum_gx);
        for (int64_t b = B * part / batch->parts; b < B * (part + 1) / batch->parts; b++) {
            int64_t length = S > 1 ? S : C, from = S > 1 ? (b * C + c) * S : b * C;
            for (int64_t done = 0, n; done < length; done += n) {
                n = length - done < RUN ? length - done : RUN;
                const void *g = load(&e, at_byte(batch->g, from + done, e.bytes), n, g_room);
                const void *x = load(&e, at_byte(batch->x, from + done, e.bytes), n, x_room);
                if (S > 1) {
                    double s, sx;
                    e.loops->sums(g, x, NULL, n, number_at(e.work, batch->mean, c), &s, &sx);
                    *sum_g += s;
                    *sum_gx += sx;
                } else {
                    e.loops->add_sums(g, x, n, batch->mean + done * e.work_bytes, sum_g + done,
                                      sum_gx + done);
                }
            }
        }
    }
    (void)chunk;
}

// In training dx = w invstd (g - mean(g) - x̂ mean(g x̂)), else dx = w invstd g; dw = Σ g x̂, db = Σ
// g.
Status cpu_batch_norm_backward(OpCall *call) {
    const RtAttrs_norm *attrs = ATTRS_OF(call, norm);
    Batch batch = batch_of(call->in[1]);
    RtDtype work = batch.e.work;
    int64_t C = batch.C, n = batch.B * batch.S, row_bytes = C * batch.e.work_bytes;
    batch.parts = batch.B < MOST_PARTS ? batch.B : MOST_PARTS;
    batch.g = call->in[0];
    batch.out = call->out[0];
    batch.mean = rt_tensor_data(call->in[3]);
    batch.training = attrs->training;
    int64_t sums_bytes = (batch.parts ? batch.parts : 1) * 2 * C * (int64_t)sizeof(double);
    RtStorage *room = storage_new((size_t)(sums_bytes + 4 * row_bytes), (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    batch.sums = room->data;
    char *block = (char *)room->data + sums_bytes;
    const void *weight = values_of(call->in[2], work, block), *invstd = rt_tensor_data(call->in[4]);
    for (int i = 0; i < 3; i++) batch.k[i] = block + (1 + i) * row_bytes;
    bool summed = attrs->training || attrs->affine;
    int64_t tasks = batch.parts * (batch.S > 1 ? C : 1), each = n * C / (tasks ? tasks : 1);
    if (summed) parallel_run(tasks, PARALLEL_GRAIN / (each ? each : 1) + 1, batch_sums, &batch);
    for (int64_t c = 0; c < C; c++) {
        double g = 0, gx = 0, scale = number_at(work, invstd, c),
               k = scale * (weight ? number_at(work, weight, c) : 1);
        for (int64_t part = 0; summed && part < batch.parts; part++) {
            g += batch.sums[part * 2 * C + c];
            gx += batch.sums[(part * 2 + 1) * C + c];
        }
        if (attrs->affine) {
            set_number(work, rt_tensor_data(call->out[1]), c, gx * scale);
            set_number(work, rt_tensor_data(call->out[2]), c, g);
        }
        set_number(work, batch.k[0], c, k);
        set_number(work, batch.k[1], c,
                   attrs->training && n ? -k * scale * scale * gx / (double)n : 0);
        set_number(work, batch.k[2], c, attrs->training && n ? -k * g / (double)n : 0);
    }
    run_batch_rows(&batch);
    storage_drop(room);
    return OK;
}

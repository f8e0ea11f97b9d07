// Losses: between two tensors of one shape, and against class indices, with the softmax fused.
#include "cpu/loss.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "cpu/softmax.h"
#include "ops/loss.h"
#include "tensor/storage.h"

#define RUN 512
#define PART (16 * RUN) // elements whose sum is one partial sum, whatever the number of threads

static const char *at_byte(const RtTensor *tensor, int64_t element, int64_t bytes) {
    return (const char *)rt_tensor_data(tensor) + element * bytes;
}

static double number_of(const RtTensor *tensor, int64_t i) {
    double value;
    convert_run(&value, RT_F64, at_byte(tensor, i, (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype)),
                (RtDtype)tensor->dtype, 1);
    return value;
}

static void set_number(const RtTensor *tensor, int64_t i, double value) {
    convert_run((char *)at_byte(tensor, i, (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype)),
                (RtDtype)tensor->dtype, &value, RT_F64, 1);
}

// Pairs -------------------------------------------------------------------------------------------

typedef enum PairTask { TASK_SUM, TASK_EACH, TASK_GRAD } PairTask;

typedef struct Pair {
    PairTask task;
    PairLoss loss;
    const PairLoops *loops;
    RtDtype dtype, work;
    const RtTensor *x, *t, *g, *out;
    double beta, h;
    double *partial;
    int64_t n;
} Pair;

static void pair_runs(void *context, int64_t begin, int64_t end, int chunk) {
    const Pair *pair = context;
    int64_t bytes = (int64_t)rt_dtype_bytes(pair->dtype);
    float room[4][RUN];
    bool direct = pair->dtype == pair->work;
    for (int64_t part = begin; part < end; part++) {
        int64_t last = (part + 1) * PART < pair->n ? (part + 1) * PART : pair->n;
        double sum = 0;
        for (int64_t at = part * PART, n; at < last; at += n) {
            n = direct || last - at < RUN ? last - at : RUN;
            const void *in[3] = {at_byte(pair->x, at, bytes), at_byte(pair->t, at, bytes),
                                 pair->g ? at_byte(pair->g, at, bytes) : NULL};
            void *to = pair->out ? (char *)at_byte(pair->out, at, bytes) : NULL,
                 *out = direct ? to : room[3];
            for (int i = 0; i < 3 && !direct; i++) {
                if (!in[i]) continue;
                convert_run(room[i], RT_F32, in[i], pair->dtype, n);
                in[i] = room[i];
            }
            if (pair->task == TASK_SUM)
                sum += pair->loops->sum[pair->loss](in[0], in[1], n, pair->beta);
            else if (pair->task == TASK_EACH)
                pair->loops->each[pair->loss](in[0], in[1], out, n, pair->beta);
            else
                pair->loops->grad[pair->loss](in[0], in[1], in[2], out, n, pair->h, pair->beta);
            if (pair->task != TASK_SUM && !direct) convert_run(to, pair->dtype, out, RT_F32, n);
        }
        if (pair->task == TASK_SUM) pair->partial[part] = sum;
    }
    (void)chunk;
}

static Pair pair_of(const RtTensor *x, const RtTensor *t, PairTask task, PairLoss loss) {
    Pair pair = {
        .task = task, .loss = loss, .dtype = (RtDtype)x->dtype, .x = x, .t = t, .n = x->numel};
    pair.work = pair.dtype == RT_F64 ? RT_F64 : RT_F32;
    pair.loops = &ISA_PICK(pair_table)->of[pair.work == RT_F64];
    return pair;
}

static void run_pair(Pair *pair) {
    parallel_run((pair->n + PART - 1) / PART, PARALLEL_GRAIN / PART, pair_runs, pair);
}

static Status pair_loss(OpCall *call, PairLoss loss) {
    const RtAttrs_loss *attrs = ATTRS_OF(call, loss);
    bool each = attrs->reduction == REDUCTION_NONE;
    Pair pair = pair_of(call->in[0], call->in[1], each ? TASK_EACH : TASK_SUM, loss);
    pair.beta = attrs->beta;
    if (each) {
        pair.out = call->out[0];
        run_pair(&pair);
        return OK;
    }
    int64_t parts = (pair.n + PART - 1) / PART;
    RtStorage *room = storage_new((size_t)(parts + 1) * sizeof(double), (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    pair.partial = room->data;
    run_pair(&pair);
    double total = 0;
    for (int64_t part = 0; part < parts; part++) total += pair.partial[part];
    storage_drop(room);
    set_number(call->out[0], 0,
               attrs->reduction == REDUCTION_MEAN ? total / (double)pair.n : total);
    return OK;
}

static Status pair_backward(OpCall *call, PairLoss loss) {
    const RtAttrs_loss *attrs = ATTRS_OF(call, loss);
    Pair pair = pair_of(call->in[1], call->in[2], TASK_GRAD, loss);
    pair.out = call->out[0];
    pair.beta = attrs->beta;
    pair.h = 1;
    if (pair.n == 0) return OK;
    if (attrs->reduction == REDUCTION_NONE)
        pair.g = call->in[0];
    else
        pair.h =
            number_of(call->in[0], 0) / (attrs->reduction == REDUCTION_MEAN ? (double)pair.n : 1);
    run_pair(&pair);
    return OK;
}

Status cpu_mse_pair(OpCall *call) { return pair_loss(call, PAIR_SQUARED); }
Status cpu_mse_pair_backward(OpCall *call) { return pair_backward(call, PAIR_SQUARED); }
Status cpu_smooth_l1_pair(OpCall *call) { return pair_loss(call, PAIR_SMOOTH); }
Status cpu_smooth_l1_pair_backward(OpCall *call) { return pair_backward(call, PAIR_SMOOTH); }

Status cpu_bce_pair(OpCall *call) {
    Pair pair = pair_of(call->in[0], call->in[1], TASK_EACH, PAIR_BCE);
    pair.out = call->out[0];
    run_pair(&pair);
    return OK;
}

// Classes -----------------------------------------------------------------------------------------
// The input is (B, C, S), target and everything else that is one a line is (B, S): line b S + s is
// that of sample b.

typedef struct Classes {
    const RtAttrs_loss *attrs;
    Along along; // D: classes
    const RtTensor *x, *g, *out;
    const int64_t *target;
    const double *weight; // NULL: all 1
    double weights;       // their sum
    double *loss, *lse;   // one a line
    double total;
    RtStorage *room;
} Classes;

static double weight_of(const Classes *classes, int64_t c) {
    return classes->weight ? classes->weight[c] : 1;
}

// Targets as int64, weights as double, and room for `extra` doubles a line; checks every target.
static Status classes_open(OpCall *call, const RtTensor *x, const RtTensor *target,
                           const RtTensor *weight, int extra, Classes *out) {
    Classes classes = {.attrs = ATTRS_OF(call, loss), .x = x, .along = along_of(x, class_dim(x))};
    int64_t C = classes.along.D, lines = target->numel;
    bool convert = target->dtype != RT_I64;
    classes.room =
        storage_new((size_t)((convert ? lines : 0) + C + lines * extra + 1) * sizeof(double),
                    (RtDevice){RT_CPU, 0});
    if (!classes.room) return error_code();
    double *room = classes.room->data;
    classes.target = rt_tensor_data(target);
    if (convert) {
        convert_run(room, RT_I64, rt_tensor_data(target), (RtDtype)target->dtype, lines);
        classes.target = (int64_t *)room;
        room += lines;
    }
    classes.weights = (double)C;
    if (PRESENT(weight)) {
        convert_run(room, RT_F64, rt_tensor_data(weight), (RtDtype)weight->dtype, C);
        classes.weight = room;
        classes.weights = 0;
        for (int64_t c = 0; c < C; c++) classes.weights += room[c];
    }
    classes.loss = room + C;
    if (extra) memset(classes.loss, 0, (size_t)(lines * extra) * sizeof(double));
    for (int64_t i = 0; i < lines; i++) {
        int64_t t = classes.target[i];
        if (t == classes.attrs->ignore_index || (t >= 0 && t < C)) continue;
        storage_drop(classes.room);
        return loss_fail(call, ERR_INDEX,
                         "target %lld at position %lld is out of range for %lld classes",
                         (long long)t, (long long)i, (long long)C);
    }
    *out = classes;
    return OK;
}

// The losses of all lines to the loss, and the total weight.
static void classes_reduce(const Classes *classes, const RtTensor *loss,
                           const RtTensor *total_weight) {
    int64_t lines = classes->along.O * classes->along.I;
    double sum = 0, total = 0;
    for (int64_t i = 0; i < lines; i++) {
        sum += classes->loss[i];
        if (classes->target[i] != classes->attrs->ignore_index)
            total += weight_of(classes, classes->target[i]);
    }
    set_number(total_weight, 0, total);
    if (classes->attrs->reduction == REDUCTION_NONE)
        convert_run(rt_tensor_data(loss), (RtDtype)loss->dtype, classes->loss, RT_F64, lines);
    else
        set_number(loss, 0, classes->attrs->reduction == REDUCTION_MEAN ? sum / total : sum);
}

// The gradient of a line's loss.
static double line_gradient(const Classes *classes, int64_t line) {
    if (classes->attrs->reduction == REDUCTION_NONE) return number_of(classes->g, line);
    double g = number_of(classes->g, 0);
    return classes->attrs->reduction == REDUCTION_MEAN ? g / classes->total : g;
}

static void nll_lines(void *context, int64_t begin, int64_t end, int chunk) {
    const Classes *classes = context;
    Along along = classes->along;
    for (int64_t line = begin; line < end; line++) {
        int64_t t = classes->target[line];
        if (t == classes->attrs->ignore_index) continue;
        int64_t at = (line / along.I * along.D + t) * along.I + line % along.I;
        if (classes->out)
            set_number(classes->out, at, -line_gradient(classes, line) * weight_of(classes, t));
        else
            classes->loss[line] = -weight_of(classes, t) * number_of(classes->x, at);
    }
    (void)chunk;
}

Status cpu_nll_loss(OpCall *call) {
    Classes classes;
    TRY(classes_open(call, call->in[0], call->in[1], call->in[2], 1, &classes));
    parallel_run(call->in[1]->numel, PARALLEL_GRAIN / 8, nll_lines, &classes);
    classes_reduce(&classes, call->out[0], call->out[1]);
    storage_drop(classes.room);
    return OK;
}

Status cpu_nll_loss_backward(OpCall *call) {
    Classes classes;
    TRY(classes_open(call, call->in[1], call->in[2], call->in[3], 0, &classes));
    classes.g = call->in[0];
    classes.out = call->out[0];
    classes.total = number_of(call->in[4], 0);
    memset(rt_tensor_data(classes.out), 0,
           (size_t)classes.out->numel * rt_dtype_bytes((RtDtype)classes.out->dtype));
    parallel_run(call->in[2]->numel, PARALLEL_GRAIN / 8, nll_lines, &classes);
    storage_drop(classes.room);
    return OK;
}

static double line_value(const Lines *lines, const void *x, int64_t c) {
    return lines->in[0]->dtype == RT_F64 ? ((const double *)x)[c] : (double)((const float *)x)[c];
}

// (1 - ε) w_t (lse - x_t) + ε / C Σ w_c (lse - x_c). A line that is ignored has lse = inf, all
// probabilities 0.
static void cross_entropy_line(const Lines *lines, int64_t line, const void *const *in, void *out) {
    const Classes *classes = lines->context;
    int64_t t = classes->target[line], C = classes->along.D;
    if (t == classes->attrs->ignore_index) {
        classes->lse[line] = INFINITY;
        return;
    }
    double lse = lines->loops->logsumexp(in[0], C), smoothing = classes->attrs->label_smoothing;
    double loss = (1 - smoothing) * weight_of(classes, t) * (lse - line_value(lines, in[0], t));
    if (smoothing > 0) {
        double rest = 0;
        if (classes->weight)
            for (int64_t c = 0; c < C; c++)
                rest += classes->weight[c] * (lse - line_value(lines, in[0], c));
        else
            rest = (double)C * lse - lines->loops->sum(in[0], C);
        loss += smoothing / (double)C * rest;
    }
    classes->loss[line] = loss;
    classes->lse[line] = lse;
    (void)out;
}

Status cpu_cross_entropy_index(OpCall *call) {
    Classes classes;
    TRY(classes_open(call, call->in[0], call->in[1], call->in[2], 1, &classes));
    classes.lse = rt_tensor_data(call->out[1]);
    Lines lines = {.line = cross_entropy_line,
                   .context = &classes,
                   .along = classes.along,
                   .nin = 1,
                   .in = {call->in[0]}};
    Status status = lines_run(&lines);
    if (status >= 0) classes_reduce(&classes, call->out[0], call->out[2]);
    storage_drop(classes.room);
    return status;
}

// h (S p - k): p = e^(x - lse), k_c = (1 - ε) w_t [c = t] + ε / C w_c, S = Σ k_c
static void cross_entropy_grad_line(const Lines *lines, int64_t line, const void *const *in,
                                    void *out) {
    const Classes *classes = lines->context;
    int64_t t = classes->target[line], C = classes->along.D;
    bool wide = lines->out->dtype == RT_F64;
    if (t == classes->attrs->ignore_index) {
        memset(out, 0, (size_t)C * (wide ? sizeof(double) : sizeof(float)));
        return;
    }
    double smoothing = classes->attrs->label_smoothing, h = line_gradient(classes, line);
    double own = (1 - smoothing) * weight_of(classes, t), rest = smoothing / (double)C;
    lines->loops->exp_scaled(in[0], classes->lse[line], h * (own + rest * classes->weights), out,
                             C);
    float *f = out;
    double *d = out;
    for (int64_t c = 0; rest > 0 && c < C; c++) {
        double taken = h * rest * weight_of(classes, c);
        if (wide)
            d[c] -= taken;
        else
            f[c] -= (float)taken;
    }
    if (wide)
        d[t] -= h * own;
    else
        f[t] -= (float)(h * own);
}

Status cpu_cross_entropy_index_backward(OpCall *call) {
    Classes classes;
    TRY(classes_open(call, call->in[1], call->in[2], call->in[3], 0, &classes));
    classes.g = call->in[0];
    classes.lse = rt_tensor_data(call->in[4]);
    classes.total = number_of(call->in[5], 0);
    Lines lines = {.line = cross_entropy_grad_line,
                   .context = &classes,
                   .along = classes.along,
                   .nin = 1,
                   .in = {call->in[1]},
                   .out = call->out[0]};
    Status status = lines_run(&lines);
    storage_drop(classes.room);
    return status;
}

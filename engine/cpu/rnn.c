// Recurrent layers over all steps. T, B: steps and sequences; I, H, P: widths of the input, of the
// state and of what is handed on (P is H without a projection); G gates. A row is one sequence at
// one step; at step t the first size[t] sequences run, and their rows begin at start[t].
//
// What the input adds to the gates is a product for many steps at once, and the gradients of the
// weights are one for all; only the product with the state goes step by step. hn (and cn) are the
// state on the way: a sequence that has ended keeps its last one.
#include "cpu/rnn.h"

#include <string.h>

#include "cpu/backend.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"
#include "ops/rnn.h"

enum {
    PANEL_WORK = 1 << 20,  // multiplications worth a thread
    INPUT_BYTES = 1 << 19, // of the gates' sums made in advance
};

typedef struct Layer {
    const RnnLoops *loops;
    RtDtype dtype;
    int mode;
    bool reverse;
    int64_t bytes, T, B, rows, I, H, P, G, kept; // kept: numbers of a row in the reserve
    const int64_t *size;                         // NULL: B always
    int64_t *start;                              // NULL: t · B
    const char *x, *hx, *cx, *w_ih, *w_hh, *w_hr;
    char *y, *reserve;
} Layer;

static void *data_of(const RtTensor *x) { return PRESENT(x) ? rt_tensor_data(x) : NULL; }

static char *new_room(int64_t bytes) { // belongs to the open scope
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

static int64_t size_at(const Layer *l, int64_t t) { return l->size ? l->size[t] : l->B; }
static int64_t start_at(const Layer *l, int64_t t) { return l->start ? l->start[t] : t * l->B; }
static int64_t time_of(const Layer *l, int64_t step) { return l->reverse ? l->T - 1 - step : step; }

static Status layer_of(Layer *l, const RtAttrs_rnn *attrs, RtTensor *const weights[3],
                       const RtTensor *x, const RtTensor *hx, const RtTensor *cx,
                       const RtTensor *sizes) {
    *l = (Layer){.dtype = (RtDtype)x->dtype,
                 .mode = attrs->mode,
                 .reverse = attrs->reverse,
                 .bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype),
                 .B = hx->shape[0],
                 .P = hx->shape[1],
                 .I = x->shape[x->ndim - 1],
                 .G = rnn_gates(attrs->mode),
                 .x = data_of(x),
                 .hx = data_of(hx),
                 .cx = data_of(cx),
                 .w_ih = data_of(weights[0]),
                 .w_hh = data_of(weights[1]),
                 .w_hr = data_of(weights[2]),
                 .size = data_of(sizes)};
    l->loops = &ISA_PICK(rnn_table)->of[l->dtype == RT_F64];
    l->H = weights[0]->shape[0] / l->G;
    l->kept = rnn_reserve(l->mode, l->H);
    l->T = l->size ? sizes->numel : x->shape[0];
    l->rows = l->size ? x->shape[0] : l->T * l->B;
    if (!l->size) return OK;
    l->start = (int64_t *)(void *)new_room(l->T * (int64_t)sizeof(int64_t));
    if (!l->start) return error_code();
    for (int64_t t = 0, at = 0; t < l->T; at += l->size[t++]) l->start[t] = at;
    return OK;
}

static Matrix matrix_at(const void *data, int64_t step) { return (Matrix){(void *)data, step, 1}; }
static Matrix turned(Matrix m) { return (Matrix){m.data, m.column, m.row}; }

// One product, whose workspace goes at once.
static Status multiply(const Layer *l, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b,
                       Matrix c, GemmInit init, const void *bias) {
    RtScope scope;
    TRY(rt_scope_open(&scope));
    Status status = gemm_run(l->dtype, m, n, k, a, b, c, init, bias, NULL);
    rt_scope_close(scope);
    return status;
}

// A weight (k, n) that every step multiplies by, laid out anew: panels as wide as the widest tile,
// the rows of one right behind each other, so that a panel fills few pages. With few steps that
// does not pay, and `plain` is used.
typedef struct Panels {
    int64_t k, n, width;
    char *data; // or NULL
    Matrix plain;
} Panels;

static Status panels_of(const Layer *l, int64_t k, int64_t n, Matrix weight, Panels *out) {
    const GemmKernels *gemm = gemm_kernels(l->dtype);
    *out = (Panels){.k = k, .n = n, .width = gemm->columns, .plain = weight};
    if (l->T < 4) return OK;
    int64_t count = (n + out->width - 1) / out->width, bytes = out->width * l->bytes;
    if (!(out->data = new_room(count * k * bytes))) return error_code();
    for (int64_t panel = 0; panel < count; panel++) {
        int64_t first = panel * out->width, wide = n - first < out->width ? n - first : out->width;
        const char *from = (const char *)weight.data + first * weight.column * l->bytes;
        char *to = out->data + panel * k * bytes;
        if (weight.row == 1)
            gemm->transpose(k, wide, from, weight.column, to, out->width);
        else
            for (int64_t i = 0; i < k; i++)
                memcpy(to + i * bytes, from + i * weight.row * l->bytes, (size_t)(wide * l->bytes));
    }
    return OK;
}

typedef struct PanelJob {
    const Layer *l;
    const Panels *panels;
    GemmProduct p; // whole
} PanelJob;

static void run_panels(void *context, int64_t begin, int64_t end, int chunk) {
    const PanelJob *job = context;
    const Panels *panels = job->panels;
    int64_t bytes = job->l->bytes;
    for (int64_t panel = begin; panel < end; panel++) {
        int64_t first = panel * panels->width, left = panels->n - first;
        GemmProduct p = job->p;
        p.n = left < panels->width ? left : panels->width;
        p.b = panels->data + panel * panels->k * panels->width * bytes;
        p.c = (char *)p.c + first * bytes;
        if (p.bias) p.bias = (const char *)p.bias + first * bytes;
        gemm_kernels(job->l->dtype)->product(&p, NULL);
    }
    (void)chunk;
}

// C (m, n) = init + A (m, k) by the weight; rows of A are contiguous.
static Status multiply_panels(const Layer *l, const Panels *panels, int64_t m, const char *a,
                              char *c, int64_t c_step, GemmInit init, const void *bias) {
    if (!panels->data)
        return multiply(l, m, panels->n, panels->k, matrix_at(a, panels->k), panels->plain,
                        matrix_at(c, c_step), init, bias);
    PanelJob job = {.l = l,
                    .panels = panels,
                    .p = {.m = m,
                          .k = panels->k,
                          .a = a,
                          .a_row = panels->k,
                          .a_column = 1,
                          .b_row = panels->width,
                          .b_column = 1,
                          .c = c,
                          .ldc = c_step,
                          .init = init,
                          .bias = bias}};
    int64_t count = (panels->n + panels->width - 1) / panels->width;
    parallel_run(count, PANEL_WORK / (m * panels->k * panels->width + 1) + 1, run_panels, &job);
    return OK;
}

// The row before (n, or the initial state): of the step that was computed before step t.
static const char *before_row(const Layer *l, int64_t t, int64_t b, const char *all, int64_t step,
                              const char *initial, int64_t width) {
    int64_t other = l->reverse ? t + 1 : t - 1;
    if (other < 0 || other >= l->T || b >= size_at(l, other)) return initial + b * width * l->bytes;
    return all + (start_at(l, other) + b) * step * l->bytes;
}

// Forward -------------------------------------------------------------------------------------

typedef struct Forward {
    Layer l;
    char *hn, *cn, *hidden, *out; // hidden: sums of gru; out: h before the projection
    int64_t start;                // of the step under way
} Forward;

static void forward_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Forward *f = context;
    const Layer *l = &f->l;
    int64_t H = l->H, line = H * l->bytes;
    for (int64_t b = begin; b < end; b++) {
        int64_t row = f->start + b;
        char *kept = l->reserve + row * l->kept * l->bytes;
        char *h = f->out ? f->out + b * line : l->y + row * line;
        char *c = f->cn + b * line;
        if (l->mode == RNN_LSTM)
            l->loops->lstm(kept, c, kept + 4 * line, c, h, H);
        else if (l->mode == RNN_GRU)
            l->loops->gru(kept, f->hidden + b * 3 * line, kept + 3 * line, f->hn + b * line, h, H);
        else
            l->loops->plain(h, H, l->mode == RNN_RELU);
        if (!f->out) memcpy(f->hn + b * line, h, (size_t)line);
    }
    (void)chunk;
}

// What the input adds to the gates, for the steps from `first` on (in the order in which they are
// computed) as far as their sums stay in the cache until they are needed; *next: the first step
// that is left.
static Status add_input(const Layer *l, const Panels *w, char *sums, int64_t sums_step,
                        const void *bias, int64_t first, int64_t *next) {
    int64_t rows = 0, s = first, most = INPUT_BYTES / (w->n * l->bytes);
    while (s < l->T && (s == first || rows + size_at(l, time_of(l, s)) <= most))
        rows += size_at(l, time_of(l, s++));
    *next = s;
    int64_t start = start_at(l, time_of(l, l->reverse ? s - 1 : first));
    return multiply_panels(l, w, rows, l->x + start * l->I * l->bytes,
                           sums + start * sums_step * l->bytes, sums_step,
                           bias ? GEMM_BIAS_COLUMN : GEMM_ZERO, bias);
}

static Status run_forward(Forward *f, const void *bias, const void *hidden_bias) {
    const Layer *l = &f->l;
    int64_t n = l->G * l->H, grain = PARALLEL_GRAIN / (8 * l->H + 1) + 1;
    bool gated = l->kept > 0;
    char *sums = gated ? l->reserve : l->y;
    int64_t step = gated ? l->kept : l->P;
    Panels w, w_input;
    TRY(panels_of(l, l->P, n, turned(matrix_at(l->w_hh, l->P)), &w));
    TRY(panels_of(l, l->I, n, turned(matrix_at(l->w_ih, l->I)), &w_input));
    for (int64_t s = 0, next = 0; s < l->T; s++) {
        if (s == next) TRY(add_input(l, &w_input, sums, step, bias, s, &next));
        int64_t t = time_of(l, s), m = size_at(l, t);
        f->start = start_at(l, t);
        if (l->mode == RNN_GRU)
            TRY(multiply_panels(l, &w, m, f->hn, f->hidden, n,
                                hidden_bias ? GEMM_BIAS_COLUMN : GEMM_ZERO, hidden_bias));
        else
            TRY(multiply_panels(l, &w, m, f->hn, sums + f->start * step * l->bytes, step, GEMM_ADD,
                                NULL));
        parallel_run(m, grain, forward_rows, f);
        if (!f->out) continue;
        char *y = l->y + f->start * l->P * l->bytes;
        TRY(multiply(l, m, l->P, l->H, matrix_at(f->out, l->H), turned(matrix_at(l->w_hr, l->H)),
                     matrix_at(y, l->P), GEMM_ZERO, NULL));
        memcpy(f->hn, y, (size_t)(m * l->P * l->bytes));
    }
    return OK;
}

Status cpu_rnn_scan(OpCall *call) {
    RtTensor *const *in = call->in;
    Forward f = {.hn = data_of(call->out[1]), .cn = data_of(call->out[2])};
    Layer *l = &f.l;
    TRY(layer_of(l, ATTRS_OF(call, rnn), (RtTensor *[]){in[3], in[4], in[7]}, in[0], in[1], in[2],
                 in[8]));
    l->y = data_of(call->out[0]);
    l->reserve = data_of(call->out[3]);
    if (l->B * l->P > 0) memcpy(f.hn, l->hx, (size_t)(l->B * l->P * l->bytes));
    if (l->cx && l->B * l->H > 0) memcpy(f.cn, l->cx, (size_t)(l->B * l->H * l->bytes));
    if (l->rows == 0 || l->H == 0) return OK;
    const void *bias = data_of(in[5]), *hidden_bias = data_of(in[6]);
    int64_t n = l->G * l->H;
    if (l->mode == RNN_GRU) {
        f.hidden = new_room(l->B * n * l->bytes);
        if (!f.hidden) return error_code();
    } else if (bias) { // both are added at once
        char *both = new_room(n * l->bytes);
        if (!both) return error_code();
        memcpy(both, bias, (size_t)(n * l->bytes));
        l->loops->add(both, hidden_bias, n);
        bias = both;
    }
    if (l->w_hr && !(f.out = new_room(l->B * l->H * l->bytes))) return error_code();
    return run_forward(&f, bias, hidden_bias);
}

// Backward ------------------------------------------------------------------------------------

typedef struct Backward {
    Layer l;
    const char *gy;      // of all outputs, or NULL
    char *dh, *dc;       // of the state on the way: at the end of hx and cx
    char *dsum, *dsum_h; // of the gates' sums, and of the hidden ones (gru)
    char *through;       // dh behind the projection, of one step
    char *dout, *out;    // of the projection, all rows: dh, and h before it
    int64_t t;           // the step under way
} Backward;

static void backward_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Backward *w = context;
    const Layer *l = &w->l;
    int64_t H = l->H, line = H * l->bytes, n = l->G * line, start = start_at(l, w->t);
    for (int64_t b = begin; b < end; b++) {
        int64_t row = start + b;
        const char *kept = l->reserve + row * l->kept * l->bytes;
        char *d = w->dsum + row * n, *dh = (w->through ? w->through : w->dh) + b * line;
        if (l->mode == RNN_LSTM) {
            const char *c = before_row(l, w->t, b, l->reserve + 4 * line, l->kept, l->cx, H);
            l->loops->lstm_back(kept, kept + 4 * line, c, dh, w->dc + b * line, d,
                                w->out ? w->out + row * line : NULL, H);
        } else if (l->mode == RNN_GRU) {
            const char *h = before_row(l, w->t, b, l->y, l->P, l->hx, l->P);
            l->loops->gru_back(kept, kept + 3 * line, h, dh, d, w->dsum_h + row * n, H);
        } else {
            l->loops->plain_back(l->y + row * line, dh, d, H, l->mode == RNN_RELU);
        }
    }
    (void)chunk;
}

static void add_outputs(void *context, int64_t begin, int64_t end, int chunk) {
    const Backward *w = context;
    int64_t at = begin * w->l.P * w->l.bytes;
    const char *gy = w->gy + start_at(&w->l, w->t) * w->l.P * w->l.bytes;
    w->l.loops->add(w->dh + at, gy + at, (end - begin) * w->l.P);
    (void)chunk;
}

static Status run_backward(Backward *w) {
    const Layer *l = &w->l;
    int64_t n = l->G * l->H, grain = PARALLEL_GRAIN / (8 * l->H + 1) + 1;
    Panels weight;
    TRY(panels_of(l, n, l->P, matrix_at(l->w_hh, l->P), &weight));
    for (int64_t s = l->T - 1; s >= 0; s--) {
        int64_t t = w->t = time_of(l, s), m = size_at(l, t), start = start_at(l, t);
        if (w->gy) parallel_run(m, grain, add_outputs, w);
        if (w->through) {
            memcpy(w->dout + start * l->P * l->bytes, w->dh, (size_t)(m * l->P * l->bytes));
            TRY(multiply(l, m, l->H, l->P, matrix_at(w->dh, l->P), matrix_at(l->w_hr, l->H),
                         matrix_at(w->through, l->H), GEMM_ZERO, NULL));
        }
        parallel_run(m, grain, backward_rows, w);
        char *d = (w->dsum_h ? w->dsum_h : w->dsum) + start * n * l->bytes;
        TRY(multiply_panels(l, &weight, m, d, w->dh, l->P,
                            l->mode == RNN_GRU ? GEMM_ADD : GEMM_ZERO, NULL));
    }
    return OK;
}

// All states that the steps began with, row by row.
static void gather_before(const Layer *l, char *to) {
    size_t line = (size_t)(l->P * l->bytes);
    for (int64_t t = 0; t < l->T; t++)
        for (int64_t b = 0; b < size_at(l, t); b++)
            memcpy(to + (size_t)(start_at(l, t) + b) * line,
                   before_row(l, t, b, l->y, l->P, l->hx, l->P), line);
}

// Σ over the rows, as the product of a row of ones.
static Status sum_rows(const Layer *l, const char *d, char *to) {
    const double one = 1;
    const float one_f = 1;
    int64_t n = l->G * l->H;
    Matrix ones = {(void *)(l->dtype == RT_F64 ? (const void *)&one : &one_f), 0, 0};
    return multiply(l, 1, n, l->rows, ones, matrix_at(d, n), matrix_at(to, n), GEMM_ZERO, NULL);
}

static Status weight_gradients(Backward *w, char *to) {
    const Layer *l = &w->l;
    int64_t n = l->G * l->H;
    char *before = new_room(l->rows * l->P * l->bytes), *dsum_h = w->dsum_h ? w->dsum_h : w->dsum;
    if (!before) return error_code();
    gather_before(l, before);
    TRY(multiply(l, n, l->I, l->rows, turned(matrix_at(w->dsum, n)), matrix_at(l->x, l->I),
                 matrix_at(to, l->I), GEMM_ZERO, NULL));
    to += n * l->I * l->bytes;
    TRY(multiply(l, n, l->P, l->rows, turned(matrix_at(dsum_h, n)), matrix_at(before, l->P),
                 matrix_at(to, l->P), GEMM_ZERO, NULL));
    to += n * l->P * l->bytes;
    TRY(sum_rows(l, w->dsum, to));
    to += n * l->bytes;
    if (w->dsum_h)
        TRY(sum_rows(l, dsum_h, to));
    else
        memcpy(to, to - n * l->bytes, (size_t)(n * l->bytes));
    to += n * l->bytes;
    if (!w->out) return OK;
    return multiply(l, l->P, l->H, l->rows, turned(matrix_at(w->dout, l->P)),
                    matrix_at(w->out, l->H), matrix_at(to, l->H), GEMM_ZERO, NULL);
}

// The gradient of the last state, or zeros.
static void start_with(const RtTensor *g, RtTensor *to) {
    size_t bytes = (size_t)to->numel * rt_dtype_bytes((RtDtype)to->dtype);
    if (bytes && PRESENT(g))
        memcpy(rt_tensor_data(to), rt_tensor_data(g), bytes);
    else if (bytes)
        memset(rt_tensor_data(to), 0, bytes);
}

Status cpu_rnn_scan_backward(OpCall *call) {
    RtTensor *const *in = call->in;
    Backward w = {.gy = data_of(in[0]), .dh = data_of(call->out[1]), .dc = data_of(call->out[2])};
    Layer *l = &w.l;
    TRY(layer_of(l, ATTRS_OF(call, rnn), (RtTensor *[]){in[6], in[7], in[8]}, in[3], in[4], in[5],
                 in[9]));
    l->y = data_of(in[10]);
    l->reserve = data_of(in[11]);
    start_with(in[1], call->out[1]);
    start_with(in[2], call->out[2]);
    if (l->rows == 0 || l->H == 0) {
        start_with(RT_NONE, call->out[0]);
        start_with(RT_NONE, call->out[3]);
        return OK;
    }
    int64_t n = l->G * l->H;
    w.dsum = new_room(l->rows * n * l->bytes);
    if (!w.dsum) return error_code();
    if (l->mode == RNN_GRU && !(w.dsum_h = new_room(l->rows * n * l->bytes))) return error_code();
    if (l->w_hr) {
        w.through = new_room(l->B * l->H * l->bytes);
        w.dout = new_room(l->rows * l->P * l->bytes);
        w.out = new_room(l->rows * l->H * l->bytes);
        if (!w.through || !w.dout || !w.out) return error_code();
    }
    TRY(run_backward(&w));
    if (ATTRS_OF(call, rnn)->input_grad)
        TRY(multiply(l, l->rows, l->I, n, matrix_at(w.dsum, n), matrix_at(l->w_ih, l->I),
                     matrix_at(rt_tensor_data(call->out[0]), l->I), GEMM_ZERO, NULL));
    return weight_gradients(&w, rt_tensor_data(call->out[3]));
}

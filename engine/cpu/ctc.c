// Connectionist temporal classification (Graves et al., ICML 2006), in double.
//
// T steps, N sequences, C classes, S targets at most. The path goes over l' = blank, target 0,
// blank, target 1, …, blank: 2 L + 1 positions. α (T, 2 S + 1) holds the logarithms of the
// probabilities of all beginnings of paths; β, of all ends, needs two rows at a time. The gradient
// computes α again rather than keep it for all sequences. Sequences are divided among threads.
#include "cpu/backend.h"

#include <math.h>
#include <string.h>

#include "cpu/convert.h"
#include "cpu/parallel.h"

typedef struct Ctc {
    const char *log_probs;
    RtDtype dtype;
    const int64_t *targets, *steps, *lengths; // (N, S), (N), (N)
    char *out;                                // loss (N), or the gradient (T, N, C)
    const char *g;                            // (N)
    int64_t T, N, C, S, bytes, blank;
    bool zero_infinity;
    double *room; // a chunk: see room_of
} Ctc;

static double log_sum(double a, double b) {
    if (a == -INFINITY) return b;
    if (b == -INFINITY) return a;
    return (a > b ? a : b) + log1p(exp(a > b ? b - a : a - b));
}

// Two rows of C, two of β, and α.
static int64_t room_of(const Ctc *c) { return 2 * c->C + (2 + c->T) * (2 * c->S + 1); }

static void read_step(const Ctc *c, int64_t n, int64_t t, double *out) { // the C log-probabilities
    convert_run(out, RT_F64, c->log_probs + (t * c->N + n) * c->C * c->bytes, c->dtype, c->C);
}

static int64_t label_at(const Ctc *c, int64_t n, int64_t s) {
    return s % 2 ? c->targets[n * c->S + s / 2] : c->blank;
}
// May a path come from two positions before? Not from a blank, and not from the same label.
static bool may_skip(const Ctc *c, int64_t n, int64_t s) {
    return s % 2 && s > 1 && label_at(c, n, s) != label_at(c, n, s - 2);
}

static double loss_of(const Ctc *c, int64_t n, const double *alpha) {
    int64_t T = c->steps[n], last = 2 * c->lengths[n];
    if (T == 0) return last ? INFINITY : 0;
    const double *end = alpha + (T - 1) * (2 * c->S + 1);
    return -(last ? log_sum(end[last], end[last - 1]) : end[last]);
}

// Returns the loss; p: room for a row of C.
static double forward_sequence(const Ctc *c, int64_t n, double *p, double *alpha) {
    int64_t width = 2 * c->S + 1, positions = 2 * c->lengths[n] + 1;
    double *row = alpha;
    for (int64_t t = 0; t < c->steps[n]; t++, row += width) {
        read_step(c, n, t, p);
        for (int64_t s = 0; s < positions; s++) {
            double before;
            if (t == 0) {
                before = s < 2 ? 0 : -INFINITY;
            } else {
                before = row[s - width];
                if (s > 0) before = log_sum(before, row[s - 1 - width]);
                if (may_skip(c, n, s)) before = log_sum(before, row[s - 2 - width]);
            }
            row[s] = before + p[label_at(c, n, s)];
        }
    }
    return loss_of(c, n, alpha);
}

static void forward_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const Ctc *c = context;
    double *room = c->room + chunk * room_of(c);
    for (int64_t n = begin; n < end; n++) {
        double loss = forward_sequence(c, n, room, room + c->C);
        if (c->zero_infinity && isinf(loss)) loss = 0;
        convert_run(c->out + n * c->bytes, c->dtype, &loss, RT_F64, 1);
    }
}

// -g/p Σ α β / y over the positions of a class, at each step.
static void backward_sequence(const Ctc *c, int64_t n, double g, double *p) {
    int64_t width = 2 * c->S + 1, positions = 2 * c->lengths[n] + 1, T = c->steps[n];
    double *shares = p + c->C, *beta = shares + c->C, *after = beta + width, *paths = after + width;
    double loss = forward_sequence(c, n, p, paths);
    if (c->zero_infinity && isinf(loss)) return; // the gradient is zero already
    for (int64_t t = T - 1; t >= 0; t--) {
        const double *alpha = paths + t * width;
        read_step(c, n, t, p);
        for (int64_t i = 0; i < c->C; i++) shares[i] = -INFINITY;
        for (int64_t s = positions - 1; s >= 0; s--) {
            int64_t label = label_at(c, n, s);
            double later;
            if (t == T - 1) {
                later = s >= positions - 2 ? 0 : -INFINITY;
            } else {
                later = after[s];
                if (s + 1 < positions) later = log_sum(later, after[s + 1]);
                if (s + 2 < positions && may_skip(c, n, s + 2))
                    later = log_sum(later, after[s + 2]);
            }
            beta[s] = later + p[label];
            shares[label] = log_sum(shares[label], alpha[s] + beta[s]);
        }
        for (int64_t i = 0; i < c->C; i++)
            shares[i] =
                shares[i] == -INFINITY && !isinf(loss) ? 0 : -g * exp(shares[i] + loss - p[i]);
        convert_run(c->out + (t * c->N + n) * c->C * c->bytes, c->dtype, shares, RT_F64, c->C);
        double *swap = beta;
        beta = after;
        after = swap;
    }
}

static void backward_tasks(void *context, int64_t begin, int64_t end, int chunk) {
    const Ctc *c = context;
    double *room = c->room + chunk * room_of(c);
    for (int64_t n = begin; n < end; n++) {
        double g;
        convert_run(&g, RT_F64, c->g + n * c->bytes, c->dtype, 1);
        backward_sequence(c, n, g, room);
    }
}

static Status prepare(OpCall *call, RtTensor *const *in, Ctc *c) {
    const RtTensor *x = in[0], *targets = in[1];
    *c = (Ctc){.log_probs = rt_tensor_data(x),
               .dtype = (RtDtype)x->dtype,
               .targets = rt_tensor_data(targets),
               .steps = rt_tensor_data(in[2]),
               .lengths = rt_tensor_data(in[3]),
               .out = rt_tensor_data(call->out[0]),
               .T = x->shape[0],
               .N = x->shape[1],
               .C = x->shape[2],
               .S = targets->shape[1],
               .bytes = (int64_t)rt_dtype_bytes((RtDtype)x->dtype),
               .blank = ATTRS_OF(call, ctc)->blank,
               .zero_infinity = ATTRS_OF(call, ctc)->zero_infinity};
    for (int64_t n = 0; n < c->N; n++) {
        if (c->steps[n] < 0 || c->steps[n] > c->T)
            return call_fail(call, ERR_VALUE,
                             "input_lengths[%lld] is %lld, but log_probs has %lld steps",
                             (long long)n, (long long)c->steps[n], (long long)c->T);
        if (c->lengths[n] < 0 || c->lengths[n] > c->S)
            return call_fail(call, ERR_VALUE,
                             "target_lengths[%lld] is %lld, but targets has %lld columns",
                             (long long)n, (long long)c->lengths[n], (long long)c->S);
        for (int64_t s = 0; s < c->lengths[n]; s++)
            if (c->targets[n * c->S + s] < 0 || c->targets[n * c->S + s] >= c->C)
                return call_fail(call, ERR_INDEX, "target %lld is no class: there are %lld",
                                 (long long)c->targets[n * c->S + s], (long long)c->C);
    }
    int64_t bytes = room_of(c) * (int64_t)sizeof(double) * parallel_chunks(c->N, 1);
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    if (!room) return error_code();
    c->room = rt_tensor_data(room);
    return OK;
}

Status cpu_ctc(OpCall *call) {
    Ctc c;
    TRY(prepare(call, call->in, &c));
    parallel_run(c.N, 1, forward_tasks, &c);
    return OK;
}

Status cpu_ctc_backward(OpCall *call) {
    Ctc c;
    TRY(prepare(call, call->in + 1, &c));
    memset(c.out, 0, (size_t)call->out[0]->numel * (size_t)c.bytes);
    c.g = rt_tensor_data(call->in[0]);
    parallel_run(c.N, 1, backward_tasks, &c);
    return OK;
}

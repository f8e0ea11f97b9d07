// Recurrent layers against the recurrence written out in double.
#include "cases.h"

#include "ops/rnn.h"

enum { X, HX, CX, W_IH, W_HH, B_IH, B_HH, W_HR, SIZES };

typedef struct Shape {
    int mode;
    int64_t T, B, I, H, P; // P 0: no projection
    bool bias, reverse, packed;
} Shape;

static const Shape shapes[] = {
    {RNN_LSTM, 3, 2, 4, 3, 0, true, false, false},    {RNN_GRU, 3, 2, 4, 3, 0, true, false, false},
    {RNN_TANH, 3, 2, 2, 5, 0, true, false, false},    {RNN_LSTM, 4, 3, 3, 5, 2, true, true, false},
    {RNN_GRU, 5, 2, 3, 4, 0, false, true, false},     {RNN_TANH, 1, 2, 2, 3, 0, false, true, false},
    {RNN_LSTM, 3, 2, 3, 2, 0, true, true, true},      {RNN_GRU, 4, 2, 3, 17, 0, true, false, true},
    {RNN_LSTM, 5, 3, 20, 19, 0, false, false, false}, {RNN_LSTM, 0, 2, 3, 4, 0, true, false, false},
    {RNN_RELU, 2, 2, 3, 3, 0, true, false, false},
};

static bool make_rnn(Sample *s, int k) {
    if (k >= (int)(sizeof shapes / sizeof *shapes)) return false;
    const Shape *x = &shapes[k];
    bool lstm = x->mode == RNN_LSTM;
    int64_t rows = rnn_gates(x->mode) * x->H, P = x->P ? x->P : x->H;
    s->apart = false;
    // relu has a kink at 0, which positive sums keep away from.
    double low = x->mode == RNN_RELU ? 0.1 : -1;
    if (x->packed) // equal lengths: others are tested from Python
        sample_input(s, low, 1, 2, (int64_t[]){x->T * x->B, x->I});
    else
        sample_input(s, low, 1, 3, (int64_t[]){x->T, x->B, x->I});
    sample_input(s, low, 1, 2, (int64_t[]){x->B, P});
    if (lstm)
        sample_input(s, -1, 1, 2, (int64_t[]){x->B, x->H});
    else
        sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    sample_input(s, low, 1, 2, (int64_t[]){rows, x->I});
    sample_input(s, low, 1, 2, (int64_t[]){rows, P});
    for (int i = 0; i < 2; i++) {
        if (x->bias)
            sample_input(s, low, 1, 1, &rows);
        else
            sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    }
    if (x->P)
        sample_input(s, -1, 1, 2, (int64_t[]){x->P, x->H});
    else
        sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    if (x->packed)
        sample_kind_input(s, SAMPLE_INDICES, (double)x->B, (double)x->B, 1, &x->T);
    else
        sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    SAMPLE_ATTRS(s, rnn, .mode = x->mode, .reverse = x->reverse);
    return true;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

// bias[row] + weight[row] · x
static double along(const Sample *s, int weight, int bias, int64_t row, const double *x) {
    double sum = s->kind[bias] == SAMPLE_ABSENT ? 0 : s->x[bias][row];
    for (int64_t i = 0; i < s->shape[weight][1]; i++)
        sum += s->x[weight][row * s->shape[weight][1] + i] * x[i];
    return sum;
}

static void one_step(const Sample *s, int mode, const double *x, const double *h, double *c,
                     double *fresh, int64_t H) {
    for (int64_t j = 0; j < H; j++) {
        double a[4], b[4];
        for (int gate = 0; gate < rnn_gates(mode); gate++) {
            a[gate] = along(s, W_IH, B_IH, gate * H + j, x);
            b[gate] = along(s, W_HH, B_HH, gate * H + j, h);
        }
        if (mode == RNN_LSTM) {
            c[j] = sigmoid(a[1] + b[1]) * c[j] + sigmoid(a[0] + b[0]) * tanh(a[2] + b[2]);
            fresh[j] = sigmoid(a[3] + b[3]) * tanh(c[j]);
        } else if (mode == RNN_GRU) {
            double r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), n = tanh(a[2] + r * b[2]);
            fresh[j] = (1 - z) * n + z * h[j];
        } else {
            fresh[j] = mode == RNN_TANH ? tanh(a[0] + b[0]) : fmax(0, a[0] + b[0]);
        }
    }
}

static void truth_rnn(Sample *s) {
    RtAttrs_rnn attrs;
    memcpy(&attrs, s->attrs, sizeof attrs);
    int64_t B = s->shape[HX][0], P = s->shape[HX][1], I = s->shape[W_IH][1];
    int64_t H = s->shape[W_IH][0] / rnn_gates(attrs.mode), shape[3];
    bool packed = s->kind[SIZES] != SAMPLE_ABSENT, lstm = attrs.mode == RNN_LSTM;
    int64_t T = packed ? s->shape[SIZES][0] : s->shape[X][0], none = 0;
    memcpy(shape, s->shape[X], sizeof shape);
    shape[s->ndim[X] - 1] = P;
    double *y = sample_output(s, 0, s->ndim[X], shape);
    double *hn = sample_output(s, 1, 2, s->shape[HX]);
    double *cn = lstm ? sample_output(s, 2, 2, s->shape[CX]) : sample_output(s, 2, 1, &none);
    memcpy(hn, s->x[HX], (size_t)(B * P) * sizeof *hn);
    if (lstm) memcpy(cn, s->x[CX], (size_t)(B * H) * sizeof *cn);
    double *fresh = calloc((size_t)H + 1, sizeof *fresh);
    for (int64_t step = 0; step < T; step++) {
        int64_t t = attrs.reverse ? T - 1 - step : step;
        for (int64_t b = 0; b < B; b++) {
            double *h = hn + b * P, *c = lstm ? cn + b * H : NULL;
            one_step(s, attrs.mode, s->x[X] + (t * B + b) * I, h, c, fresh, H);
            for (int64_t j = 0; j < P; j++) {
                double value = s->kind[W_HR] == SAMPLE_ABSENT ? fresh[j] : 0;
                for (int64_t i = 0; i < H && s->kind[W_HR] != SAMPLE_ABSENT; i++)
                    value += s->x[W_HR][j * H + i] * fresh[i];
                h[j] = y[(t * B + b) * P + j] = value;
            }
        }
    }
    free(fresh);
}

const OpCase case_rnn_layer = {
    .make = make_rnn, .truth = truth_rnn, .dtypes = ON_FLOATS, .tolerance = 4};
const OpCase case_rnn_plain = {
    .make = make_rnn, .truth = truth_rnn, .dtypes = ON_F64 | 1 << RT_F32, .tolerance = 4};
const OpCase case_rnn_scan = {
    .make = make_rnn, .truth = truth_rnn, .dtypes = ON_F64 | 1 << RT_F32, .tolerance = 4};

// The kernel's gradients against those of the layer written out, for sequences of unequal lengths.
static RtTensor *drawn(int ndim, const int64_t *shape, double offset) {
    RtTensor *x = rt_tensor_new(ndim, shape, RT_F64, (RtDevice){RT_CPU, 0});
    double *v = rt_tensor_data(x);
    for (int64_t i = 0; i < x->numel; i++) v[i] = sin(1.7 * (double)i + offset);
    CHECK_OK(rt_set_requires_grad(x, true));
    return x;
}

static void check_backward(int mode, bool reverse, bool projected) {
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    const int64_t T = 4, B = 3, I = 3, H = 5, P = projected ? 2 : H, rows = rnn_gates(mode) * H;
    const int64_t lengths[] = {3, 3, 2, 1}, total = 9;
    RtTensor *sizes = rt_tensor_new(1, &T, RT_I64, (RtDevice){RT_CPU, 0});
    memcpy(rt_tensor_data(sizes), lengths, sizeof lengths);
    RtTensor *in[9] = {drawn(2, (int64_t[]){total, I}, 0),
                       drawn(2, (int64_t[]){B, P}, 1),
                       mode == RNN_LSTM ? drawn(2, (int64_t[]){B, H}, 2) : RT_NONE,
                       drawn(2, (int64_t[]){rows, I}, 3),
                       drawn(2, (int64_t[]){rows, P}, 4),
                       drawn(1, &rows, 5),
                       drawn(1, &rows, 6),
                       projected ? drawn(2, (int64_t[]){P, H}, 7) : RT_NONE,
                       sizes};
    RtTensor *leaf[9], *fused[9], *plain[9];
    int n = 0;
    for (int i = 0; i < 8; i++)
        if (in[i] != RT_NONE) leaf[n++] = in[i];
    for (int written_out = 0; written_out < 2; written_out++) {
        RtTensor *out[4];
        RtAttrs_rnn attrs = WITH(rnn, .mode = mode, .reverse = reverse);
        CHECK_OK(rt_apply(written_out ? OP_rnn_plain : OP_rnn_scan, in, 9, &attrs, NULL, out));
        RtTensor *g[3];
        for (int i = 0; i < 3; i++) g[i] = drawn(out[i]->ndim, out[i]->shape, 8 + i);
        CHECK_OK(rt_grad(out, g, mode == RNN_LSTM ? 3 : 2, leaf, n, false, false, false,
                         written_out ? plain : fused));
    }
    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < leaf[i]->numel; j++)
            assert_true(fabs(rt_tensor_item(fused[i], j).f - rt_tensor_item(plain[i], j).f) <
                        1e-12);
    rt_scope_close(scope);
}

static void own_rnn_scan_backward(void) {
    for (int mode = 0; mode < 4; mode++)
        for (int reverse = 0; reverse < 2; reverse++) check_backward(mode, reverse, false);
    check_backward(RNN_LSTM, false, true);
    check_backward(RNN_LSTM, true, true);
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *x = drawn(2, (int64_t[]){2, 2}, 0), *h = drawn(2, (int64_t[]){2, 2}, 0), *out[4];
    RtTensor *in[9] = {x, h, RT_NONE, x, x, RT_NONE, RT_NONE, RT_NONE, RT_NONE};
    CHECK_FAILS(rt_apply(OP_rnn_scan, in, 9, NULL, NULL, out), ERR_SHAPE, "must be (T, B, I)");
    rt_scope_close(scope);
}
const OpCase case_rnn_scan_backward = {.own = own_rnn_scan_backward};

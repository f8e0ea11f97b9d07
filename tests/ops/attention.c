// Attention against the sum written out in double. Shapes cross the borders of tiles (64 queries,
// 512 and 256 keys).
#include "cases.h"

#include "cpu/parallel.h"
#include "tensor/random.h"

typedef struct Shape {
    int64_t N, H, K, T, S, D, V;
    int mask; // 0: none, 1: bool (T, S), 2: float (N, 1, T, S), 3: bool (N, 1, 1, S)
    bool causal;
    double p;
} Shape;

static const Shape shapes[] = {
    {2, 2, 2, 3, 5, 4, 3, 0, false, 0},     {1, 4, 2, 6, 6, 3, 2, 0, true, 0},
    {2, 3, 3, 4, 6, 5, 5, 2, false, 0},     {1, 2, 1, 5, 7, 2, 3, 0, false, 0.3},
    {2, 2, 2, 4, 9, 3, 3, 3, false, 0},     {1, 1, 1, 7, 4, 2, 2, 0, true, 0.4},
    {1, 2, 2, 70, 530, 9, 17, 1, false, 0}, {1, 1, 1, 130, 600, 8, 8, 0, true, 0.2},
    {1, 2, 2, 0, 4, 3, 3, 0, false, 0},     {2, 0, 0, 3, 4, 3, 3, 0, false, 0},
};
enum { SMALL = 6, ALL = sizeof shapes / sizeof *shapes };

static void set_shape(Sample *s, const Shape *x, bool mask_gradient) {
    sample_input(s, -1.5, 1.5, 4, (int64_t[]){x->N, x->H, x->T, x->D});
    sample_input(s, -1.5, 1.5, 4, (int64_t[]){x->N, x->K, x->S, x->D});
    sample_input(s, -1.5, 1.5, 4, (int64_t[]){x->N, x->K, x->S, x->V});
    if (x->mask == 0) sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    if (x->mask == 1) sample_kind_input(s, SAMPLE_BOOLS, 0, 1, 2, (int64_t[]){x->T, x->S});
    if (x->mask == 2)
        sample_kind_input(s, mask_gradient ? SAMPLE_VALUES : SAMPLE_CONSTANT, -2, 2, 4,
                          (int64_t[]){x->N, 1, x->T, x->S});
    if (x->mask == 3) sample_kind_input(s, SAMPLE_BOOLS, 0, 1, 4, (int64_t[]){x->N, 1, 1, x->S});
    SAMPLE_ATTRS(s, attention, .dropout_p = x->p, .is_causal = x->causal,
                 .enable_gqa = x->H != x->K, .seed = 5, .position = 11, .scale = rt_float(0.7));
}

// The sizes of a sample whose query is input q; key, value and mask follow.
typedef struct Reader {
    const Sample *s;
    int q;
    int64_t N, H, K, T, S, D, V;
    RtAttrs_attention attrs;
} Reader;

static Reader reader_of(const Sample *s, int q) {
    Reader r = {.s = s,
                .q = q,
                .N = s->shape[q][0],
                .H = s->shape[q][1],
                .T = s->shape[q][2],
                .D = s->shape[q][3],
                .K = s->shape[q + 1][1],
                .S = s->shape[q + 1][2],
                .V = s->shape[q + 2][3]};
    memcpy(&r.attrs, s->attrs, sizeof r.attrs);
    return r;
}

static double mask_at(const Reader *r, int64_t n, int64_t h, int64_t i, int64_t j) {
    int at = r->q + 3;
    if (r->attrs.is_causal && j > i) return -INFINITY;
    if (r->s->kind[at] == SAMPLE_ABSENT) return 0;
    int64_t index[4] = {n, h, i, j}, flat = 0;
    for (int d = 0; d < r->s->ndim[at]; d++) {
        int64_t size = r->s->shape[at][d];
        flat = flat * size + (size == 1 ? 0 : index[4 - r->s->ndim[at] + d]);
    }
    double value = r->s->x[at][flat];
    return r->s->kind[at] == SAMPLE_BOOLS ? value != 0 ? 0 : -INFINITY : value;
}

static double keep_at(const Reader *r, int64_t line, int64_t j) {
    if (r->attrs.dropout_p == 0) return 1;
    uint32_t words[4];
    uint64_t position = (uint64_t)r->attrs.position + (uint64_t)(line * ((r->S + 3) / 4) + j / 4);
    philox_block((uint64_t)r->attrs.seed, position, words);
    bool kept = words[j % 4] >= (uint32_t)(r->attrs.dropout_p * 4294967296.0);
    return kept ? 1 / (1 - r->attrs.dropout_p) : 0;
}

static int64_t key_row(const Reader *r, int64_t n, int64_t h, int64_t j) {
    return (n * r->K + h / (r->H / r->K)) * r->S + j;
}

static double score_at(const Reader *r, int64_t n, int64_t h, int64_t i, int64_t j) {
    double sum = 0;
    int64_t q = (n * r->H + h) * r->T + i, k = key_row(r, n, h, j);
    for (int64_t d = 0; d < r->D; d++)
        sum += r->s->x[r->q][q * r->D + d] * r->s->x[r->q + 1][k * r->D + d];
    return sum * rt_scalar_double(r->attrs.scale) + mask_at(r, n, h, i, j);
}

// Output as (N, T, H, V), or with heads first.
static void attend(Sample *s, bool heads_first) {
    Reader r = reader_of(s, 0);
    double *y = sample_output(
        s, 0, 4, heads_first ? (int64_t[]){r.N, r.H, r.T, r.V} : (int64_t[]){r.N, r.T, r.H, r.V});
    double *lse = heads_first ? NULL : sample_output(s, 1, 3, (int64_t[]){r.N, r.H, r.T});
    double *score = calloc((size_t)r.S + 1, sizeof *score);
    for (int64_t line = 0; line < r.N * r.H * r.T; line++) {
        int64_t n = line / (r.H * r.T), h = line / r.T % r.H, i = line % r.T;
        double top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < r.S; j++) top = fmax(top, score[j] = score_at(&r, n, h, i, j));
        for (int64_t j = 0; j < r.S; j++)
            sum += score[j] = top == -INFINITY ? 0 : exp(score[j] - top);
        double *to = y + (heads_first ? line : (n * r.T + i) * r.H + h) * r.V;
        for (int64_t j = 0; j < r.S; j++)
            for (int64_t v = 0; v < r.V && sum > 0; v++)
                to[v] +=
                    score[j] / sum * keep_at(&r, line, j) * s->x[2][key_row(&r, n, h, j) * r.V + v];
        if (lse) lse[line] = sum > 0 ? top + log(sum) : INFINITY;
    }
    free(score);
}

static bool make_flash_attention(Sample *s, int k) {
    if (k >= ALL) return false;
    set_shape(s, &shapes[k], true);
    return true;
}
static void truth_flash_attention(Sample *s) { attend(s, false); }
const OpCase case_flash_attention = {.make = make_flash_attention,
                                     .truth = truth_flash_attention,
                                     .dtypes = ON_FLOATS,
                                     .tolerance = 4};

static bool make_attention(Sample *s, int k) {
    if (k >= SMALL) return false;
    set_shape(s, &shapes[k], true);
    return true;
}
static void truth_attention(Sample *s) { attend(s, true); }
const OpCase case_scaled_dot_product_attention = {
    .make = make_attention, .truth = truth_attention, .dtypes = ON_FLOATS, .tolerance = 4};
const OpCase case_scaled_dot_product_attention_math = {
    .make = make_attention, .truth = truth_attention, .dtypes = ON_FLOATS, .tolerance = 6};

// grad, query, key, value, mask, output, logsumexp: the formulas with whatever output and
// logsumexp are given. (In half precision logsumexp is float32: tested from Python.)
static bool make_attention_backward(Sample *s, int k) {
    if (k >= ALL) return false;
    const Shape *x = &shapes[k];
    sample_input(s, -1, 1, 4, (int64_t[]){x->N, x->T, x->H, x->V});
    set_shape(s, x, false);
    sample_input(s, -1, 1, 4, (int64_t[]){x->N, x->T, x->H, x->V});
    // Like the logarithm of so many numbers near 1, so that weights stay small.
    double about = log((double)x->S + 1) + 2;
    sample_input(s, about, about + 1, 3, (int64_t[]){x->N, x->H, x->T});
    return true;
}
static void truth_attention_backward(Sample *s) {
    Reader r = reader_of(s, 1);
    double *dq = sample_output(s, 0, 4, (int64_t[]){r.N, r.T, r.H, r.D});
    double *dk = sample_output(s, 1, 4, (int64_t[]){r.N, r.S, r.K, r.D});
    double *dv = sample_output(s, 2, 4, (int64_t[]){r.N, r.S, r.K, r.V});
    double scale = rt_scalar_double(r.attrs.scale);
    for (int64_t line = 0; line < r.N * r.H * r.T; line++) {
        int64_t n = line / (r.H * r.T), h = line / r.T % r.H, i = line % r.T;
        int64_t kv = h / (r.H / r.K), at = (n * r.T + i) * r.H + h;
        const double *g = s->x[0] + at * r.V, *out = s->x[5] + at * r.V;
        double delta = 0;
        for (int64_t v = 0; v < r.V; v++) delta += g[v] * out[v];
        for (int64_t j = 0; j < r.S; j++) {
            double p = exp(score_at(&r, n, h, i, j) - s->x[6][line]), keep = keep_at(&r, line, j);
            int64_t row = key_row(&r, n, h, j), to = (n * r.S + j) * r.K + kv;
            double along = 0;
            for (int64_t v = 0; v < r.V; v++) {
                along += g[v] * s->x[3][row * r.V + v];
                dv[to * r.V + v] += p * keep * g[v];
            }
            double ds = p * (along * keep - delta) * scale;
            for (int64_t d = 0; d < r.D; d++) {
                dq[at * r.D + d] += ds * s->x[2][row * r.D + d];
                dk[to * r.D + d] += ds * s->x[1][line * r.D + d];
            }
        }
    }
}
const OpCase case_scaled_dot_product_attention_backward = {.make = make_attention_backward,
                                                           .truth = truth_attention_backward,
                                                           .dtypes = ON_F64 | 1 << RT_F32,
                                                           .tolerance = 8};

static bool make_attention_keep(Sample *s, int k) {
    if (k >= 3) return false;
    static const int64_t sizes[][4] = {{2, 3, 4, 7}, {1, 1, 2, 1030}, {1, 2, 0, 3}};
    sample_input(s, -1, 1, 4, (int64_t[]){sizes[k][0], sizes[k][1], sizes[k][2], 2});
    sample_input(s, -1, 1, 4, (int64_t[]){sizes[k][0], sizes[k][1], sizes[k][3], 2});
    SAMPLE_ATTRS(s, attention, .dropout_p = 0.25, .seed = 9, .position = 3);
    return true;
}
static void truth_attention_keep(Sample *s) {
    Reader r = {.s = s, .S = s->shape[1][2]};
    memcpy(&r.attrs, s->attrs, sizeof r.attrs);
    int64_t lines = s->shape[0][0] * s->shape[0][1] * s->shape[0][2];
    double *y =
        sample_output(s, 0, 4, (int64_t[]){s->shape[0][0], s->shape[0][1], s->shape[0][2], r.S});
    for (int64_t i = 0; i < lines * r.S; i++) y[i] = keep_at(&r, i / r.S, i % r.S);
}
const OpCase case_attention_keep = {
    .make = make_attention_keep, .truth = truth_attention_keep, .dtypes = ON_FLOATS};

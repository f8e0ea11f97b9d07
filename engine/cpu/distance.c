// Distances between all pairs of rows. B, N, K, M: batch, rows of either side, their length. Half
// precision is computed in float, in rows that are converted once.
#include "cpu/distance.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"

typedef enum Kind { KIND_ZERO, KIND_ONE, KIND_TWO, KIND_MOST, KIND_ANY } Kind;

typedef struct Pairs {
    RtDtype work;
    Kind kind;
    double p;
    int64_t B, N, K, M;
    const char *x1, *x2, *out, *g;
    char *d;     // the gradient to be written
    bool second; // of x2
} Pairs;

static Kind kind_of(double p) {
    if (p == 0) return KIND_ZERO;
    if (p == 1) return KIND_ONE;
    if (p == 2) return KIND_TWO;
    return isinf(p) ? KIND_MOST : KIND_ANY;
}

enum { LANES = 8 }; // sums that run side by side, so that they can be one vector

// The distance of two rows for a p that is not 2; sums in a fixed order.
#define DISTANCE(name_, T_, abs_)                                                                  \
    static double name_(const T_ *a, const T_ *b, int64_t n, Kind kind, double p) {                \
        T_ sum[LANES] = {0};                                                                       \
        double total = 0;                                                                          \
        int64_t i = 0;                                                                             \
        if (kind == KIND_ONE) {                                                                    \
            for (; i + LANES <= n; i += LANES)                                                     \
                for (int j = 0; j < LANES; j++) sum[j] += abs_(a[i + j] - b[i + j]);               \
            for (int j = 0; j < LANES; j++) total += (double)sum[j];                               \
            for (; i < n; i++) total += (double)abs_(a[i] - b[i]);                                 \
            return total;                                                                          \
        }                                                                                          \
        for (; i < n; i++) {                                                                       \
            double gap = (double)abs_(a[i] - b[i]);                                                \
            if (kind == KIND_MOST)                                                                 \
                total = gap > total || isnan(gap) ? gap : total;                                   \
            else                                                                                   \
                total += kind == KIND_ZERO ? gap != 0 : pow(gap, p);                               \
        }                                                                                          \
        return kind == KIND_ANY ? pow(total, 1 / p) : total;                                       \
    }
DISTANCE(distance_f32, float, fabsf)
DISTANCE(distance_f64, double, fabs)

// Rows from `row` on, up to DISTANCE_ROWS of one batch, against the other side.
static void square_rows(const Pairs *pairs, int64_t row, int64_t n) {
    int64_t bytes = (int64_t)rt_dtype_bytes(pairs->work), K = pairs->K;
    bool wide = pairs->work == RT_F64;
    const char *b = pairs->x2 + row / pairs->N * K * pairs->M * bytes;
    const void *a[DISTANCE_ROWS];
    double squares[DISTANCE_ROWS];
    for (int64_t r = 0; r < DISTANCE_ROWS; r++)
        a[r] = pairs->x1 + (row + (r < n ? r : 0)) * pairs->M * bytes;
    for (int64_t k = 0; k < K; k++, b += pairs->M * bytes) {
        ISA_PICK(distance_table)->squares[wide](a, b, pairs->M, squares);
        for (int64_t r = 0; r < n; r++) {
            int64_t at = (row + r) * K + k;
            if (wide)
                ((double *)(void *)pairs->d)[at] = sqrt(squares[r]);
            else
                ((float *)(void *)pairs->d)[at] = (float)sqrt(squares[r]);
        }
    }
}

static void distance_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Pairs *pairs = context;
    int64_t M = pairs->M;
    for (int64_t row = begin, n; pairs->kind == KIND_TWO && row < end; row += n) {
        int64_t rest = pairs->N - row % pairs->N; // of the batch
        n = end - row < rest ? end - row : rest;
        if (n > DISTANCE_ROWS) n = DISTANCE_ROWS;
        square_rows(pairs, row, n);
    }
    if (pairs->kind == KIND_TWO) return;
    for (int64_t row = begin; row < end; row++) {
        int64_t batch = row / pairs->N;
        for (int64_t k = 0; k < pairs->K; k++) {
            int64_t a = row * M, b = (batch * pairs->K + k) * M, at = row * pairs->K + k;
            if (pairs->work == RT_F64)
                ((double *)(void *)pairs->d)[at] = distance_f64(
                    (const double *)(const void *)pairs->x1 + a,
                    (const double *)(const void *)pairs->x2 + b, M, pairs->kind, pairs->p);
            else
                ((float *)(void *)pairs->d)[at] = (float)distance_f32(
                    (const float *)(const void *)pairs->x1 + a,
                    (const float *)(const void *)pairs->x2 + b, M, pairs->kind, pairs->p);
        }
    }
    (void)chunk;
}

// d |a - b|_p / d a, for a distance that is not 0.
static double slope(Kind kind, double p, double gap, double distance) {
    double sign = gap > 0 ? 1 : gap < 0 ? -1 : 0;
    switch (kind) {
    case KIND_ZERO: return 0;
    case KIND_ONE: return sign;
    case KIND_TWO: return gap / distance;
    case KIND_MOST: return fabs(gap) == distance ? sign : 0;
    case KIND_ANY: break;
    }
    return gap == 0 ? 0 : sign * pow(fabs(gap) / distance, p - 1);
}

// Rows of one side's gradient: sums over the rows of the other side, in order.
#define SLOPES(name_, T_)                                                                          \
    static void name_(const Pairs *pairs, int64_t row) {                                           \
        int64_t M = pairs->M, own = pairs->second ? pairs->K : pairs->N,                           \
                others = pairs->second ? pairs->N : pairs->K, batch = row / own;                   \
        const T_ *x1 = (const void *)pairs->x1, *x2 = (const void *)pairs->x2,                     \
                 *out = (const void *)pairs->out, *g = (const void *)pairs->g;                     \
        T_ *d = (T_ *)(void *)pairs->d + row * M;                                                  \
        memset(d, 0, (size_t)M * sizeof *d);                                                       \
        for (int64_t other = 0; other < others; other++) {                                         \
            int64_t n = pairs->second ? other : row % own, k = pairs->second ? row % own : other;  \
            int64_t at = (batch * pairs->N + n) * pairs->K + k;                                    \
            const T_ *a = x1 + (batch * pairs->N + n) * M, *b = x2 + (batch * pairs->K + k) * M;   \
            T_ sign = pairs->second ? -1 : 1;                                                      \
            if (out[at] == 0 || g[at] == 0) continue;                                              \
            if (pairs->kind == KIND_TWO) {                                                         \
                T_ by = sign * g[at] / out[at];                                                    \
                for (int64_t i = 0; i < M; i++) d[i] += by * (a[i] - b[i]);                        \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t i = 0; i < M; i++)                                                        \
                d[i] += sign * g[at] *                                                             \
                        (T_)slope(pairs->kind, pairs->p, (double)(a[i] - b[i]), (double)out[at]);  \
        }                                                                                          \
    }
SLOPES(slopes_f32, float)
SLOPES(slopes_f64, double)

static void slope_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Pairs *pairs = context;
    for (int64_t row = begin; row < end; row++) {
        if (pairs->work == RT_F64)
            slopes_f64(pairs, row);
        else
            slopes_f32(pairs, row);
    }
    (void)chunk;
}

// The values of x in the type of computation: its own, or a copy that belongs to the open scope.
static const char *values_of(const RtTensor *x, RtDtype work) {
    if (x->dtype == (int8_t)work) return rt_tensor_data(x);
    RtTensor *copy = rt_tensor_new(x->ndim, x->shape, work, x->device);
    if (!copy) return NULL;
    convert_run(rt_tensor_data(copy), work, rt_tensor_data(x), (RtDtype)x->dtype, x->numel);
    return rt_tensor_data(copy);
}

static Status pairs_of(Pairs *pairs, const OpCall *call, const RtTensor *x1, const RtTensor *x2) {
    double p = ATTRS_OF(call, distance)->p;
    int n = x1->ndim;
    *pairs = (Pairs){.work = x1->dtype == RT_F64 ? RT_F64 : RT_F32,
                     .kind = kind_of(p),
                     .p = p,
                     .B = 1,
                     .N = x1->shape[n - 2],
                     .K = x2->shape[n - 2],
                     .M = x1->shape[n - 1]};
    for (int i = 0; i < n - 2; i++) pairs->B *= x1->shape[i];
    pairs->x1 = values_of(x1, pairs->work);
    pairs->x2 = values_of(x2, pairs->work);
    return pairs->x1 && pairs->x2 ? OK : error_code();
}

static Status run_into(Pairs *pairs, RtTensor *out, int64_t rows, int64_t others,
                       ParallelBody body) {
    RtTensor *target = out;
    if (out->dtype != (int8_t)pairs->work &&
        !(target = rt_tensor_new(out->ndim, out->shape, pairs->work, out->device)))
        return error_code();
    pairs->d = rt_tensor_data(target);
    if (out->numel) parallel_run(rows, PARALLEL_GRAIN / (others * pairs->M + 1) + 1, body, pairs);
    if (target != out)
        convert_run(rt_tensor_data(out), (RtDtype)out->dtype, pairs->d, pairs->work, out->numel);
    return OK;
}

Status cpu_cdist_pairs(OpCall *call) {
    Pairs pairs;
    TRY(pairs_of(&pairs, call, call->in[0], call->in[1]));
    return run_into(&pairs, call->out[0], pairs.B * pairs.N, pairs.K, distance_rows);
}

Status cpu_cdist_pairs_backward(OpCall *call) {
    Pairs pairs;
    TRY(pairs_of(&pairs, call, call->in[1], call->in[2]));
    pairs.g = values_of(call->in[0], pairs.work);
    pairs.out = values_of(call->in[3], pairs.work);
    if (!pairs.g || !pairs.out) return error_code();
    TRY(run_into(&pairs, call->out[0], pairs.B * pairs.N, pairs.K, slope_rows));
    pairs.second = true;
    return run_into(&pairs, call->out[1], pairs.B * pairs.K, pairs.N, slope_rows);
}

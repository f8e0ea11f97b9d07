// Distances between all pairs of rows. B, N, K, M: batch, rows of either side, their length. Half
// precision is computed in float, in rows that are converted once.
#include "cpu/distance.h"

#include <math.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"

typedef enum Kind { KIND_ZERO, KIND_ONE, KIND_TWO, KIND_MOST, KIND_ANY } Kind;

typedef struct Pairs {
    RtDtype work;
    Kind kind;
    double p;
    int64_t B, N, K, M;
    const char *x1, *x2, *out, *g;
    char *d;              // the gradient to be written, or the distances
    const char *norms[2]; // Σ x² of the rows of either side, where products are taken
    bool second;          // of x2
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

static double number_at(const char *numbers, int64_t at, bool wide) {
    return wide ? ((const double *)(const void *)numbers)[at]
                : (double)((const float *)(const void *)numbers)[at];
}

static void put_number(char *numbers, int64_t at, bool wide, double value) {
    if (wide)
        ((double *)(void *)numbers)[at] = value;
    else
        ((float *)(void *)numbers)[at] = (float)value;
}

// Products of the rows in d become distances. Those whose digits are lost are summed up from the
// differences after all.
static void product_rows(void *context, int64_t begin, int64_t end, int chunk) {
    const Pairs *pairs = context;
    bool wide = pairs->work == RT_F64;
    int64_t bytes = wide ? 8 : 4, K = pairs->K, M = pairs->M;
    const DistanceTable *table = ISA_PICK(distance_table);
    for (int64_t row = begin; row < end; row++) {
        int64_t first = row / pairs->N * K; // of the other side's rows
        double own = number_at(pairs->norms[0], row, wide), squares[DISTANCE_ROWS];
        const char *norms = pairs->norms[1] + first * bytes, *a = pairs->x1 + row * M * bytes;
        char *d = pairs->d + row * K * bytes;
        const void *others[DISTANCE_ROWS];
        int64_t lost = table->from_products[wide](own, norms, K, d), at[DISTANCE_ROWS], n = 0;
        for (int64_t k = 0; lost > 0 && k < K; k++) {
            double distance = number_at(d, k, wide);
            if (DISTANCE_LOST(distance, own + number_at(norms, k, wide))) at[n++] = k;
            if (n == 0 || (n < DISTANCE_ROWS && k < K - 1)) continue;
            for (int64_t i = 0; i < DISTANCE_ROWS; i++)
                others[i] = pairs->x2 + (first + at[i < n ? i : 0]) * M * bytes;
            table->squares[wide](others, a, M, squares);
            for (int64_t i = 0; i < n; i++) put_number(d, at[i], wide, sqrt(squares[i]));
            n = 0;
        }
    }
    (void)chunk;
}

// The rows of one side, measured from a place amid those of x1: distances stay, and products lose no
// digits to how far from 0 all of them lie. norms: the sums of their squares.
typedef struct Moved {
    const char *rows, *norms;
} Moved;

static Status move_rows(const Pairs *pairs, const char *x, int64_t n, const char *amid,
                        Moved *out) {
    bool wide = pairs->work == RT_F64;
    int64_t bytes = wide ? 8 : 4, M = pairs->M, room[1] = {n * (M + 1)};
    const DistanceTable *table = ISA_PICK(distance_table);
    RtTensor *numbers = rt_tensor_new(1, room, pairs->work, (RtDevice){RT_CPU, 0});
    if (!numbers) return error_code();
    char *rows = rt_tensor_data(numbers), *norms = rows + n * M * bytes;
    for (int64_t row = 0; row < n; row += DISTANCE_ROWS) {
        int64_t some = n - row < DISTANCE_ROWS ? n - row : DISTANCE_ROWS;
        const void *a[DISTANCE_ROWS];
        double squares[DISTANCE_ROWS];
        for (int64_t r = 0; r < DISTANCE_ROWS; r++)
            a[r] = x + (row + (r < some ? r : 0)) * M * bytes;
        table->squares[wide](a, amid, M, squares);
        for (int64_t r = 0; r < some; r++) {
            table->minus[wide](a[r], amid, M, rows + (row + r) * M * bytes);
            put_number(norms, row + r, wide, squares[r]);
        }
    }
    *out = (Moved){rows, norms};
    return OK;
}

// The mean of up to 64 rows of x1: near enough.
static const char *row_amid(const Pairs *pairs) {
    bool wide = pairs->work == RT_F64;
    int64_t rows = pairs->B * pairs->N, step = rows / 64 + 1, M = pairs->M;
    RtTensor *numbers = rt_tensor_new(1, &M, pairs->work, (RtDevice){RT_CPU, 0});
    if (!numbers) return NULL;
    char *mean = rt_tensor_data(numbers);
    for (int64_t i = 0; i < M; i++) {
        double sum = 0;
        for (int64_t row = 0; row < rows; row += step)
            sum += number_at(pairs->x1, row * M + i, wide);
        put_number(mean, i, wide, sum / (double)((rows + step - 1) / step));
    }
    return mean;
}

// |a − b|² = |a|² + |b|² − 2 a·b by one product of matrices, where that is worth it. compute_mode
// decides much as PyTorch's does; no digits are lost either way.
static bool takes_products(const Pairs *pairs, const OpCall *call) {
    enum { IF_NECESSARY, ALWAYS, NEVER };
    int64_t mode = ATTRS_OF(call, distance)->compute_mode;
    if (pairs->kind != KIND_TWO || mode == NEVER || pairs->M == 0) return false;
    return mode == ALWAYS || (pairs->M > 2 && (pairs->N > 25 || pairs->K > 25));
}

static Status set_products(Pairs *pairs, RtTensor *d) {
    int64_t B = pairs->B, N = pairs->N, K = pairs->K, M = pairs->M;
    GemmBatch batch = {.ndim = 1, .dim = {B}, .a = {N * M}, .b = {K * M}, .c = {N * K}};
    const char *amid = row_amid(pairs);
    Moved a, b;
    if (!amid) return error_code();
    TRY(move_rows(pairs, pairs->x1, B * N, amid, &a));
    TRY(move_rows(pairs, pairs->x2, B * K, amid, &b));
    pairs->norms[0] = a.norms;
    pairs->norms[1] = b.norms;
    // the operands are only read
    return gemm_run(pairs->work, N, K, M, (Matrix){(void *)(uintptr_t)a.rows, M, 1},
                    (Matrix){(void *)(uintptr_t)b.rows, 1, M}, (Matrix){rt_tensor_data(d), K, 1},
                    GEMM_ZERO, NULL, &batch);
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
    if (body == product_rows && out->numel) TRY(set_products(pairs, target));
    if (out->numel) parallel_run(rows, PARALLEL_GRAIN / (others * pairs->M + 1) + 1, body, pairs);
    if (target != out)
        convert_run(rt_tensor_data(out), (RtDtype)out->dtype, pairs->d, pairs->work, out->numel);
    return OK;
}

Status cpu_cdist_pairs(OpCall *call) {
    Pairs pairs;
    TRY(pairs_of(&pairs, call, call->in[0], call->in[1]));
    return run_into(&pairs, call->out[0], pairs.B * pairs.N, pairs.K,
                    takes_products(&pairs, call) ? product_rows : distance_rows);
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

// Factorisations by LAPACK, which is part of OpenBLAS. LAPACK's matrices lie column by column: to
// it a matrix of ours is its own transpose. Matrices of a batch come one after the other; OpenBLAS
// divides a large one among threads by itself.
#include "cpu/backend.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cpu/gemm.h"

#define FORTRAN(x_, T_)                                                                            \
    void x_##getrf_(const int *m, const int *n, T_ *a, const int *lda, int *pivot, int *info);     \
    void x_##getrs_(const char *trans, const int *n, const int *columns, const T_ *a,              \
                    const int *lda, const int *pivot, T_ *b, const int *ldb, int *info);           \
    void x_##getri_(const int *n, T_ *a, const int *lda, const int *pivot, T_ *work,               \
                    const int *nwork, int *info);                                                  \
    void x_##potrf_(const char *uplo, const int *n, T_ *a, const int *lda, int *info);             \
    void x_##syevd_(const char *job, const char *uplo, const int *n, T_ *a, const int *lda, T_ *w, \
                    T_ *work, const int *nwork, int *iwork, const int *niwork, int *info);         \
    void x_##gesdd_(const char *job, const int *m, const int *n, T_ *a, const int *lda, T_ *s,     \
                    T_ *u, const int *ldu, T_ *vt, const int *ldvt, T_ *work, const int *nwork,    \
                    int *iwork, int *info);                                                        \
    void x_##geqrf_(const int *m, const int *n, T_ *a, const int *lda, T_ *tau, T_ *work,          \
                    const int *nwork, int *info);                                                  \
    void x_##orgqr_(const int *m, const int *n, const int *k, T_ *a, const int *lda,               \
                    const T_ *tau, T_ *work, const int *nwork, int *info);
FORTRAN(s, float)
FORTRAN(d, double)

typedef struct Matrices {
    int64_t count;
    int n, m; // rows, columns
} Matrices;

static Matrices matrices_of(const RtTensor *x) {
    Matrices all = {.count = 1, .n = (int)x->shape[x->ndim - 2], .m = (int)x->shape[x->ndim - 1]};
    for (int i = 0; i < x->ndim - 2; i++) all.count *= x->shape[i];
    return all;
}

static void *room_of(int64_t bytes) {
    RtTensor *room = rt_tensor_new(1, &bytes, RT_U8, (RtDevice){RT_CPU, 0});
    return room ? rt_tensor_data(room) : NULL;
}

static Status failed(const OpCall *call, int64_t matrix, const char *why) {
    return call_fail(call, ERR_VALUE, "matrix %lld of the batch %s", (long long)matrix, why);
}

// to (m, n) = from (n, m) transposed
#define TRANSPOSE(T_, dtype_)                                                                      \
    static void transpose_##T_(T_ *to, const T_ *from, int64_t n, int64_t m) {                     \
        gemm_kernels(dtype_)->transpose(m, n, from, m, to, n);                                     \
    }
TRANSPOSE(float, RT_F32)
TRANSPOSE(double, RT_F64)

#define KERNELS(x_, T_)                                                                            \
    static Status solve_##T_(OpCall *call) {                                                       \
        Matrices a = matrices_of(call->in[0]), b = matrices_of(call->in[1]);                       \
        int64_t square = (int64_t)a.n * a.n, wide = (int64_t)b.n * b.m;                            \
        T_ *lu = room_of((square + wide) * (int64_t)sizeof(T_) + a.n * (int64_t)sizeof(int));      \
        if (!lu) return error_code();                                                              \
        T_ *x = lu + square;                                                                       \
        int *pivot = (int *)(x + wide), info;                                                      \
        for (int64_t i = 0; i < a.count; i++) {                                                    \
            memcpy(lu, (T_ *)rt_tensor_data(call->in[0]) + i * square,                             \
                   (size_t)square * sizeof(T_));                                                   \
            transpose_##T_(x, (T_ *)rt_tensor_data(call->in[1]) + i * wide, b.n, b.m);             \
            x_##getrf_(&a.n, &a.n, lu, &a.n, pivot, &info);                                        \
            if (info > 0) return failed(call, i, "is singular");                                   \
            x_##getrs_("T", &a.n, &b.m, lu, &a.n, pivot, x, &a.n, &info);                          \
            transpose_##T_((T_ *)rt_tensor_data(call->out[0]) + i * wide, x, b.m, b.n);            \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status inverse_##T_(OpCall *call) { /* that of a transpose is the transpose of it */    \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t square = (int64_t)a.n * a.n;                                                       \
        int ask = -1, info;                                                                        \
        T_ wanted = 0, none = 0;                                                                   \
        if (a.n == 0 || a.count == 0) return OK;                                                   \
        x_##getri_(&a.n, &none, &a.n, &ask, &wanted, &ask, &info);                                 \
        int nwork = (int)wanted;                                                                   \
        T_ *work = room_of(nwork * (int64_t)sizeof(T_) + a.n * (int64_t)sizeof(int));              \
        if (!work) return error_code();                                                            \
        int *pivot = (int *)(work + nwork);                                                        \
        for (int64_t i = 0; i < a.count; i++) {                                                    \
            T_ *y = (T_ *)rt_tensor_data(call->out[0]) + i * square;                               \
            memmove(y, (T_ *)rt_tensor_data(call->in[0]) + i * square,                             \
                    (size_t)square * sizeof(T_));                                                  \
            x_##getrf_(&a.n, &a.n, y, &a.n, pivot, &info);                                         \
            if (info > 0) return failed(call, i, "is singular");                                   \
            x_##getri_(&a.n, y, &a.n, pivot, work, &nwork, &info);                                 \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status slogdet_##T_(OpCall *call) {                                                     \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t square = (int64_t)a.n * a.n;                                                       \
        T_ *lu = room_of(square * (int64_t)sizeof(T_) + a.n * (int64_t)sizeof(int));               \
        if (!lu) return error_code();                                                              \
        int *pivot = (int *)(lu + square), info;                                                   \
        for (int64_t i = 0; i < a.count; i++) {                                                    \
            double sign = 1, logs = 0;                                                             \
            memcpy(lu, (T_ *)rt_tensor_data(call->in[0]) + i * square,                             \
                   (size_t)square * sizeof(T_));                                                   \
            if (a.n) x_##getrf_(&a.n, &a.n, lu, &a.n, pivot, &info);                               \
            for (int j = 0; j < a.n; j++) {                                                        \
                double u = (double)lu[(int64_t)j * a.n + j];                                       \
                sign *= (u > 0) - (u < 0);                                                         \
                if (pivot[j] != j + 1) sign = -sign;                                               \
                logs += log(fabs(u));                                                              \
            }                                                                                      \
            ((T_ *)rt_tensor_data(call->out[0]))[i] = (T_)(isnan(logs) ? NAN : sign);              \
            ((T_ *)rt_tensor_data(call->out[1]))[i] = (T_)logs;                                    \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status triangular_##T_(OpCall *call) {                                                  \
        Matrices a = matrices_of(call->in[0]), b = matrices_of(call->in[1]);                       \
        const RtAttrs_triangle *attrs = ATTRS_OF(call, triangle);                                  \
        T_ *x = rt_tensor_data(call->out[0]);                                                      \
        memcpy(x, rt_tensor_data(call->in[1]), (size_t)call->out[0]->numel * sizeof(T_));          \
        for (int64_t i = 0; i < a.count && b.n && b.m; i++)                                        \
            cblas_##x_##trsm(CblasRowMajor, CblasLeft, attrs->upper ? CblasUpper : CblasLower,     \
                             CblasNoTrans, attrs->unitriangular ? CblasUnit : CblasNonUnit, b.n,   \
                             b.m, 1, (T_ *)rt_tensor_data(call->in[0]) + i * a.n * a.n, a.n,       \
                             x + i * b.n * b.m, b.m);                                              \
        return OK;                                                                                 \
    }                                                                                              \
    static Status lu_##T_(OpCall *call) {                                                          \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t size = (int64_t)a.n * a.m;                                                         \
        int k = a.n < a.m ? a.n : a.m, info;                                                       \
        if (k == 0) return OK;                                                                     \
        T_ *lu = room_of(size * (int64_t)sizeof(T_));                                              \
        if (!lu) return error_code();                                                              \
        for (int64_t i = 0; i < a.count; i++) { /* a pivot of 0 is the caller's to notice */       \
            transpose_##T_(lu, (T_ *)rt_tensor_data(call->in[0]) + i * size, a.n, a.m);            \
            x_##getrf_(&a.n, &a.m, lu, &a.n, (int *)rt_tensor_data(call->out[1]) + i * k, &info);  \
            transpose_##T_((T_ *)rt_tensor_data(call->out[0]) + i * size, lu, a.m, a.n);           \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status cholesky_##T_(OpCall *call) {                                                    \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t square = (int64_t)a.n * a.n;                                                       \
        for (int64_t i = 0; i < a.count && a.n; i++) {                                             \
            T_ *l = (T_ *)rt_tensor_data(call->out[0]) + i * square;                               \
            int info;                                                                              \
            memcpy(l, (T_ *)rt_tensor_data(call->in[0]) + i * square,                              \
                   (size_t)square * sizeof(T_));                                                   \
            x_##potrf_("U", &a.n, l, &a.n, &info);                                                 \
            if (info > 0) return failed(call, i, "is not positive-definite");                      \
            for (int64_t row = 0; row < a.n; row++)                                                \
                for (int64_t j = row + 1; j < a.n; j++) l[row * a.n + j] = 0;                      \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status eigh_##T_(OpCall *call) {                                                        \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t square = (int64_t)a.n * a.n;                                                       \
        T_ wanted = 0, none = 0;                                                                   \
        int ask = -1, wanted_int = 0, info;                                                        \
        if (a.n == 0 || a.count == 0) return OK;                                                   \
        x_##syevd_("V", "U", &a.n, &none, &a.n, &none, &wanted, &ask, &wanted_int, &ask, &info);   \
        int nwork = (int)wanted;                                                                   \
        T_ *v =                                                                                    \
            room_of((square + nwork) * (int64_t)sizeof(T_) + wanted_int * (int64_t)sizeof(int));   \
        if (!v) return error_code();                                                               \
        T_ *work = v + square;                                                                     \
        for (int64_t i = 0; i < a.count; i++) {                                                    \
            memcpy(v, (T_ *)rt_tensor_data(call->in[0]) + i * square,                              \
                   (size_t)square * sizeof(T_));                                                   \
            x_##syevd_("V", "U", &a.n, v, &a.n, (T_ *)rt_tensor_data(call->out[0]) + i * a.n,      \
                       work, &nwork, (int *)(work + nwork), &wanted_int, &info);                   \
            if (info) return failed(call, i, "has eigenvalues that did not converge");             \
            transpose_##T_((T_ *)rt_tensor_data(call->out[1]) + i * square, v, a.n, a.n);          \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status svd_##T_(OpCall *call) {                                                         \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t size = (int64_t)a.n * a.m;                                                         \
        int k = a.n < a.m ? a.n : a.m, ask = -1, info;                                             \
        T_ wanted = 0, none = 0;                                                                   \
        if (k == 0 || a.count == 0) return OK;                                                     \
        x_##gesdd_("S", &a.m, &a.n, &none, &a.m, &none, &none, &a.m, &none, &k, &wanted, &ask,     \
                   &info, &info);                                                                  \
        int nwork = (int)wanted;                                                                   \
        T_ *copy = room_of((size + nwork) * (int64_t)sizeof(T_) + 8 * k * (int64_t)sizeof(int));   \
        if (!copy) return error_code();                                                            \
        T_ *work = copy + size;                                                                    \
        for (int64_t i = 0; i < a.count; i++) {                                                    \
            memcpy(copy, (T_ *)rt_tensor_data(call->in[0]) + i * size, (size_t)size * sizeof(T_)); \
            x_##gesdd_("S", &a.m, &a.n, copy, &a.m, (T_ *)rt_tensor_data(call->out[1]) + i * k,    \
                       (T_ *)rt_tensor_data(call->out[2]) + i * k * a.m, &a.m,                     \
                       (T_ *)rt_tensor_data(call->out[0]) + i * k * a.n, &k, work, &nwork,         \
                       (int *)(work + nwork), &info);                                              \
            if (info) return failed(call, i, "has singular values that did not converge");         \
        }                                                                                          \
        return OK;                                                                                 \
    }                                                                                              \
    static Status qr_##T_(OpCall *call) {                                                          \
        Matrices a = matrices_of(call->in[0]);                                                     \
        int64_t size = (int64_t)a.n * a.m;                                                         \
        int k = a.n < a.m ? a.n : a.m, ask = -1, info;                                             \
        T_ wanted = 0, more = 0, none = 0;                                                         \
        if (k == 0 || a.count == 0) return OK;                                                     \
        x_##geqrf_(&a.n, &a.m, &none, &a.n, &none, &wanted, &ask, &info);                          \
        x_##orgqr_(&a.n, &k, &k, &none, &a.n, &none, &more, &ask, &info);                          \
        int nwork = (int)(wanted > more ? wanted : more);                                          \
        T_ *q = room_of((size + k + nwork) * (int64_t)sizeof(T_));                                 \
        if (!q) return error_code();                                                               \
        T_ *tau = q + size, *work = tau + k;                                                       \
        for (int64_t i = 0; i < a.count; i++) {                                                    \
            T_ *r = (T_ *)rt_tensor_data(call->out[1]) + i * k * a.m;                              \
            transpose_##T_(q, (T_ *)rt_tensor_data(call->in[0]) + i * size, a.n, a.m);             \
            x_##geqrf_(&a.n, &a.m, q, &a.n, tau, work, &nwork, &info);                             \
            for (int64_t row = 0; row < k; row++)                                                  \
                for (int64_t j = 0; j < a.m; j++)                                                  \
                    r[row * a.m + j] = j < row ? 0 : q[j * a.n + row];                             \
            x_##orgqr_(&a.n, &k, &k, q, &a.n, tau, work, &nwork, &info);                           \
            transpose_##T_((T_ *)rt_tensor_data(call->out[0]) + i * k * a.n, q, k, a.n);           \
        }                                                                                          \
        return OK;                                                                                 \
    }
KERNELS(s, float)
KERNELS(d, double)

#define CHOOSE(row_, kernel_)                                                                      \
    Status cpu_##row_(OpCall *call) {                                                              \
        return call->in[0]->dtype == RT_F64 ? kernel_##_double(call) : kernel_##_float(call);      \
    }
// clang-format off
CHOOSE(linalg_solve,   solve)
CHOOSE(inverse,        inverse)
CHOOSE(slogdet,        slogdet)
CHOOSE(linalg_cholesky, cholesky)
CHOOSE(linalg_eigh,     eigh)
CHOOSE(linalg_svd,    svd)
CHOOSE(linalg_qr,     qr)
CHOOSE(linalg_solve_triangular, triangular)
CHOOSE(linalg_lu_factor, lu)
// clang-format on

Status cpu_lu_order(OpCall *call) {
    const RtTensor *pivots = call->in[0];
    if (pivots->dtype != RT_I32)
        return call_fail(call, ERR_DTYPE, "pivots have dtype %s, but int32 is needed",
                         rt_dtype_name((RtDtype)pivots->dtype));
    int64_t k = pivots->shape[pivots->ndim - 1], n = ATTRS_OF(call, order)->n;
    const int32_t *exchanged = rt_tensor_data(call->in[0]);
    int64_t *order = rt_tensor_data(call->out[0]);
    for (int64_t at = 0; at < call->out[0]->numel; at += n, order += n, exchanged += k) {
        for (int64_t i = 0; i < n; i++) order[i] = i;
        for (int64_t i = 0; i < k; i++) {
            int64_t with = exchanged[i] - 1, row = order[i];
            if (with < 0 || with >= n)
                return call_fail(call, ERR_VALUE, "a pivot is %d, but there are rows 1 to %lld",
                                 exchanged[i], (long long)n);
            order[i] = order[with];
            order[with] = row;
        }
    }
    return OK;
}

// How a product is computed is chosen by its shape, from measurements on a CPU with AVX-512. To
// repeat them: one thread, the shapes of small networks (16³, 64×10×784, 64×128×784, 64×128×64, …,
// 1024³) in the forms A B, A Bᵀ and Aᵀ B, each way by itself, against cblas_sgemm. Our kernels were
// level with or faster than BLAS for most of the shapes that training has, behind it for 16³ and
// 1024³ there (SkylakeX for AVX-512, Haswell for AVX2), up to 5 times where BLAS did not know the
// CPU; Prescott's SSE kernels were faster than ours.
//
// - direct: C = A B, tiles of C, the operands read where they lie, or packed in blocks: if the rows of
//   B are not contiguous, or the operands are read so often that packing pays for itself.
// - swapped: Cᵀ = Bᵀ Aᵀ, then transposed: where B would have to be turned for few rows of A.
// - dots: both operands run along k, and one of them has few rows: vectors along k, no packing.
// - blas: where the CPU has neither AVX2 nor AVX-512, and the product is not tiny.
//
// The choice looks at the whole product, never at a thread's share, and each element is summed in
// the order of k, so the result does not depend on the number of threads.
#include "cpu/gemm.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

#include "cpu/bf16.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "tensor/storage.h"

enum {
    WORK_PER_THREAD = 1 << 20, // multiplications worth a thread: about 10 µs
    DOTS_ROWS = 8,             // up to so many rows, dots are faster than packing
    SWAP_ROWS = 256,           // bounds the workspace of a swapped product
    SWAP_COLUMNS = 512,
    // An operand read in pieces pays for packing when it serves so many rows or columns.
    PACK_REUSE = 192,
    PACK_COLUMNS = 64, // fewer, and A is read too seldom to be packed
    BLAS_WORK = 16 * 16 * 16,
    HALF_HEIGHT = 256, // block of C in products of 16-bit floats, which are computed in f32
    HALF_WIDTH = 512,
};

typedef enum Way { WAY_DIRECT, WAY_SWAPPED, WAY_DOTS, WAY_BLAS, WAY_HALF, WAY_PLAIN } Way;

typedef struct Job {
    RtDtype dtype;
    Way way;
    GemmProduct p;               // the first of the batch
    bool turned;                 // A and B have changed places
    const GemmBatch *batch;      // or NULL
    int64_t count;               // of products in the batch
    int row_parts, column_parts; // each product is cut into a grid
    int64_t grain;               // parts worth a thread
    char *room;
    size_t room_bytes; // of each chunk of parts
} Job;

const GemmKernels *gemm_kernels(RtDtype dtype) {
    const GemmLoops *loops = ISA_PICK(gemm_loops);
    return dtype == RT_F64 ? &loops->f64 : &loops->f32;
}

// Address of an element.
static const void *element(const void *data, int64_t index, RtDtype dtype) {
    return (const char *)data + index * (int64_t)rt_dtype_bytes(dtype);
}

static void *element_at(void *data, int64_t index, RtDtype dtype) {
    return (char *)data + index * (int64_t)rt_dtype_bytes(dtype);
}

// Rows from i and columns from j on.
static GemmProduct product_part(const GemmProduct *p, RtDtype dtype, int64_t i, int64_t m,
                                int64_t j, int64_t n) {
    GemmProduct part = *p;
    part.m = m;
    part.n = n;
    part.a = element(p->a, i * p->a_row, dtype);
    part.b = element(p->b, j * p->b_column, dtype);
    part.c = element_at(p->c, i * p->ldc + j, dtype);
    if (p->init == GEMM_BIAS_COLUMN) part.bias = element(p->bias, j, dtype);
    if (p->init == GEMM_BIAS_ROW) part.bias = element(p->bias, i, dtype);
    return part;
}

// The same product as Cᵀ = Bᵀ Aᵀ, into c.
static GemmProduct product_swapped(const GemmProduct *p, void *c, int64_t ldc) {
    GemmProduct swapped = {.m = p->n,
                           .n = p->m,
                           .k = p->k,
                           .a = p->b,
                           .b = p->a,
                           .a_row = p->b_column,
                           .a_column = p->b_row,
                           .b_row = p->a_column,
                           .b_column = p->a_row,
                           .c = c,
                           .ldc = ldc,
                           .init = p->init,
                           .bias = p->bias};
    if (p->init == GEMM_BIAS_COLUMN) swapped.init = GEMM_BIAS_ROW;
    if (p->init == GEMM_BIAS_ROW) swapped.init = GEMM_BIAS_COLUMN;
    return swapped;
}

// Packing -------------------------------------------------------------------------------------

// Where rows lie a multiple of 4 KiB apart, they share cache sets and push each other out.
static bool step_clashes(int64_t step, int bytes) { return step * bytes % 4096 == 0; }

static bool choose_packing(const GemmProduct *p, int bytes) {
    if (p->b_column != 1) return true;
    if (p->n < PACK_COLUMNS) return false;
    bool b_scattered = p->k > 64 && step_clashes(p->b_row, bytes);
    bool a_scattered = p->n >= PACK_REUSE && p->k > 64 && p->a_column != 1 &&
                       (step_clashes(p->a_column, bytes) || p->n >= 2 * PACK_REUSE);
    return a_scattered || (p->m >= PACK_REUSE && (b_scattered || p->m >= 2 * PACK_REUSE));
}

// Estimated cycles: multiplications of whole vectors two at a time, and what is moved to pack.
static double product_cost(const GemmProduct *p, int lanes) {
    int64_t vectors = (p->n + lanes - 1) / lanes;
    double rows_at_once = p->m < 8 ? (double)p->m : 8,
           vectors_at_once = vectors < 4 ? (double)vectors : 4;
    double in_flight =
        rows_at_once * vectors_at_once; // fewer than 8 additions under way wait for each other
    double cost =
        0.5 * (double)p->m * (double)(vectors * p->k) * (in_flight < 8 ? 8 / in_flight : 1);
    if (p->pack) {
        cost += (double)(p->n * p->k) * (p->b_column == 1 ? 0.1 : 6.4 / lanes);
        cost += (double)(p->m * p->k) * (p->a_column == 1 || p->a_row == 1 ? 0.1 : 6.4 / lanes);
    }
    return cost;
}

// Threads -------------------------------------------------------------------------------------

// Threads share out whole products if there are enough of them. Else each product is cut: where the
// border is smallest, so that little is packed or read twice, and columns at whole vectors.
static void choose_grid(Job *job, int lanes) {
    double work = (double)job->p.m * (double)job->p.n * (double)(job->p.k ? job->p.k : 1);
    job->row_parts = job->column_parts = 1;
    job->grain = work >= WORK_PER_THREAD ? 1 : (int64_t)(WORK_PER_THREAD / (work + 1)) + 1;
    int threads = threads_get();
    if (job->count >= threads) return;
    threads = (int)(threads / job->count);
    if (work / WORK_PER_THREAD < threads) threads = (int)(work / WORK_PER_THREAD);
    double best = -1;
    for (int rows = 1; rows <= threads && threads > 1; rows++) {
        if (threads % rows) continue;
        int columns = threads / rows;
        int64_t vectors = (job->p.n + lanes - 1) / lanes;
        int64_t m = (job->p.m + rows - 1) / rows, n = (vectors + columns - 1) / columns * lanes;
        double cost = (double)m * (double)n * (1 + 4.0 / (double)m + 8.0 / (double)n);
        if (best >= 0 && cost >= best) continue;
        best = cost;
        job->row_parts = rows;
        job->column_parts = columns;
    }
}

// Ways ----------------------------------------------------------------------------------------

static void run_swapped(const GemmProduct *p, const GemmKernels *kernels, RtDtype dtype,
                        char *room) {
    char *turned = room + (size_t)GEMM_ROOM * rt_dtype_bytes(dtype);
    for (int64_t j = 0; j < p->n; j += SWAP_COLUMNS) {
        int64_t n = p->n - j < SWAP_COLUMNS ? p->n - j : SWAP_COLUMNS;
        GemmProduct part = product_part(p, dtype, 0, p->m, j, n);
        GemmProduct swapped = product_swapped(&part, turned, p->m);
        swapped.pack = swapped.b_column != 1;
        kernels->product(&swapped, room);
        kernels->transpose(p->m, n, turned, p->m, part.c, p->ldc);
    }
}

static void run_dots(const GemmProduct *p, const GemmKernels *kernels) {
    if (p->m <= p->n) {
        kernels->dots(p->m, p->n, p->k, p->a, p->a_row, p->b, p->b_column, p->c, p->ldc, 1, p->init,
                      p->bias);
        return;
    }
    GemmProduct swapped = product_swapped(p, p->c, p->ldc);
    kernels->dots(swapped.m, swapped.n, p->k, swapped.a, swapped.a_row, swapped.b, swapped.b_column,
                  p->c, 1, p->ldc, swapped.init, swapped.bias);
}

// As BLAS sees a matrix: transposed or not, and the distance of its rows; false if neither
// dimension is contiguous.
static bool blas_layout(int64_t rows, int64_t columns, int64_t row, int64_t column,
                        CBLAS_TRANSPOSE *out_transpose, int *out_step) {
    bool plain = (column == 1 || columns == 1) && (row >= columns || rows == 1);
    bool turned = (row == 1 || rows == 1) && (column >= rows || columns == 1);
    int64_t least = plain ? columns : rows, step = plain ? row : column;
    if ((plain ? rows : columns) == 1 || step < least) step = least;
    *out_transpose = plain ? CblasNoTrans : CblasTrans;
    *out_step = (int)step;
    return (plain || turned) && step <= INT_MAX;
}

static void run_blas(const GemmProduct *p, RtDtype dtype) {
    CBLAS_TRANSPOSE ta, tb;
    int lda, ldb;
    blas_layout(p->m, p->k, p->a_row, p->a_column, &ta, &lda);
    blas_layout(p->k, p->n, p->b_row, p->b_column, &tb, &ldb);
    size_t bytes = rt_dtype_bytes(dtype);
    for (int64_t i = 0; i < p->m && p->init >= GEMM_BIAS_COLUMN; i++) {
        char *row = (char *)p->c + (size_t)(i * p->ldc) * bytes;
        if (p->init == GEMM_BIAS_COLUMN) memcpy(row, p->bias, (size_t)p->n * bytes);
        for (int64_t j = 0; j < p->n && p->init == GEMM_BIAS_ROW; j++)
            memcpy(row + (size_t)j * bytes, (const char *)p->bias + (size_t)i * bytes, bytes);
    }
    int m = (int)p->m, n = (int)p->n, k = (int)p->k, ldc = (int)p->ldc;
    float beta = p->init == GEMM_ZERO ? 0 : 1;
    if (dtype == RT_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, p->a, lda, p->b, ldb, (double)beta, p->c,
                    ldc);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, p->a, lda, p->b, ldb, beta, p->c, ldc);
}

// f16 and bf16: blocks are converted to f32, and C is kept in f32 until its sums are complete.

// A block (rows, columns) of a strided matrix as f32, contiguous along the dimension that the
// matrix runs along.
static Matrix half_block(RtDtype dtype, const void *from, int64_t row, int64_t column, int64_t rows,
                         int64_t columns, float *to) {
    if (row == 1 && column != 1) {
        Matrix turned = half_block(dtype, from, column, row, columns, rows, to);
        return (Matrix){to, turned.column, turned.row};
    }
    for (int64_t i = 0; i < rows; i++)
        convert_gather(to + i * columns, RT_F32, element(from, i * row, dtype), dtype, column,
                       columns);
    return (Matrix){to, columns, 1};
}

static void half_start(const GemmProduct *p, RtDtype dtype, float *block) {
    for (int64_t i = 0; i < p->m; i++) {
        float *row = block + i * p->n;
        if (p->init == GEMM_ADD)
            convert_run(row, RT_F32, element(p->c, i * p->ldc, dtype), dtype, p->n);
        else if (p->init == GEMM_BIAS_COLUMN)
            convert_run(row, RT_F32, p->bias, dtype, p->n);
        else if (p->init == GEMM_BIAS_ROW)
            convert_gather(row, RT_F32, element(p->bias, i, dtype), dtype, 0, p->n);
        else
            memset(row, 0, (size_t)p->n * sizeof *row);
    }
}

// Elements of what is packed and of the blocks of A, B and C; before: in front of C's, where the
// others lie.
typedef struct HalfRoom {
    int64_t pack, a, b, c, before;
} HalfRoom;

static bool half_packs(const GemmProduct *p) { return p->b_row == 1 && p->b_column != 1; }

static HalfRoom half_room(const GemmProduct *p, RtDtype dtype) {
    int64_t m = p->m < HALF_HEIGHT ? p->m : HALF_HEIGHT, n = p->n < HALF_WIDTH ? p->n : HALF_WIDTH;
    int64_t depth = p->k < GEMM_DEPTH ? p->k : GEMM_DEPTH;
    HalfRoom room = {half_packs(p) ? GEMM_ROOM : 0, m * depth, depth * n, m * n, 0};
    room.before = dtype == RT_BF16 && bf16_dots() ? (int64_t)(bf16_room(m, n, p->k) / sizeof(float))
                                                  : room.pack + room.a + room.b;
    return room;
}

// C += A B for a block, both operands converted in runs of k.
static void half_sums(const GemmProduct *p, RtDtype dtype, void *room, float *a, float *b,
                      float *c) {
    const GemmKernels *kernels = gemm_kernels(RT_F32);
    for (int64_t k = 0; k < p->k; k += GEMM_DEPTH) {
        int64_t depth = p->k - k < GEMM_DEPTH ? p->k - k : GEMM_DEPTH;
        Matrix left = half_block(dtype, element(p->a, k * p->a_column, dtype), p->a_row,
                                 p->a_column, p->m, depth, a);
        Matrix right = half_block(dtype, element(p->b, k * p->b_row, dtype), p->b_row, p->b_column,
                                  depth, p->n, b);
        kernels->product(&(GemmProduct){.m = p->m,
                                        .n = p->n,
                                        .k = depth,
                                        .a = a,
                                        .b = b,
                                        .a_row = left.row,
                                        .a_column = left.column,
                                        .b_row = right.row,
                                        .b_column = right.column,
                                        .c = c,
                                        .ldc = p->n,
                                        .init = GEMM_ADD,
                                        .pack = half_packs(p)},
                         room);
    }
}

static void run_half(const GemmProduct *whole, RtDtype dtype, char *room) {
    HalfRoom sizes = half_room(whole, dtype);
    float *a = (float *)(void *)room + sizes.pack, *b = a + sizes.a,
          *c = (float *)(void *)room + sizes.before;
    for (int64_t i = 0; i < whole->m; i += HALF_HEIGHT) {
        for (int64_t j = 0; j < whole->n; j += HALF_WIDTH) {
            int64_t m = whole->m - i < HALF_HEIGHT ? whole->m - i : HALF_HEIGHT;
            int64_t n = whole->n - j < HALF_WIDTH ? whole->n - j : HALF_WIDTH;
            GemmProduct p = product_part(whole, dtype, i, m, j, n);
            half_start(&p, dtype, c);
            if (dtype == RT_BF16 && bf16_dots())
                bf16_product(m, n, p.k, p.a, p.a_row, p.a_column, p.b, p.b_row, p.b_column, c, n,
                             room);
            else
                half_sums(&p, dtype, room, a, b, c);
            for (int64_t row = 0; row < m; row++)
                convert_run(element_at(p.c, row * p.ldc, dtype), dtype, c + row * n, RT_F32, n);
        }
    }
}

// Integers and bool: sums of signed and unsigned integers have the same bits.
#define T uint8_t
#define WIDE uint32_t
#define NAME plain_u8
#include "cpu/gemm_plain.inc"
#define T uint16_t
#define WIDE uint32_t
#define NAME plain_u16
#include "cpu/gemm_plain.inc"
#define T uint32_t
#define WIDE uint32_t
#define NAME plain_u32
#include "cpu/gemm_plain.inc"
#define T uint64_t
#define WIDE uint64_t
#define NAME plain_u64
#include "cpu/gemm_plain.inc"
#define T bool
#define WIDE bool
#define NAME plain_bool
#define ADD_PRODUCT(sum_, left_, right_) ((sum_) || ((left_) && (right_)))
#include "cpu/gemm_plain.inc"

static void run_plain(const GemmProduct *p, RtDtype dtype) {
    switch (rt_dtype_bytes(dtype)) {
    case 1: dtype == RT_BOOL ? plain_bool(p) : plain_u8(p); break;
    case 2: plain_u16(p); break;
    case 4: plain_u32(p); break;
    default: plain_u64(p); break;
    }
}

// The operands of one product of the batch.
static GemmProduct product_of(const Job *job, int64_t index) {
    GemmProduct p = job->p;
    int64_t a = 0, b = 0, c = 0;
    for (int i = job->batch ? job->batch->ndim - 1 : -1; i >= 0; i--) {
        int64_t at = index % job->batch->dim[i];
        index /= job->batch->dim[i];
        a += at * job->batch->a[i];
        b += at * job->batch->b[i];
        c += at * job->batch->c[i];
    }
    p.a = element(p.a, job->turned ? b : a, job->dtype);
    p.b = element(p.b, job->turned ? a : b, job->dtype);
    p.c = element_at(p.c, c, job->dtype);
    return p;
}

static void run_parts(void *context, int64_t begin, int64_t end, int chunk) {
    const Job *job = context;
    const GemmKernels *kernels = gemm_kernels(job->dtype);
    char *room = job->room + (size_t)chunk * job->room_bytes;
    int64_t parts = (int64_t)job->row_parts * job->column_parts;
    for (int64_t part = begin; part < end; part++) {
        GemmProduct whole = product_of(job, part / parts);
        int64_t row = part % parts / job->column_parts, column = part % parts % job->column_parts;
        int64_t i = whole.m * row / job->row_parts, i_end = whole.m * (row + 1) / job->row_parts;
        int64_t vectors = (whole.n + kernels->lanes - 1) / kernels->lanes;
        int64_t j = vectors * column / job->column_parts * kernels->lanes;
        int64_t j_end = vectors * (column + 1) / job->column_parts * kernels->lanes;
        if (j_end > whole.n) j_end = whole.n;
        if (i == i_end || j >= j_end) continue;
        GemmProduct p = product_part(&whole, job->dtype, i, i_end - i, j, j_end - j);
        switch (job->way) {
        case WAY_DIRECT: kernels->product(&p, room); break;
        case WAY_SWAPPED: run_swapped(&p, kernels, job->dtype, room); break;
        case WAY_DOTS: run_dots(&p, kernels); break;
        case WAY_BLAS: run_blas(&p, job->dtype); break;
        case WAY_HALF: run_half(&p, job->dtype, room); break;
        case WAY_PLAIN: run_plain(&p, job->dtype); break;
        }
    }
}

// Choice --------------------------------------------------------------------------------------

static Way choose_way(Job *job) {
    GemmProduct *p = &job->p;
    if (job->dtype == RT_F16 || job->dtype == RT_BF16) return WAY_HALF;
    if (rt_dtype_kind(job->dtype) != RT_KIND_FLOAT) return WAY_PLAIN;
    bool a_runs = p->a_column == 1, b_runs = p->b_row == 1;
    if (p->k > 0 && a_runs && b_runs && (p->m <= DOTS_ROWS || p->n <= DOTS_ROWS)) return WAY_DOTS;
    CBLAS_TRANSPOSE transpose;
    int step;
    if (isa_level() == ISA_LEVEL_BASELINE &&
        (double)p->m * (double)p->n * (double)p->k > BLAS_WORK && p->m <= INT_MAX &&
        p->n <= INT_MAX && p->k <= INT_MAX && p->ldc <= INT_MAX &&
        blas_layout(p->m, p->k, p->a_row, p->a_column, &transpose, &step) &&
        blas_layout(p->k, p->n, p->b_row, p->b_column, &transpose, &step))
        return WAY_BLAS;
    const GemmKernels *kernels = gemm_kernels(job->dtype);
    p->pack = choose_packing(p, (int)rt_dtype_bytes(job->dtype));
    if (p->m > SWAP_ROWS || p->init == GEMM_ADD) return WAY_DIRECT;
    GemmProduct swapped = product_swapped(p, NULL, 0);
    swapped.pack = swapped.b_column != 1;
    double turning = (double)(p->m * p->n) * 6.4 / kernels->lanes;
    return product_cost(&swapped, kernels->lanes) + turning < product_cost(p, kernels->lanes)
               ? WAY_SWAPPED
               : WAY_DIRECT;
}

static size_t room_elements(const Job *job) {
    const GemmProduct *p = &job->p;
    switch (job->way) {
    case WAY_DIRECT: return p->pack ? GEMM_ROOM : 0;
    case WAY_SWAPPED:
        return GEMM_ROOM + (size_t)((p->n < SWAP_COLUMNS ? p->n : SWAP_COLUMNS) * p->m);
    case WAY_HALF: {
        HalfRoom half = half_room(p, job->dtype);
        return (size_t)(half.before + half.c);
    }
    case WAY_DOTS:
    case WAY_BLAS:
    case WAY_PLAIN: break;
    }
    return 0;
}

static Status run_job(Job *job) {
    GemmProduct *p = &job->p;
    // A dimension of one element is contiguous, whatever its stride says.
    if (p->k == 1) p->a_column = 1;
    if (p->n == 1) p->b_column = 1;
    if (p->m == 1) p->ldc = p->n;
    job->way = choose_way(job);
    choose_grid(job, gemm_kernels(job->dtype)->lanes);
    int64_t parts = job->count * job->row_parts * job->column_parts;
    int chunks = parallel_chunks(parts, job->grain);
    size_t elements = room_elements(job);
    RtStorage *room = NULL; // goes at once and not with the scope
    if (elements) {
        job->room_bytes = (elements * (job->dtype == RT_F64 ? 8 : 4) + 63) / 64 * 64;
        room = storage_new(job->room_bytes * (size_t)chunks, (RtDevice){RT_CPU, 0});
        if (!room) return ERR_MEMORY;
        job->room = room->data;
    }
    bool alone =
        job->way == WAY_BLAS && chunks == 1 && threads_get() > 1; // BLAS would take all threads
    if (alone) threads_solo_begin();
    parallel_run(parts, job->grain, run_parts, job);
    if (alone) threads_solo_end();
    storage_drop(room);
    return OK;
}

Status gemm_run(RtDtype dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c,
                GemmInit init, const void *bias, const GemmBatch *batch) {
    int64_t count = 1;
    for (int i = 0; batch && i < batch->ndim; i++) count *= batch->dim[i];
    if (m == 0 || n == 0 || count == 0) return OK;
    Job job = {.dtype = dtype,
               .p = {.m = m,
                     .n = n,
                     .k = k,
                     .a = a.data,
                     .b = b.data,
                     .a_row = a.row,
                     .a_column = a.column,
                     .b_row = b.row,
                     .b_column = b.column,
                     .c = c.data,
                     .ldc = c.row,
                     .init = init,
                     .bias = bias},
               .batch = batch,
               .count = count};
    if (c.column != 1 && n != 1) {
        job.p = product_swapped(&job.p, c.data, c.column);
        job.turned = true;
    }
    return run_job(&job);
}

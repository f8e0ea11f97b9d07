// Pooling: walks over planes, converts what is not computed in its own dtype, and divides the work
// among threads.
#include "cpu/pool.h"

#include <stdatomic.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"

typedef enum PoolKind {
    POOL_MAX,
    POOL_ADAPTIVE_MAX,
    POOL_AVERAGE,
    POOL_ADAPTIVE_AVERAGE,
    POOL_MAX_BACKWARD, // the first of the gradients
    POOL_AVERAGE_BACKWARD,
    POOL_ADAPTIVE_AVERAGE_BACKWARD,
} PoolKind;

typedef struct PoolJob {
    Pooling p;
    PoolKind kind;
    const PoolKernels *kernels;
    RtDtype dtype, work;
    const char *in;
    char *out;
    int64_t *index;            // of maxima
    int64_t in_area, out_area; // elements of a plane
    char *room; // a plane of the input and one of the output in `work`, for each chunk; or NULL
    atomic_bool bad_index;
} PoolJob;

static void run_planes(void *context, int64_t begin, int64_t end, int chunk) {
    PoolJob *job = context;
    int64_t bytes = (int64_t)rt_dtype_bytes(job->dtype),
            work_bytes = (int64_t)rt_dtype_bytes(job->work);
    char *in_room = NULL, *out_room = NULL;
    if (job->room) {
        in_room = job->room + (job->in_area + job->out_area) * work_bytes * chunk;
        out_room = in_room + job->in_area * work_bytes;
    }
    for (int64_t plane = begin; plane < end; plane++) {
        const char *in = job->in + plane * job->in_area * bytes;
        char *target = job->out + plane * job->out_area * bytes,
             *out = job->room ? out_room : target;
        if (job->room) {
            convert_run(in_room, job->work, in, job->dtype, job->in_area);
            in = in_room;
        }
        switch (job->kind) {
        case POOL_MAX:
            job->kernels->max(&job->p, in, out, job->index + plane * job->out_area);
            break;
        case POOL_ADAPTIVE_MAX:
            job->kernels->adaptive_max(&job->p, in, out, job->index + plane * job->out_area);
            break;
        case POOL_AVERAGE: job->kernels->average(&job->p, in, out); break;
        case POOL_ADAPTIVE_AVERAGE: job->kernels->adaptive_average(&job->p, in, out); break;
        case POOL_AVERAGE_BACKWARD: job->kernels->average_backward(&job->p, in, out); break;
        case POOL_ADAPTIVE_AVERAGE_BACKWARD:
            job->kernels->adaptive_average_backward(&job->p, in, out);
            break;
        case POOL_MAX_BACKWARD:
            if (!job->kernels->max_backward(&job->p, in, job->index + plane * job->in_area, out))
                job->bad_index = true;
            break;
        }
        if (job->room) convert_run(target, job->dtype, out, job->work, job->out_area);
    }
}

static Status run_job(OpCall *call, PoolJob *job) {
    bool backward = job->kind >= POOL_MAX_BACKWARD;
    int64_t small = job->p.out[0] * job->p.out[1], large = job->p.size[0] * job->p.size[1];
    job->in_area = backward ? small : large;
    job->out_area = backward ? large : small;
    job->in = rt_tensor_data(call->in[0]);
    job->out = rt_tensor_data(call->out[0]);
    if (call->out[0]->numel == 0) return OK;
    int64_t grain = PARALLEL_GRAIN / (large + small) + 1;
    if (job->dtype != job->work) {
        int64_t room = (job->in_area + job->out_area) * parallel_chunks(job->p.planes, grain);
        RtTensor *planes = rt_tensor_new(1, &room, job->work, call->device);
        if (!planes) return error_code();
        job->room = rt_tensor_data(planes);
    }
    parallel_run(job->p.planes, grain, run_planes, job);
    if (job->bad_index)
        return call_fail(call, ERR_INDEX, "an index lies outside its plane of %lld elements",
                         (long long)large);
    return OK;
}

// Integers of all widths are compared as int64, f16 and bf16 as f32. index: the tensor of positions,
// or NULL.
static Status run_pool(OpCall *call, PoolKind kind, Status (*describe)(OpCall *call, Pooling *out),
                       RtTensor *index) {
    const PoolLoops *loops = ISA_PICK(pool_loops);
    PoolJob job = {.kind = kind, .dtype = call->compute};
    bool whole = rt_dtype_kind(call->compute) != RT_KIND_FLOAT;
    job.work = whole ? RT_I64 : call->compute == RT_F64 ? RT_F64 : RT_F32;
    job.kernels = whole ? &loops->i64 : call->compute == RT_F64 ? &loops->f64 : &loops->f32;
    TRY(describe(call, &job.p));
    if (index) job.index = rt_tensor_data(index);
    return run_job(call, &job);
}

#define POOL(row_, kind_, describe_, index_)                                                       \
    Status cpu_##row_(OpCall *call) { return run_pool(call, POOL_##kind_, describe_, index_); }
// clang-format off
POOL(max_pool2d,                   MAX,                            pool2d_describe,          call->out[1])
POOL(adaptive_max_pool2d,          ADAPTIVE_MAX,                   adaptive_pool2d_describe, call->out[1])
POOL(avg_pool2d,                   AVERAGE,                        pool2d_describe,          NULL)
POOL(adaptive_avg_pool2d,          ADAPTIVE_AVERAGE,               adaptive_pool2d_describe, NULL)
POOL(max_pool2d_backward,          MAX_BACKWARD,                   pool2d_backward_describe, call->in[1])
POOL(avg_pool2d_backward,          AVERAGE_BACKWARD,               pool2d_backward_describe, NULL)
POOL(adaptive_avg_pool2d_backward, ADAPTIVE_AVERAGE_BACKWARD,      pool2d_backward_describe, NULL)
// clang-format on

// Elements of planes by their positions -------------------------------------------------------

typedef struct TakeJob {
    const char *in;
    char *out;
    const int64_t *index;
    int64_t in_area, out_area;
    size_t bytes;
    atomic_bool bad_index;
} TakeJob;

static void take_planes(void *context, int64_t begin, int64_t end, int chunk) {
    (void)chunk;
    TakeJob *job = context;
    bool good = true;
    for (int64_t plane = begin; plane < end; plane++) {
        const char *in = job->in + (size_t)(plane * job->in_area) * job->bytes;
        for (int64_t i = plane * job->out_area; i < (plane + 1) * job->out_area; i++) {
            int64_t at = job->index[i];
            if (at >= 0 && at < job->in_area)
                memcpy(job->out + (size_t)i * job->bytes, in + (size_t)at * job->bytes, job->bytes);
            else
                good = false;
        }
    }
    if (!good) job->bad_index = true;
}

Status cpu_max_pool2d_take(OpCall *call) {
    const RtTensor *x = call->in[0], *index = call->in[1];
    if (index->numel == 0) return OK;
    int n = x->ndim;
    TakeJob job = {.in = rt_tensor_data(x),
                   .out = rt_tensor_data(call->out[0]),
                   .index = rt_tensor_data(index),
                   .in_area = x->shape[n - 2] * x->shape[n - 1],
                   .out_area = index->shape[n - 2] * index->shape[n - 1],
                   .bytes = rt_dtype_bytes(call->compute)};
    parallel_run(index->numel / job.out_area, PARALLEL_GRAIN / job.out_area + 1, take_planes, &job);
    if (job.bad_index)
        return call_fail(call, ERR_INDEX, "an index lies outside its plane of %lld elements",
                         (long long)job.in_area);
    return OK;
}

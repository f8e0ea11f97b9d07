// Pooling: walks over planes, converts what is not computed in its own dtype, and divides the work
// among threads.
#include "cpu/pool.h"

#include <stdatomic.h>
#include <string.h>

#include "cpu/backend.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"

typedef enum PoolKind { POOL_MAX, POOL_ADAPTIVE_MAX, POOL_PLAIN, POOL_MAX_BACKWARD } PoolKind;

typedef struct PoolJob {
    Pooling p;
    PoolKind kind;
    const PoolKernels *kernels;
    void (*plain)(const Pooling *p, const void *in, void *out);
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
        case POOL_PLAIN: job->plain(&job->p, in, out); break;
        case POOL_MAX_BACKWARD:
            if (!job->kernels->max_backward(&job->p, in, job->index + plane * job->in_area, out))
                job->bad_index = true;
            break;
        }
        if (job->room) convert_run(target, job->dtype, out, job->work, job->out_area);
    }
}

static Status run_pool(OpCall *call, PoolJob *job) {
    job->dtype = call->compute;
    bool backward = job->kind == POOL_MAX_BACKWARD || call->row->op == OP_avg_pool2d_backward ||
                    call->row->op == OP_adaptive_avg_pool2d_backward;
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

// Integers of all widths are compared as int64, f16 and bf16 as f32.
static PoolJob job_of(const OpCall *call, PoolKind kind) {
    const PoolLoops *loops = ISA_PICK(pool_loops);
    PoolJob job = {.kind = kind};
    bool whole = rt_dtype_kind(call->compute) != RT_KIND_FLOAT;
    job.work = whole ? RT_I64 : call->compute == RT_F64 ? RT_F64 : RT_F32;
    job.kernels = whole ? &loops->i64 : call->compute == RT_F64 ? &loops->f64 : &loops->f32;
    return job;
}

Status cpu_max_pool2d(OpCall *call) {
    PoolJob job = job_of(call, POOL_MAX);
    TRY(pool2d_describe(call, &job.p));
    job.index = rt_tensor_data(call->out[1]);
    return run_pool(call, &job);
}

Status cpu_adaptive_max_pool2d(OpCall *call) {
    PoolJob job = job_of(call, POOL_ADAPTIVE_MAX);
    TRY(adaptive_pool2d_describe(call, &job.p));
    job.index = rt_tensor_data(call->out[1]);
    return run_pool(call, &job);
}

Status cpu_max_pool2d_backward(OpCall *call) {
    PoolJob job = job_of(call, POOL_MAX_BACKWARD);
    TRY(pool2d_backward_describe(call, &job.p));
    job.index = rt_tensor_data(call->in[1]);
    return run_pool(call, &job);
}

Status cpu_avg_pool2d(OpCall *call) {
    PoolJob job = job_of(call, POOL_PLAIN);
    job.plain = job.kernels->average;
    TRY(pool2d_describe(call, &job.p));
    return run_pool(call, &job);
}

Status cpu_avg_pool2d_backward(OpCall *call) {
    PoolJob job = job_of(call, POOL_PLAIN);
    job.plain = job.kernels->average_backward;
    TRY(pool2d_backward_describe(call, &job.p));
    return run_pool(call, &job);
}

Status cpu_adaptive_avg_pool2d(OpCall *call) {
    PoolJob job = job_of(call, POOL_PLAIN);
    job.plain = job.kernels->adaptive_average;
    TRY(adaptive_pool2d_describe(call, &job.p));
    return run_pool(call, &job);
}

Status cpu_adaptive_avg_pool2d_backward(OpCall *call) {
    PoolJob job = job_of(call, POOL_PLAIN);
    job.plain = job.kernels->adaptive_average_backward;
    TRY(pool2d_backward_describe(call, &job.p));
    return run_pool(call, &job);
}

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

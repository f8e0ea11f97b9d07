#include "optim/optim.h"

#include <math.h>

#include "base/memory.h"
#include "base/profile.h"
#include "cpu/convert.h"
#include "cpu/isa.h"
#include "cpu/parallel.h"
#include "ops/call.h"

#define BLOCK 4096 // elements

ISA_DECLARE(OptimLoops, optim_loops);

typedef struct Work { // one parameter
    RtTensor *p, *g, *s[RT_OPTIM_STATES];
    RtTensor *scalars[RT_OPTIM_SCALARS];
    double values[RT_OPTIM_SCALARS]; // of the scalars after this step
    int64_t first_block;             // in the range of all blocks
    OptimStep step;
} Work;

typedef struct Job {
    const OptimLoops *loops;
    RtOptimRule rule;
    Work *works;
    int n;
} Job;

static void *at(RtTensor *tensor, int64_t element) {
    if (!PRESENT(tensor)) return NULL;
    return (char *)rt_tensor_data(tensor) +
           element * (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype);
}

// f16 and bf16 are computed in f32, a tile at a time.
static void step_low(const Job *job, const Work *work, int64_t begin, int64_t n) {
    float tiles[2 + RT_OPTIM_STATES][256];
    RtTensor *tensors[2 + RT_OPTIM_STATES] = {work->p, work->g, work->s[0], work->s[1], work->s[2]};
    for (int64_t i = 0; i < n; i += 256) {
        int64_t m = n - i < 256 ? n - i : 256;
        for (int k = 0; k < 2 + RT_OPTIM_STATES; k++)
            if (PRESENT(tensors[k]))
                convert_run(tiles[k], RT_F32, at(tensors[k], begin + i), (RtDtype)tensors[k]->dtype,
                            m);
        job->loops->f32[job->rule](m, tiles[0], tiles[1], tiles[2], tiles[3], tiles[4],
                                   &work->step);
        for (int k = 0; k < 2 + RT_OPTIM_STATES; k++)
            if (k != 1 && PRESENT(tensors[k]))
                convert_run(at(tensors[k], begin + i), (RtDtype)tensors[k]->dtype, tiles[k], RT_F32,
                            m);
    }
}

static void step_range(const Job *job, const Work *work, int64_t begin, int64_t n) {
    void *p = at(work->p, begin), *s[RT_OPTIM_STATES];
    const void *g = at(work->g, begin);
    for (int k = 0; k < RT_OPTIM_STATES; k++) s[k] = at(work->s[k], begin);
    switch ((RtDtype)work->p->dtype) {
    case RT_F32: job->loops->f32[job->rule](n, p, g, s[0], s[1], s[2], &work->step); break;
    case RT_F64: job->loops->f64[job->rule](n, p, g, s[0], s[1], s[2], &work->step); break;
    default: step_low(job, work, begin, n); break;
    }
}

static void step_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const Job *job = context;
    (void)chunk;
    int at_work = 0;
    while (at_work + 1 < job->n && job->works[at_work + 1].first_block <= begin) at_work++;
    for (int64_t block = begin; block < end;) {
        const Work *work = &job->works[at_work];
        int64_t last = at_work + 1 < job->n ? job->works[at_work + 1].first_block : end;
        if (last > end) last = end;
        int64_t from = (block - work->first_block) * BLOCK, to = (last - work->first_block) * BLOCK;
        if (to > work->p->numel) to = work->p->numel;
        if (to > from) step_range(job, work, from, to - from);
        block = last;
        at_work++;
    }
}

static Status check_state(const RtTensor *p, const RtTensor *x, const char *what, int i) {
    if (x->dtype != p->dtype || x->numel != p->numel)
        return fail(ERR_SHAPE,
                    "optimizer: the %s of parameter %d has shape (%s) and dtype %s, the parameter "
                    "(%s) and %s",
                    what, i, shape_words(x), rt_dtype_name((RtDtype)x->dtype), shape_words(p),
                    rt_dtype_name((RtDtype)p->dtype));
    return OK;
}

static Status take_states(Work *work, RtOptimRule rule, const RtOptim *options, RtTensor *p,
                          RtTensor *const *states[RT_OPTIM_STATES], int i) {
    for (int k = 0; k < RT_OPTIM_STATES; k++) {
        RtTensor *state = states[k] ? states[k][i] : RT_NONE;
        if (!PRESENT(state) && optim_needs_state(rule, options, k))
            return fail(ERR_VALUE, "optimizer: state %d of parameter %d is missing", k, i);
        if (PRESENT(state)) TRY(check_state(p, state, "state", i));
        work->s[k] = PRESENT(state) ? rt_contiguous(state) : RT_NONE;
        if (!work->s[k]) return error_code();
    }
    return OK;
}

static Status take_scalars(Work *work, RtOptimRule rule, RtTensor *const *scalars[RT_OPTIM_SCALARS],
                           int i) {
    for (int k = 0; k < optim_scalars[rule]; k++) {
        RtTensor *scalar = scalars[k] ? scalars[k][i] : RT_NONE;
        if (!PRESENT(scalar) || scalar->numel != 1 ||
            (scalar->dtype != RT_F32 && scalar->dtype != RT_F64))
            return fail(ERR_VALUE,
                        "optimizer: number %d of parameter %d (the first counts steps) must be a "
                        "tensor of one "
                        "element, float32 or float64",
                        k, i);
        const void *data = rt_tensor_data(scalar);
        work->scalars[k] = scalar;
        work->values[k] = scalar->dtype == RT_F64 ? *(const double *)data : *(const float *)data;
    }
    if (optim_scalars[rule] && work->values[0] < 0)
        return fail(ERR_VALUE, "optimizer: the step count %g of parameter %d is negative",
                    work->values[0], i);
    return OK;
}

// Fills one work; strided tensors are stepped as contiguous copies and written back.
static Status make_work(Work *work, RtOptimRule rule, const RtOptim *options, RtTensor *p,
                        RtTensor *g, RtTensor *const *states[RT_OPTIM_STATES],
                        RtTensor *const *scalars[RT_OPTIM_SCALARS], int i) {
    *work = (Work){0};
    if (rt_dtype_kind((RtDtype)p->dtype) != RT_KIND_FLOAT)
        return fail(ERR_DTYPE,
                    "optimizer: parameter %d has dtype %s, a floating-point dtype is needed", i,
                    rt_dtype_name((RtDtype)p->dtype));
    TRY(check_state(p, g, "gradient", i));
    TRY(take_states(work, rule, options, p, states, i));
    TRY(take_scalars(work, rule, scalars, i));
    work->p = rt_contiguous(p);
    work->g = rt_contiguous(g);
    work->step = optim_prepare(rule, options, work->values);
    return work->p && work->g ? OK : error_code();
}

static void write_scalars(const Work *work) {
    for (int k = 0; k < RT_OPTIM_SCALARS && work->scalars[k]; k++) {
        void *data = rt_tensor_data(work->scalars[k]);
        if (work->scalars[k]->dtype == RT_F64)
            *(double *)data = work->values[k];
        else
            *(float *)data = (float)work->values[k];
        rt_tensor_written(work->scalars[k]);
    }
}

static Status write_back(RtTensor *target, RtTensor *stepped) {
    if (PRESENT(target) && stepped != target) {
        RtTensor *into[1] = {target}, *out[1];
        TRY(rt_apply(OP_copy_, (RtTensor *[]){target, stepped}, 2, NULL, into, out));
    } else if (PRESENT(target)) {
        rt_tensor_written(target);
    }
    return OK;
}

static Status step_all(Job *job, const RtOptim *options, int n, RtTensor *const *params,
                       RtTensor *const *grads, RtTensor *const *states[RT_OPTIM_STATES],
                       RtTensor *const *scalars[RT_OPTIM_SCALARS]) {
    int64_t blocks = 0;
    for (int i = 0; i < n; i++) {
        if (!PRESENT(grads[i])) continue;
        Work *work = &job->works[job->n++];
        TRY(make_work(work, job->rule, options, params[i], grads[i], states, scalars, i));
        work->first_block = blocks;
        blocks += (params[i]->numel + BLOCK - 1) / BLOCK;
    }
    parallel_run(blocks, 4, step_blocks, job);
    for (int i = 0, w = 0; i < n; i++) {
        if (!PRESENT(grads[i])) continue;
        Work *work = &job->works[w++];
        TRY(write_back(params[i], work->p));
        for (int k = 0; k < RT_OPTIM_STATES; k++)
            if (states[k]) TRY(write_back(states[k][i], work->s[k]));
        write_scalars(work);
    }
    return OK;
}

static int64_t bytes_of(const RtTensor *tensor) {
    return PRESENT(tensor) ? tensor->numel * (int64_t)rt_dtype_bytes((RtDtype)tensor->dtype) : 0;
}

// Parameters and states are read and written, gradients read.
static ProfileWork work_of(const Job *job) {
    ProfileWork work = {0};
    for (int i = 0; i < job->n; i++) {
        work.out_bytes += bytes_of(job->works[i].p);
        for (int k = 0; k < RT_OPTIM_STATES; k++) work.out_bytes += bytes_of(job->works[i].s[k]);
        work.in_bytes += bytes_of(job->works[i].g);
    }
    work.in_bytes += work.out_bytes;
    return work;
}

static const char *const span_names[RT_OPTIM_COUNT] = {
#define OPTIMIZER(name_, states_, scalars_, words_) [RT_OPTIM_##name_] = #name_ " step",
#include "optim/optim.def"
#undef OPTIMIZER
};

Status rt_optim_step(RtOptimRule rule, const RtOptim *options, int n, RtTensor *const *params,
                     RtTensor *const *grads, RtTensor *const *states[RT_OPTIM_STATES],
                     RtTensor *const *scalars[RT_OPTIM_SCALARS]) {
    Job job = {.loops = ISA_PICK(optim_loops), .rule = rule};
    job.works = mem_alloc(MEM_GENERAL, (size_t)(n ? n : 1) * sizeof *job.works);
    if (!job.works) return ERR_MEMORY;
    bool mode = rt_grad_enabled();
    rt_set_grad_enabled(false);
    int64_t span = profiling() ? profile_enter(RT_PROFILE_OPTIM, span_names[rule], NULL) : 0;
    RtScope scope;
    Status status = rt_scope_open(&scope);
    if (status >= 0) {
        status = step_all(&job, options, n, params, grads, states, scalars);
        rt_scope_close(scope);
    }
    if (span) profile_leave(span, status >= 0 ? work_of(&job) : PROFILE_NO_WORK);
    rt_set_grad_enabled(mode);
    mem_free(MEM_GENERAL, job.works);
    return status;
}

// Blocks are summed each by itself and then in order, so that the result does not depend on the
// threads.
typedef struct NormJob {
    const OptimLoops *loops;
    RtTensor *x;
    double *sums;
} NormJob;

static void norm_blocks(void *context, int64_t begin, int64_t end, int chunk) {
    const NormJob *job = context;
    (void)chunk;
    for (int64_t block = begin; block < end; block++) {
        int64_t from = block * BLOCK,
                n = job->x->numel - from < BLOCK ? job->x->numel - from : BLOCK;
        if (job->x->dtype == RT_F64) {
            job->sums[block] = job->loops->squares_f64(n, at(job->x, from));
        } else if (job->x->dtype == RT_F32) {
            job->sums[block] = job->loops->squares_f32(n, at(job->x, from));
        } else {
            float tile[BLOCK];
            convert_run(tile, RT_F32, at(job->x, from), (RtDtype)job->x->dtype, n);
            job->sums[block] = job->loops->squares_f32(n, tile);
        }
    }
}

Status rt_norm_together(int n, RtTensor *const *tensors, double *out) {
    double total = 0;
    for (int i = 0; i < n; i++) {
        if (rt_dtype_kind((RtDtype)tensors[i]->dtype) != RT_KIND_FLOAT)
            return fail(ERR_DTYPE, "norm: tensor %d has dtype %s, a floating-point dtype is needed",
                        i, rt_dtype_name((RtDtype)tensors[i]->dtype));
        RtScope scope;
        TRY(rt_scope_open(&scope));
        RtTensor *x = rt_contiguous(tensors[i]);
        int64_t blocks = (tensors[i]->numel + BLOCK - 1) / BLOCK;
        double *sums = x ? mem_alloc(MEM_GENERAL, (size_t)(blocks + 1) * sizeof *sums) : NULL;
        if (sums) {
            NormJob job = {ISA_PICK(optim_loops), x, sums};
            parallel_run(blocks, 4, norm_blocks, &job);
            for (int64_t block = 0; block < blocks; block++) total += sums[block];
        }
        mem_free(MEM_GENERAL, sums);
        rt_scope_close(scope);
        if (!sums) return error_code();
    }
    *out = sqrt(total);
    return OK;
}

#include "comm/window.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "base/profile.h"
#include "comm/pack.h"

#define SPIN_SECONDS 50e-6 // a caller yields this long before it sleeps

void work_bind(RtWork *work) {
    for (int i = 0; i < work->nbindings; i++)
        if (work->bindings[i].staged && work->bindings[i].in)
            tensor_pack(work->bindings[i].tensor, work->bindings[i].flat);
}

// What it took is told to the profiler.
static void work_report(const RtWork *work) {
    const CommHeader *header = &work->header;
    int64_t item = header->dtype >= 0 ? (int64_t)rt_dtype_bytes((RtDtype)header->dtype) : 0;
    profile_interval(RT_PROFILE_COMM, collective_word((CommOp)header->op),
                     (int64_t)(work->started * 1e9), header->count * item);
}

void work_finish(RtWork *work, Status status) {
    Comm *comm = work->group->comm;
    if (profiling() && work->started > 0) work_report(work);
    for (int i = 0; status == OK && i < work->nbindings; i++)
        if (work->bindings[i].staged && work->bindings[i].out)
            tensor_unpack(work->bindings[i].flat, work->bindings[i].tensor);
    if (status < 0) error_take(&work->error);
    work->status = status;
    pthread_mutex_lock(&comm->lock);
    work->done = true;
    comm->nworks--;
    if (comm->waiting) pthread_cond_broadcast(&comm->changed);
    pthread_mutex_unlock(&comm->lock);
}

void work_run_alone(RtWork *work) {
    work->started = profiling() ? comm_now() : 0;
    work_bind(work);
    int did = 0;
    while (!plan_over(&work->plan)) plan_work(&work->plan, NULL, NULL, 0, 0, COMM_DATA, &did);
    work_finish(work, OK);
}

RtWork *rt_work_keep(RtWork *work) {
    if (work) atomic_fetch_add(&work->count, 1);
    return work;
}

void rt_work_drop(RtWork *work) {
    if (!work || atomic_fetch_sub(&work->count, 1) > 1) return;
    for (int i = 0; i < work->nbindings; i++) {
        if (work->bindings[i].staged && !work->bindings[i].in_scratch)
            mem_free(MEM_COMM, work->bindings[i].flat);
        rt_tensor_drop(work->bindings[i].tensor);
    }
    mem_free(MEM_COMM, work->bindings);
    mem_free(MEM_COMM, work->scratch);
    mem_free(MEM_COMM, work->point);
    mem_free(MEM_COMM, work->notes);
    mem_free(MEM_COMM, work->bases);
    if (work->block && !work->direct) {
        if (work->status == OK)
            block_give(work->block);
        else
            block_retire(work->block);
    }
    plan_clear(&work->plan);
    rt_group_drop(work->group);
    mem_free(MEM_COMM, work);
}

bool rt_work_done(const RtWork *work) { return work && work->done; }
int rt_work_source(const RtWork *work) { return work->source; }

// Sleeps until the work is over or the time is up.
static void wait_asleep(RtWork *work, double seconds) {
    Comm *comm = work->group->comm;
    struct timespec until = {0};
    if (seconds >= 0) {
        double end = comm_now() + seconds;
        until.tv_sec = (time_t)end;
        until.tv_nsec = (long)((end - (double)until.tv_sec) * 1e9);
    }
    pthread_mutex_lock(&comm->lock);
    comm->waiting++;
    int error = 0;
    while (!work->done && error != ETIMEDOUT)
        error = seconds < 0 ? pthread_cond_wait(&comm->changed, &comm->lock)
                            : pthread_cond_timedwait(&comm->changed, &comm->lock, &until);
    comm->waiting--;
    pthread_mutex_unlock(&comm->lock);
}

static int64_t wait_enter(const RtWork *work) {
    char name[64];
    snprintf(name, sizeof name, "wait for %s", collective_word((CommOp)work->header.op));
    return profile_enter(RT_PROFILE_WAIT, name, NULL);
}

Status rt_work_wait(RtWork *work, double seconds, bool *out_done) {
    if (!work) return error_code();
    TRY(comm_usable());
    if (!work->done && seconds != 0) {
        int64_t span = profiling() ? wait_enter(work) : 0;
        double end = comm_now() + SPIN_SECONDS;
        while (!work->done && comm_now() < end) sched_yield();
        if (!work->done) wait_asleep(work, seconds);
        if (span) profile_leave(span, PROFILE_NO_WORK);
    }
    if (out_done) *out_done = work->done;
    if (!work->done || work->status == OK) return OK;
    error_give(&work->error);
    return work->status;
}

// thread.c: the communication thread. It starts works in the order of the queue, then progresses
// all of them, so that two collectives, or a send and a receive, never wait for each other's turn.
// It opens no parallel region.
//
// How it waits is what decides about speed on shared cores: it yields while messages keep coming,
// takes short naps while works are under way but silent, and sleeps when there is nothing to do
// (waking ten times a second to answer the questions of other ranks).
#include "comm/window.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/memory.h"
#include "cpu/parallel.h"

#define YIELD_SECONDS 100e-6       // how long it yields after the last message
#define YIELD_AWAITED_SECONDS 2e-3 // the same while somebody waits
#define NAP_MAX_NANOSECONDS 200000

double comm_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void cancel_one(Comm *comm, CommRequest *request) {
    if (request->active) comm->transport->cancel(comm->context, request);
}

// Takes back what can be taken back. True: the transport holds nothing of the work's any more.
static bool work_cancel(Comm *comm, RtWork *work) {
    cancel_one(comm, &work->header_in);
    bool active = work->header_out.active || work->header_in.active;
    for (int i = 0; i < work->plan.nsteps; i++) {
        Step *step = &work->plan.steps[i];
        if (step->kind == STEP_RECV) cancel_one(comm, &step->request);
        active |= step->request.active;
    }
    return !active;
}

static void work_end(Comm *comm, RtWork *work, Status status) {
    if (status < 0 && !work_cancel(comm, work)) {
        rt_work_keep(work);
        work->next = comm->dead;
        comm->dead = work;
    }
    work_finish(work, status);
    rt_work_drop(work);
}

// now: 0, or the time, and then deadlines are looked at as well.
static int works_advance(Comm *comm, double now) {
    int did = 0;
    for (RtWork **link = &comm->works; *link;) {
        RtWork *work = *link;
        bool over = false;
        Status status = work_advance(comm, work, &did, &over);
        if (status == OK && !over && now > 0) status = check_deadlines(comm, work, now);
        if (status < 0 || over) {
            *link = work->next;
            work_end(comm, work, status);
            did++;
        } else
            link = &work->next;
    }
    return did;
}

// Starts the works of the queue, and sees to the blocks that were dropped.
static int works_take(Comm *comm) {
    pthread_mutex_lock(&comm->lock);
    RtWork *list = comm->queue;
    comm->queue = NULL;
    comm->queue_end = &comm->queue;
    comm->queued = false;
    pthread_mutex_unlock(&comm->lock);
    window_forget(comm);
    RtWork **end = &comm->works;
    while (*end) end = &(*end)->next;
    int n = 0;
    while (list) {
        RtWork *work = list;
        list = work->next;
        work->next = NULL;
        n++;
        Status status = work_start(comm, work);
        if (status < 0) {
            work_end(comm, work, status);
            continue;
        }
        *end = work;
        end = &work->next;
    }
    return n;
}

static void comm_set_state(Comm *comm, CommState state) {
    pthread_mutex_lock(&comm->lock);
    comm->state = state;
    pthread_cond_broadcast(&comm->changed);
    pthread_mutex_unlock(&comm->lock);
}

// Sleeps until work comes, at most a tenth of a second.
static void sleep_idle(Comm *comm) {
    pthread_mutex_lock(&comm->lock);
    comm->asleep = true;
    if (!comm->queued && comm->state == COMM_OPEN) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&comm->wake, &comm->lock, &until);
    }
    comm->asleep = false;
    pthread_mutex_unlock(&comm->lock);
}

// True once everybody, and this rank too, is through.
static bool leave_advance(Comm *comm) {
    if (!comm->said_bye) {
        for (int rank = 0; rank < comm->size; rank++)
            if (rank != comm->rank) control_tell(comm, rank, CONTROL_BYE, 0, 0, NULL);
        comm->said_bye = true;
    }
    const CommTransport *transport = comm->transport;
    for (int rank = 0; rank < comm->size; rank++)
        if (rank != comm->rank && !comm->peers[rank].left &&
            !(transport->gone && transport->gone(comm->context, rank)))
            return false;
    return comm->ntold == 0;
}

// True when all ranks left together, false when this one was abandoned.
static bool comm_loop(Comm *comm) {
    double last = comm_now();
    long nap = 20000;
    for (;;) {
        if (comm->state == COMM_ABANDONED) return false;
        int did = comm->queued ? works_take(comm) : 0;
        did += comm->transport->advance(comm->context);
        did += works_advance(comm, 0);
        if (did) {
            last = 0; // read the clock only when idle
            nap = 20000;
            continue;
        }
        double now = comm_now();
        if (last == 0) last = now;
        did = works_advance(comm, now);
        if (!comm->works && !comm->queued && comm->state == COMM_LEAVING && leave_advance(comm))
            return true;
        if (did) continue;
        bool busy = comm->works || comm->ntold || comm->state == COMM_LEAVING;
        double patience = comm->waiting ? YIELD_AWAITED_SECONDS : YIELD_SECONDS;
        if (now - last < patience)
            sched_yield();
        else if (busy) {
            nanosleep(&(struct timespec){.tv_nsec = nap}, NULL);
            if (nap < NAP_MAX_NANOSECONDS) nap += nap / 2;
        } else {
            window_sweep(comm);
            sleep_idle(comm);
        }
    }
}

static void *comm_main(void *argument) {
    Comm *comm = argument;
    prctl(PR_SET_NAME, "rustorch-comm");
    prctl(PR_SET_TIMERSLACK, 1000UL); // naps of 20 µs are meant
    threads_solo_begin();
    Status status = comm->transport->open(comm->context, &comm->rank, &comm->size,
                                          &comm->local_rank, &comm->local_size);
    if (status == OK &&
        !(comm->peers = mem_zalloc(MEM_COMM, (size_t)comm->size * sizeof *comm->peers)))
        status = ERR_MEMORY;
    if (status == OK) status = window_open(comm);
    if (status == OK) status = control_listen(comm);
    if (status < 0) {
        error_take(&comm->error);
        comm_set_state(comm, COMM_FAILED);
        return NULL;
    }
    comm_set_state(comm, COMM_OPEN);
    if (!comm_loop(comm)) return NULL;
    cancel_one(comm, &comm->hearing);
    comm->transport->close(comm->context, true);
    comm_set_state(comm, COMM_LEFT);
    return NULL;
}

Status comm_start(Comm *comm) {
    // Signals are for the main thread, which runs Python's handlers.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&comm->thread, NULL, comm_main, comm);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return fail(ERR_FAILED, "the communication thread cannot be started: %s", strerror(error));
    pthread_mutex_lock(&comm->lock);
    while (comm->state == COMM_OPENING) pthread_cond_wait(&comm->changed, &comm->lock);
    pthread_mutex_unlock(&comm->lock);
    if (comm->state == COMM_FAILED) {
        pthread_join(comm->thread, NULL);
        error_give(&comm->error);
        return comm->error.code;
    }
    return OK;
}

void comm_submit(Comm *comm, RtWork *work) {
    work->next = NULL;
    *comm->queue_end = work;
    comm->queue_end = &work->next;
    comm->queued = true;
    if (comm->asleep) pthread_cond_signal(&comm->wake);
}

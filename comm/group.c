// group.c: the ranks of a job, and groups of them.
#include "comm/window.h"

#include "base/memory.h"

Comm *comm_new(const CommTransport *transport, void *context, double timeout,
               double match_timeout) {
    Comm *comm = mem_zalloc(MEM_COMM, sizeof *comm);
    if (!comm) return NULL;
    comm->transport = transport;
    comm->context = context;
    comm->size = comm->local_size = 1;
    comm->timeout = timeout;
    comm->match_timeout = match_timeout;
    comm->queue_end = &comm->queue;
    pthread_mutex_init(&comm->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&comm->wake, &monotonic);
    pthread_cond_init(&comm->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    comm->state = COMM_OPEN;
    if (transport) {
        comm->state = COMM_OPENING;
        if (comm_start(comm) < 0) {
            comm_free(comm);
            return NULL;
        }
    }
    return comm;
}

void comm_free(Comm *comm) {
    if (!comm) return;
    if (comm->transport && comm->state == COMM_LEFT) pthread_join(comm->thread, NULL);
    for (RtWork *work = comm->dead, *next; work;
         work = next) { // the transport is closed: nothing is written any more
        next = work->next;
        rt_work_drop(work);
    }
    window_close(comm);
    pthread_cond_destroy(&comm->wake);
    pthread_cond_destroy(&comm->changed);
    pthread_mutex_destroy(&comm->lock);
    mem_free(MEM_COMM, comm->peers);
    mem_free(MEM_COMM, comm);
}

RtGroup *group_make(Comm *comm, const int *ranks, int n, double timeout) {
    RtGroup *group = mem_zalloc(MEM_COMM, sizeof *group);
    int *copy = mem_alloc(MEM_COMM, (size_t)n * sizeof *copy);
    if (!group || !copy) {
        mem_free(MEM_COMM, group);
        mem_free(MEM_COMM, copy);
        return NULL;
    }
    group->count = 1;
    group->comm = comm;
    group->rank = -1;
    group->n = n;
    group->ranks = copy;
    group->timeout = timeout > 0 ? timeout : comm->timeout;
    for (int i = 0; i < n; i++) {
        copy[i] = ranks ? ranks[i] : i;
        if (copy[i] == comm->rank) group->rank = i;
    }
    pthread_mutex_lock(&comm->lock);
    group->id = comm->next_group++;
    group->next = comm->groups;
    comm->groups = group;
    pthread_mutex_unlock(&comm->lock);
    return group;
}

RtGroup *rt_group_keep(RtGroup *group) {
    if (group) atomic_fetch_add(&group->count, 1);
    return group;
}

void rt_group_drop(RtGroup *group) {
    if (!group) return;
    Comm *comm = group->comm;
    if (comm_usable() <
        0) { // a forked child: the lock may be held by a thread that does not exist here
        error_clear();
        return;
    }
    // Under the lock, so that the communication thread never finds a group whose count has reached
    // 0.
    pthread_mutex_lock(&comm->lock);
    bool last = atomic_fetch_sub(&group->count, 1) == 1;
    if (last)
        for (RtGroup **link = &comm->groups; *link; link = &(*link)->next)
            if (*link == group) {
                *link = group->next;
                break;
            }
    pthread_mutex_unlock(&comm->lock);
    if (!last) return;
    mem_free(MEM_COMM, group->ranks);
    mem_free(MEM_COMM, group);
}

int rt_group_rank(const RtGroup *group) { return group->rank; }
int rt_group_size(const RtGroup *group) { return group->n; }
double rt_group_timeout(const RtGroup *group) { return group->timeout; }

int rt_group_world_rank(const RtGroup *group, int rank) {
    return rank >= 0 && rank < group->n ? group->ranks[rank] : -1;
}

int rt_group_member(const RtGroup *group, int world_rank) {
    for (int i = 0; i < group->n; i++)
        if (group->ranks[i] == world_rank) return i;
    return -1;
}

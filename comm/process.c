// process.c: the one Comm of this process, and how it comes and goes. Everything else in comm takes
// its Comm as an argument, so that tests can hold several ranks in one process.
#include <stdlib.h>
#include <string.h>

#include "comm/socket.h"
#include "comm/work.h"
#include "rustorch_plugin.h"

static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static _Atomic bool forked;
static Comm *alone, *joined; // a job of one; the ranks of a job. Once made they stay.
static CommTransport mpi_transport;
static Comm *current; // of the default group
static RtGroup *world;

static void mark_forked(void) { forked = true; }
static void watch_forks(void) { pthread_atfork(NULL, NULL, mark_forked); }

Status comm_usable(void) {
    if (!forked) return OK;
    return fail(ERR_PEER, "this process was forked from a rank, and only the rank itself can "
                          "communicate: collectives belong "
                          "into the main process, not into workers");
}

static int env_int(const char *name) {
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

bool rt_comm_expects_peers(void) {
    if (*setting_text(SETTING_world_size))
        return setting_int(SETTING_world_size, 1, 1 << 20, 1) > 1;
    return env_int("OMPI_COMM_WORLD_SIZE") > 1 || env_int("PMI_SIZE") > 1 ||
           env_int("SLURM_STEP_NUM_TASKS") > 1;
}

// srun without PMIx starts N processes that know nothing of each other: Open MPI would end the
// process or make N jobs.
static Status check_start(void) {
    bool known = getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
    int tasks = env_int("SLURM_STEP_NUM_TASKS");
    if (tasks > 1 && !known)
        return fail(ERR_PEER,
                    "srun started %d tasks without PMIx, so they cannot find each other: use srun "
                    "--mpi=pmix",
                    tasks);
    if (!known)
        return fail(ERR_PEER, "there are no other ranks: this process was not started by "
                              "rustorch-launch, mpirun or srun; start "
                              "the script with `rustorch-launch -n N script.py`");
    return OK;
}

static Status check_size(const Comm *comm) {
    int64_t size = setting_int(SETTING_world_size, 1, 1 << 20, comm->size);
    int64_t rank = setting_int(SETTING_rank, 0, 1 << 20, comm->rank);
    if (size != comm->size || rank != comm->rank)
        return fail(ERR_PEER,
                    "the launcher says rank %lld of %lld, MPI says rank %d of %d: under Slurm "
                    "start with srun --mpi=pmix",
                    (long long)rank, (long long)size, comm->rank, comm->size);
    return OK;
}

static double timeout_setting(void) {
    return (double)setting_int(SETTING_comm_timeout, 1, 1 << 30, 1800);
}
static double match_setting(void) {
    return (double)setting_int(SETTING_match_timeout, 1, 1 << 30, 10);
}

static bool joined_by(const CommTransport *transport) {
    return joined && joined->transport == transport && joined->state == COMM_OPEN;
}

static Status join_mpi(void) {
    if (joined_by(&mpi_transport)) return OK;
    if (joined && joined->transport != &mpi_transport)
        return fail(ERR_PEER, "this process has joined a job over sockets, and MPI cannot be "
                              "started beside it");
    if (joined)
        return fail(ERR_PEER, "MPI has been shut down and cannot be started again in this process");
    TRY(check_start());
    RtPluginName name = {"mpi", "communication between ranks (MPI)",
                         "openmpi-bin and libopenmpi3 (Debian, Ubuntu)"};
    TRY(plugin_open(&name, &mpi_transport, sizeof mpi_transport));
    Comm *comm = comm_new(&mpi_transport, NULL, timeout_setting(), match_setting());
    if (!comm) return error_code();
    joined = comm; // its thread runs; it stays even if the check fails
    return check_size(comm);
}

static Status join_sockets(int rank, int size, const int *fds, const int *hosts) {
    SocketJob *job = socket_job_new(rank, size, fds, hosts);
    if (!job) return error_code();
    if (joined) {
        socket_job_free(job);
        return fail(ERR_PEER, "this process has joined a job already, as rank %d of %d",
                    joined->rank, joined->size);
    }
    Comm *comm = comm_new(&socket_transport, job, timeout_setting(), match_setting());
    if (!comm) {
        socket_job_free(job);
        return error_code();
    }
    joined = comm;
    return OK;
}

Status rt_comm_join(int rank, int size, const int *fds, const int *hosts) {
    TRY(comm_usable());
    pthread_once(&fork_once, watch_forks);
    pthread_mutex_lock(&process_lock);
    Status status = join_sockets(rank, size, fds, hosts);
    pthread_mutex_unlock(&process_lock);
    return status;
}

int rt_comm_joined_size(void) { return joined && !forked ? joined->size : 0; }
int rt_comm_joined_rank(void) { return joined && !forked ? joined->rank : 0; }

static Status open_locked(const char *backend, double seconds) {
    if (world)
        return fail(ERR_VALUE,
                    "the default process group is already there; destroy_process_group() first");
    bool mpi = backend ? strcmp(backend, "mpi") == 0 : rt_comm_expects_peers();
    bool sockets = backend && strcmp(backend, "tcp") == 0;
    if (backend && !mpi && !sockets && strcmp(backend, "solo") != 0)
        return fail(ERR_VALUE,
                    "there is no communication backend '%s'; there are mpi, tcp and solo", backend);
    if (sockets && !joined_by(&socket_transport))
        return fail(ERR_PEER, "this process has not joined the other ranks, or has left them");
    if (mpi)
        TRY(join_mpi());
    else if (!alone && !(alone = comm_new(NULL, NULL, timeout_setting(), match_setting())))
        return ERR_MEMORY;
    Comm *comm = mpi || sockets ? joined : alone;
    if (comm->next_group > COMM_GROUP_MAX)
        return fail(ERR_VALUE, "a job may make %d process groups", COMM_GROUP_MAX);
    world = group_make(comm, NULL, comm->size, seconds);
    if (!world) return ERR_MEMORY;
    current = comm;
    return OK;
}

Status rt_comm_open(const char *backend, double seconds) {
    TRY(comm_usable());
    pthread_once(&fork_once, watch_forks);
    pthread_mutex_lock(&process_lock);
    Status status = open_locked(backend, seconds);
    pthread_mutex_unlock(&process_lock);
    return status;
}

bool rt_comm_is_open(void) { return world != NULL && !forked; }
const char *rt_comm_backend(void) {
    return !world ? NULL : current->transport ? current->transport->name : "solo";
}

bool rt_comm_has_mpi(void) { return plugin_present("mpi"); }

int rt_comm_local_rank(void) {
    if (*setting_text(SETTING_local_rank))
        return (int)setting_int(SETTING_local_rank, 0, 1 << 20, 0);
    return current ? current->local_rank : env_int("OMPI_COMM_WORLD_LOCAL_RANK");
}

int rt_comm_local_size(void) {
    if (*setting_text(SETTING_local_size))
        return (int)setting_int(SETTING_local_size, 1, 1 << 20, 1);
    int size = current ? current->local_size : env_int("OMPI_COMM_WORLD_LOCAL_SIZE");
    return size > 0 ? size : 1;
}

RtGroup *rt_group_world(void) {
    if (comm_usable() < 0) return NULL;
    if (!world)
        fail(ERR_PEER, "the default process group is not there; call init_process_group() first");
    return world;
}

RtGroup *rt_group_new(const int *ranks, int n, double seconds) {
    RtGroup *all = rt_group_world();
    return all ? group_new(current, all, ranks, n, seconds) : NULL;
}

// Every work has a deadline, so this ends.
static void wait_for_works(Comm *comm) {
    pthread_mutex_lock(&comm->lock);
    comm->waiting++;
    while (comm->nworks > 0) pthread_cond_wait(&comm->changed, &comm->lock);
    comm->waiting--;
    pthread_mutex_unlock(&comm->lock);
}

Status rt_comm_close(void) {
    TRY(comm_usable());
    pthread_mutex_lock(&process_lock);
    RtGroup *group = world;
    world = NULL;
    pthread_mutex_unlock(&process_lock);
    if (!group) return OK;
    wait_for_works(group->comm);
    rt_group_drop(group);
    return OK;
}

Status rt_comm_leave(double seconds, bool *out_left) {
    *out_left = true;
    if (forked || !joined) return OK;
    pthread_mutex_lock(&joined->lock);
    if (joined->state == COMM_OPEN) {
        joined->state = COMM_LEAVING;
        pthread_cond_signal(&joined->wake);
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double end = (double)until.tv_sec + (double)until.tv_nsec * 1e-9 + seconds;
    until.tv_sec = (time_t)end;
    until.tv_nsec = (long)((end - (double)until.tv_sec) * 1e9);
    int error = 0;
    while (joined->state == COMM_LEAVING && error == 0)
        error = pthread_cond_timedwait(&joined->changed, &joined->lock, &until);
    *out_left = joined->state != COMM_LEAVING;
    pthread_mutex_unlock(&joined->lock);
    return OK;
}

// The thread ends at its next look; it is not told to anybody, and nothing of the transport is
// closed.
void rt_comm_abandon(void) {
    if (forked || !joined) return;
    pthread_mutex_lock(&joined->lock);
    bool runs = joined->state == COMM_OPEN || joined->state == COMM_LEAVING;
    if (runs) joined->state = COMM_ABANDONED;
    pthread_cond_signal(&joined->wake);
    pthread_mutex_unlock(&joined->lock);
    if (runs) pthread_join(joined->thread, NULL);
}

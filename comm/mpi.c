// mpi.c: the transport over MPI, the only file that includes mpi.h. A plug-in.
//
// One communicator a kind of message, so that receives from any rank never slow down the matching
// of payloads. All calls come from one thread (MPI_THREAD_FUNNELED: the one that initialised MPI).
// Requests under way lie in two parallel arrays, the one that MPI_Testsome wants and our own.
#include <dlfcn.h>
#include <mpi.h>
#include <stdlib.h>

#include "comm/transport.h"
#include "rustorch_plugin.h"

static MPI_Comm comms[COMM_KIND_COUNT], host;
static MPI_Request *requests;
static CommRequest **owners;
static int *finished; // indices, filled by MPI_Testsome
static MPI_Status *statuses;
static int nrequests, room;
static bool started;

// The tag that MPI sees has 30 bits: see COMM_POINT_TAG_MAX and COMM_GROUP_MAX. Sequence numbers
// wrap around; messages of works that far apart are never under way together.
static int tag_fold(CommTag tag) {
    switch (tag.kind) {
    case COMM_CONTROL: return 0;
    case COMM_HEADER: return (int)((tag.group & 0xfff) << 18 | (tag.sequence & 0x3ffff));
    case COMM_DATA:
        return (int)((tag.group & 0xfff) << 18 | (tag.sequence & 0xff) << 10 |
                     (tag.channel & 0x3ff));
    case COMM_POINT: return (int)((tag.group & 0xfff) << 15 | (tag.sequence & 0x7fff));
    case COMM_POINT_DATA: return (int)((tag.sequence & 0xfffff) << 10 | (tag.channel & 0x3ff));
    }
    return 0;
}

static Status mpi_fail(int code, const char *what) {
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    return fail(ERR_PEER, "MPI: %s: %s", what, text);
}

#define MPI_TRY(call_, what_)                                                                      \
    do {                                                                                           \
        int code_ = (call_);                                                                       \
        if (code_ != MPI_SUCCESS) return mpi_fail(code_, what_);                                   \
    } while (0)

static Status mpi_open(void *context, int *out_rank, int *out_size, int *out_local_rank,
                       int *out_local_size) {
    (void)context;
    int already = 0, provided = 0;
    MPI_Initialized(&already);
    if (already)
        return fail(
            ERR_PEER,
            "MPI is already in use in this process (mpi4py?); rustorch must start it itself");
    // Measured on virtual machines: copying through shared memory beats process_vm_readv up to a
    // few MiB, the size of our chunks. The user's own setting wins.
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    MPI_TRY(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "start");
    started = true;
    if (provided < MPI_THREAD_FUNNELED)
        return fail(ERR_PEER, "this MPI does not allow threads (MPI_THREAD_FUNNELED)");
    int *tag_max = NULL, found = 0;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tag_max, &found);
    if (!found || *tag_max < (1 << 30) - 1)
        return fail(ERR_PEER, "this MPI allows tags up to %d, and rustorch needs 30 bits",
                    found ? *tag_max : 0);
    for (int kind = 0; kind < COMM_KIND_COUNT; kind++) {
        MPI_TRY(MPI_Comm_dup(MPI_COMM_WORLD, &comms[kind]), "make a communicator");
        MPI_Comm_set_errhandler(comms[kind], MPI_ERRORS_RETURN);
    }
    MPI_Comm_rank(MPI_COMM_WORLD, out_rank);
    MPI_Comm_size(MPI_COMM_WORLD, out_size);
    MPI_TRY(
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, *out_rank, MPI_INFO_NULL, &host),
        "find the ranks of this host");
    MPI_Comm_rank(host, out_local_rank);
    MPI_Comm_size(host, out_local_size);
    return OK;
}

static Status mpi_hosts(void *context, int *out_hosts) {
    (void)context;
    int first = 0; // the number of a host is the lowest rank on it
    MPI_Comm_rank(MPI_COMM_WORLD, &first);
    MPI_TRY(MPI_Bcast(&first, 1, MPI_INT, 0, host), "find the hosts");
    MPI_TRY(MPI_Allgather(&first, 1, MPI_INT, out_hosts, 1, MPI_INT, MPI_COMM_WORLD),
            "find the hosts");
    return OK;
}

static Status request_room(void) {
    if (nrequests < room) return OK;
    int larger = room ? room * 2 : 256;
    size_t n = (size_t)larger;
    MPI_Request *new_requests = mem_resize(MEM_COMM, requests, n * sizeof *requests);
    if (new_requests) requests = new_requests;
    CommRequest **new_owners = mem_resize(MEM_COMM, owners, n * sizeof *owners);
    if (new_owners) owners = new_owners;
    int *new_finished = mem_resize(MEM_COMM, finished, n * sizeof *finished);
    if (new_finished) finished = new_finished;
    MPI_Status *new_statuses = mem_resize(MEM_COMM, statuses, n * sizeof *statuses);
    if (new_statuses) statuses = new_statuses;
    if (!new_requests || !new_owners || !new_finished || !new_statuses) return ERR_MEMORY;
    room = larger;
    return OK;
}

static void request_enter(CommRequest *request) {
    request->active = true;
    request->failed = request->truncated = false;
    request->slot = nrequests;
    owners[nrequests++] = request;
}

static void request_leave(int slot) { // the last one takes its place
    owners[slot]->active = false;
    nrequests--;
    if (slot == nrequests) return;
    requests[slot] = requests[nrequests];
    owners[slot] = owners[nrequests];
    owners[slot]->slot = slot;
}

static Status mpi_isend(void *context, int peer, CommTag tag, const void *data, size_t bytes,
                        CommRequest *request) {
    (void)context;
    TRY(request_room());
    MPI_TRY(MPI_Isend(data, (int)bytes, MPI_BYTE, peer, tag_fold(tag), comms[tag.kind],
                      &requests[nrequests]),
            "send");
    request_enter(request);
    return OK;
}

static Status mpi_irecv(void *context, int peer, CommTag tag, void *data, size_t bytes,
                        CommRequest *request) {
    (void)context;
    TRY(request_room());
    int source = peer == COMM_ANY_RANK ? MPI_ANY_SOURCE : peer;
    MPI_TRY(MPI_Irecv(data, (int)bytes, MPI_BYTE, source, tag_fold(tag), comms[tag.kind],
                      &requests[nrequests]),
            "receive");
    request_enter(request);
    return OK;
}

static void request_result(CommRequest *request, const MPI_Status *status, int code) {
    int count = 0;
    request->truncated = code == MPI_ERR_TRUNCATE;
    request->failed = code != MPI_SUCCESS && !request->truncated;
    request->peer = status->MPI_SOURCE;
    MPI_Get_count(status, MPI_BYTE, &count);
    request->bytes = count > 0 ? (size_t)count : 0;
    if (request->failed) mpi_fail(code, "a message was lost");
}

static int index_below(const void *a, const void *b) { return *(const int *)b - *(const int *)a; }

static int mpi_advance(void *context) {
    (void)context;
    int done = 0;
    if (nrequests == 0) return 0;
    int code = MPI_Testsome(nrequests, requests, &done, finished, statuses);
    if (done == MPI_UNDEFINED || done <= 0) return 0;
    // finish may start requests, which moves the arrays: first take all out, from the back, then
    // tell their owners.
    CommRequest *over = NULL, **end = &over;
    for (int i = 0; i < done; i++) {
        CommRequest *request = owners[finished[i]];
        int error = MPI_SUCCESS;
        if (code == MPI_ERR_IN_STATUS) MPI_Error_class(statuses[i].MPI_ERROR, &error);
        request_result(request, &statuses[i], error);
        request->next = NULL;
        *end = request;
        end = &request->next;
    }
    qsort(finished, (size_t)done, sizeof *finished, index_below);
    for (int i = 0; i < done; i++) request_leave(finished[i]);
    while (over) {
        CommRequest *request = over;
        over = request->next; // finish may reuse the request
        request->finish(request);
    }
    return done;
}

// A receive that has met its message already goes on; then it stays active.
static void mpi_cancel(void *context, CommRequest *request) {
    (void)context;
    int over = 0;
    MPI_Cancel(&requests[request->slot]);
    MPI_Test(&requests[request->slot], &over, MPI_STATUS_IGNORE);
    if (over) request_leave(request->slot);
}

static void mpi_close(void *context, bool clean) {
    (void)context;
    if (!clean || !started) return;
    for (int i = nrequests - 1; i >= 0; i--) mpi_cancel(NULL, owners[i]);
    MPI_Comm_free(&host);
    for (int kind = 0; kind < COMM_KIND_COUNT; kind++) MPI_Comm_free(&comms[kind]);
    MPI_Finalize();
}

RT_API Status rt_plugin(void *vtable, size_t bytes);
RT_API Status rt_plugin(void *vtable, size_t bytes) {
    if (bytes != sizeof(CommTransport))
        return fail(ERR_PLUGIN, "rustorch_mpi.so belongs to another version of rustorch");
    *(CommTransport *)vtable = (CommTransport){.name = "mpi",
                                               .open = mpi_open,
                                               .hosts = mpi_hosts,
                                               .isend = mpi_isend,
                                               .irecv = mpi_irecv,
                                               .advance = mpi_advance,
                                               .cancel = mpi_cancel,
                                               .close = mpi_close};
    return OK;
}

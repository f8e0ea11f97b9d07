#define _GNU_SOURCE
#include "comm/window.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"

#define OPEN_SECONDS 30.0 // for the ranks to meet; they have just met in the transport's open

enum {
    SLOTS = 4,               // pieces under way
    SLICE_BYTES = 128 << 10, // of one rank in a piece
    PIECE_MAX = 2 << 20,
    STEP_BYTES = 256 << 10, // combined at a time; the result is still in the cache when it is
                            // copied to the others
    BLOCK_MIN = 64 << 10
};

// ------------------------------------------------------------------------------ blocks

SharedBlock *block_new(Comm *comm, size_t bytes) {
    SharedBlock *block = mem_zalloc(MEM_COMM, sizeof *block);
    if (!block) return NULL;
    *block = (SharedBlock){.comm = comm, .bytes = bytes, .data = MAP_FAILED};
    block->fd = mem_fail_now() ? -1 : memfd_create("rustorch", MFD_CLOEXEC);
    if (block->fd >= 0 && ftruncate(block->fd, (off_t)bytes) == 0)
        block->data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, block->fd, 0);
    if (block->data == MAP_FAILED) {
        fail(ERR_MEMORY, "out of memory: %zu bytes of shared memory were asked for", bytes);
        if (block->fd >= 0) close(block->fd);
        mem_free(MEM_COMM, block);
        return NULL;
    }
    pthread_mutex_lock(&comm->lock);
    block->serial = ++comm->next_serial;
    pthread_mutex_unlock(&comm->lock);
    return block;
}

static void block_unmap(SharedBlock *block) {
    munmap(block->data, block->bytes);
    close(block->fd);
    mem_free(MEM_COMM, block);
}

// The communication thread frees the block: it has to tell the others, and it alone may speak.
void block_drop(SharedBlock *block) {
    if (!block) return;
    if (comm_usable() < 0) { // a forked child
        error_clear();
        return;
    }
    Comm *comm = block->comm;
    pthread_mutex_lock(&comm->lock);
    block->next = comm->dropped;
    comm->dropped = block;
    comm->queued = true;
    pthread_mutex_unlock(&comm->lock);
}

SharedBlock *block_take(Comm *comm, size_t bytes) {
    size_t wanted = BLOCK_MIN;
    while (wanted < bytes) wanted *= 2;
    pthread_mutex_lock(&comm->lock);
    SharedBlock **link = &comm->pool;
    while (*link && (*link)->bytes != wanted) link = &(*link)->next;
    SharedBlock *block = *link;
    if (block) *link = block->next;
    pthread_mutex_unlock(&comm->lock);
    return block ? block : block_new(comm, wanted);
}

static void block_put(SharedBlock *block, SharedBlock **list) {
    if (comm_usable() < 0) {
        error_clear();
        return;
    }
    pthread_mutex_lock(&block->comm->lock);
    block->next = *list;
    *list = block;
    pthread_mutex_unlock(&block->comm->lock);
}

void block_give(SharedBlock *block) { block_put(block, &block->comm->pool); }
void block_retire(SharedBlock *block) { block_put(block, &block->comm->retired); }

BlockNote block_note(const SharedBlock *block, size_t total) {
    return (BlockNote){
        .serial = block->serial, .block_bytes = block->bytes, .total = total, .fd = block->fd};
}

bool group_shares(const RtGroup *group) {
    const Comm *comm = group->comm;
    if (!comm->shared || group->n < 2) return false;
    for (int k = 0; k < group->n; k++)
        if (comm->hosts[group->ranks[k]] != comm->hosts[comm->rank]) return false;
    return true;
}

static void *map_file(int64_t pid, int64_t fd, size_t bytes) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)pid, (long long)fd);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return NULL;
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return data == MAP_FAILED ? NULL : data;
}

void *window_map(Comm *comm, int rank, const BlockNote *note) {
    for (PeerBlock *known = comm->mapped; known; known = known->next)
        if (known->rank == rank && known->serial == note->serial) return known->data;
    PeerBlock *block = mem_zalloc(MEM_COMM, sizeof *block);
    if (!block) return NULL;
    *block = (PeerBlock){
        .next = comm->mapped, .rank = rank, .serial = note->serial, .bytes = note->block_bytes};
    block->data = map_file(comm->pids[rank], note->fd, note->block_bytes);
    if (!block->data) {
        fail(ERR_PEER,
             "shared memory of rank %d (%llu bytes) cannot be mapped; RUSTORCH_COMM_SHARED=0 does "
             "without",
             rank, (unsigned long long)note->block_bytes);
        mem_free(MEM_COMM, block);
        return NULL;
    }
    comm->mapped = block;
    return block->data;
}

void window_forget(Comm *comm) {
    pthread_mutex_lock(&comm->lock);
    SharedBlock *list = comm->dropped;
    comm->dropped = NULL;
    pthread_mutex_unlock(&comm->lock);
    while (
        list) { // the others unmap it when they hear of it; the memory goes with the last of them
        SharedBlock *block = list;
        list = block->next;
        for (int rank = 0; rank < comm->size; rank++)
            if (rank != comm->rank && comm->hosts[rank] == comm->hosts[comm->rank])
                comm_tell_gone(comm, rank, block->serial);
        block_unmap(block);
    }
}

void window_gone(Comm *comm, int rank, uint64_t serial) {
    for (PeerBlock *known = comm->mapped; known; known = known->next)
        if (known->rank == rank && known->serial == serial) known->gone = true;
}

// Only while no work is under way: one that failed elsewhere may still write.
void window_sweep(Comm *comm) {
    for (PeerBlock **link = &comm->mapped; *link;) {
        PeerBlock *block = *link;
        if (!block->gone) {
            link = &block->next;
            continue;
        }
        *link = block->next;
        munmap(block->data, block->bytes);
        mem_free(MEM_COMM, block);
    }
}

void window_close(Comm *comm) {
    for (PeerBlock *block = comm->mapped; block; block = block->next) block->gone = true;
    window_sweep(comm);
    SharedBlock **lists[] = {&comm->pool, &comm->dropped, &comm->retired};
    for (int i = 0; i < 3; i++)
        while (*lists[i]) {
            SharedBlock *block = *lists[i];
            *lists[i] = block->next;
            block_unmap(block);
        }
    mem_free(MEM_COMM, comm->pids);
    mem_free(MEM_COMM, comm->hosts);
    comm->pids = NULL;
    comm->hosts = NULL;
}

// ------------------------------------------------------------------------------ finding out
// whether it works

// What ranks tell each other, in two rounds: where a block of mine is; then whether I could read
// all of theirs.
typedef struct Hello {
    CommRequest request; // first
    struct HelloNote {
        int64_t pid, fd;
        uint64_t token, works;
    } note;
} Hello;

static void hello_over(CommRequest *request) { (void)request; }

static bool hellos_active(const Hello *hellos, int n) {
    for (int i = 0; i < n; i++)
        if (hellos[i].request.active) return true;
    return false;
}

static Status hello_round(Comm *comm, uint32_t round, const struct HelloNote *mine, Hello *out,
                          Hello *in) {
    CommTag tag = {.kind = COMM_HEADER, .group = COMM_GROUP_MAX, .sequence = round};
    for (int rank = 0; rank < comm->size; rank++) {
        if (rank == comm->rank) continue;
        out[rank] = (Hello){.request = {.finish = hello_over}, .note = *mine};
        in[rank] = (Hello){.request = {.finish = hello_over}};
        TRY(comm->transport->irecv(comm->context, rank, tag, &in[rank].note, sizeof in[rank].note,
                                   &in[rank].request));
        TRY(comm->transport->isend(comm->context, rank, tag, &out[rank].note, sizeof out[rank].note,
                                   &out[rank].request));
    }
    double end = comm_now() + OPEN_SECONDS;
    while (hellos_active(in, comm->size) || hellos_active(out, comm->size)) {
        if (comm->transport->advance(comm->context) == 0) sched_yield();
        if (comm_now() > end)
            return fail(ERR_PEER, "the ranks did not meet within %g s of their start",
                        OPEN_SECONDS);
    }
    return OK;
}

static bool token_there(const struct HelloNote *note) {
    uint64_t *data = map_file(note->pid, note->fd, BLOCK_MIN);
    if (!data) return false;
    bool right = *data == note->token;
    munmap(data, BLOCK_MIN);
    return right;
}

static Status window_agree(Comm *comm, Hello *out, Hello *in) {
    SharedBlock *probe =
        setting_int(SETTING_comm_shared, 0, 1, 1) ? block_new(comm, BLOCK_MIN) : NULL;
    if (!probe) error_clear();
    uint64_t token = (uint64_t)(comm_now() * 1e9) ^ (uint64_t)getpid() << 32;
    struct HelloNote mine = {
        .pid = getpid(), .fd = probe ? probe->fd : -1, .token = token, .works = 1};
    if (probe) *(uint64_t *)probe->data = token;
    Status status = hello_round(comm, 0, &mine, out, in);
    for (int rank = 0; status == OK && rank < comm->size; rank++) {
        if (rank == comm->rank) continue;
        comm->pids[rank] = in[rank].note.pid;
        if (comm->hosts[rank] == comm->hosts[comm->rank] &&
            (!probe || !token_there(&in[rank].note)))
            mine.works = 0;
    }
    // All decide alike, so that all take the same way.
    if (status == OK) status = hello_round(comm, 1, &mine, out, in);
    bool works = mine.works;
    for (int rank = 0; status == OK && rank < comm->size; rank++)
        if (rank != comm->rank && !in[rank].note.works) works = false;
    comm->shared = status == OK && works;
    if (probe) block_give(probe);
    log_info("ranks of one host %s",
             comm->shared ? "reduce in shared memory" : "exchange messages");
    return status;
}

Status window_open(Comm *comm) {
    size_t n = (size_t)comm->size;
    comm->hosts = mem_zalloc(MEM_COMM, n * sizeof *comm->hosts);
    comm->pids = mem_zalloc(MEM_COMM, n * sizeof *comm->pids);
    if (!comm->hosts || !comm->pids) return ERR_MEMORY;
    TRY(comm->transport->hosts(comm->context, comm->hosts));
    Hello *hellos = mem_zalloc(MEM_COMM, 2 * n * sizeof *hellos);
    if (!hellos) return ERR_MEMORY;
    Status status = window_agree(comm, hellos, hellos + n);
    if (status == OK) mem_free(MEM_COMM, hellos); // else the transport may still write to them
    return status;
}

// ------------------------------------------------------------------------------ reducing through
// windows

static size_t slice_at(size_t bytes, int k, int n) {
    return k == n ? bytes : bytes / (size_t)n * (size_t)k & ~(size_t)63;
}

static size_t piece_bytes(const Team *team) {
    size_t piece = (size_t)SLICE_BYTES * (size_t)team->n;
    return piece < PIECE_MAX ? piece : PIECE_MAX;
}

size_t window_block_bytes(const Team *team, size_t bytes) {
    size_t most = SLOTS * piece_bytes(team);
    return bytes < most ? bytes : most;
}

static uint32_t ready_channel(int64_t piece) { return (uint32_t)(piece % 256) * 4; }
static uint32_t done_channel(int64_t piece) { return (uint32_t)(piece % 256) * 4 + 1; }
enum { NOTE_CHANNEL = 2 };

// Copies the slices of the others of one piece into my block. Returns the last step, or -1.
static int copy_in(Plan *plan, const Team *team, const char *data, size_t size, char *slot,
                   int after) {
    int last = -1;
    for (int k = 0; k < team->n; k++) {
        size_t low = slice_at(size, k, team->n), high = slice_at(size, k + 1, team->n);
        if (k == team->rank) continue;
        int copy = plan_copy(plan, slot + low, data + low, high - low);
        plan_after(plan, copy, last >= 0 ? last : after);
        if (copy >= 0) last = copy;
    }
    return last;
}

void build_window_notes(Plan *plan, const Team *team, const void *data, size_t bytes,
                        const SharedBlock *block, bool direct, BlockNote *mine, BlockNote *notes) {
    *mine = block_note(block, bytes);
    size_t piece = piece_bytes(team);
    int last = -1;
    for (int p = 0; !direct && p < SLOTS && (size_t)p * piece < bytes; p++) {
        size_t at = (size_t)p * piece, size = bytes - at < piece ? bytes - at : piece;
        int copied =
            copy_in(plan, team, (const char *)data + at, size, (char *)block->data + at, last);
        if (copied >= 0) last = copied;
    }
    for (int k = 0; k < team->n; k++) {
        if (k == team->rank) continue;
        plan_recv(plan, team->ranks[k], NOTE_CHANNEL, &notes[k], sizeof notes[k]);
        plan_after(plan, plan_send(plan, team->ranks[k], NOTE_CHANNEL, mine, sizeof *mine), last);
    }
}

// Combines my slice and writes it to all. at: of the slice's piece in the data; off: the same in
// the blocks.
static int combine_slice(Plan *plan, const Team *team, char *data, char *const *bases, size_t at,
                         size_t off, size_t size, int before) {
    size_t low = slice_at(size, team->rank, team->n),
           high = slice_at(size, team->rank + 1, team->n);
    for (size_t i = low; i < high; i += STEP_BYTES) {
        size_t step = high - i < STEP_BYTES ? high - i : STEP_BYTES;
        const void **inputs = plan_inputs(plan);
        if (!inputs) return -1;
        for (int k = 0; k < team->n; k++)
            inputs[k] = k == team->rank ? data + at + i : bases[k] + off + i;
        int combine =
            plan_combine(plan, data + at + i, (int64_t)(step / rt_dtype_bytes(plan->dtype)));
        plan_after(plan, combine, before);
        before = combine;
        for (int k = 1; k < team->n; k++) {
            int copy =
                plan_copy(plan, bases[(team->rank + k) % team->n] + off + i, data + at + i, step);
            plan_after(plan, copy, before);
            before = copy;
        }
    }
    return before;
}

// The last of a chain of receives, one from every other rank; not begun before it makes sense, so
// that only a few receives are open at any time.
static int all_say(Plan *plan, const Team *team, uint32_t channel, void *nothing, int after) {
    int last = after;
    for (int k = 1; k < team->n; k++) {
        int recv =
            plan_recv(plan, team->ranks[(team->rank - k + team->n) % team->n], channel, nothing, 0);
        plan_after(plan, recv, last);
        last = recv;
    }
    return last;
}

static void tell_all(Plan *plan, const Team *team, uint32_t channel, const void *nothing,
                     int after) {
    for (int k = 1; k < team->n; k++)
        plan_after(plan,
                   plan_send(plan, team->ranks[(team->rank + k) % team->n], channel, nothing, 0),
                   after);
}

void build_window_reduce(Plan *plan, const Team *team, void *data, size_t bytes,
                         const SharedBlock *block, bool direct, char *const *bases) {
    size_t piece = direct ? bytes : piece_bytes(team);
    int previous = -1, emptied[SLOTS]; // the steps after which a slot may be filled again
    char *mine = block->data;
    for (int64_t p = 0; (size_t)p * piece < bytes; p++) {
        size_t at = (size_t)p * piece, size = bytes - at < piece ? bytes - at : piece;
        int slot = (int)(p % SLOTS);
        size_t off = direct ? 0 : (size_t)slot * piece;
        int ready = -1; // the notes stand for the first pieces
        if (p >= SLOTS) {
            int copied = copy_in(plan, team, (char *)data + at, size, mine + off, emptied[slot]);
            if (copied < 0) copied = emptied[slot];
            tell_all(plan, team, ready_channel(p), mine, copied);
            ready = all_say(plan, team, ready_channel(p), mine, copied);
        }
        int first = plan->nsteps;
        int combined = combine_slice(plan, team, data, bases, at, off, size, previous);
        if (first < plan->nsteps) plan_after(plan, first, ready);
        if (first == plan->nsteps)
            combined = ready; // a slice of nothing
        else
            previous = combined;
        tell_all(plan, team, done_channel(p), mine, combined);
        emptied[slot] = all_say(plan, team, done_channel(p), mine, combined);
        for (int k = 0; !direct && k < team->n; k++) {
            size_t low = slice_at(size, k, team->n), high = slice_at(size, k + 1, team->n);
            if (k == team->rank) continue;
            int copy = plan_copy(plan, (char *)data + at + low, mine + off + low, high - low);
            plan_after(plan, copy, emptied[slot]);
            if (copy >= 0) emptied[slot] = copy;
        }
    }
}

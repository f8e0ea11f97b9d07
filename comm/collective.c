#include "comm/collective.h"

#include "base/memory.h"

enum {
    WINDOW = 4,           // chunks under way between two ranks
    CHUNK_MAX = 1 << 20,  // stays in a second-level cache together with its partners
    CHUNK_MIN = 64 << 10, // below, the cost of a message shows
    EXCHANGE_MAX =
        64 << 10, // up to here everybody sends everything to everybody: one hop instead of two
    EXCHANGE_RANKS = 8,
    CHANNELS = 512 // chunks under one number; far more than are under way at a time
};

// Channels: chunk c of phase 0 or 1.
static uint32_t channel_of(int64_t chunk, int phase) {
    return (uint32_t)(chunk % CHANNELS) * 2 + (uint32_t)phase;
}

// A chain of messages with one peer, WINDOW of them under way.
typedef struct Stream {
    int peer, phase;
    int64_t sent;
    int last[WINDOW];
} Stream;

static Stream stream_to(int peer, int phase) { return (Stream){.peer = peer, .phase = phase}; }

// One stream a rank of the team; NULL marks the plan as failed.
static Stream *streams_new(Plan *plan, const Team *team) {
    Stream *streams = mem_alloc(MEM_COMM, (size_t)team->n * sizeof *streams);
    if (!streams) plan->failed = true;
    for (int k = 0; streams && k < team->n; k++) streams[k] = stream_to(team->ranks[k], 0);
    return streams;
}

static void stream_put(Plan *plan, Stream *stream, int step) {
    int slot = (int)(stream->sent % WINDOW);
    if (stream->sent >= WINDOW) plan_after(plan, step, stream->last[slot]);
    stream->last[slot] = step;
    stream->sent++;
}

static void stream_send(Plan *plan, Stream *stream, const void *data, size_t bytes) {
    for (size_t at = 0; at < bytes; at += CHUNK_MAX) {
        size_t size = bytes - at < CHUNK_MAX ? bytes - at : CHUNK_MAX;
        uint32_t channel = channel_of(stream->sent, stream->phase);
        stream_put(plan, stream,
                   plan_send(plan, stream->peer, channel, (const char *)data + at, size));
    }
}

static void stream_recv(Plan *plan, Stream *stream, void *data, size_t bytes) {
    for (size_t at = 0; at < bytes; at += CHUNK_MAX) {
        size_t size = bytes - at < CHUNK_MAX ? bytes - at : CHUNK_MAX;
        uint32_t channel = channel_of(stream->sent, stream->phase);
        stream_put(plan, stream, plan_recv(plan, stream->peer, channel, (char *)data + at, size));
    }
}

void build_send(Plan *plan, int peer, const void *data, size_t bytes) {
    Stream stream = stream_to(peer, 0);
    stream_send(plan, &stream, data, bytes);
}

void build_recv(Plan *plan, int peer, void *data, size_t bytes) {
    Stream stream = stream_to(peer, 0);
    stream_recv(plan, &stream, data, bytes);
}

// Dissemination (Hensgen, Finkel, Manber 1988): after round k everybody knows of 2^(k+1) ranks.
void build_barrier(Plan *plan, const Team *team, void *scratch) {
    int before = -1;
    for (int k = 0; 1 << k < team->n; k++) {
        int to = (team->rank + (1 << k)) % team->n,
            from = (team->rank - (1 << k) + team->n) % team->n;
        int send = plan_send(plan, team->ranks[to], channel_of(k, 0), scratch, 0);
        int recv = plan_recv(plan, team->ranks[from], channel_of(k, 0), scratch, 0);
        plan_after(plan, send, before);
        before = recv;
    }
}

// A binomial tree, chunk after chunk: while a rank passes on one chunk the next one comes in.
void build_broadcast(Plan *plan, const Team *team, void *data, size_t bytes, int root) {
    int n = team->n, place = (team->rank - root + n) % n;
    int parent = place & (place - 1); // without its lowest bit
    int reach = place ? place & -place : 1 << 30;
    int incoming[WINDOW] = {0};
    int outgoing[32][WINDOW] = {{0}};
    int64_t chunk = 0;
    for (size_t at = 0; at < bytes; at += CHUNK_MAX, chunk++) {
        size_t size = bytes - at < CHUNK_MAX ? bytes - at : CHUNK_MAX;
        int slot = (int)(chunk % WINDOW), arrived = -1;
        if (place) {
            int peer = team->ranks[(parent + root) % n];
            arrived = plan_recv(plan, peer, channel_of(chunk, 0), (char *)data + at, size);
            if (chunk >= WINDOW) plan_after(plan, arrived, incoming[slot]);
            incoming[slot] = arrived;
        }
        int child = 0;
        for (int bit = 1; bit < reach && place + bit < n; bit <<= 1, child++) {
            int peer = team->ranks[(place + bit + root) % n];
            int send = plan_send(plan, peer, channel_of(chunk, 0), (char *)data + at, size);
            plan_after(plan, send, arrived);
            if (chunk >= WINDOW) plan_after(plan, send, outgoing[child][slot]);
            outgoing[child][slot] = send;
        }
    }
}

// ------------------------------------------------------------------------------ reductions

static size_t chunk_size(const Team *team, size_t bytes) {
    size_t chunk = bytes / (size_t)team->n / WINDOW;
    chunk = (chunk + 4095) & ~(size_t)4095;
    return chunk < CHUNK_MIN ? CHUNK_MIN : chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
}

size_t reduce_scratch(const Team *team, size_t bytes) {
    size_t chunk = chunk_size(team, bytes);
    if (bytes < chunk) chunk = bytes;
    return (size_t)WINDOW * (size_t)(team->n - 1) * chunk;
}

// Rooms for the chunks of the others: one for each peer in each slot of the window.
typedef struct Gathering {
    Plan *plan;
    const Team *team;
    char *scratch;
    size_t chunk;
    int64_t nth;
    int last[WINDOW]; // the combine step that empties the slot
} Gathering;

// Receives one chunk from every other rank and combines all in the order of the ranks. mine: my own
// contribution. Returns the combine step.
static int gather_chunk(Gathering *g, int64_t chunk, void *out, const void *mine, size_t size) {
    Plan *plan = g->plan;
    const Team *team = g->team;
    int slot = (int)(g->nth % WINDOW), first = plan->nsteps, room = 0;
    const void **inputs = plan_inputs(plan);
    if (!inputs) return -1;
    for (int k = 0; k < team->n; k++) {
        if (k == team->rank) {
            inputs[k] = mine;
            continue;
        }
        char *place = g->scratch + (size_t)(slot * (team->n - 1) + room++) * g->chunk;
        int recv = plan_recv(plan, team->ranks[k], channel_of(chunk, 0), place, size);
        if (g->nth >= WINDOW) plan_after(plan, recv, g->last[slot]);
        inputs[k] = place;
    }
    int64_t count = (int64_t)(size / rt_dtype_bytes(plan->dtype));
    int combine = plan_combine(plan, out, count);
    for (int recv = first; recv < combine; recv++) plan_after(plan, combine, recv);
    g->last[slot] = combine;
    g->nth++;
    return combine;
}

static Gathering gathering_of(Plan *plan, const Team *team, void *scratch, size_t bytes) {
    size_t chunk = chunk_size(team, bytes);
    return (Gathering){
        .plan = plan, .team = team, .scratch = scratch, .chunk = bytes < chunk ? bytes : chunk};
}

// Small data: everybody gets all contributions and adds them up alike.
static void exchange(Plan *plan, const Team *team, void *data, size_t bytes, void *scratch) {
    Gathering gathering = {.plan = plan, .team = team, .scratch = scratch, .chunk = bytes};
    int first = plan->nsteps;
    for (int k = 1; k < team->n; k++)
        plan_send(plan, team->ranks[(team->rank + k) % team->n], channel_of(0, 0), data, bytes);
    int last = plan->nsteps;
    int combine = gather_chunk(&gathering, 0, data, data, bytes);
    for (int send = first; send < last; send++) // the result overwrites what is being sent
        plan_after(plan, combine, send);
}

// Large data: chunk c belongs to rank c mod n, which gets it from all, combines it, and sends the
// result to all. Each rank sends and receives 2(n-1)/n of the data, as a ring does, in two hops
// instead of 2(n-1).
void build_all_reduce(Plan *plan, const Team *team, void *data, size_t bytes, void *scratch) {
    if (bytes == 0 || team->n == 1) return;
    if (bytes <= EXCHANGE_MAX && team->n <= EXCHANGE_RANKS) {
        exchange(plan, team, data, bytes, scratch);
        return;
    }
    Gathering gathering = gathering_of(plan, team, scratch, bytes);
    Stream *streams = streams_new(plan, team);
    if (!streams) return;
    int64_t chunk = 0;
    for (size_t at = 0; at < bytes; at += gathering.chunk, chunk++) {
        size_t size = bytes - at < gathering.chunk ? bytes - at : gathering.chunk;
        char *place = (char *)data + at;
        int owner = (int)(chunk % team->n);
        if (owner == team->rank) {
            int combine = gather_chunk(&gathering, chunk, place, place, size);
            for (int k = 1; k < team->n; k++) {
                int send = plan_send(plan, team->ranks[(team->rank + k) % team->n],
                                     channel_of(chunk, 1), place, size);
                plan_after(plan, send, combine);
            }
        } else {
            int send = plan_send(plan, team->ranks[owner], channel_of(chunk, 0), place, size);
            stream_put(plan, &streams[owner], send);
            int recv = plan_recv(plan, team->ranks[owner], channel_of(chunk, 1), place, size);
            plan_after(plan, recv, send); // the result overwrites what was sent
        }
    }
    mem_free(MEM_COMM, streams);
}

void build_reduce(Plan *plan, const Team *team, void *data, size_t bytes, int root, void *scratch) {
    if (team->n == 1) return;
    Gathering gathering = gathering_of(plan, team, scratch, bytes);
    Stream stream = stream_to(team->ranks[root], 0);
    int64_t chunk = 0;
    for (size_t at = 0; at < bytes; at += gathering.chunk, chunk++) {
        size_t size = bytes - at < gathering.chunk ? bytes - at : gathering.chunk;
        char *place = (char *)data + at;
        if (root == team->rank)
            gather_chunk(&gathering, chunk, place, place, size);
        else
            stream_put(plan, &stream,
                       plan_send(plan, stream.peer, channel_of(chunk, 0), place, size));
    }
}

void build_reduce_scatter(Plan *plan, const Team *team, void *out, const void *const *in,
                          size_t bytes, void *scratch) {
    if (team->n == 1) {
        plan_copy(plan, out, in[0], bytes);
        return;
    }
    Gathering gathering = gathering_of(plan, team, scratch, bytes);
    Stream *streams = streams_new(plan, team);
    if (!streams) return;
    int64_t chunk = 0;
    for (size_t at = 0; at < bytes; at += gathering.chunk, chunk++) {
        size_t size = bytes - at < gathering.chunk ? bytes - at : gathering.chunk;
        for (int k = 1; k < team->n; k++) {
            int peer = (team->rank + k) % team->n;
            int send = plan_send(plan, team->ranks[peer], channel_of(chunk, 0),
                                 (const char *)in[peer] + at, size);
            stream_put(plan, &streams[peer], send);
        }
        gather_chunk(&gathering, chunk, (char *)out + at, (const char *)in[team->rank] + at, size);
    }
    mem_free(MEM_COMM, streams);
}

// ------------------------------------------------------------------------------ moving blocks

// Peers in the order +1, +2, …: at any time every rank sends to one rank and hears from one.
void build_all_gather(Plan *plan, const Team *team, void *const *out, const void *in,
                      size_t bytes) {
    int n = team->n;
    plan_copy(plan, out[team->rank], in, bytes);
    for (int k = 1; k < n; k++) {
        int to = (team->rank + k) % n, from = (team->rank - k + n) % n;
        build_recv(plan, team->ranks[from], out[from], bytes);
        build_send(plan, team->ranks[to], in, bytes);
    }
}

void build_gather(Plan *plan, const Team *team, void *const *out, const void *in, size_t bytes,
                  int root) {
    if (team->rank != root) {
        build_send(plan, team->ranks[root], in, bytes);
        return;
    }
    plan_copy(plan, out[root], in, bytes);
    for (int k = 0; k < team->n; k++)
        if (k != root) build_recv(plan, team->ranks[k], out[k], bytes);
}

void build_scatter(Plan *plan, const Team *team, void *out, const void *const *in, size_t bytes,
                   int root) {
    if (team->rank != root) {
        build_recv(plan, team->ranks[root], out, bytes);
        return;
    }
    plan_copy(plan, out, in[root], bytes);
    for (int k = 0; k < team->n; k++)
        if (k != root) build_send(plan, team->ranks[k], in[k], bytes);
}

void build_all_to_all(Plan *plan, const Team *team, void *const *out, const size_t *out_bytes,
                      const void *const *in, const size_t *in_bytes, int64_t *sizes) {
    int n = team->n, me = team->rank;
    plan_copy(plan, out[me], in[me], in_bytes[me]);
    for (int k = 1; k < n; k++) {
        int to = (me + k) % n, from = (me - k + n) % n;
        sizes[to] = (int64_t)in_bytes[to];
        plan_send(plan, team->ranks[to], channel_of(0, 1), &sizes[to], sizeof *sizes);
        int told =
            plan_recv(plan, team->ranks[from], channel_of(0, 1), &sizes[n + from], sizeof *sizes);
        plan_after(plan,
                   plan_check(plan, team->ranks[from], &sizes[n + from], (int64_t)out_bytes[from]),
                   told);
        build_recv(plan, team->ranks[from], out[from], out_bytes[from]);
        build_send(plan, team->ranks[to], in[to], in_bytes[to]);
    }
}

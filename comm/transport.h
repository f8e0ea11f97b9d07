// transport.h: how bytes move between the ranks. A transport (comm/mpi.c, or the in-process one of
// the tests) fills in CommTransport; everything above it, algorithms, checks, deadlines, is the
// same for all.
//
// Threads: every function is called on the communication thread, and on that thread alone. Nothing
// here blocks but `open` and `close`.
//
// Messages between two ranks under one tag arrive in the order in which they were sent. A receive
// completes with the number of bytes that came; a message that is longer than the buffer sets
// `truncated` and is not an error of the transport. Requests and buffers belong to the caller and
// stay where they are until `finish` was called.
#pragma once

#include "rustorch.h"

#define COMM_ANY_RANK (-1) // receive from whoever sends first

// Messages of different kinds never meet, whatever their numbers.
typedef enum CommKind {
    COMM_CONTROL,   // questions, answers and bad news between communication threads
    COMM_HEADER,    // which collective a rank has joined
    COMM_DATA,      // the payload of a collective
    COMM_POINT,     // send and recv: what is being sent
    COMM_POINT_DATA // and its payload
} CommKind;
#define COMM_KIND_COUNT 5

typedef struct CommTag {
    CommKind kind;
    uint32_t group;    // number of the process group
    uint32_t sequence; // of the collective in its group; for POINT the user's tag
    uint32_t channel;  // stream within one collective
} CommTag;

#define COMM_POINT_TAG_MAX 32767 // the largest tag that every MPI carries
#define COMM_GROUP_MAX 4095      // process groups that a job may make

typedef struct CommRequest {
    void (*finish)(struct CommRequest *request); // called by advance once the request is over
    int peer;                                    // who sent, for a receive from COMM_ANY_RANK
    size_t bytes;                                // what a receive got
    bool truncated, failed; // failed: the transport gave up; the error record tells why
    bool active;
    int slot; // the transport's own
    struct CommRequest *next;
} CommRequest;

typedef struct CommTransport {
    const char *name;
    Status (*open)(void *context, int *out_rank, int *out_size, int *out_local_rank,
                   int *out_local_size);
    // Ranks with the same number are on the same host.
    Status (*hosts)(void *context, int *out_hosts);
    // Both return at once; finish is called later, by advance. Ranks are those of the whole job.
    Status (*isend)(void *context, int peer, CommTag tag, const void *data, size_t bytes,
                    CommRequest *request);
    Status (*irecv)(void *context, int peer, CommTag tag, void *data, size_t bytes,
                    CommRequest *request);
    int (*advance)(void *context); // how many requests it finished
    // Takes back a receive that nobody will answer; its finish is not called. A send cannot be
    // taken back.
    void (*cancel)(void *context, CommRequest *request);
    // May be NULL: whether a rank is known to have ended, so that nobody waits for its goodbye.
    bool (*gone)(void *context, int peer);
    // clean: all ranks close together. Otherwise nothing that could wait for another rank is done.
    void (*close)(void *context, bool clean);
} CommTransport;

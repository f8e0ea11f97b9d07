// work.h: inside comm: the ranks of a job (Comm), groups of them, and works under way.
//
// A work is made, checked and planned on the caller's thread, which reports what is wrong with it;
// then it belongs to the communication thread until `done`. Whatever that thread needs is allocated
// before. `lock` guards the queue, the groups and their sequence numbers; what only the
// communication thread touches is marked so.
#pragma once

#include <pthread.h>

#include "comm/header.h"

typedef struct Comm Comm;

// A tensor of the caller's as flat memory: its own if it lies without gaps, else a copy.
typedef struct Binding {
    RtTensor *tensor; // kept
    void *flat;
    bool staged, in, out; // in: packed at the start; out: unpacked at the end
    bool in_scratch;      // flat is a part of the work's scratch memory
} Binding;

typedef struct SharedBlock SharedBlock; // window.h
typedef struct PeerBlock PeerBlock;

// How a rank finds a block of another one; the first message of a reduction through windows.
typedef struct BlockNote {
    uint64_t serial, block_bytes;
    uint64_t total; // bytes to be reduced: must be the same on all ranks
    int64_t fd;
} BlockNote;

struct RtGroup {
    _Atomic int64_t count;
    Comm *comm;
    RtGroup *next; // the groups of a Comm
    uint32_t id;
    int rank, n;
    int *ranks;        // rank of the group → rank of the job
    double timeout;    // seconds
    uint64_t sequence; // collectives joined so far
    CommHeader last;   // the last of them
    _Atomic bool broken;
    uint64_t broken_from; // the first collective that cannot be; this and `why` are written once,
                          // before `broken`
    ErrorRecord why;
};

struct RtWork {
    _Atomic int64_t count;
    RtGroup *group;
    RtWork *next;                 // in the queue, or among those under way
    CommHeader header, neighbour; // mine, and that of the rank before me
    CommRequest header_out, header_in;
    bool header_pending; // the neighbour's has not come
    PointMessage *point; // send and recv: the first message
    bool point_pending, point_fits, refused;
    uint32_t point_sequence;
    Binding *bindings;
    int nbindings;
    void *scratch;
    Plan plan;
    SharedBlock *block;         // an all-reduce through windows; its plan comes in two parts
    bool direct;                // the tensor lies in the block, which is not this work's
    bool mapped;                // the second part has begun
    BlockNote *notes;           // one a rank of the group, then mine
    char **bases;               // the blocks of the others
    double started, progressed; // seconds; thread only
    double suspected;           // since when something does not fit; 0: it fits
    int seen;                   // steps that were over when last looked at
    bool asked;                 // the late ranks were asked what they are doing
    int source;                 // rank of the group that sent
    Status status;
    ErrorRecord error;
    _Atomic bool done;
};

typedef enum CommState {
    COMM_OPENING,
    COMM_OPEN,
    COMM_LEAVING,
    COMM_LEFT,
    COMM_FAILED,
    COMM_ABANDONED
} CommState;

typedef struct Peer {
    bool left;      // said goodbye
    double left_at; // thread only, as all of Peer
    bool answered;
    uint64_t joined;
    char doing[HEADER_TEXT];
} Peer;

struct Comm {
    const CommTransport *transport; // NULL: a job of one rank, no thread
    void *context;
    int rank, size, local_rank, local_size;
    double timeout, match_timeout;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, changed; // for the thread; for callers
    RtWork *queue, **queue_end;
    RtGroup *groups;
    uint32_t next_group;
    uint32_t point_sequence;
    _Atomic bool queued;    // something is in the queue
    _Atomic bool asleep;    // the thread waits for `wake`
    _Atomic int waiting;    // callers that wait for a work
    _Atomic int64_t nworks; // submitted and not done
    bool shared;            // memory can be shared on this host; set once, before COMM_OPEN
    int *hosts;             // of each rank
    int64_t *pids;
    uint64_t next_serial;
    SharedBlock *pool, *dropped, *retired;
    PeerBlock *mapped; // thread only
    _Atomic int state; // CommState
    ErrorRecord error; // why it FAILED
    Peer *peers;       // thread only, from here on
    RtWork *works;     // under way, in the order of starting
    RtWork *dead;      // failed with messages still in the transport: their memory must stay
    ControlMessage heard;
    CommRequest hearing;
    int ntold; // control messages on their way
    int nleft; // ranks that said goodbye
    bool said_bye;
};

// thread.c. comm_start opens the transport on the new thread and waits until that is over.
Status comm_start(Comm *comm);
void comm_submit(Comm *comm, RtWork *work); // takes one count of the work; the lock is held
double comm_now(void);                      // seconds

// control.c, on the communication thread.
void control_tell(Comm *comm, int peer, ControlType type, uint32_t group, uint64_t sequence,
                  const char *text);
Status control_listen(Comm *comm);
void comm_tell_gone(Comm *comm, int rank, uint64_t serial);
void group_denounce(RtGroup *group, uint64_t sequence,
                    const char *text); // breaks it on all ranks, from `sequence` on

// progress.c and late.c, on the communication thread.
Status work_start(Comm *comm, RtWork *work);
Status work_advance(Comm *comm, RtWork *work, int *out_did, bool *out_over);
Status check_deadlines(Comm *comm, RtWork *work, double now);

// group.c, call.c and process.c
Comm *comm_new(const CommTransport *transport, void *context, double timeout, double match_timeout);
void comm_free(Comm *comm); // only after it LEFT, FAILED or was never started
RtGroup *group_make(Comm *comm, const int *ranks, int n, double timeout);
RtGroup *group_new(Comm *comm, RtGroup *world, const int *ranks, int n, double timeout);
Status comm_usable(void); // an error in a forked child

// An all-reduce of the whole of a block.
RtWork *group_reduce_block(RtGroup *group, RtTensor *tensor, SharedBlock *block, RtReduceOp op);

// work.c
void work_run_alone(RtWork *work);             // a group of one: copies, on the caller's thread
void work_bind(RtWork *work);                  // packs what is staged
void work_finish(RtWork *work, Status status); // unpacks, or takes the error record; then done

// comm.h: process groups and collectives, the public C API of comm.
//
// The default group has all ranks of the job. rt_comm_open makes it: over MPI where other ranks
// exist, else as a group of one, in which every collective is a copy. Groups and works are counted
// (keep, drop).
//
// A collective returns at once with an RtWork; the communication thread does the rest. Tensors may
// have any strides and must be left alone until rt_work_wait says that the work is over; the work
// keeps them. All ranks of a group call the same collectives in the same order with the same sizes:
// if they do not, every rank gets ERR_PEER with a message that names both calls (a rank whose own
// part was over already, at its next call), and the group is broken from then on.
//
// Sums are combined in the order of the ranks, so every rank gets the same bits, whatever the
// timing; float16 and bfloat16 are added up in float32.
//
// Threads: every function may be called from any thread. In a forked child every function fails.
#pragma once

#include "rustorch.h"

typedef struct RtGroup RtGroup;
typedef struct RtWork RtWork;

typedef enum RtReduceOp {
#define REDUCE(name_, word_) RT_REDUCE_##name_,
#include "comm/reduce.def"
#undef REDUCE
    RT_REDUCE_COUNT
} RtReduceOp;

#define RT_ANY_RANK (-1)

// backend: "mpi", "solo", "tcp" (see rt_comm_join), or NULL for mpi where the process was started as one of several ranks,
// else solo. seconds: how long a collective waits for a rank that is late; 0:
// RUSTORCH_COMM_TIMEOUT. An error if the group is open.
RT_API Status rt_comm_open(const char *backend, double seconds);
RT_API bool rt_comm_is_open(void);
// Joins a job of `size` ranks that are connected by stream sockets: fds[k] leads to rank k, -1 for
// this rank itself; hosts[k] is equal for ranks on one host. The sockets belong to the job from here
// on, also if this fails. Then rt_comm_open("tcp", …) makes the default group, now and after each
// rt_comm_close. A process joins one job in its life.
RT_API Status rt_comm_join(int rank, int size, const int *fds, const int *hosts);
// Of the job that this process joined; 0 ranks: none.
RT_API int rt_comm_joined_size(void);
RT_API int rt_comm_joined_rank(void);
RT_API const char *rt_comm_backend(void); // "solo", "mpi", "tcp", NULL: not open
// True if this process was started as one of several ranks, as far as its environment tells.
RT_API bool rt_comm_expects_peers(void);
RT_API bool rt_comm_has_mpi(void);   // is the plug-in there?
RT_API int rt_comm_local_rank(void); // among the ranks on this host
RT_API int rt_comm_local_size(void);
// Forgets the default group; rt_comm_open may make it again. Waits for the works that are under
// way.
RT_API Status rt_comm_close(void);
// The end of a process that finished its work: tells the other ranks and waits up to `seconds` for
// all to say the same, then shuts the transport down. *out_left false: call again. Never called on
// the error path.
RT_API Status rt_comm_leave(double seconds, bool *out_left);
// The end of a process that failed: communication stops here and now, so that the process can exit;
// nobody is waited for.
RT_API void rt_comm_abandon(void);

RT_API RtGroup *rt_group_world(void); // borrowed; NULL with an error when it is not open
// Called by all ranks of the job, also by those that are not in it. ranks: of the job, without
// repeats. A rank that is not a member gets a group in which its own rank is -1.
RT_API RtGroup *rt_group_new(const int *ranks, int n, double seconds);
RT_API RtGroup *rt_group_keep(RtGroup *group);
RT_API void rt_group_drop(RtGroup *group);
RT_API int rt_group_rank(const RtGroup *group); // of this process in the group; -1: not a member
RT_API int rt_group_size(const RtGroup *group);
RT_API int rt_group_world_rank(const RtGroup *group,
                               int rank); // rank of the group → rank of the job
RT_API int rt_group_member(const RtGroup *group, int world_rank); // the way back; -1: not a member
RT_API double rt_group_timeout(const RtGroup *group);

// Collectives. Ranks (root, peer) are those of the group. Lists hold one tensor a rank, all of one
// shape unless said.
RT_API RtWork *rt_group_barrier(RtGroup *group);
RT_API RtWork *rt_group_broadcast(RtGroup *group, RtTensor *tensor, int root);
RT_API RtWork *rt_group_all_reduce(RtGroup *group, RtTensor *tensor, RtReduceOp op);
RT_API RtWork *rt_group_reduce(RtGroup *group, RtTensor *tensor, int root,
                               RtReduceOp op); // only root's changes
RT_API RtWork *rt_group_all_gather(RtGroup *group, RtTensor **outputs, RtTensor *input);
RT_API RtWork *rt_group_gather(RtGroup *group, RtTensor **outputs, RtTensor *input,
                               int root); // outputs: root only
RT_API RtWork *rt_group_scatter(RtGroup *group, RtTensor *output, RtTensor **inputs,
                                int root); // inputs: root only
RT_API RtWork *rt_group_reduce_scatter(RtGroup *group, RtTensor *output, RtTensor **inputs,
                                       RtReduceOp op);
RT_API RtWork *rt_group_all_to_all(RtGroup *group, RtTensor **outputs,
                                   RtTensor **inputs); // any sizes
// tag: 0 to 32767. peer of recv: RT_ANY_RANK takes the first that comes (see rt_work_source).
RT_API RtWork *rt_group_send(RtGroup *group, RtTensor *tensor, int peer, int tag);
RT_API RtWork *rt_group_recv(RtGroup *group, RtTensor *tensor, int peer, int tag);

// Many tensors of any shapes in one go.
RT_API RtWork *rt_group_broadcast_list(RtGroup *group, RtTensor **tensors, int n, int root);

// Waits up to `seconds` (negative: for ever; the group's own deadline still holds). *out_done
// false: not over yet. The status is the work's: an error of the work comes back each time.
RT_API Status rt_work_wait(RtWork *work, double seconds, bool *out_done);
RT_API bool rt_work_done(const RtWork *work);  // over, well or not
RT_API int rt_work_source(const RtWork *work); // of a finished recv: rank of the group that sent
RT_API RtWork *rt_work_keep(RtWork *work);
RT_API void rt_work_drop(RtWork *work);

RT_API RtReduceOp rt_reduce_find(const char *word); // "sum"; RT_REDUCE_COUNT if there is none

// Data-parallel training: averages the gradients of `parameters` over the ranks while backward is
// still running.
//
// The gradients live in buckets, flat tensors of up to cap_bytes (the first one up to first_bytes,
// so that sending starts early), filled in the reverse order of the parameters. A parameter's .grad
// is a view of its bucket: nothing is copied between .grad and what is sent. Bucket k is sent as
// soon as its gradients are there and bucket k-1 has gone, which keeps the order alike on all
// ranks; the end of backward sends the rest and waits for all.
//
// A parameter without a gradient on one rank contributes zeros there (or what its .grad held
// before); one that is unused on all ranks keeps its .grad as it was, also if that is none: flags
// that say who was used travel at the end of the last bucket.
//
// static_graph: promises that each backward pass uses the same parameters as the first; then unused
// ones hold nothing up. An error if the promise is broken. names: for messages. One reducer a set
// of parameters; not thread-safe.
typedef struct RtReducer RtReducer;
RT_API RtReducer *rt_reducer_new(RtGroup *group, RtTensor **parameters, const char *const *names,
                                 int n, size_t first_bytes, size_t cap_bytes, bool static_graph);
RT_API void rt_reducer_drop(RtReducer *reducer); // the gradients stay; NULL is allowed
RT_API void rt_reducer_set_sync(RtReducer *reducer,
                                bool sync); // false: backward accumulates and sends nothing
// Before a forward pass: clears up after a backward pass that failed half-way.
RT_API Status rt_reducer_begin(RtReducer *reducer);
// Averages the gradients that are there, outside of backward (after passes without sync).
RT_API Status rt_reducer_flush(RtReducer *reducer);
RT_API int rt_reducer_buckets(const RtReducer *reducer);
RT_API size_t rt_reducer_bucket_bytes(const RtReducer *reducer, int bucket);

// profile.h: where the time goes, written down while a profiler runs (engine/profile.c).
//
// A span is a piece of work of one thread: an op, the gradient of a node, a scope of the user's. profile_enter opens one
// and returns its token; profile_leave ends it, together with spans that were left open inside it. A token of a span that
// is over does nothing, so spans always nest, whoever ends them and on whichever thread. An interval overlaps others of its
// thread: a collective under way.
//
// Off, all of it is one predictable branch: callers ask profiling() first. On, each thread writes to its own track, under a
// lock that only who collects contends for. Nothing here fails: what there is no room for is counted as lost.
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "base/profile_data.h"

extern _Atomic bool profile_on;

static inline bool profiling(void) {
    return __builtin_expect(atomic_load_explicit(&profile_on, memory_order_relaxed), 0);
}

// shapes may be NULL. Both texts are copied. 0: not recorded.
int64_t profile_enter(RtProfileKind kind, const char *name, const char *shapes);
// What a kernel did. A span of something else has that of the kernels inside.
typedef struct ProfileWork {
    int64_t in_bytes, out_bytes, flops;
} ProfileWork;
void profile_leave(int64_t token, ProfileWork work);
#define PROFILE_NO_WORK ((ProfileWork){0})
void profile_interval(RtProfileKind kind, const char *name, int64_t start_ns,
                      int64_t bytes); // ends now
void profile_allocated(size_t bytes); // by the innermost span of this thread
// The innermost span, if it is of this kind, belongs to a node of the tape: the first one said.
void profile_node(RtProfileKind kind, uint64_t number);
bool profile_wants_shapes(void);
int64_t profile_now(void);

// The rows found so far, and the events as far as they were kept.
typedef struct ProfileRow {
    RtProfileRow sums;
    uint32_t hash;
    int open; // spans of it that are under way
} ProfileRow;

typedef struct ProfileLog {
    ProfileRow *rows;
    int nrows, rows_room;
    int *index; // open addressing by hash: row + 1
    int index_room;
    RtProfileEvent *events;
    int64_t nevents, events_room;
    int64_t lost; // spans without room for an event
} ProfileLog;

void profile_log_clear(ProfileLog *log);

// For who runs the profilers, one call at a time. begin: at most max_events are kept from now on.
void profile_begin(int64_t max_events, bool shapes);
// Moves what all threads have written to the end of log. Spans that are open stay so.
void profile_collect(ProfileLog *log);
// The same, after which nothing is written any more: spans that are open end now.
void profile_end(ProfileLog *log);
// Forgets what was written; spans that are open count from now on.
void profile_discard(int64_t max_events);

int profile_threads(void); // numbers of threads in events are below
RtProfileThread profile_thread(int number);

void profile_hold(bool hold); // around fork, as span_hold
void profile_forked(void);    // in the child: off, and nothing written

#include "base/profile.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/profile_log.h"

#define TRACK_BITS 10
#define MAX_DEPTH (1 << 16)
#define MAX_TRACKS                                                                                 \
    (1 << TRACK_BITS) // threads at one time; a track goes to the next thread when its thread ends

typedef struct Frame { // an open span
    int64_t serial;
    int row;
    bool backward; // what is inside belongs to a backward pass
    int64_t start_ns, inside_ns;
    int64_t allocated, inside_allocated;
    int64_t node;
    ProfileWork work; // of what ended inside
} Frame;

typedef struct Track {
    pthread_mutex_t lock;
    ProfileLog log;
    Frame *frames;
    int depth, room;
    int64_t serial; // of the last span
    int number;
    bool used; // by a thread; guarded by tracks_lock
    RtProfileThread thread;
} Track;

_Atomic bool profile_on;
static _Atomic bool wants_shapes;
static _Atomic int64_t events_left, lost; // lost: on threads without a track
static Track *_Atomic tracks[MAX_TRACKS];
static _Atomic int ntracks;
static pthread_mutex_t tracks_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local Track *mine;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

int64_t profile_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

bool profile_wants_shapes(void) { return wants_shapes; }

// Spans -------------------------------------------------------------------------------------------

static void event_add(Track *track, const RtProfileEvent *event) {
    if (atomic_fetch_sub_explicit(&events_left, 1, memory_order_relaxed) > 0 &&
        profile_event(&track->log, event))
        return;
    track->log.lost++;
}

static void work_add(ProfileWork *to, ProfileWork from) {
    to->in_bytes += from.in_bytes;
    to->out_bytes += from.out_bytes;
    to->flops += from.flops;
}

static void span_end(Track *track, int64_t now, ProfileWork work) {
    const Frame *frame = &track->frames[--track->depth];
    ProfileRow *row = &track->log.rows[frame->row];
    int64_t ns = now - frame->start_ns;
    work_add(&work, frame->work);
    row->sums.calls++;
    row->sums.self_ns += ns - frame->inside_ns;
    row->sums.self_allocated_bytes += frame->allocated - frame->inside_allocated;
    if (--row->open == 0) {
        row->sums.total_ns += ns;
        row->sums.in_bytes += work.in_bytes;
        row->sums.out_bytes += work.out_bytes;
        row->sums.flops += work.flops;
        row->sums.allocated_bytes += frame->allocated;
    }
    if (ns < row->sums.min_ns) row->sums.min_ns = ns;
    if (ns > row->sums.max_ns) row->sums.max_ns = ns;
    if (track->depth) {
        Frame *outer = &track->frames[track->depth - 1];
        outer->inside_ns += ns;
        outer->allocated += frame->allocated;
        outer->inside_allocated += frame->allocated;
        work_add(&outer->work, work);
    }
    event_add(track, &(RtProfileEvent){.start_ns = frame->start_ns,
                                       .ns = ns,
                                       .in_bytes = work.in_bytes,
                                       .out_bytes = work.out_bytes,
                                       .allocated_bytes = frame->allocated,
                                       .node = frame->node,
                                       .row = frame->row,
                                       .thread = track->number});
}

static void spans_end(Track *track) {
    for (int64_t now = profile_now(); track->depth;) span_end(track, now, PROFILE_NO_WORK);
}

// Tracks ------------------------------------------------------------------------------------------

static void thread_exits(void *old) {
    Track *track = old;
    mine =
        NULL; // another destructor of this thread may still open spans: on whichever track is free then
    pthread_mutex_lock(&track->lock);
    spans_end(track);
    pthread_mutex_unlock(&track->lock);
    pthread_mutex_lock(&tracks_lock);
    track->used = false;
    pthread_mutex_unlock(&tracks_lock);
}
static void make_key(void) { pthread_key_create(&exit_key, thread_exits); }

static Track *track_make(int number) {
    Track *track = number < MAX_TRACKS ? calloc(1, sizeof *track) : NULL;
    if (!track) return NULL;
    pthread_mutex_init(&track->lock, NULL);
    track->number = number;
    tracks[number] = track;
    ntracks = number + 1;
    return track;
}

static Track *track_mine(void) {
    if (mine) return mine;
    pthread_once(&exit_once, make_key);
    pthread_mutex_lock(&tracks_lock);
    Track *track = NULL;
    for (int i = 0; i < ntracks && !track; i++)
        if (!tracks[i]->used) track = tracks[i];
    if (!track) track = track_make(ntracks);
    if (track) {
        track->used = true;
        prctl(PR_GET_NAME, track->thread.name);
        track->thread.id = syscall(SYS_gettid);
    }
    pthread_mutex_unlock(&tracks_lock);
    if (track) pthread_setspecific(exit_key, track);
    return mine = track;
}

// What is written -----------------------------------------------------------------------------------

static bool frames_grow(Track *track) {
    int room = track->room ? track->room * 2 : 32;
    Frame *frames =
        room <= MAX_DEPTH ? realloc(track->frames, (size_t)room * sizeof *frames) : NULL;
    if (!frames) return false; // or somebody opens spans and never ends them
    track->frames = frames;
    track->room = room;
    return true;
}

static int64_t span_begin(Track *track, RtProfileKind kind, const char *name, const char *shapes) {
    if (!profile_on) return 0; // ended meanwhile; profile_end takes this lock after it says so
    bool backward = track->depth && track->frames[track->depth - 1].backward;
    int row = profile_row(&track->log, &(ProfileKey){kind, backward, name, shapes});
    if (row < 0 || (track->depth == track->room && !frames_grow(track))) {
        track->log.lost++;
        return 0;
    }
    track->log.rows[row].open++;
    Frame *frame = &track->frames[track->depth++];
    *frame = (Frame){
        .serial = ++track->serial, .row = row, .backward = backward || kind == RT_PROFILE_PASS};
    frame->start_ns = profile_now();
    return frame->serial << TRACK_BITS | track->number;
}

int64_t profile_enter(RtProfileKind kind, const char *name, const char *shapes) {
    Track *track = track_mine();
    if (!track) {
        lost++;
        return 0;
    }
    pthread_mutex_lock(&track->lock);
    int64_t token = span_begin(track, kind, name, shapes);
    pthread_mutex_unlock(&track->lock);
    return token;
}

void profile_leave(int64_t token, ProfileWork work) {
    int64_t now = profile_now();
    Track *track = token > 0 ? tracks[token & (MAX_TRACKS - 1)] : NULL;
    if (!track) return;
    pthread_mutex_lock(&track->lock);
    int at = track->depth - 1;
    while (at >= 0 && track->frames[at].serial != token >> TRACK_BITS) at--;
    if (at >= 0) {
        while (track->depth > at + 1) span_end(track, now, PROFILE_NO_WORK);
        span_end(track, now, work);
    }
    pthread_mutex_unlock(&track->lock);
}

void profile_interval(RtProfileKind kind, const char *name, int64_t start_ns, int64_t bytes) {
    int64_t ns = profile_now() - start_ns;
    Track *track = track_mine();
    if (!track) {
        lost++;
        return;
    }
    pthread_mutex_lock(&track->lock);
    int at = profile_on ? profile_row(&track->log, &(ProfileKey){kind, false, name, NULL}) : -1;
    if (at >= 0) {
        RtProfileRow *row = &track->log.rows[at].sums;
        row->calls++;
        row->total_ns += ns;
        row->self_ns += ns;
        if (ns < row->min_ns) row->min_ns = ns;
        if (ns > row->max_ns) row->max_ns = ns;
        row->in_bytes += bytes;
        event_add(track, &(RtProfileEvent){.start_ns = start_ns,
                                           .ns = ns,
                                           .in_bytes = bytes,
                                           .row = at,
                                           .thread = track->number});
    }
    pthread_mutex_unlock(&track->lock);
}

void profile_node(RtProfileKind kind, uint64_t number) {
    Track *track = mine;
    if (!track) return;
    pthread_mutex_lock(&track->lock);
    Frame *frame = track->depth ? &track->frames[track->depth - 1] : NULL;
    if (frame && !frame->node && track->log.rows[frame->row].sums.kind == kind)
        frame->node = (int64_t)(number + 1); // leaves have no number: UINT64_MAX
    pthread_mutex_unlock(&track->lock);
}

void profile_allocated(size_t bytes) {
    Track *track = mine;
    if (!track) return;
    pthread_mutex_lock(&track->lock);
    if (track->depth) track->frames[track->depth - 1].allocated += (int64_t)bytes;
    pthread_mutex_unlock(&track->lock);
}

// What becomes of it ----------------------------------------------------------------------------------

void profile_begin(int64_t max_events, bool shapes) {
    events_left = max_events;
    wants_shapes = shapes;
    profile_on = true;
}

void profile_collect(ProfileLog *log) {
    for (int i = 0; i < ntracks; i++) {
        pthread_mutex_lock(&tracks[i]->lock);
        profile_log_move(log, &tracks[i]->log);
        pthread_mutex_unlock(&tracks[i]->lock);
    }
    log->lost += atomic_exchange(&lost, 0);
}

void profile_end(ProfileLog *log) {
    profile_on = false;
    for (int i = 0; i < ntracks; i++) {
        pthread_mutex_lock(&tracks[i]->lock);
        spans_end(tracks[i]);
        profile_log_move(log, &tracks[i]->log);
        profile_log_clear(&tracks[i]->log);
        pthread_mutex_unlock(&tracks[i]->lock);
    }
    log->lost += atomic_exchange(&lost, 0);
}

void profile_discard(int64_t max_events) {
    events_left = max_events;
    for (int i = 0; i < ntracks; i++) {
        Track *track = tracks[i];
        pthread_mutex_lock(&track->lock);
        profile_log_empty(&track->log);
        int64_t now = profile_now();
        for (int k = 0; k < track->depth; k++) {
            Frame *frame = &track->frames[k];
            frame->start_ns = now;
            frame->inside_ns = frame->allocated = frame->inside_allocated = 0;
            frame->work = PROFILE_NO_WORK;
        }
        pthread_mutex_unlock(&track->lock);
    }
    lost = 0;
}

int profile_threads(void) { return ntracks; }
RtProfileThread profile_thread(int number) { return tracks[number]->thread; }

void profile_hold(bool hold) {
    if (hold) pthread_mutex_lock(&tracks_lock);
    for (int i = 0; i < ntracks; i++)
        hold ? pthread_mutex_lock(&tracks[i]->lock) : pthread_mutex_unlock(&tracks[i]->lock);
    if (!hold) pthread_mutex_unlock(&tracks_lock);
}

void profile_forked(void) {
    profile_on = false;
    for (int i = 0; i < ntracks; i++) {
        tracks[i]->depth = 0;
        tracks[i]->used = tracks[i] == mine;
        profile_log_clear(&tracks[i]->log);
    }
    if (mine) mine->thread.id = syscall(SYS_gettid);
}

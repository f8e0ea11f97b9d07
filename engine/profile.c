// Profilers: who may listen, and what each has heard. What is written down, and how: base/profile.h.
#include "profile.h"

#include <pthread.h>

#include "base/memory.h"
#include "base/profile.h"
#include "rustorch.h"

struct RtProfile {
    ProfileLog log;
    RtProfileRow *rows; // of the log, as last read
    int64_t max_events;
    bool shapes;
    int64_t elapsed_ns; // of the times it ran before
    int64_t started_ns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of what follows, and of all profilers
static RtProfile *running;

RtProfile *rt_profile_new(int64_t max_events, bool shapes) {
    if (max_events < 0) {
        fail(ERR_VALUE, "profiler: the number of events to keep must be 0 or more, not %lld",
             (long long)max_events);
        return NULL;
    }
    RtProfile *profile = mem_zalloc(MEM_GENERAL, sizeof *profile);
    if (!profile) return NULL;
    profile->max_events = max_events;
    profile->shapes = shapes;
    return profile;
}

static void stop_running(RtProfile *profile) {
    profile_end(&profile->log);
    profile->elapsed_ns += profile_now() - profile->started_ns;
    running = NULL;
}

void rt_profile_free(RtProfile *profile) {
    if (!profile) return;
    pthread_mutex_lock(&lock);
    if (running == profile) stop_running(profile);
    pthread_mutex_unlock(&lock);
    profile_log_clear(&profile->log);
    mem_free(MEM_GENERAL, profile->rows);
    mem_free(MEM_GENERAL, profile);
}

static Status start_one(RtProfile *profile) {
    if (running == profile)
        return fail(ERR_FAILED,
                    "the profiler is running already: stop() it before it is started again");
    if (running)
        return fail(
            ERR_FAILED,
            "another profiler is running, and there can be one at a time: stop() that one first");
    running = profile;
    profile->started_ns = profile_now();
    profile_begin(profile->max_events - profile->log.nevents, profile->shapes);
    return OK;
}

Status rt_profile_start(RtProfile *profile) {
    pthread_mutex_lock(&lock);
    Status status = start_one(profile);
    pthread_mutex_unlock(&lock);
    return status;
}

Status rt_profile_stop(RtProfile *profile) {
    pthread_mutex_lock(&lock);
    bool ran = running == profile;
    if (ran) stop_running(profile);
    pthread_mutex_unlock(&lock);
    return ran ? OK : fail(ERR_FAILED, "the profiler is not running: start() it first");
}

void rt_profile_reset(RtProfile *profile) {
    pthread_mutex_lock(&lock);
    profile_log_clear(&profile->log);
    profile->elapsed_ns = 0;
    profile->started_ns = profile_now();
    if (running == profile) profile_discard(profile->max_events);
    pthread_mutex_unlock(&lock);
}

bool rt_profile_running(const RtProfile *profile) {
    pthread_mutex_lock(&lock);
    bool runs = running == profile;
    pthread_mutex_unlock(&lock);
    return runs;
}

static Status read_all(RtProfile *profile, RtProfileData *out) {
    int64_t elapsed = profile->elapsed_ns;
    if (running == profile) {
        elapsed += profile_now() - profile->started_ns;
        profile_collect(&profile->log);
    }
    const ProfileLog *log = &profile->log;
    RtProfileRow *rows =
        mem_resize(MEM_GENERAL, profile->rows, (size_t)(log->nrows + 1) * sizeof *rows);
    if (!rows) return ERR_MEMORY;
    profile->rows = rows;
    for (int i = 0; i < log->nrows; i++) rows[i] = log->rows[i].sums;
    *out = (RtProfileData){.elapsed_ns = elapsed,
                           .rows = rows,
                           .nrows = log->nrows,
                           .events = log->events,
                           .nevents = log->nevents,
                           .lost = log->lost,
                           .nthreads = profile_threads()};
    return OK;
}

Status rt_profile_read(RtProfile *profile, RtProfileData *out) {
    pthread_mutex_lock(&lock);
    Status status = read_all(profile, out);
    pthread_mutex_unlock(&lock);
    return status;
}

RtProfileThread rt_profile_thread(int number) { return profile_thread(number); }

int64_t rt_profile_enter(RtProfileKind kind, const char *name) {
    return profiling() ? profile_enter(kind, name, NULL) : 0;
}

void rt_profile_leave(int64_t token) { profile_leave(token, PROFILE_NO_WORK); }

void profilers_hold(bool hold) {
    if (hold) pthread_mutex_lock(&lock);
    profile_hold(hold);
    if (!hold) pthread_mutex_unlock(&lock);
}

void profilers_forked(void) {
    running = NULL;
    profile_forked();
}

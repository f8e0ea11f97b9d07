// The rows and events of a track or of a profiler. Memory comes from the C library directly: that there is none is no
// error of the work that is looked at, and must not take the place of its message.
#include "base/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile_log.h"

#define MAX_ROWS (1 << 14) // names that change with every step must not fill the memory
#define OTHERS "(other names)"

static uint32_t hash_text(uint32_t hash, const char *text) {
    for (; text && *text; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

static uint32_t hash_key(const ProfileKey *key) {
    uint32_t hash = 2166136261u ^ (uint32_t)(key->kind * 2 + key->backward);
    return hash_text(hash_text(hash * 16777619u, key->name) + 1, key->shapes);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool row_is(const ProfileRow *row, uint32_t hash, const ProfileKey *key) {
    return row->hash == hash && row->sums.kind == key->kind &&
           row->sums.backward == key->backward && strcmp(row->sums.name, key->name) == 0 &&
           same_text(row->sums.shapes, key->shapes);
}

static int *place_of(const ProfileLog *log, uint32_t hash, const ProfileKey *key) {
    uint32_t mask = (uint32_t)log->index_room - 1, at = hash & mask;
    while (log->index[at] && !(key && row_is(&log->rows[log->index[at] - 1], hash, key)))
        at = (at + 1) & mask;
    return &log->index[at];
}

static bool rows_grow(ProfileLog *log) {
    int room = log->rows_room ? log->rows_room * 2 : 64;
    ProfileRow *rows = realloc(log->rows, (size_t)room * sizeof *rows);
    if (!rows) return false;
    log->rows = rows;
    int *index = calloc((size_t)room * 2, sizeof *index);
    if (!index) return false;
    free(log->index);
    log->index = index;
    log->index_room = room * 2;
    log->rows_room = room;
    for (int i = 0; i < log->nrows; i++) *place_of(log, rows[i].hash, NULL) = i + 1;
    return true;
}

static int row_add(ProfileLog *log, uint32_t hash, const ProfileKey *key) {
    if (log->nrows == log->rows_room && !rows_grow(log)) return -1;
    char *name = strdup(key->name), *shapes = key->shapes ? strdup(key->shapes) : NULL;
    if (!name || (key->shapes && !shapes)) {
        free(name);
        free(shapes);
        return -1;
    }
    RtProfileRow sums = {.name = name,
                         .shapes = shapes,
                         .kind = key->kind,
                         .backward = key->backward,
                         .min_ns = INT64_MAX};
    log->rows[log->nrows] = (ProfileRow){.sums = sums, .hash = hash};
    *place_of(log, hash, NULL) = log->nrows + 1;
    return log->nrows++;
}

int profile_row(ProfileLog *log, const ProfileKey *key) {
    uint32_t hash = hash_key(key);
    if (log->index_room) {
        int found = *place_of(log, hash, key);
        if (found) return found - 1;
    }
    if (log->nrows < MAX_ROWS) return row_add(log, hash, key);
    if (strcmp(key->name, OTHERS) == 0) return row_add(log, hash, key);
    return profile_row(log, &(ProfileKey){key->kind, key->backward, OTHERS, NULL});
}

bool profile_event(ProfileLog *log, const RtProfileEvent *event) {
    if (log->nevents == log->events_room) {
        int64_t room = log->events_room ? log->events_room * 2 : 256;
        RtProfileEvent *events = realloc(log->events, (size_t)room * sizeof *events);
        if (!events) return false;
        log->events = events;
        log->events_room = room;
    }
    log->events[log->nevents++] = *event;
    return true;
}

static void sums_add(RtProfileRow *to, const RtProfileRow *from) {
    to->calls += from->calls;
    to->total_ns += from->total_ns;
    to->self_ns += from->self_ns;
    if (from->min_ns < to->min_ns) to->min_ns = from->min_ns;
    if (from->max_ns > to->max_ns) to->max_ns = from->max_ns;
    to->in_bytes += from->in_bytes;
    to->out_bytes += from->out_bytes;
    to->flops += from->flops;
    to->allocated_bytes += from->allocated_bytes;
    to->self_allocated_bytes += from->self_allocated_bytes;
}

void profile_log_empty(ProfileLog *log) {
    for (int i = 0; i < log->nrows; i++) {
        RtProfileRow *row = &log->rows[i].sums;
        *row = (RtProfileRow){.name = row->name,
                              .shapes = row->shapes,
                              .kind = row->kind,
                              .backward = row->backward,
                              .min_ns = INT64_MAX};
    }
    free(log->events);
    log->events = NULL;
    log->nevents = log->events_room = log->lost = 0;
}

void profile_log_move(ProfileLog *to, ProfileLog *from) {
    int *row_of = malloc((size_t)(from->nrows + 1) * sizeof *row_of);
    for (int i = 0; i < from->nrows; i++) {
        const RtProfileRow *row = &from->rows[i].sums;
        int at =
            row->calls == 0
                ? -1
                : profile_row(to, &(ProfileKey){row->kind, row->backward, row->name, row->shapes});
        if (at >= 0) sums_add(&to->rows[at].sums, row);
        if (row_of) row_of[i] = at;
    }
    for (int64_t i = 0; i < from->nevents; i++) {
        RtProfileEvent event = from->events[i];
        event.row = row_of ? row_of[event.row] : -1;
        if (event.row < 0 || !profile_event(to, &event)) to->lost++;
    }
    to->lost += from->lost;
    free(row_of);
    profile_log_empty(from);
}

void profile_log_clear(ProfileLog *log) {
    for (int i = 0; i < log->nrows; i++) {
        free(log->rows[i].sums.name);
        free(log->rows[i].sums.shapes);
    }
    free(log->rows);
    free(log->index);
    free(log->events);
    *log = (ProfileLog){0};
}

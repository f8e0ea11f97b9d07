#include "base/room.h"

#include <pthread.h>
#include <stdlib.h>

static _Thread_local ThreadRoom *room;
static ThreadRoom shared;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void thread_exits(void *old) {
    room = NULL; // another destructor of this thread may still record an error: into a fresh one
    free(old);
}
static void make_key(void) { pthread_key_create(&key, thread_exits); }

ThreadRoom *thread_room(void) {
    if (room) return room;
    pthread_once(&once, make_key);
    room = calloc(1, sizeof *room); // not counted: errors are recorded here, also that memory is out
    if (!room) return &shared;
    pthread_setspecific(key, room);
    return room;
}

char *thread_words(void) {
    ThreadRoom *here = thread_room();
    return here->words[here->next_words++ % 8];
}

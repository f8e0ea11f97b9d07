#include "base/pool.h"

#include <pthread.h>

#define STEP 64
#define CLASSES (POOL_MAX_BYTES / STEP)
#define MAX_CACHED 512 // of one size, so that a thread that only frees does not hoard

typedef struct FreeBlock {
    struct FreeBlock *next;
    MemKind kind;
} FreeBlock;

typedef struct FreeList {
    FreeBlock *first;
    int n;
} FreeList;

static _Thread_local __attribute__((tls_model("initial-exec"))) FreeList lists[CLASSES];
static _Thread_local bool registered;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void thread_exits(void *unused) {
    (void)unused;
    registered = false; // a later destructor of this thread may still give blocks
    pool_release();
}
static void make_key(void) { pthread_key_create(&exit_key, thread_exits); }

void *pool_take(MemKind kind, size_t bytes) {
    if (bytes > POOL_MAX_BYTES) return mem_alloc(kind, bytes);
    if (mem_fail_now()) {
        fail(ERR_MEMORY, "out of memory: %zu bytes were asked for", bytes);
        return NULL;
    }
    size_t class = (bytes - 1) / STEP;
    FreeList *list = &lists[class];
    FreeBlock *block = list->first;
    if (block) {
        list->first = block->next;
        list->n--;
        return block;
    }
    return mem_align(kind, STEP, (class + 1) * STEP);
}

void pool_give(MemKind kind, void *given, size_t bytes) {
    if (!given) return;
    if (bytes > POOL_MAX_BYTES) {
        mem_free(kind, given);
        return;
    }
    FreeList *list = &lists[(bytes - 1) / STEP];
    if (list->n >= MAX_CACHED) {
        mem_free(kind, given);
        return;
    }
    if (!registered) { // once a thread: give the blocks back when it ends
        registered = true;
        pthread_once(&exit_once, make_key);
        pthread_setspecific(exit_key, &registered);
    }
    FreeBlock *block = given;
    block->next = list->first;
    block->kind = kind;
    list->first = block;
    list->n++;
}

void pool_release(void) {
    for (int class = 0; class < CLASSES; class ++) {
        while (lists[class].first) {
            FreeBlock *block = lists[class].first;
            lists[class].first = block->next;
            mem_free(block->kind, block);
        }
        lists[class].n = 0;
    }
}

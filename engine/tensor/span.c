#include "tensor/span.h"

#include <pthread.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "base/settings.h"

#define GRAIN ((size_t)4 << 10)
#define CUT_LEAST ((size_t)64 << 10) // a smaller rest stays with the block
#define HUGE_BYTES ((size_t)2 << 20)

struct Span {
    char *data;
    size_t bytes;
    bool free;
    struct Arena *arena;
    Span *before, *after;   // neighbours
    Span *next, **previous; // in the list of free spans, the latest first
};

// A range of addresses, of which the first `top` bytes are memory.
typedef struct Arena {
    struct Arena *next;
    char *base;
    size_t bytes, top;
    Span *last; // ends at top; NULL while there is none
} Arena;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Span *free_spans;
static Arena *arenas; // the newest first

void span_hold(bool hold) { hold ? pthread_mutex_lock(&lock) : pthread_mutex_unlock(&lock); }
void *span_data(const Span *span) { return span->data; }

// Free spans ----------------------------------------------------------------------------------------------------

static void list_add(Span *span) {
    span->free = true;
    span->next = free_spans;
    span->previous = &free_spans;
    if (free_spans) free_spans->previous = &span->next;
    free_spans = span;
}

static void list_remove(Span *span) {
    span->free = false;
    *span->previous = span->next;
    if (span->next) span->next->previous = span->previous;
}

// What `span` has beyond `bytes` becomes `rest`.
static void cut(Span *span, size_t bytes, Span *rest) {
    *rest = (Span){.data = span->data + bytes, .bytes = span->bytes - bytes, .arena = span->arena, .before = span,
                   .after = span->after};
    if (rest->after)
        rest->after->before = rest;
    else
        span->arena->last = rest;
    span->after = rest;
    span->bytes = bytes;
    list_add(rest);
}

// Takes in the neighbour behind.
static void join(Span *span) {
    Span *after = span->after;
    span->bytes += after->bytes;
    span->after = after->after;
    if (span->after)
        span->after->before = span;
    else
        span->arena->last = span;
    mem_free(MEM_TENSOR, after);
}

void span_give(Span *span) {
    pthread_mutex_lock(&lock);
    if (span->after && span->after->free) {
        list_remove(span->after);
        join(span);
    }
    if (span->before && span->before->free) {
        span = span->before;
        list_remove(span);
        join(span);
    }
    list_add(span);
    pthread_mutex_unlock(&lock);
}

// The heap ------------------------------------------------------------------------------------------------------

// Addresses cost nothing until they are memory; where they are limited (ulimit -v), fewer will do.
static Arena *arena_new(size_t least) {
    Arena *arena = mem_zalloc(MEM_TENSOR, sizeof *arena);
    if (!arena) return NULL;
    void *base = MAP_FAILED;
    for (size_t bytes = (size_t)64 << 30; base == MAP_FAILED && bytes >= HUGE_BYTES; bytes /= 4) {
        if (bytes < least + HUGE_BYTES) bytes = least + HUGE_BYTES;
        base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        arena->bytes = bytes;
        if (bytes == least + HUGE_BYTES) break;
    }
    if (base == MAP_FAILED) {
        mem_free(MEM_TENSOR, arena);
        fail(ERR_MEMORY, "out of memory: no addresses for a tensor of %zu bytes", least);
        return NULL;
    }
    size_t skip = (HUGE_BYTES - (size_t)base % HUGE_BYTES) % HUGE_BYTES;
    arena->base = (char *)base + skip;
    arena->bytes -= skip;
    if (setting_int(SETTING_huge_pages, 0, 1, 1)) madvise(arena->base, arena->bytes, MADV_HUGEPAGE);
    arena->next = arenas;
    return arenas = arena;
}

// A span of `wanted` bytes at the end of the heap, of which a free one that is there already is a part.
static Span *grow(size_t wanted, Span *room, size_t *out_grown) {
    if (mem_fail_now()) {
        fail(ERR_MEMORY, "out of memory: a tensor of %zu bytes was asked for", wanted);
        return NULL;
    }
    Arena *arena = arenas;
    Span *last = arena && arena->last && arena->last->free ? arena->last : NULL;
    size_t more = wanted - (last ? last->bytes : 0);
    if (!arena || more > arena->bytes - arena->top) {
        if (!(arena = arena_new(wanted))) return NULL;
        last = NULL;
        more = wanted;
    }
    if (mprotect(arena->base + arena->top, more, PROT_READ | PROT_WRITE) != 0) {
        fail(ERR_MEMORY, "out of memory: a tensor of %zu bytes was asked for", wanted);
        return NULL;
    }
    if (last) {
        list_remove(last);
        last->bytes = wanted;
    } else {
        *room = (Span){.data = arena->base + arena->top, .bytes = wanted, .arena = arena, .before = arena->last};
        if (arena->last) arena->last->after = room;
        arena->last = last = room;
    }
    arena->top += more;
    *out_grown = more;
    return last;
}

Span *span_take(size_t *bytes, size_t *out_grown) {
    size_t wanted = (*bytes + GRAIN - 1) / GRAIN * GRAIN;
    Span *room = mem_alloc(MEM_TENSOR, sizeof *room); // for a new span, if one is made
    if (!room) return NULL;
    *out_grown = 0;
    pthread_mutex_lock(&lock);
    Span *best = NULL;
    for (Span *span = free_spans; span; span = span->next)
        if (span->bytes >= wanted && (!best || span->data < best->data)) best = span;
    if (best) {
        list_remove(best);
        if (best->bytes - wanted >= CUT_LEAST) {
            cut(best, wanted, room);
            room = NULL;
        }
    } else {
        best = grow(wanted, room, out_grown);
        if (best == room) room = NULL;
    }
    if (best) *bytes = best->bytes;
    pthread_mutex_unlock(&lock);
    mem_free(MEM_TENSOR, room);
    return best;
}

size_t span_release(void) {
    size_t shrank = 0;
    pthread_mutex_lock(&lock);
    for (Span *span = free_spans; span; span = span->next) madvise(span->data, span->bytes, MADV_DONTNEED);
    for (Arena *arena = arenas; arena; arena = arena->next) {
        Span *last = arena->last;
        if (!last || !last->free) continue;
        list_remove(last);
        mprotect(last->data, last->bytes, PROT_NONE);
        arena->top -= last->bytes;
        shrank += last->bytes;
        arena->last = last->before;
        if (last->before) last->before->after = NULL;
        mem_free(MEM_TENSOR, last);
    }
    pthread_mutex_unlock(&lock);
    return shrank;
}

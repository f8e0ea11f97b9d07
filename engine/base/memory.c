#include "base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t live_bytes[MEM_COUNT], live_blocks[MEM_COUNT], peak_bytes[MEM_COUNT];
static _Atomic int64_t system_calls;
static _Atomic int64_t fail_countdown; // 0: off
static _Atomic bool fail_forever;

void mem_fail_at(int64_t n, bool forever) {
    fail_forever = forever;
    fail_countdown = n;
}

bool mem_fail_armed(void) { return fail_countdown > 0; }

bool mem_fail_now(void) {
    if (fail_countdown == 0) return false;
    if (fail_countdown == 1) {
        if (!fail_forever) fail_countdown = 0;
        return true;
    }
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void *counted(MemKind kind, void *block, size_t bytes) {
    if (!block) {
        fail(ERR_MEMORY, "out of memory: %zu bytes were asked for", bytes);
        return NULL;
    }
    int64_t size = (int64_t)malloc_usable_size(block);
    int64_t live = atomic_fetch_add(&live_bytes[kind], size) + size;
    atomic_fetch_add(&live_blocks[kind], 1);
    int64_t peak = peak_bytes[kind];
    while (live > peak && !atomic_compare_exchange_weak(&peak_bytes[kind], &peak, live)) {}
    atomic_fetch_add_explicit(&system_calls, 1, memory_order_relaxed);
    return block;
}

static void uncount(MemKind kind, void *block) {
    atomic_fetch_sub(&live_bytes[kind], (int64_t)malloc_usable_size(block));
    atomic_fetch_sub(&live_blocks[kind], 1);
}

void *mem_alloc(MemKind kind, size_t bytes) {
    return counted(kind, mem_fail_now() ? NULL : malloc(bytes ? bytes : 1), bytes);
}

void *mem_zalloc(MemKind kind, size_t bytes) {
    return counted(kind, mem_fail_now() ? NULL : calloc(1, bytes ? bytes : 1), bytes);
}

void *mem_align(MemKind kind, size_t alignment, size_t bytes) {
    void *block = NULL;
    if (mem_fail_now() || posix_memalign(&block, alignment, bytes ? bytes : 1)) block = NULL;
    return counted(kind, block, bytes);
}

void *mem_resize(MemKind kind, void *block, size_t bytes) {
    if (!block) return mem_alloc(kind, bytes);
    if (mem_fail_now()) return counted(kind, NULL, bytes);
    int64_t before = (int64_t)malloc_usable_size(block);
    void *moved = realloc(block, bytes ? bytes : 1);
    if (!moved) return counted(kind, NULL, bytes);
    atomic_fetch_sub(&live_bytes[kind], before);
    atomic_fetch_sub(&live_blocks[kind], 1);
    return counted(kind, moved, bytes);
}

char *mem_text(MemKind kind, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = mem_alloc(kind, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

void mem_free(MemKind kind, void *block) {
    if (!block) return;
    uncount(kind, block);
    free(block);
}

void mem_stats(MemStats *out) {
    for (int kind = 0; kind < MEM_COUNT; kind++) {
        out->live_bytes[kind] = live_bytes[kind];
        out->live_blocks[kind] = live_blocks[kind];
        out->peak_bytes[kind] = peak_bytes[kind];
    }
    out->system_calls = system_calls;
}

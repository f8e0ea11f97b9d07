#include "tensor/storage.h"

#include <sys/mman.h>

#include "base/pool.h"
#include "base/settings.h"

#define SMALLEST 64
#define STEPS 8 // classes a doubling
#define CLASSES (42 * STEPS)
#define HUGE_BYTES ((size_t)2 << 20)
#define LARGEST ((size_t)1 << 46)

typedef struct CachedBlock {
    struct CachedBlock *next;
} CachedBlock;

static struct {
    atomic_flag lock;
    CachedBlock *first;
} classes[CLASSES];

static _Atomic int64_t live_bytes, peak_bytes, reserved_bytes, peak_reserved, allocations, system_allocations;

static void raise_peak(_Atomic int64_t *peak, int64_t value) {
    int64_t seen = atomic_load_explicit(peak, memory_order_relaxed);
    while (value > seen && !atomic_compare_exchange_weak(peak, &seen, value)) {}
}

// The class of a size and, in *bytes, the size of its blocks: SMALLEST, then 8 steps from each power of two to the next.
static int class_of(size_t *bytes) {
    if (*bytes <= SMALLEST) {
        *bytes = SMALLEST;
        return 0;
    }
    int power = 63 - __builtin_clzll(*bytes - 1); // 2^power < … ≤ 2^(power+1)
    size_t step = ((size_t)1 << power) / STEPS;
    size_t nth = (*bytes - ((size_t)1 << power) + step - 1) / step; // 1 … STEPS
    *bytes = ((size_t)1 << power) + nth * step;
    return (power - 6) * STEPS + (int)nth;
}

static void class_lock(int class) {
    while (atomic_flag_test_and_set_explicit(&classes[class].lock, memory_order_acquire)) __builtin_ia32_pause();
}
static void class_unlock(int class) { atomic_flag_clear_explicit(&classes[class].lock, memory_order_release); }

static void *class_take(int class) {
    if (!classes[class].first) return NULL; // a look without the lock: missing a block that is just coming back is fine
    class_lock(class);
    CachedBlock *block = classes[class].first;
    if (block) classes[class].first = block->next;
    class_unlock(class);
    return block;
}

static size_t class_bytes(int class) {
    if (class == 0) return SMALLEST;
    int power = (class - 1) / STEPS + 6, nth = (class - 1) % STEPS + 1;
    return ((size_t)1 << power) + (size_t)nth * (((size_t)1 << power) / STEPS);
}

static void *system_block(size_t bytes) {
    bool large = bytes >= HUGE_BYTES;
    void *block = mem_align(MEM_DATA, large ? HUGE_BYTES : 64, bytes);
    if (!block) {
        rt_memory_release();
        error_clear();
        block = mem_align(MEM_DATA, large ? HUGE_BYTES : 64, bytes);
    }
    if (!block) return NULL;
    if (large && setting_int(SETTING_huge_pages, 0, 1, 1)) madvise(block, bytes & ~(HUGE_BYTES - 1), MADV_HUGEPAGE);
    atomic_fetch_add(&system_allocations, 1);
    raise_peak(&peak_reserved, atomic_fetch_add(&reserved_bytes, (int64_t)bytes) + (int64_t)bytes);
    return block;
}

static void *block_take(size_t *bytes) {
    if (*bytes > LARGEST || mem_fail_now()) {
        fail(ERR_MEMORY, "out of memory: a tensor of %zu bytes was asked for", *bytes);
        return NULL;
    }
    int class = class_of(bytes);
    void *block = class_take(class);
    // A large block may come from a slightly larger class: better than asking the system.
    for (int next = class + 1; !block && *bytes >= HUGE_BYTES / 2 && next <= class + 2 && next < CLASSES; next++) {
        block = class_take(next);
        if (block) *bytes = class_bytes(next);
    }
    if (!block) block = system_block(*bytes);
    if (!block) return NULL;
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    int64_t live = atomic_fetch_add_explicit(&live_bytes, (int64_t)*bytes, memory_order_relaxed);
    raise_peak(&peak_bytes, live + (int64_t)*bytes);
    return block;
}

static void block_give(void *given, size_t bytes) {
    size_t rounded = bytes;
    int class = class_of(&rounded);
    CachedBlock *block = given;
    class_lock(class);
    block->next = classes[class].first;
    classes[class].first = block;
    class_unlock(class);
    atomic_fetch_sub_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
}

void rt_memory_release(void) {
    for (int class = 0; class < CLASSES; class++) {
        class_lock(class);
        CachedBlock *block = classes[class].first;
        classes[class].first = NULL;
        class_unlock(class);
        while (block) {
            CachedBlock *next = block->next;
            mem_free(MEM_DATA, block);
            atomic_fetch_sub(&reserved_bytes, (int64_t)class_bytes(class));
            block = next;
        }
    }
}

void rt_memory_stats(RtMemoryStats *out) {
    *out = (RtMemoryStats){live_bytes, peak_bytes, reserved_bytes, peak_reserved, allocations, system_allocations};
}

void rt_memory_reset_peak(void) {
    peak_bytes = atomic_load(&live_bytes);
    peak_reserved = atomic_load(&reserved_bytes);
}

static RtStorage *storage_make(void *data, size_t bytes, RtDevice device) {
    RtStorage *storage = pool_take(MEM_TENSOR, sizeof *storage);
    if (!storage) return NULL;
    *storage = (RtStorage){.count = 1, .data = data, .bytes = bytes, .device = device};
    return storage;
}

RtStorage *storage_new(size_t bytes, RtDevice device) {
    void *data = block_take(&bytes);
    if (!data) return NULL;
    RtStorage *storage = storage_make(data, bytes, device);
    if (!storage) block_give(data, bytes);
    return storage;
}

RtStorage *storage_wrap(void *data, size_t bytes, RtDevice device, void (*release)(void *), void *context) {
    RtStorage *storage = storage_make(data, bytes, device);
    if (!storage) return NULL;
    storage->release = release;
    storage->context = context;
    return storage;
}

RtStorage *storage_alias(RtStorage *parent) {
    while (parent->parent) parent = parent->parent;
    RtStorage *storage = storage_make(parent->data, parent->bytes, parent->device);
    if (storage) storage->parent = storage_keep(parent);
    return storage;
}

void storage_drop(RtStorage *storage) {
    if (!storage || atomic_fetch_sub_explicit(&storage->count, 1, memory_order_acq_rel) != 1) return;
    if (storage->parent)
        storage_drop(storage->parent);
    else if (storage->release)
        storage->release(storage->context);
    else
        block_give(storage->data, storage->bytes);
    pool_give(MEM_TENSOR, storage, sizeof *storage);
}

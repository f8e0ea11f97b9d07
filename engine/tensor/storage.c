#include "tensor/storage.h"

#include "base/pool.h"
#include "base/profile.h"
#include "tensor/span.h"

#define SMALLEST 64
#define STEPS 8 // classes a doubling
#define CLASSES (12 * STEPS + 1) // up to SPAN_LEAST
#define LARGEST ((size_t)1 << 46)

typedef struct CachedBlock {
    struct CachedBlock *next;
} CachedBlock;

static struct {
    atomic_flag lock;
    CachedBlock *_Atomic first; // written under the lock
} classes[CLASSES];

static _Atomic int64_t live_bytes, peak_bytes, reserved_bytes, peak_reserved, allocations,
    system_allocations, memory_limit; // the limit: of live_bytes; 0: none

static void raise_peak(_Atomic int64_t *peak, int64_t value) {
    int64_t seen = atomic_load_explicit(peak, memory_order_relaxed);
    while (value > seen && !atomic_compare_exchange_weak(peak, &seen, value)) {
    }
}

// The class of a size and, in *bytes, the size of its blocks: SMALLEST, then 8 steps from each
// power of two to the next.
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
    while (atomic_flag_test_and_set_explicit(&classes[class].lock, memory_order_acquire))
        __builtin_ia32_pause();
}
static void class_unlock(int class) {
    atomic_flag_clear_explicit(&classes[class].lock, memory_order_release);
}

void storage_hold(bool hold) {
    for (int class = 0; class < CLASSES; class ++) hold ? class_lock(class) : class_unlock(class);
    span_hold(hold);
}

static CachedBlock *first_of(int class) {
    return atomic_load_explicit(&classes[class].first, memory_order_relaxed);
}
static void first_set(int class, CachedBlock *block) {
    atomic_store_explicit(&classes[class].first, block, memory_order_relaxed);
}

static void *class_take(int class) {
    if (!first_of(class))
        return NULL; // without the lock: a block that is just coming back may be missed
    class_lock(class);
    CachedBlock *block = first_of(class);
    if (block) first_set(class, block->next);
    class_unlock(class);
    return block;
}

static size_t class_bytes(int class) {
    if (class == 0) return SMALLEST;
    int power = (class - 1) / STEPS + 6, nth = (class - 1) % STEPS + 1;
    return ((size_t)1 << power) + (size_t)nth * (((size_t)1 << power) / STEPS);
}

static void count_reserved(int64_t bytes) {
    atomic_fetch_add(&system_allocations, 1);
    int64_t reserved = atomic_fetch_add(&reserved_bytes, bytes) + bytes;
    if (memory_limit && reserved > memory_limit) { // cached blocks are held beside those in use
        rt_memory_release();
        reserved = reserved_bytes;
    }
    raise_peak(&peak_reserved, reserved);
}

static void *small_block(size_t *bytes) {
    void *block = class_take(class_of(bytes));
    if (block) return block;
    if (!(block = mem_align(MEM_DATA, 64, *bytes))) {
        rt_memory_release();
        error_clear();
        block = mem_align(MEM_DATA, 64, *bytes);
    }
    if (block) count_reserved((int64_t)*bytes);
    return block;
}

static void *large_block(size_t *bytes, Span **out_span) {
    size_t grown = 0;
    Span *span = span_take(bytes, &grown);
    if (!span) {
        rt_memory_release();
        error_clear();
        span = span_take(bytes, &grown);
    }
    if (grown) count_reserved((int64_t)grown);
    *out_span = span;
    return span ? span_data(span) : NULL;
}

static void block_give(void *given, size_t bytes, Span *span) {
    atomic_fetch_sub_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
    if (span) {
        span_give(span);
        return;
    }
    size_t rounded = bytes;
    int class = class_of(&rounded);
    CachedBlock *block = given;
    class_lock(class);
    block->next = first_of(class);
    first_set(class, block);
    class_unlock(class);
}

static bool limit_exceeded(int64_t live, size_t asked, int64_t limit) {
    if (live <= limit) return false;
    fail(ERR_MEMORY,
         "out of memory: a tensor of %zu bytes was asked for, which makes %lld bytes in use, and the memory limit is %lld "
         "bytes: let tensors go, or raise the limit",
         asked, (long long)live, (long long)limit);
    return true;
}

// The bytes of a new storage, *bytes of them; a large one's span goes to *out_span.
static void *block_take(size_t *bytes, Span **out_span) {
    size_t asked = *bytes;
    *out_span = NULL;
    if (asked > LARGEST || mem_fail_now()) {
        fail(ERR_MEMORY, "out of memory: a tensor of %zu bytes was asked for", asked);
        return NULL;
    }
    int64_t limit = atomic_load_explicit(&memory_limit, memory_order_relaxed);
    if (limit && limit_exceeded(live_bytes + (int64_t)asked, asked, limit)) return NULL; // before the system is asked
    void *block = asked > SPAN_LEAST ? large_block(bytes, out_span) : small_block(bytes);
    if (!block) return NULL;
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    int64_t size = (int64_t)*bytes,
            live = atomic_fetch_add_explicit(&live_bytes, size, memory_order_relaxed) + size;
    if (limit && limit_exceeded(live, asked, limit)) { // rounded up, or other threads were faster
        block_give(block, *bytes, *out_span);
        return NULL;
    }
    raise_peak(&peak_bytes, live);
    if (profiling()) profile_allocated(*bytes);
    return block;
}

void rt_memory_release(void) {
    atomic_fetch_sub(&reserved_bytes, (int64_t)span_release());
    for (int class = 0; class < CLASSES; class ++) {
        class_lock(class);
        CachedBlock *block = first_of(class);
        first_set(class, NULL);
        class_unlock(class);
        while (block) {
            CachedBlock *next = block->next;
            mem_free(MEM_DATA, block);
            atomic_fetch_sub(&reserved_bytes, (int64_t)class_bytes(class));
            block = next;
        }
    }
}

void rt_set_memory_limit(int64_t bytes) {
    memory_limit = bytes > 0 ? bytes : 0;
    if (memory_limit && reserved_bytes > memory_limit) rt_memory_release();
}
int64_t rt_memory_limit(void) { return memory_limit; }

void rt_memory_stats(RtMemoryStats *out) {
    *out = (RtMemoryStats){live_bytes,    peak_bytes,  reserved_bytes,
                           peak_reserved, allocations, system_allocations};
}

void rt_memory_reset_peak(void) {
    peak_bytes = atomic_load(&live_bytes);
    peak_reserved = atomic_load(&reserved_bytes);
}

static RtStorage *storage_make(void *data, size_t bytes, RtDevice device) {
    RtStorage *storage = pool_take(MEM_TENSOR, sizeof *storage);
    if (!storage) return NULL;
    *storage =
        (RtStorage){.count = 1, .data = data, .bytes = bytes, .asked = bytes, .device = device};
    return storage;
}

RtStorage *storage_new(size_t asked, RtDevice device) {
    size_t bytes = asked;
    Span *span;
    void *data = block_take(&bytes, &span);
    if (!data) return NULL;
    RtStorage *storage = storage_make(data, bytes, device);
    if (!storage) {
        block_give(data, bytes, span);
        return NULL;
    }
    storage->asked = asked;
    storage->context = span;
    return storage;
}

static void release_nothing(void *unused) { (void)unused; }

RtStorage *storage_wrap(void *data, size_t bytes, RtDevice device, void (*release)(void *),
                        void *context) {
    RtStorage *storage = storage_make(data, bytes, device);
    if (!storage) return NULL;
    storage->release =
        release ? release : release_nothing; // NULL would mean: a block of the allocator's
    storage->context = context;
    return storage;
}

RtStorage *storage_alias(RtStorage *parent) {
    while (parent->parent) parent = parent->parent;
    RtStorage *storage = storage_make(parent->data, parent->bytes, parent->device);
    if (!storage) return NULL;
    storage->asked = parent->asked;
    storage->parent = storage_keep(parent);
    return storage;
}

void storage_drop(RtStorage *storage) {
    if (!storage || atomic_fetch_sub_explicit(&storage->count, 1, memory_order_acq_rel) != 1)
        return;
    if (storage->parent)
        storage_drop(storage->parent);
    else if (storage->release)
        storage->release(storage->context);
    else
        block_give(storage->data, storage->bytes, storage->context);
    pool_give(MEM_TENSOR, storage, sizeof *storage);
}

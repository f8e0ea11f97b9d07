#include "tensor/random.h"

#include <stdatomic.h>

#include "base/memory.h"

// PyTorch's default seed: a run without manual_seed is the same run every time.
#define DEFAULT_SEED 67280421310721u

struct RtGenerator {
    _Atomic int64_t count;
    _Atomic uint64_t seed, position;
};

static RtGenerator default_generator = {.count = 1, .seed = DEFAULT_SEED};

RtGenerator *rt_generator_new(uint64_t seed) {
    RtGenerator *generator = mem_zalloc(MEM_GENERAL, sizeof *generator);
    if (!generator) return NULL;
    generator->count = 1;
    generator->seed = seed;
    return generator;
}

RtGenerator *rt_generator_keep(RtGenerator *generator) {
    if (generator) atomic_fetch_add_explicit(&generator->count, 1, memory_order_relaxed);
    return generator;
}

void rt_generator_drop(RtGenerator *generator) {
    if (!generator || generator == &default_generator) return;
    if (atomic_fetch_sub_explicit(&generator->count, 1, memory_order_acq_rel) == 1)
        mem_free(MEM_GENERAL, generator);
}

RtGenerator *rt_generator_default(void) { return &default_generator; }

void rt_generator_seed(RtGenerator *generator, uint64_t seed) {
    rt_generator_set(generator, seed, 0);
}

void rt_generator_get(const RtGenerator *generator, uint64_t *out_seed, uint64_t *out_position) {
    if (!generator) generator = &default_generator;
    *out_seed = atomic_load(&generator->seed);
    *out_position = atomic_load(&generator->position);
}

void rt_generator_set(RtGenerator *generator, uint64_t seed, uint64_t position) {
    if (!generator) generator = &default_generator;
    atomic_store(&generator->seed, seed);
    atomic_store(&generator->position, position);
}

uint64_t generator_take(RtGenerator *generator, uint64_t n, uint64_t *out_seed) {
    if (!generator) generator = &default_generator;
    *out_seed = atomic_load(&generator->seed);
    return atomic_fetch_add(&generator->position, n);
}

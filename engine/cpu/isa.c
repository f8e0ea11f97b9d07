#include "cpu/isa.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"

static const char *const words[] = {"baseline", "avx2", "avx512"};

#ifndef ISA_BASELINE_ONLY
static IsaLevel detect(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return ISA_LEVEL_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ISA_LEVEL_AVX2;
    return ISA_LEVEL_BASELINE;
}

IsaLevel isa_level(void) {
    static _Atomic int chosen = -1; // reading it is all that a call costs
    int level = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (level >= 0) return (IsaLevel)level;
    level = (int)detect();
    const char *asked = setting_text(SETTING_isa);
    for (int lower = 0; lower <= level; lower++)
        if (strcmp(asked, words[lower]) == 0) level = lower;
    if (*asked && strcmp(asked, words[level]) != 0)
        log_warn("RUSTORCH_ISA=%s is not one that this CPU has: %s is used", asked, words[level]);
    atomic_store(&chosen, level);
    return (IsaLevel)level;
}

#endif

const char *isa_words(void) { return words[isa_level()]; }

#define _GNU_SOURCE
#include "cpu/blas.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "cpu/isa.h"

const char *blas_core(void) { return openblas_get_corename(); }

static bool is_one_of(const char *core, const char *const *names) {
    for (; *names; names++)
        if (strcasecmp(core, *names) == 0) return true;
    return false;
}

const char *blas_better_core(void) {
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids", NULL};
    static const char *const with_avx2[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids", NULL};
    switch (isa_level()) {
    case ISA_LEVEL_AVX512: return is_one_of(blas_core(), with_avx512) ? NULL : "SkylakeX";
    case ISA_LEVEL_AVX2: return is_one_of(blas_core(), with_avx2) ? NULL : "Haswell";
    default: return NULL;
    }
}

void blas_choose_core(void) {
    const char *asked = getenv("OPENBLAS_CORETYPE"), *better = blas_better_core();
    if (!better || (asked && *asked)) return;
    // What OpenBLAS runs when it is loaded and unloaded; exported by its dynamic-architecture builds.
    void (*quit)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
    void (*init)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
    if (!quit || !init) return;
    const char *before = blas_core();
    setenv("OPENBLAS_CORETYPE", better, 1);
    quit();
    init();
    unsetenv("OPENBLAS_CORETYPE");
    log_info("OpenBLAS chose the kernels of %s for this CPU; it now uses those of %s", before, blas_core());
}

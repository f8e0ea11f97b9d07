#include "cpu/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/cores.h"
#include "base/settings.h"

static _Atomic int wanted_threads;  // 0: as many as by default
static _Atomic int default_threads; // 0: not found out yet
static _Thread_local int solo_depth;

int threads_default(void) {
    int n = default_threads;
    if (n) return n;
#ifdef _OPENMP
    int fallback = omp_get_max_threads(); // OMP_NUM_THREADS, else the cores allowed
#else
    int fallback = 1;
#endif
    if (fallback > cores_allowed()) fallback = cores_allowed();
    n = (int)setting_int(SETTING_threads, 1, PARALLEL_MAX_CHUNKS, fallback);
    default_threads = n;
    return n;
}

int threads_get(void) {
    if (solo_depth) return 1;
    int n = wanted_threads;
    return n ? n : threads_default();
}

Status threads_set(int n) {
    if (n < 1 || n > PARALLEL_MAX_CHUNKS)
        return fail(ERR_VALUE, "set_num_threads: %d is not a number of threads from 1 to %d", n, PARALLEL_MAX_CHUNKS);
    threads_default(); // asks OpenMP, whose answer changes here
    wanted_threads = n;
#ifdef _OPENMP
    omp_set_num_threads(n);
#endif
    return OK;
}

void threads_solo_begin(void) {
    solo_depth++;
#ifdef _OPENMP
    if (solo_depth == 1) omp_set_num_threads(1);
#endif
}

void threads_solo_end(void) {
    solo_depth--;
#ifdef _OPENMP
    if (solo_depth == 0) omp_set_num_threads(threads_get());
#endif
}

int parallel_chunks(int64_t n, int64_t grain) {
    int64_t most = n / (grain > 0 ? grain : 1);
    int64_t threads = threads_get();
    if (most > threads) most = threads;
    return most < 1 ? 1 : (int)most;
}

void parallel_run(int64_t n, int64_t grain, ParallelBody fn, void *context) {
    if (n <= 0) return;
    int chunks = parallel_chunks(n, grain);
    if (chunks == 1) {
        fn(context, 0, n, 0);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(chunks)
#endif
    for (int chunk = 0; chunk < chunks; chunk++)
        fn(context, n * chunk / chunks, n * (chunk + 1) / chunks, chunk);
}
